//! The authority of a folder, put together from its files; and the one of the range.
//!
//! `authority.cedar`, `people.toml`, `[authority]` and the ways of connectors make one
//! authority, or none with every problem. Who may call which connector is not decided here.

use std::collections::BTreeSet;
use std::path::Path;

use cordon_authority::{Authority, Caps, People, Policies, Terms};
use cordon_estate::Loaded;
use cordon_model::NodeId;
use cordon_model::signal::Problem;

use crate::failure;

/// The built-in authority of the range.
pub(crate) fn of_the_range() -> anyhow::Result<Authority> {
    Authority::of_the_range().map_err(|problems| failure::problems(&problems))
}

/// Whether the built-in authority of the range is in effect: every connector is simulated, and
/// nobody has armed Cordon by a written policy.
pub(crate) fn is_of_the_range(loaded: &Loaded) -> bool {
    let connectors = &loaded.config.connectors;
    let simulated = connectors.iter().all(|connector| connector.kind == "range");
    !connectors.is_empty() && simulated && !loaded.config.arming.armed
}

/// The authority that is in effect with a configuration.
pub(crate) fn of_folder(loaded: &Loaded) -> anyhow::Result<Authority> {
    if is_of_the_range(loaded) {
        return of_the_range();
    }
    written(loaded).map_err(|problems| failure::problems(&problems))
}

/// The authority as it is written: observe only without `authority.cedar`.
pub(crate) fn written(loaded: &Loaded) -> Result<Authority, Vec<Problem>> {
    let terms = terms(loaded);
    match &loaded.config.authority {
        Some(file) => Authority::new(policies(file)?, terms),
        None => Authority::observe_only(terms),
    }
}

/// Reads the policies of a file alone.
pub(crate) fn policies(file: &Path) -> Result<Policies, Vec<Problem>> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        vec![Problem {
            file: name.clone(),
            place: String::new(),
            what: format!("cannot be read: {error}"),
            remedy: "see that it is a readable file in UTF-8".to_owned(),
        }]
    })?;
    Policies::read(&name, &text)
}

fn terms(loaded: &Loaded) -> Terms {
    let config = &loaded.config;
    let estate = &loaded.estate;
    let of_connectors = config.connectors.iter().filter_map(|c| c.enforcer.clone());
    let of_withdrawals = estate.withdrawals().iter().filter_map(|w| w.enforcer);
    let of_withdrawals: BTreeSet<NodeId> =
        of_withdrawals.map(|node| estate.id(node).clone()).collect();
    let per_hour = config.connectors.iter();
    let per_hour = per_hour.filter_map(|c| Some((c.name.clone(), c.attempts_per_hour?)));
    Terms {
        armed: config.arming.armed,
        caps: Caps {
            kinds: config.arming.attempts_per_hour.clone(),
            others: Some(config.arming.attempts_per_hour_of_others),
            connectors: per_hour.collect(),
        },
        people: People::Listed(config.people.clone()),
        way: config.connectors.iter().flat_map(|c| c.way.iter().cloned()).collect(),
        enforcers: of_connectors.chain(of_withdrawals).collect(),
    }
}

/// What of a written authority is probably not meant: roles that nobody has, people without key.
pub(crate) fn oddities(loaded: &Loaded, authority: &Authority) -> Vec<Problem> {
    let mut found = authority.warnings().to_vec();
    let people = &loaded.config.people;
    let Some(file) = &loaded.config.authority else { return found };
    let held: BTreeSet<&String> = people.iter().flat_map(|person| &person.roles).collect();
    for role in authority.roles_named().iter().filter(|role| !held.contains(role)) {
        found.push(Problem {
            file: file.display().to_string(),
            place: String::new(),
            what: format!("nobody in people.toml has the role `{role}`"),
            remedy: "give it to somebody, or name another role".to_owned(),
        });
    }
    found
}
