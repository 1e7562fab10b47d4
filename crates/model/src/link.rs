//! Kinds of links: which way control flows along each and how long it takes.
//!
//! The one table of the design: kind, direction, seconds, source. A kind that
//! is not listed carries control from `from` to `to` at the default speed, so
//! an imported edge is never silently harmless.

/// How control moves along a link as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Whoever controls `from` can come to control `to`.
    Forward,
    /// Whoever controls `to` can come to control `from`, and `from` needs `to` to be up (`RunsOn`).
    BackwardAndNeeds,
    /// Data only: no control moves (`CopyOf`).
    DataOnly,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkKind {
    /// The name as written in estate files: BloodHound's edge name or our own.
    pub name: &'static str,
    /// Which way control flows.
    pub direction: Direction,
    /// Seconds that an intruder needs to use the link.
    pub seconds: u32,
    /// Where the meaning comes from.
    pub source: &'static str,
}

/// Seconds to use a link of a kind that the table does not list.
pub const DEFAULT_SECONDS: u32 = 300;

const BLOODHOUND: &str = "BloodHound edge documentation";
const OURS: &str = "Cordon";

const fn row(name: &'static str, seconds: u32, source: &'static str) -> LinkKind {
    LinkKind { name, direction: Direction::Forward, seconds, source }
}

/// All kinds that carry a meaning of their own, in the order of the documentation.
///
/// Seconds are orders of magnitude for a person with ready tools, checked
/// against reported intrusions: a right that one command uses takes a minute, a
/// credential that must first be found and read three, a change that must wait
/// for others (a policy, a certificate) ten. `docs/withdrawals.md` has the reasons.
pub const LINK_KINDS: &[LinkKind] = &[
    LinkKind { name: "RunsOn", direction: Direction::BackwardAndNeeds, seconds: 60, source: OURS },
    LinkKind { name: "CopyOf", direction: Direction::DataOnly, seconds: 0, source: OURS },
    row("Controls", 300, OURS),
    row("Reaches", 60, OURS),
    row("Manages", 120, OURS),
    row("StoresCredentialOf", 180, OURS),
    row("Authenticates", 30, OURS),
    row("CanReset", 120, OURS),
    // Structure: no work at all.
    row("MemberOf", 0, BLOODHOUND),
    row("Contains", 0, BLOODHOUND),
    row("HasSIDHistory", 0, BLOODHOUND),
    // Rights on a computer.
    row("AdminTo", 60, BLOODHOUND),
    row("CanRDP", 60, BLOODHOUND),
    row("CanPSRemote", 60, BLOODHOUND),
    row("ExecuteDCOM", 120, BLOODHOUND),
    row("SQLAdmin", 120, BLOODHOUND),
    row("AllowedToDelegate", 180, BLOODHOUND),
    row("AllowedToAct", 180, BLOODHOUND),
    row("AddAllowedToAct", 240, BLOODHOUND),
    row("WriteAccountRestrictions", 240, BLOODHOUND),
    row("CoerceToTGT", 300, BLOODHOUND),
    // Credentials that lie where one already is.
    row("HasSession", 180, BLOODHOUND),
    row("ReadLAPSPassword", 60, BLOODHOUND),
    row("SyncLAPSPassword", 60, BLOODHOUND),
    row("ReadGMSAPassword", 60, BLOODHOUND),
    row("DumpSMSAPassword", 180, BLOODHOUND),
    // Rights on an object of the directory.
    row("GenericAll", 120, BLOODHOUND),
    row("GenericWrite", 180, BLOODHOUND),
    row("WriteDacl", 180, BLOODHOUND),
    row("WriteOwner", 240, BLOODHOUND),
    row("Owns", 180, BLOODHOUND),
    row("ForceChangePassword", 60, BLOODHOUND),
    row("AddMember", 60, BLOODHOUND),
    row("AddSelf", 60, BLOODHOUND),
    row("AllExtendedRights", 120, BLOODHOUND),
    row("AddKeyCredentialLink", 180, BLOODHOUND),
    // A service name can be written at once; the ticket's password is guessed for hours.
    row("WriteSPN", 7200, BLOODHOUND),
    // The directory as a whole.
    row("DCSync", 120, BLOODHOUND),
    row("GetChangesAll", 120, BLOODHOUND),
    row("GoldenCert", 600, BLOODHOUND),
    row("ADCSESC1", 600, BLOODHOUND),
    row("ADCSESC3", 600, BLOODHOUND),
    row("ADCSESC4", 600, BLOODHOUND),
    row("GPLink", 600, BLOODHOUND),
    row("WriteGPLink", 600, BLOODHOUND),
];

/// Returns the row for a kind, in any letter case.
#[must_use]
pub fn link_kind(name: &str) -> Option<&'static LinkKind> {
    LINK_KINDS.iter().find(|kind| kind.name.eq_ignore_ascii_case(name))
}
