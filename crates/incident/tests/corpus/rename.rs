//! Renames every account, host, domain and address of a log, the same everywhere.
//!
//! The names are those that a first judgement found, taken apart at their
//! separators; words that mean something to every Windows or cloud (built-in
//! accounts, `com`, `local`) stay. A new name is as long, and as upper or lower
//! case, as the old one.

use std::collections::{BTreeMap, BTreeSet};

use cordon_incident::{Assessment, FootholdKind};
use regex::{Captures, Regex, RegexBuilder};

/// Words that are the system's and not somebody's.
const KEPT: &[&str] = &[
    "administrator",
    "administrators",
    "admin",
    "guest",
    "root",
    "system",
    "defaultaccount",
    "wdagutilityaccount",
    "local",
    "localdomain",
    "com",
    "net",
    "org",
    "corp",
    "lan",
    "internal",
    "builtin",
    "authority",
    "service",
    "network",
    "nt",
    "aws",
    "iam",
    "sts",
    "arn",
    "role",
    "user",
    "users",
    "assumed",
    "federated",
    "workgroup",
    "windows",
    "host",
    "http",
    "https",
    "amazonaws",
    "anonymous",
    "logon",
    "ldap",
    "cifs",
    "dwm",
    "umfd",
];

/// A consistent change of names.
pub(crate) struct Renaming {
    words: Regex,
    new: BTreeMap<String, String>,
}

impl Renaming {
    /// Invents a new name for every name of a judgement.
    pub(crate) fn of(judged: &Assessment) -> Self {
        let mut labels = BTreeSet::new();
        let mut addresses = BTreeSet::new();
        for (_, kind, aliases) in judged.names.nodes() {
            for alias in aliases.into_iter().map(str::to_lowercase) {
                if alias.parse::<std::net::IpAddr>().is_ok() {
                    addresses.insert(alias);
                } else if !alias.starts_with("s-1-") && kind != FootholdKind::App {
                    labels.extend(labels_of(&alias));
                }
            }
        }
        let mut new: BTreeMap<String, String> = BTreeMap::new();
        for (number, label) in labels.into_iter().enumerate() {
            new.insert(label.clone(), invented(&label, number));
        }
        for (number, address) in addresses.into_iter().filter(|a| a.contains('.')).enumerate() {
            new.insert(address.clone(), moved(&address, number));
        }
        // The longest first, so that no name is taken for a part of another.
        let mut known: Vec<&String> = new.keys().collect();
        known.sort_by_key(|name| (std::cmp::Reverse(name.len()), (*name).clone()));
        let any: Vec<String> = known.into_iter().map(|name| regex::escape(name)).collect();
        let pattern = format!(r"(^|[^0-9A-Za-z.]|\\[rnt])({})", any.join("|"));
        let words =
            RegexBuilder::new(&pattern).case_insensitive(true).size_limit(1 << 28).build().unwrap();
        Self { words, new }
    }

    /// How many names are changed.
    pub(crate) fn len(&self) -> usize {
        self.new.len()
    }

    /// Renames everything in a text.
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(found) = self.words.captures_at(text, at) {
            let name = found.get(2).unwrap();
            let follows = text[name.end()..].chars().next();
            out.push_str(&text[at..name.start()]);
            if follows.is_some_and(|c| c.is_ascii_alphanumeric()) {
                out.push_str(name.as_str());
            } else {
                out.push_str(&self.renamed(&found));
            }
            at = name.end();
        }
        out.push_str(&text[at..]);
        out
    }

    fn renamed(&self, found: &Captures<'_>) -> String {
        let old = &found[2];
        let new = &self.new[&old.to_lowercase()];
        let letters = || old.chars().filter(|c| c.is_ascii_alphabetic());
        if letters().all(|c| c.is_ascii_uppercase()) { new.to_uppercase() } else { new.clone() }
    }
}

fn labels_of(alias: &str) -> impl Iterator<Item = String> + '_ {
    let is_name = |label: &&str| {
        label.len() >= 3
            && label.chars().any(|c| c.is_ascii_alphabetic())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && !KEPT.contains(label)
    };
    alias.split(['\\', '@', '.', '/', ':', '$']).filter(is_name).map(str::to_owned)
}

/// A word of the same length that no log holds.
fn invented(label: &str, number: usize) -> String {
    let mut rest = number;
    let mut letters = Vec::new();
    for _ in 0..3 {
        letters.push(char::from(b'b' + u8::try_from(rest % 20).unwrap()));
        rest /= 20;
    }
    let stem: String = ['q', 'x'].into_iter().chain(letters).collect();
    let padded: String =
        stem.chars().chain(std::iter::repeat('z')).take(label.len().max(5)).collect();
    padded
}

/// Another address of the same reach: private stays private.
fn moved(address: &str, number: usize) -> String {
    let (high, low) = (number / 200, number % 200 + 20);
    let is_private = address.parse::<std::net::Ipv4Addr>().is_ok_and(|a| a.is_private());
    if is_private { format!("10.213.{high}.{low}") } else { format!("198.18.{high}.{low}") }
}
