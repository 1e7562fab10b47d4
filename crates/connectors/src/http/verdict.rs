//! What an answer, or its absence, means: done, refused, changed, perhaps done.
//!
//! This is where *unreachable* (nothing was sent, or nothing was done) is told
//! from *no reply* (it may have been done). The words are for the one who reads
//! them at night: what failed, what is still true, what to do.

use std::time::Duration;

use cordon_model::action::{Trouble, TroubleKind};
use jiff::Timestamp;
use ureq::Timeout;

use super::definition::Code;
use super::wire::{Incoming, Outgoing, Wire};

/// Why there is no answer.
pub(super) enum Loss {
    /// It never arrived.
    NotSent(String),
    /// It may have arrived.
    Lost(String),
}

impl Wire {
    /// Returns how long to wait, if the answer says that there were too many requests.
    pub(super) fn throttled(&self, answer: &Incoming, code: Option<&str>) -> Option<Duration> {
        let throttles = |known: &Code| known.is(answer.status, code);
        let by_code = self.errors.throttled.iter().any(throttles);
        if !by_code
            && answer.status != 429
            && (answer.status != 503 || answer.retry_after.is_none())
        {
            return None;
        }
        let after = answer.retry_after.as_deref().and_then(|text| text.trim().parse().ok());
        let dated = || {
            let text = answer.retry_after.as_deref()?;
            let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
            Some(at.as_second() - Timestamp::now().as_second())
        };
        let reset = || {
            let at: i64 = answer.reset.as_deref()?.trim().parse().ok()?;
            Some(at - Timestamp::now().as_second() + 1)
        };
        let seconds: i64 = after.or_else(dated).or_else(reset).unwrap_or(1);
        Some(Duration::from_secs(u64::try_from(seconds.max(0)).unwrap_or(0)))
    }

    pub(super) fn lost(&self, out: &Outgoing, loss: Loss) -> Trouble {
        let (title, told) = (&self.title, out.told());
        match loss {
            Loss::NotSent(why) => Trouble::new(
                TroubleKind::Unreachable,
                format!("{title} cannot be reached ({why}); `{told}` was not sent"),
            ),
            Loss::Lost(why) if out.writes => Trouble::new(
                TroubleKind::NoReply,
                format!("{title} did not answer `{told}` ({why}); it may have been done"),
            ),
            Loss::Lost(why) => Trouble::new(
                TroubleKind::NoReply,
                format!("{title} did not answer `{told}` ({why}); nothing was changed"),
            ),
        }
    }

    pub(super) fn refused(&self, out: &Outgoing, answer: &Incoming, code: Option<&str>) -> Trouble {
        let (title, told, said) = (&self.title, out.told(), self.said(answer));
        let is = |codes: &[Code]| codes.iter().any(|known| known.is(answer.status, code));
        let status = answer.status;
        let (kind, why) = if is(&self.errors.denied) || matches!(status, 401 | 403) {
            let needs = if out.needs.is_empty() {
                String::new()
            } else {
                format!("; it needs {}", out.needs)
            };
            (TroubleKind::Denied, format!("{title} does not permit `{told}` ({said}){needs}"))
        } else if is(&self.errors.changed) || matches!(status, 409 | 412) {
            let why = format!("somebody was quicker: {title} did not take `{told}` ({said})");
            (TroubleKind::Changed, why)
        } else if status == 404 {
            let why = format!(
                "{title} finds nothing at `{told}` ({said}); whether it does not exist or may not be seen is not known"
            );
            (TroubleKind::Unknown, why)
        } else if status == 503 || (status >= 500 && !out.writes) {
            (
                TroubleKind::Unreachable,
                format!("{title} is out of order at `{told}` ({said}); nothing was changed"),
            )
        } else if status >= 500 {
            (
                TroubleKind::NoReply,
                format!("{title} failed at `{told}` ({said}); it may have been done"),
            )
        } else if (300..400).contains(&status) {
            let why = format!(
                "{title} points elsewhere at `{told}` ({said}), which is not followed; correct the address in the settings"
            );
            (TroubleKind::Unsupported, why)
        } else {
            (
                TroubleKind::Unsupported,
                format!("{title} did not accept `{told}` ({said}); nothing was changed"),
            )
        };
        Trouble::new(kind, why)
    }

    pub(super) fn code(&self, answer: &Incoming) -> Option<String> {
        self.errors.code.as_ref().and_then(|path| path.text_of(&answer.body))
    }

    /// Status, code and words of an answer, short enough for a message.
    pub(super) fn said(&self, answer: &Incoming) -> String {
        let message = self.errors.message.as_ref().and_then(|path| path.text_of(&answer.body));
        let words: Vec<String> = self.code(answer).into_iter().chain(message).collect();
        let words: String =
            words.join(": ").chars().filter(|c| !c.is_control()).take(200).collect();
        let gap = if words.is_empty() { "" } else { ", " };
        format!("status {}{gap}{words}", answer.status)
    }
}

impl Code {
    pub(super) fn is(&self, status: u16, code: Option<&str>) -> bool {
        match self {
            Self::Status(known) => *known == status,
            Self::Name(name) => code == Some(name),
        }
    }
}

/// Tells what never arrived from what may have.
pub(super) fn loss(error: &ureq::Error) -> Loss {
    use std::io::ErrorKind;
    let text = error.to_string();
    let never_left = if let ureq::Error::Io(error) = error {
        // A certificate that does not fit ends the handshake, before anything was sent.
        let untrusted = error.kind() == ErrorKind::InvalidData && text.contains("certificate");
        let nowhere = matches!(
            error.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::AddrNotAvailable
        );
        untrusted || nowhere
    } else {
        matches!(
            error,
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect)
                | ureq::Error::HostNotFound
                | ureq::Error::ConnectionFailed
                | ureq::Error::BadUri(_)
                | ureq::Error::Http(_)
                | ureq::Error::Tls(_)
                | ureq::Error::Rustls(_)
                | ureq::Error::InvalidProxyUrl
        )
    };
    if never_left { Loss::NotSent(text) } else { Loss::Lost(text) }
}
