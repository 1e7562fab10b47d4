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
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Per index, where its list begins and how long it is.
    spans: Vec<(u32, u32)>,
    values: Vec<T>,
}

impl<T: Copy + Default + Ord> Lists<T> {
    /// Gathers `(index, value)` pairs for `length` indexes, each list in ascending order.
    ///
    /// `pairs` gives the same pairs both times.
    pub(crate) fn gather<I: Iterator<Item = (u32, T)>>(
        length: usize,
        pairs: impl Fn() -> I,
    ) -> Self {
        let mut spans = Dense::filled((0_u32, 0_u32), length);
        for (at, _) in pairs() {
            spans[at].1 += 1;
        }
        let mut sum = 0;
        for (start, count) in &mut spans.0 {
            *start = sum;
            sum += std::mem::take(count);
        }
        let mut values = Dense::filled(T::default(), sum as usize);
        for (at, value) in pairs() {
            let (start, count) = &mut spans[at];
            values[*start + *count] = value;
            *count += 1;
        }
        let mut lists = Self { spans: spans.0, values: values.0 };
        for at in 0..index(length) {
            let (start, end) = lists.span(at);
            let list = lists.values.get_mut(start..end).unwrap_or_default();
            if !list.is_sorted() {
                list.sort_unstable();
            }
        }
        lists
    }

    /// Puts one more value into a list, at its place in the order.
    ///
    /// The list moves to the end of the block; what it leaves is lost, at most
    /// the length of a list per change.
    pub(crate) fn insert(&mut self, at: u32, value: T) {
        let (start, end) = self.span(at);
        let list = self.values.get(start..end).unwrap_or_default();
        let place = start + list.partition_point(|known| *known < value);
        let begin = self.values.len();
        self.values.extend_from_within(start..place);
        self.values.push(value);
        self.values.extend_from_within(place..end);
        if let Some(span) = self.spans.get_mut(at as usize) {
            *span = (index(begin), span.1 + 1);
        }
    }

    /// Takes a value out of a list; tells whether it was there.
    pub(crate) fn remove(&mut self, at: u32, value: T) -> bool {
        let (start, end) = self.span(at);
        let list = self.values.get_mut(start..end).unwrap_or_default();
        let Ok(place) = list.binary_search(&value) else { return false };
        list.get_mut(place..).unwrap_or_default().rotate_left(1);
        if let Some(span) = self.spans.get_mut(at as usize) {
            span.1 -= 1;
        }
        true
    }
}

impl<T> Lists<T> {
    /// How many values there are, with those that changes have left behind.
    pub(crate) fn total(&self) -> u64 {
        self.values.len() as u64
    }

    #[expect(clippy::indexing_slicing, reason = "indexes come from the network that sized this")]
    fn span(&self, at: u32) -> (usize, usize) {
        let (start, count) = self.spans[at as usize];
        (start as usize, start as usize + count as usize)
    }
}

impl<T> Index<u32> for Lists<T> {
    type Output = [T];
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "spans are kept within the block")]
    fn index(&self, at: u32) -> &[T] {
        let (start, end) = self.span(at);
        &self.values[start..end]
    }
}
