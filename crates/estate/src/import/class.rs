//! Classes of directory objects: how collections call them and which kind of node each becomes.
//!
//! One table. A class that is not in it becomes a `principal`, so that nothing
//! that a collection mentions is dropped.

/// What an object of a directory is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Nobody has said.
    #[default]
    Unknown,
    User,
    Computer,
    Group,
    LocalGroup,
    LocalUser,
    Domain,
    OrganisationalUnit,
    Container,
    Policy,
    Template,
    Authority,
    RootAuthority,
    IntermediateAuthority,
    NtAuthStore,
    IssuancePolicy,
    Configuration,
    Site,
    SiteServer,
    SiteSubnet,
}

/// One row of the table.
pub(crate) struct Row {
    class: Class,
    /// As `ObjectType` and `PrincipalType` name it; letter case does not matter.
    pub(crate) named: &'static [&'static str],
    /// As `meta.type` names a file of it.
    pub(crate) collection: &'static str,
    /// The kind of its nodes.
    pub(crate) kind: &'static str,
}

const fn row(
    class: Class,
    named: &'static [&'static str],
    collection: &'static str,
    kind: &'static str,
) -> Row {
    Row { class, named, collection, kind }
}

/// All classes, in the order of the documentation.
pub(crate) const CLASSES: [Row; 19] = [
    row(Class::User, &["User"], "users", "user"),
    row(Class::Computer, &["Computer"], "computers", "host"),
    row(Class::Group, &["Group"], "groups", "group"),
    row(Class::LocalGroup, &["ADLocalGroup", "LocalGroup"], "localgroups", "local-group"),
    row(Class::LocalUser, &["ADLocalUser", "LocalUser"], "localusers", "local-user"),
    row(Class::Domain, &["Domain"], "domains", "domain"),
    row(Class::OrganisationalUnit, &["OU"], "ous", "ou"),
    row(Class::Container, &["Container"], "containers", "container"),
    row(Class::Policy, &["GPO"], "gpos", "gpo"),
    row(Class::Template, &["CertTemplate"], "certtemplates", "cert-template"),
    row(Class::Authority, &["EnterpriseCA"], "enterprisecas", "enterprise-ca"),
    row(Class::RootAuthority, &["RootCA"], "rootcas", "root-ca"),
    row(Class::IntermediateAuthority, &["AIACA"], "aiacas", "aia-ca"),
    row(Class::NtAuthStore, &["NTAuthStore"], "ntauthstores", "nt-auth-store"),
    row(Class::IssuancePolicy, &["IssuancePolicy"], "issuancepolicies", "issuance-policy"),
    row(Class::Configuration, &["Configuration"], "configurations", "configuration"),
    row(Class::Site, &["Site"], "sites", "site"),
    row(Class::SiteServer, &["SiteServer"], "siteservers", "site-server"),
    row(Class::SiteSubnet, &["SiteSubnet"], "sitesubnets", "site-subnet"),
];

impl Class {
    /// The class that a reference names.
    pub(crate) fn named(text: &str) -> Self {
        let is = |row: &&Row| row.named.iter().any(|name| name.eq_ignore_ascii_case(text));
        CLASSES.iter().find(is).map_or(Self::Unknown, |row| row.class)
    }

    /// The class of a file's records, by its `meta.type`.
    pub(crate) fn of_collection(text: &str) -> Self {
        let is = |row: &&Row| row.collection.eq_ignore_ascii_case(text);
        CLASSES.iter().find(is).map_or(Self::Unknown, |row| row.class)
    }

    /// The class of a file's records, by its name: `20260302101500_users.json`.
    pub(crate) fn of_file(name: &str) -> Self {
        let base = name.rsplit(['/', '\\']).next().unwrap_or(name).to_ascii_lowercase();
        let stem = base.strip_suffix(".json").unwrap_or(&base);
        Self::of_collection(stem.rsplit(['_', '-']).next().unwrap_or(stem))
    }

    /// The kind of node that it becomes.
    pub(crate) fn kind(self) -> &'static str {
        CLASSES.iter().find(|row| row.class == self).map_or("principal", |row| row.kind)
    }
}

/// Principals that every directory knows: the end of the SID, the name, and whether losing it is losing the domain.
const WELL_KNOWN: [(&str, Class, &str, bool); 27] = [
    ("-S-1-1-0", Class::Group, "Everyone", false),
    ("-S-1-5-2", Class::Group, "Network", false),
    ("-S-1-5-4", Class::Group, "Interactive", false),
    ("-S-1-5-7", Class::User, "Anonymous", false),
    ("-S-1-5-9", Class::Group, "Enterprise Domain Controllers", true),
    ("-S-1-5-10", Class::Group, "Self", false),
    ("-S-1-5-11", Class::Group, "Authenticated Users", false),
    ("-S-1-5-15", Class::Group, "This Organization", false),
    ("-S-1-5-18", Class::User, "Local System", false),
    ("-S-1-5-20", Class::User, "Network Service", false),
    ("-S-1-5-32-544", Class::Group, "Administrators", true),
    ("-S-1-5-32-545", Class::Group, "Users", false),
    ("-S-1-5-32-548", Class::Group, "Account Operators", false),
    ("-S-1-5-32-549", Class::Group, "Server Operators", false),
    ("-S-1-5-32-550", Class::Group, "Print Operators", false),
    ("-S-1-5-32-551", Class::Group, "Backup Operators", false),
    ("-500", Class::User, "Administrator", false),
    ("-502", Class::User, "krbtgt", false),
    ("-512", Class::Group, "Domain Admins", true),
    ("-513", Class::Group, "Domain Users", false),
    ("-514", Class::Group, "Domain Guests", false),
    ("-515", Class::Group, "Domain Computers", false),
    ("-516", Class::Group, "Domain Controllers", true),
    ("-517", Class::Group, "Cert Publishers", false),
    ("-518", Class::Group, "Schema Admins", true),
    ("-519", Class::Group, "Enterprise Admins", true),
    ("-520", Class::Group, "Group Policy Creator Owners", false),
];

/// What is known of a SID by its form alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WellKnown {
    /// What it is.
    pub(crate) class: Class,
    /// What people call it.
    pub(crate) name: &'static str,
    /// Whether whoever controls it controls the domain.
    pub(crate) tier_zero: bool,
}

/// Recognises a SID that every directory has (MS-DTYP 2.4.2.4): `NORTH.EXAMPLE-S-1-5-11`, `S-1-5-21-…-512`.
pub(crate) fn well_known(id: &str) -> Option<WellKnown> {
    let found = WELL_KNOWN.iter().find(|(end, ..)| {
        id.strip_suffix(end).is_some_and(|start| {
            // A relative id counts under the SID of a domain: three numbers after S-1-5-21.
            let of_domain = |rest: &str| rest.split('-').count() == 3;
            end.starts_with("-S-") || start.strip_prefix("S-1-5-21-").is_some_and(of_domain)
        })
    });
    found.map(|&(_, class, name, tier_zero)| WellKnown { class, name, tier_zero })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_found_by_any_of_their_names() {
        assert_eq!(Class::named("ADLocalGroup"), Class::LocalGroup);
        assert_eq!(Class::named("Base"), Class::Unknown);
        assert_eq!(Class::of_collection("enterprisecas"), Class::Authority);
        assert_eq!(Class::of_file("out/20260302_Users.json"), Class::User);
        assert_eq!(Class::of_file("notes.json"), Class::Unknown);
        assert_eq!(Class::Unknown.kind(), "principal");
        for row in &CLASSES {
            assert_eq!(row.class.kind(), row.kind);
        }
    }

    #[test]
    fn relative_ids_count_in_domains_alone() {
        let name = |id: &str| well_known(id).map(|known| known.name);
        assert_eq!(name("S-1-5-21-1-2-3-512"), Some("Domain Admins"));
        assert_eq!(name("NORTH.EXAMPLE-S-1-5-32-544"), Some("Administrators"));
        assert_eq!(name("S-1-5-21-1-2-3-1104-544"), None, "a computer's own group");
        assert_eq!(name("S-1-5-21-1-2-3-1104-500"), None, "a computer's own account");
        assert_eq!(name("S-1-5-21-1-2-3-1512"), None);
    }
}
