//! The way of records from their decoder to the sink, on one thread or several.
//!
//! With one thread a record is read and told at once. With more, decoders fill
//! sheets of records; a sheet that is full goes to whoever is free, and what
//! was found comes back into line before it is told, so that the sink sees the
//! same sequence however many work and however large a sheet is. Only so many
//! sheets are on the way at once: then whoever decodes reads one, too.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use cordon_model::signal::Problem;

use crate::decode::Meter;
use crate::format::Formats;
use crate::json::Json;
use crate::scan::Sink;
use crate::scan::clerk::Clerk;
use crate::scan::desk::{Books, Desk};
use crate::scan::found::{Found, Trouble};
use crate::scan::queue::{Chunk, Queue, Sheet};
use crate::stream::Stream;

type Told = Rc<RefCell<Stream>>;

/// Where decoders put what they read.
pub(crate) struct Feed<'s> {
    books: &'s Books,
    desk: &'s mut Desk,
    clerk: &'s mut Clerk,
    sink: &'s mut dyn Sink,
    queue: Option<&'s Queue>,
    /// A sheet of so many bytes is full.
    full: usize,
    /// As many sheets are on the way.
    most: usize,
    stream: Option<Told>,
    sheet: Sheet,
    on_the_way: VecDeque<Step>,
    found: Vec<Found>,
}

/// What comes next in line.
enum Step {
    /// A sheet that somebody reads.
    Read(u64, Told),
    End(Told),
    Problem(Problem),
}

impl<'s> Feed<'s> {
    /// A feed that reads and tells at once.
    pub(crate) fn new(
        books: &'s Books,
        desk: &'s mut Desk,
        clerk: &'s mut Clerk,
        sink: &'s mut dyn Sink,
    ) -> Self {
        Self {
            books,
            desk,
            clerk,
            sink,
            queue: None,
            full: 0,
            most: 0,
            stream: None,
            sheet: Sheet::default(),
            on_the_way: VecDeque::new(),
            found: Vec::new(),
        }
    }

    /// Lets others read sheets of `full` bytes, `most` of them at once.
    pub(crate) fn shared(mut self, queue: &'s Queue, full: usize, most: usize) -> Self {
        (self.queue, self.full, self.most) = (Some(queue), full, most);
        self
    }

    /// Returns the formats by which records are read.
    pub(crate) fn formats(&self) -> &'s Formats {
        &self.books.formats
    }

    /// Begins a stream of records.
    pub(crate) fn begin(&mut self, name: &str) {
        self.stream = Some(Rc::new(RefCell::new(Stream::new(name))));
    }

    /// Ends the stream.
    pub(crate) fn end(&mut self) {
        self.send();
        if let Some(stream) = self.stream.take() {
            self.step(Step::End(stream));
        }
    }

    /// Takes a record: a JSON document, or a line of text that a format knows.
    pub(crate) fn line(&mut self, bytes: &[u8]) {
        if self.queue.is_none() {
            self.desk.line(self.books, bytes, &mut self.found);
            return self.tell_found();
        }
        if !self.sheet.takes_lines() {
            self.send();
        }
        self.sheet.add_line(bytes);
        self.send_if_full();
    }

    /// Takes a value that a decoder made: a record, or several in a list.
    pub(crate) fn value(&mut self, json: &Json<'_>) {
        if self.queue.is_none() {
            self.desk.value(self.books, json, &mut self.found);
            return self.tell_found();
        }
        if !self.sheet.takes_values() {
            self.send();
        }
        self.sheet.add_value(json);
        self.send_if_full();
    }

    /// Takes a chunk of an event log.
    pub(crate) fn chunk(&mut self, chunk: Chunk) {
        if !self.sheet.takes_chunks() {
            self.send();
        }
        self.sheet.add_chunk(chunk);
        self.send_if_full();
    }

    /// Tells what a decoder could not read.
    pub(crate) fn trouble(
        &mut self,
        sort: &'static str,
        place: String,
        what: String,
        remedy: &'static str,
    ) {
        self.add_trouble(Trouble { sort, place, what, remedy, counts: false });
    }

    /// Tells of a record that a decoder could not read.
    pub(crate) fn lost_record(
        &mut self,
        sort: &'static str,
        place: String,
        what: String,
        remedy: &'static str,
    ) {
        self.add_trouble(Trouble { sort, place, what, remedy, counts: true });
    }

    /// Tells of a record that is none.
    pub(crate) fn odd(&mut self, sort: &'static str, what: &'static str, remedy: &'static str) {
        self.send();
        self.sheet = Sheet::Odd { sort, what, remedy };
        self.send();
    }

    fn add_trouble(&mut self, trouble: Trouble) {
        self.send();
        self.sheet = Sheet::Trouble(trouble);
        self.send();
    }

    /// Tells what is wrong with a file as such.
    pub(crate) fn problem(&mut self, problem: Problem) {
        self.send();
        self.step(Step::Problem(problem));
    }

    /// Tells how far the input is read.
    pub(crate) fn progress(&mut self, meter: &Meter) {
        meter.tell(self.sink);
    }

    /// Tells that a file of `size` bytes is done with.
    pub(crate) fn progress_to_end(&mut self, meter: &Meter, size: u64) {
        meter.finish(size, self.sink);
    }

    /// Waits until everything is told.
    pub(crate) fn finish(mut self) {
        self.send();
        while !self.on_the_way.is_empty() {
            self.help_or_wait();
        }
    }

    fn send_if_full(&mut self) {
        if self.sheet.size() >= self.full {
            self.send();
        }
    }

    /// Hands the sheet over to be read.
    fn send(&mut self) {
        if self.sheet.is_empty() {
            return;
        }
        let sheet = std::mem::take(&mut self.sheet);
        let Some(queue) = self.queue else {
            sheet.read(self.books, self.desk, &mut self.found);
            return self.tell_found();
        };
        if let Some(stream) = &self.stream {
            let step = Step::Read(queue.put(sheet), Rc::clone(stream));
            self.step(step);
        }
    }

    fn step(&mut self, step: Step) {
        self.on_the_way.push_back(step);
        self.tell_ready();
        while self.on_the_way.len() > self.most {
            self.help_or_wait();
        }
    }

    /// Reads a sheet that waits, or waits for one that is being read.
    fn help_or_wait(&mut self) {
        if let Some(queue) = self.queue
            && !queue.help(self.books, self.desk)
            && let Some(Step::Read(number, _)) = self.on_the_way.front()
        {
            queue.wait(*number);
        }
        self.tell_ready();
    }

    /// Tells everything that is next in line and read.
    fn tell_ready(&mut self) {
        while let Some(step) = self.on_the_way.pop_front() {
            match step {
                Step::Read(number, stream) => match self.queue.and_then(|queue| queue.take(number))
                {
                    Some(found) => self.tell(&stream, found),
                    None => return self.on_the_way.push_front(Step::Read(number, stream)),
                },
                Step::End(stream) => stream.borrow_mut().finish_telling(self.sink),
                Step::Problem(problem) => self.sink.problem(problem),
            }
        }
    }

    fn tell(&mut self, stream: &Told, found: Vec<Found>) {
        let stream = &mut stream.borrow_mut();
        for found in found {
            self.clerk.tell(&self.books.rules, stream, found, self.sink);
        }
    }

    fn tell_found(&mut self) {
        let mut found = std::mem::take(&mut self.found);
        if let Some(stream) = &self.stream {
            let stream = &mut stream.borrow_mut();
            for found in found.drain(..) {
                self.clerk.tell(&self.books.rules, stream, found, self.sink);
            }
        }
        self.found = found;
    }
}
