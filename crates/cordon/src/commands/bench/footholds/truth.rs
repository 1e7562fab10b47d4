//! What is known about the intruder of a log file: the truth that answers are
//! scored against.
//!
//! A truth file is a JSON object: path of a log file -> what is known of it.
//! All names are compared without regard to case. `foothold.users`,
//! `foothold.accounts`, `foothold.hosts`, `foothold.access_keys`,
//! `foothold.ips` and `attacker_sessions[].user|host` are the intruder's.
//! `foothold.c2`, `foothold.payload_downloaded_by`, `attacker_sessions[].ip`,
//! `hosts_named_by_operator` and `remote_targets` count neither way;
//! `not_attacker` is innocent beyond doubt.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;
use cordon_incident::FootholdKind;
use serde_json::Value;

use crate::failure::bad_input;

/// What is known of one file; names in lower case.
#[derive(Clone, Debug, Default)]
pub(super) struct Truth {
    pub(super) accounts: BTreeSet<String>,
    pub(super) hosts: BTreeSet<String>,
    pub(super) keys: BTreeSet<String>,
    pub(super) addresses: BTreeSet<String>,
    pub(super) neutral: BTreeSet<String>,
    pub(super) innocent: BTreeSet<String>,
}

/// Reads a truth file: each log file and what is known of it.
pub(super) fn read(path: &Path) -> anyhow::Result<BTreeMap<String, Truth>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{shown}`"))?;
    let values: BTreeMap<String, Value> = serde_json::from_str(&text).map_err(|error| {
        bad_input(format!(
            "{shown}, line {}: {error}\n    a truth file is a JSON object: path of a log file -> what is known of it",
            error.line()
        ))
    })?;
    Ok(values.into_iter().map(|(file, value)| (file, Truth::of(&value))).collect())
}

impl Truth {
    /// Whether anything of the intruder is known.
    pub(super) fn is_known(&self) -> bool {
        !(self.accounts.is_empty()
            && self.hosts.is_empty()
            && self.keys.is_empty()
            && self.addresses.is_empty())
    }

    /// The intruder's names of one sort.
    pub(super) fn of_kind(&self, kind: FootholdKind) -> &BTreeSet<String> {
        match kind {
            FootholdKind::User | FootholdKind::App => &self.accounts,
            FootholdKind::Host => &self.hosts,
            FootholdKind::Key => &self.keys,
            FootholdKind::Address => &self.addresses,
        }
    }

    fn of(value: &Value) -> Self {
        let mut truth = Self::default();
        for session in list(&value["attacker_sessions"]) {
            truth.hosts.extend(session["host"].as_str().map(short));
            let user = session["user"].as_str().map(str::to_lowercase).unwrap_or_default();
            if !user.is_empty() && !user.ends_with("\\system") {
                truth.accounts.insert(user);
            }
            truth.neutral.extend(session["ip"].as_str().map(str::to_lowercase));
        }
        let foothold = &value["foothold"];
        truth.accounts.extend(strings(&foothold["users"]));
        truth.accounts.extend(strings(&foothold["accounts"]).iter().filter_map(|w| account(w)));
        truth.hosts.extend(strings(&foothold["hosts"]).iter().map(|host| short(host)));
        truth.addresses.extend(strings(&foothold["ips"]));
        let keys = strings(&foothold["access_keys"]);
        truth
            .keys
            .extend(keys.iter().filter_map(|words| words.rsplit(' ').next()).map(str::to_owned));
        truth.neutral.extend(strings(&foothold["c2"]));
        truth.neutral.extend(strings(&foothold["payload_downloaded_by"]));
        let named = strings(&value["hosts_named_by_operator"]);
        let aimed_at = strings(&value["remote_targets"]);
        truth.neutral.extend(named.iter().chain(&aimed_at).map(|host| short(host)));
        truth.neutral = truth.neutral.difference(&truth.hosts).cloned().collect();
        for words in strings(&value["not_attacker"]) {
            let names = words.split([' ', '/']).filter(|word| word.contains(['_', '.', '\\', '@']));
            truth.innocent.extend(names.map(str::to_owned));
        }
        truth
    }
}

/// `NAME (remark)` is the account NAME; `root of NUMBER` the root of a cloud account.
fn account(words: &str) -> Option<String> {
    let mut parts = words.split(' ');
    let first = parts.next().filter(|first| !first.is_empty())?;
    match (first, parts.next(), parts.next()) {
        ("root", Some("of"), Some(number)) => Some(format!(":{number}:root")),
        _ => Some(first.to_owned()),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn strings(value: &Value) -> Vec<String> {
    list(value).iter().filter_map(|text| Some(text.as_str()?.to_lowercase())).collect()
}

/// The first label of a host's name, in lower case.
pub(super) fn short(host: &str) -> String {
    host.to_lowercase().split('.').next().unwrap_or_default().to_owned()
}

/// Finds which of some names a node has among its spellings.
pub(super) fn named<'n>(
    aliases: &[String],
    kind: FootholdKind,
    names: &'n BTreeSet<String>,
) -> Option<&'n String> {
    let spellings: Vec<String> = aliases.iter().map(|alias| alias.to_lowercase()).collect();
    names.iter().find(|name| spellings.iter().any(|alias| is_same(alias, name, kind)))
}

fn is_same(alias: &str, name: &str, kind: FootholdKind) -> bool {
    match kind {
        FootholdKind::Host => short(alias) == *name,
        FootholdKind::Key => alias.ends_with(name),
        FootholdKind::User | FootholdKind::App => {
            alias == name
                || name.starts_with(':') && alias.ends_with(name)
                || alias.rsplit('/').next() == Some(name)
        }
        FootholdKind::Address => alias == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truth_says_whose_is_what() {
        let text = r#"{
            "attacker_sessions": [
                {"user": "NORTH\\ann", "host": "WS5.north.example", "ip": "10.0.0.5"},
                {"user": "NORTH\\SYSTEM", "host": "WS6"}
            ],
            "foothold": {
                "accounts": ["tom (made by the intruder)", "root of 123 used by the intruder"],
                "access_keys": ["access key ending XYZ"],
                "ips": ["203.0.113.9"]
            },
            "hosts_named_by_operator": ["WS5", "DC1"],
            "not_attacker": ["ann.b@north.example (legitimate)"]
        }"#;
        let truth = Truth::of(&serde_json::from_str(text).unwrap());
        let all = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(all(&truth.accounts), ":123:root north\\ann tom");
        assert_eq!(all(&truth.hosts), "ws5 ws6");
        assert_eq!(all(&truth.keys), "xyz");
        assert_eq!(all(&truth.neutral), "10.0.0.5 dc1");
        assert_eq!(all(&truth.innocent), "ann.b@north.example");
        let root = ["arn:aws:iam::123:root".to_owned()];
        assert!(named(&root, FootholdKind::User, &truth.accounts).is_some());
        let host = ["ws5.north.example".to_owned()];
        assert!(named(&host, FootholdKind::Host, &truth.hosts).is_some());
        assert!(named(&host, FootholdKind::User, &truth.accounts).is_none());
    }
}
