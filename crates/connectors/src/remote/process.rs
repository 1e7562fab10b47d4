//! One child process: fed, read and killed at the deadline.
//!
//! Input and both outputs are moved by threads of their own, so that a program
//! that fills one pipe while we wait at another cannot hang us. A grandchild
//! that keeps a pipe open does not either: what it says later is not read.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::Ran;

/// How long what was written is still collected after the end of a program.
const DRAIN: Duration = Duration::from_millis(200);

/// How a run came out.
pub(super) enum Ended {
    /// It ended by itself.
    Whole(Ran),
    /// It was killed at the deadline.
    OutOfTime {
        /// What it had complained of until then.
        stderr: String,
    },
}

/// Runs a command; an error means that it never started.
pub(super) fn run(mut command: Command, input: &[u8], by: Instant) -> std::io::Result<Ended> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let named = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .spawn()
        .map_err(|error| std::io::Error::new(error.kind(), format!("`{named}`: {error}")))?;
    feed(&mut child, input.to_vec());
    let stdout = child.stdout.take().map(collect);
    let stderr = child.stderr.take().map(collect);
    let code = wait(&mut child, by, stdout.as_ref())?;
    let drained = Instant::now() + DRAIN;
    let stdout = text(stdout, drained);
    let stderr = text(stderr, drained);
    Ok(match code {
        Some(code) => Ended::Whole(Ran { code, stdout, stderr }),
        None => Ended::OutOfTime { stderr },
    })
}

fn feed(child: &mut Child, input: Vec<u8>) {
    let Some(mut stdin) = child.stdin.take() else { return };
    // A program that ends without reading all is judged by what it says.
    std::thread::spawn(move || drop(stdin.write_all(&input)));
}

struct Collected {
    chunks: Receiver<Vec<u8>>,
    held: std::cell::RefCell<Vec<u8>>,
}

fn collect(mut from: impl Read + Send + 'static) -> Collected {
    let (send, chunks) = channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let Some(chunk) = buffer.get(..count) else { return };
            if send.send(chunk.to_vec()).is_err() {
                return;
            }
        }
    });
    Collected { chunks, held: Vec::new().into() }
}

/// Waits for the end of its output, then of the program: both come together but for daemons.
fn wait(
    child: &mut Child,
    by: Instant,
    stdout: Option<&Collected>,
) -> std::io::Result<Option<Option<i32>>> {
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.code()));
        }
        let left = by.saturating_duration_since(Instant::now());
        if left.is_zero() {
            drop(child.kill());
            child.wait()?;
            return Ok(None);
        }
        let turn = pause.min(left);
        match stdout.map(|out| (out, out.chunks.recv_timeout(turn))) {
            Some((out, Ok(chunk))) => out.held.borrow_mut().extend(chunk),
            Some((_, Err(RecvTimeoutError::Timeout))) => {}
            Some((_, Err(RecvTimeoutError::Disconnected))) | None => std::thread::sleep(turn),
        }
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

fn text(from: Option<Collected>, until: Instant) -> String {
    let Some(Collected { chunks, held }) = from else { return String::new() };
    let mut held = held.into_inner();
    while let Ok(chunk) = chunks.recv_timeout(until.saturating_duration_since(Instant::now())) {
        held.extend(chunk);
    }
    String::from_utf8_lossy(&held).into_owned()
}

/// What is done with each line.
pub(crate) type LinesFrom = Box<dyn Fn(&str) + Send>;

/// A program that goes on telling; dropped, it is killed.
pub(crate) struct Lines(Child);

impl Lines {
    pub(super) fn start(mut command: Command, told: LinesFrom) -> std::io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                let lines = BufReader::new(stdout).lines();
                lines.map_while(Result::ok).for_each(|line| told(&line));
            });
        }
        Ok(Self(child))
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
