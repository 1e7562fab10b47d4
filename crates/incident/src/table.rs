//! Every name that the stream has given, kept once.
//!
//! The table interns spellings as [`Key`]s, the spellings of one mention as a
//! group, and the groups of one event as a cast: who played which part. It
//! decides nothing: which keys mean one node is settled from the whole table
//! by [`crate::names`], so the order in which names arrive cannot matter.
//! Sessions are left out, they are never nodes.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use cordon_model::Timestamp;
use cordon_model::signal::{Mention, MentionKind, Role};
use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;

use crate::spelling::{Class, Key, Reading, is_local_by_custom, read};

/// Position of a key in its table.
pub(crate) type KeyIx = u32;
/// Position of a group in its table.
pub(crate) type GroupIx = u32;
/// Position of a cast in its table.
pub(crate) type CastIx = u32;

/// Raw spellings kept for one key; the smallest ones, so that order does not matter.
const MOST_RAW_SPELLINGS: usize = 8;

/// The spellings that one mention gave together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Group {
    pub(crate) kind: MentionKind,
    /// Sorted and unique; addresses among a host's keys are its leases.
    pub(crate) keys: SmallVec<[KeyIx; 3]>,
}

/// Who played which part in an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cast {
    /// Sorted and unique.
    pub(crate) parts: SmallVec<[(Role, GroupIx); 4]>,
    /// The operating system itself acted, or nobody was named as acting.
    pub(crate) no_person: bool,
}

/// Mentions as they came, and the cast that they were read as.
type Seen = (Arc<[Mention]>, CastIx);

/// The interned names of a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct NameTable {
    keys: Vec<Key>,
    raws: Vec<BTreeSet<Box<str>>>,
    key_index: FxHashMap<Key, KeyIx>,
    groups: Vec<Group>,
    /// How many events gave each group.
    counts: Vec<u64>,
    group_index: FxHashMap<Group, GroupIx>,
    casts: Vec<Cast>,
    cast_index: FxHashMap<Cast, CastIx>,
    seen: FxHashMap<u64, Vec<Seen>>,
    last: Option<Seen>,
    /// Sightings of an address, its host and the hour since 1970.
    leases: BTreeSet<(KeyIx, KeyIx, i64)>,
}

/// Most distinct raw casts that are remembered to skip reading them again.
const MOST_SEEN: usize = 20_000;

impl NameTable {
    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    pub(crate) fn key(&self, key: KeyIx) -> Option<&Key> {
        self.keys.get(key as usize)
    }

    pub(crate) fn group(&self, group: GroupIx) -> Option<&Group> {
        self.groups.get(group as usize)
    }

    pub(crate) fn cast(&self, cast: CastIx) -> Option<&Cast> {
        self.casts.get(cast as usize)
    }

    pub(crate) fn count(&self, group: GroupIx) -> u64 {
        self.counts.get(group as usize).copied().unwrap_or(0)
    }

    pub(crate) fn raw_spellings(&self, key: KeyIx) -> impl Iterator<Item = &str> {
        self.raws.get(key as usize).into_iter().flatten().map(|raw| &**raw)
    }

    pub(crate) fn leases(&self) -> &BTreeSet<(KeyIx, KeyIx, i64)> {
        &self.leases
    }

    /// Takes in who played which part in an event at a time; nothing where a name or cast is new
    /// and there are `most` already.
    pub(crate) fn observe(
        &mut self,
        mentions: &Arc<[Mention]>,
        time: Timestamp,
        most: usize,
    ) -> Option<CastIx> {
        if let Some((_, cast)) = self.last.as_ref().filter(|(last, _)| Arc::ptr_eq(last, mentions))
        {
            return Some(*cast);
        }
        let hash = hash_of(mentions);
        let known = self.seen.get(&hash).and_then(|same| same.iter().find(|(m, _)| m == mentions));
        let cast = match known {
            Some(&(_, cast)) => cast,
            None => self.read_cast(mentions, hash, most)?,
        };
        self.count_groups(cast, time.as_second().div_euclid(3600));
        self.last = Some((Arc::clone(mentions), cast));
        Some(cast)
    }

    fn count_groups(&mut self, cast: CastIx, hour: i64) {
        let Some(read) = self.casts.get(cast as usize) else { return };
        let mut sightings: SmallVec<[(KeyIx, KeyIx); 2]> = SmallVec::new();
        for &(_, index) in &read.parts {
            if let Some(count) = self.counts.get_mut(index as usize) {
                *count += 1;
            }
            let Some(group) = self.groups.get(index as usize) else { continue };
            if group.kind == MentionKind::Host {
                sightings.extend(sighted(&self.keys, &group.keys));
            }
        }
        self.leases.extend(sightings.into_iter().map(|(address, host)| (address, host, hour)));
    }

    fn read_cast(&mut self, mentions: &Arc<[Mention]>, hash: u64, most: usize) -> Option<CastIx> {
        let place = place_of(mentions);
        let mut parts = SmallVec::new();
        let mut persons = 0;
        for mention in mentions.iter() {
            let keys = read_mention(mention, place.as_deref());
            let Some(kind) = kind_of(mention.kind, &keys) else { continue };
            persons += usize::from(mention.role == Role::Actor && kind != MentionKind::Host);
            let is_full = self.keys.len() >= most;
            if is_full && keys.iter().any(|(key, _)| !self.key_index.contains_key(key)) {
                return None;
            }
            let keys = keys.into_iter().map(|(key, raw)| self.intern_key(key, raw)).collect();
            parts.push((mention.role, self.intern_group(kind, keys)));
        }
        parts.sort_unstable();
        parts.dedup();
        let cast = Cast { parts, no_person: persons == 0 };
        if self.casts.len() >= most && !self.cast_index.contains_key(&cast) {
            return None;
        }
        let cast = self.intern_cast(cast);
        if self.seen.len() < MOST_SEEN {
            self.seen.entry(hash).or_default().push((Arc::clone(mentions), cast));
        }
        Some(cast)
    }

    fn intern_key(&mut self, key: Key, raw: &str) -> KeyIx {
        let index = match self.key_index.get(&key) {
            Some(&index) => index,
            None => {
                let index = next_index(self.keys.len());
                self.keys.push(key.clone());
                self.raws.push(BTreeSet::new());
                self.key_index.insert(key, index);
                index
            }
        };
        if let Some(raws) = self.raws.get_mut(index as usize)
            && !raws.contains(raw)
        {
            raws.insert(raw.into());
            if raws.len() > MOST_RAW_SPELLINGS {
                raws.pop_last();
            }
        }
        index
    }

    fn intern_group(&mut self, kind: MentionKind, mut keys: SmallVec<[KeyIx; 3]>) -> GroupIx {
        keys.sort_unstable();
        keys.dedup();
        let group = Group { kind, keys };
        if let Some(&index) = self.group_index.get(&group) {
            return index;
        }
        let index = next_index(self.groups.len());
        self.groups.push(group.clone());
        self.counts.push(0);
        self.group_index.insert(group, index);
        index
    }

    fn intern_cast(&mut self, cast: Cast) -> CastIx {
        if let Some(&index) = self.cast_index.get(&cast) {
            return index;
        }
        let index = next_index(self.casts.len());
        self.casts.push(cast.clone());
        self.cast_index.insert(cast, index);
        index
    }
}

/// Addresses that a mention of a host gave, each with the host's surest key.
fn sighted(keys: &[Key], group: &[KeyIx]) -> SmallVec<[(KeyIx, KeyIx); 2]> {
    let of_kind = |kind: MentionKind| {
        let key = move |index: KeyIx| keys.get(index as usize).filter(|key| key.kind == kind);
        group.iter().copied().filter_map(move |index| Some((index, key(index)?)))
    };
    let surest =
        of_kind(MentionKind::Host).max_by_key(|(_, key)| (key.is_global(), (*key).clone()));
    let Some((host, _)) = surest else { return SmallVec::new() };
    of_kind(MentionKind::Address).map(|(address, _)| (address, host)).collect()
}

fn next_index(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn hash_of(mentions: &[Mention]) -> u64 {
    let mut hasher = FxHasher::default();
    mentions.hash(&mut hasher);
    hasher.finish()
}

/// The short name of the host on which an event was written.
pub(crate) fn place_of(mentions: &[Mention]) -> Option<Box<str>> {
    mentions
        .iter()
        .filter(|mention| mention.role == Role::Place && mention.kind == MentionKind::Host)
        .flat_map(|mention| &mention.spellings)
        .filter_map(|raw| match read(MentionKind::Host, raw) {
            Reading::Names(key) => key.short().map(Into::into),
            Reading::Nobody => None,
        })
        .min()
}

/// Reads the spellings of one mention; names that are local by custom get their host.
pub(crate) fn read_mention<'m>(
    mention: &'m Mention,
    place: Option<&str>,
) -> SmallVec<[(Key, &'m str); 3]> {
    if mention.kind == MentionKind::Session {
        return SmallVec::new();
    }
    let mut keys: SmallVec<[(Key, &str); 3]> = SmallVec::new();
    for raw in &mention.spellings {
        if let Reading::Names(key) = read(mention.kind, raw) {
            keys.push((key, raw.trim()));
        }
    }
    // The identifier that stands beside `WS5$` is the machine's.
    if keys.iter().any(|(key, _)| key.kind == MentionKind::Host) {
        for (key, _) in keys.iter_mut().filter(|(key, _)| key.class == Class::Sid) {
            key.kind = MentionKind::Host;
        }
    }
    let qualified = keys.iter().any(|(key, _)| key.kind == MentionKind::User && key.is_global());
    for (key, _) in &mut keys {
        if key.class == Class::Bare
            && !qualified
            && is_local_by_custom(&key.text)
            && let Some(place) = place
        {
            let text = format!("{place}\\{}", key.text);
            *key = Key::new(MentionKind::User, Class::Account, text);
        }
    }
    keys
}

/// Settles what a mention names when its spellings differ: an account before its host, a host before its address.
pub(crate) fn kind_of(told: MentionKind, keys: &[(Key, &str)]) -> Option<MentionKind> {
    let has = |kind| keys.iter().any(|(key, _)| key.kind == kind);
    [told, MentionKind::User, MentionKind::App, MentionKind::Host, MentionKind::Address]
        .into_iter()
        .find(|&kind| kind != MentionKind::Address && has(kind))
        .or_else(|| has(MentionKind::Address).then_some(MentionKind::Address))
}
