//! One stream of records: its name, how far it is read, what was odd about it.

use std::sync::Arc;

use cordon_model::signal::Place;
use jiff::Timestamp;

use crate::problem::{Limiter, problem};
use crate::scan::Sink;

/// One stream of records: its name, how far it is read, what was odd about it.
pub struct Stream {
    pub(crate) name: Arc<str>,
    pub(crate) record: u64,
    pub(crate) last: Timestamp,
    limiter: Limiter,
}

impl Stream {
    /// Starts a stream. Records are counted from 1.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            record: 0,
            last: Timestamp::UNIX_EPOCH,
            limiter: Limiter::default(),
        }
    }

    /// Returns where the record that was read last stands.
    pub(crate) fn place(&self) -> Place {
        Place { file: Arc::clone(&self.name), record: self.record }
    }

    /// Tells a problem, or counts it if there were many of its sort.
    pub(crate) fn problem(
        &mut self,
        sort: &'static str,
        place: String,
        what: String,
        remedy: &str,
        sink: &mut dyn Sink,
    ) {
        let problem = problem(&self.name, place, what, remedy);
        if let Some(problem) = self.limiter.pass(sort, problem) {
            sink.problem(problem);
        }
    }

    /// Ends the stream: tells the problems that were only counted.
    pub fn finish(mut self, sink: &mut dyn Sink) {
        self.finish_telling(sink);
    }

    /// Tells the problems that were only counted.
    pub(crate) fn finish_telling(&mut self, sink: &mut dyn Sink) {
        std::mem::take(&mut self.limiter).rest().into_iter().for_each(|p| sink.problem(p));
    }
}
