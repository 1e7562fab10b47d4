//! The ledger for people: which entries, and each in one line of words.

use cordon_model::Timestamp;
use cordon_model::action::{Answer, Outcome};
use cordon_model::record::{Entry, NodeInRole, Record, Transition};
use cordon_model::signal::FactKind;

/// Which entries to show; what is not set does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// From this position on.
    pub from: Option<u64>,
    /// Recorded at this time or later.
    pub since: Option<Timestamp>,
    /// Recorded before this time.
    pub before: Option<Timestamp>,
    /// Of one of these kinds, as [`kind`] names them; all if empty.
    pub kinds: Vec<String>,
    /// Whose line of words holds this text, in any letter case: a node, a withdrawal, a name.
    pub text: Option<String>,
}

impl Filter {
    /// Whether an entry is to be shown.
    #[must_use]
    pub fn keeps(&self, entry: &Entry) -> bool {
        self.from.is_none_or(|from| entry.seq >= from)
            && self.since.is_none_or(|since| entry.time >= since)
            && self.before.is_none_or(|before| entry.time < before)
            && (self.kinds.is_empty() || self.kinds.iter().any(|k| k == kind(&entry.body)))
            && self.text.as_ref().is_none_or(|text| {
                describe(&entry.body).to_lowercase().contains(&text.to_lowercase())
            })
    }
}

/// The kind of a record, as it is tagged on disk.
#[must_use]
pub fn kind(record: &Record) -> &'static str {
    match record {
        Record::Opened(_) => "opened",
        Record::Heard(_) => "heard",
        Record::Silent(_) => "silent",
        Record::Unread(_) => "unread",
        Record::Event(_) => "event",
        Record::Detection(_) => "detection",
        Record::Fact(_) => "fact",
        Record::Foothold(_) => "foothold",
        Record::FootholdDecision(_) => "foothold-decision",
        Record::Usual(_) => "usual",
        Record::Links(_) => "links",
        Record::IncidentOpened(_) => "incident-opened",
        Record::IncidentClosed(_) => "incident-closed",
        Record::Plan(_) => "plan",
        Record::Decision(_) => "decision",
        Record::Raise(_) => "raise",
        Record::Lift(_) => "lift",
        Record::Renew(_) => "renew",
        Record::Withdrawal(_) => "withdrawal",
        Record::Service(_) => "service",
        Record::Paged(_) => "paged",
        Record::Notice(_) => "notice",
        Record::Claims(_) => "claims",
        Record::Audit(_) => "audit",
        Record::KeyRotated(_) => "key-rotated",
    }
}

/// Says in one line what a record says.
#[must_use]
pub fn describe(record: &Record) -> String {
    match record {
        Record::Opened(o) => format!("opened with the estate `{}` ({})", o.estate, o.estate_sha256),
        Record::Heard(h) => {
            format!(
                "{} spoke from {} to {}: {} events",
                h.span.source, h.span.from, h.span.to, h.events
            )
        }
        Record::Silent(s) => format!("{} was silent from {} to {}", s.source, s.from, s.to),
        Record::Unread(p) => format!("could not read {} {}: {}", p.file, p.place, p.what),
        Record::Event(e) => format!("{} {}:{} {}", e.time, e.place.file, e.place.record, e.raw),
        Record::Detection(d) => {
            format!("{} `{}` matched: {}", d.time, d.title, nodes(&d.nodes))
        }
        Record::Fact(f) => {
            format!("{} {} {:?}: {}", f.time, fact(&f.kind), f.outcome, nodes(&f.nodes))
        }
        Record::Foothold(f) => {
            let why = f.reasons.first().map_or("", String::as_str);
            format!(
                "{} is a foothold with probability {:.2} since {}: {why}",
                f.node, f.probability, f.since
            )
        }
        Record::FootholdDecision(d) => {
            format!("{} says {:?} about the foothold {}: {}", d.by, d.verdict, d.node, d.because)
        }
        Record::Usual(u) => format!("{} things were usual in quiet time", u.rows.len()),
        Record::Links(l) => {
            let confirmed = l.links.iter().filter(|link| link.contradicted.is_none()).count();
            let contradicted = l.links.len() - confirmed;
            format!(
                "logs confirmed {confirmed} links of the estate and contradicted {contradicted}"
            )
        }
        Record::IncidentOpened(i) => format!("{} opened: {}", i.incident, i.summary),
        Record::IncidentClosed(i) => format!("{} closed by {}: {}", i.incident, i.by, i.because),
        Record::Plan(p) => {
            let count = p.document.alternatives.len();
            format!("plan {} with {count} alternatives, sha256:{}", p.plan, p.sha256)
        }
        Record::Decision(d) => {
            let name = d.choice.alternative.as_str();
            format!("{} {:?} `{name}` of {}: {}", d.by, d.verdict, d.choice.plan, d.because)
        }
        Record::Raise(r) => {
            let count = r.orders.len();
            let (plan, name) = (&r.choice.plan, r.choice.alternative.as_str());
            format!(
                "{} raised by {}: {count} withdrawals, `{name}` of {plan}: {}",
                r.cordon, r.by, r.because
            )
        }
        Record::Lift(l) => format!("{} lifts {}: {}", l.by, list(&l.withdrawals), l.because),
        Record::Renew(r) => {
            format!("{} renews {} until {}: {}", r.by, list(&r.withdrawals), r.until, r.because)
        }
        Record::Withdrawal(m) => format!("{} {}", m.withdrawal, transition(&m.transition)),
        Record::Service(s) => format!("{} is {:?}: {}", s.service, s.state, s.because),
        Record::Paged(p) => format!("called a person about {}: {}", p.about, p.message),
        Record::Notice(n) => format!("{} published `{}` ({})", n.by, n.notice, n.sha256),
        Record::Claims(c) => format!("{} claims of `{}` checked", c.claims.len(), c.notice),
        Record::Audit(a) => format!("{} {}", a.by, a.did),
        Record::KeyRotated(k) => format!("{} changes the ledger's key: {}", k.by, k.because),
    }
}

fn fact(kind: &FactKind) -> &'static str {
    match kind {
        FactKind::Logon { .. } => "logon",
        FactKind::Access { .. } => "access",
        FactKind::Change { .. } => "change",
        FactKind::Lease => "lease",
    }
}

fn nodes(nodes: &[NodeInRole]) -> String {
    let each = nodes.iter().map(|node| format!("{} ({:?})", node.node, node.role));
    each.collect::<Vec<_>>().join(", ")
}

fn list(ids: &[cordon_model::WithdrawalId]) -> String {
    ids.iter().map(cordon_model::WithdrawalId::as_str).collect::<Vec<_>>().join(", ")
}

fn transition(step: &Transition) -> String {
    match step {
        Transition::Requested { attempt, prior } => {
            format!("requested, attempt {attempt}, prior state of {} targets kept", prior.len())
        }
        Transition::Acknowledged { outcomes } => format!("acknowledged{}", found(outcomes)),
        Transition::Effective { open, residual_seconds } => match residual_seconds {
            _ if *open == 0 => "effective".to_owned(),
            Some(seconds) => format!("effective, {open} still open for up to {seconds} s"),
            None => format!("effective, {open} still open"),
        },
        Transition::Verified { .. } => "verified by a probe".to_owned(),
        Transition::Tried { act, trouble, .. } => format!("{act:?} did not come off: {trouble}"),
        Transition::Failed { trouble, .. } => format!("failed: {trouble}"),
        Transition::Drifted { because, .. } => format!("drifted: {because}"),
        Transition::OutOfSight { trouble } => format!("cannot be seen: {trouble}"),
        Transition::Expiring { until } => format!("ends at {until} unless renewed"),
        Transition::Expired => "has reached the end of its time".to_owned(),
        Transition::Lifting { attempt, restore } => {
            format!("being lifted, attempt {attempt}, {} targets", restore.len())
        }
        Transition::Restored { .. } => "restored".to_owned(),
        Transition::Lifted { left } => format!("lifted{}", found(left)),
        Transition::Stuck { trouble, .. } => format!("cannot be lifted: {trouble}"),
        Transition::Asked { act } => format!("a person was asked to {act:?}"),
        Transition::Confirmed { by } => format!("done by hand by {by}"),
    }
}

/// Names what was so already, and by whom.
fn found(outcomes: &[Outcome]) -> String {
    let already = outcomes.iter().filter_map(|outcome| match &outcome.answer {
        Answer::AlreadySo { by } => {
            let by = by.as_deref().unwrap_or("somebody");
            Some(format!("{} already by {by}", outcome.target))
        }
        Answer::Done | Answer::Failed(_) => None,
    });
    let already: Vec<String> = already.collect();
    if already.is_empty() { String::new() } else { format!(" ({})", already.join(", ")) }
}
