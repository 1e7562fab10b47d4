//! Before an incident: could the bind user do what plans may ask, and can it do no more?
//!
//! Active Directory says what the bind user may write on an object that it reads
//! (`allowedAttributesEffective`, `sDRightsEffective`) and which groups it signs
//! in with. OpenLDAP says neither, so it is asked to take away values that
//! nobody has: it refuses for want of the right or for want of the value, and
//! changes nothing either way.

use std::collections::BTreeSet;
use std::time::Instant;

use cordon_model::action::{Act, Trouble, TroubleKind};
use ldap3::Scope;

use super::dn::Dn;
use super::entry::{Entry, last_part, sid};
use super::kinds::Kind;
use super::settings::{Dialect, Place};
use super::switch::Switch;
use super::wire::{Ask, Change, Failure, Step, Wire};
use crate::{Check, Readiness};

/// Groups that nobody should lend to a service: the last parts of their identifiers.
const MIGHTY: [(u32, &str); 8] = [
    (512, "Domain Admins"),
    (516, "Domain Controllers"),
    (518, "Schema Admins"),
    (519, "Enterprise Admins"),
    (544, "Administrators"),
    (548, "Account Operators"),
    (549, "Server Operators"),
    (551, "Backup Operators"),
];
/// What OpenLDAP is asked to take away to learn whether it would.
const NOBODYS: &str = "19000101000000Z";
const NOBODYS_TEXT: &str = "cordon-preflight-has-no-such-value";

/// Accounts of the domain that are looked at for rights outside the scope: working out what may be
/// written costs a controller far more than reading.
const SAMPLE: u8 = 200;

pub(super) fn preflight(place: &Place, wire: &mut Wire, end: Instant) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut tell = |kind: &str, act, finding| {
        checks.push(Check { kind: kind.to_owned(), act, finding });
    };
    let examples = examples(place, wire, end);
    for kind in &place.kinds {
        let Some(known) = place.named(kind) else { continue };
        let look = match &examples {
            Ok(_) => Readiness::Able,
            Err(trouble) => Readiness::Unable(trouble.clone()),
        };
        tell(kind, Act::Look, look);
        if known == Kind::Sessions {
            continue;
        }
        for finding in change(place, wire, known, &examples, end) {
            tell(kind, Act::Refuse, finding.clone());
            tell(kind, Act::Restore, finding);
        }
    }
    let first = place.kinds.first().map(String::as_str).unwrap_or_default();
    for excess in excess(place, wire, &examples, end) {
        tell(first, Act::Refuse, Readiness::Excessive(excess));
    }
    checks
}

/// One account of every part of the scope, with what may be written on it.
fn examples(place: &Place, wire: &mut Wire, end: Instant) -> Result<Vec<Entry>, Trouble> {
    let asks = place.scope.iter().map(|(text, _)| Ask {
        base: text.clone(),
        scope: Scope::Subtree,
        filter: place.accounts().to_owned(),
        attributes: RIGHTS.map(str::to_owned).to_vec(),
        limit: Some(1),
    });
    let found = wire.search_all(asks.collect(), end);
    let mut examples = Vec::new();
    for ((scope, _), found) in place.scope.iter().zip(found) {
        let entries = found.map_err(|f| f.trouble(&format!("read the accounts of `{scope}`")))?;
        examples.push(entries.into_iter().next().ok_or_else(|| {
            let why =
                format!("the bind user sees no account in `{scope}`, so nothing can be tried");
            Trouble::new(TroubleKind::Unknown, why)
        })?);
    }
    Ok(examples)
}

const RIGHTS: [&str; 2] = ["allowedAttributesEffective", "sDRightsEffective"];

/// Whether the bind user could make the changes of a kind, everywhere in the scope.
fn change(
    place: &Place,
    wire: &mut Wire,
    kind: Kind,
    examples: &Result<Vec<Entry>, Trouble>,
    end: Instant,
) -> Vec<Readiness> {
    let examples = match examples {
        Ok(examples) => examples,
        Err(trouble) => return vec![Readiness::Unable(trouble.clone())],
    };
    let denied = |what: &str, dn: &str| {
        let why = format!("the bind user may not write `{what}` of `{dn}`; grant it that right");
        Readiness::Unable(Trouble::new(TroubleKind::Denied, why))
    };
    let missing: Vec<Readiness> = match kind {
        Kind::Switch(Switch::Locked) => {
            let attribute = Switch::Locked.attribute();
            let tried = try_to_write(wire, examples, attribute, NOBODYS, end);
            tried
                .into_iter()
                .filter_map(|(dn, may)| match may {
                    Ok(true) => None,
                    Ok(false) => Some(denied(attribute, dn)),
                    Err(trouble) => Some(Readiness::Unable(trouble)),
                })
                .collect()
        }
        Kind::Switch(switch) => {
            let attribute = switch.attribute();
            let barred = examples.iter().filter(|example| !may_write(example, attribute));
            barred.map(|example| denied(attribute, &example.dn)).collect()
        }
        Kind::Groups => {
            let names = place.groups.iter().chain(&place.marker);
            let asks = names.clone().map(|group| Ask::one(group, &RIGHTS)).collect();
            let seen = names.zip(wire.search_all(asks, end));
            seen.filter_map(|(group, seen)| match seen {
                Ok(entries) if entries.iter().any(|entry| may_write(entry, "member")) => None,
                Ok(_) => Some(denied("member", group)),
                Err(failure) => Some(Readiness::Unable(failure.trouble("read the groups"))),
            })
            .collect()
        }
        Kind::Sessions => Vec::new(),
    };
    if missing.is_empty() { vec![Readiness::Able] } else { missing }
}

fn may_write(entry: &Entry, attribute: &str) -> bool {
    entry.texts("allowedAttributesEffective").any(|name| name.eq_ignore_ascii_case(attribute))
}

/// Asks to take away a value that no object has; tells for each whether it was allowed to try.
fn try_to_write<'a>(
    wire: &mut Wire,
    examples: &'a [Entry],
    attribute: &'static str,
    value: &str,
    end: Instant,
) -> Vec<(&'a str, Result<bool, Trouble>)> {
    let changes = examples.iter().map(|example| Change {
        dn: example.dn.clone(),
        steps: vec![Step::Delete(attribute, value.as_bytes().to_vec())],
    });
    let done = wire.change_all(changes.collect(), end);
    let may = |done| match done {
        Err(Failure::Said(50, _)) => Ok(false),
        // No such value, or no such attribute here: past the check of rights.
        Ok(()) | Err(Failure::Said(16 | 17 | 21 | 65, _)) => Ok(true),
        Err(failure) => Err(failure.trouble(&format!("try to write `{attribute}`"))),
    };
    examples.iter().map(|example| example.dn.as_str()).zip(done.into_iter().map(may)).collect()
}

/// What the bind user could do beyond what its kinds need, in words.
fn excess(
    place: &Place,
    wire: &mut Wire,
    examples: &Result<Vec<Entry>, Trouble>,
    end: Instant,
) -> Vec<String> {
    let Ok(examples) = examples else { return Vec::new() };
    match place.dialect {
        Dialect::ActiveDirectory => {
            let mut excess = mighty(wire, end);
            excess.extend(examples.iter().filter_map(|example| too_much(example, &needed(place))));
            excess.extend(elsewhere(place, wire, end));
            excess
        }
        Dialect::Openldap => {
            let tried = ["description", "cn", "userPassword"].map(|attribute| {
                (attribute, try_to_write(wire, examples, attribute, NOBODYS_TEXT, end))
            });
            let all = tried.into_iter().flat_map(|(attribute, tried)| {
                tried.into_iter().map(move |(dn, may)| (attribute, dn, may))
            });
            all.filter(|(_, _, may)| *may == Ok(true))
                .map(|(attribute, dn, _)| format!("it may write `{attribute}` of `{dn}`"))
                .collect()
        }
    }
}

/// The attributes that the kinds of the settings need.
fn needed(place: &Place) -> BTreeSet<&'static str> {
    let kinds = place.kinds.iter().filter_map(|kind| place.named(kind));
    kinds
        .filter_map(|kind| match kind {
            Kind::Switch(switch) => Some(switch.attribute()),
            Kind::Groups | Kind::Sessions => None,
        })
        .collect()
}

/// What may be written on an object beyond what is needed.
fn too_much(entry: &Entry, needed: &BTreeSet<&str>) -> Option<String> {
    let may = entry.texts("allowedAttributesEffective");
    let more: Vec<&str> =
        may.filter(|name| !needed.iter().any(|needed| needed.eq_ignore_ascii_case(name))).collect();
    let rights = entry.number("sDRightsEffective").is_some_and(|rights| rights & 0b111 != 0);
    let some = more.iter().take(3).copied().collect::<Vec<_>>().join("`, `");
    match (more.len(), rights) {
        (0, false) => None,
        (0, true) => Some(format!("it may change owner or permissions of `{}`", entry.dn)),
        (count, _) => Some(format!(
            "it may write {count} more attributes of `{}`, such as `{some}`",
            entry.dn
        )),
    }
}

/// The mighty groups that the bind user signs in with.
fn mighty(wire: &mut Wire, end: Instant) -> Vec<String> {
    let root = wire.search(Ask::one("", &["tokenGroups"]), end).unwrap_or_default();
    let groups = root.iter().flat_map(|entry| entry.values("tokenGroups"));
    let parts: BTreeSet<u32> =
        groups.filter_map(|bytes| sid(bytes)).filter_map(|sid| last_part(&sid)).collect();
    let ours = MIGHTY.iter().filter(|(part, _)| parts.contains(part));
    ours.map(|(_, name)| format!("it is a member of {name}")).collect()
}

/// Accounts outside the scope that the bind user may write nevertheless, its own aside.
fn elsewhere(place: &Place, wire: &mut Wire, end: Instant) -> Vec<String> {
    let ask = Ask {
        base: place.base_text.clone(),
        scope: Scope::Subtree,
        filter: place.accounts().to_owned(),
        attributes: RIGHTS.iter().chain(&["sAMAccountName"]).map(|n| (*n).to_owned()).collect(),
        limit: Some(SAMPLE),
    };
    let entries = wire.search(ask, end).unwrap_or_default();
    let own = place.bind_user.to_lowercase();
    let is_own = |entry: &Entry| {
        let account = entry.text("sAMAccountName").unwrap_or_default().to_lowercase();
        let name = own.rsplit('\\').next().and_then(|name| name.split('@').next());
        own == entry.dn.to_lowercase() || name == Some(account.as_str())
    };
    let outside = |entry: &&Entry| {
        let dn = Dn::parse(&entry.dn);
        !place.scope.iter().any(|(_, above)| dn.as_ref().is_some_and(|dn| dn.is_under(above)))
    };
    let none = BTreeSet::new();
    let found = entries.iter().filter(outside).filter(|entry| !is_own(entry));
    found.filter_map(|entry| too_much(entry, &none)).take(3).collect()
}

impl Place {
    /// A filter for accounts, but for those that the domain protects from its own administrators:
    /// what may be written there is no example.
    fn accounts(&self) -> &'static str {
        match self.dialect {
            Dialect::ActiveDirectory => {
                "(&(objectClass=user)(!(objectClass=computer))(!(adminCount=1)))"
            }
            Dialect::Openldap => "(uid=*)",
        }
    }
}
