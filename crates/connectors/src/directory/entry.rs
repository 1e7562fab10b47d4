//! Entries as they come from a directory, and the forms of values that they hold.
//!
//! A malformed answer gives nothing instead of a panic.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ldap3::asn1::{PL, StructureTag};

/// Seconds from 1601-01-01, where Windows counts from, to 1970-01-01.
const EPOCH_SECONDS: i64 = 11_644_473_600;
/// Steps of 100 ns in a second, the unit of times in Active Directory.
const TICKS: i64 = 10_000_000;

/// One object with the attributes that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name, as the directory writes it.
    pub(super) dn: String,
    // INVARIANT: keys are in lower case.
    attributes: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Entry {
    /// Reads an entry from the wire.
    pub(super) fn parse(tag: StructureTag) -> Option<Self> {
        let mut parts = children(tag)?.into_iter();
        let dn = String::from_utf8(bytes(parts.next()?)?).ok()?;
        let mut attributes = BTreeMap::new();
        for attribute in children(parts.next()?)? {
            let mut parts = children(attribute)?.into_iter();
            let name = String::from_utf8(bytes(parts.next()?)?).ok()?.to_lowercase();
            let values: Option<Vec<_>> = children(parts.next()?)?.into_iter().map(bytes).collect();
            attributes.insert(name, values?);
        }
        Some(Self { dn, attributes })
    }

    /// The values of an attribute; none when the object has it not or does not show it.
    pub(super) fn values(&self, name: &str) -> &[Vec<u8>] {
        self.attributes.get(&name.to_lowercase()).map(Vec::as_slice).unwrap_or_default()
    }

    /// The values of an attribute that are text.
    pub(super) fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values(name).iter().filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The first value of an attribute as text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).next()
    }

    /// The first value of an attribute as a number.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// The values of an attribute whose name begins so: `member;range=0-1499`.
    pub(super) fn ranged(&self, name: &str) -> impl Iterator<Item = &str> {
        let name = name.to_lowercase();
        let of =
            self.attributes.iter().filter(move |(key, _)| key.split(';').next() == Some(&name));
        of.flat_map(|(_, values)| values).filter_map(|value| std::str::from_utf8(value).ok())
    }

    #[cfg(test)]
    pub(super) fn of(dn: &str, attributes: &[(&str, &str)]) -> Self {
        let pair =
            |(name, value): &(&str, &str)| (name.to_lowercase(), vec![value.as_bytes().to_vec()]);
        Self { dn: dn.to_owned(), attributes: attributes.iter().map(pair).collect() }
    }
}

fn children(tag: StructureTag) -> Option<Vec<StructureTag>> {
    match tag.payload {
        PL::C(children) => Some(children),
        PL::P(_) => None,
    }
}

fn bytes(tag: StructureTag) -> Option<Vec<u8>> {
    match tag.payload {
        PL::P(bytes) => Some(bytes),
        PL::C(_) => None,
    }
}

/// A security identifier as people write it: `S-1-5-21-…`.
pub(super) fn sid(bytes: &[u8]) -> Option<String> {
    let (head, rest) = bytes.split_at_checked(8)?;
    let [revision, count, authority @ ..] = head else { return None };
    let authority = authority.iter().fold(0_u64, |sum, byte| sum * 256 + u64::from(*byte));
    let (parts, _) = rest.as_chunks::<4>();
    let parts: Vec<u32> = parts.iter().map(|part| u32::from_le_bytes(*part)).collect();
    let is_whole = parts.len() == usize::from(*count) && parts.len() * 4 == rest.len();
    let tail: String = parts.iter().map(|part| format!("-{part}")).collect();
    is_whole.then(|| format!("S-{revision}-{authority}{tail}"))
}

/// The last part of a security identifier, which names well-known groups.
pub(super) fn last_part(sid: &str) -> Option<u32> {
    sid.rsplit('-').next()?.parse().ok()
}

/// A time in ticks since 1601 as seconds since 1970; none for *never*.
pub(super) fn seconds_of_ticks(ticks: i64) -> Option<i64> {
    let is_time = ticks > 0 && ticks < i64::MAX;
    is_time.then(|| ticks / TICKS - EPOCH_SECONDS)
}

/// `20261122052216.0Z` as seconds since 1970.
pub(super) fn seconds_of_text(text: &str) -> Option<i64> {
    let digits = text.split_at_checked(14)?.0;
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", digits).ok()?;
    let zoned = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_second())
}

/// Seconds since 1970, now.
pub(super) fn now() -> i64 {
    Timestamp::now().as_second()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_forms_of_the_directory() {
        let administrators = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0];
        assert_eq!(sid(&administrators).as_deref(), Some("S-1-5-32-544"));
        assert_eq!(last_part("S-1-5-32-544"), Some(544));
        assert_eq!(sid(&administrators[..15]), None);
        assert_eq!(sid(&[1, 0]), None);
        assert_eq!(seconds_of_ticks(116_444_736_000_000_000), Some(0));
        assert_eq!(seconds_of_ticks(0), None);
        assert_eq!(seconds_of_ticks(i64::MAX), None);
        assert_eq!(seconds_of_text("19700101000100.0Z"), Some(60));
        assert_eq!(seconds_of_text("1970"), None);
    }
}
