//! What the intruder may have had of people's data, and what may be said about it.
//!
//! [`gather()`] reads the ledger's entries into [`Evidence`]; [`exposure()`] turns an
//! estate and that evidence into a verdict per holding and category;
//! [`check_notice`] holds the claims of a letter or statement against both and
//! points at sentences that claim something without saying so; [`recheck`]
//! does it again for what is already published; [`clocks`] says what is due when.
//! All of it is pure: no files, no clock, "now" is an input. The rules in plain
//! words stand in `docs/exposure.md` and `docs/notices.md`.

mod access;
mod agree;
mod category;
mod claim;
mod clock;
mod coverage;
mod evidence;
mod exposure;
#[cfg(test)]
mod fixture;
mod gather;
mod judge;
mod markdown;
mod matrix;
mod notice;
mod pattern;
mod published;
mod sentence;
mod spans;
mod suggest;
mod timeline;
mod unmarked;
mod words;

pub use category::{CATEGORIES, Category};
pub use clock::{Clock, Done, Duty, clock_table, clocks};
pub use evidence::{
    Access, Evidence, Foothold, InForce, Logon, ObservedLink, Reference, ServiceStates,
    ServiceView, Source,
};
pub use exposure::{
    Because, CategoryExposure, Exposure, HoldingExposure, People, SourceCoverage, Verdict, exposure,
};
pub use gather::{Gathered, gather};
pub use matrix::{matrix, reasons};
pub use notice::{Claim, ClaimProblem, NoticeReport, Unmarked, check_notice};
pub use published::{Alarm, Published, recheck};
pub use spans::{Span, heard_spans};
