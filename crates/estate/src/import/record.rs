//! What one record of a collection says, until its object is known.
//!
//! A record's id often stands behind its lists, so what the lists hold is kept
//! here as positions of objects until the record ends. [`super::fields`] fills
//! it, [`super::reading`] turns it into links.

use super::edges::EdgeKind;
use super::objects::ObjectIx;

/// Which way a link runs between the record's object and another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the record's object.
    Out,
    /// To the record's object.
    In,
}

/// A link of which one end is the record's object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Half {
    pub(crate) kind: EdgeKind,
    pub(crate) other: ObjectIx,
    pub(crate) way: Way,
}

/// One entry of an access list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Right {
    pub(crate) principal: ObjectIx,
    pub(crate) kind: EdgeKind,
    pub(crate) inherited: bool,
    /// Whether it says what owners may do (S-1-3-4), not what a principal may.
    pub(crate) for_owners: bool,
    /// Whether its principal is a local group, which says nothing about the directory.
    pub(crate) local: bool,
}

/// A group of a computer.
#[derive(Clone, Debug, Default)]
pub(crate) struct LocalGroup {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) members: Vec<ObjectIx>,
}

/// A trust of a domain.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    pub(crate) target: String,
    pub(crate) target_name: String,
    pub(crate) direction: String,
    pub(crate) kind: String,
    pub(crate) filtered: Option<bool>,
    pub(crate) delegates_tickets: Option<bool>,
}

/// Members that policies put into the groups of computers.
#[derive(Clone, Debug, Default)]
pub(crate) struct PolicyChanges {
    /// By kind of link: who.
    pub(crate) members: Vec<(EdgeKind, Vec<ObjectIx>)>,
    pub(crate) computers: Vec<ObjectIx>,
}

/// What certificate services say in a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Certificates {
    pub(crate) supplies_subject: Option<bool>,
    pub(crate) signs_in: Option<bool>,
    pub(crate) needs_approval: Option<bool>,
    pub(crate) signatures: Option<i64>,
    pub(crate) schema: Option<i64>,
    /// Issuance policies of a template.
    pub(crate) policies: Vec<String>,
    /// The policy that an issuance policy is.
    pub(crate) policy: String,
    pub(crate) thumbprint: String,
    pub(crate) thumbprints: Vec<String>,
    pub(crate) chain: Vec<String>,
    pub(crate) templates: Vec<ObjectIx>,
    pub(crate) host: Option<ObjectIx>,
    pub(crate) group: Option<ObjectIx>,
    /// Rights from the authority's own settings, which go before those of the directory.
    pub(crate) own_rights: Vec<Right>,
    pub(crate) own_rights_collected: Option<bool>,
}

impl Certificates {
    /// Whether the record said anything of the sort.
    pub(crate) fn is_some(&self) -> bool {
        self.supplies_subject.is_some()
            || !self.policy.is_empty()
            || !self.thumbprint.is_empty()
            || !self.thumbprints.is_empty()
            || !self.templates.is_empty()
            || self.host.is_some()
            || self.group.is_some()
    }
}

/// What a record says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) domain: String,
    pub(crate) domain_sid: String,
    pub(crate) netbios: String,
    pub(crate) display_name: String,
    pub(crate) account: String,
    pub(crate) principal: String,
    pub(crate) mail: String,
    pub(crate) enabled: Option<bool>,
    pub(crate) has_service_name: Option<bool>,
    pub(crate) group_managed: Option<bool>,
    pub(crate) managed: Option<bool>,
    pub(crate) unconstrained: Option<bool>,
    pub(crate) managed_password: Option<bool>,
    pub(crate) deleted: Option<bool>,
    pub(crate) controller: Option<bool>,
    pub(crate) owners_limited: Option<bool>,
    pub(crate) owners_limited_by_parent: Option<bool>,
    pub(crate) primary_group: String,
    pub(crate) halves: Vec<Half>,
    /// Links between two others: a session on a computer.
    pub(crate) whole: Vec<(ObjectIx, ObjectIx, EdgeKind)>,
    /// Members of the list being read.
    pub(crate) found: Vec<ObjectIx>,
    pub(crate) rights: Vec<Right>,
    pub(crate) groups: Vec<LocalGroup>,
    pub(crate) trusts: Vec<Trust>,
    pub(crate) changes: PolicyChanges,
    pub(crate) certificates: Certificates,
}
