//! Reads the fields of one record, as SharpHound's output classes name them.
//!
//! The names are those of SharpHoundCommon's `OutputTypes`, versions 5 and 6,
//! and the older lists of local groups that version 5 collectors still write.
//! Fields that say nothing about control are passed over.

mod elements;
mod properties;

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess};

pub(crate) use properties::Properties;

use super::class::Class;
use super::reading::Reading;
use super::record::Way;
use super::shape::{Seed, Shape, skip};

/// One record: reads it and turns it into links.
pub(crate) struct RecordShape<'r>(pub(crate) &'r mut Reading);

#[derive(Deserialize)]
#[serde(field_identifier)]
enum Field {
    ObjectIdentifier,
    Properties,
    Aces,
    Members,
    PrimaryGroupSID,
    AllowedToDelegate,
    AllowedToAct,
    HasSIDHistory,
    DumpSMSAPassword,
    SPNTargets,
    #[serde(alias = "PrivilegedSessions", alias = "RegistrySessions")]
    Sessions,
    LocalGroups,
    LocalAdmins,
    RemoteDesktopUsers,
    DcomUsers,
    PSRemoteUsers,
    UserRights,
    ChildObjects,
    ContainedBy,
    Links,
    Trusts,
    GPOChanges,
    IsDeleted,
    IsDC,
    DomainSID,
    UnconstrainedDelegation,
    EnabledCertTemplates,
    HostingComputer,
    CARegistryData,
    GroupLink,
    #[serde(other)]
    Other,
}

impl<'de> Shape<'de> for RecordShape<'_> {
    fn table<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        self.0.start_record();
        while let Some(field) = entries.next_key::<Field>()? {
            field.read(self.0, &mut entries)?;
        }
        self.0.finish_record();
        Ok(())
    }

    fn odd(self) {
        self.0.slips += 1;
    }
}

impl Field {
    fn read<'de, A: MapAccess<'de>>(
        self,
        reading: &mut Reading,
        entries: &mut A,
    ) -> Result<(), A::Error> {
        let record = &mut reading.record;
        match self {
            Self::ObjectIdentifier => entries.next_value_seed(Seed(&mut record.id)),
            Self::IsDeleted => entries.next_value_seed(Seed(&mut record.deleted)),
            Self::IsDC => entries.next_value_seed(Seed(&mut record.controller)),
            Self::DomainSID => entries.next_value_seed(Seed(&mut record.domain_sid)),
            Self::UnconstrainedDelegation => {
                entries.next_value_seed(Seed(&mut record.unconstrained))
            }
            Self::PrimaryGroupSID => entries.next_value_seed(Seed(&mut record.primary_group)),
            Self::Properties => entries.next_value_seed(Seed(Properties(reading))),
            Self::Aces => entries.next_value_seed(Seed(ListOf(Sort::Right, reading))),
            Self::SPNTargets => entries.next_value_seed(Seed(ListOf(Sort::Service, reading))),
            Self::Sessions => entries.next_value_seed(Seed(ListOf(Sort::Session, reading))),
            Self::LocalGroups => entries.next_value_seed(Seed(ListOf(Sort::LocalGroup, reading))),
            Self::UserRights => entries.next_value_seed(Seed(ListOf(Sort::UserRight, reading))),
            Self::Links => entries.next_value_seed(Seed(ListOf(Sort::PolicyLink, reading))),
            Self::Trusts => entries.next_value_seed(Seed(ListOf(Sort::Trust, reading))),
            Self::GPOChanges => entries.next_value_seed(Seed(One(Sort::Changes, reading))),
            Self::CARegistryData => entries.next_value_seed(Seed(One(Sort::Authority, reading))),
            Self::Members => principals(reading, entries, "MemberOf", Way::In),
            Self::AllowedToDelegate => principals(reading, entries, "AllowedToDelegate", Way::Out),
            Self::AllowedToAct => principals(reading, entries, "AllowedToAct", Way::In),
            Self::HasSIDHistory => principals(reading, entries, "HasSIDHistory", Way::Out),
            Self::DumpSMSAPassword => principals(reading, entries, "DumpSMSAPassword", Way::Out),
            Self::LocalAdmins => principals(reading, entries, "AdminTo", Way::In),
            Self::RemoteDesktopUsers => principals(reading, entries, "CanRDP", Way::In),
            Self::DcomUsers => principals(reading, entries, "ExecuteDCOM", Way::In),
            Self::PSRemoteUsers => principals(reading, entries, "CanPSRemote", Way::In),
            Self::ChildObjects => principals(reading, entries, "Contains", Way::Out),
            Self::ContainedBy => principals(reading, entries, "Contains", Way::In),
            Self::GroupLink => {
                entries.next_value_seed(Seed(Principals(reading)))?;
                reading.record.certificates.group = reading.record.found.first().copied();
                reading.link_found("OIDGroupLink", Way::Out);
                Ok(())
            }
            Self::EnabledCertTemplates => {
                entries.next_value_seed(Seed(Principals(reading)))?;
                reading.record.certificates.templates.clone_from(&reading.record.found);
                reading.link_found("PublishedTo", Way::In);
                Ok(())
            }
            Self::HostingComputer => {
                entries.next_value_seed(Seed(Principals(reading)))?;
                reading.record.certificates.host = reading.record.found.first().copied();
                reading.link_found("HostsCAService", Way::In);
                Ok(())
            }
            Self::Other => skip(entries),
        }
    }
}

/// Reads principals and links each with the record's object.
fn principals<'de, A: MapAccess<'de>>(
    reading: &mut Reading,
    entries: &mut A,
    kind: &str,
    way: Way,
) -> Result<(), A::Error> {
    entries.next_value_seed(Seed(Principals(reading)))?;
    reading.link_found(kind, way);
    Ok(())
}

/// Principals in any form: an id, `{ObjectIdentifier, ObjectType}`, lists of these, or `{Results}` around them.
struct Principals<'r>(&'r mut Reading);

#[derive(Deserialize)]
#[serde(field_identifier)]
enum PrincipalField {
    ObjectIdentifier,
    ObjectType,
    Results,
    #[serde(other)]
    Other,
}

impl<'de> Shape<'de> for Principals<'_> {
    fn text(self, text: &str) {
        let found = self.0.objects.refer(text, Class::Unknown);
        self.0.record.found.extend(found);
    }

    fn list<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Seed(Principals(self.0)))?.is_some() {}
        Ok(())
    }

    fn table<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let (mut id, mut class) = (self.0.lend(), Class::Unknown);
        while let Some(field) = entries.next_key()? {
            match field {
                PrincipalField::ObjectIdentifier => entries.next_value_seed(Seed(&mut id))?,
                PrincipalField::ObjectType => entries.next_value_seed(Seed(&mut class))?,
                PrincipalField::Results => entries.next_value_seed(Seed(Principals(self.0)))?,
                PrincipalField::Other => skip(&mut entries)?,
            }
        }
        let found = self.0.objects.refer(&id, class);
        self.0.record.found.extend(found);
        self.0.give_back(id);
        Ok(())
    }

    fn odd(self) {
        self.0.slips += 1;
    }
}

impl<'de> Shape<'de> for &mut Class {
    fn text(self, text: &str) {
        *self = Class::named(text);
    }
}

/// What a table in a record says.
#[derive(Clone, Copy)]
enum Sort {
    Right,
    Service,
    Session,
    LocalGroup,
    LocalName,
    UserRight,
    PolicyLink,
    Trust,
    Changes,
    Authority,
}

/// One table of a sort.
struct One<'r>(Sort, &'r mut Reading);

impl<'de> Shape<'de> for One<'_> {
    fn table<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let (reading, entries) = (self.1, &mut entries);
        match self.0 {
            Sort::Right => elements::right(reading, entries),
            Sort::Service => elements::service(reading, entries),
            Sort::Session => elements::session(reading, entries),
            Sort::LocalGroup => elements::local_group(reading, entries),
            Sort::LocalName => elements::local_name(reading, entries),
            Sort::UserRight => elements::user_right(reading, entries),
            Sort::PolicyLink => elements::policy_link(reading, entries),
            Sort::Trust => elements::trust(reading, entries),
            Sort::Changes => elements::changes(reading, entries),
            Sort::Authority => elements::authority(reading, entries),
        }
    }

    fn odd(self) {
        self.1.slips += 1;
    }
}

/// Tables of a sort: a list, or `{Results}` or `{Data}` around one.
struct ListOf<'r>(Sort, &'r mut Reading);

#[derive(Deserialize)]
#[serde(field_identifier)]
enum ListField {
    #[serde(alias = "Data")]
    Results,
    #[serde(other)]
    Other,
}

impl<'de> Shape<'de> for ListOf<'_> {
    fn list<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Seed(One(self.0, self.1)))?.is_some() {}
        Ok(())
    }

    fn table<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(field) = entries.next_key()? {
            match field {
                ListField::Results => entries.next_value_seed(Seed(ListOf(self.0, self.1)))?,
                ListField::Other => skip(&mut entries)?,
            }
        }
        Ok(())
    }

    fn odd(self) {
        self.1.slips += 1;
    }
}
