//! What earlier records said and later ones leave out.
//!
//! Sysmon names the account of a process once, when it starts; the connection
//! that it opens an hour later has only the process's number. A format's
//! `remember` keeps such pairs, its `recall` looks them up for mentions. Tables
//! are bounded: the oldest pairs go first.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::class::Class;
use crate::view::View;

/// As many pairs are kept in a table.
const PAIRS: usize = 100_000;
/// Longer pairs are not kept.
const LONGEST_PAIR: usize = 1024;

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
    /// Keeps what the record's class wants kept.
    pub(crate) fn learn(&mut self, class: &Class, view: &View<'_>) {
        for (open, definition) in &class.remembers {
            let field = |path: &str| class.unless_blank(view.text(class, path));
            if !open.holds(&field) {
                continue;
            }
            if let (Some(key), Some(value)) =
                (definition.key.render(&field), definition.value.render(&field))
            {
                self.pairs.keep(key.into(), value.into());
            }
        }
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
