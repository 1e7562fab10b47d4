//! Paths into JSON, and what may be done with what they lead to.
//!
//! `user.manager.id` walks into objects, `keys.0` into lists, `keys.*.id` over
//! all elements. After a `|` stand small conversions for what vendors pack into
//! strings: `policy|url-decode|json|.Statement.0.Sid`. A path that leads nowhere
//! gives null; there are no other errors, so that a look never dies of a
//! vendor's answer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value as Json;

/// A path with its conversions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Expression {
    path: Vec<Step>,
    pipes: Vec<Pipe>,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Key(String),
    Each,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pipe {
    Path(Vec<Step>),
    Json,
    Jwt,
    Last,
    Lower,
    Odata,
    OrNull,
    Quoted,
    /// Names whose value is true, or holds the named truth.
    TrueKeys(Option<String>),
    UrlDecode,
    Words,
}

impl TryFrom<String> for Expression {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut parts = text.split('|').map(str::trim);
        let path = steps(parts.next().unwrap_or_default())?;
        let pipes = parts.map(pipe).collect::<Result<_, _>>()?;
        Ok(Self { path, pipes, text })
    }
}

fn steps(path: &str) -> Result<Vec<Step>, String> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let step = |part: &str| match part {
        "" => Err(format!("the path `{path}` has an empty part; write `a.b.0.c`")),
        "*" => Ok(Step::Each),
        key if key.contains(char::is_whitespace) => {
            Err(format!("the path `{path}` holds white space; write `a.b.0.c`"))
        }
        key => Ok(Step::Key(key.to_owned())),
    };
    path.split('.').map(step).collect()
}

fn pipe(name: &str) -> Result<Pipe, String> {
    Ok(match name {
        "json" => Pipe::Json,
        "jwt" => Pipe::Jwt,
        "last" => Pipe::Last,
        "lower" => Pipe::Lower,
        "odata" => Pipe::Odata,
        "or-null" => Pipe::OrNull,
        "quoted" => Pipe::Quoted,
        "true-keys" => Pipe::TrueKeys(None),
        "url-decode" => Pipe::UrlDecode,
        "words" => Pipe::Words,
        _ => match (name.strip_prefix('.'), name.strip_prefix("true-keys:")) {
            (Some(path), _) => Pipe::Path(steps(path)?),
            (None, Some(truth)) => Pipe::TrueKeys(Some(truth.to_owned())),
            (None, None) => {
                let known = "json, jwt, last, lower, odata, or-null, quoted, true-keys, true-keys:NAME, url-decode, words, .PATH";
                return Err(format!("there is no conversion `{name}`; known are {known}"));
            }
        },
    })
}

impl Expression {
    /// What it leads to in `scope`; null if nowhere.
    pub(super) fn of(&self, scope: &Json) -> Json {
        let found = walk(scope, &self.path);
        self.pipes.iter().fold(found, |value, pipe| pipe.apply(&value))
    }

    /// As text, if it leads to a string, number or truth value.
    pub(super) fn text_of(&self, scope: &Json) -> Option<String> {
        scalar(&self.of(scope))
    }

    /// The first part of its path.
    pub(super) fn root(&self) -> Option<&str> {
        match self.path.first() {
            Some(Step::Key(key)) => Some(key),
            Some(Step::Each) | None => None,
        }
    }

    /// The second part of its path.
    pub(super) fn second(&self) -> Option<&str> {
        match self.path.get(1) {
            Some(Step::Key(key)) => Some(key),
            Some(Step::Each) | None => None,
        }
    }

    /// Whether null is a value like any other.
    pub(super) fn may_be_null(&self) -> bool {
        self.pipes.contains(&Pipe::OrNull)
    }

    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

/// A string, number or truth value as text; nothing else has one.
pub(super) fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(truth) => Some(truth.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn walk(value: &Json, path: &[Step]) -> Json {
    let Some((step, rest)) = path.split_first() else { return value.clone() };
    match (step, value) {
        (Step::Key(key), Json::Object(map)) => {
            map.get(key).map_or(Json::Null, |inner| walk(inner, rest))
        }
        (Step::Key(key), Json::Array(list)) => {
            let element = key.parse().ok().and_then(|index: usize| list.get(index));
            element.map_or(Json::Null, |inner| walk(inner, rest))
        }
        (Step::Each, Json::Array(list)) => {
            let found = list.iter().map(|element| walk(element, rest));
            Json::Array(found.filter(|value| !value.is_null()).collect())
        }
        (Step::Each, Json::Object(map)) => {
            let found = map.values().map(|inner| walk(inner, rest));
            Json::Array(found.filter(|value| !value.is_null()).collect())
        }
        _ => Json::Null,
    }
}

impl Pipe {
    fn apply(&self, value: &Json) -> Json {
        if let Self::Path(path) = self {
            return walk(value, path);
        }
        if *self == Self::OrNull {
            return value.clone();
        }
        if let (Self::TrueKeys(inner), Json::Object(map)) = (self, value) {
            let truth = |value: &Json| match inner {
                Some(name) => value.get(name).and_then(Json::as_bool),
                None => value.as_bool(),
            };
            let held = map.iter().filter(|(_, value)| truth(value) == Some(true));
            return Json::Array(held.map(|(key, _)| Json::from(key.as_str())).collect());
        }
        let Json::String(text) = value else { return Json::Null };
        match self {
            Self::Json => serde_json::from_str(text).unwrap_or_default(),
            Self::Jwt => claims(text).unwrap_or_default(),
            Self::Last => text.rsplit('/').next().unwrap_or_default().into(),
            Self::Lower => text.to_lowercase().into(),
            Self::Odata => text.replace('\'', "''").into(),
            Self::Quoted => text.replace('\\', "\\\\").replace('"', "\\\"").into(),
            Self::UrlDecode => {
                let decoded = percent_decode_str(text).decode_utf8();
                decoded.map_or(Json::Null, |decoded| decoded.as_ref().into())
            }
            Self::Words => text.split_whitespace().map(Json::from).collect(),
            Self::Path(_) | Self::TrueKeys(_) | Self::OrNull => Json::Null,
        }
    }
}

/// The claims of a token that its issuer handed to us; nothing rests on its signature.
fn claims(token: &str) -> Option<Json> {
    let payload = token.split('.').nth(1)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(expression: &str, scope: &Json) -> Json {
        Expression::try_from(expression.to_owned()).unwrap().of(scope)
    }

    #[test]
    fn paths_and_conversions() {
        let scope = json!({
            "user": { "keys": [{ "id": 1 }, { "id": 2 }, {}], "on": true, "off": false },
            "policy": "%7B%22a%22%3A%5B%22x%22%5D%7D",
            "token": "e30.eyJyb2xlcyI6WyJVc2VyLlJlYWQiXX0.sig",
            "name": "O'Neil \"\\",
            "scope": "a b",
            "arn": "arn:aws:iam::1:user/team/x",
        });
        let cases = [
            ("user.keys.1.id", json!(2)),
            ("user.keys.*.id", json!([1, 2])),
            ("user.none.id", Json::Null),
            ("user.keys.7.id", Json::Null),
            ("user|true-keys", json!(["on"])),
            ("policy|url-decode|json|.a.0", json!("x")),
            ("policy|json", Json::Null),
            ("user.*.1.id|.0", json!(2)),
            ("user.keys|true-keys", Json::Null),
            ("arn|last", json!("x")),
            ("token|jwt|.roles", json!(["User.Read"])),
            ("name|jwt", Json::Null),
            ("name|odata", json!("O''Neil \"\\")),
            ("name|quoted", json!("O'Neil \\\"\\\\")),
            ("scope|words", json!(["a", "b"])),
            ("", scope.clone()),
        ];
        for (expression, expected) in cases {
            assert_eq!(of(expression, &scope), expected, "{expression}");
        }
        for bad in ["a..b", "a b", "a|shout", ".a"] {
            assert!(Expression::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
