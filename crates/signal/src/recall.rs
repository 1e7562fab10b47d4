//! What earlier records said and later ones leave out.
//!
//! Sysmon names the account of a process once, when it starts; the connection
//! that it opens an hour later has only the process's number. A format's
//! `remember` keeps such pairs, its `recall` looks them up for mentions. Tables
//! are bounded: the oldest pairs go first.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::class::Class;
use crate::view::View;

/// As many pairs are kept in a table.
const PAIRS: usize = 100_000;
/// Longer pairs are not kept.
const LONGEST_PAIR: usize = 1024;

/// A key and what is remembered under it.
pub(crate) type Pair = (Box<str>, Box<str>);

/// Returns the pairs that the record's class wants kept.
pub(crate) fn pairs(class: &Class, view: &View<'_>) -> SmallVec<[Pair; 1]> {
    let field = |path: &str| class.unless_blank(view.text(class, path));
    let wanted = class.remembers.iter().filter(|(open, _)| open.holds(&field));
    wanted
        .filter_map(|(_, definition)| {
            Some((definition.key.render(&field)?.into(), definition.value.render(&field)?.into()))
        })
        .collect()
}

/// Tells whether a record lacks a field that earlier records may have told.
pub(crate) fn may_add(class: &Class, view: &View<'_>) -> bool {
    let field = |path: &str| class.unless_blank(view.text(class, path));
    class.recalls.iter().any(|(name, key)| field(name).is_none() && key.render(&field).is_some())
}

/// Pairs that formats asked to remember, and the leases that were told.
#[derive(Default)]
pub(crate) struct Memory {
    pairs: Pairs,
    leases: Pairs,
}

/// A table that forgets its oldest pairs.
#[derive(Default)]
struct Pairs {
    pairs: FxHashMap<Box<str>, Box<str>>,
    order: VecDeque<Box<str>>,
}

impl Memory {
    /// Keeps a pair.
    pub(crate) fn keep(&mut self, (key, value): Pair) {
        self.pairs.keep(key, value);
    }

    /// Tells whether the spellings were not told together in this hour, as far as is remembered.
    pub(crate) fn is_new_lease(&mut self, spellings: &[Box<str>], hour: i64) -> bool {
        let key = spellings.join(" ").to_lowercase();
        let hour = hour.to_string();
        let known = self.leases.pairs.get(key.as_str()).is_some_and(|known| **known == *hour);
        if !known {
            self.leases.keep(key.into(), hour.into());
        }
        !known
    }

    /// Returns what is remembered for the field `name` of a record.
    pub(crate) fn recall(&self, class: &Class, view: &View<'_>, name: &str) -> Option<&str> {
        let field = |path: &str| class.unless_blank(view.text(class, path));
        class
            .recalls
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .find_map(|(_, key)| self.pairs.pairs.get(key.render(&field)?.as_str()))
            .map(AsRef::as_ref)
    }
}

impl Pairs {
    fn keep(&mut self, key: Box<str>, value: Box<str>) {
        if key.len() + value.len() > LONGEST_PAIR {
            return;
        }
        if self.pairs.insert(key.clone(), value).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > PAIRS
            && let Some(oldest) = self.order.pop_front()
        {
            self.pairs.remove(&oldest);
        }
    }
}
