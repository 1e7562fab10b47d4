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
