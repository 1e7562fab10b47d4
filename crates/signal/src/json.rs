//! A JSON value that borrows from the bytes it was read from.
//!
//! Log records are read once and thrown away, so strings without escapes stay
//! slices of the input and objects stay lists in their original order: there
//! is no map to build and, for most fields, nothing to allocate. Nesting is
//! bounded by `serde_json` (128 levels); deeper input is an error, not a
//! stack overflow. Field lookup by name is the work of [`crate::view`].

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// One JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer above `i64::MAX`.
    Large(u64),
    Float(f64),
    Str(Cow<'a, str>),
    Array(Vec<Self>),
    Object(Vec<(Cow<'a, str>, Self)>),
}

impl<'a> Json<'a> {
    /// Reads one value that fills `bytes`.
    pub(crate) fn parse(bytes: &'a [u8]) -> serde_json::Result<Self> {
        // Checking all bytes at once is quicker than text by text.
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Self::parse_text(text);
        }
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let value = Self::deserialize(&mut reader)?;
        reader.end()?;
        Ok(value)
    }

    fn parse_text(text: &'a str) -> serde_json::Result<Self> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let value = Self::deserialize(&mut reader)?;
        reader.end()?;
        Ok(value)
    }

    /// Returns the member `name` of an object: as spelled, else without regard to ASCII case.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Json::Object(members) = self else {
            return None;
        };
        members
            .iter()
            .find(|(key, _)| key == name)
            .or_else(|| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)))
            .map(|(_, value)| value)
    }

    /// Tells whether a path leads to a value. Case does not count.
    pub(crate) fn has(&self, path: &str) -> bool {
        let Json::Object(members) = self else {
            return false;
        };
        if members.iter().any(|(key, _)| key.eq_ignore_ascii_case(path)) {
            return true;
        }
        path.split_once('.').is_some_and(|(head, tail)| {
            members.iter().any(|(key, value)| key.eq_ignore_ascii_case(head) && value.has(tail))
        })
    }

    /// Follows a dotted path through objects. A key that itself contains the
    /// rest of the path (`{"a.b": 1}`) is found too; arrays are not entered.
    pub(crate) fn at(&self, path: &str) -> Option<&Self> {
        if let Some(value) = self.get(path) {
            return Some(value);
        }
        let mut rest = path;
        let mut node = self;
        while let Some((head, tail)) = rest.split_once('.') {
            node = node.get(head)?;
            if let Some(value) = node.get(tail) {
                return Some(value);
            }
            rest = tail;
        }
        None
    }

    /// Returns the text of a scalar; an EVTX element with attributes gives its `#text`.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Json::Str(text) => Some(Cow::Borrowed(text)),
            Json::Int(number) => Some(Cow::Owned(number.to_string())),
            Json::Large(number) => Some(Cow::Owned(number.to_string())),
            Json::Float(number) => Some(Cow::Owned(number.to_string())),
            Json::Bool(true) => Some(Cow::Borrowed("true")),
            Json::Bool(false) => Some(Cow::Borrowed("false")),
            Json::Object(_) => self.get("#text").and_then(Self::text),
            Json::Null | Json::Array(_) => None,
        }
    }

    /// Copies the value into one that owns all its text.
    pub(crate) fn to_owned_value(&self) -> Json<'static> {
        match self {
            Json::Null => Json::Null,
            Json::Bool(value) => Json::Bool(*value),
            Json::Int(value) => Json::Int(*value),
            Json::Large(value) => Json::Large(*value),
            Json::Float(value) => Json::Float(*value),
            Json::Str(text) => Json::Str(Cow::Owned(text.as_ref().to_owned())),
            Json::Array(items) => Json::Array(items.iter().map(Self::to_owned_value).collect()),
            Json::Object(members) => Json::Object(
                members
                    .iter()
                    .map(|(key, value)| {
                        (Cow::Owned(key.as_ref().to_owned()), value.to_owned_value())
                    })
                    .collect(),
            ),
        }
    }

    /// Turns the value into one that owns all its text.
    pub(crate) fn into_owned(self) -> Json<'static> {
        match self {
            Json::Null => Json::Null,
            Json::Bool(value) => Json::Bool(value),
            Json::Int(value) => Json::Int(value),
            Json::Large(value) => Json::Large(value),
            Json::Float(value) => Json::Float(value),
            Json::Str(text) => Json::Str(Cow::Owned(text.into_owned())),
            Json::Array(items) => Json::Array(items.into_iter().map(Self::into_owned).collect()),
            Json::Object(members) => Json::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()))
                    .collect(),
            ),
        }
    }
}

impl Hash for Json<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Json::Null => {}
            Json::Bool(value) => value.hash(state),
            Json::Int(value) => value.hash(state),
            Json::Large(value) => value.hash(state),
            Json::Float(value) => value.to_bits().hash(state),
            Json::Str(text) => text.hash(state),
            Json::Array(items) => items.hash(state),
            Json::Object(members) => members.hash(state),
        }
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(i64::try_from(value).map_or(Json::Large(value), Json::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Json::Float(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Str(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Str(Cow::Owned(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Json<'de>, E> {
        Ok(Json::Str(Cow::Owned(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let mut members = Vec::with_capacity(8);
        while let Some(Key(key)) = map.next_key()? {
            members.push((key, map.next_value()?));
        }
        Ok(Json::Object(members))
    }
}

/// An object key, borrowed where the input allows.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object key")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(value.to_owned())))
    }
}
