//! The scanner: records in; events, facts, detections and problems out.
//!
//! A [`Scanner`] holds the formats, the rules and what it has learned of the
//! kinds of records seen. It does not know where records come from: files and
//! archives are opened by [`crate::Input`], the live loop and the drill hand
//! over bytes. What it finds goes to a [`Sink`] at once and is not kept, but
//! for what correlation rules count in the order of time.

pub(crate) mod clerk;
mod correlate;
pub(crate) mod desk;
pub(crate) mod feed;
pub(crate) mod found;
pub(crate) mod gate;
mod grams;
mod literal;
mod memo;
pub(crate) mod queue;
mod sieve;
mod sieves;

use std::io::Read;
use std::num::NonZeroUsize;
use std::sync::Arc;

use cordon_model::signal::{Detection, Fact, Place, Problem, Rule};
use jiff::Timestamp;

use crate::format::Formats;
use crate::input::{self, Input};
use crate::reading::Reading;
use crate::rules::Rules;
use crate::stream::Stream;

use self::clerk::Clerk;
use self::correlate::Counter;
use self::desk::{Books, Desk};
use self::feed::Feed;
use self::queue::Queue;
use self::sieves::Sieves;

/// Records are handed from thread to thread in sheets of about so many bytes.
const SHEET: usize = 1 << 20;
/// As many sheets per thread are on the way at once.
const SHEETS: usize = 4;

/// What a scan finds, in the order of the records. Correlations come when the
/// scan ends, in the order of time.
pub trait Sink {
    /// A record was recognised.
    fn event(&mut self, _event: &Heard<'_>) {}
    /// A rule matched.
    fn detection(&mut self, _detection: Detection) {}
    /// A record states a fact.
    fn fact(&mut self, _fact: Fact) {}
    /// Something could not be read or understood.
    fn problem(&mut self, _problem: Problem) {}
    /// Tells whether this sink wants all that is read from each record, and each unknown one.
    fn wants_readings(&self) -> bool {
        false
    }
    /// All that a recognised record says, if that is wanted.
    fn reading(&mut self, _reading: Reading) {}
    /// A record that no format knows, if readings are wanted.
    fn unknown(&mut self, _place: &Place, _text: &str) {}
    /// So many bytes of the input were read (compressed bytes for compressed files).
    fn progress(&mut self, _bytes: u64) {}
}

/// One recognised record, for counts and for "when was each source last heard".
#[derive(Clone, Debug)]
pub struct Heard<'a> {
    /// When it happened.
    pub time: Timestamp,
    /// The id of its format.
    pub format: &'a str,
    /// The log that it belongs to: `security:dc1.north.example`, `pgaudit:members`.
    pub source: &'a Arc<str>,
    /// Where it stood.
    pub place: &'a Place,
}

/// Reads records by their formats and matches them with rules.
pub struct Scanner {
    books: Books,
    clerk: Clerk,
    /// One per thread.
    desks: Vec<Desk>,
    sheet: usize,
    found: Vec<found::Found>,
}

impl Scanner {
    /// Makes a scanner of formats and rules. It works on one thread.
    pub fn new(formats: Formats, mut rules: Rules) -> Self {
        let counter = Counter::new(rules.take_correlator());
        Self {
            books: Books { formats, rules, sieves: Sieves::default() },
            clerk: Clerk::new(counter),
            desks: vec![Desk::default()],
            sheet: SHEET,
            found: Vec::new(),
        }
    }

    /// Lets scans work on so many threads, the caller's own among them. What
    /// the sink is told does not depend on it.
    #[must_use]
    pub fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.desks.resize_with(threads.get(), Desk::default);
        self
    }

    /// Hands records from thread to thread in sheets of so many bytes; for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn with_sheets(mut self, bytes: usize) -> Self {
        self.sheet = bytes;
        self
    }

    /// Returns the rules.
    pub fn rules(&self) -> &Rules {
        &self.books.rules
    }

    /// Returns the formats.
    pub fn formats(&self) -> &Formats {
        &self.books.formats
    }

    /// Forgets what earlier scans have said, as if nothing had been read yet.
    pub fn forget(&mut self) {
        self.clerk.forget();
    }

    /// Reads all records of an input and tells the sink what they say.
    pub fn scan(&mut self, input: &Input, sink: &mut dyn Sink) {
        self.scan_all(std::slice::from_ref(input), sink);
    }

    /// Reads all records of several inputs; correlations see them as one.
    pub fn scan_all(&mut self, inputs: &[Input], sink: &mut dyn Sink) {
        self.feed(sink, |feed| inputs.iter().for_each(|input| input::read(feed, input)));
    }

    /// Reads all records from a reader, whatever they are wrapped in. `name` is
    /// what places and problems call it.
    pub fn read(&mut self, name: &str, reader: &mut dyn Read, sink: &mut dyn Sink) {
        self.feed(sink, |feed| input::read_from(feed, name, reader));
    }

    /// Reads one record of a stream: a JSON document, or a line of text. The
    /// sink is told everything at once, correlations too: a record that comes
    /// late completes what it belongs to.
    pub fn line(&mut self, stream: &mut Stream, bytes: &[u8], sink: &mut dyn Sink) {
        let Some(desk) = self.desks.first_mut() else {
            return;
        };
        desk.tells_all = sink.wants_readings();
        desk.line(&self.books, bytes, &mut self.found);
        for found in self.found.drain(..) {
            self.clerk.tell(&self.books.rules, stream, found, sink);
        }
        self.clerk.counter.settle(&self.books.rules, Timestamp::MAX, sink);
    }

    /// Returns the rules that one record sets off, and what was wrong with it.
    ///
    /// Correlations count what this scanner has seen before.
    pub fn fired(&mut self, record: &str) -> (Vec<Arc<Rule>>, Vec<Problem>) {
        #[derive(Default)]
        struct Fired(Vec<Arc<Rule>>, Vec<Problem>);
        impl Sink for Fired {
            fn detection(&mut self, detection: Detection) {
                self.0.push(detection.rule);
            }
            fn problem(&mut self, problem: Problem) {
                self.1.push(problem);
            }
        }
        let mut fired = Fired::default();
        let mut stream = Stream::new("record");
        self.line(&mut stream, record.as_bytes(), &mut fired);
        stream.finish(&mut fired);
        (fired.0, fired.1)
    }

    /// Lets `read` put records into a feed that all threads work on, and then
    /// counts what they say together.
    fn feed(&mut self, sink: &mut dyn Sink, read: impl FnOnce(&mut Feed<'_>)) {
        self.feed_records(sink, read);
        self.clerk.counter.settle(&self.books.rules, Timestamp::MAX, sink);
    }

    fn feed_records(&mut self, sink: &mut dyn Sink, read: impl FnOnce(&mut Feed<'_>)) {
        let Self { books, clerk, desks, sheet, .. } = self;
        let books = &*books;
        let threads = desks.len();
        let Some((own, others)) = desks.split_first_mut() else {
            return;
        };
        own.tells_all = sink.wants_readings();
        let alone = others.is_empty() || own.tells_all;
        let mut feed = Feed::new(books, own, clerk, sink);
        if alone {
            read(&mut feed);
            return feed.finish();
        }
        let queue = Queue::default();
        std::thread::scope(|scope| {
            let _closes = queue.closes();
            for desk in others {
                scope.spawn(|| queue.work(books, desk));
            }
            let mut feed = feed.shared(&queue, *sheet, threads * SHEETS);
            read(&mut feed);
            feed.finish();
        });
    }
}

#[cfg(test)]
mod tests;
