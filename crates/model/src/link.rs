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
    /// Kept as the source has it, for whoever reads the estate: gives no control alone (`Enroll`).
    NoControl,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkKind {
    /// The name as written in estate files: BloodHound's edge name or our own.
    pub name: &'static str,
    /// Which way control flows.
    pub direction: Direction,
    /// Seconds that an intruder needs to use the link; 0 where no control flows.
    pub seconds: u32,
    /// What it says, in a few words.
    pub meaning: &'static str,
    /// Where the meaning comes from: a page of BloodHound's edge documentation, or `Cordon`.
    pub source: &'static str,
}

/// Seconds to use a link of a kind that the table does not list.
pub const DEFAULT_SECONDS: u32 = 300;

/// Source of the kinds that are not BloodHound's.
pub const OURS: &str = "Cordon";

const fn ours(
    name: &'static str,
    direction: Direction,
    seconds: u32,
    meaning: &'static str,
) -> LinkKind {
    LinkKind { name, direction, seconds, meaning, source: OURS }
}

const fn row(
    name: &'static str,
    seconds: u32,
    meaning: &'static str,
    source: &'static str,
) -> LinkKind {
    LinkKind { name, direction: Direction::Forward, seconds, meaning, source }
}

const fn kept(name: &'static str, meaning: &'static str, source: &'static str) -> LinkKind {
    LinkKind { name, direction: Direction::NoControl, seconds: 0, meaning, source }
}

/// All kinds that carry a meaning of their own, in the order of the documentation.
///
/// Seconds are orders of magnitude for a person with ready tools, checked
/// against reported intrusions: a right that one command uses takes a minute, a
/// credential that must first be found and read three, a change that must wait
/// for others (a policy, a certificate) ten. `docs/withdrawals.md` has the reasons.
/// Which of BloodHound's kinds give control follows its page "Traversable and
/// Non-Traversable Edge Types"; `docs/import.md` shows the rows and one exception.
pub const LINK_KINDS: &[LinkKind] = &[
    ours("RunsOn", Direction::BackwardAndNeeds, 60, "an application on its host"),
    ours("CopyOf", Direction::DataOnly, 0, "a replica, export or backup of data"),
    ours("Controls", Direction::Forward, 300, "any control that nothing else names"),
    ours(
        "Reaches",
        Direction::Forward,
        60,
        "an account or host to a flow, a flow to what lies behind it",
    ),
    ours("Manages", Direction::Forward, 120, "a management tool or hypervisor to what it commands"),
    ours(
        "StoresCredentialOf",
        Direction::Forward,
        180,
        "where a password or key of it can be read",
    ),
    ours("Authenticates", Direction::Forward, 30, "it signs in for the other"),
    ours("CanReset", Direction::Forward, 120, "it sets a new password or factor"),
    ours("UserRight", Direction::NoControl, 0, "a right to sign in or act on a computer"),
    // Structure: no work at all.
    row("MemberOf", 0, "a member has what the group has", "member-of"),
    row(
        "ClaimSpecialIdentity",
        0,
        "anybody signed in may count as one of these",
        "claim-special-identity",
    ),
    row("Contains", 0, "an organisational unit or pool and what is in it", "contains"),
    row("HasSIDHistory", 0, "an old identity that still counts", "has-sid-history"),
    // Rights on a computer.
    row("AdminTo", 60, "local administrator", "admin-to"),
    row("CanRDP", 60, "remote desktop", "can-rdp"),
    row("CanPSRemote", 60, "remote PowerShell", "can-ps-remote"),
    row("ExecuteDCOM", 120, "distributed COM", "execute-dcom"),
    row("SQLAdmin", 120, "administrator of a database server", "sql-admin"),
    row("AllowedToDelegate", 180, "constrained delegation", "allowed-to-delegate"),
    row("AllowedToAct", 180, "resource-based delegation", "allowed-to-act"),
    row("AddAllowedToAct", 240, "may set up such a delegation", "add-allowed-to-act"),
    row(
        "WriteAccountRestrictions",
        240,
        "the same, by a set of attributes",
        "write-account-restrictions",
    ),
    row(
        "CoerceToTGT",
        300,
        "unconstrained delegation: others can be made to sign in",
        "coerce-to-tgt",
    ),
    row(
        "CoerceAndRelayNTLMToSMB",
        600,
        "a computer made to sign in, passed on to another",
        "coerce-and-relay-ntlm-to-smb",
    ),
    row(
        "CoerceAndRelayNTLMToLDAP",
        600,
        "the same, to the directory",
        "coerce-and-relay-ntlm-to-ldap",
    ),
    row(
        "CoerceAndRelayNTLMToLDAPS",
        600,
        "the same, to the directory over TLS",
        "coerce-and-relay-ntlm-to-ldaps",
    ),
    row(
        "CoerceAndRelayNTLMToADCS",
        600,
        "the same, to a certificate authority's web page",
        "coerce-and-relay-ntlm-to-adcs",
    ),
    // Credentials that lie where one already is.
    row("HasSession", 180, "somebody's session and secrets lie there", "has-session"),
    row("ReadLAPSPassword", 60, "the local administrator's managed password", "read-laps-password"),
    row("SyncLAPSPassword", 60, "the same, by replication", "sync-laps-password"),
    row("ReadGMSAPassword", 60, "a group managed account's password", "read-gmsa-password"),
    row(
        "DumpSMSAPassword",
        180,
        "a managed account's password, from its host",
        "dump-smsa-password",
    ),
    // Rights on an object of the directory.
    row("GenericAll", 120, "full rights on an object", "generic-all"),
    row("GenericWrite", 180, "may write any attribute", "generic-write"),
    row("WriteDacl", 180, "may grant itself rights", "write-dacl"),
    row("WriteOwner", 240, "may make itself the owner", "write-owner"),
    row(
        "WriteOwnerLimitedRights",
        240,
        "the same, where an owner has less than full rights",
        "write-owner-limited-rights",
    ),
    row("Owns", 180, "owner, may grant itself rights", "owns"),
    row(
        "OwnsLimitedRights",
        240,
        "owner, with the rights that owners are given there",
        "owns-limited-rights",
    ),
    row(
        "ForceChangePassword",
        60,
        "may set the password without the old one",
        "force-change-password",
    ),
    row("AddMember", 60, "may add members", "add-member"),
    row("AddSelf", 60, "may add itself", "add-self"),
    row("AllExtendedRights", 120, "all extended rights", "all-extended-rights"),
    row("AddKeyCredentialLink", 180, "may add a key that signs in", "add-key-credential-link"),
    row(
        "WriteAltSecurityIdentities",
        600,
        "may name a certificate that signs in",
        "write-alt-security-identities",
    ),
    row(
        "WritePublicInformation",
        600,
        "may write that and other public attributes",
        "write-public-information",
    ),
    // A service name can be written at once; the ticket's password is guessed for hours.
    row("WriteSPN", 7200, "may ask for a ticket whose password is then guessed", "write-spn"),
    // The directory as a whole.
    row("DCFor", 60, "a domain controller holds the domain's secrets", "dc-for"),
    row("DCSync", 120, "may replicate secrets", "dc-sync"),
    row("HasTrustKeys", 180, "a domain and the account of its trust", "has-trust-keys"),
    row("SameForestTrust", 600, "domains of one forest", "same-forest-trust"),
    row("TrustedBy", 600, "a trust, as older collections draw it", "same-forest-trust"),
    row(
        "SpoofSIDHistory",
        300,
        "a trust without a filter: forged old identities count",
        "spoof-sid-history",
    ),
    row("AbuseTGTDelegation", 600, "a trust that hands tickets over", "abuse-tgt-delegation"),
    row("SyncedToEntraUser", 300, "the same person in Entra ID", "synced-to-entra-user"),
    row("SyncedToADUser", 300, "the same person in the directory", "synced-to-ad-user"),
    // Certificates.
    row("GoldenCert", 600, "the certificate authority's key", "golden-cert"),
    row("ManageCA", 600, "administrator of a certificate authority", "manage-ca"),
    row("ManageCertificates", 600, "may approve requests for certificates", "manage-certificates"),
    row("ADCSESC1", 600, "a template that lets one name somebody else", "adcs-esc1"),
    row("ADCSESC3", 600, "an enrolment agent's template", "adcs-esc3"),
    row("ADCSESC4", 600, "a template that may be rewritten", "adcs-esc4"),
    row("ADCSESC6a", 600, "an authority that lets one name somebody else", "adcs-esc6a"),
    row("ADCSESC6b", 600, "the same, over TLS", "adcs-esc6b"),
    row("ADCSESC9a", 600, "a template without the owner's identity", "adcs-esc9a"),
    row("ADCSESC9b", 600, "the same, for computers", "adcs-esc9b"),
    row("ADCSESC10a", 600, "controllers that match certificates by name", "adcs-esc10a"),
    row("ADCSESC10b", 600, "the same, for computers", "adcs-esc10b"),
    row("ADCSESC13", 600, "a template that makes its owner a member of a group", "adcs-esc13"),
    // Policies.
    row("GPLink", 600, "a policy that applies there", "gp-link"),
    row("WriteGPLink", 600, "may make a policy apply there", "write-gp-link"),
    // What gives no control alone.
    kept("GetChanges", "half of the right to replicate: see DCSync", "get-changes"),
    kept("GetChangesAll", "the other half", "get-changes-all"),
    kept(
        "GetChangesInFilteredSet",
        "with the first half: see SyncLAPSPassword",
        "get-changes-in-filtered-set",
    ),
    kept("OwnsRaw", "owner, where owners are given nothing", "owns-raw"),
    kept("WriteOwnerRaw", "may become owner, where owners are given nothing", "write-owner-raw"),
    kept("CrossForestTrust", "a trust between forests: see SpoofSIDHistory", "cross-forest-trust"),
    kept("LocalToComputer", "a local group and its computer", "local-to-computer"),
    kept("MemberOfLocalGroup", "a member of a local group", "member-of-local-group"),
    kept(
        "RemoteInteractiveLogonRight",
        "may sign in by remote desktop, if it gets there",
        "remote-interactive-logon-right",
    ),
    kept("ProtectAdminGroups", "whose rights are reset every hour", "protect-admin-groups"),
    kept("Enroll", "may ask for a certificate", "enroll"),
    kept("EnrollOnBehalfOf", "one template may ask for another", "enroll-on-behalf-of"),
    kept("DelegatedEnrollmentAgent", "may ask on behalf of others", "delegated-enrollment-agent"),
    kept("WritePKIEnrollmentFlag", "may write one flag of a template", "write-pki-enrollment-flag"),
    kept("WritePKINameFlag", "may write another flag of a template", "write-pki-name-flag"),
    kept("PublishedTo", "a template that an authority offers", "published-to"),
    kept(
        "HostsCAService",
        "the computer of a certificate authority: see GoldenCert",
        "hosts-ca-service",
    ),
    kept("TrustedForNTAuth", "an authority whose certificates sign in", "trusted-for-nt-auth"),
    kept("NTAuthStoreFor", "the list of such authorities", "nt-auth-store-for"),
    kept("EnterpriseCAFor", "an authority of a domain", "enterprise-ca-for"),
    kept("RootCAFor", "a root authority of a domain", "root-ca-for"),
    kept("IssuedSignedBy", "an authority's certificate is signed by another", "issued-signed-by"),
    kept("ExtendedByPolicy", "a template and its issuance policy", "extended-by-policy"),
    kept(
        "OIDGroupLink",
        "an issuance policy and the group it stands for: see ADCSESC13",
        "oid-group-link",
    ),
];

/// Returns the row for a kind, in any letter case.
#[must_use]
pub fn link_kind(name: &str) -> Option<&'static LinkKind> {
    LINK_KINDS.iter().find(|kind| kind.name.eq_ignore_ascii_case(name))
}
