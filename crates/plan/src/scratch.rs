//! Arrays as long as the estate that cost only what is touched of them.
//!
//! A plan near the footholds looks at some hundred nodes of a million, so its
//! searches must not pay for clearing or allocating arrays of a million. Each
//! array remembers what was set and is cleared by that; it returns to its pool
//! when it is dropped. Nothing of one search is visible to the next.

use std::ops::{Deref, DerefMut, Index};
use std::sync::{Mutex, PoisonError};

use crate::dense::Dense;

/// One value per index, the default where nothing was set.
#[derive(Debug, Default)]
pub(crate) struct Scratch<T> {
    values: Dense<T>,
    touched: Vec<u32>,
}

impl<T: Copy + Default + PartialEq> Scratch<T> {
    /// Sets a value.
    #[inline]
    pub(crate) fn set(&mut self, at: u32, value: T) {
        if self.values[at] == T::default() {
            if self.touched.len() > self.values.len() {
                self.forget_doubles();
            }
            self.touched.push(at);
        }
        self.values[at] = value;
    }

    /// What was set, unset and set again stands more than once.
    fn forget_doubles(&mut self) {
        self.touched.retain(|&at| self.values[at] != T::default());
        self.touched.sort_unstable();
        self.touched.dedup();
    }

    /// Sets everything to the default again.
    pub(crate) fn clear(&mut self) {
        for at in self.touched.drain(..) {
            self.values[at] = T::default();
        }
    }
}

impl<T> Index<u32> for Scratch<T> {
    type Output = T;
    #[inline]
    fn index(&self, at: u32) -> &T {
        &self.values[at]
    }
}

/// Arrays of one length, cleared and ready.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    length: usize,
    spare: Mutex<Vec<Scratch<T>>>,
}

impl<T: Copy + Default + PartialEq> Pool<T> {
    pub(crate) fn new(length: usize) -> Self {
        Self { length, spare: Mutex::new(Vec::new()) }
    }

    /// Lends an array in which nothing is set.
    pub(crate) fn lend(&self) -> Lent<'_, T> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let scratch = spare.unwrap_or_else(|| Scratch {
            values: Dense::filled(T::default(), self.length),
            touched: Vec::new(),
        });
        Lent { scratch, pool: self }
    }
}

/// An array that goes back to its pool.
#[derive(Debug)]
pub(crate) struct Lent<'p, T: Copy + Default + PartialEq> {
    scratch: Scratch<T>,
    pool: &'p Pool<T>,
}

impl<T: Copy + Default + PartialEq> Deref for Lent<'_, T> {
    type Target = Scratch<T>;
    fn deref(&self) -> &Scratch<T> {
        &self.scratch
    }
}

impl<T: Copy + Default + PartialEq> DerefMut for Lent<'_, T> {
    fn deref_mut(&mut self) -> &mut Scratch<T> {
        &mut self.scratch
    }
}

impl<T: Copy + Default + PartialEq> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        self.pool.spare.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
    }
}

/// The pools of one network.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Per place of the split network (see [`crate::flow`]); nodes come first.
    pub(crate) small: Pool<u32>,
    /// Per place of the split network.
    pub(crate) money: Pool<i64>,
    /// Per node.
    pub(crate) wide: Pool<u64>,
    /// Per node.
    pub(crate) pairs: Pool<(u32, u32)>,
}

impl Memory {
    pub(crate) fn new(nodes: usize, places: usize) -> Self {
        Self {
            small: Pool::new(places),
            money: Pool::new(places),
            wide: Pool::new(nodes),
            pairs: Pool::new(nodes),
        }
    }
}
