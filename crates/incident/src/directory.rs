//! Which nodes of the estate a spelling means.
//!
//! Reads the estate's ids, names and aliases with the same eyes as the logs'
//! names, once. A spelling that two nodes claim belongs to neither and is
//! reported. Knows nothing of any stream.

use std::collections::BTreeSet;

use cordon_model::signal::MentionKind;
use cordon_model::{Estate, NodeIx};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::names::Conflict;
use crate::spelling::{Class, Key, Reading, read};

/// The estate's spellings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    by_key: FxHashMap<Key, Option<NodeIx>>,
    /// Nodes that have a spelling which reaches beyond its place.
    qualified: FxHashSet<NodeIx>,
    /// Pairs of NetBIOS and DNS domain that one node's aliases give together.
    domains: BTreeSet<(Box<str>, Box<str>)>,
    conflicts: Vec<Conflict>,
}

impl Directory {
    pub(crate) fn new(estate: &Estate) -> Self {
        let mut directory = Self::default();
        for index in 0..estate.nodes().len() {
            let index = NodeIx(u32::try_from(index).unwrap_or(u32::MAX));
            directory.add(estate, index);
        }
        directory.conflicts.sort();
        directory.conflicts.dedup();
        directory
    }

    /// The node that a spelling means, if the estate has exactly one.
    pub(crate) fn find(&self, key: &Key) -> Option<NodeIx> {
        self.by_key.get(key).copied().flatten()
    }

    /// Whether the estate gives a node some full name of its own.
    pub(crate) fn is_qualified(&self, node: NodeIx) -> bool {
        self.qualified.contains(&node)
    }

    pub(crate) fn domains(&self) -> &BTreeSet<(Box<str>, Box<str>)> {
        &self.domains
    }

    pub(crate) fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    fn add(&mut self, estate: &Estate, index: NodeIx) {
        let kinds = mention_kinds(estate.id(index).kind());
        let mut keys = BTreeSet::new();
        for spelling in estate.spellings(index) {
            for &kind in kinds {
                if let Reading::Names(key) = read(kind, spelling) {
                    keys.insert(key);
                }
            }
        }
        for (domain, user) in keys.iter().filter_map(Key::domain_and_user) {
            for (other, same) in keys.iter().filter_map(Key::domain_and_user) {
                if !domain.contains('.') && other.contains('.') && user == same {
                    self.domains.insert((domain.into(), other.into()));
                }
            }
        }
        if keys.iter().any(|key| {
            matches!(key.class, Class::Account | Class::Principal | Class::Arn | Class::FullHost)
        }) {
            self.qualified.insert(index);
        }
        for key in keys {
            self.claim(estate, key, index);
        }
    }

    fn claim(&mut self, estate: &Estate, key: Key, index: NodeIx) {
        let Some(holder) = self.by_key.get_mut(&key) else {
            self.by_key.insert(key, Some(index));
            return;
        };
        if let Some(other) = holder.filter(|&other| other != index) {
            let names = vec![estate.id(other).to_string(), estate.id(index).to_string()];
            let what =
                format!("both nodes of the estate are called `{}`; it means neither", key.text);
            self.conflicts.push(Conflict { names, what });
            *holder = None;
        }
    }
}

/// As what a log may mention a node of this kind.
fn mention_kinds(kind: &str) -> &'static [MentionKind] {
    use MentionKind::{Address, App, Data, Database, Group, Host, Key, User};
    match kind {
        "user" | "service-account" | "svcacct" | "identity" | "person" | "account" => &[User],
        "host" | "server" | "workstation" | "computer" | "vm" | "hypervisor" | "dc" => &[Host],
        "address" => &[Address],
        // A key has an owner that logs name beside it: the name of the user that it signs for.
        "key" | "token" | "certificate" | "secret" => &[Key, User],
        "app" => &[App, Host],
        "role" | "database-role" => &[User, App, Group],
        "group" => &[Group],
        "db" | "database" => &[Database, Data, Host],
        "share" | "bucket" | "backup" | "zone" | "data" => &[Data, Database, Host],
        _ => &[Host, App, Key, Database, Data],
    }
}
