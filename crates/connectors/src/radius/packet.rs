//! RADIUS packets of dynamic authorization: built, signed and checked.
//!
//! Sources: RFC 5176 (Disconnect-Request 40, ACK 41, NAK 42, Error-Cause 101),
//! RFC 2866 (the authenticators), RFC 3579 (Message-Authenticator, here over
//! zeros in place of the request's authenticator). Event-Timestamp tells the
//! gateway that a packet is no replay. Nothing here sends.

use hmac::{Hmac, Mac as _};
use md5::{Digest as _, Md5};

pub(super) const USER_NAME: u8 = 1;
const NAS_IDENTIFIER: u8 = 32;
pub(super) const ACCT_SESSION_ID: u8 = 44;
const EVENT_TIMESTAMP: u8 = 55;
const MESSAGE_AUTHENTICATOR: u8 = 80;
const ERROR_CAUSE: u8 = 101;

const DISCONNECT_REQUEST: u8 = 40;
const DISCONNECT_ACK: u8 = 41;
const DISCONNECT_NAK: u8 = 42;

/// Error-Cause: session context not found.
pub(super) const NOT_FOUND: u32 = 503;

/// Code, identifier, length, authenticator.
const HEAD: usize = 20;

/// One attribute of a packet.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    kind: u8,
    value: Vec<u8>,
}

/// What a gateway answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The session was ended.
    Ack,
    /// It was not, with the Error-Cause if one was told.
    Nak(Option<u32>),
}

/// A request, ready to be sent any number of times.
pub(super) struct Request {
    pub(super) bytes: Vec<u8>,
    id: u8,
    authenticator: [u8; 16],
}

impl Attribute {
    /// An attribute that holds text; what is longer than the protocol permits is cut.
    pub(super) fn text(kind: u8, text: &str) -> Self {
        Self { kind, value: text.bytes().take(253).collect() }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let length = u8::try_from(self.value.len() + 2).unwrap_or(u8::MAX);
        out.extend([self.kind, length]);
        out.extend(&self.value);
    }
}

impl Request {
    /// Builds and signs a Disconnect-Request; `now` is in Unix seconds.
    pub(super) fn new(
        id: u8,
        mut attributes: Vec<Attribute>,
        nas_identifier: Option<&str>,
        now: u32,
        key: &[u8],
    ) -> Self {
        attributes.extend(nas_identifier.map(|name| Attribute::text(NAS_IDENTIFIER, name)));
        attributes.push(Attribute { kind: EVENT_TIMESTAMP, value: now.to_be_bytes().to_vec() });
        let mut body = Vec::new();
        // First, so that a gateway that looks for it there finds it (RFC 3579 errata, draft-ietf-radext-deprecating-radius).
        Attribute { kind: MESSAGE_AUTHENTICATOR, value: vec![0; 16] }.write(&mut body);
        for attribute in &attributes {
            attribute.write(&mut body);
        }
        let head = head(DISCONNECT_REQUEST, id, body.len());
        let signature = mac(key, &[&head, &[0; 16], &body]);
        body.splice(2..18, signature);
        let authenticator = digest(&[&head, &[0; 16], &body, key]);
        let bytes = [&head[..], &authenticator, &body].concat();
        Self { bytes, id, authenticator }
    }

    /// What an answer says, if it belongs to this request and is signed with the key.
    pub(super) fn verdict(&self, answer: &[u8], key: &[u8], strict: bool) -> Option<Verdict> {
        let length = u16::from_be_bytes([*answer.get(2)?, *answer.get(3)?]);
        let answer = answer.get(..usize::from(length))?;
        let (code, id) = (*answer.first()?, *answer.get(1)?);
        let (head, body) = (answer.get(..4)?, answer.get(HEAD..)?);
        let signed = digest(&[head, &self.authenticator, body, key]);
        if id != self.id || !same(answer.get(4..HEAD)?, &signed) {
            return None;
        }
        let attributes = attributes(body)?;
        let signature = attributes.iter().find(|(kind, _, _)| *kind == MESSAGE_AUTHENTICATOR);
        match signature {
            Some((_, at, value)) => {
                let mut zeroed = body.to_vec();
                zeroed.get_mut(*at..at + 16)?.fill(0);
                if !same(value, &mac(key, &[head, &self.authenticator, &zeroed])) {
                    return None;
                }
            }
            None if strict => return None,
            None => {}
        }
        let cause = attributes.iter().find(|(kind, _, _)| *kind == ERROR_CAUSE);
        let cause =
            cause.and_then(|(_, _, value)| Some(u32::from_be_bytes((*value).try_into().ok()?)));
        match code {
            DISCONNECT_ACK => Some(Verdict::Ack),
            DISCONNECT_NAK => Some(Verdict::Nak(cause)),
            _ => None,
        }
    }
}

/// Kind, where the value begins, and value of each attribute.
fn attributes(body: &[u8]) -> Option<Vec<(u8, usize, &[u8])>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let (kind, length) = (*body.get(at)?, usize::from(*body.get(at + 1)?));
        if length < 2 {
            return None;
        }
        found.push((kind, at + 2, body.get(at + 2..at + length)?));
        at += length;
    }
    Some(found)
}

fn head(code: u8, id: u8, body: usize) -> [u8; 4] {
    let [high, low] = u16::try_from(HEAD + body).unwrap_or(u16::MAX).to_be_bytes();
    [code, id, high, low]
}

fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut digest = Md5::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    // A key of any length fits HMAC; the other branch cannot be reached.
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(key) else { return [0; 16] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Compares without telling by its time where two differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}
