//! The other end: how the program speaks with the hand.
//!
//! The hand is a process behind a socket, or a child that this program starts.
//! Whatever becomes of it, every call is answered exactly once: with the hand's
//! reply, or with trouble that says that none came.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use cordon_connectors::Check;
use cordon_execute::Heard;
use cordon_model::action::{Call, Reply, ServiceState, Trouble, TroubleKind};
use cordon_model::record::Renew;
use cordon_model::{ServiceId, WithdrawalId};

use crate::lanes::DEADLINE;
use crate::protocol::{Answer, Ask, Numbered, read, write};
use crate::warrant::Warrant;

/// How long beyond a call's own deadline the hand may take to answer: one round of lanes.
const PATIENCE: Duration = Duration::from_secs(50);
/// How long questions of people may take.
const LONG: Duration = Duration::from_secs(120);

/// How the hand is reached.
#[derive(Debug)]
pub enum Reach {
    /// It listens on this socket.
    Socket(PathBuf),
    /// This program starts it and speaks with its standard input and output.
    Child(Box<Command>),
}

/// A connection with the hand.
#[derive(Debug)]
pub struct Client {
    reach: Reach,
    link: Option<Link>,
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
    heard: Vec<Heard>,
    answers: BTreeMap<u64, Answer>,
}

/// A stream that is up.
#[derive(Debug)]
struct Link {
    out: Out,
    came: Receiver<Numbered<Answer>>,
    child: Option<Child>,
}

#[derive(Debug)]
enum Out {
    Socket(UnixStream),
    Pipe(std::process::ChildStdin),
}

/// What an answer is waited for.
#[derive(Debug)]
enum Waiting {
    Call(Box<Call>, Instant),
    Service(ServiceId, Instant),
    Question,
}

/// Why the hand did not answer a question.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// It cannot be reached.
    #[error("the hand cannot be reached: {0}; nothing was raised or lifted by this")]
    Unreachable(io::Error),
    /// It did not answer in time, or answered something else.
    #[error("the hand gave no answer to that; see its log")]
    Silent,
}

impl Client {
    /// Makes a client; the hand is reached when it is first needed.
    #[must_use]
    pub fn new(reach: Reach) -> Self {
        let (waiting, answers) = (BTreeMap::new(), BTreeMap::new());
        Self { reach, link: None, next: 1, waiting, heard: Vec::new(), answers }
    }

    /// Hands a call over; its answer comes by [`Client::heard`].
    pub fn call(&mut self, call: Call) {
        let call = Box::new(call);
        let due = Instant::now() + DEADLINE + PATIENCE;
        match self.ask(Ask::Call(call.clone())) {
            Ok(id) => {
                self.waiting.insert(id, Waiting::Call(call, due));
            }
            Err(error) => {
                let why = format!("the hand cannot be reached: {error}");
                let trouble = Trouble::new(TroubleKind::Unreachable, why);
                self.heard.push(Heard::Reply(call, Reply::Trouble(trouble)));
            }
        }
    }

    /// Says that a withdrawal is lifted. A hand that does not hear it keeps what it knows.
    pub fn over(&mut self, withdrawal: &WithdrawalId) {
        drop(self.ask(Ask::Over { withdrawal: withdrawal.clone() }));
    }

    /// Asks for a service; its answer comes by [`Client::heard`].
    pub fn probe_service(&mut self, service: &ServiceId) {
        let due = Instant::now() + DEADLINE + PATIENCE;
        match self.ask(Ask::Service { service: service.clone() }) {
            Ok(id) => {
                self.waiting.insert(id, Waiting::Service(service.clone(), due));
            }
            Err(_) => self.heard.push(Heard::Service(service.clone(), ServiceState::Unknown)),
        }
    }

    /// Takes what has come; waits for at most so long if nothing has.
    pub fn heard(&mut self, wait: Duration) -> Vec<Heard> {
        if self.heard.is_empty() {
            self.wait(wait);
        }
        self.overdue();
        std::mem::take(&mut self.heard)
    }

    /// Takes in everything that has come, and waits for the first if there is nothing.
    fn wait(&mut self, wait: Duration) {
        let Some(link) = &self.link else {
            thread::sleep(wait);
            return;
        };
        let mut gone = false;
        let mut came = Vec::new();
        match link.came.recv_timeout(wait) {
            Ok(first) => {
                came.push(first);
                came.extend(link.came.try_iter());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => gone = true,
        }
        for answer in came {
            self.take(answer);
        }
        if gone {
            self.lost();
        }
    }

    fn take(&mut self, answer: Numbered<Answer>) {
        if let Answer::Changed { node } = answer.body {
            self.heard.push(Heard::Changed(node));
            return;
        }
        // What is not waited for any more was overdue.
        let Some(waiting) = self.waiting.remove(&answer.id) else { return };
        match (waiting, answer.body) {
            (Waiting::Call(call, _), Answer::Reply(reply)) => {
                self.heard.push(Heard::Reply(call, reply));
            }
            (Waiting::Call(call, _), _) => {
                let trouble = Trouble::new(TroubleKind::Unsupported, "the hand answered nonsense");
                self.heard.push(Heard::Reply(call, Reply::Trouble(trouble)));
            }
            (Waiting::Service(service, _), Answer::Service { state }) => {
                self.heard.push(Heard::Service(service, state));
            }
            (Waiting::Service(service, _), _) => {
                self.heard.push(Heard::Service(service, ServiceState::Unknown));
            }
            (Waiting::Question, body) => {
                self.answers.insert(answer.id, body);
            }
        }
    }

    /// The hand is gone: what it was asked may have been done or not.
    fn lost(&mut self) {
        self.close();
        for (_, waiting) in std::mem::take(&mut self.waiting) {
            self.no_answer(waiting, "the hand went away before it answered");
        }
    }

    fn overdue(&mut self) {
        let now = Instant::now();
        let late = |waiting: &Waiting| match waiting {
            Waiting::Call(_, due) | Waiting::Service(_, due) => now > *due,
            Waiting::Question => false,
        };
        let late: Vec<u64> =
            self.waiting.iter().filter(|(_, w)| late(w)).map(|(id, _)| *id).collect();
        for id in late {
            if let Some(waiting) = self.waiting.remove(&id) {
                self.no_answer(waiting, "the hand did not answer in time");
            }
        }
    }

    fn no_answer(&mut self, waiting: Waiting, why: &str) {
        match waiting {
            Waiting::Call(call, _) => {
                let trouble = Trouble::new(TroubleKind::NoReply, why);
                self.heard.push(Heard::Reply(call, Reply::Trouble(trouble)));
            }
            Waiting::Service(service, _) => {
                self.heard.push(Heard::Service(service, ServiceState::Unknown));
            }
            Waiting::Question => {}
        }
    }

    /// Asks whether a cordon may be raised; if so it may from now on.
    ///
    /// # Errors
    /// When the hand does not answer. A refusal is an answer.
    pub fn warrant(&mut self, warrant: Warrant) -> Result<Result<String, String>, NoAnswer> {
        self.yes_or_no(Ask::Warrant(Box::new(warrant)))
    }

    /// Asks whether a cordon would be allowed.
    ///
    /// # Errors
    /// When the hand does not answer.
    pub fn consider(&mut self, warrant: Warrant) -> Result<Result<String, String>, NoAnswer> {
        self.yes_or_no(Ask::Consider(Box::new(warrant)))
    }

    /// Asks for a longer life.
    ///
    /// # Errors
    /// When the hand does not answer.
    pub fn renew(&mut self, renew: Renew) -> Result<Result<String, String>, NoAnswer> {
        self.yes_or_no(Ask::Renew(renew))
    }

    /// Asks what a call would send.
    ///
    /// # Errors
    /// When the hand does not answer.
    pub fn rehearse(&mut self, call: Call) -> Result<Result<Vec<String>, Trouble>, NoAnswer> {
        match self.question(Ask::Rehearse(Box::new(call)))? {
            Answer::Rehearsed { lines } => Ok(Ok(lines)),
            Answer::Reply(Reply::Trouble(trouble)) => Ok(Err(trouble)),
            _ => Err(NoAnswer::Silent),
        }
    }

    /// Asks the connectors whether they could act.
    ///
    /// # Errors
    /// When the hand does not answer.
    pub fn preflight(
        &mut self,
        connector: Option<String>,
    ) -> Result<Vec<(String, Vec<Check>)>, NoAnswer> {
        match self.question(Ask::Preflight { connector })? {
            Answer::Checks { checks } => Ok(checks),
            _ => Err(NoAnswer::Silent),
        }
    }

    fn yes_or_no(&mut self, ask: Ask) -> Result<Result<String, String>, NoAnswer> {
        match self.question(ask)? {
            Answer::Accepted { because } => Ok(Ok(because)),
            Answer::Refused { because } => Ok(Err(because)),
            _ => Err(NoAnswer::Silent),
        }
    }

    fn question(&mut self, ask: Ask) -> Result<Answer, NoAnswer> {
        let id = self.ask(ask).map_err(NoAnswer::Unreachable)?;
        self.waiting.insert(id, Waiting::Question);
        let end = Instant::now() + LONG;
        while Instant::now() < end && self.waiting.contains_key(&id) {
            self.wait(Duration::from_millis(200));
        }
        self.waiting.remove(&id);
        self.answers.remove(&id).ok_or(NoAnswer::Silent)
    }

    fn ask(&mut self, body: Ask) -> io::Result<u64> {
        if self.link.is_none() {
            self.link = Some(self.reach.connect()?);
        }
        let id = self.next;
        self.next += 1;
        let Some(link) = &mut self.link else { return Err(io::ErrorKind::NotConnected.into()) };
        match write(&mut link.out, &Numbered { id, body }) {
            Ok(()) => Ok(id),
            Err(error) => {
                self.lost();
                Err(error)
            }
        }
    }

    fn close(&mut self) {
        if let Some(Link { out, child, .. }) = self.link.take() {
            drop(out);
            if let Some(mut child) = child {
                drop(child.wait());
            }
        }
    }

    /// The number of the hand's process, if this program started it.
    #[must_use]
    pub fn child(&self) -> Option<u32> {
        self.link.as_ref()?.child.as_ref().map(Child::id)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close();
    }
}

impl Reach {
    fn connect(&mut self) -> io::Result<Link> {
        let (told, came) = channel();
        match self {
            Self::Socket(path) => {
                let stream = UnixStream::connect(path)?;
                let from = stream.try_clone()?;
                thread::spawn(move || listen(from, &told));
                Ok(Link { out: Out::Socket(stream), came, child: None })
            }
            Self::Child(command) => {
                let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
                let pipes = child.stdin.take().zip(child.stdout.take());
                let Some((out, from)) = pipes else { return Err(io::ErrorKind::BrokenPipe.into()) };
                thread::spawn(move || listen(from, &told));
                Ok(Link { out: Out::Pipe(out), came, child: Some(child) })
            }
        }
    }
}

fn listen(from: impl io::Read, told: &Sender<Numbered<Answer>>) {
    let mut from = BufReader::new(from);
    while let Ok(Some(answer)) = read(&mut from) {
        if told.send(answer).is_err() {
            return;
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Socket(out) => out.write(bytes),
            Self::Pipe(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Socket(out) => out.flush(),
            Self::Pipe(out) => out.flush(),
        }
    }
}
