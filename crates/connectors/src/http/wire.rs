//! One request to the outside system and what came of it, within the deadline.
//!
//! Here is decided whether a request never arrived, was refused, or was perhaps
//! done: the difference between *unreachable* and *no reply*. Only what cannot
//! have had an effect is sent again: throttled requests, refused tokens, reads
//! whose connection broke. What an answer means is the definition's business.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cordon_model::action::{Trouble, TroubleKind};
use jiff::Timestamp;
use serde_json::Value as Json;
use ureq::Agent;
use ureq::tls::Certificate;

use crate::web;

use super::auth::{Auth, Token, TokenSource};
use super::definition::{Code, Errors};
use super::sigv4::Signed;
use super::template::joined;
use super::verdict::{Loss, loss};
use super::xml;

/// An answer may be so long, in bytes.
const LONGEST: u64 = 16 << 20;
/// A connection is opened within this time, or not at all.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept; vendors' gateways drop them after a minute or more.
const IDLE: Duration = Duration::from_secs(15);

/// The way to one outside system.
pub(super) struct Wire {
    agent: Agent,
    pub(super) title: String,
    auth: Auth,
    /// As definitions name it.
    pub(super) auth_kind: &'static str,
    pub(super) errors: Errors,
    apart: Duration,
    next: Mutex<Instant>,
}

/// A request, filled in.
pub(super) struct Outgoing {
    pub(super) method: &'static str,
    /// Scheme, host and path.
    pub(super) url: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<(&'static str, Vec<u8>)>,
    /// Whether it changes something.
    pub(super) writes: bool,
    /// Rights that it needs, for people.
    pub(super) needs: String,
    /// Answers that mean that there is no such thing.
    pub(super) gone: Vec<Code>,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Incoming {
    pub(super) status: u16,
    pub(super) body: Json,
    pub(super) etag: Option<String>,
    pub(super) link: Option<String>,
    pub(super) retry_after: Option<String>,
    pub(super) reset: Option<String>,
}

impl Wire {
    /// Makes the way; connects to nothing.
    ///
    /// # Errors
    /// When the certificate authority's file or the proxy is none.
    pub(super) fn new(
        title: &str,
        (auth, auth_kind): (Auth, &'static str),
        errors: Errors,
        per_second: u32,
        way: &Way<'_>,
    ) -> Result<Self, String> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_age(IDLE)
            .user_agent("cordon")
            .timeout_connect(Some(CONNECT))
            .timeout_resolve(Some(CONNECT))
            .proxy(None);
        config = config.tls_config(web::tls(match way.authority {
            Some(pem) => certificates(pem)?,
            None => system_certificates(),
        }));
        if let Some(proxy) = way.proxy {
            let proxy = ureq::Proxy::new(proxy).map_err(|error| format!("`proxy`: {error}"))?;
            config = config.proxy(Some(proxy));
        }
        let apart = Duration::from_secs(1) / per_second.max(1);
        let next = Mutex::new(Instant::now());
        let agent = config.build().new_agent();
        Ok(Self { agent, title: title.to_owned(), auth, auth_kind, errors, apart, next })
    }

    /// Sends a request until it is answered for good; `None` is a thing that does not exist.
    ///
    /// # Errors
    /// Trouble, by what the answer or its absence shows.
    pub(super) fn send(&self, out: &Outgoing, end: Instant) -> Result<Option<Incoming>, Trouble> {
        let mut broke = false;
        let mut renewed = false;
        loop {
            self.wait_for_slot(end)?;
            let token = self.token(end)?;
            let answer = match self.exchange(out, token.as_ref(), end) {
                Ok(answer) => answer,
                Err(Loss::Lost(_)) if !out.writes && !broke && Instant::now() < end => {
                    broke = true;
                    continue;
                }
                Err(loss) => return Err(self.lost(out, loss)),
            };
            let code = self.code(&answer);
            if out.gone.iter().any(|gone| gone.is(answer.status, code.as_deref())) {
                return Ok(None);
            }
            if (200..300).contains(&answer.status) {
                return Ok(Some(answer));
            }
            if let (401, Some(token), Auth::Token(source)) = (answer.status, &token, &self.auth)
                && !renewed
            {
                source.forget(&token.value);
                renewed = true;
                continue;
            }
            if let Some(wait) = self.throttled(&answer, code.as_deref()) {
                self.pause(out, wait, &answer, end)?;
                continue;
            }
            return Err(self.refused(out, &answer, code.as_deref()));
        }
    }

    /// The token in use, for the pre-flight; none where no tokens are used.
    ///
    /// # Errors
    /// When none can be had.
    pub(super) fn token(&self, end: Instant) -> Result<Option<Token>, Trouble> {
        let Auth::Token(source) = &self.auth else { return Ok(None) };
        match source.kept() {
            Some(token) => Ok(Some(token)),
            None => self.fetch_token(source, end).map(Some),
        }
    }

    fn fetch_token(&self, source: &TokenSource, end: Instant) -> Result<Token, Trouble> {
        let title = &self.title;
        let unsupported = |why| Trouble::new(TroubleKind::Unsupported, why);
        let form = source.form(Timestamp::now()).map_err(unsupported)?;
        let out = Outgoing {
            method: "POST",
            url: source.url.clone(),
            query: Vec::new(),
            headers: vec![("accept".to_owned(), "application/json".to_owned())],
            body: Some((FORM, joined(&form).into_bytes())),
            writes: false,
            needs: String::new(),
            gone: Vec::new(),
        };
        let answer = self.raw(&out, &[], end).map_err(|loss| self.lost(&out, loss))?;
        let said = self.said(&answer);
        match answer.status {
            200 => source.keep(answer.body).map_err(|why| unsupported(format!("{title}: {why}"))),
            400 | 401 | 403 => Err(Trouble::new(
                TroubleKind::Denied,
                format!(
                    "{title} gives this client no token ({said}); renew its secret or key in the settings"
                ),
            )),
            status => Err(Trouble::new(
                TroubleKind::Unreachable,
                format!("{title} gives no token now (status {status}); nothing was changed"),
            )),
        }
    }

    fn exchange(
        &self,
        out: &Outgoing,
        token: Option<&Token>,
        end: Instant,
    ) -> Result<Incoming, Loss> {
        let proof = match (&self.auth, token) {
            (Auth::Header(name, value), _) => vec![(name.clone(), value.clone())],
            (Auth::Token(_), Some(token)) => {
                vec![("authorization".to_owned(), format!("Bearer {}", token.value))]
            }
            (Auth::Token(_), None) => Vec::new(),
            (Auth::Aws(keys), _) => {
                let (host, path) = host_and_path(&out.url);
                let body = out.body.as_ref();
                let request = Signed {
                    method: out.method,
                    host,
                    path,
                    query: &out.query,
                    content_type: body.map(|(kind, _)| *kind),
                    body: body.map_or(&[], |(_, bytes)| bytes),
                };
                keys.headers(&request, Timestamp::now())
            }
        };
        self.raw(out, &proof, end)
    }

    fn raw(
        &self,
        out: &Outgoing,
        proof: &[(String, String)],
        end: Instant,
    ) -> Result<Incoming, Loss> {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Loss::NotSent("there was no time left for it".to_owned()));
        }
        let query =
            if out.query.is_empty() { String::new() } else { format!("?{}", joined(&out.query)) };
        let url = format!("{}{query}", out.url);
        let mut request = ureq::http::Request::builder().method(out.method).uri(url);
        for (name, value) in out.headers.iter().chain(proof) {
            request = request.header(name, value);
        }
        if let Some((kind, _)) = &out.body {
            request = request.header("content-type", *kind);
        }
        let not_sent = |error: ureq::http::Error| Loss::NotSent(error.to_string());
        let answer = match (&out.body, out.method) {
            (None, "GET" | "DELETE") => {
                let request = request.body(()).map_err(not_sent)?;
                self.agent
                    .run(self.agent.configure_request(request).timeout_global(Some(left)).build())
            }
            (body, _) => {
                let bytes = body.as_ref().map_or(&[][..], |(_, bytes)| bytes);
                let request = request.body(bytes).map_err(not_sent)?;
                self.agent
                    .run(self.agent.configure_request(request).timeout_global(Some(left)).build())
            }
        };
        self.read(answer.map_err(|error| loss(&error))?)
    }

    fn read(&self, answer: ureq::http::Response<ureq::Body>) -> Result<Incoming, Loss> {
        let header = |name: &str| {
            answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let reset = self.errors.reset_header.as_deref().and_then(header);
        let mut incoming = Incoming {
            status: answer.status().as_u16(),
            body: Json::Null,
            etag: header("etag"),
            link: links(&answer),
            retry_after: header("retry-after"),
            reset,
        };
        let mut answer = answer;
        let bytes = answer
            .body_mut()
            .with_config()
            .limit(LONGEST)
            .read_to_vec()
            .map_err(|error| Loss::Lost(format!("its answer broke off ({error})")))?;
        incoming.body = parsed(&bytes);
        Ok(incoming)
    }

    /// Keeps the written number of requests per second, over all lanes.
    fn wait_for_slot(&self, end: Instant) -> Result<(), Trouble> {
        let slot = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let slot = (*next).max(Instant::now());
            if slot < end {
                *next = slot + self.apart;
            }
            slot
        };
        if slot >= end {
            let why = format!(
                "there was no time left for another request to {}; nothing was changed",
                self.title
            );
            return Err(Trouble::new(TroubleKind::Unreachable, why));
        }
        std::thread::sleep(slot.saturating_duration_since(Instant::now()));
        Ok(())
    }

    fn pause(
        &self,
        out: &Outgoing,
        wait: Duration,
        answer: &Incoming,
        end: Instant,
    ) -> Result<(), Trouble> {
        let wait = wait.max(Duration::from_millis(50));
        if Instant::now() + wait >= end {
            let why = format!(
                "{} takes no more requests for {} s (status {} to `{}`); nothing was changed by it",
                self.title,
                wait.as_secs_f32().ceil(),
                answer.status,
                out.told()
            );
            return Err(Trouble::new(TroubleKind::Unreachable, why));
        }
        std::thread::sleep(wait);
        Ok(())
    }
}

/// The content type of a form.
pub(super) const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// How the outside system is reached.
pub(super) struct Way<'a> {
    /// Certificates to trust instead of the public ones, in PEM.
    pub(super) authority: Option<&'a [u8]>,
    pub(super) proxy: Option<&'a str>,
}

impl Outgoing {
    /// Method and path, for people: no query, for it may hold names.
    pub(super) fn told(&self) -> String {
        format!("{} {}", self.method, host_and_path(&self.url).1)
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, String> {
    let found = web::certificates(pem);
    if found.is_empty() { Err("`ca` holds no certificate in PEM".to_owned()) } else { Ok(found) }
}

/// What this machine trusts; a machine that trusts nobody speaks to nobody over TLS.
fn system_certificates() -> Vec<Certificate<'static>> {
    let pem = web::system_trust().and_then(|file| std::fs::read(file).ok());
    pem.map(|pem| web::certificates(&pem)).unwrap_or_default()
}

/// Host (with port) and path of an address.
pub(super) fn host_and_path(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let at = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(at);
    (host, if path.is_empty() { "/" } else { path })
}

fn links(answer: &ureq::http::Response<ureq::Body>) -> Option<String> {
    let all = answer.headers().get_all("link").iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(',')).find_map(|link| {
        let (url, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
        rest.contains("rel=\"next\"").then(|| url.to_owned())
    })
}

fn parsed(bytes: &[u8]) -> Json {
    if let Ok(json) = serde_json::from_slice(bytes) {
        return json;
    }
    let text = String::from_utf8_lossy(bytes);
    match text.trim_start().starts_with('<').then(|| xml::to_json(&text)) {
        Some(Ok(json)) => json,
        Some(Err(_)) | None => Json::Null,
    }
}
