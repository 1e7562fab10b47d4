//! Why a node is suspected, line by line, in words that an analyst can check.

use cordon_model::Timestamp;
use cordon_model::signal::{ChangeKind, Level, Place, Role};
use serde::Serialize;

use crate::assess::{Judgement, rounded};
use crate::names::{EntityIx, Names};
use crate::passage::Way;
use crate::settings::Decision;
use crate::spread::Message;
use crate::weigh::{PRIOR, Said};

/// One line of the reckoning.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// What it adds, in natural log-odds.
    pub log_odds: f64,
    /// In words.
    pub text: String,
    /// The rule's id, where a rule said it.
    pub rule: Option<String>,
    /// When it began.
    pub time: Option<Timestamp>,
    /// How many events said it.
    pub count: u64,
    /// Where the first of them stands.
    pub place: Option<Place>,
    /// The node from which suspicion passed on.
    pub from: Option<String>,
}

/// Puts the reckoning of a node into words: the prior, then the heaviest first.
pub(crate) fn reasons(
    node: EntityIx,
    judgement: &Judgement<'_>,
    names: &Names,
    probability: f64,
    decision: Option<&Decision>,
) -> Vec<Reason> {
    if let Some(decision) = decision {
        return vec![decided(decision)];
    }
    let mut lines = Vec::new();
    if let Some(direct) = judgement.direct.get(&node) {
        lines.extend(direct.said.iter().filter(|said| said.log_odds >= 0.01).map(said_line));
        if direct.in_order > 0.0 {
            let text = format!(
                "{} tactics followed each other in the order of an intrusion",
                direct.tactics
            );
            lines.push(plain(direct.in_order, text));
        }
        if direct.capped < 0.0 {
            lines.push(plain(direct.capped, "no rule of a high level spoke of it".to_owned()));
        }
    }
    if let Some(belief) = judgement.beliefs.get(&node) {
        lines.extend(belief.messages.iter().map(|message| message_line(message, names)));
        let now = (probability / (1.0 - probability)).ln();
        if belief.log_odds - now > 0.01 {
            lines.push(plain(
                now - belief.log_odds,
                "nothing new has been seen since; it fades".to_owned(),
            ));
        }
    }
    lines.sort_by(|a, b| b.log_odds.total_cmp(&a.log_odds).then_with(|| a.text.cmp(&b.text)));
    let prior = plain(PRIOR, "before any evidence: 1 node in 150 is the intruder's".to_owned());
    lines.insert(0, prior);
    for line in &mut lines {
        line.log_odds = rounded(line.log_odds);
    }
    lines
}

pub(crate) fn decided(decision: &Decision) -> Reason {
    let word = if decision.foothold { "called the intruder's" } else { "cleared" };
    let text = format!("{word} by {}: {}", decision.by, decision.because);
    let mut line = plain(0.0, text);
    line.time = Some(decision.at);
    line
}

fn plain(log_odds: f64, text: String) -> Reason {
    Reason { log_odds, text, rule: None, time: None, count: 0, place: None, from: None }
}

fn said_line(said: &Said<'_>) -> Reason {
    let part = match said.role {
        Role::Actor => "it acted",
        Role::Source => "it was the source",
        Role::Place => "it happened there",
        Role::Target => "it was named",
        Role::Created => "it was made by this",
    };
    let times = if said.count == 1 { String::new() } else { format!(", {} times", said.count) };
    let techniques = said.rule.techniques.join(" ");
    let techniques = if techniques.is_empty() { techniques } else { format!(" [{techniques}]") };
    Reason {
        log_odds: said.log_odds,
        text: format!(
            "{} ({}){techniques}: {part}{times}",
            said.rule.title,
            level(said.rule.level)
        ),
        rule: Some(said.rule.id.clone()),
        time: Some(said.first),
        count: said.count,
        place: Some(said.place.clone()),
        from: None,
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Informational => "informational",
        Level::Low => "low",
        Level::Medium => "medium",
        Level::High => "high",
        Level::Critical => "critical",
    }
}

fn message_line(message: &Message<'_>, names: &Names) -> Reason {
    let from = names.entity(message.from).map(|entity| entity.id.to_string()).unwrap_or_default();
    let new = if message.is_new { ", which it had never done before" } else { "" };
    Reason {
        log_odds: message.log_odds,
        text: format!("{}{new}", way(message.way, &from)),
        rule: None,
        time: Some(message.at),
        count: 1,
        place: Some(message.place.clone()),
        from: Some(from),
    }
}

fn way(way: Way, from: &str) -> String {
    match way {
        Way::MovedTo => format!("the foothold {from} signed in to it over the network"),
        Way::SatAt => format!("the foothold {from} signed in at it"),
        Way::CameFrom => format!("the foothold {from} came from it"),
        Way::UsedFrom => format!("it was used from the foothold {from}"),
        Way::Borrowed => format!("the foothold {from} used its credentials"),
        Way::TookOn => format!("the foothold {from} took it on"),
        Way::ActedAt(_) => format!("the foothold {from} did something suspicious there"),
        Way::ActedFrom(_) => format!("it did something suspicious on the foothold {from}"),
        Way::EnteredBy => {
            format!("it had signed in to {from} about when that became a foothold")
        }
        Way::Made => format!("the foothold {from} made it"),
        Way::Changed(change) => format!("the foothold {from} {} it", changed(change)),
    }
}

fn changed(change: ChangeKind) -> &'static str {
    match change {
        ChangeKind::NewAccount => "created",
        ChangeKind::EnabledAccount => "enabled",
        ChangeKind::DisabledAccount => "disabled",
        ChangeKind::NewKey => "made a key that is or belongs to",
        ChangeKind::RemovedKey => "removed a key of",
        ChangeKind::PasswordReset => "set the password of",
        ChangeKind::NewFactor => "added a sign-in factor to",
        ChangeKind::RemovedFactor => "removed the sign-in factors of",
        ChangeKind::Granted => "granted rights to",
        ChangeKind::Revoked => "took rights from",
        ChangeKind::Consent => "gave consent to",
        ChangeKind::Policy => "changed the policy of",
    }
}
