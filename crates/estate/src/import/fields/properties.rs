//! Reads the attributes of an object that say something about control or names.

use serde::Deserialize;
use serde::de::MapAccess;

use crate::import::reading::Reading;
use crate::import::shape::{Seed, Shape, skip};

/// The attributes of an object.
pub(crate) struct Properties<'r>(pub(crate) &'r mut Reading);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Property {
    Name,
    Domain,
    DomainSid,
    Netbios,
    DisplayName,
    SamAccountName,
    UserPrincipalName,
    Email,
    Enabled,
    HasSpn,
    Gmsa,
    Msa,
    UnconstrainedDelegation,
    HasLaps,
    DoesAnyAceGrantOwnerRights,
    DoesAnyInheritedAceGrantOwnerRights,
    EnrolleeSuppliesSubject,
    AuthenticationEnabled,
    RequiresManagerApproval,
    AuthorizedSignatures,
    SchemaVersion,
    CertificatePolicy,
    CertTemplateOid,
    CertThumbprint,
    CertThumbprints,
    CertChain,
    #[serde(other)]
    Other,
}

impl<'de> Shape<'de> for Properties<'_> {
    fn table<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let record = &mut self.0.record;
        let certificates = &mut record.certificates;
        while let Some(property) = entries.next_key()? {
            match property {
                Property::Name => entries.next_value_seed(Seed(&mut record.name))?,
                Property::Domain => entries.next_value_seed(Seed(&mut record.domain))?,
                Property::DomainSid => entries.next_value_seed(Seed(&mut record.domain_sid))?,
                Property::Netbios => entries.next_value_seed(Seed(&mut record.netbios))?,
                Property::DisplayName => entries.next_value_seed(Seed(&mut record.display_name))?,
                Property::SamAccountName => entries.next_value_seed(Seed(&mut record.account))?,
                Property::UserPrincipalName => {
                    entries.next_value_seed(Seed(&mut record.principal))?;
                }
                Property::Email => entries.next_value_seed(Seed(&mut record.mail))?,
                Property::Enabled => entries.next_value_seed(Seed(&mut record.enabled))?,
                Property::HasSpn => entries.next_value_seed(Seed(&mut record.has_service_name))?,
                Property::Gmsa => entries.next_value_seed(Seed(&mut record.group_managed))?,
                Property::Msa => entries.next_value_seed(Seed(&mut record.managed))?,
                Property::UnconstrainedDelegation => {
                    entries.next_value_seed(Seed(&mut record.unconstrained))?;
                }
                Property::HasLaps => entries.next_value_seed(Seed(&mut record.managed_password))?,
                Property::DoesAnyAceGrantOwnerRights => {
                    entries.next_value_seed(Seed(&mut record.owners_limited))?;
                }
                Property::DoesAnyInheritedAceGrantOwnerRights => {
                    entries.next_value_seed(Seed(&mut record.owners_limited_by_parent))?;
                }
                Property::EnrolleeSuppliesSubject => {
                    entries.next_value_seed(Seed(&mut certificates.supplies_subject))?;
                }
                Property::AuthenticationEnabled => {
                    entries.next_value_seed(Seed(&mut certificates.signs_in))?;
                }
                Property::RequiresManagerApproval => {
                    entries.next_value_seed(Seed(&mut certificates.needs_approval))?;
                }
                Property::AuthorizedSignatures => {
                    entries.next_value_seed(Seed(&mut certificates.signatures))?;
                }
                Property::SchemaVersion => {
                    entries.next_value_seed(Seed(&mut certificates.schema))?;
                }
                Property::CertificatePolicy => {
                    entries.next_value_seed(Seed(&mut certificates.policies))?;
                }
                Property::CertTemplateOid => {
                    entries.next_value_seed(Seed(&mut certificates.policy))?;
                }
                Property::CertThumbprint => {
                    entries.next_value_seed(Seed(&mut certificates.thumbprint))?;
                }
                Property::CertThumbprints => {
                    entries.next_value_seed(Seed(&mut certificates.thumbprints))?;
                }
                Property::CertChain => entries.next_value_seed(Seed(&mut certificates.chain))?,
                Property::Other => skip(&mut entries)?,
            }
        }
        Ok(())
    }

    fn odd(self) {
        self.0.slips += 1;
    }
}
