//! Stands between a connector and an HTTP server, and meddles: answers itself, loses
//! replies, waits, hangs up.
//!
//! It reads one request of HTTP/1.1 per connection, asks what to do with it, and
//! closes the connection afterwards. Every request is kept, to be counted.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// With its query.
    pub path: String,
    /// Everything, as it came.
    pub raw: Vec<u8>,
}

/// What is done with a request.
#[derive(Clone, Debug)]
pub enum Meddling {
    /// It is passed on.
    Pass,
    /// It is passed on after a while.
    Slow(Duration),
    /// It is passed on, and the answer is thrown away; the connection stays silent for so long.
    LoseReply(Duration),
    /// It is not passed on, and the connection is closed.
    HangUp,
    /// It is answered with a status, further header lines and a body.
    Answer(u16, String, String),
}

type Decide = Box<dyn Fn(&Request) -> Meddling + Send>;

/// A meddler on loopback.
#[derive(Clone)]
pub struct Meddler {
    /// Its port on 127.0.0.1.
    pub port: u16,
    decide: Arc<Mutex<Decide>>,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Meddler {
    /// Starts one before the server at a port of 127.0.0.1; it passes everything at first.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(server: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let decide: Decide = Box::new(|_| Meddling::Pass);
        let meddler = Self {
            port: listener.local_addr()?.port(),
            decide: Arc::new(Mutex::new(decide)),
            seen: Arc::default(),
        };
        let own = meddler.clone();
        // It ends with the process of the test.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || drop(own.serve(client, server)));
            }
        });
        Ok(meddler)
    }

    /// Meddles like this from now on.
    pub fn meddle(&self, decide: impl Fn(&Request) -> Meddling + Send + 'static) {
        *self.decide.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(decide);
    }

    /// The requests since this was asked last.
    #[must_use]
    pub fn seen(&self) -> Vec<Request> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn serve(&self, mut client: TcpStream, server: u16) -> std::io::Result<()> {
        let Some(request) = read_request(&mut client)? else { return Ok(()) };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        let meddling = self.decide.lock().unwrap_or_else(PoisonError::into_inner)(&request);
        match meddling {
            Meddling::Pass => client.write_all(&pass(&request, server)?),
            Meddling::Slow(wait) => {
                std::thread::sleep(wait);
                client.write_all(&pass(&request, server)?)
            }
            Meddling::LoseReply(silence) => {
                pass(&request, server)?;
                std::thread::sleep(silence);
                Ok(())
            }
            Meddling::HangUp => Ok(()),
            Meddling::Answer(status, header, body) => {
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n\
                     connection: close\r\ncontent-length: {length}\r\n{header}\r\n"
                );
                client.write_all(format!("{head}{body}").as_bytes())
            }
        }
    }
}

fn pass(request: &Request, server: u16) -> std::io::Result<Vec<u8>> {
    let mut upstream = TcpStream::connect(("127.0.0.1", server))?;
    let text = String::from_utf8_lossy(&request.raw);
    let closing = text.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    upstream.write_all(closing.as_bytes())?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    Ok(text.replacen("\r\n", "\r\nconnection: close\r\n", 1).into_bytes())
}

fn read_request(client: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut raw = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let count = client.read(&mut buffer)?;
        raw.extend(buffer.iter().take(count));
        let text = String::from_utf8_lossy(&raw).into_owned();
        if count == 0 {
            return Ok(None);
        }
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        if body.len() < length.unwrap_or(0) {
            continue;
        }
        let mut words = head.split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (method, path) = (word(), word());
        return Ok(Some(Request { method, path, raw }));
    }
}
