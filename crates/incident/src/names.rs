//! Which spellings mean one node.
//!
//! [`Names::build`] settles the whole table at once, in a canonical order:
//! spellings that one mention gave together join, the estate's aliases win,
//! NetBIOS domains join their DNS domain, and a short name joins a full one
//! only where nobody else bears it. Joins that contradict each other (two SIDs,
//! two accounts of one domain, two nodes of the estate) are reported as
//! [`Conflict`]s, not guessed. An address means the host that held it at that
//! time. What the estate does not know becomes a provisional node.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::signal::{Mention, MentionKind, Role};
use cordon_model::{Estate, NodeId, NodeIx, Timestamp};
use rustc_hash::FxHashMap;
use serde::Serialize;
use smallvec::SmallVec;

use crate::assess::FootholdKind;
use crate::directory::Directory;
use crate::join::Joiner;
use crate::lease::Leases;
use crate::spelling::{Class, Key};
use crate::table::{GroupIx, NameTable, kind_of, place_of, read_mention};

/// Position of a node among those that the stream named.
pub(crate) type EntityIx = u32;

/// Names that contradict each other; they were left apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Conflict {
    /// The spellings or nodes that could not be joined.
    pub names: Vec<String>,
    /// Why not, in words.
    pub what: String,
}

/// One node that the stream named.
#[derive(Clone, Debug)]
pub(crate) struct Entity {
    pub(crate) id: NodeId,
    pub(crate) kind: MentionKind,
    pub(crate) in_estate: Option<NodeIx>,
    pub(crate) aliases: BTreeSet<Box<str>>,
}

/// The settled names of a stream.
#[derive(Clone, Debug, Default)]
pub struct Names {
    entities: Vec<Entity>,
    by_id: BTreeMap<NodeId, EntityIx>,
    by_key: FxHashMap<Key, EntityIx>,
    bare: FxHashMap<Box<str>, Bare>,
    leases: Leases,
    conflicts: Vec<Conflict>,
}

/// Who a bare user name may mean.
#[derive(Clone, Debug, Default)]
struct Bare {
    /// Accounts that reach beyond one host.
    wide: BTreeSet<EntityIx>,
    /// Accounts of one host, by its short name.
    local: BTreeMap<Box<str>, EntityIx>,
    /// The estate's own node of that name, or the provisional one.
    own: Option<EntityIx>,
}

impl Names {
    pub(crate) fn build(table: &NameTable, directory: &Directory, estate: &Estate) -> Self {
        let mut joiner = Joiner::new(table, directory);
        joiner.join_all();
        let mut names = Self::default();
        let roots = names.add_entities(table, directory, estate, &mut joiner);
        names.add_bare(table, &roots, estate);
        names.leases = Leases::new(table, |key| roots.get(key as usize).copied().flatten());
        names.add_group_aliases(table);
        names.conflicts = joiner.into_conflicts();
        names.conflicts.extend(directory.conflicts().iter().cloned());
        names.report_ambiguous();
        names.conflicts.sort();
        names.conflicts.dedup();
        names
    }

    /// Names that contradict each other.
    #[must_use]
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    /// Every spelling seen of a node, sorted.
    #[must_use]
    pub fn aliases(&self, node: &NodeId) -> Vec<&str> {
        let entity = self.by_id.get(node).and_then(|&ix| self.entity(ix));
        entity.into_iter().flat_map(|entity| entity.aliases.iter().map(|alias| &**alias)).collect()
    }

    /// Every node that the stream has named and that may be a foothold, with all its spellings.
    pub fn nodes(&self) -> impl Iterator<Item = (&NodeId, FootholdKind, Vec<&str>)> {
        self.entities.iter().filter_map(|entity| {
            let aliases = entity.aliases.iter().map(|alias| &**alias).collect();
            Some((&entity.id, FootholdKind::of(entity.kind)?, aliases))
        })
    }

    /// What sort of foothold a node would be, if the stream has named it and it can be one.
    #[must_use]
    pub fn kind(&self, node: &NodeId) -> Option<FootholdKind> {
        let entity = self.by_id.get(node).and_then(|&ix| self.entity(ix))?;
        FootholdKind::of(entity.kind)
    }

    /// Returns the node that a mention means at that time, by its own words alone.
    #[must_use]
    pub fn resolve(&self, mention: &Mention, time: Timestamp) -> Option<NodeId> {
        self.resolve_at(mention, None, time)
    }

    /// Returns the nodes that the mentions of one event mean, in their order.
    ///
    /// The host that wrote the event settles names that belong to one host.
    #[must_use]
    pub fn resolve_all(&self, mentions: &[Mention], time: Timestamp) -> Vec<Option<NodeId>> {
        let place = place_of(mentions);
        mentions.iter().map(|mention| self.resolve_at(mention, place.as_deref(), time)).collect()
    }

    fn resolve_at(
        &self,
        mention: &Mention,
        place: Option<&str>,
        time: Timestamp,
    ) -> Option<NodeId> {
        let keys = read_mention(mention, place);
        let kind = kind_of(mention.kind, &keys)?;
        let keys = keys.iter().map(|(key, _)| key);
        let entity = self.settle(kind, &keys, place, time)?;
        self.entity(entity).map(|entity| entity.id.clone())
    }

    pub(crate) fn entity(&self, entity: EntityIx) -> Option<&Entity> {
        self.entities.get(entity as usize)
    }

    pub(crate) fn entities(&self) -> &[Entity] {
        &self.entities
    }

    pub(crate) fn find(&self, node: &NodeId) -> Option<EntityIx> {
        self.by_id.get(node).copied()
    }

    /// Resolves the parts of a cast at a time.
    pub(crate) fn cast(
        &self,
        table: &NameTable,
        parts: &[(Role, GroupIx)],
        time: Timestamp,
    ) -> SmallVec<[(Role, EntityIx); 4]> {
        let place = self.place(table, parts);
        let mut resolved: SmallVec<[(Role, EntityIx); 4]> = parts
            .iter()
            .filter_map(|&(role, group)| {
                let group = table.group(group)?;
                let keys = group.keys.iter().filter_map(|&key| table.key(key));
                Some((role, self.settle(group.kind, &keys, place, time)?))
            })
            .collect();
        resolved.sort_unstable();
        resolved.dedup();
        resolved
    }

    fn place<'t>(&self, table: &'t NameTable, parts: &[(Role, GroupIx)]) -> Option<&'t str> {
        parts
            .iter()
            .filter(|&&(role, _)| role == Role::Place)
            .filter_map(|&(_, group)| table.group(group))
            .filter(|group| group.kind == MentionKind::Host)
            .flat_map(|group| &group.keys)
            .filter_map(|&key| table.key(key)?.short())
            .min()
    }

    /// The node that keys of one mention mean: the surest key decides.
    fn settle<'k>(
        &self,
        kind: MentionKind,
        keys: &(impl Iterator<Item = &'k Key> + Clone),
        place: Option<&str>,
        time: Timestamp,
    ) -> Option<EntityIx> {
        let of_kind = || keys.clone().filter(|key| key.kind == kind);
        let global = of_kind().filter(|key| key.is_global()).filter_map(|key| self.by_key.get(key));
        if let Some(&entity) = global.min() {
            return Some(entity);
        }
        if let Some(entity) = of_kind().filter_map(|key| self.settle_short(key, place)).min() {
            return Some(entity);
        }
        of_kind().filter(|key| key.class == Class::Ip).find_map(|key| {
            let address = self.by_key.get(key).copied();
            address.map(|address| self.leases.holder(key, time).unwrap_or(address))
        })
    }

    fn settle_short(&self, key: &Key, place: Option<&str>) -> Option<EntityIx> {
        if key.class != Class::Bare {
            return (key.class != Class::Ip).then(|| self.by_key.get(key).copied()).flatten();
        }
        let bare = self.bare.get(&key.text)?;
        let local = place.and_then(|place| bare.local.get(place)).copied();
        let only_wide = || (bare.wide.len() == 1).then(|| bare.wide.first().copied()).flatten();
        let estate =
            bare.own.filter(|&own| self.entity(own).is_some_and(|e| e.in_estate.is_some()));
        estate.or(local.filter(|_| bare.wide.is_empty())).or_else(only_wide).or(bare.own)
    }

    fn add_entities(
        &mut self,
        table: &NameTable,
        directory: &Directory,
        estate: &Estate,
        joiner: &mut Joiner<'_>,
    ) -> Vec<Option<EntityIx>> {
        // Entities are numbered in the order of their ids, so that no order of arrival shows.
        let mut parts: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for key in 0..table.keys().len() {
            let key = u32::try_from(key).unwrap_or(u32::MAX);
            parts.entry(joiner.root(key)).or_default().push(key);
        }
        let mut named: BTreeMap<NodeId, (MentionKind, Option<NodeIx>, Vec<u32>)> = BTreeMap::new();
        for (root, keys) in parts {
            let Some(best) = keys.iter().filter_map(|&key| table.key(key)).min() else { continue };
            let in_estate = joiner.estate_node(root).or_else(|| directory.find(best));
            let id =
                in_estate.map_or_else(|| provisional(table, &keys), |ix| estate.id(ix).clone());
            let entry = named.entry(id).or_insert((best.kind, in_estate, Vec::new()));
            entry.2.extend(keys);
        }
        let mut roots = vec![None; table.keys().len()];
        for (entity, (id, (kind, in_estate, keys))) in (0..).zip(named) {
            let mut aliases = BTreeSet::new();
            for &key in &keys {
                aliases.extend(table.raw_spellings(key).map(Box::from));
                if let Some(slot) = roots.get_mut(key as usize) {
                    *slot = Some(entity);
                }
                if let Some(key) = table.key(key) {
                    self.by_key.insert(key.clone(), entity);
                }
            }
            self.by_id.insert(id.clone(), entity);
            self.entities.push(Entity { id, kind, in_estate, aliases });
        }
        roots
    }

    fn add_bare(&mut self, table: &NameTable, roots: &[Option<EntityIx>], estate: &Estate) {
        let hosts: BTreeSet<&str> = table
            .keys()
            .iter()
            .filter(|key| key.kind == MentionKind::Host)
            .filter_map(Key::short)
            .collect();
        for (key, entity) in table.keys().iter().zip(roots) {
            let (Some(entity), Some(short)) = (*entity, key.short()) else { continue };
            if key.kind != MentionKind::User {
                continue;
            }
            let domain = key.domain_and_user().map(|(domain, _)| domain);
            let bare = self.bare.entry(short.into()).or_default();
            match domain.filter(|domain| hosts.contains(domain)) {
                _ if key.class == Class::Bare => bare.own = Some(entity),
                Some(host) => drop(bare.local.insert(host.into(), entity)),
                None => drop(bare.wide.insert(entity)),
            }
        }
        debug_assert!(
            self.entities
                .iter()
                .all(|e| e.in_estate.is_none_or(|ix| ix.at() < estate.nodes().len()))
        );
    }

    /// A group's short spellings and addresses are aliases of what the group means.
    fn add_group_aliases(&mut self, table: &NameTable) {
        let mut extra: BTreeSet<(EntityIx, u32)> = BTreeSet::new();
        for group in table.groups() {
            let keys = || group.keys.iter().filter_map(|&key| table.key(key));
            let Some(entity) = self.settle(group.kind, &keys(), None, Timestamp::MIN) else {
                continue;
            };
            extra.extend(group.keys.iter().map(|&key| (entity, key)));
        }
        for (entity, key) in extra {
            if let Some(entity) = self.entities.get_mut(entity as usize) {
                entity.aliases.extend(table.raw_spellings(key).map(Box::from));
            }
        }
    }

    fn report_ambiguous(&mut self) {
        let mut shorts: Vec<&Box<str>> = self.bare.keys().collect();
        shorts.sort();
        let mut found = Vec::new();
        for short in shorts {
            let Some(bare) = self.bare.get(short) else { continue };
            if bare.own.is_some() && bare.wide.len() > 1 {
                let ids = bare.wide.iter().filter_map(|&entity| self.entity(entity));
                let names = ids.map(|entity| entity.id.to_string()).collect();
                let what =
                    format!("the short name `{short}` may mean each of them and was kept apart");
                found.push(Conflict { names, what });
            }
        }
        self.conflicts.extend(found);
    }
}

/// Makes the id of a node that the estate does not know, from its most telling key.
fn provisional(table: &NameTable, keys: &[u32]) -> NodeId {
    let best =
        keys.iter().filter_map(|&key| table.key(key)).min_by_key(|key| (rank(key), (*key).clone()));
    let kind = best.map_or("user", |key| match key.kind {
        MentionKind::User => "user",
        MentionKind::Host => "host",
        MentionKind::Address => "address",
        MentionKind::Key => "key",
        MentionKind::App => "app",
        MentionKind::Session => "session",
        MentionKind::Database => "db",
        MentionKind::Data => "data",
        MentionKind::Group => "group",
    });
    NodeId::from_parts(kind, best.map_or("", |key| &key.text))
}

/// How much a key tells a reader; numbers that only machines know come last.
fn rank(key: &Key) -> u8 {
    match key.class {
        Class::Account | Class::FullHost | Class::Ip => 0,
        Class::Principal | Class::ShortHost => 1,
        Class::Arn => 2,
        Class::Exact => 3,
        Class::Bare => 4,
        Class::Sid => 5,
    }
}
