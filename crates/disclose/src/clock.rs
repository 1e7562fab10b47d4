//! What must be told to whom by when, counted from the evidence of awareness.
//!
//! The clocks start when the incident was opened: from then on nobody can say
//! that it was not known. The duties and their lengths stand in one table with
//! their sources; whether one applies follows from the exposure.

use std::fmt::Write as _;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};
use serde::{Deserialize, Serialize};

use crate::exposure::{Exposure, Verdict};
use crate::spans::{length, moment};

/// One duty to tell somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duty {
    /// Card scheme Mastercard: at once.
    Mastercard,
    /// NIS2 Art 23(4)(a): early warning within 24 hours.
    Nis2Warning,
    /// GDPR Art 33: the supervisory authority within 72 hours.
    Gdpr,
    /// NIS2 Art 23(4)(b): notification within 72 hours.
    Nis2Notification,
    /// Card scheme Visa: report within 3 days.
    Visa,
    /// Card schemes: incident report within 3 days.
    CardReport,
    /// Card schemes: numbers of the cards at risk within 10 business days.
    CardsAtRisk,
    /// NIS2 Art 23(4)(d): final report one month after the notification.
    Nis2Final,
}

impl Duty {
    const ALL: [Self; 8] = [
        Self::Mastercard,
        Self::Nis2Warning,
        Self::Gdpr,
        Self::Nis2Notification,
        Self::Visa,
        Self::CardReport,
        Self::CardsAtRisk,
        Self::Nis2Final,
    ];

    /// Whom and what, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Mastercard => "Mastercard, through the acquirer: suspicion, at once",
            Self::Nis2Warning => "NIS2 authority: early warning (malicious? across borders?)",
            Self::Gdpr => {
                "data protection authority: GDPR Art 33 notification, in phases if need be"
            }
            Self::Nis2Notification => "NIS2 authority: notification (severity, impact, indicators)",
            Self::Visa => "Visa, through the acquirer: report",
            Self::CardReport => "card schemes: incident report",
            Self::CardsAtRisk => "card schemes: numbers of the cards at risk",
            Self::Nis2Final => "NIS2 authority: final report (root cause, mitigation)",
        }
    }

    fn due(self, aware: Timestamp, done: &[Done]) -> Timestamp {
        let hours =
            |hours: i64| aware.checked_add(SignedDuration::from_hours(hours)).unwrap_or(aware);
        match self {
            Self::Mastercard => aware,
            Self::Nis2Warning => hours(24),
            Self::Gdpr | Self::Nis2Notification | Self::Visa | Self::CardReport => hours(72),
            Self::CardsAtRisk => business_days(aware, 10),
            Self::Nis2Final => {
                let told = done.iter().find(|done| done.duty == Self::Nis2Notification);
                let from = told.map_or_else(|| hours(72), |done| done.at).to_zoned(TimeZone::UTC);
                from.checked_add(1.month()).map_or(aware, |due| due.timestamp())
            }
        }
    }
}

/// A duty that has been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Which.
    pub duty: Duty,
    /// When.
    pub at: Timestamp,
}

/// One running clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Which duty.
    pub duty: Duty,
    /// Whom and what, in words.
    pub words: String,
    /// When it began: the evidence of awareness.
    pub started: Timestamp,
    /// When it is due.
    pub due: Timestamp,
    /// When it was done, if it was.
    pub done: Option<Timestamp>,
    /// Why it runs.
    pub because: String,
}

/// Lists the duties that run, earliest first.
///
/// `aware` is when the incident was opened, `nis2` whether the organisation is
/// under NIS2. Days count as 24 hours in UTC, business days as Monday to
/// Friday; holidays are not known here, which errs on the early side.
#[must_use]
pub fn clocks(aware: Timestamp, exposure: &Exposure, nis2: bool, done: &[Done]) -> Vec<Clock> {
    let mut clocks: Vec<Clock> = Duty::ALL
        .into_iter()
        .filter_map(|duty| {
            let because = applies(duty, exposure, nis2)?;
            let told = done.iter().find(|done| done.duty == duty).map(|done| done.at);
            let due = duty.due(aware, done);
            let words = duty.words().to_owned();
            Some(Clock { duty, words, started: aware, due, done: told, because })
        })
        .collect();
    clocks.sort_by_key(|clock| (clock.due, clock.duty));
    clocks
}

fn applies(duty: Duty, exposure: &Exposure, nis2: bool) -> Option<String> {
    let not_ruled_out = |only_cards: bool| {
        exposure.holdings.iter().find_map(|holding| {
            let open = holding.categories.iter().find(|(name, found)| {
                found.verdict != Verdict::RuledOut
                    && (!only_cards || name.as_str() == "payment-card")
            });
            open.map(|(name, found)| format!("{name} of `{}` is {}", holding.node, found.verdict))
        })
    };
    match duty {
        Duty::Gdpr => not_ruled_out(false),
        Duty::Mastercard | Duty::Visa | Duty::CardReport | Duty::CardsAtRisk => not_ruled_out(true),
        Duty::Nis2Warning | Duty::Nis2Notification | Duty::Nis2Final => nis2.then(|| {
            "the organisation is under NIS2 and the incident may be significant".to_owned()
        }),
    }
}

fn business_days(from: Timestamp, days: u32) -> Timestamp {
    let mut at: Zoned = from.to_zoned(TimeZone::UTC);
    let mut left = days;
    while left > 0 {
        let Ok(next) = at.checked_add(1.day()) else { break };
        at = next;
        if !matches!(at.weekday(), Weekday::Saturday | Weekday::Sunday) {
            left -= 1;
        }
    }
    at.timestamp()
}

/// Draws the clocks as a table: what is due, when, and how it stands at `now`.
#[must_use]
pub fn clock_table(clocks: &[Clock], now: Timestamp) -> String {
    let mut text = String::new();
    for clock in clocks {
        let left = clock.due.duration_since(now).as_secs();
        let state = match clock.done {
            Some(at) if at <= clock.due => format!("done {}", moment(at)),
            Some(at) => format!("done late {}", moment(at)),
            None if left < 0 => format!("OVERDUE by {}", length(-left)),
            None => format!("{} left", length(left)),
        };
        let _ = writeln!(text, "{}  {state:<28}  {}", moment(clock.due), clock.words);
    }
    text
}

#[cfg(test)]
mod tests;
