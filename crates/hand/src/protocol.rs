//! What is said between the program and the hand: one JSON object per line.
//!
//! Every ask carries a number and has exactly one answer with the same number;
//! only [`Answer::Changed`] comes unasked, with number 0. A line longer than
//! [`LONGEST`] ends the connection.

use std::io::{self, BufRead, Read as _, Write};

use cordon_connectors::Check;
use cordon_model::action::{Call, Reply, ServiceState};
use cordon_model::record::Renew;
use cordon_model::{NodeId, ServiceId, WithdrawalId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::warrant::Warrant;

/// Bytes of the longest line.
pub const LONGEST: u64 = 64 * 1024 * 1024;

/// An ask or an answer with its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Numbered<T> {
    /// The same in ask and answer.
    pub id: u64,
    /// What is said.
    pub body: T,
}

/// What the hand may be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Ask {
    /// May this cordon be raised? If so its orders may be carried out from now on.
    Warrant(Box<Warrant>),
    /// Would it be allowed? Nothing follows from the answer.
    Consider(Box<Warrant>),
    /// May these live longer?
    Renew(Renew),
    /// Make this call of its connector.
    Call(Box<Call>),
    /// This is lifted, as far as the program knows; its answer is not worth waiting for.
    Over {
        /// Which.
        withdrawal: WithdrawalId,
    },
    /// Say what this call would send, and send none of it.
    Rehearse(Box<Call>),
    /// Does this service trade?
    Service {
        /// Which.
        service: ServiceId,
    },
    /// Could the connectors act, and no more than they must?
    Preflight {
        /// Only this one.
        connector: Option<String>,
    },
}

/// What the hand answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// Yes, and by which rule.
    Accepted {
        /// The rule, in words.
        because: String,
    },
    /// No, and by which rule.
    Refused {
        /// The rule, in words, and what would change it.
        because: String,
    },
    /// To a call.
    Reply(Reply),
    /// To a rehearsal: what would be sent, a line each.
    Rehearsed {
        /// In order.
        lines: Vec<String>,
    },
    /// To a question about a service.
    Service {
        /// How it is.
        state: ServiceState,
    },
    /// To a pre-flight.
    Checks {
        /// By connector.
        checks: Vec<(String, Vec<Check>)>,
    },
    /// Unasked: somebody has changed a node in an outside system.
    Changed {
        /// Which.
        node: NodeId,
    },
}

/// Reads the next line; none at the end.
///
/// # Errors
/// When the stream breaks, a line is too long, or it is not what was expected.
pub fn read<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    from.take(LONGEST).read_until(b'\n', &mut line)?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(serde_json::from_slice(&line)?)),
        Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "a line is cut or too long")),
    }
}

/// Writes one line and sends it off.
///
/// # Errors
/// When the stream breaks.
pub fn write(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}
