//! The records of each type, with the edges that they state counted as they are written.

mod accounts;
mod computers;

use std::fmt::Write as _;

use super::Version;
use super::objects::{
    ADMINISTRATORS, CONTAINERS, CONTROLLERS, DOMAIN, DOMAIN_ADMINS, DOMAIN_USERS, Directory,
    ENTERPRISE_ADMINS, ENTERPRISE_CONTROLLERS, FOREIGN, SID, TEMPLATES, Team, computer, container,
    group, policy, single, team, template, unit,
};

/// Writes one record of a type, by its number.
type Write = fn(&mut Directory, u32);

/// All types in the order in which they are written.
pub(super) const KINDS: [(&str, Write); 13] = [
    ("computers", computers::write),
    ("users", accounts::write_user),
    ("groups", accounts::write_group),
    ("domains", write_domain),
    ("ous", write_unit),
    ("gpos", write_policy),
    ("containers", write_container),
    ("certtemplates", write_template),
    ("enterprisecas", write_authority),
    ("rootcas", write_root),
    ("aiacas", |directory, _| {
        write_store(directory, 2, "NORTH AIA", "\"certthumbprint\":\"AA01\"")
    }),
    ("ntauthstores", write_nt_auth),
    ("issuancepolicies", |directory, _| {
        write_store(directory, 4, "NORTH POLICY", "\"certtemplateoid\":\"1.3.6.1.4.1.311.21.8.7\"");
    }),
];

/// A principal as collections refer to it: id and class.
type Principal = (String, &'static str);

impl Directory {
    /// Starts a record: its id and the attributes that all have.
    fn start(&mut self, id: &str, name: &str, more: &str) {
        let comma = if more.is_empty() { "" } else { "," };
        let _ = write!(
            self.text,
            "{{\"ObjectIdentifier\":\"{id}\",\"IsDeleted\":false,\"IsACLProtected\":false,\
             \"Properties\":{{\"name\":\"{name}\",\"domain\":\"{DOMAIN}\",\"domainsid\":\"{SID}\",\
             \"description\":null,\"whencreated\":1700000000{comma}{more}}}"
        );
    }

    /// A list of principals under a name.
    fn list(&mut self, name: &str, kind: &str, members: &[Principal]) {
        let _ = write!(self.text, ",\"{name}\":");
        self.members(members);
        self.stated.add(kind, members.len() as u64);
    }

    fn members(&mut self, members: &[Principal]) {
        self.push("[");
        for ((id, class), at) in members.iter().zip(0..) {
            let comma = if at > 0 { "," } else { "" };
            let _ = write!(
                self.text,
                "{comma}{{\"ObjectIdentifier\":\"{id}\",\"ObjectType\":\"{class}\"}}"
            );
        }
        self.push("]");
    }

    /// The rights that administrators have on everything, and `more`.
    fn rights(&mut self, more: &[(Principal, &str)]) {
        let admins = (group(DOMAIN_ADMINS), "Group");
        let inherited = [
            (admins.clone(), "Owns"),
            (admins, "GenericAll"),
            ((group(ENTERPRISE_ADMINS), "Group"), "GenericAll"),
            ((group(ADMINISTRATORS), "Group"), "WriteDacl"),
            ((group(ADMINISTRATORS), "Group"), "WriteOwner"),
        ];
        self.push(",\"Aces\":[");
        for (((id, class), right), at) in inherited.iter().chain(more).zip(0..) {
            let comma = if at > 0 { "," } else { "" };
            let _ = write!(
                self.text,
                "{comma}{{\"PrincipalSID\":\"{id}\",\"PrincipalType\":\"{class}\",\
                 \"RightName\":\"{right}\",\"IsInherited\":{}}}",
                at > 0
            );
            self.stated.add(right, 1);
        }
        self.push("]");
    }

    /// Ends a record: where it lies, in the form that says so.
    fn end(&mut self, parent: Option<Principal>) {
        if let (Version::V6, Some((id, class))) = (self.version, parent) {
            let _ = write!(
                self.text,
                ",\"ContainedBy\":{{\"ObjectIdentifier\":\"{id}\",\"ObjectType\":\"{class}\"}}"
            );
            self.stated.add("Contains", 1);
        }
        self.push("}");
    }

    fn primary_group(&mut self, number: u32) {
        let _ = write!(self.text, ",\"PrimaryGroupSID\":\"{}\"", group(number));
        self.stated.add("MemberOf", 1);
    }
}

fn write_domain(directory: &mut Directory, _at: u32) {
    directory.start(SID, DOMAIN, "\"functionallevel\":\"2016\",\"machineaccountquota\":10");
    let of = |number| (group(number), "Group");
    directory.rights(&[
        (of(ENTERPRISE_CONTROLLERS), "GetChanges"),
        (of(CONTROLLERS), "GetChangesAll"),
        (of(ADMINISTRATORS), "GetChanges"),
        (of(ADMINISTRATORS), "GetChangesAll"),
    ]);
    let units = (0..directory.units).map(|at| (unit(at), "OU"));
    let containers = (0..CONTAINERS).map(|at| (container(at), "Container"));
    let children: Vec<Principal> = units.chain(containers).collect();
    directory.list("ChildObjects", "Contains", &children);
    // Older collectors write numbers: both ways, between forests.
    let (direction, sort) = match directory.version {
        Version::V5 => ("3", "2"),
        Version::V6 => ("\"Bidirectional\"", "\"Forest\""),
    };
    let _ = write!(
        directory.text,
        ",\"Trusts\":[{{\"TargetDomainSid\":\"{FOREIGN}\",\"TargetDomainName\":\"SOUTH.EXAMPLE\",\
         \"IsTransitive\":true,\"SidFilteringEnabled\":false,\"TrustDirection\":{direction},\
         \"TrustType\":{sort}}}]"
    );
    directory.stated.add("CrossForestTrust", 2);
    directory.stated.add("SpoofSIDHistory", 1);
    write_policy_links(directory, &[policy(0)]);
    directory.push(",\"GPOChanges\":{\"LocalAdmins\":[],\"AffectedComputers\":[]}");
    directory.end(None);
}

fn write_policy_links(directory: &mut Directory, policies: &[String]) {
    let links: Vec<String> =
        policies.iter().map(|id| format!("{{\"GUID\":\"{id}\",\"IsEnforced\":false}}")).collect();
    let _ = write!(directory.text, ",\"Links\":[{}]", links.join(","));
    directory.stated.add("GPLink", policies.len() as u64);
}

fn write_unit(directory: &mut Directory, at: u32) {
    let name = match at {
        0 => "DOMAIN CONTROLLERS".to_owned(),
        1 => "SERVERS".to_owned(),
        2 => "SERVICE ACCOUNTS".to_owned(),
        // Some names stand twice, as in real directories.
        at => format!("DEPARTMENT {}", if at % 100 == 4 { at - 1 } else { at }),
    };
    directory.start(&unit(at), &format!("{name}@{DOMAIN}"), "\"blocksinheritance\":false");
    directory.rights(&[]);
    write_policy_links(directory, &[policy(at % directory.policies)]);
    directory.push(",\"ChildObjects\":[]");
    write_changes(directory, at);
    directory.end(Some((SID.to_owned(), "Domain")));
}

/// Policies of some departments put administrators on a few computers.
fn write_changes(directory: &mut Directory, at: u32) {
    let some = at % 25 == 5;
    let last = directory.computers - 1;
    let affected: Vec<Principal> =
        (0..if some { 4 } else { 0 }).map(|back| (computer(last - back), "Computer")).collect();
    let admins: Vec<Principal> =
        if some { vec![(group(team(0, Team::Administrators)), "Group")] } else { vec![] };
    directory.push(",\"GPOChanges\":{\"LocalAdmins\":");
    directory.members(&admins);
    directory.push(",\"RemoteDesktopUsers\":[],\"DcomUsers\":[],\"PSRemoteUsers\":[]");
    directory.push(",\"AffectedComputers\":");
    directory.members(&affected);
    directory.push("}");
    directory.stated.add("AdminTo", (admins.len() * affected.len()) as u64);
}

fn write_policy(directory: &mut Directory, at: u32) {
    directory.start(&policy(at), &format!("POLICY {at}@{DOMAIN}"), "\"gpcpath\":\"sysvol\"");
    // Policy one applies to servers, and one help desk may write it.
    let writes = ((group(team(0, Team::HelpDesk)), "Group"), "GenericWrite");
    directory.rights(if at == 1 { std::slice::from_ref(&writes) } else { &[] });
    directory.end(None);
}

fn write_container(directory: &mut Directory, at: u32) {
    let name = if at == 0 { "USERS" } else { "COMPUTERS" };
    directory.start(&container(at), &format!("{name}@{DOMAIN}"), "");
    directory.rights(&[]);
    directory.push(",\"ChildObjects\":[]");
    directory.end(Some((SID.to_owned(), "Domain")));
}

fn write_template(directory: &mut Directory, at: u32) {
    // Template one lets whoever may enrol name somebody else; only one team may.
    let open = at == 1;
    directory.start(
        &template(at),
        &format!("TEMPLATE {at}@{DOMAIN}"),
        &format!(
            "\"enrolleesuppliessubject\":{open},\"authenticationenabled\":{},\
             \"requiresmanagerapproval\":false,\"authorizedsignatures\":0,\"schemaversion\":2,\
             \"certificatepolicy\":[],\"certtemplateoid\":\"1.3.6.1.4.1.311.21.8.100.{at}\"",
            at != 2
        ),
    );
    let enrols = if open { group(team(0, Team::HelpDesk)) } else { group(DOMAIN_USERS) };
    directory.rights(&[((enrols, "Group"), "Enroll")]);
    directory.end(Some((container(1), "Container")));
}

fn write_authority(directory: &mut Directory, _at: u32) {
    directory.start(
        &single(0),
        &format!("NORTH CA@{DOMAIN}"),
        "\"certthumbprint\":\"AA02\",\"certchain\":[\"AA02\",\"AA01\"],\"caname\":\"NORTH CA\"",
    );
    directory.rights(&[
        ((format!("{DOMAIN}-S-1-5-11"), "Group"), "Enroll"),
        ((group(DOMAIN_ADMINS), "Group"), "ManageCA"),
        ((group(DOMAIN_ADMINS), "Group"), "ManageCertificates"),
    ]);
    let offered: Vec<Principal> = (0..TEMPLATES).map(|at| (template(at), "CertTemplate")).collect();
    directory.list("EnabledCertTemplates", "PublishedTo", &offered);
    let host = computer(directory.controllers());
    let _ = write!(directory.text, ",\"HostingComputer\":\"{host}\",\"CARegistryData\":null");
    directory.stated.add("HostsCAService", 1);
    directory.end(Some((container(1), "Container")));
}

fn write_root(directory: &mut Directory, _at: u32) {
    write_store(directory, 1, "NORTH ROOT", "\"certthumbprint\":\"AA01\"");
    directory.stated.add("RootCAFor", 1);
}

fn write_nt_auth(directory: &mut Directory, _at: u32) {
    write_store(directory, 3, "NORTH NTAUTH", "\"certthumbprints\":[\"AA02\"]");
    directory.stated.add("NTAuthStoreFor", 1);
}

fn write_store(directory: &mut Directory, class: u32, name: &str, more: &str) {
    directory.start(&single(class), &format!("{name}@{DOMAIN}"), more);
    directory.rights(&[]);
    let _ = write!(directory.text, ",\"DomainSID\":\"{SID}\"");
    directory.end(Some((container(1), "Container")));
}
