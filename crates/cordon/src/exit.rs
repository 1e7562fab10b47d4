//! Exit codes, as documented for scripts.

/// Done, as asked; a plan that is not empty is still this.
pub(crate) const DONE: u8 = 0;
/// Failed, or a verdict command says no.
pub(crate) const FAILED: u8 = 1;
/// Usage or bad input, or a terminal is needed.
pub(crate) const USAGE: u8 = 2;
/// Something was found, where `--exit-code` asked to be told.
pub(crate) const FOUND: u8 = 10;
/// No sound plan exists, where `--exit-code` asked to be told.
pub(crate) const NO_SOUND_PLAN: u8 = 12;
/// Declined.
pub(crate) const DECLINED: u8 = 3;
/// Refused by the authority, or for a protected service.
pub(crate) const REFUSED: u8 = 5;
/// The plan was made for another state than the present one.
pub(crate) const STALE: u8 = 6;
/// Partly applied.
pub(crate) const PARTLY: u8 = 7;
/// The ledger cannot be written.
pub(crate) const LEDGER: u8 = 8;
