//! What values opened that were seen before.
//!
//! Logs say the same things over and over: paths of programs, names of
//! accounts. What a value opens depends on nothing else, so it is kept. Fields
//! whose values hardly come again are not worth it and are let go.

use rustc_hash::FxHashMap;

/// As many values of a field are kept; then it begins anew.
const VALUES: usize = 1024;
/// What a kept value takes besides.
const ENTRY: usize = 64;
/// Longer values are not kept.
const LONGEST: usize = 256;
/// A field is judged after so many values.
const TRIAL: u32 = 4096;

/// What the values of one field opened.
#[derive(Default)]
pub(crate) struct Memo {
    values: FxHashMap<Box<str>, Box<[u32]>>,
    asked: u32,
    known: u32,
    useless: bool,
}

/// One memo per field of a sieve.
#[derive(Default)]
pub(crate) struct Memos(Vec<Memo>);

impl Memos {
    /// Forgets all values.
    pub(crate) fn clear(&mut self) {
        self.0.iter_mut().for_each(|memo| *memo = Memo::default());
    }

    /// The memos of so many fields.
    pub(crate) fn of_fields(&mut self, fields: usize) -> impl Iterator<Item = &mut Memo> {
        self.0.resize_with(fields, Memo::default);
        self.0.iter_mut()
    }
}

impl Memo {
    /// Returns what a value opened, if it is known.
    pub(crate) fn get(&mut self, value: &str) -> Option<&[u32]> {
        if self.useless || value.len() > LONGEST {
            return None;
        }
        self.asked += 1;
        let known = self.values.get(value)?;
        self.known += 1;
        Some(known)
    }

    /// Keeps what a value opened. Returns about how many bytes that takes.
    pub(crate) fn keep(&mut self, value: &str, opened: &[u32]) -> usize {
        if self.useless || value.len() > LONGEST {
            return 0;
        }
        if self.asked >= TRIAL {
            self.useless = self.known < self.asked / 3;
            (self.asked, self.known) = (0, 0);
            if self.useless {
                self.values = FxHashMap::default();
                return 0;
            }
        }
        if self.values.len() >= VALUES {
            self.values.clear();
        }
        self.values.insert(value.into(), opened.into());
        value.len() + opened.len() * 4 + ENTRY
    }
}
