//! A small HTTP server that stands for a vendor: it checks every request
//! against a description of the vendor's interface, then lets the vendor's
//! behaviour answer. Faults can be asked for: no answer, late answers, refusals,
//! throttling, answers that lie.
//!
//! What breaks the description is kept and fails the test when the server is dropped.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value as Json;

use super::description::{Description, Operation};

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// What the braces of the description's path stand for.
    pub(crate) parts: Vec<String>,
}

/// An answer as it goes.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn json(status: u16, body: Json) -> Self {
        let kind = ("content-type".to_owned(), "application/json".to_owned());
        Self { status, headers: vec![kind], body: body.to_string() }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn form(&self) -> Vec<(String, String)> {
        pairs(&String::from_utf8_lossy(&self.body))
    }

    pub(crate) fn asked(&self, name: &str) -> Option<String> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    }
}

/// What goes wrong with the next request that fits.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Done, but the connection breaks before the answer.
    Lost,
    /// Neither done nor answered in time.
    Slow(Duration),
    /// Answered so, and not done.
    Says(Response),
    /// The vendor's own yes, and not done.
    Lies,
}

/// The behaviour of one vendor.
pub(crate) trait Vendor: Send + 'static {
    /// Answers a request that fits the description.
    fn answer(&mut self, operation: &Operation, request: &Request, says: &str) -> Response;
    /// Everything that it keeps.
    fn state(&self) -> Json;
    /// Puts another state in place.
    fn set(&mut self, state: Json);
}

struct Inner {
    vendor: Box<dyn Vendor>,
    description: Description,
    faults: VecDeque<(bool, Fault)>,
    requests: Vec<(String, bool)>,
    complaints: Vec<String>,
}

/// A vendor that listens on loopback.
pub(crate) struct Server {
    pub(crate) address: String,
    inner: Arc<Mutex<Inner>>,
    stopped: Arc<AtomicBool>,
}

impl Server {
    pub(crate) fn start<V: Vendor>(description: &str, make: impl FnOnce(&str) -> V) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let says = address.clone();
        let inner = Arc::new(Mutex::new(Inner {
            vendor: Box::new(make(&address)),
            description: Description::read(description),
            faults: VecDeque::new(),
            requests: Vec::new(),
            complaints: Vec::new(),
        }));
        let stopped = Arc::new(AtomicBool::new(false));
        let (shared, stop) = (Arc::clone(&inner), Arc::clone(&stopped));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let (shared, says) = (Arc::clone(&shared), says.clone());
                if let Ok(stream) = stream {
                    std::thread::spawn(move || serve(&stream, &shared, &says));
                }
            }
        });
        Self { address, inner, stopped }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn state(&self) -> Json {
        self.lock().vendor.state()
    }

    /// Somebody else changes something.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Json)) {
        let mut inner = self.lock();
        let mut state = inner.vendor.state();
        change(&mut state);
        inner.vendor.set(state);
    }

    /// The next request, or the next one that writes, goes wrong.
    pub(crate) fn fault(&self, writes_only: bool, fault: Fault) {
        self.lock().faults.push_back((writes_only, fault));
    }

    /// Forgets faults that nobody met.
    pub(crate) fn no_faults(&self) {
        self.lock().faults.clear();
    }

    /// Names of the requests since the last time, with whether they write.
    pub(crate) fn asked(&self) -> Vec<(String, bool)> {
        std::mem::take(&mut self.lock().requests)
    }

    /// How many requests since the last time would change something.
    pub(crate) fn writes(&self) -> usize {
        self.asked().iter().filter(|(_, writes)| *writes).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(&self.address));
        if !std::thread::panicking() {
            let complaints = std::mem::take(&mut self.lock().complaints);
            assert!(complaints.is_empty(), "requests break the description: {complaints:#?}");
        }
    }
}

fn serve(stream: &TcpStream, inner: &Arc<Mutex<Inner>>, says: &str) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(mut request) = read(&mut reader) {
        let Some(response) = respond(inner, &mut request, says) else { return };
        if write(stream, &response).is_none() {
            return;
        }
    }
}

fn respond(inner: &Arc<Mutex<Inner>>, request: &mut Request, says: &str) -> Option<Response> {
    let mut inner = inner.lock().unwrap();
    let operation = match inner.description.check(request) {
        Ok(operation) => operation,
        Err(complaint) => {
            inner.complaints.push(complaint.clone());
            return Some(Response::json(400, serde_json::json!({ "complaint": complaint })));
        }
    };
    inner.requests.push((operation.name.clone(), operation.writes));
    let fits = inner.faults.front().is_some_and(|(writes, _)| operation.writes || !writes);
    let fault = if fits && !operation.is_token { inner.faults.pop_front() } else { None };
    match fault.map(|(_, fault)| fault) {
        Some(Fault::Slow(time)) => {
            drop(inner);
            std::thread::sleep(time);
            None
        }
        Some(Fault::Says(response)) => Some(response),
        Some(Fault::Lies) => {
            let before = inner.vendor.state();
            let response = inner.vendor.answer(&operation, request, says);
            inner.vendor.set(before);
            Some(response)
        }
        Some(Fault::Lost) => {
            inner.vendor.answer(&operation, request, says);
            None
        }
        None => {
            let response = inner.vendor.answer(&operation, request, says);
            if let Err(complaint) = operation.check_answer(&response) {
                inner.complaints.push(complaint);
            }
            Some(response)
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&length| length > 0)?;
    let mut parts = line.split_whitespace();
    let (method, target) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (path, query) = (path.to_owned(), pairs(query));
    Some(Request { method, path, query, headers, body, parts: Vec::new() })
}

fn write(mut stream: &TcpStream, response: &Response) -> Option<()> {
    let mut text = format!("HTTP/1.1 {} -\r\n", response.status);
    for (name, value) in &response.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n{}", response.body.len(), response.body));
    stream.write_all(text.as_bytes()).ok()
}

/// `a=b&c=d`, decoded.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    };
    text.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

pub(crate) fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " "))
        .decode_utf8()
        .unwrap()
        .into_owned()
}
