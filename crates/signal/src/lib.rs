//! Log formats and Sigma rules: from log bytes to events, facts and detections.
//!
//! An [`Input`] is opened and decoded; declarative [`Formats`] say what each
//! record means (its time, its Sigma logsources, the nodes it names, the facts
//! it states); Sigma [`Rules`] are matched with it; a [`Sink`] receives all that
//! comes of it, in the order of the records. [`Scanner`] ties them together.
//!
//! Nothing here knows the estate or decides who is an intruder: a spelling is
//! handed on as the log had it. Broken input gives [`Problem`]s with a place and
//! a remedy, and whatever of it is good.
//!
//! Start reading in `scan.rs`; the format language is in `format.rs` and in
//! `docs/formats.md`, its application to records in `class.rs` and `mention.rs`.
//!
//! [`Problem`]: cordon_model::signal::Problem

mod audit;
mod builtin;
mod cef;
mod class;
mod condition;
mod decode;
mod extract;
mod files;
mod format;
mod format_file;
mod input;
mod json;
mod mention;
mod needles;
mod problem;
mod reading;
mod recall;
mod recognise;
mod records;
mod rule_files;
mod rules;
mod scan;
mod stream;
mod syslog;
mod template;
mod time;
mod uses;
mod view;

pub use format::{Format, Formats};
pub use input::Input;
pub use reading::Reading;
pub use rules::{RuleSource, Rules};
pub use scan::{Heard, Scanner, Sink};
pub use stream::Stream;
