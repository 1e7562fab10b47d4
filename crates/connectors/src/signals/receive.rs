//! Reading an event that somebody sends: is it genuine, for us, new, and what does it say?
//!
//! Pure: keys, names, known numbers and the time come in, facts or a reason to
//! refuse come out. Nothing of a token is believed before its signature holds. The
//! order of the checks gives the sender the error of RFC 8935 that helps it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cordon_model::Timestamp;
use cordon_model::action::Json;
use cordon_model::signal::{
    ChangeKind, Fact, FactKind, Mention, MentionKind, Outcome, Place, Role,
};
use jiff::SignedDuration;

use super::key::Keys;
use super::subject::mentions;
use super::{CREDENTIAL_CHANGE, SESSION_REVOKED, VERIFICATION};

/// The longest token that is read, in bytes.
const LONGEST: usize = 64 * 1024;
/// How far the sender's clock may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);
/// How old an event may be: for so long its number has to be kept.
const OLDEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// From whom events come, and to whom.
#[derive(Clone, Debug)]
pub struct Expected {
    /// What the sender calls itself.
    pub issuer: String,
    /// What it calls us.
    pub audience: String,
    /// Its public keys.
    pub keys: Keys,
}

/// An event that is genuine, for us and new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its number; keep it for 7 days and ask for it at the next event.
    pub jti: String,
    /// When it happened.
    pub time: Timestamp,
    /// What it says.
    pub statement: Statement,
    /// The same as facts; empty where it is about nothing that Cordon knows.
    pub facts: Vec<Fact>,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// Sessions were revoked.
    SessionRevoked,
    /// A credential changed.
    CredentialChange(ChangeKind),
    /// The sender tries whether events arrive, with words of ours or its own.
    Verification(Option<String>),
    /// Something that is not understood: the event's type.
    Other(String),
}

/// Why an event is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// It is no Security Event Token, or not as its type should be.
    #[error("it is no security event token: {0}")]
    Malformed(&'static str),
    /// The signature is wrong, or nobody's that we know.
    #[error("its signature is not valid: {0}")]
    Key(&'static str),
    /// It is from somebody else.
    #[error("it is from another issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("it is for another audience")]
    Audience,
    /// Its time cannot be.
    #[error("it is too old or from the future")]
    Time,
    /// It came before; the sender is told that it was taken.
    #[error("it came before")]
    Replayed,
}

impl Rejected {
    /// The error code for the sender (RFC 8935, section 2.4); none means answering 202.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Malformed(_) | Self::Time => Some("invalid_request"),
            Self::Key(_) => Some("invalid_key"),
            Self::Issuer => Some("invalid_issuer"),
            Self::Audience => Some("invalid_audience"),
            Self::Replayed => None,
        }
    }
}

/// Verifies a token and says what it tells. `is_known` tells whether a number came before.
///
/// # Errors
/// When it is not to be believed, with what to answer.
pub fn receive(
    token: &str,
    expected: &Expected,
    is_known: impl Fn(&str) -> bool,
    now: Timestamp,
) -> Result<Received, Rejected> {
    let claims = verified(token, &expected.keys)?;
    let text = |name: &str| claims.get(name).and_then(Json::as_str);
    if text("iss") != Some(expected.issuer.as_str()) {
        return Err(Rejected::Issuer);
    }
    if !is_for(&claims, &expected.audience) {
        return Err(Rejected::Audience);
    }
    let issued = seconds(claims.get("iat")).ok_or(Rejected::Malformed("`iat` is missing"))?;
    let expires = claims.get("exp").map(|at| seconds(Some(at)));
    let is_over = expires.is_some_and(|at| at.is_none_or(|at| at <= now));
    if issued > now + AHEAD || issued < now - OLDEST || is_over {
        return Err(Rejected::Time);
    }
    let jti = text("jti").filter(|jti| !jti.is_empty() && jti.len() <= 256);
    let jti = jti.ok_or(Rejected::Malformed("`jti` is missing or too long"))?;
    if is_known(jti) {
        return Err(Rejected::Replayed);
    }
    let events = claims.get("events").and_then(Json::as_object);
    let mut events = events.into_iter().flatten();
    let (Some((kind, event)), None) = (events.next(), events.next()) else {
        return Err(Rejected::Malformed("`events` holds not exactly one event"));
    };
    let subject = claims.get("sub_id").or_else(|| event.get("subject"));
    let time = seconds(event.get("event_timestamp"));
    let time = time.or_else(|| seconds(claims.get("toe"))).unwrap_or(issued).min(now);
    let (statement, change) = read(kind, event, subject)?;
    let fact = |Change { change, about }| Fact {
        time,
        place: Place { file: expected.issuer.as_str().into(), record: 1 },
        kind: FactKind::Change { change },
        outcome: Outcome::Success,
        mentions: Arc::from(about),
    };
    let facts = change.into_iter().map(fact).collect();
    Ok(Received { jti: jti.to_owned(), time, statement, facts })
}

/// The claims of a token that one of the keys has signed.
fn verified(token: &str, keys: &Keys) -> Result<Json, Rejected> {
    if token.len() > LONGEST {
        return Err(Rejected::Malformed("it is too long"));
    }
    let mut parts = token.trim().split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Rejected::Malformed("it has not three parts"));
    };
    let json = |part: &str| -> Option<Json> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    let head = json(header).ok_or(Rejected::Malformed("its header cannot be read"))?;
    let text = |name: &str| head.get(name).and_then(Json::as_str);
    let kind = text("typ").unwrap_or_default().to_lowercase();
    if kind.strip_prefix("application/").unwrap_or(&kind) != "secevent+jwt" {
        return Err(Rejected::Malformed("`typ` is not `secevent+jwt`"));
    }
    if head.get("crit").is_some() {
        return Err(Rejected::Malformed("it asks for an extension that is not known"));
    }
    let algorithm = text("alg").ok_or(Rejected::Key("no algorithm is named"))?;
    let signature = URL_SAFE_NO_PAD.decode(signature);
    let signature = signature.map_err(|_| Rejected::Key("it cannot be read"))?;
    let signed = format!("{header}.{claims}");
    match keys.verify(text("kid"), algorithm, signed.as_bytes(), &signature) {
        Some(true) => json(claims).ok_or(Rejected::Malformed("its claims cannot be read")),
        Some(false) => Err(Rejected::Key("it does not fit")),
        None => Err(Rejected::Key("no key of that id and algorithm is known")),
    }
}

fn is_for(claims: &Json, audience: &str) -> bool {
    match claims.get("aud") {
        Some(Json::String(one)) => one == audience,
        Some(Json::Array(all)) => all.iter().any(|one| one.as_str() == Some(audience)),
        Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_)) | None => false,
    }
}

/// A time in seconds since 1970; drafts wrote milliseconds.
fn seconds(value: Option<&Json>) -> Option<Timestamp> {
    let value = value?;
    let whole = value.as_i64().or_else(|| value.as_f64().map(whole))?;
    let in_milliseconds = whole.unsigned_abs() >= 100_000_000_000;
    Timestamp::from_second(if in_milliseconds { whole / 1000 } else { whole }).ok()
}

fn whole(seconds: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, and is checked after")]
    let whole = seconds as i64;
    whole
}

/// What changed, about whom.
struct Change {
    change: ChangeKind,
    about: Vec<Mention>,
}

/// What one event says, and what changed by it.
fn read(
    kind: &str,
    event: &Json,
    subject: Option<&Json>,
) -> Result<(Statement, Option<Change>), Rejected> {
    let about = |opaque| subject.map(|subject| mentions(subject, opaque)).unwrap_or_default();
    let fact =
        |change, about: Vec<Mention>| (!about.is_empty()).then_some(Change { change, about });
    match kind {
        SESSION_REVOKED => {
            // A session is a credential that was taken away.
            let facts = fact(ChangeKind::RemovedKey, about(MentionKind::Session));
            Ok((Statement::SessionRevoked, facts))
        }
        CREDENTIAL_CHANGE => {
            let change = credential_change(event)?;
            let mut mentions = about(MentionKind::User);
            mentions.extend(certificate(event, change));
            Ok((Statement::CredentialChange(change), fact(change, mentions)))
        }
        VERIFICATION => {
            let state = event.get("state").and_then(Json::as_str).map(str::to_owned);
            Ok((Statement::Verification(state), None))
        }
        other => Ok((Statement::Other(other.to_owned()), None)),
    }
}

/// What became of which sort of credential (CAEP 1.0, section 3.3).
fn credential_change(event: &Json) -> Result<ChangeKind, Rejected> {
    let text = |name: &str| event.get(name).and_then(Json::as_str);
    let sort =
        text("credential_type").ok_or(Rejected::Malformed("`credential_type` is missing"))?;
    let is_new = match text("change_type") {
        Some("create" | "update") => true,
        Some("revoke" | "delete") => false,
        _ => return Err(Rejected::Malformed("`change_type` is none of CAEP's")),
    };
    Ok(match (sort, is_new) {
        ("password" | "pin", true) => ChangeKind::PasswordReset,
        ("password" | "pin" | "x509", false) => ChangeKind::RemovedKey,
        (
            "fido2-platform"
            | "fido2-roaming"
            | "fido-u2f"
            | "phone-voice"
            | "phone-sms"
            | "app"
            | "verifiable-credential",
            _,
        ) => match is_new {
            true => ChangeKind::NewFactor,
            false => ChangeKind::RemovedFactor,
        },
        (_, true) => ChangeKind::NewKey,
        (_, false) => ChangeKind::RemovedKey,
    })
}

/// The certificate that an event names by its serial number.
fn certificate(event: &Json, change: ChangeKind) -> Option<Mention> {
    let serial = event.get("x509_serial").and_then(Json::as_str).filter(|s| !s.is_empty())?;
    let role = if change == ChangeKind::NewKey { Role::Created } else { Role::Target };
    let spellings = std::iter::once(serial.into()).collect();
    Some(Mention { kind: MentionKind::Key, role, spellings })
}
