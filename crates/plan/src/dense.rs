//! Arrays by small index, and lists of lists in one block.
//!
//! The planner works on dense `u32` indexes of nodes, columns, items and gates.
//! These two containers are the only places of the crate that index memory, so
//! the bounds argument stands once: every index comes from the network that
//! sized the container. They know nothing of what they hold.

use std::ops::{Index, IndexMut};

/// Brings a length into the range of indexes; estates stay far below 2^32 parts.
pub(crate) fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// One value per index.
#[derive(Clone, Debug)]
pub(crate) struct Dense<T>(Vec<T>);

impl<T> Default for Dense<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Dense<T> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    pub(crate) fn push(&mut self, value: T) -> u32 {
        self.0.push(value);
        index(self.0.len() - 1)
    }

    /// All indexes, ascending.
    pub(crate) fn indexes(&self) -> std::ops::Range<u32> {
        0..index(self.0.len())
    }
}

impl<T: Clone> Dense<T> {
    pub(crate) fn filled(value: T, length: usize) -> Self {
        Self(vec![value; length])
    }
}

impl<T> From<Vec<T>> for Dense<T> {
    fn from(values: Vec<T>) -> Self {
        Self(values)
    }
}

impl<T> Index<u32> for Dense<T> {
    type Output = T;
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "indexes come from the network that sized this")]
    fn index(&self, at: u32) -> &T {
        &self.0[at as usize]
    }
}

impl<T> IndexMut<u32> for Dense<T> {
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "indexes come from the network that sized this")]
    fn index_mut(&mut self, at: u32) -> &mut T {
        &mut self.0[at as usize]
    }
}

/// A list of values per index, all in one block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists<T> {
    starts: Vec<u32>,
    values: Vec<T>,
}

impl<T: Clone + Default> Lists<T> {
    /// Gathers `(index, value)` pairs for `length` indexes, keeping their order within each index.
    ///
    /// `pairs` gives the same pairs both times.
    pub(crate) fn gather<I: Iterator<Item = (u32, T)>>(
        length: usize,
        pairs: impl Fn() -> I,
    ) -> Self {
        let mut counts = Dense::filled(0_u32, length + 1);
        for (at, _) in pairs() {
            counts[at + 1] += 1;
        }
        let mut sum = 0;
        for count in &mut counts.0 {
            sum += *count;
            *count = sum;
        }
        let starts = counts.0;
        let mut next = Dense(starts.clone());
        let mut values = Dense::filled(T::default(), sum as usize);
        for (at, value) in pairs() {
            values[next[at]] = value;
            next[at] += 1;
        }
        Self { starts, values: values.0 }
    }
}

impl<T> Index<u32> for Lists<T> {
    type Output = [T];
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "starts has one entry more than there are lists")]
    fn index(&self, at: u32) -> &[T] {
        let at = at as usize;
        &self.values[self.starts[at] as usize..self.starts[at + 1] as usize]
    }
}
