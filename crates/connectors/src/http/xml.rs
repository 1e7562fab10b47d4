//! XML answers as JSON, for vendors that answer in XML.
//!
//! An element becomes an object of its children, an element without children
//! its text, children named `member` or children that repeat a list. Attributes
//! and namespaces are left out: no answer that is read here tells anything by them.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value as Json};

/// How deep elements may nest.
const DEPTH: usize = 64;

#[derive(Default)]
struct Element {
    name: String,
    children: Vec<(String, Json)>,
    text: String,
}

/// Reads a document; the outermost element becomes the only key.
///
/// # Errors
/// When it is no XML, or nests too deep.
pub(super) fn to_json(text: &str) -> Result<Json, String> {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(tag) if open.len() < DEPTH => open.push(named(tag.local_name().as_ref())),
            Event::Start(_) => return Err("it nests too deep".to_owned()),
            Event::Empty(tag) => {
                let name = named(tag.local_name().as_ref()).name;
                innermost(&mut open)?.children.push((name, Json::Null));
            }
            Event::End(_) => {
                let done = open.pop().ok_or("an element ends that was not open")?;
                let child = (done.name.clone(), done.json());
                innermost(&mut open)?.children.push(child);
            }
            Event::Text(text) => {
                innermost(&mut open)?.text.push_str(&text);
            }
            Event::CData(text) => {
                innermost(&mut open)?.text.push_str(&text);
            }
            Event::GeneralRef(name) => {
                innermost(&mut open)?.text.push_str(&character(&name)?);
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    let outermost = open.pop().filter(|_| open.is_empty()).ok_or("it ends too early")?;
    Ok(outermost.json())
}

fn named(name: &str) -> Element {
    Element { name: name.to_owned(), ..Element::default() }
}

fn innermost(open: &mut [Element]) -> Result<&mut Element, String> {
    open.last_mut().ok_or_else(|| "an element ends that was not open".to_owned())
}

/// The character behind `&name;`: the five of XML and numbers, nothing that a document defines.
fn character(name: &str) -> Result<String, String> {
    let known = [("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\""), ("apos", "'")];
    if let Some((_, text)) = known.iter().find(|(known, _)| *known == name) {
        return Ok((*text).to_owned());
    }
    let number = name.strip_prefix('#').and_then(|number| match number.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => number.parse().ok(),
    });
    let found = number.and_then(char::from_u32);
    found.map(String::from).ok_or_else(|| format!("there is no character `&{name};`"))
}

impl Element {
    fn json(self) -> Json {
        if self.children.is_empty() {
            let text = self.text.trim();
            return if text.is_empty() { Json::Null } else { text.into() };
        }
        if self.children.iter().all(|(name, _)| name == "member") {
            return self.children.into_iter().map(|(_, value)| value).collect();
        }
        let mut map = Map::new();
        for (name, value) in self.children {
            match map.get_mut(&name) {
                None => drop(map.insert(name, value)),
                Some(Json::Array(list)) => list.push(value),
                Some(first) => *first = Json::Array(vec![first.take(), value]),
            }
        }
        Json::Object(map)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_lists_and_characters() {
        let cases = [
            ("<a xmlns='x'><b>1</b><c/></a>", json!({ "a": { "b": "1", "c": null } })),
            (
                "<?xml version='1.0'?><l><member><k>1</k></member><member><k>2</k></member></l>",
                json!({ "l": [{ "k": "1" }, { "k": "2" }] }),
            ),
            ("<a><b>1</b><b>2</b></a>", json!({ "a": { "b": ["1", "2"] } })),
            ("<a>x &amp; y&#x21;</a>", json!({ "a": "x & y!" })),
        ];
        for (text, expected) in cases {
            assert_eq!(to_json(text).unwrap(), expected, "{text}");
        }
        let deep = "<a>".repeat(100);
        for bad in ["<a>", "</a>", "<a></b>", "<a>&evil;</a>", &deep] {
            assert!(to_json(bad).is_err(), "{bad}");
        }
    }
}
