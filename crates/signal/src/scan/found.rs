//! What is made of one record before its order counts.
//!
//! A [`crate::scan::desk::Desk`] reads records in any order and on any thread;
//! what it finds is handed to the one [`crate::scan::clerk::Clerk`], who takes
//! it in the order of the records.

use std::borrow::Cow;
use std::sync::Arc;

use cordon_model::signal::{FactKind, Mention, Outcome, Rule};
use jiff::Timestamp;
use rsigma_eval::EvaluationResult;
use smallvec::SmallVec;

use crate::extract::Fields;
use crate::format::Format;
use crate::json::Json;
use crate::recall::Pair;
use crate::scan::desk::Routed;

/// What became of a record, or of bytes where one should be.
pub(crate) enum Found {
    /// A record of a known format.
    Known(Box<Known>),
    /// A record that is none. It counts as a record and is told with its number.
    Odd {
        sort: &'static str,
        what: Cow<'static, str>,
        remedy: &'static str,
        /// The record itself, where that is wanted.
        text: Option<String>,
    },
    /// Something that could not be read, at a place of its own.
    Trouble(Trouble),
}

/// What a decoder could not read.
pub(crate) struct Trouble {
    pub(crate) sort: &'static str,
    pub(crate) place: String,
    pub(crate) what: String,
    pub(crate) remedy: &'static str,
    /// Whether it counts as a record.
    pub(crate) counts: bool,
}

/// What a record of a known format says.
pub(crate) struct Known {
    pub(crate) format: Arc<Format>,
    pub(crate) source: Arc<str>,
    /// None if the record has no time that can be read.
    pub(crate) time: Option<Timestamp>,
    /// What later records may need.
    pub(crate) pairs: SmallVec<[Pair; 1]>,
    pub(crate) facts: SmallVec<[(FactKind, Outcome); 2]>,
    /// Hosts with the address that each held.
    pub(crate) leases: SmallVec<[Mention; 1]>,
    /// Rules that matched and speak for themselves.
    pub(crate) rules: SmallVec<[Arc<Rule>; 2]>,
    /// Everything that the record names; left out where nothing is told of it.
    pub(crate) mentions: Option<Arc<[Mention]>>,
    /// The record itself, where earlier ones may have more to say about it.
    pub(crate) whole: Option<Box<Whole>>,
    /// What counts for correlations.
    pub(crate) part: Option<Box<Part>>,
}

/// A record that is kept to be read again.
pub(crate) struct Whole {
    pub(crate) routed: Arc<Routed>,
    pub(crate) record: Json<'static>,
    pub(crate) extra: Fields,
}

/// What a record counts for in correlations.
pub(crate) struct Part {
    /// The rules that matched.
    pub(crate) results: Vec<EvaluationResult>,
    /// The fields that correlations look at.
    pub(crate) fields: serde_json::Value,
    /// Tells the record from all others of its log.
    pub(crate) print: u64,
}
