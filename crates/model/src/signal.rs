//! What a log line says, before anybody asks which node of the estate it means.
//!
//! `signal` produces these values, `incident` reads them. A [`Mention`] keeps
//! the spellings exactly as the log had them: joining `NORTH\ann`,
//! `ann@north.example` and a SID to one node is the work of `incident`, which
//! alone sees the whole stream. Nothing here knows a format or a rule engine.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Where an event stood: the file or source it came from and its record number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// File path (with `archive!member` for members of archives) or source name.
    pub file: Arc<str>,
    /// Record number within the file, counted from 1.
    pub record: u64,
}

/// What sort of thing a name denotes. Decides the kind of a provisional node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MentionKind {
    /// A person's or service's account.
    User,
    /// A computer, virtual machine or instance.
    Host,
    /// A network address.
    Address,
    /// A credential that is not a password: access key, token, certificate.
    Key,
    /// An application, OAuth client or cloud role.
    App,
    /// A logon or role session; stands in reasons, never a foothold.
    Session,
    /// A database.
    Database,
    /// A table, bucket, share or file set inside a data store.
    Data,
    /// A group or directory role.
    Group,
}

/// The part that a named thing played in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Did it (the account that acted, not the account that was named).
    Actor,
    /// Where it was done from (client address or host).
    Source,
    /// Where it happened (the host that wrote the record).
    Place,
    /// What it was done to.
    Target,
    /// What came into being by it: a new key, account or session.
    Created,
}

/// One named thing in an event, in every spelling that the event gives for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mention {
    /// What sort of thing it is.
    pub kind: MentionKind,
    /// Its part in the event.
    pub role: Role,
    /// At least one spelling; all of them denote the same thing at this time.
    pub spellings: SmallVec<[Box<str>; 2]>,
}

/// Level of a Sigma rule.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Says that something happened, not that it is bad.
    #[default]
    Informational,
    /// Rarely worth a look by itself.
    Low,
    /// Worth a look together with others.
    Medium,
    /// Worth a look at once.
    High,
    /// Almost certainly an attack.
    Critical,
}

/// A rule as far as others need to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The rule's `id`, or its file name where it has none.
    pub id: String,
    /// The rule's `title`.
    pub title: String,
    /// The rule's `level`.
    pub level: Level,
    /// ATT&CK technique ids in upper case, from its tags: `T1003.001`.
    pub techniques: Vec<String>,
    /// ATT&CK tactics from its tags, as Sigma spells them: `credential-access`.
    pub tactics: Vec<String>,
}

/// A rule matched an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    /// When the event happened, by its own clock.
    pub time: Timestamp,
    /// Where the event stood.
    pub place: Place,
    /// Which rule matched.
    pub rule: Arc<Rule>,
    /// Everything that the event names, in roles.
    pub mentions: Arc<[Mention]>,
}

/// How something ended, as far as the log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused or failed.
    Failure,
}

/// How much data an access moved, as far as the log says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Rows read or changed.
    pub rows: Option<u64>,
    /// Bytes moved.
    pub bytes: Option<u64>,
    /// Objects or files.
    pub objects: Option<u64>,
}

/// What an access did with the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Names were listed; content was not read.
    List,
    /// Content was read.
    Read,
    /// Content was changed.
    Write,
    /// Content was deleted.
    Delete,
    /// Content left the store as a whole: export, dump, snapshot shared, `COPY TO`.
    Export,
}

/// What a change of rights did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// A new account.
    NewAccount,
    /// An account was enabled again.
    EnabledAccount,
    /// An account was disabled or deleted.
    DisabledAccount,
    /// A new key, secret, certificate or token.
    NewKey,
    /// A key was disabled or deleted.
    RemovedKey,
    /// A password was set by somebody else.
    PasswordReset,
    /// A new sign-in factor.
    NewFactor,
    /// Sign-in factors were removed or reset.
    RemovedFactor,
    /// A member joined a group, or a role was granted.
    Granted,
    /// A member left a group, or a role was taken away.
    Revoked,
    /// An application was given consent to act for people.
    Consent,
    /// A policy, trust or rule about access changed.
    Policy,
}

/// What an event says happened, suspicious or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum FactKind {
    /// Somebody signed in to something, or a session was issued.
    Logon {
        /// Whether it crossed the network (as against at the console or a service start).
        remote: bool,
    },
    /// Somebody used data.
    Access {
        /// What was done with it.
        verb: Verb,
        /// How much.
        amount: Amount,
    },
    /// Rights changed.
    Change {
        /// How.
        change: ChangeKind,
    },
    /// A host held an address: one mention names both. Nobody did anything.
    Lease,
}

/// One fact. Who, from where and to what stand in `mentions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// When it happened, by the event's own clock.
    pub time: Timestamp,
    /// Where the event stood.
    pub place: Place,
    /// What happened.
    pub kind: FactKind,
    /// Whether it came off.
    pub outcome: Outcome,
    /// Everything that the event names, in roles.
    pub mentions: Arc<[Mention]>,
}

/// Something that could not be read, evaluated or understood, told instead of dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The file or source.
    pub file: String,
    /// The place in it: `line 12`, `record 4711`, `byte 8192`, or empty for the whole file.
    pub place: String,
    /// What is wrong, in words, user input in backticks.
    pub what: String,
    /// How to mend it.
    pub remedy: String,
}
