//! A vendor's interface as a description says it, and whether requests and
//! answers keep to it.
//!
//! The descriptions (`*.toml` beside this file) are our own, made from facts of
//! the vendors' published ones, which they name. They hold just the operations
//! that a definition uses. What a description does not name is refused: paths,
//! parameters, properties of bodies, types, values.
//!
//! A shape is `"string"`, `"boolean"`, `"integer"`, `"date-time"`, `"any"`,
//! `"'fixed'"`, `"/pattern/"`, `"one|of|these"`; a `?` behind it permits null;
//! `[shape]` is a list, a table an object, where `name!` must be there.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use super::server::{Request, Response, decoded};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    /// Which published description, and which version of it.
    source: String,
    /// Headers that every request has to carry.
    #[serde(default)]
    headers: Vec<String>,
    #[serde(rename = "operation")]
    operations: Vec<Operation>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operation {
    pub(crate) name: String,
    method: String,
    path: String,
    #[serde(default)]
    pub(crate) writes: bool,
    /// It gives tokens: faults are not for it, and the common headers neither.
    #[serde(default)]
    pub(crate) is_token: bool,
    #[serde(default)]
    query: BTreeMap<String, Json>,
    #[serde(default)]
    headers: Vec<String>,
    json: Option<Json>,
    form: Option<BTreeMap<String, Json>>,
    /// By status.
    answers: BTreeMap<String, Json>,
}

impl Description {
    pub(crate) fn read(text: &str) -> Self {
        let description: Self = toml::from_str(text).unwrap();
        assert!(!description.source.is_empty());
        description
    }

    /// The operation that a request is, or what is wrong with it.
    pub(crate) fn check(&self, request: &mut Request) -> Result<Operation, String> {
        let told = format!("{} {}", request.method, request.path);
        let mut near = Vec::new();
        for operation in self.operations.iter().filter(|o| o.method == request.method) {
            let Some(parts) = matched(&operation.path, &request.path) else { continue };
            match self.fits(operation, request) {
                Ok(()) => {
                    request.parts = parts;
                    return Ok(operation.clone());
                }
                Err(why) => near.push(format!("{}: {why}", operation.name)),
            }
        }
        Err(format!(
            "{told}: {}",
            if near.is_empty() { "no such path".into() } else { near.join("; ") }
        ))
    }

    fn fits(&self, operation: &Operation, request: &Request) -> Result<(), String> {
        let common = self.headers.iter().filter(|_| !operation.is_token);
        for name in common.chain(&operation.headers) {
            request.header(name).ok_or(format!("the header `{name}` is missing"))?;
        }
        object("query", &operation.query, &texts(&request.query))?;
        match (&operation.json, &operation.form) {
            (Some(shape), None) => {
                let kind = request.header("content-type").unwrap_or_default();
                if !kind.starts_with("application/json") {
                    return Err(format!("content-type is `{kind}`"));
                }
                let body = serde_json::from_slice(&request.body).map_err(|e| e.to_string())?;
                fits("body", shape, &body)
            }
            (None, Some(form)) => {
                let kind = request.header("content-type").unwrap_or_default();
                if !kind.starts_with("application/x-www-form-urlencoded") {
                    return Err(format!("content-type is `{kind}`"));
                }
                object("form", form, &texts(&request.form()))
            }
            (None, None) if request.body.is_empty() => Ok(()),
            _ => Err("there is a body that should not be there".to_owned()),
        }
    }
}

impl Operation {
    /// Whether an answer of ours is one that the vendor could give.
    pub(crate) fn check_answer(&self, response: &Response) -> Result<(), String> {
        let told = format!("our own answer {} to {}", response.status, self.name);
        let shape = self.answers.get(&response.status.to_string());
        let shape = shape.ok_or(format!("{told}: no such status"))?;
        if shape == "none" {
            return if response.body.is_empty() { Ok(()) } else { Err(format!("{told}: a body")) };
        }
        if shape == "xml" {
            return if response.body.starts_with('<') {
                Ok(())
            } else {
                Err(format!("{told}: no XML"))
            };
        }
        let body = serde_json::from_str(&response.body).map_err(|e| format!("{told}: {e}"))?;
        fits(&told, shape, &body)
    }
}

fn matched(template: &str, path: &str) -> Option<Vec<String>> {
    let pattern = regex::escape(template);
    let pattern = regex::Regex::new(r"\\\{[a-zA-Z]+\\\}").unwrap().replace_all(&pattern, "([^/]+)");
    let found = regex::Regex::new(&format!("^{pattern}$")).unwrap().captures(path)?;
    Some(found.iter().skip(1).flatten().map(|part| decoded(part.as_str())).collect())
}

fn texts(pairs: &[(String, String)]) -> Json {
    let pairs = pairs.iter().map(|(name, value)| (name.clone(), Json::from(value.as_str())));
    Json::Object(pairs.collect())
}

fn object(place: &str, shapes: &BTreeMap<String, Json>, value: &Json) -> Result<(), String> {
    let shapes: serde_json::Map<String, Json> =
        shapes.iter().map(|(name, shape)| (name.clone(), shape.clone())).collect();
    fits(place, &Json::Object(shapes), value)
}

fn fits(place: &str, shape: &Json, value: &Json) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("`{place}` is {value}, not {what}"));
    match (shape, value) {
        (Json::Object(shapes), Json::Object(map)) => {
            for (name, value) in map {
                let shape = shapes.get(name).or_else(|| shapes.get(&format!("{name}!")));
                let shape = shape.ok_or(format!("`{place}` has an unknown `{name}`"))?;
                fits(&format!("{place}.{name}"), shape, value)?;
            }
            let must = shapes.keys().filter_map(|name| name.strip_suffix('!'));
            let missing = must.into_iter().find(|name| !map.contains_key(*name));
            missing.map_or(Ok(()), |name| Err(format!("`{place}` lacks `{name}`")))
        }
        (Json::Array(shapes), Json::Array(list)) => {
            let shape = &shapes[0];
            list.iter().try_for_each(|value| fits(&format!("{place}[]"), shape, value))
        }
        (Json::String(shape), value) => {
            let (shape, nullable) =
                shape.strip_suffix('?').map_or((shape.as_str(), false), |s| (s, true));
            if value.is_null() && nullable {
                return Ok(());
            }
            let text = value.as_str();
            let holds = match shape {
                "any" => true,
                "string" => text.is_some(),
                "boolean" => value.is_boolean(),
                "integer" => {
                    value.is_i64()
                        || text
                            .is_some_and(|t| place.starts_with("query") && t.parse::<i64>().is_ok())
                }
                "date-time" => text.is_some_and(|t| t.parse::<jiff::Timestamp>().is_ok()),
                fixed if fixed.starts_with('\'') => text == Some(fixed.trim_matches('\'')),
                pattern if pattern.starts_with('/') => {
                    let pattern =
                        regex::Regex::new(&format!("^(?:{})$", &pattern[1..pattern.len() - 1]));
                    text.is_some_and(|t| pattern.unwrap().is_match(t))
                }
                of => text.is_some_and(|t| of.split('|').any(|one| one == t)),
            };
            if holds { Ok(()) } else { wrong(shape) }
        }
        (shape, _) => wrong(&shape.to_string()),
    }
}
