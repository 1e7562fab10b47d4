//! Text with values in it, each escaped for the place where it goes.
//!
//! `/users/{object.id}` holds one value. A value is escaped as one path segment,
//! one query value or one header value, so that no name of an account can change
//! the shape of a request. `{{` and `}}` stand for the braces themselves. A value
//! that is missing is an error and never an empty text.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value as Json;

use super::value::{Expression, scalar};

/// Everything but letters, digits and `-._~`.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Text with values in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Expression),
}

/// Where a value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// One segment of a path.
    Segment,
    /// A header's value.
    Header,
    /// Escaped later, or compared: JSON, forms, queries.
    Plain,
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            if let Some(after) = from.strip_prefix("{{") {
                plain.push('{');
                rest = after;
            } else if let Some(after) = from.strip_prefix("}}") {
                plain.push('}');
                rest = after;
            } else {
                let inner = from.strip_prefix('{').and_then(|from| from.split_once('}'));
                let Some((inner, after)) = inner else {
                    return Err(format!("`{text}` has a lone brace; write `{{{{` for a brace"));
                };
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(Part::Value(Expression::try_from(inner.to_owned())?));
                rest = after;
            }
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        parts.retain(|part| *part != Part::Text(String::new()));
        Ok(Self(parts))
    }
}

impl Template {
    /// The text, its values escaped for the place.
    ///
    /// # Errors
    /// Names a value that is missing or does not fit the place.
    pub(super) fn render(&self, scope: &Json, place: Place) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Value(expression) => text.push_str(&value(expression, scope, place)?),
            }
        }
        Ok(text)
    }

    /// As JSON: a template that is one value alone keeps that value's type.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub(super) fn json(&self, scope: &Json) -> Result<Json, String> {
        match self.0.as_slice() {
            [Part::Value(expression)] => {
                let value = expression.of(scope);
                if value.is_null() && !expression.may_be_null() {
                    return Err(missing(expression));
                }
                Ok(value)
            }
            _ => self.render(scope, Place::Plain).map(Json::from),
        }
    }

    /// The values in it.
    pub(super) fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.0.iter().filter_map(|part| match part {
            Part::Value(expression) => Some(expression),
            Part::Text(_) => None,
        })
    }

    /// The text, if there is no value in it.
    pub(super) fn fixed(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }
}

fn missing(expression: &Expression) -> String {
    format!("there is no `{}`", expression.as_str())
}

fn value(expression: &Expression, scope: &Json, place: Place) -> Result<String, String> {
    let text = expression.text_of(scope).ok_or_else(|| missing(expression))?;
    match place {
        Place::Plain => Ok(text),
        Place::Segment if text.is_empty() || text == "." || text == ".." => {
            Err(format!("`{text}` from `{}` cannot be part of an address", expression.as_str()))
        }
        Place::Segment => Ok(encoded(&text)),
        Place::Header if text.chars().any(char::is_control) => {
            Err(format!("`{}` holds a control character", expression.as_str()))
        }
        Place::Header => Ok(text),
    }
}

/// Percent-encoded but for letters, digits and `-._~`.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Names and values as `a=b&c=d`.
pub(super) fn joined(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}

/// JSON whose strings are templates.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub(super) enum JsonTemplate {
    /// A truth value.
    Truth(bool),
    /// A whole number.
    Number(i64),
    /// Text, or one value alone.
    Text(Template),
    /// A list.
    List(Vec<Self>),
    /// An object.
    Table(BTreeMap<String, Self>),
}

impl TryFrom<toml::Value> for JsonTemplate {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        Ok(match value {
            toml::Value::Boolean(truth) => Self::Truth(truth),
            toml::Value::Integer(number) => Self::Number(number),
            toml::Value::String(text) => Self::Text(Template::try_from(text)?),
            toml::Value::Array(list) => {
                Self::List(list.into_iter().map(Self::try_from).collect::<Result<_, _>>()?)
            }
            toml::Value::Table(table) => {
                let filled =
                    table.into_iter().map(|(key, value)| Ok((key, Self::try_from(value)?)));
                Self::Table(filled.collect::<Result<_, String>>()?)
            }
            toml::Value::Float(_) | toml::Value::Datetime(_) => {
                return Err(format!("`{value}` can stand here as text only; put it in quotes"));
            }
        })
    }
}

impl JsonTemplate {
    /// The JSON with its values filled in.
    ///
    /// # Errors
    /// Names a value that is missing.
    pub(super) fn fill(&self, scope: &Json) -> Result<Json, String> {
        Ok(match self {
            Self::Truth(truth) => Json::from(*truth),
            Self::Number(number) => Json::from(*number),
            Self::Text(template) => template.json(scope)?,
            Self::List(list) => {
                list.iter().map(|inner| inner.fill(scope)).collect::<Result<_, _>>()?
            }
            Self::Table(table) => {
                let filled = table.iter().map(|(key, inner)| Ok((key.clone(), inner.fill(scope)?)));
                Json::Object(filled.collect::<Result<_, String>>()?)
            }
        })
    }

    /// The values in it.
    pub(super) fn expressions(&self) -> Vec<&Expression> {
        match self {
            Self::Truth(_) | Self::Number(_) => Vec::new(),
            Self::Text(template) => template.expressions().collect(),
            Self::List(list) => list.iter().flat_map(Self::expressions).collect(),
            Self::Table(table) => table.values().flat_map(Self::expressions).collect(),
        }
    }
}

/// Paths, and what each of them must lead to.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub(super) struct Condition(BTreeMap<Expression, Expected>);

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "toml::Value")]
enum Expected {
    Truth(bool),
    Number(i64),
    Text(Template),
    OneOf(Vec<Self>),
}

impl TryFrom<toml::Value> for Expected {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        Ok(match value {
            toml::Value::Boolean(truth) => Self::Truth(truth),
            toml::Value::Integer(number) => Self::Number(number),
            toml::Value::String(text) => Self::Text(Template::try_from(text)?),
            toml::Value::Array(list) => {
                Self::OneOf(list.into_iter().map(Self::try_from).collect::<Result<_, _>>()?)
            }
            toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => {
                return Err(format!(
                    "`{value}` cannot be compared with; write text, a number, a truth value or a list of them"
                ));
            }
        })
    }
}

impl Condition {
    /// Whether nothing is asked.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every path leads to what is expected; `of` is what paths walk in, `scope` what the
    /// values of templates come from.
    pub(super) fn all(&self, of: &Json, scope: &Json) -> bool {
        self.0.iter().all(|(path, expected)| expected.fits(&path.of(of), scope))
    }

    /// Whether any path leads to what is expected.
    pub(super) fn any(&self, of: &Json, scope: &Json) -> bool {
        self.0.iter().any(|(path, expected)| expected.fits(&path.of(of), scope))
    }

    /// The paths.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Expression> {
        self.0.keys()
    }

    /// The values that it compares with.
    pub(super) fn values(&self) -> Vec<&Expression> {
        self.0.values().flat_map(Expected::expressions).collect()
    }
}

impl Expected {
    fn fits(&self, value: &Json, scope: &Json) -> bool {
        match self {
            Self::Truth(truth) => scalar(value).is_some_and(|text| text == truth.to_string()),
            Self::Number(number) => scalar(value).is_some_and(|text| text == number.to_string()),
            Self::Text(template) if template.fixed() == Some("*") => !value.is_null(),
            Self::Text(template) => {
                let wanted = template.render(scope, Place::Plain).ok();
                wanted.is_some() && scalar(value) == wanted
            }
            Self::OneOf(list) => list.iter().any(|expected| expected.fits(value, scope)),
        }
    }

    fn expressions(&self) -> Vec<&Expression> {
        match self {
            Self::Truth(_) | Self::Number(_) => Vec::new(),
            Self::Text(template) => template.expressions().collect(),
            Self::OneOf(list) => list.iter().flat_map(Self::expressions).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(text: &str) -> Template {
        Template::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_value_cannot_change_the_shape_of_a_request() {
        let scope = json!({ "id": "a/../b?c#d%", "dots": "..", "break": "x\r\ny", "n": 7 });
        let path = template("/users/{id}/n/{n}").render(&scope, Place::Segment);
        assert_eq!(path.unwrap(), "/users/a%2F..%2Fb%3Fc%23d%25/n/7");
        assert!(template("/{dots}").render(&scope, Place::Segment).is_err());
        assert!(template("{break}").render(&scope, Place::Header).is_err());
        assert!(template("{none}").render(&scope, Place::Plain).is_err());
        assert_eq!(joined(&[("a b".into(), "c&d=e".into())]), "a%20b=c%26d%3De");
    }

    #[test]
    fn braces_types_and_errors() {
        let scope = json!({ "n": 7, "b": true, "t": "x" });
        assert_eq!(template("{{\"a\":\"{t}\"}}").json(&scope).unwrap(), json!("{\"a\":\"x\"}"));
        assert_eq!(template("{n}").json(&scope).unwrap(), json!(7));
        assert_eq!(template("{b}").json(&scope).unwrap(), json!(true));
        assert_eq!(template("n{n}").json(&scope).unwrap(), json!("n7"));
        for bad in ["{", "}", "a{b", "{a b}", "{a|shout}"] {
            assert!(Template::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn conditions() {
        let scope = json!({ "user": { "on": true, "status": "ACTIVE", "n": 3 }, "mark": "ACTIVE" });
        let cases = [
            ("\"user.on\" = true", true),
            ("\"user.on\" = \"true\"", true),
            ("\"user.status\" = [\"STAGED\", \"ACTIVE\"]", true),
            ("\"user.status\" = \"{mark}\"", true),
            ("\"user.status\" = \"{none}\"", false),
            ("\"user.n\" = 3\n\"user.on\" = false", false),
            ("\"user.none\" = \"*\"", false),
            ("\"user\" = \"*\"", true),
        ];
        for (text, expected) in cases {
            let condition: Condition = toml::from_str(text).unwrap();
            assert_eq!(condition.all(&scope, &scope), expected, "{text}");
        }
    }
}
