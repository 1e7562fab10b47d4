//! HTTP for connectors: one agent with deadlines, its own trust, and honest errors.
//!
//! A request either gets an answer with a status or becomes trouble that says
//! whether anything may have been changed: a system that was never reached is
//! *unreachable*, one that stays silent after it was asked gave *no reply*.
//! Only reading is repeated after a broken connection; a system that asks to
//! wait is asked again while the deadline allows. Redirects are not followed
//! and proxies of the environment are not used: a secret goes to one place.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cordon_model::action::{Json, Trouble, TroubleKind};
use ureq::http;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::secret::Secret;
use crate::site::{SettingsError, Site};

/// The longest body that is read, in bytes.
const LONGEST_BODY: u64 = 16 * 1024 * 1024;
/// The longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How often a system that asks to wait is asked again.
const PATIENCE: u32 = 4;
/// The wait where a system asks for one and does not say how long.
const PAUSE: Duration = Duration::from_millis(500);
/// How many requests are under way at the same time.
const LANES: usize = 4;
/// Where systems keep the certificates that they trust.
const SYSTEM_TRUST: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// When an answer has to be there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// So far from now.
    pub(crate) fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// What is left.
    ///
    /// # Errors
    /// Trouble of kind *unreachable* when nothing is: nothing was sent.
    pub(crate) fn left(self, what: &str) -> Result<Duration, Trouble> {
        let left = self.0.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let why = format!("no time was left to {what}; nothing was sent");
            return Err(Trouble::new(TroubleKind::Unreachable, why));
        }
        Ok(left)
    }
}

/// How a connector shows who it is.
#[derive(Clone, Debug)]
pub(crate) enum Login {
    /// It does not.
    Nobody,
    /// By a bearer token.
    Bearer(crate::secret::Revealed),
    /// By name and password.
    Basic(String, crate::secret::Revealed),
}

impl Login {
    /// Reads the login that settings name: a token, or a user with a password.
    pub(crate) fn read(
        site: &Site,
        token: Option<&Secret>,
        user: Option<&str>,
        password: Option<&Secret>,
    ) -> Result<Self, SettingsError> {
        let reveal =
            |secret: &Secret| secret.reveal(&site.folder).map_err(|error| site.no_secret(&error));
        match (token, user, password) {
            (Some(token), None, None) => Ok(Self::Bearer(reveal(token)?)),
            (None, Some(user), Some(password)) => {
                Ok(Self::Basic(user.to_owned(), reveal(password)?))
            }
            (None, None, None) => Ok(Self::Nobody),
            (_, _, _) => Err(site.wrong("give either `token`, or `user` and `password`")),
        }
    }

    fn secret(&self) -> Option<&str> {
        match self {
            Self::Nobody => None,
            Self::Bearer(secret) | Self::Basic(_, secret) => Some(secret.as_str()),
        }
    }

    fn header(&self) -> Option<String> {
        match self {
            Self::Nobody => None,
            Self::Bearer(token) => Some(format!("Bearer {}", token.as_str())),
            Self::Basic(user, password) => {
                let both = STANDARD.encode(format!("{user}:{}", password.as_str()));
                Some(format!("Basic {both}"))
            }
        }
    }
}

/// One outside system that speaks HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Web {
    agent: ureq::Agent,
    base: String,
    login: Login,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    /// Below the base address, or a whole address.
    pub(crate) path: String,
    /// What it is for, in a person's words: ``change `user:ann` ``.
    what: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Its media type, and the body.
    pub(crate) body: Option<(&'static str, String)>,
    /// What must not stand in a message, should the system repeat it.
    hidden: Option<String>,
}

impl Ask {
    /// Asks for a path with a method.
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        let path = path.into();
        let what = format!("{method} {}", path.split('?').next().unwrap_or_default());
        Self { method, path, what, headers: Vec::new(), body: None, hidden: None }
    }

    /// With words for messages.
    pub(crate) fn to(mut self, what: impl Into<String>) -> Self {
        self.what = what.into();
        self
    }

    /// With something that must not stand in a message.
    pub(crate) fn hiding(mut self, secret: &str) -> Self {
        self.hidden = Some(secret.to_owned());
        self
    }

    /// With a header.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a body.
    pub(crate) fn body(mut self, media: &'static str, body: impl Into<String>) -> Self {
        self.body = Some((media, body.into()));
        self
    }
}

/// What was answered.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) etag: Option<String>,
    /// The body if it is JSON, else null.
    pub(crate) body: Json,
    retry_after: Option<Duration>,
}

impl Told {
    /// An answer that came inside of another one.
    pub(crate) fn of(status: u16, body: Json) -> Self {
        Self { status, etag: None, body, retry_after: None }
    }

    /// Whether it went well.
    pub(crate) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The trouble that a status other than the expected ones is.
    pub(crate) fn trouble(&self, what: &str) -> Trouble {
        let detail = self.detail();
        let (kind, words) = match self.status {
            401 => (TroubleKind::Denied, "the login is not valid or has run out; renew the secret"),
            403 => (TroubleKind::Denied, "the connector has not the right; see its least rights"),
            409 | 412 => (TroubleKind::Changed, "somebody changed it meanwhile"),
            408 | 500..=599 => {
                (TroubleKind::NoReply, "it failed, and may have done it all the same")
            }
            300..=399 => (TroubleKind::Unsupported, "it points elsewhere; correct the address"),
            _ => (TroubleKind::Unsupported, "it did not understand"),
        };
        let status = self.status;
        Trouble::new(kind, format!("could not {what}: status {status}, {words}{detail}"))
    }

    /// What the system says of it, shortened.
    fn detail(&self) -> String {
        let known = ["detail", "error_description", "message", "description", "error", "err"];
        let text = known.iter().find_map(|key| self.body.get(key).and_then(Json::as_str));
        text.map(|text| format!(" (it says: {})", shortened(text))).unwrap_or_default()
    }
}

/// Outside text for a message: one line, not long.
pub(crate) fn shortened(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut short: String = clean.chars().take(160).collect();
    if short.len() < clean.len() {
        short.push('…');
    }
    short
}

impl Web {
    /// Gets ready to speak with a system; connects to nothing.
    pub(crate) fn open(
        site: &Site,
        base: &str,
        ca: Option<&Path>,
        login: Login,
    ) -> Result<Self, SettingsError> {
        let uri: http::Uri = base
            .parse()
            .map_err(|error| site.wrong(format!("`{base}` is not an address: {error}")))?;
        let is_local = uri.host().is_some_and(is_loopback);
        let trust = match uri.scheme_str() {
            Some("https") => trust(site, ca)?,
            Some("http") if is_local || matches!(login, Login::Nobody) => Vec::new(),
            Some("http") => {
                let why = format!("`{base}` would carry the secret in clear; use https");
                return Err(site.wrong(why));
            }
            Some(_) | None => {
                return Err(site.wrong(format!("`{base}` is no http or https address")));
            }
        };
        let agent = agent(trust);
        Ok(Self { agent, base: base.trim_end_matches('/').to_owned(), login })
    }

    /// The same system with another login.
    pub(crate) fn with_login(&self, login: Login) -> Self {
        Self { login, ..self.clone() }
    }

    /// Asks, and waits where the system asks to wait.
    ///
    /// # Errors
    /// When no answer came; an answer with any status is an answer.
    pub(crate) fn ask(&self, ask: &Ask, deadline: Deadline) -> Result<Told, Trouble> {
        let what = ask.what.as_str();
        let mut may_repeat = ask.method == "GET";
        for _ in 0..PATIENCE {
            match self.once(ask, deadline.left(what)?, what) {
                Ok(told) if told.status == 429 || told.status == 503 => {
                    wait(&told, deadline, what)?;
                }
                Ok(told) => return Ok(told),
                Err(Failure { trouble, is_broken: true }) if may_repeat => {
                    may_repeat = false;
                    deadline.left(what).map_err(|_| trouble)?;
                }
                Err(failure) => return Err(failure.trouble),
            }
        }
        Err(busy(what, None))
    }

    fn once(&self, ask: &Ask, left: Duration, what: &str) -> Result<Told, Failure> {
        let address = match ask.path.starts_with("http") {
            true => ask.path.clone(),
            false => format!("{}{}", self.base, ask.path),
        };
        let mut request = http::Request::builder().method(ask.method).uri(address);
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if let Some(login) = self.login.header() {
            request = request.header("authorization", login);
        }
        if let Some((media, _)) = &ask.body {
            request = request.header("content-type", *media);
        }
        let answer = match &ask.body {
            Some((_, body)) => self.run(request.body(body.as_str()), left, what)?,
            None => self.run(request.body(()), left, what)?,
        };
        let secrets = [ask.hidden.as_deref(), self.login.secret()];
        read(answer, what, &secrets)
    }

    fn run(
        &self,
        request: http::Result<http::Request<impl ureq::AsSendBody>>,
        left: Duration,
        what: &str,
    ) -> Result<http::Response<ureq::Body>, Failure> {
        let request = request.map_err(|error| malformed(what, &error))?;
        let request = self.agent.configure_request(request);
        let request = request
            .timeout_global(Some(left))
            .timeout_connect(Some(CONNECT.min(left.mul_f32(0.8))))
            .build();
        self.agent.run(request).map_err(|error| failure(&error, what))
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// TLS that trusts these certificates and no other.
pub(crate) fn tls(trust: Vec<Certificate<'static>>) -> TlsConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(trust)))
        .unversioned_rustls_crypto_provider(provider)
        .build()
}

fn agent(trust: Vec<Certificate<'static>>) -> ureq::Agent {
    ureq::Agent::config_builder()
        .tls_config(tls(trust))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .allow_non_standard_methods(true)
        .proxy(None)
        .user_agent(concat!("cordon/", env!("CARGO_PKG_VERSION")))
        .max_idle_age(Duration::from_secs(3))
        .build()
        .new_agent()
}

/// The certificates to trust: those of the file, else the system's.
fn trust(site: &Site, ca: Option<&Path>) -> Result<Vec<Certificate<'static>>, SettingsError> {
    let file = ca.map(|ca| site.folder.join(ca)).or_else(system_trust);
    let Some(file) = file else {
        return Err(site.wrong("this machine trusts no certificates; give `ca`"));
    };
    let pem = std::fs::read(&file)
        .map_err(|error| site.wrong(format!("`{}` cannot be read: {error}", file.display())))?;
    let found = certificates(&pem);
    if found.is_empty() {
        return Err(site.wrong(format!("`{}` holds no certificate", file.display())));
    }
    Ok(found)
}

/// The file of the certificates that this machine trusts.
pub(crate) fn system_trust() -> Option<PathBuf> {
    SYSTEM_TRUST.iter().map(PathBuf::from).find(|path| path.is_file())
}

/// The certificates of a PEM file.
pub(crate) fn certificates(pem: &[u8]) -> Vec<Certificate<'static>> {
    let certificates = parse_pem(pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        Ok(_) | Err(_) => None,
    });
    certificates.collect()
}

/// Why there is no answer, and whether a connection broke on the way.
struct Failure {
    trouble: Trouble,
    is_broken: bool,
}

fn malformed(what: &str, error: &http::Error) -> Failure {
    let why = format!("could not {what}: the request cannot be written: {error}");
    Failure { trouble: Trouble::new(TroubleKind::Unsupported, why), is_broken: false }
}

/// Whether the request can have arrived decides what its failure is called.
fn failure(error: &ureq::Error, what: &str) -> Failure {
    if let Some(why) = never_arrived(error) {
        let trouble = Trouble::new(TroubleKind::Unreachable, format!("could not {what}: {why}"));
        return Failure { trouble, is_broken: false };
    }
    let why = format!("could not {what}: {error}; it may have been done all the same");
    let is_broken = matches!(error, ureq::Error::Io(_) | ureq::Error::Protocol(_));
    Failure { trouble: Trouble::new(TroubleKind::NoReply, why), is_broken }
}

/// Why a request cannot have arrived; none if it may have.
fn never_arrived(error: &ureq::Error) -> Option<String> {
    use std::io::ErrorKind;
    use ureq::{Error, Timeout};
    let untrusted = |error: &dyn std::fmt::Display| {
        Some(format!("its certificate is not trusted ({error}); nothing was sent, check `ca`"))
    };
    if matches!(error, Error::Timeout(Timeout::Connect | Timeout::Resolve)) {
        return Some("no connection came about in time; nothing was changed".to_owned());
    }
    if matches!(error, Error::HostNotFound | Error::ConnectionFailed) {
        return Some(format!("{error}; nothing was changed"));
    }
    if let Error::Rustls(error) = error {
        return untrusted(error);
    }
    let Error::Io(error) = error else { return None };
    let refused = matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::AddrNotAvailable
    );
    if is_of_tls(error) {
        return untrusted(error);
    }
    refused.then(|| format!("{error}; nothing was changed"))
}

fn is_of_tls(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

fn read(
    mut answer: http::Response<ureq::Body>,
    what: &str,
    secrets: &[Option<&str>],
) -> Result<Told, Failure> {
    let header = |name: &str| {
        let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
        value.map(str::to_owned)
    };
    let (etag, retry_after) = (header("etag"), header("retry-after"));
    let retry_after = retry_after.and_then(|text| text.trim().parse().ok());
    let status = answer.status().as_u16();
    let text = answer.body_mut().with_config().limit(LONGEST_BODY).read_to_vec();
    let text = text.map_err(|error| failure(&error, what))?;
    let mut body = serde_json::from_slice(&text).unwrap_or_default();
    if status >= 400 {
        secrets.iter().flatten().for_each(|secret| hide(&mut body, secret));
    }
    Ok(Told { status, etag, body, retry_after: retry_after.map(Duration::from_secs) })
}

/// Takes a secret out of what an error repeats.
fn hide(body: &mut Json, secret: &str) {
    for value in body.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
        if let Json::String(text) = value
            && !secret.is_empty()
            && text.contains(secret)
        {
            *text = text.replace(secret, "(secret)");
        }
    }
}

/// Waits as long as the system asks, if there is time for it.
fn wait(told: &Told, deadline: Deadline, what: &str) -> Result<(), Trouble> {
    let pause = told.retry_after.unwrap_or(PAUSE);
    if pause >= deadline.left(what)? {
        return Err(busy(what, told.retry_after));
    }
    std::thread::sleep(pause);
    Ok(())
}

fn busy(what: &str, pause: Option<Duration>) -> Trouble {
    let asks = pause.map_or_else(String::new, |pause| format!(" for {} s", pause.as_secs()));
    let why =
        format!("could not {what}: the system is busy and asks to wait{asks}; nothing was changed");
    Trouble::new(TroubleKind::Unreachable, why)
}

/// Does something with each item in a few threads, and keeps their order.
pub(crate) fn in_lanes<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let lane = items.len().div_ceil(LANES).max(1);
    let work = &work;
    std::thread::scope(|scope| {
        let lanes: Vec<_> = items
            .chunks(lane)
            .map(|lane| scope.spawn(move || lane.iter().map(work).collect::<Vec<R>>()))
            .collect();
        let joined = lanes
            .into_iter()
            .map(|lane| lane.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    })
}
