//! Joins spellings into nodes, in an order that does not depend on the stream.
//!
//! A union-find over keys. Every join is a statement with a strength (the
//! estate, then what events gave together, by how often) and a text order among
//! equals; a statement that would give one node two SIDs, two accounts in one
//! domain or two nodes of the estate is refused and reported.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::NodeIx;
use cordon_model::signal::MentionKind;
use rustc_hash::FxHashMap;

use crate::directory::Directory;
use crate::names::Conflict;
use crate::spelling::{Class, Key};
use crate::table::{KeyIx, NameTable};

/// What is unique within one node.
#[derive(Clone, Debug, Default)]
struct Marks {
    sid: Option<Box<str>>,
    accounts: BTreeMap<Box<str>, Box<str>>,
    estate: Option<NodeIx>,
}

/// The union-find and what it must not break.
pub(crate) struct Joiner<'t> {
    table: &'t NameTable,
    directory: &'t Directory,
    parent: Vec<KeyIx>,
    marks: Vec<Marks>,
    conflicts: BTreeSet<Conflict>,
    /// All keys, in the order of their texts.
    sorted: Vec<KeyIx>,
}

impl<'t> Joiner<'t> {
    pub(crate) fn new(table: &'t NameTable, directory: &'t Directory) -> Self {
        let count = u32::try_from(table.keys().len()).unwrap_or(u32::MAX);
        let mut sorted: Vec<KeyIx> = (0..count).collect();
        sorted.sort_by_key(|&key| table.key(key));
        let marks = table.keys().iter().map(|key| marks_of(key, directory)).collect();
        Self {
            table,
            directory,
            parent: (0..count).collect(),
            marks,
            conflicts: BTreeSet::new(),
            sorted,
        }
    }

    pub(crate) fn join_all(&mut self) {
        self.join_by_estate();
        self.join_by_events();
        self.join_by_domain();
        self.join_hosts_by_first_label();
        self.join_hosts_by_identifier();
        self.join_unqualified_nodes();
    }

    pub(crate) fn root(&mut self, key: KeyIx) -> KeyIx {
        let mut at = key;
        while let Some(&up) = self.parent.get(at as usize)
            && up != at
        {
            let above = self.parent.get(up as usize).copied().unwrap_or(up);
            if let Some(slot) = self.parent.get_mut(at as usize) {
                *slot = above;
            }
            at = above;
        }
        at
    }

    /// The estate's node of a joined set, by its root.
    pub(crate) fn estate_node(&self, root: KeyIx) -> Option<NodeIx> {
        self.marks.get(root as usize).and_then(|marks| marks.estate)
    }

    pub(crate) fn into_conflicts(self) -> Vec<Conflict> {
        self.conflicts.into_iter().collect()
    }

    fn join_by_estate(&mut self) {
        let mut first: FxHashMap<NodeIx, KeyIx> = FxHashMap::default();
        for key in self.sorted.clone() {
            let Some(node) = self.table.key(key).and_then(|key| self.directory.find(key)) else {
                continue;
            };
            let same = *first.entry(node).or_insert(key);
            self.join(same, key);
        }
    }

    /// Joins what events gave together, the most frequent first.
    fn join_by_events(&mut self) {
        let mut together: FxHashMap<(KeyIx, KeyIx), u64> = FxHashMap::default();
        for (index, group) in (0..).zip(self.table.groups()) {
            let of_kind = |&&key: &&KeyIx| {
                self.table.key(key).is_some_and(|key| key.kind == group.kind && key.is_global())
            };
            let mut keys: Vec<KeyIx> = group.keys.iter().filter(of_kind).copied().collect();
            keys.sort_by_key(|&key| self.table.key(key));
            for pair in keys.windows(2) {
                if let &[one, two] = pair {
                    *together.entry((one, two)).or_default() += self.table.count(index);
                }
            }
        }
        let mut statements: Vec<_> = together.into_iter().collect();
        statements.sort_by_key(|&((one, two), count)| {
            (std::cmp::Reverse(count), self.table.key(one), self.table.key(two))
        });
        for ((one, two), _) in statements {
            self.join(one, two);
        }
    }

    /// Joins `north\ann` with `ann@north.example` once the domains are known to be one.
    fn join_by_domain(&mut self) {
        let domains = self.domains();
        let mut principals: BTreeMap<(&str, &str), KeyIx> = BTreeMap::new();
        for &key in &self.sorted {
            let Some(text) = self.table.key(key).filter(|key| key.class == Class::Principal) else {
                continue;
            };
            if let Some((domain, user)) = text.domain_and_user() {
                principals.insert((domain, user), key);
            }
        }
        for key in self.sorted.clone() {
            let Some(text) = self.table.key(key).filter(|key| key.class == Class::Account) else {
                continue;
            };
            let Some((domain, user)) = text.domain_and_user() else { continue };
            let dns = domains.get(domain).into_iter().flatten();
            let same: Vec<KeyIx> =
                dns.filter_map(|dns| principals.get(&(&**dns, user)).copied()).collect();
            for principal in same {
                self.join(key, principal);
            }
        }
    }

    /// The DNS domains of each NetBIOS domain: told by the estate or by events, or the only one with that first label.
    fn domains(&mut self) -> BTreeMap<Box<str>, BTreeSet<Box<str>>> {
        let mut told: BTreeMap<Box<str>, BTreeSet<Box<str>>> = BTreeMap::new();
        for (flat, dns) in self.directory.domains() {
            told.entry(flat.clone()).or_default().insert(dns.clone());
        }
        for group in self.table.groups() {
            let names =
                || group.keys.iter().filter_map(|&key| self.table.key(key)?.domain_and_user());
            for (flat, user) in names().filter(|(domain, _)| !domain.contains('.')) {
                for (dns, _) in
                    names().filter(|&(domain, same)| domain.contains('.') && same == user)
                {
                    told.entry(flat.into()).or_default().insert(dns.into());
                }
            }
        }
        let mut by_label: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for key in self.table.keys() {
            let dns = match key.class {
                Class::Principal => key.domain_and_user().map(|(domain, _)| domain),
                Class::FullHost => key.text.split_once('.').map(|(_, domain)| domain),
                Class::Account
                | Class::Sid
                | Class::Arn
                | Class::ShortHost
                | Class::Ip
                | Class::Exact
                | Class::Bare => None,
            };
            if let Some((dns, label)) = dns.and_then(|dns| Some((dns, dns.split_once('.')?.0))) {
                by_label.entry(label).or_default().insert(dns);
            }
        }
        for (label, dns) in by_label {
            if let (1, Some(only)) = (dns.len(), dns.first()) {
                told.entry(label.into()).or_default().insert((*only).into());
            }
        }
        told
    }

    /// Joins `ws5` with `ws5.north.example` where no other full name begins so.
    fn join_hosts_by_first_label(&mut self) {
        let mut full: BTreeMap<&str, BTreeSet<KeyIx>> = BTreeMap::new();
        for key in self.sorted.clone() {
            let root = self.root(key);
            if let Some(label) =
                self.table.key(key).filter(|key| key.class == Class::FullHost).and_then(Key::short)
            {
                full.entry(label).or_default().insert(root);
            }
        }
        for key in self.sorted.clone() {
            let Some(text) = self.table.key(key).filter(|key| key.class == Class::ShortHost) else {
                continue;
            };
            let Some(roots) = full.get(&*text.text) else { continue };
            if let (1, Some(&only)) = (roots.len(), roots.first()) {
                self.join(key, only);
            } else if self.directory.find(text).is_none() {
                let names = roots
                    .iter()
                    .filter_map(|&root| Some(self.table.key(root)?.text.to_string()))
                    .collect();
                let what = format!(
                    "the short name `{}` may mean each of them and was kept apart",
                    text.text
                );
                self.conflicts.insert(Conflict { names, what });
            }
        }
    }

    /// Joins a machine's security identifier with the name beside it, short names being settled by now.
    fn join_hosts_by_identifier(&mut self) {
        let mut pairs: BTreeSet<(&Key, KeyIx, KeyIx)> = BTreeSet::new();
        for group in self.table.groups() {
            let keys = || group.keys.iter().filter_map(|&key| Some((key, self.table.key(key)?)));
            let hosts = || keys().filter(|(_, key)| key.kind == MentionKind::Host);
            let named = hosts()
                .filter(|(_, key)| key.class == Class::ShortHost)
                .min_by_key(|(_, key)| *key);
            let sids = hosts().filter(|(_, key)| key.class == Class::Sid);
            pairs.extend(sids.filter_map(|(sid, key)| Some((key, sid, named?.0))));
        }
        for (_, sid, named) in pairs {
            self.join(named, sid);
        }
    }

    /// Joins a full name with the estate's node of the same short name, where that
    /// node has no full name of its own and nobody else is called so.
    fn join_unqualified_nodes(&mut self) {
        let machines: BTreeSet<&str> = self
            .table
            .keys()
            .iter()
            .filter(|key| key.kind == MentionKind::Host)
            .filter_map(Key::short)
            .collect();
        let mut bearers: BTreeMap<Key, BTreeSet<KeyIx>> = BTreeMap::new();
        for key in self.sorted.clone() {
            let root = self.root(key);
            let Some(text) = self.table.key(key).filter(|key| key.is_global()) else { continue };
            let local = text.domain_and_user().is_some_and(|(domain, _)| machines.contains(domain));
            let class = if text.kind == MentionKind::Host { Class::ShortHost } else { Class::Bare };
            if let Some(short) = text.short().filter(|_| !local && self.estate_node(root).is_none())
            {
                bearers.entry(Key::new(text.kind, class, short)).or_default().insert(root);
            }
        }
        for (short, roots) in bearers {
            let Some(node) = self.directory.find(&short) else { continue };
            if let (1, Some(&only)) = (roots.len(), roots.first())
                && !self.directory.is_qualified(node)
                && let Some(marks) = self.marks.get_mut(only as usize)
            {
                marks.estate = Some(node);
            }
        }
    }

    fn join(&mut self, one: KeyIx, two: KeyIx) {
        let (one, two) = (self.root(one), self.root(two));
        if one == two {
            return;
        }
        let (a, b) = (one as usize, two as usize);
        let (Some(mine), Some(theirs)) = (self.marks.get(a), self.marks.get(b)) else { return };
        match merged(mine, theirs) {
            Ok(marks) => {
                if let (Some(parent), Some(slot)) = (self.parent.get_mut(b), self.marks.get_mut(a))
                {
                    *parent = one;
                    *slot = marks;
                }
            }
            Err(what) => {
                let mut names: Vec<String> = [one, two]
                    .iter()
                    .filter_map(|&key| Some(self.table.key(key)?.text.to_string()))
                    .collect();
                names.sort();
                self.conflicts.insert(Conflict { names, what: what.to_owned() });
            }
        }
    }
}

fn marks_of(key: &Key, directory: &Directory) -> Marks {
    let mut marks = Marks { estate: directory.find(key), ..Marks::default() };
    if key.class == Class::Sid {
        marks.sid = Some(key.text.clone());
    }
    // A person may have several mail addresses in one domain, but not several accounts.
    if key.class == Class::Account
        && let Some((domain, user)) = key.domain_and_user()
    {
        marks.accounts.insert(domain.into(), user.into());
    }
    marks
}

fn merged(one: &Marks, two: &Marks) -> Result<Marks, &'static str> {
    if one.estate.zip(two.estate).is_some_and(|(a, b)| a != b) {
        return Err("events give names of two nodes of the estate for one thing; kept apart");
    }
    if one.sid.as_ref().zip(two.sid.as_ref()).is_some_and(|(a, b)| a != b) {
        return Err("events give two security identifiers for one account; kept apart");
    }
    let mut accounts = one.accounts.clone();
    for (domain, user) in &two.accounts {
        if accounts.get(domain).is_some_and(|known| known != user) {
            return Err("events give two accounts of one domain for one thing; kept apart");
        }
        accounts.insert(domain.clone(), user.clone());
    }
    let sid = one.sid.clone().or_else(|| two.sid.clone());
    Ok(Marks { sid, accounts, estate: one.estate.or(two.estate) })
}
