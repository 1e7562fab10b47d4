//! Reads JSON of which a field may hold something else than it should.
//!
//! Collectors differ in what they leave empty, null or of another type. A
//! derived reader would give up the file at the first such field; here each
//! field has a [`Shape`] that takes what it expects and passes over the rest,
//! so one odd value costs itself. Nothing is built that the shape does not keep.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What to do with a value of each type; what a shape does not expect is odd, and passed over.
pub(crate) trait Shape<'de>: Sized {
    /// A text.
    fn text(self, _text: &str) {
        self.odd();
    }

    /// A whole number.
    fn number(self, _number: i64) {
        self.odd();
    }

    /// A truth value.
    fn flag(self, _flag: bool) {
        self.odd();
    }

    /// A list; whatever happens, all of it must be taken.
    ///
    /// # Errors
    /// The text is not JSON any more.
    fn list<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        self.odd();
        Ok(())
    }

    /// A table of named values; whatever happens, all of it must be taken.
    ///
    /// # Errors
    /// The text is not JSON any more.
    fn table<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.odd();
        Ok(())
    }

    /// `null`, which collectors write for nothing.
    fn nothing(self) {}

    /// Notes a value of an unexpected type.
    fn odd(self) {}
}

/// Reads one value into a shape.
pub(crate) struct Seed<S>(pub(crate) S);

impl<'de, S: Shape<'de>> DeserializeSeed<'de> for Seed<S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: Shape<'de>> Visitor<'de> for Seed<S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.text(text);
        Ok(())
    }

    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        self.0.flag(flag);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.0.number(number);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.0.number(i64::try_from(number).unwrap_or(i64::MAX));
        Ok(())
    }

    fn visit_f64<E>(self, _number: f64) -> Result<(), E> {
        self.0.odd();
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.nothing();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        self.0.list(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<(), A::Error> {
        self.0.table(entries)
    }
}

impl<'de> Shape<'de> for &mut String {
    fn text(self, text: &str) {
        self.clear();
        self.push_str(text);
    }
}

impl<'de> Shape<'de> for &mut Option<i64> {
    fn number(self, number: i64) {
        *self = Some(number);
    }

    fn text(self, text: &str) {
        *self = text.trim().parse().ok();
    }
}

impl<'de> Shape<'de> for &mut Option<bool> {
    fn flag(self, flag: bool) {
        *self = Some(flag);
    }

    fn text(self, text: &str) {
        *self = text.trim().to_ascii_lowercase().parse().ok();
    }
}

impl<'de> Shape<'de> for &mut Vec<String> {
    fn text(self, text: &str) {
        self.push(text.to_owned());
    }

    fn list<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut text = String::new();
        while items.next_element_seed(Seed(&mut text))?.is_some() {
            self.push(std::mem::take(&mut text));
        }
        Ok(())
    }
}

/// Passes over the value of a field that is not wanted.
///
/// # Errors
/// The text is not JSON any more.
pub(crate) fn skip<'de, A: MapAccess<'de>>(entries: &mut A) -> Result<(), A::Error> {
    entries.next_value::<IgnoredAny>().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<S: for<'de> Shape<'de>>(json: &str, shape: S) {
        Seed(shape).deserialize(&mut serde_json::Deserializer::from_str(json)).unwrap();
    }

    #[test]
    fn what_is_not_expected_is_passed_over() {
        for json in ["7", "null", "[1, {}]", "{\"a\": [1]}", "1.5"] {
            let mut text = "kept".to_owned();
            read(json, &mut text);
            assert_eq!(text, "kept", "{json}");
        }
        let mut flag = None;
        read("\"True\"", &mut flag);
        assert_eq!(flag, Some(true));
        let mut number = None;
        read("\"12\"", &mut number);
        assert_eq!(number, Some(12));
        let mut texts = Vec::new();
        read("[\"a\", 3, \"b\"]", &mut texts);
        assert_eq!(texts, ["a", "", "b"]);
    }
}
