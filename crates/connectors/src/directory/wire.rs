//! One TLS connection to a directory: searches and changes within a deadline.
//!
//! Servers are tried in their order, from the one that answered last. Nothing is
//! sent before the certificate has been checked. A connection that broke, was
//! late or talked nonsense is never used again. Searches are repeated once over
//! a fresh connection; changes never, because a lost answer may hide a done
//! deed. What a result code means for a withdrawal is not known here.

use std::collections::HashSet;
use std::fmt;
use std::time::{Duration, Instant};

use cordon_model::action::{Trouble, TroubleKind};
use ldap3::adapters::{Adapter, EntriesOnly, PagedResults};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, Mod, Scope, StdStream};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use super::entry::Entry;
use super::settings::{Access, Server};

/// Entries per page of a search.
const PAGE: i32 = 500;
/// A connection that was idle for longer is not trusted: firewalls forget such ones silently.
const IDLE: Duration = Duration::from_mins(1);
/// Operations that are under way at once on a connection.
const AT_ONCE: usize = 64;

/// A connection that is made when it is needed.
pub(super) struct Wire {
    access: Access,
    // Always there until it is dropped, which must not wait for a slow resolver.
    runtime: Option<Runtime>,
    ldap: Option<Ldap>,
    at: usize,
    used: Instant,
}

/// One search.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) base: String,
    pub(super) scope: Scope,
    pub(super) filter: String,
    pub(super) attributes: Vec<String>,
    /// How many entries are enough.
    pub(super) limit: Option<u8>,
}

impl Ask {
    /// Asks for attributes of one object by its name.
    pub(super) fn one(dn: &str, attributes: &[&str]) -> Self {
        Self {
            base: dn.to_owned(),
            scope: Scope::Base,
            filter: "(objectClass=*)".to_owned(),
            attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
            limit: None,
        }
    }
}

/// One change of one object: values to take away and values to add, in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) dn: String,
    pub(super) steps: Vec<Step>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "modify `{}`", self.dn)?;
        for (at, step) in self.steps.iter().enumerate() {
            let (how, name, value) = match step {
                Step::Delete(name, value) => ("delete", name, value),
                Step::Add(name, value) => ("add", name, value),
                Step::Replace(name, value) => ("replace", name, value),
            };
            let value = String::from_utf8_lossy(value);
            write!(f, "{} {how} `{name}` {value}", if at == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

/// A part of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Delete(&'static str, Vec<u8>),
    Add(&'static str, Vec<u8>),
    Replace(&'static str, Vec<u8>),
}

/// Why an operation did not come off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server said so: a result code of RFC 4511 and its words.
    Said(u32, String),
    /// It never left this machine.
    NotSent(Trouble),
    /// The connection broke or talked nonsense before the answer.
    Broken(String),
    /// No answer in time.
    Late,
}

impl Failure {
    /// The trouble of an attempt to do `what`.
    pub(super) fn trouble(&self, what: &str) -> Trouble {
        match self {
            Self::Said(50, _) => Trouble::new(
                TroubleKind::Denied,
                format!("the directory does not let the bind user {what}; grant it that right"),
            ),
            Self::Said(rc @ (51 | 52), words) => Trouble::new(
                TroubleKind::Unreachable,
                format!("the directory is busy and did not {what} (code {rc}): {words}"),
            ),
            Self::Said(32, _) => Trouble::new(
                TroubleKind::Changed,
                format!("the directory did not {what}: the object is not there any more"),
            ),
            Self::Said(rc, words) => Trouble::new(
                TroubleKind::Unsupported,
                format!("the directory did not {what} (code {rc}): {words}"),
            ),
            Self::NotSent(trouble) => trouble.clone(),
            Self::Broken(why) => Trouble::new(
                TroubleKind::NoReply,
                format!("the connection broke before the directory said that it did {what}: {why}"),
            ),
            Self::Late => Trouble::new(
                TroubleKind::NoReply,
                format!("the directory did not answer in time when asked to {what}"),
            ),
        }
    }

    fn is_broken(&self) -> bool {
        matches!(self, Self::Broken(_))
    }
}

type Done<T> = Result<T, Failure>;

impl Wire {
    /// Prepares; connects to nothing.
    pub(super) fn new(access: Access) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { access, runtime: Some(runtime), ldap: None, at: 0, used: Instant::now() })
    }

    /// How this connection is made, to make another.
    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// A handle to the connection, if there is one.
    pub(super) fn ldap(&self) -> Option<Ldap> {
        self.ldap.clone()
    }

    /// Leaves the connection, which did not do.
    pub(super) fn give_up(&mut self) {
        self.ldap = None;
    }

    /// Runs something until it ends, or until somebody says stop; then there is no answer.
    pub(super) fn until<T>(
        &self,
        stop: &mut tokio::sync::oneshot::Receiver<()>,
        running: impl Future<Output = T>,
    ) -> Option<T> {
        self.runtime.as_ref()?.block_on(async {
            let mut running = std::pin::pin!(running);
            std::future::poll_fn(|context| {
                if std::pin::Pin::new(&mut *stop).poll(context).is_ready() {
                    return std::task::Poll::Ready(None);
                }
                running.as_mut().poll(context).map(Some)
            })
            .await
        })
    }

    /// Makes sure that there is a connection.
    pub(super) fn connect(&mut self, end: Instant) -> Result<(), Trouble> {
        let rested = self.used.elapsed() > IDLE;
        self.used = Instant::now();
        if self.ldap.as_mut().is_some_and(|ldap| !ldap.is_closed() && !rested) {
            return Ok(());
        }
        self.ldap = None;
        let mut troubles = Vec::new();
        let servers = self.access.servers.len();
        for tried in 0..servers {
            let at = (self.at + tried) % servers;
            let Some(server) = self.access.servers.get(at).cloned() else { continue };
            let left = u32::try_from(servers - tried).unwrap_or(u32::MAX);
            let share = end.saturating_duration_since(Instant::now()) / left;
            match self.reach(server, Instant::now() + share) {
                Ok(ldap) => {
                    (self.ldap, self.at) = (Some(ldap), at);
                    return Ok(());
                }
                // Another try with a wrong password could lock the bind user.
                Err(trouble) if trouble.kind == TroubleKind::Denied => return Err(trouble),
                Err(trouble) => troubles.push(trouble),
            }
        }
        Err(of_all(troubles))
    }

    fn reach(&self, server: Server, end: Instant) -> Result<Ldap, Trouble> {
        let (tls, bind) = (self.access.tls.clone(), self.access.bind.clone());
        let url = server.url.clone();
        let tcp = {
            let target = (server.host.clone(), server.port);
            self.one(async move { tokio::net::TcpStream::connect(target).await }, end)
        };
        let trouble = |kind, why: String| Trouble::new(kind, format!("`{url}` {why}"));
        let stream = match tcp.map(|connected| connected.and_then(tokio::net::TcpStream::into_std))
        {
            Some(Ok(stream)) => stream,
            Some(Err(error)) => {
                let why = format!("cannot be reached ({error}); nothing was sent");
                return Err(trouble(TroubleKind::Unreachable, why));
            }
            None => {
                let why = "cannot be reached within the time; nothing was sent".to_owned();
                return Err(trouble(TroubleKind::Unreachable, why));
            }
        };
        let settings = LdapConnSettings::new()
            .set_config(tls)
            .set_starttls(server.starttls)
            .set_std_stream(StdStream::Tcp(stream));
        let secured = {
            let url = server.url;
            self.one(async move { secure(settings, &url).await }, end)
        };
        let silent = || {
            let why = "accepts connections but says nothing; nothing was asked of it yet";
            trouble(TroubleKind::NoReply, why.to_owned())
        };
        let mut ldap = match secured {
            None => return Err(silent()),
            Some(Err(error)) => {
                return Err(trouble(TroubleKind::Unreachable, without_trust(&error)));
            }
            Some(Ok(ldap)) => ldap,
        };
        let Some((user, secret)) = bind else { return Ok(ldap) };
        let bound = {
            let bind = async move {
                let said = ldap.simple_bind(&user, secret.as_str()).await;
                said.map(|said| (ldap, said.rc, said.text))
            };
            self.one(bind, end)
        };
        match bound {
            None => Err(silent()),
            Some(Ok((ldap, 0, _))) => Ok(ldap),
            Some(Ok((_, 49, words))) => Err(trouble(TroubleKind::Denied, refused_bind(&words))),
            Some(Ok((_, rc, words))) => {
                let why = format!("does not let the bind user in (code {rc}): {words}");
                Err(trouble(TroubleKind::Unreachable, why))
            }
            Some(Err(error)) => {
                let why = format!("broke off while the bind user signed in: {error}");
                Err(trouble(TroubleKind::Unreachable, why))
            }
        }
    }

    /// Runs one operation in a task of its own, so that a malformed answer cannot take us down.
    fn one<T: Send + 'static>(
        &self,
        operation: impl Future<Output = T> + Send + 'static,
        end: Instant,
    ) -> Option<T> {
        let mut tasks = JoinSet::new();
        let runtime = self.runtime.as_ref()?;
        runtime.block_on(async move {
            tasks.spawn(operation);
            timeout_at(end.into(), tasks.join_next()).await.ok()??.ok()
        })
    }

    /// Searches.
    pub(super) fn search(&mut self, ask: Ask, end: Instant) -> Done<Vec<Entry>> {
        self.search_all(vec![ask], end).pop().unwrap_or(Err(Failure::Late))
    }

    /// Makes many searches at once; one answer for each.
    pub(super) fn search_all(&mut self, asks: Vec<Ask>, end: Instant) -> Vec<Done<Vec<Entry>>> {
        let mut found = self.all(asks.clone(), end, search);
        if found.iter().any(|found| found.as_ref().is_err_and(Failure::is_broken)) {
            found = self.all(asks, end, search);
        }
        found
    }

    /// Makes many changes at once; one answer for each.
    pub(super) fn change_all(&mut self, changes: Vec<Change>, end: Instant) -> Vec<Done<()>> {
        self.all(changes, end, change)
    }

    fn all<A: Send + 'static, T: Send + 'static, F>(
        &mut self,
        asked: Vec<A>,
        end: Instant,
        operation: fn(Ldap, A) -> F,
    ) -> Vec<Done<T>>
    where
        F: Future<Output = Result<Done<T>, LdapError>> + Send + 'static,
    {
        if asked.is_empty() {
            return Vec::new();
        }
        if let Err(trouble) = self.connect(end) {
            return asked.iter().map(|_| Err(Failure::NotSent(trouble.clone()))).collect();
        }
        let Some(ldap) = self.ldap.clone() else { return Vec::new() };
        let outcomes = self.concurrently(asked, AT_ONCE, end, |ask| operation(ldap.clone(), ask));
        let done = outcomes.into_iter().map(|outcome| match outcome {
            Outcome::Answer(Ok(done)) => done,
            Outcome::Answer(Err(error)) => Err(Failure::Broken(error.to_string())),
            Outcome::NoAnswer => Err(Failure::Late),
            Outcome::NotBegun => Err(Failure::NotSent(Trouble::new(
                TroubleKind::Unreachable,
                "time was up before it was asked for; nothing was sent",
            ))),
        });
        let done: Vec<Done<T>> = done.collect();
        if done.iter().any(|done| matches!(done, Err(Failure::Late | Failure::Broken(_)))) {
            self.ldap = None;
        }
        done
    }

    /// Runs operations, `at_once` of them at the same time, until all are answered or time is up.
    pub(super) fn concurrently<A, T: Send + 'static, F>(
        &self,
        asked: Vec<A>,
        at_once: usize,
        end: Instant,
        operation: impl Fn(A) -> F,
    ) -> Vec<Outcome<T>>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut outcomes: Vec<Outcome<T>> = asked.iter().map(|_| Outcome::NotBegun).collect();
        let Some(runtime) = &self.runtime else { return outcomes };
        runtime.block_on(async {
            let mut waiting = asked.into_iter().enumerate();
            let mut tasks = JoinSet::new();
            loop {
                while tasks.len() < at_once
                    && Instant::now() < end
                    && let Some((at, ask)) = waiting.next()
                {
                    set(&mut outcomes, at, Outcome::NoAnswer);
                    let operation = operation(ask);
                    tasks.spawn(async move { (at, operation.await) });
                }
                // A task that panicked over a malformed answer leaves no answer.
                match timeout_at(end.into(), tasks.join_next()).await {
                    Ok(Some(Ok((at, answer)))) => set(&mut outcomes, at, Outcome::Answer(answer)),
                    Ok(Some(Err(_))) => {}
                    Ok(None) | Err(_) => break,
                }
            }
        });
        outcomes
    }
}

/// How far an operation came.
pub(super) enum Outcome<T> {
    NotBegun,
    NoAnswer,
    Answer(T),
}

impl<T> Outcome<T> {
    /// The answer, if there was one.
    pub(super) fn answer(self) -> Option<T> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::NotBegun | Self::NoAnswer => None,
        }
    }
}

fn set<T>(outcomes: &mut [Outcome<T>], at: usize, to: Outcome<T>) {
    if let Some(outcome) = outcomes.get_mut(at) {
        *outcome = to;
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn secure(settings: LdapConnSettings, url: &str) -> Result<Ldap, LdapError> {
    let (connection, ldap) = LdapConnAsync::with_settings(settings, url).await?;
    tokio::spawn(async move { drop(connection.drive().await) });
    Ok(ldap)
}

async fn search(mut ldap: Ldap, ask: Ask) -> Result<Done<Vec<Entry>>, LdapError> {
    let adapters: Vec<Box<dyn Adapter<'_, String, Vec<String>>>> = match ask.scope {
        Scope::Base => vec![Box::new(EntriesOnly::new())],
        Scope::OneLevel | Scope::Subtree => {
            let page = ask.limit.map_or(PAGE, i32::from);
            vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(page))]
        }
    };
    let mut stream = ldap
        .streaming_search_with(adapters, &ask.base, ask.scope, &ask.filter, ask.attributes)
        .await?;
    let mut entries = Vec::new();
    while let Some(entry) = stream.next().await? {
        match Entry::parse(entry.0) {
            Some(entry) => entries.push(entry),
            None => return Ok(Err(Failure::Broken("an entry cannot be read".to_owned()))),
        }
        if ask.limit.is_some_and(|limit| entries.len() >= usize::from(limit)) {
            stream.finish().await;
            return Ok(Ok(entries));
        }
    }
    let said = stream.finish().await;
    Ok(if said.rc == 0 { Ok(entries) } else { Err(Failure::Said(said.rc, said.text)) })
}

async fn change(mut ldap: Ldap, change: Change) -> Result<Done<()>, LdapError> {
    let one = |value| HashSet::from([value]);
    let mods = change.steps.into_iter().map(|step| match step {
        Step::Delete(name, value) => Mod::Delete(name.as_bytes().to_vec(), one(value)),
        Step::Add(name, value) => Mod::Add(name.as_bytes().to_vec(), one(value)),
        Step::Replace(name, value) => Mod::Replace(name.as_bytes().to_vec(), one(value)),
    });
    let said = ldap.modify(&change.dn, mods.collect()).await?;
    Ok(if said.rc == 0 { Ok(()) } else { Err(Failure::Said(said.rc, said.text)) })
}

/// What to say when none of the servers would do.
fn of_all(troubles: Vec<Trouble>) -> Trouble {
    let silent = troubles.iter().any(|trouble| trouble.kind == TroubleKind::NoReply);
    let kind = if silent { TroubleKind::NoReply } else { TroubleKind::Unreachable };
    let words: Vec<String> = troubles.into_iter().map(|trouble| trouble.why).collect();
    Trouble::new(kind, words.join("; "))
}

/// Why no trusted connection came about.
fn without_trust(error: &LdapError) -> String {
    let source = if let LdapError::Io { source } = error {
        source.get_ref().and_then(|error| error.downcast_ref())
    } else {
        None
    };
    match source {
        Some(rustls::Error::InvalidCertificate(why)) => format!(
            "shows a certificate that is not trusted ({why}): either `ca_file` is not its issuer or \
             the host in `urls` is not its name; nothing was sent"
        ),
        Some(other) => format!("does not agree on TLS ({other}); nothing was sent"),
        None => format!("does not offer a TLS connection ({error}); nothing was sent"),
    }
}

/// Why the bind user was not let in: Active Directory says it in a code.
fn refused_bind(words: &str) -> String {
    let codes = [
        ("data 52e", "the password is wrong"),
        ("data 525", "there is no such user"),
        ("data 532", "its password has expired"),
        ("data 533", "it is disabled"),
        ("data 701", "it has expired"),
        ("data 773", "it must change its password first"),
        ("data 775", "it is locked"),
    ];
    let known = codes.iter().find(|(code, _)| words.contains(code)).map(|(_, why)| *why);
    let why = known.unwrap_or("user or password is wrong");
    format!("refused the bind user: {why}; nothing was asked for")
}
