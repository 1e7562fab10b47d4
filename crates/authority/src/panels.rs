//! Which approvals would do: found by asking with people who do not exist yet.
//!
//! The policies are asked again and again, each time with one more set of
//! supposed approvers, by the roles that policies and people know. The fewest
//! people win; of equally many, every choice that needs no role in vain.

use std::collections::BTreeSet;

use crate::decision::Panel;

/// More people than this are never supposed.
pub(crate) const MOST: usize = 3;

/// More roles than this are not tried in combination.
const MOST_PROFILES: usize = 16;

/// Finds how many more people are needed, and the choices of roles that would do.
///
/// `would_do` asks the policies; `roles` are those that anybody could have, and
/// `held` the sets of roles that real people hold together.
pub(crate) fn panels(
    roles: &BTreeSet<String>,
    held: &BTreeSet<BTreeSet<String>>,
    given: usize,
    would_do: &mut dyn FnMut(&[BTreeSet<String>]) -> bool,
) -> Vec<Panel> {
    let nobody = std::iter::once(BTreeSet::new());
    let single: Vec<BTreeSet<String>> =
        nobody.chain(roles.iter().map(|role| BTreeSet::from([role.clone()]))).collect();
    let held: Vec<BTreeSet<String>> = held.iter().filter(|set| set.len() > 1).cloned().collect();
    for people in 1..=MOST.saturating_sub(given) {
        for profiles in [&single, &held] {
            let profiles = profiles.get(..MOST_PROFILES).unwrap_or(profiles);
            let mut found: Vec<Panel> = choices(profiles, people);
            found.retain(|panel| would_do(panel));
            if !found.is_empty() {
                return without_vain_roles(&found);
            }
        }
    }
    Vec::new()
}

/// All ways to choose so many, the same more than once included, order aside.
fn choices(profiles: &[BTreeSet<String>], people: usize) -> Vec<Panel> {
    let Some(fewer) = people.checked_sub(1) else { return vec![Panel::new()] };
    let mut all = Vec::new();
    for (at, profile) in profiles.iter().enumerate() {
        for mut rest in choices(profiles.get(at..).unwrap_or_default(), fewer) {
            rest.insert(0, profile.clone());
            all.push(rest);
        }
    }
    all
}

/// Leaves out a choice where another does with one role less.
fn without_vain_roles(found: &[Panel]) -> Vec<Panel> {
    let does_with_less = |panel: &Panel| {
        (0..panel.len()).any(|at| {
            let mut less = panel.clone();
            let had_role = less.get_mut(at).is_some_and(|profile| {
                let had = !profile.is_empty();
                profile.clear();
                had
            });
            less.sort();
            had_role && found.contains(&less)
        })
    };
    found.iter().filter(|panel| !does_with_less(panel)).cloned().collect()
}
