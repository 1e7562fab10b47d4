//! What a flow proves by itself: its amounts are multipliers of its paths' rows.
//!
//! On a million nodes with a full cap the linear relaxation may outlast the
//! limits; the flow with its tolls is a certificate already.

use crate::master::{Key, Master};
use crate::proof;

/// A bound with the multipliers that prove it, over a denominator of 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flowed {
    /// In minor units.
    pub(crate) bound: i64,
    /// Multipliers, in minor units.
    pub(crate) rows: Vec<(Key, u64)>,
}

impl Flowed {
    /// Weighs a flow's paths, which are rows of the master, and the tolls of caps.
    pub(crate) fn new(
        master: &Master<'_>,
        paths: &[(Vec<u32>, u32, i64)],
        tolls: &[i64],
    ) -> Option<Self> {
        let mut multipliers = vec![0_u64; master.rows.len()];
        let paths =
            paths.iter().map(|(path, asset, flow)| (master.row_of_path(path, *asset), *flow));
        let tolls = tolls.iter().zip(0..).map(|(&toll, cap)| (master.row_of_cap(cap), toll));
        for (row, amount) in paths.chain(tolls) {
            *multipliers.get_mut(row? as usize)? += u64::try_from(amount).ok()?;
        }
        let bound = proof::bound(master, &multipliers, 1)?;
        let used = master.rows.iter().zip(multipliers).filter(|(_, times)| *times > 0);
        Some(Self { bound, rows: used.map(|(row, times)| (row.key.clone(), times)).collect() })
    }
}
