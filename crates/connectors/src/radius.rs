//! A VPN gateway or access point that ends sessions when it is told to by RADIUS
//! (RFC 5176, Disconnect-Request).
//!
//! The protocol can end and cannot look: what the gateway answered is the only
//! knowledge there is. It is remembered while the process lives, so that a look
//! can repeat it; after a restart a look says that it does not know. Packets are
//! the business of `packet.rs`.

mod packet;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cordon_model::action::{
    Access, Act, Answer, Call, Finding, Json, Observed, Outcome, Probed, Trouble, TroubleKind,
};
use cordon_model::{Mode, NodeId};
use jiff::Timestamp;
use serde::Deserialize;

use self::packet::{Attribute, Request, Verdict};
use crate::secret::{Revealed, Secret};
use crate::site::{SettingsError, Site};
use crate::{Check, Connector, Readiness};

/// Where gateways listen unless settings say otherwise.
const PORT: u16 = 3799;
/// An unanswered request is sent again after this time.
const AGAIN: Duration = Duration::from_millis(1_000);
/// Requests under way at once; identifiers are one byte.
const WINDOW: usize = 64;
/// The kind of withdrawal that it knows.
const KIND: &str = "end-sessions";

/// What gateways have answered, by gateway and session, in this process.
static SAID: Mutex<BTreeMap<(String, NodeId), (Instant, Said)>> = Mutex::new(BTreeMap::new());

#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Ended,
    NotFound,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Host, or host and port.
    server: String,
    /// Shared with the gateway.
    secret: Secret,
    /// Sent as NAS-Identifier, where one address serves several gateways.
    nas_identifier: Option<String>,
    /// The longest that a session can live (Session-Timeout).
    session_seconds: Option<u64>,
    /// Answers without a Message-Authenticator are ignored.
    #[serde(default)]
    strict: bool,
    /// Nodes, and the name that the gateway knows each by.
    #[serde(default)]
    names: BTreeMap<String, String>,
}

struct Radius {
    name: String,
    settings: Settings,
    secret: Revealed,
}

/// Opens the connector; sends nothing.
///
/// # Errors
/// When a setting does not fit or the secret cannot be read.
pub(crate) fn open(site: &Site) -> Result<Box<dyn Connector>, SettingsError> {
    let settings: Settings = site.settings()?;
    let secret = settings.secret.reveal(&site.folder).map_err(|error| site.no_secret(&error))?;
    if secret.as_str().is_empty() {
        return Err(site.wrong("the shared secret is empty"));
    }
    Ok(Box::new(Radius { name: site.name.clone(), settings, secret }))
}

impl Connector for Radius {
    /// Asks for the end of a session that cannot be: only who knows the secret and may ask is told
    /// that there is none.
    fn preflight(&mut self, deadline: Duration) -> Vec<Check> {
        let nobody = format!("cordon-preflight-{}", Timestamp::now().as_nanosecond());
        let attributes = vec![Attribute::text(packet::ACCT_SESSION_ID, &nobody)];
        let answers = self.exchange(vec![attributes], Instant::now() + deadline);
        let finding = match answers.into_iter().next() {
            Some(Ok(Verdict::Nak(Some(packet::NOT_FOUND)))) => Readiness::Able,
            Some(Ok(Verdict::Ack)) => Readiness::Unable(Trouble::new(
                TroubleKind::NotEffective,
                format!("{} says that it ended a session that does not exist", self.told()),
            )),
            Some(Ok(Verdict::Nak(cause))) => Readiness::Unable(self.refused(cause)),
            Some(Err(trouble)) => Readiness::Unable(trouble),
            None => Readiness::Unable(self.no_answer(false)),
        };
        vec![Check { kind: KIND.to_owned(), act: Act::End, finding }]
    }

    fn look(&mut self, call: &Call, _deadline: Duration) -> Result<Vec<Observed>, Trouble> {
        self.in_scope(call)?;
        Ok(call.targets.iter().map(|node| self.remembered(call, node)).collect())
    }

    fn refuse(&mut self, _call: &Call, _deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        let why = "RADIUS ends sessions; it cannot refuse new ones: withdraw the account where it is kept";
        Err(Trouble::new(TroubleKind::Unsupported, why))
    }

    fn end(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        self.in_scope(call)?;
        let end = Instant::now() + deadline;
        let requests = call.targets.iter().map(|node| vec![self.attribute(node)]).collect();
        let answers = self.exchange(requests, end);
        let pairs = answers.into_iter().zip(&call.targets);
        Ok(pairs.map(|(answer, node)| self.outcome(node, answer)).collect())
    }

    fn restore(&mut self, _call: &Call, _deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        let why = "an ended session cannot be given back; people connect again";
        Err(Trouble::new(TroubleKind::Unsupported, why))
    }

    fn rehearse(&mut self, call: &Call, _deadline: Duration) -> Result<Vec<String>, Trouble> {
        self.in_scope(call)?;
        let server = &self.settings.server;
        let line = |node: &NodeId| {
            let name = if node.kind() == "session" { "Acct-Session-Id" } else { "User-Name" };
            format!(
                "{KIND} {node}: Disconnect-Request to {server} for {name} `{}`",
                self.known_as(node)
            )
        };
        Ok(call.targets.iter().map(line).collect())
    }

    fn probe(&mut self, call: &Call, _deadline: Duration) -> Result<Vec<Probed>, Trouble> {
        self.in_scope(call)?;
        let untried = |node: &NodeId| Probed { target: node.clone(), finding: Finding::Untried };
        Ok(call.targets.iter().map(untried).collect())
    }
}

impl Radius {
    fn told(&self) -> String {
        format!("the gateway of `{}`", self.name)
    }

    fn in_scope(&self, call: &Call) -> Result<(), Trouble> {
        let unsupported = |why| Err(Trouble::new(TroubleKind::Unsupported, why));
        if call.order.kind != KIND || call.order.mode != Mode::End {
            return unsupported(format!("`{}` only ends by `{KIND}`", self.name));
        }
        let known = |node: &&NodeId| {
            matches!(node.kind(), "user" | "service-account" | "svcacct" | "session")
        };
        match call.targets.iter().find(|node| !known(node)) {
            Some(node) => {
                unsupported(format!("`{}` knows users and sessions, not `{node}`", self.name))
            }
            None => Ok(()),
        }
    }

    /// How the gateway knows a node: a session by its number, anybody else by name.
    fn attribute(&self, node: &NodeId) -> Attribute {
        let kind =
            if node.kind() == "session" { packet::ACCT_SESSION_ID } else { packet::USER_NAME };
        Attribute::text(kind, self.known_as(node))
    }

    fn known_as<'a>(&'a self, node: &'a NodeId) -> &'a str {
        self.settings.names.get(node.as_str()).map_or(node.name(), String::as_str)
    }

    fn outcome(&self, node: &NodeId, answer: Result<Verdict, Trouble>) -> Outcome {
        let answer = match answer {
            Ok(Verdict::Ack) => {
                self.remember(node, Said::Ended);
                Answer::Done
            }
            Ok(Verdict::Nak(Some(packet::NOT_FOUND))) => {
                self.remember(node, Said::NotFound);
                Answer::AlreadySo { by: None }
            }
            Ok(Verdict::Nak(cause)) => Answer::Failed(self.refused(cause)),
            Err(trouble) => Answer::Failed(trouble),
        };
        Outcome { target: node.clone(), answer }
    }

    fn remember(&self, node: &NodeId, said: Said) {
        let mut all = SAID.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert((self.settings.server.clone(), node.clone()), (Instant::now(), said));
    }

    fn remembered(&self, call: &Call, node: &NodeId) -> Observed {
        let all = SAID.lock().unwrap_or_else(PoisonError::into_inner);
        let said = all.get(&(self.settings.server.clone(), node.clone())).copied();
        drop(all);
        let (access, residual) = match said {
            // Whatever was said before this order's first attempt was said of other sessions.
            _ if call.attempt == 0 => (Access::Open, None),
            Some((_, Said::Ended)) => (Access::Refused, None),
            Some((at, Said::NotFound)) => match self.settings.session_seconds {
                // The gateway may know the session by another name: it ends when its time is over.
                Some(life) => {
                    match life.checked_sub(at.elapsed().as_secs()).filter(|left| *left > 0) {
                        Some(left) => (Access::Open, Some(left)),
                        None => (Access::Refused, None),
                    }
                }
                None => (Access::Unknown, None),
            },
            None => (Access::Unknown, None),
        };
        Observed {
            target: node.clone(),
            access,
            owner: None,
            state: Json::Null,
            open: u32::from(residual.is_some()),
            residual_seconds: residual,
        }
    }

    fn refused(&self, cause: Option<u32>) -> Trouble {
        let told = self.told();
        let (kind, why) = match cause {
            Some(501) => (
                TroubleKind::Denied,
                format!(
                    "{told} does not permit it; allow this machine as a dynamic authorization client"
                ),
            ),
            Some(403) => (
                TroubleKind::Unsupported,
                format!("{told} is known by another name; correct `nas_identifier`"),
            ),
            Some(503) => (TroubleKind::Unsupported, format!("{told} knows no such session")),
            Some(504) => (
                TroubleKind::NotEffective,
                format!("{told} cannot remove the session; it is still open"),
            ),
            Some(508) => (
                TroubleKind::Unsupported,
                format!("{told} ends one session at a time; name sessions by their number"),
            ),
            Some(502 | 506) => (
                TroubleKind::Unreachable,
                format!("{told} cannot do it now (cause {})", cause.unwrap_or_default()),
            ),
            Some(507) => {
                (TroubleKind::NoReply, format!("{told} has begun and does not say how it ended"))
            }
            Some(other) => (
                TroubleKind::Unsupported,
                format!("{told} did not accept the request (cause {other})"),
            ),
            None => (
                TroubleKind::Unknown,
                format!("{told} refused and does not say why; the session may be open"),
            ),
        };
        Trouble::new(kind, why)
    }

    fn no_answer(&self, unsigned: bool) -> Trouble {
        let hint = if unsigned {
            "answers came that are not signed with the shared secret; compare it"
        } else {
            "a gateway ignores whom it does not know: compare secret and address"
        };
        let why =
            format!("{} did not answer ({hint}); the session may have been ended", self.told());
        Trouble::new(TroubleKind::NoReply, why)
    }

    /// Sends requests, again where no answer comes, until all are answered or the time is over.
    fn exchange(
        &self,
        requests: Vec<Vec<Attribute>>,
        end: Instant,
    ) -> Vec<Result<Verdict, Trouble>> {
        let count = requests.len();
        let socket = match self.socket() {
            Ok(socket) => socket,
            Err(trouble) => return vec![Err(trouble); count],
        };
        let mut answers = Vec::with_capacity(count);
        let mut requests = requests.into_iter().peekable();
        while requests.peek().is_some() {
            let window: Vec<_> = requests.by_ref().take(WINDOW).collect();
            answers.extend(self.window(&socket, window, end));
        }
        answers
    }

    fn socket(&self) -> Result<UdpSocket, Trouble> {
        let server = &self.settings.server;
        let unreachable = |why: String| {
            Trouble::new(
                TroubleKind::Unreachable,
                format!("{} ({server}) cannot be reached: {why}", self.told()),
            )
        };
        let found = server.to_socket_addrs().or_else(|_| (server.as_str(), PORT).to_socket_addrs());
        let address: Option<SocketAddr> =
            found.map_err(|error| unreachable(error.to_string()))?.next();
        let address = address.ok_or_else(|| unreachable("it has no address".to_owned()))?;
        let local = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let connected = UdpSocket::bind(local).and_then(|socket| {
            socket.connect(address)?;
            Ok(socket)
        });
        connected.map_err(|error| unreachable(error.to_string()))
    }

    fn window(
        &self,
        socket: &UdpSocket,
        window: Vec<Vec<Attribute>>,
        end: Instant,
    ) -> Vec<Result<Verdict, Trouble>> {
        let now = u32::try_from(Timestamp::now().as_second()).unwrap_or(u32::MAX);
        let key = self.secret.as_str().as_bytes();
        let identifier = self.settings.nas_identifier.as_deref();
        let build = |(id, attributes): (u8, Vec<Attribute>)| {
            Request::new(id, attributes, identifier, now, key)
        };
        let requests: Vec<Request> = (0..=u8::MAX).zip(window).map(build).collect();
        let mut answers: Vec<Option<Result<Verdict, Trouble>>> = vec![None; requests.len()];
        let mut unsigned = false;
        while answers.iter().any(Option::is_none) && Instant::now() < end {
            for (request, _) in requests.iter().zip(&answers).filter(|(_, answer)| answer.is_none())
            {
                if let Err(trouble) = self.send(socket, request) {
                    return answers
                        .into_iter()
                        .map(|answer| answer.unwrap_or(Err(trouble.clone())))
                        .collect();
                }
            }
            let until = end.min(Instant::now() + AGAIN);
            if let Err(trouble) = self.listen(socket, &requests, &mut answers, &mut unsigned, until)
            {
                return answers
                    .into_iter()
                    .map(|answer| answer.unwrap_or(Err(trouble.clone())))
                    .collect();
            }
        }
        answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|| Err(self.no_answer(unsigned))))
            .collect()
    }

    fn send(&self, socket: &UdpSocket, request: &Request) -> Result<(), Trouble> {
        socket.send(&request.bytes).map(drop).map_err(|error| self.nobody(&error))
    }

    fn nobody(&self, error: &std::io::Error) -> Trouble {
        let why =
            format!("nobody listens at {} ({error}); nothing was changed", self.settings.server);
        Trouble::new(TroubleKind::Unreachable, why)
    }

    fn listen(
        &self,
        socket: &UdpSocket,
        requests: &[Request],
        answers: &mut [Option<Result<Verdict, Trouble>>],
        unsigned: &mut bool,
        until: Instant,
    ) -> Result<(), Trouble> {
        let mut buffer = [0; 4096];
        while answers.iter().any(Option::is_none) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || socket.set_read_timeout(Some(left)).is_err() {
                return Ok(());
            }
            let length = match socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.nobody(&error)),
            };
            let answer = buffer.get(..length).unwrap_or_default();
            let key = self.secret.as_str().as_bytes();
            let id = answer.get(1).copied().map(usize::from);
            let asked = id.and_then(|id| requests.get(id).zip(answers.get_mut(id)));
            match asked.and_then(|(request, slot)| {
                Some((request.verdict(answer, key, self.settings.strict)?, slot))
            }) {
                Some((verdict, slot)) => *slot = Some(Ok(verdict)),
                None => *unsigned = true,
            }
        }
        Ok(())
    }
}
