//! What the ledger says: the typed body of every entry.
//!
//! The ledger is the only source of truth. Status, exposure, notices and what
//! the executor does next are computed from these records alone, so a record
//! says what happened in full and never points at a file that may be gone.
//! Storing, hashing and signing belong to the crate `ledger`; what the records
//! of withdrawals mean together is folded in the crate `execute`.
//!
//! On disk a record is JSON with a kebab-case tag in `record`. A change that an
//! older reader would misread raises [`RECORD_VERSION`]; new optional fields do not.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::action::{Act, Observed, Order, Outcome, Probed, ServiceState, Trouble};
use crate::ids::{CordonId, IncidentId, NodeId, PlanId, ServiceId, WithdrawalId};
use crate::plan::{AlternativeName, PlanDocument};
use crate::signal::Outcome as FactOutcome;
use crate::signal::{FactKind, Level, Mention, Place, Role, Rule};

/// The version of the records that this program writes.
pub const RECORD_VERSION: u16 = 1;

/// One entry of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Position, from 1, without gaps.
    pub seq: u64,
    /// When it was recorded, by the clock of whoever recorded it.
    pub time: Timestamp,
    /// Version of the record's form.
    pub version: u16,
    /// What it says.
    pub body: Record,
}

/// Who decided or did something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// Cordon itself, within its authority.
    Cordon,
    /// A person, by the name under which they signed in.
    Person(String),
}

impl std::fmt::Display for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cordon => f.write_str("Cordon"),
            Self::Person(name) => f.write_str(name),
        }
    }
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    /// The ledger was opened with an estate: the first entry, and one for every reload.
    Opened(Opened),
    /// A log source was heard without a break: evidence of coverage.
    Heard(Heard),
    /// A log source was silent although it was expected to speak.
    Silent(Span),
    /// Something could not be read.
    Unread(crate::signal::Problem),
    /// An event that mattered, as it was received.
    Event(EventKept),
    /// A rule matched an event.
    Detection(DetectionKept),
    /// What an event says happened, with names resolved to nodes.
    Fact(FactKept),
    /// A node is probably controlled by the intruder, or no longer thought to be; the newest counts.
    Foothold(FootholdFound),
    /// A person has decided about a foothold; overrides the score until withdrawn.
    FootholdDecision(FootholdDecision),
    /// What was usual on the estate while nobody was inside; what is learnt is added to what was.
    Usual(Usual),
    /// Logs have confirmed or contradicted links of the estate; the newest of each link counts.
    Links(LinksSeen),
    /// An incident was opened.
    IncidentOpened(IncidentOpened),
    /// An incident was closed.
    IncidentClosed(IncidentClosed),
    /// A plan was made.
    Plan(PlanMade),
    /// A plan was approved or declined, or the time for it ran out.
    Decision(Decision),
    /// A cordon was ordered: from here on its withdrawals are wanted.
    Raise(Raise),
    /// Withdrawals of a cordon are no longer wanted.
    Lift(Lift),
    /// A withdrawal's time to live was renewed.
    Renew(Renew),
    /// A withdrawal moved from one state to the next.
    Withdrawal(Moved),
    /// A service's state changed as seen by its probe; unchanged results are not recorded.
    Service(ServiceSeen),
    /// A person was called.
    Paged(Paged),
    /// A notice was published; frozen with its ledger position.
    Notice(NoticePublished),
    /// The claims of a notice were checked.
    Claims(ClaimsChecked),
    /// Somebody read, exported or signed in: audit of what changes nothing.
    Audit(Audit),
    /// From the next entry on another key signs the ledger; the old one signs this entry.
    KeyRotated(KeyRotated),
}

/// The ledger's next key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRotated {
    /// The next Ed25519 public key, 64 hexadecimal digits.
    pub public: String,
    /// Who changed it.
    pub by: By,
    /// Why.
    pub because: String,
}

/// With what the ledger was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The estate's name.
    pub estate: String,
    /// SHA-256 of the estate's canonical description, in hexadecimal.
    pub estate_sha256: String,
    /// Version of the program.
    pub program: String,
}

/// A stretch of time of one log source, both ends included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The source as the estate's coverage names it: `pgaudit:members`.
    pub source: String,
    /// First moment, by the events' own clocks.
    pub from: Timestamp,
    /// Last moment.
    pub to: Timestamp,
}

/// A source was heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Which source, and when.
    #[serde(flatten)]
    pub span: Span,
    /// How many events came.
    pub events: u64,
}

/// An event that was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventKept {
    /// When it happened, by its own clock.
    pub time: Timestamp,
    /// The log source that it came from.
    pub source: String,
    /// Where it stood.
    pub place: Place,
    /// The raw line or record, as text.
    pub raw: String,
}

/// A node and its part in an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeInRole {
    /// The node, of the estate or provisional.
    pub node: NodeId,
    /// Its part.
    pub role: Role,
}

/// A detection with names resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectionKept {
    /// When the event happened.
    pub time: Timestamp,
    /// Where the event stood.
    pub place: Place,
    /// The rule's id.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// The rule's level.
    pub level: Level,
    /// ATT&CK technique ids.
    pub techniques: Vec<String>,
    /// The nodes of the event, sorted.
    pub nodes: Vec<NodeInRole>,
}

/// A fact with names resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactKept {
    /// When it happened.
    pub time: Timestamp,
    /// The log source that it came from.
    pub source: String,
    /// Where the event stood.
    pub place: Place,
    /// What happened: a logon, an access with its amounts, a change of rights.
    #[serde(flatten)]
    pub kind: FactKind,
    /// Whether it came off.
    pub outcome: FactOutcome,
    /// Who, from where, to what, sorted.
    pub nodes: Vec<NodeInRole>,
}

impl FactKept {
    /// The nodes that played one part.
    pub fn in_role(&self, role: Role) -> impl Iterator<Item = &NodeId> {
        self.nodes.iter().filter(move |node| node.role == role).map(|node| &node.node)
    }
}

/// A foothold as Cordon sees it now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FootholdFound {
    /// The incident that it belongs to.
    pub incident: Option<IncidentId>,
    /// The node.
    pub node: NodeId,
    /// Every spelling under which it was seen, sorted.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Probability that the intruder controls it, 0 to 1.
    pub probability: f64,
    /// Whether it stays a start whatever is withdrawn.
    #[serde(default)]
    pub entrenched: bool,
    /// Since when, by the events' own clocks.
    pub since: Timestamp,
    /// Why, in words, most telling first.
    pub reasons: Vec<String>,
    /// The whole reckoning, line by line: the prior, then the heaviest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reckoning: Vec<ReckoningLine>,
}

/// One line of the reckoning behind a foothold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReckoningLine {
    /// What it adds, in natural log-odds.
    pub log_odds: f64,
    /// In words.
    pub text: String,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// Where the first of its events stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// What a person may say about a foothold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FootholdVerdict {
    /// The intruder has it although Cordon did not see it.
    Add,
    /// The intruder has it, as Cordon thought.
    Confirm,
    /// The intruder does not have it.
    Clear,
    /// The person's earlier word no longer counts; the score does again.
    Withdraw,
}

/// A person's word about a foothold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FootholdDecision {
    /// The incident, where one is meant.
    pub incident: Option<IncidentId>,
    /// The node.
    pub node: NodeId,
    /// What is said.
    pub verdict: FootholdVerdict,
    /// Who says it.
    pub by: By,
    /// Why.
    pub because: String,
}

/// What was usual in a quiet time: whom rules spoke of, who signed in where, who made what.
///
/// Rows of it are compared with later evidence and never count as evidence themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usual {
    /// The rules that the rows name by position.
    pub rules: Vec<Rule>,
    /// What was usual, in no order that counts.
    pub rows: Vec<UsualRow>,
}

/// One thing that was usual among one set of nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsualRow {
    /// What it was.
    #[serde(flatten)]
    pub what: UsualWhat,
    /// Who, from where, to what, in the spellings of the logs.
    pub mentions: Vec<Mention>,
    /// The days on which it was seen, the earliest and the latest where there were many.
    pub days: Vec<UsualDay>,
}

/// What was usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "usual", rename_all = "kebab-case")]
pub enum UsualWhat {
    /// A rule matched.
    Rule {
        /// Position in [`Usual::rules`], from 0.
        rule: u32,
    },
    /// An event said that something happened.
    Fact {
        /// What.
        #[serde(flatten)]
        kind: FactKind,
        /// Whether it came off.
        outcome: FactOutcome,
    },
}

/// How often something happened on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsualDay {
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
    /// How often.
    pub count: u64,
}

/// What logs have shown of links of the estate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinksSeen {
    /// The links, sorted.
    pub links: Vec<LinkSeen>,
}

/// What logs have shown of one link of the estate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LinkSeen {
    /// Whoever controls this ..
    pub from: NodeId,
    /// .. can come to control this, says the estate.
    pub to: NodeId,
    /// The kind of the link in the estate.
    pub kind: String,
    /// When it was last seen in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Timestamp>,
    /// When the logs last said that it is no more, with no use of it since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contradicted: Option<Timestamp>,
    /// What contradicts it, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
}

/// An incident began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentOpened {
    /// Its id.
    pub incident: IncidentId,
    /// Time of its first event, by the event's own clock.
    pub from: Timestamp,
    /// What happened, in words.
    pub summary: String,
}

/// An incident ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentClosed {
    /// Its id.
    pub incident: IncidentId,
    /// Time of its last event, by the event's own clock.
    pub to: Timestamp,
    /// Who closed it.
    pub by: By,
    /// Why.
    pub because: String,
}

/// A plan as a whole, bound to its hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanMade {
    /// Its short id.
    pub plan: PlanId,
    /// SHA-256 of its canonical JSON without `seconds`, in hexadecimal.
    pub sha256: String,
    /// The incident that it answers.
    pub incident: Option<IncidentId>,
    /// The plan that it replaces.
    pub parent: Option<PlanId>,
    /// The plan itself, with all alternatives.
    pub document: PlanDocument,
}

/// Which alternative of which plan, beyond doubt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlanChoice {
    /// The plan's short id.
    pub plan: PlanId,
    /// The plan's hash.
    pub sha256: String,
    /// The alternative.
    pub alternative: AlternativeName,
}

/// How a decision went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Raise exactly this.
    Approved,
    /// Do not raise this.
    Declined,
    /// Nobody decided in time, which means no.
    Expired,
}

/// One principal's decision about one alternative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// About what.
    #[serde(flatten)]
    pub choice: PlanChoice,
    /// How it went.
    pub verdict: Verdict,
    /// Who decided.
    pub by: By,
    /// Why.
    pub because: String,
    /// An approval counts until then; later it is a no.
    pub until: Option<Timestamp>,
    /// The person's Ed25519 signature over the decision's text, 128 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// A cordon was ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raise {
    /// The cordon's id.
    pub cordon: CordonId,
    /// The incident.
    pub incident: Option<IncidentId>,
    /// The plan behind it.
    #[serde(flatten)]
    pub choice: PlanChoice,
    /// What is ordered, in the order of raising.
    pub orders: Vec<Order>,
    /// Who ordered it: Cordon alone, or a person.
    pub by: By,
    /// What allowed it, in words: the authority's rule or the approvals.
    pub because: String,
}

/// Withdrawals are to be lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lift {
    /// Which; a withdrawal that another cordon still wants is lifted from that one too.
    pub withdrawals: Vec<WithdrawalId>,
    /// Who.
    pub by: By,
    /// Why.
    pub because: String,
    /// The protected service whose failing probe called for it: a roll-back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_service: Option<ServiceId>,
}

/// A longer life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renew {
    /// Which withdrawals.
    pub withdrawals: Vec<WithdrawalId>,
    /// Their new end.
    pub until: Timestamp,
    /// Who.
    pub by: By,
    /// Why.
    pub because: String,
}

/// One move of one withdrawal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The withdrawal.
    pub withdrawal: WithdrawalId,
    /// The move.
    #[serde(flatten)]
    pub transition: Transition,
}

/// The moves of a withdrawal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "kebab-case")]
pub enum Transition {
    /// The intent is durable: what was seen before acting, and that an attempt begins.
    Requested {
        /// Which attempt, counted over the withdrawal's whole life, from 1.
        attempt: u32,
        /// What was seen of each target before acting; the lift restores it.
        prior: Vec<Observed>,
    },
    /// The outside system says that every target is as asked.
    Acknowledged {
        /// What it said of each; "already so" names who had done it.
        outcomes: Vec<Outcome>,
    },
    /// A look has read back that the withdrawal is in place.
    Effective {
        /// How many sessions, tickets or connections are still open.
        open: u32,
        /// Seconds from now until the last of them ends by itself, where known.
        residual_seconds: Option<u64>,
    },
    /// A probe tried to use the access and was refused.
    Verified {
        /// What it found for each target.
        findings: Vec<Probed>,
    },
    /// An attempt did not come off; another follows.
    Tried {
        /// What was tried.
        act: Act,
        /// What went wrong.
        trouble: Trouble,
        /// How it ended for each target, where the system answered.
        outcomes: Vec<Outcome>,
    },
    /// Attempts are used up; a person is called and tries go on at a slow pace.
    Failed {
        /// What was tried.
        act: Act,
        /// What went wrong.
        trouble: Trouble,
        /// How it ended for each target, where the system answered.
        outcomes: Vec<Outcome>,
    },
    /// What was in place is no longer: somebody has opened it again.
    Drifted {
        /// What is seen now of the targets that are open.
        observed: Vec<Observed>,
        /// What shows it, in words.
        because: String,
    },
    /// It cannot be seen at present whether the withdrawal still holds.
    OutOfSight {
        /// Why not.
        trouble: Trouble,
    },
    /// Its time to live ends soon; renewing it prevents that.
    Expiring {
        /// When it ends.
        until: Timestamp,
    },
    /// Its time to live has ended; it is lifted next.
    Expired,
    /// The intent to lift is durable: what will be put back.
    Lifting {
        /// Which attempt, counted over the withdrawal's whole life, from 1.
        attempt: u32,
        /// The state to put back for each target that Cordon has changed.
        restore: Vec<Observed>,
    },
    /// The outside system says that the prior state is back; a look follows.
    Restored {
        /// What it said of each target.
        outcomes: Vec<Outcome>,
    },
    /// A look has read back that what Cordon took is given back.
    Lifted {
        /// Targets that were left closed because somebody else wants them so, and who.
        left: Vec<Outcome>,
    },
    /// A lift has used up its attempts; a person is called and tries go on at a slow pace.
    Stuck {
        /// What went wrong.
        trouble: Trouble,
        /// How it ended for each target, where the system answered.
        outcomes: Vec<Outcome>,
    },
    /// A withdrawal without a connector: a person was asked to raise or to lift it by hand.
    Asked {
        /// To raise (refuse or end) or to lift (restore).
        act: Act,
    },
    /// A person has done by hand what was asked.
    Confirmed {
        /// Who.
        by: By,
    },
}

impl Transition {
    /// Whether looks from before it no longer say what is there.
    #[must_use]
    pub fn makes_looks_old(&self) -> bool {
        match self {
            Self::Requested { .. }
            | Self::Acknowledged { .. }
            | Self::Tried { .. }
            | Self::Failed { .. }
            | Self::Drifted { .. }
            | Self::Lifting { .. }
            | Self::Restored { .. }
            | Self::Stuck { .. }
            | Self::Asked { .. }
            | Self::Confirmed { .. }
            | Self::Lifted { .. } => true,
            Self::Effective { .. }
            | Self::Verified { .. }
            | Self::OutOfSight { .. }
            | Self::Expiring { .. }
            | Self::Expired => false,
        }
    }

    /// Whether it is a step of giving access back, which must be possible even
    /// when the ledger cannot be written.
    #[must_use]
    pub fn is_of_a_lift(&self) -> bool {
        match self {
            Self::Lifting { .. }
            | Self::Restored { .. }
            | Self::Lifted { .. }
            | Self::Stuck { .. }
            | Self::Expired => true,
            Self::Tried { act, .. } | Self::Asked { act } => *act == Act::Restore,
            Self::Requested { .. }
            | Self::Acknowledged { .. }
            | Self::Effective { .. }
            | Self::Verified { .. }
            | Self::Failed { .. }
            | Self::Drifted { .. }
            | Self::OutOfSight { .. }
            | Self::Expiring { .. }
            | Self::Confirmed { .. } => false,
        }
    }
}

/// A service as its probe sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSeen {
    /// The service.
    pub service: ServiceId,
    /// Its state from now on.
    pub state: ServiceState,
    /// What the probe said, in words.
    pub because: String,
}

/// A call to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paged {
    /// What it is about, the same for the same matter: a withdrawal, a service, a cap.
    pub about: String,
    /// What happened, what is still true, what to do now.
    pub message: String,
}

/// A notice went out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticePublished {
    /// Its name: the file's stem.
    pub notice: String,
    /// SHA-256 of its text, in hexadecimal.
    pub sha256: String,
    /// Its whole text, as published.
    pub text: String,
    /// Who published it.
    pub by: By,
}

/// The claims of one notice were checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimsChecked {
    /// The notice.
    pub notice: String,
    /// SHA-256 of the text that was checked.
    pub sha256: String,
    /// Each claim, in the order of the text.
    pub claims: Vec<ClaimChecked>,
}

/// One claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimChecked {
    /// The words of the notice.
    pub text: String,
    /// The claim as written: `claim:exposure?category=payment-card&at-most=reachable`.
    pub claim: String,
    /// How it stands.
    pub verdict: ClaimVerdict,
    /// Why, in words.
    pub because: Vec<String>,
    /// The ledger entries that it rests on.
    pub entries: Vec<u64>,
}

/// How a claim stands against the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimVerdict {
    /// The evidence says the same.
    Supported,
    /// The evidence says otherwise.
    Contradicted,
    /// The evidence does not say.
    Unsupported,
}

/// Something that a person did without changing anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Who.
    pub by: By,
    /// What: `exported the ledger`, `signed in`.
    pub did: String,
}

impl Record {
    /// Whether it is a step of giving access back, which must be possible even
    /// when the ledger cannot be written.
    #[must_use]
    pub fn is_of_a_lift(&self) -> bool {
        match self {
            // A stuck lift calls a person, whatever the disk says.
            Self::Lift(_) | Self::Paged(_) => true,
            Self::Withdrawal(moved) => moved.transition.is_of_a_lift(),
            Self::Opened(_)
            | Self::Heard(_)
            | Self::Silent(_)
            | Self::Unread(_)
            | Self::Event(_)
            | Self::Detection(_)
            | Self::Fact(_)
            | Self::Foothold(_)
            | Self::FootholdDecision(_)
            | Self::IncidentOpened(_)
            | Self::IncidentClosed(_)
            | Self::Plan(_)
            | Self::Decision(_)
            | Self::Raise(_)
            | Self::Renew(_)
            | Self::Service(_)
            | Self::Notice(_)
            | Self::Claims(_)
            | Self::Usual(_)
            | Self::Links(_)
            | Self::Audit(_)
            | Self::KeyRotated(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
