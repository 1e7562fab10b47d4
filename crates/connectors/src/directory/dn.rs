//! Names of objects in a directory, compared as a directory compares them.
//!
//! Knows nothing of schemas: letter case and blanks at the ends of a value never
//! count, which holds for every naming attribute that accounts have.

use std::fmt;

/// The name of an object: its parts from the object upwards, made comparable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Dn(Vec<String>);

impl Dn {
    /// Reads `CN=Ann,OU=Staff,DC=shop,DC=test`; none when it is no name of an object.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts: Option<Vec<String>> = split(text).iter().map(|part| comparable(part)).collect();
        parts.filter(|parts| !parts.is_empty()).map(Self)
    }

    /// Whether this object is `above` or lies below it.
    pub(super) fn is_under(&self, above: &Self) -> bool {
        self.0.ends_with(&above.0)
    }

    /// The domain that the name lies in: `shop.test`.
    pub(super) fn domain(&self) -> String {
        let labels = self.0.iter().filter_map(|part| part.strip_prefix("dc="));
        labels.collect::<Vec<_>>().join(".")
    }
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// Splits at commas that no backslash stands before.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for character in text.chars() {
        if character == ',' && !escaped {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(character);
        }
        escaped = character == '\\' && !escaped;
    }
    parts
}

/// `OU=Staff ` as `ou=staff`, with one way to write what was escaped.
fn comparable(part: &str) -> Option<String> {
    let (attribute, value) = part.split_once('=')?;
    let attribute = attribute.trim().to_lowercase();
    let known = !attribute.is_empty()
        && attribute.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
    let value = unescape(value.trim())?.to_lowercase();
    known.then(|| format!("{attribute}={}", value.replace('\\', "\\\\").replace(',', "\\,")))
}

fn unescape(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes().iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let next = rest.next()?;
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        match digit(next) {
            Some(high) => bytes.push(high * 16 + digit(rest.next()?)?),
            None => bytes.push(next),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dn(text: &str) -> Dn {
        Dn::parse(text).unwrap()
    }

    #[test]
    fn names_are_compared_as_directories_do() {
        let ann = dn("CN=Lee\\, Ann,OU=Staff,DC=shop,DC=test");
        assert_eq!(ann, dn("cn=lee\\2C ann, ou=STAFF , dc=Shop,dc=test"));
        assert!(ann.is_under(&dn("OU=Staff,DC=shop,DC=test")));
        assert!(ann.is_under(&ann));
        assert!(!ann.is_under(&dn("OU=Staff2,DC=shop,DC=test")));
        assert!(!dn("CN=x\\,OU=Staff,DC=shop,DC=test").is_under(&dn("OU=Staff,DC=shop,DC=test")));
        assert_eq!(ann.domain(), "shop.test");
        for wrong in ["", "ann", "CN=a,", "=a,DC=b", "CN=a,DC", "CN=a\\", "CN=a\\e"] {
            assert_eq!(Dn::parse(wrong), None, "{wrong}");
        }
    }
}
