//! Reads the tables that stand in a record's lists: rights, sessions, groups, trusts.

use serde::Deserialize;
use serde::de::MapAccess;

use super::{ListOf, One, Principals, Sort};
use crate::import::class::Class;
use crate::import::edges::EdgeKind;
use crate::import::reading::Reading;
use crate::import::record::{LocalGroup, Right, Trust, Way};
use crate::import::shape::{Seed, Shape, skip};

/// The SID that stands for whoever owns an object (MS-DTYP 2.4.2.4).
const OWNER_RIGHTS: &str = "S-1-3-4";

/// `{PrincipalSID, PrincipalType, RightName, IsInherited}`.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum RightField {
    PrincipalSID,
    PrincipalType,
    RightName,
    IsInherited,
    #[serde(other)]
    Other,
}

pub(super) fn right<'de, A: MapAccess<'de>>(
    reading: &mut Reading,
    entries: &mut A,
) -> Result<(), A::Error> {
    let (mut id, mut class) = (reading.lend(), Class::Unknown);
    let (mut kind, mut inherited) = (None, None);
    while let Some(field) = entries.next_key()? {
        match field {
            RightField::PrincipalSID => entries.next_value_seed(Seed(&mut id))?,
            RightField::PrincipalType => entries.next_value_seed(Seed(&mut class))?,
            RightField::RightName => {
                entries.next_value_seed(Seed(KindOf(reading, &mut kind)))?;
            }
            RightField::IsInherited => entries.next_value_seed(Seed(&mut inherited))?,
            RightField::Other => skip(entries)?,
        }
    }
    if let (Some(principal), Some(kind)) = (reading.objects.refer(&id, class), kind) {
        reading.record.rights.push(Right {
            principal,
            kind,
            inherited: inherited == Some(true),
            for_owners: id.ends_with(OWNER_RIGHTS),
            local: class == Class::LocalGroup,
        });
    } else {
        reading.slips += 1;
    }
    reading.give_back(id);
    Ok(())
}

/// The kind of link that a text names.
struct KindOf<'r>(&'r mut Reading, &'r mut Option<EdgeKind>);

impl<'de> Shape<'de> for KindOf<'_> {
    fn text(self, text: &str) {
        *self.1 = Some(self.0.edges.kind(text));
    }
}

/// `{ComputerSID, Port, Service}`: what an account's service names say about a computer.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum ServiceField {
    ComputerSID,
    Service,
    #[serde(other)]
    Other,
}

pub(super) fn service<'de, A: MapAccess<'de>>(
    reading: &mut Reading,
    entries: &mut A,
) -> Result<(), A::Error> {
    let (mut id, mut service) = (String::new(), String::new());
    while let Some(field) = entries.next_key()? {
        match field {
            ServiceField::ComputerSID => entries.next_value_seed(Seed(&mut id))?,
            ServiceField::Service => entries.next_value_seed(Seed(&mut service))?,
            ServiceField::Other => skip(entries)?,
        }
    }
    let found = reading.objects.refer(&id, Class::Computer);
    reading.record.found.extend(found);
    reading.link_found(&service, Way::Out);
    Ok(())
}

/// `{UserSID, ComputerSID}`.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum SessionField {
    UserSID,
    ComputerSID,
    #[serde(other)]
    Other,
}

pub(super) fn session<'de, A: MapAccess<'de>>(
    reading: &mut Reading,
    entries: &mut A,
) -> Result<(), A::Error> {
    let (mut user, mut computer) = (String::new(), String::new());
    while let Some(field) = entries.next_key()? {
        match field {
            SessionField::UserSID => entries.next_value_seed(Seed(&mut user))?,
            SessionField::ComputerSID => entries.next_value_seed(Seed(&mut computer))?,
            SessionField::Other => skip(entries)?,
        }
    }
    let computer = reading.objects.refer(&computer, Class::Computer);
    let user = reading.objects.refer(&user, Class::User);
    let kind = reading.edges.kind("HasSession");
    reading.record.whole.extend(computer.zip(user).map(|(from, to)| (from, to, kind)));
    Ok(())
}

/// `{ObjectIdentifier, Name, Results, LocalNames}`.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum GroupField {
    ObjectIdentifier,
    Name,
    Results,
    LocalNames,
    #[serde(other)]
    Other,
}

pub(super) fn local_group<'de, A: MapAccess<'de>>(
    reading: &mut Reading,
    entries: &mut A,
) -> Result<(), A::Error> {
    let mut group = LocalGroup::default();
    while let Some(field) = entries.next_key()? {
        match field {
            GroupField::ObjectIdentifier => entries.next_value_seed(Seed(&mut group.id))?,
            GroupField::Name => entries.next_value_seed(Seed(&mut group.name))?,
            GroupField::Results => {
                entries.next_value_seed(Seed(Principals(reading)))?;
                group.members.append(&mut reading.record.found);
            }
            GroupField::LocalNames => {
                entries.next_value_seed(Seed(ListOf(Sort::LocalName, reading)))?
            }
            GroupField::Other => skip(entries)?,
        }
    }
    reading.record.groups.push(group);
    Ok(())
}

/// `{ObjectIdentifier, PrincipalName}`: accounts of the computer alone.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum LocalNameField {
    ObjectIdentifier,
    PrincipalName,
    #[serde(other)]
    Other,
}

pub(super) fn local_name<'de, A: MapAccess<'de>>(
    reading: &mut Reading,
    entries: &mut A,
) -> Result<(), A::Error> {
    let (mut id, mut name) = (String::new(), String::new());
    while let Some(field) = entries.next_key()? {
        match field {
            LocalNameField::ObjectIdentifier => entries.next_value_seed(Seed(&mut id))?,
            LocalNameField::PrincipalName => entries.next_value_seed(Seed(&mut name))?,
            LocalNameField::Other => skip(entries)?,
        }
    }
    reading.name_local(&id, &name);
    Ok(())
}

/// `{Privilege, Results, LocalNames}`.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum UserRightField {
    Privilege,
    Results,
    LocalNames,
    #[serde(other)]
    Other,
}

pub(super) fn user_right<'de, A: MapAccess<'de>>(
    reading: &mut Reading,
    entries: &mut A,
) -> Result<(), A::Error> {
    let mut privilege = String::new();
    while let Some(field) = entries.next_key()? {
        match field {
            UserRightField::Privilege => entries.next_value_seed(Seed(&mut privilege))?,
            UserRightField::Results => entries.next_value_seed(Seed(Principals(reading)))?,
            UserRightField::LocalNames => {
                entries.next_value_seed(Seed(ListOf(Sort::LocalName, reading)))?
            }
            UserRightField::Other => skip(entries)?,
        }
    }
    let remote = privilege.eq_ignore_ascii_case("SeRemoteInteractiveLogonRight");
    let kind = if remote { "RemoteInteractiveLogonRight" } else { "UserRight" };
    reading.link_found(kind, Way::In);
    Ok(())
}

/// `{GUID, IsEnforced}`.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum PolicyLinkField {
    #[serde(rename = "GUID", alias = "Guid")]
    Id,
    #[serde(other)]
    Other,
}

pub(super) fn policy_link<'de, A: MapAccess<'de>>(
    reading: &mut Reading,
    entries: &mut A,
) -> Result<(), A::Error> {
    let mut id = String::new();
    while let Some(field) = entries.next_key()? {
        match field {
            PolicyLinkField::Id => entries.next_value_seed(Seed(&mut id))?,
            PolicyLinkField::Other => skip(entries)?,
        }
    }
    let found = reading.objects.refer(&id, Class::Policy);
    reading.record.found.extend(found);
    reading.link_found("GPLink", Way::In);
    Ok(())
}

/// `{TargetDomainSid, TargetDomainName, TrustDirection, TrustType, ..}`.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum TrustField {
    TargetDomainSid,
    TargetDomainName,
    TrustDirection,
    TrustType,
    SidFilteringEnabled,
    TGTDelegationEnabled,
    #[serde(other)]
    Other,
}

pub(super) fn trust<'de, A: MapAccess<'de>>(
    reading: &mut Reading,
    entries: &mut A,
) -> Result<(), A::Error> {
    let mut trust = Trust::default();
    while let Some(field) = entries.next_key()? {
        match field {
            TrustField::TargetDomainSid => entries.next_value_seed(Seed(&mut trust.target))?,
            TrustField::TargetDomainName => {
                entries.next_value_seed(Seed(&mut trust.target_name))?;
            }
            TrustField::TrustDirection => {
                entries.next_value_seed(Seed(Word(&mut trust.direction, &DIRECTIONS)))?;
            }
            TrustField::TrustType => {
                entries.next_value_seed(Seed(Word(&mut trust.kind, &TRUSTS)))?;
            }
            TrustField::SidFilteringEnabled => {
                entries.next_value_seed(Seed(&mut trust.filtered))?;
            }
            TrustField::TGTDelegationEnabled => {
                entries.next_value_seed(Seed(&mut trust.delegates_tickets))?;
            }
            TrustField::Other => skip(entries)?,
        }
    }
    reading.record.trusts.push(trust);
    Ok(())
}

const DIRECTIONS: [&str; 4] = ["Disabled", "Inbound", "Outbound", "Bidirectional"];
const TRUSTS: [&str; 5] = ["ParentChild", "CrossLink", "Forest", "External", "Unknown"];

/// A word that some collectors write as its number.
struct Word<'w>(&'w mut String, &'w [&'w str]);

impl<'de> Shape<'de> for Word<'_> {
    fn text(self, text: &str) {
        self.0.clear();
        self.0.push_str(text);
    }

    fn number(self, number: i64) {
        let word = usize::try_from(number).ok().and_then(|at| self.1.get(at));
        self.text(word.copied().unwrap_or(""));
    }
}

/// What policies change in the groups of computers below an organisational unit.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum ChangeField {
    LocalAdmins,
    RemoteDesktopUsers,
    DcomUsers,
    PSRemoteUsers,
    AffectedComputers,
    #[serde(other)]
    Other,
}

pub(super) fn changes<'de, A: MapAccess<'de>>(
    reading: &mut Reading,
    entries: &mut A,
) -> Result<(), A::Error> {
    while let Some(field) = entries.next_key()? {
        let kind = match field {
            ChangeField::LocalAdmins => "AdminTo",
            ChangeField::RemoteDesktopUsers => "CanRDP",
            ChangeField::DcomUsers => "ExecuteDCOM",
            ChangeField::PSRemoteUsers => "CanPSRemote",
            ChangeField::AffectedComputers => {
                entries.next_value_seed(Seed(Principals(reading)))?;
                let record = &mut reading.record;
                record.changes.computers.append(&mut record.found);
                continue;
            }
            ChangeField::Other => {
                skip(entries)?;
                continue;
            }
        };
        entries.next_value_seed(Seed(Principals(reading)))?;
        let kind = reading.edges.kind(kind);
        let members = std::mem::take(&mut reading.record.found);
        reading.record.changes.members.push((kind, members));
    }
    Ok(())
}

/// `{CASecurity: {Data, Collected}}`: rights from the authority's own settings.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum SettingsField {
    CASecurity,
    Data,
    Collected,
    #[serde(other)]
    Other,
}

pub(super) fn authority<'de, A: MapAccess<'de>>(
    reading: &mut Reading,
    entries: &mut A,
) -> Result<(), A::Error> {
    while let Some(field) = entries.next_key()? {
        match field {
            SettingsField::CASecurity => {
                entries.next_value_seed(Seed(One(Sort::Authority, reading)))?;
            }
            SettingsField::Data => {
                let outer = std::mem::take(&mut reading.record.rights);
                entries.next_value_seed(Seed(ListOf(Sort::Right, reading)))?;
                let own = std::mem::replace(&mut reading.record.rights, outer);
                reading.record.certificates.own_rights = own;
            }
            SettingsField::Collected => {
                let collected = &mut reading.record.certificates.own_rights_collected;
                entries.next_value_seed(Seed(collected))?;
            }
            SettingsField::Other => skip(entries)?,
        }
    }
    Ok(())
}
