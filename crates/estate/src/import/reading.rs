//! Everything read so far, and how one record becomes links.
//!
//! Fields fill [`Record`]; when the record ends its links go to disk. Links
//! that only several records together justify are drawn afterwards, in
//! [`super::conclude`]; what they need is kept in [`Facts`].

use std::io;

use super::class::Class;
use super::edges::{EdgeKind, Edges};
use super::objects::{Description, Flag, ObjectIx, Objects};
use super::record::{Certificates, Half, LocalGroup, Record, Right, Trust, Way};
use super::spill::{Links, RawLink};

/// Rights and settings that say something only together.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Who may replicate what, by the three rights of [`REPLICATION`].
    pub(crate) replication: Vec<(ObjectIx, Replication, ObjectIx)>,
    /// What certificate services say, with the rights on each object.
    pub(crate) certificates: Vec<(ObjectIx, Certificates, Vec<Right>)>,
}

/// The rights that replication is made of (MS-ADTS 5.1.3.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replication {
    /// `GetChanges`.
    Changes,
    /// `GetChangesAll`.
    Secrets,
    /// `GetChangesInFilteredSet`.
    Filtered,
}

const REPLICATION: [(&str, Replication); 3] = [
    ("GetChanges", Replication::Changes),
    ("GetChangesAll", Replication::Secrets),
    ("GetChangesInFilteredSet", Replication::Filtered),
];

/// Groups of a computer whose members get in, by the end of their ids.
const OPEN_GROUPS: [(&str, &str); 4] =
    [("-544", "AdminTo"), ("-555", "CanRDP"), ("-562", "ExecuteDCOM"), ("-580", "CanPSRemote")];

/// What SharpHound calls groups whose name says nothing.
const UNNAMED: &str = "IGNOREME";

/// Stated links that are not written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// From an object to itself.
    pub(crate) to_itself: u64,
    /// What owners may do: read as a limit on owners.
    pub(crate) for_owners: u64,
}

/// Everything read so far.
pub(crate) struct Reading {
    pub(crate) objects: Objects,
    pub(crate) links: Links,
    pub(crate) edges: Edges,
    pub(crate) facts: Facts,
    pub(crate) left_out: LeftOut,
    /// The record being read.
    pub(crate) record: Record,
    /// The file being read, counted from 1.
    pub(crate) file: u32,
    /// Good records of this file.
    pub(crate) records: u64,
    /// Records of this file without an id.
    pub(crate) without_id: u64,
    /// Values of this file that were of an unexpected type.
    pub(crate) slips: u64,
    /// The first failure to write to disk; nothing is read after it.
    pub(crate) failure: Option<io::Error>,
    spare: String,
}

impl Reading {
    /// Starts with nothing.
    pub(crate) fn new(objects: Objects, links: Links) -> Self {
        Self {
            objects,
            links,
            edges: Edges::default(),
            facts: Facts::default(),
            left_out: LeftOut::default(),
            record: Record::default(),
            file: 0,
            records: 0,
            without_id: 0,
            slips: 0,
            failure: None,
            spare: String::new(),
        }
    }

    /// Starts the next file.
    pub(crate) fn start_file(&mut self) {
        self.file = self.objects.next_file();
        (self.records, self.without_id, self.slips) = (0, 0, 0);
    }

    /// Forgets the record before.
    pub(crate) fn start_record(&mut self) {
        self.record = Record::default();
    }

    /// Lends a text buffer, empty.
    pub(crate) fn lend(&mut self) -> String {
        std::mem::take(&mut self.spare)
    }

    /// Takes a lent buffer back.
    pub(crate) fn give_back(&mut self, mut text: String) {
        text.clear();
        self.spare = text;
    }

    /// Links everything in the list just read with the record's object.
    pub(crate) fn link_found(&mut self, kind: &str, way: Way) {
        let kind = self.edges.kind(kind);
        let Record { found, halves, .. } = &mut self.record;
        halves.extend(found.drain(..).map(|other| Half { kind, other, way }));
    }

    /// Names an account or group that a computer alone knows.
    pub(crate) fn name_local(&mut self, id: &str, name: &str) {
        if let Some(object) = self.objects.refer(id, Class::Unknown) {
            self.objects.name(object, name);
            self.objects.set(object, Flag::Named);
        }
    }

    /// Turns the record into an object and links.
    pub(crate) fn finish_record(&mut self) {
        let record = std::mem::take(&mut self.record);
        let Some(object) = self.objects.refer(&record.id, Class::Unknown) else {
            self.without_id += 1;
            return;
        };
        self.records += 1;
        self.objects.declare(object, self.file);
        let written = self.describe(object, &record);
        self.keep(written);
        self.link_halves(object, &record);
        self.link_rights(object, &record);
        self.link_groups(object, &record.groups);
        self.link_trusts(object, &record.trusts);
        self.link_accounts(object, &record);
        self.keep_facts(object, record);
    }

    fn keep(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.failure.get_or_insert(error);
        }
    }

    fn describe(&mut self, object: ObjectIx, record: &Record) -> io::Result<()> {
        let domain = self.objects.domain(&record.domain);
        let names_itself = record.domain_sid.eq_ignore_ascii_case(&record.id);
        if let Some(known) = self.objects.domain_mut(domain) {
            if known.sid.is_empty() && !record.domain_sid.is_empty() {
                known.sid = record.domain_sid.to_ascii_uppercase();
            }
            if names_itself && known.netbios.is_empty() {
                known.netbios.clone_from(&record.netbios);
            }
        }
        self.objects.set_domain(object, domain);
        self.objects.name(object, &record.name);
        let serves = [record.has_service_name, record.group_managed, record.managed];
        let flags = [
            (Flag::Service, serves.contains(&Some(true))),
            (Flag::Disabled, record.enabled == Some(false)),
            (Flag::Controller, is_controller(record)),
            (Flag::ManagedPassword, record.managed_password == Some(true)),
            (Flag::Deleted, record.deleted == Some(true)),
        ];
        for (flag, _) in flags.into_iter().filter(|(_, holds)| *holds) {
            self.objects.set(object, flag);
        }
        self.objects.describe(
            object,
            &Description {
                label: record.display_name.clone(),
                account: record.account.clone(),
                principal: record.principal.clone(),
                mail: record.mail.clone(),
            },
        )
    }

    /// Adds a link that the source states.
    pub(crate) fn state(&mut self, from: ObjectIx, to: ObjectIx, kind: EdgeKind) {
        if let Some(edge) = self.edges.of(kind) {
            edge.stated += 1;
        }
        self.push(from, to, kind);
    }

    /// Adds a link between two ids; a missing end is counted.
    pub(crate) fn link_ids(&mut self, from: &str, to: &str, kind: &str) {
        let from = self.objects.refer(from, Class::Unknown);
        let to = self.objects.refer(to, Class::Unknown);
        if let (Some(from), Some(to), false) = (from, to, kind.is_empty()) {
            let kind = self.edges.kind(kind);
            self.state(from, to, kind);
        } else {
            self.slips += 1;
        }
    }

    /// Adds a link that follows from what the source states.
    pub(crate) fn conclude(&mut self, from: ObjectIx, to: ObjectIx, kind: EdgeKind) {
        if from != to
            && let Some(edge) = self.edges.of(kind)
        {
            edge.concluded += 1;
        }
        self.push(from, to, kind);
    }

    fn push(&mut self, from: ObjectIx, to: ObjectIx, kind: EdgeKind) {
        if from == to {
            self.left_out.to_itself += 1;
            return;
        }
        let written = self.links.push(RawLink { from, to, kind });
        self.keep(written);
    }

    fn link_halves(&mut self, object: ObjectIx, record: &Record) {
        for half in &record.halves {
            match half.way {
                Way::Out => self.state(object, half.other, half.kind),
                Way::In => self.state(half.other, object, half.kind),
            }
        }
        for &(from, to, kind) in &record.whole {
            self.state(from, to, kind);
        }
        for (kind, members) in &record.changes.members {
            for &computer in &record.changes.computers {
                for &member in members {
                    self.state(member, computer, *kind);
                }
            }
        }
        if let Some(group) = self.objects.refer(&record.primary_group, Class::Group) {
            let kind = self.edges.kind("MemberOf");
            self.state(object, group, kind);
        }
    }

    /// Links whoever has a right; rights of owners are cut down where the list says so.
    fn link_rights(&mut self, object: ObjectIx, record: &Record) {
        let owners = Owners::of(record, &mut self.edges);
        for right in rights_of(record, &mut self.edges) {
            if let Some(edge) = self.edges.of(right.kind) {
                edge.stated += 1;
            }
            if right.for_owners {
                self.left_out.for_owners += 1;
                continue;
            }
            let kind = owners.limit(right.kind);
            self.push(right.principal, object, kind);
            let name = self.edges.name(right.kind);
            if let Some(&(_, which)) = REPLICATION.iter().find(|(known, _)| *known == name) {
                self.facts.replication.push((object, which, right.principal));
            }
        }
    }

    fn link_groups(&mut self, computer: ObjectIx, groups: &[LocalGroup]) {
        let kinds = OPEN_GROUPS.map(|(end, kind)| (end, self.edges.kind(kind)));
        let ids: Vec<Option<ObjectIx>> =
            groups.iter().map(|group| self.objects.find(&group.id)).collect();
        for group in groups {
            if let Some(&(_, kind)) = kinds.iter().find(|(end, _)| group.id.ends_with(end)) {
                for &member in &group.members {
                    self.state(member, computer, kind);
                }
                for member in through_groups(&group.members, groups, &ids) {
                    self.conclude(member, computer, kind);
                }
            } else if !group.members.is_empty() {
                self.link_other_group(computer, group);
            }
        }
    }

    /// Keeps a local group that opens nothing by itself, with its members.
    fn link_other_group(&mut self, computer: ObjectIx, group: &LocalGroup) {
        let Some(node) = self.objects.refer(&group.id, Class::LocalGroup) else {
            self.slips += 1;
            return;
        };
        if group.name != UNNAMED {
            self.objects.name(node, &group.name);
        }
        self.objects.set(node, Flag::Named);
        let member_of = self.edges.kind("MemberOfLocalGroup");
        for &member in &group.members {
            self.state(member, node, member_of);
        }
        let belongs = self.edges.kind("LocalToComputer");
        self.state(node, computer, belongs);
    }

    /// Draws trusts as BloodHound does: the link leads where an intruder gets from one domain to the other.
    fn link_trusts(&mut self, domain: ObjectIx, trusts: &[Trust]) {
        for trust in trusts {
            let Some(target) = self.objects.refer(&trust.target, Class::Domain) else {
                self.slips += 1;
                continue;
            };
            self.objects.name(target, &trust.target_name);
            let same_forest = ["ParentChild", "TreeRoot", "CrossLink"].contains(&&*trust.kind);
            let kind = if same_forest { "SameForestTrust" } else { "CrossForestTrust" };
            let kind = self.edges.kind(kind);
            let both = trust.direction == "Bidirectional";
            if both || trust.direction == "Inbound" {
                self.state(target, domain, kind);
                if !same_forest && trust.delegates_tickets == Some(true) {
                    let kind = self.edges.kind("AbuseTGTDelegation");
                    self.state(target, domain, kind);
                }
            }
            if both || trust.direction == "Outbound" {
                self.state(domain, target, kind);
                if !same_forest && trust.filtered == Some(false) {
                    let kind = self.edges.kind("SpoofSIDHistory");
                    self.state(target, domain, kind);
                }
            }
        }
    }

    /// Links what an account's own settings give: its domain, if it is a controller or may be handed tickets.
    fn link_accounts(&mut self, object: ObjectIx, record: &Record) {
        let kind = if is_controller(record) {
            "DCFor"
        } else if record.unconstrained == Some(true) {
            "CoerceToTGT"
        } else {
            return;
        };
        if let Some(domain) = self.objects.refer(&record.domain_sid, Class::Domain) {
            let kind = self.edges.kind(kind);
            self.state(object, domain, kind);
        }
    }

    fn keep_facts(&mut self, object: ObjectIx, record: Record) {
        if record.certificates.is_some() {
            let rights = rights_of(&record, &mut self.edges);
            self.facts.certificates.push((object, record.certificates, rights));
        }
    }
}

/// Version 6 says it; before that the primary group does.
fn is_controller(record: &Record) -> bool {
    let by_group = |end| record.primary_group.ends_with(end);
    record.controller.unwrap_or_else(|| by_group("-516") || by_group("-521"))
}

/// The rights that hold: an authority's own settings go before what the directory says of them.
fn rights_of(record: &Record, edges: &mut Edges) -> Vec<Right> {
    let certificates = &record.certificates;
    if certificates.own_rights_collected != Some(true) {
        return record.rights.clone();
    }
    let of_authority = ["ManageCA", "ManageCertificates", "Enroll"].map(|name| edges.kind(name));
    let owns = edges.kind("Owns");
    let of_directory = record.rights.iter().filter(|right| {
        certificates.host == Some(right.principal) || !of_authority.contains(&right.kind)
    });
    let own = certificates.own_rights.iter().filter(|right| !right.local && right.kind != owns);
    own.chain(of_directory).copied().collect()
}

/// Members of groups of the same computer that are themselves members, however deep.
fn through_groups(
    members: &[ObjectIx],
    groups: &[LocalGroup],
    ids: &[Option<ObjectIx>],
) -> Vec<ObjectIx> {
    let (mut found, mut entered, mut open) = (Vec::new(), Vec::new(), members.to_vec());
    while let Some(member) = open.pop() {
        if entered.contains(&member) {
            continue;
        }
        let inner = ids.iter().zip(groups).find(|(id, _)| **id == Some(member));
        if let Some((_, group)) = inner {
            entered.push(member);
            found.extend(group.members.iter().filter(|inner| !members.contains(inner)));
            open.extend(&group.members);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// How far the owner of an object gets, where its list limits owners (MS-ADTS 5.1.3.3.4).
struct Owners {
    owns: EdgeKind,
    becomes: EdgeKind,
    /// What these two count as here.
    limited: (EdgeKind, EdgeKind),
}

impl Owners {
    fn of(record: &Record, edges: &mut Edges) -> Self {
        let (owns, becomes) = (edges.kind("Owns"), edges.kind("WriteOwner"));
        let mut helps =
            |right: &&Right| right.for_owners && edges.of(right.kind).is_some_and(|edge| edge.used);
        let granted: Vec<&Right> = record.rights.iter().filter(|right| helps(right)).collect();
        let limited = if granted.iter().any(|right| right.inherited) {
            (edges.kind("OwnsLimitedRights"), edges.kind("WriteOwnerLimitedRights"))
        } else if !granted.is_empty() {
            // A new owner clears rights that were granted here, and so the limit.
            let by_parent = record.owners_limited_by_parent == Some(true);
            let becomes = if by_parent { edges.kind("WriteOwnerRaw") } else { becomes };
            (edges.kind("OwnsLimitedRights"), becomes)
        } else if record.owners_limited == Some(true) {
            let by_parent = record.owners_limited_by_parent == Some(true);
            let becomes = if by_parent { edges.kind("WriteOwnerRaw") } else { becomes };
            (edges.kind("OwnsRaw"), becomes)
        } else {
            (owns, becomes)
        };
        Self { owns, becomes, limited }
    }

    fn limit(&self, kind: EdgeKind) -> EdgeKind {
        match kind {
            kind if kind == self.owns => self.limited.0,
            kind if kind == self.becomes => self.limited.1,
            kind => kind,
        }
    }
}
