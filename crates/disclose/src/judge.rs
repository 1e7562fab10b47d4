//! How a claim stands against the evidence.
//!
//! Contradicted: the evidence says otherwise. Supported: it says the same, and
//! nothing could have gone unseen that would say otherwise. Unsupported:
//! anything else, with what is missing named.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::action::ServiceState;
use cordon_model::estate::Service;
use cordon_model::record::ClaimVerdict;
use cordon_model::{Estate, NodeId};

use crate::claim::{ExposureClaim, Fault, ServicesClaim};
use crate::evidence::ServiceStates;
use crate::exposure::{Because, CategoryExposure, Exposure, HoldingExposure, Verdict};
use crate::spans::length;
use crate::words::{count, join};

/// A judgement: verdict, reasons, and what is wrong with the question.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judged {
    pub(crate) verdict: ClaimVerdict,
    pub(crate) because: Vec<Because>,
    pub(crate) faults: Vec<Fault>,
}

impl Judged {
    fn new(verdict: ClaimVerdict, because: Vec<Because>) -> Self {
        Self { verdict, because, faults: Vec::new() }
    }

    /// A claim that cannot be judged as it is written.
    pub(crate) fn faulty(faults: Vec<Fault>) -> Self {
        let because = faults.iter().map(|fault| Because::words(fault.what.clone())).collect();
        Self { verdict: ClaimVerdict::Unsupported, because, faults }
    }
}

/// One category of one holding.
struct Cell<'a> {
    holding: &'a HoldingExposure,
    category: &'a str,
    found: &'a CategoryExposure,
}

/// Judges a claim about data.
pub(crate) fn exposure_claim(
    estate: &Estate,
    exposure: &Exposure,
    claim: &ExposureClaim,
) -> Judged {
    let cells = match cells(estate, exposure, claim) {
        Ok(cells) => cells,
        Err(fault) => return Judged::faulty(vec![fault]),
    };
    let mut parts = Vec::new();
    if let Some(most) = claim.at_most {
        parts.push(all_of(&cells, |cell| at_most(cell, most)));
    }
    if let Some(most) = claim.seen_at_most {
        parts.push(all_of(&cells, |cell| seen_at_most(cell, most)));
    }
    if let Some(least) = claim.at_least {
        parts.push(any_of(&cells, |cell| at_least(cell, least)));
    }
    if let Some(verdict) = claim.verdict {
        parts.push(all_of(&cells, |cell| exactly(cell, verdict)));
    }
    let least = cells.iter().map(|cell| cell.found.people.at_least).max().unwrap_or(0);
    let most = people_at_most(&cells);
    if let Some(claimed) = claim.people_at_most {
        parts.push(no_more_people(&cells, claimed, least, most));
    }
    if let Some(claimed) = claim.people_at_least {
        parts.push(no_fewer_people(&cells, claimed, least, most));
    }
    worst_of(parts)
}

fn cells<'a>(
    estate: &Estate,
    exposure: &'a Exposure,
    claim: &ExposureClaim,
) -> Result<Vec<Cell<'a>>, Fault> {
    let wanted = holdings(estate, exposure, &claim.holdings)?;
    let mut cells = Vec::new();
    for holding in wanted {
        for (category, found) in &holding.categories {
            if claim.categories.is_empty() || claim.categories.contains(category) {
                cells.push(Cell { holding, category, found });
            }
        }
    }
    let missing = |name: &&String| !cells.iter().any(|cell| cell.category == name.as_str());
    if let Some(name) = claim.categories.iter().find(missing) {
        let known = exposure.holdings.iter().flat_map(|holding| holding.categories.keys());
        let known: BTreeSet<&str> = known.map(String::as_str).collect();
        let whose = if claim.holdings.is_empty() {
            "no holding of the estate"
        } else {
            "none of the named holdings"
        };
        return Err(Fault::new(
            format!(
                "{whose} is declared with the category `{name}`, so nothing shows what became of it"
            ),
            format!(
                "declare it in the estate, or claim one of {}",
                join(known.into_iter().map(str::to_owned), "or")
            ),
        ));
    }
    if cells.is_empty() {
        return Err(Fault::new(
            "the estate declares no holdings",
            "declare a `[[holding]]` with its categories",
        ));
    }
    Ok(cells)
}

fn holdings<'a>(
    estate: &Estate,
    exposure: &'a Exposure,
    names: &[String],
) -> Result<Vec<&'a HoldingExposure>, Fault> {
    if names.is_empty() {
        return Ok(exposure.holdings.iter().collect());
    }
    let is_called = |holding: &HoldingExposure, name: &str| {
        let spelled = || {
            let node = estate.find(holding.node.as_str());
            node.is_some_and(|node| estate.spellings(node).contains(name))
        };
        holding.node.as_str() == name || spelled()
    };
    let mut found = Vec::new();
    for name in names {
        let before = found.len();
        found.extend(exposure.holdings.iter().filter(|holding| is_called(holding, name)));
        if found.len() == before {
            let known = exposure.holdings.iter().map(|holding| holding.node.to_string());
            return Err(Fault::new(
                format!("the estate has no holding `{name}`"),
                format!("name one of {}", join(known, "or")),
            ));
        }
    }
    Ok(found)
}

fn about(cell: &Cell<'_>, words: &str) -> Because {
    Because::words(format!("{} of `{}`: {words}", cell.category, cell.holding.node))
}

/// The verdict as far as accesses were seen.
fn shown(found: &CategoryExposure) -> Verdict {
    match found.verdict {
        Verdict::Accessed | Verdict::Taken => found.verdict,
        Verdict::Unknown | Verdict::RuledOut | Verdict::Reachable => Verdict::RuledOut,
    }
}

fn at_most(cell: &Cell<'_>, most: Verdict) -> Judged {
    let found = cell.found;
    if shown(found) > most {
        return contradicted(cell);
    }
    // What an access showed is below the bound; the question is what nobody could see.
    let within = found.verdict != Verdict::Unknown && found.verdict <= most;
    let verdict = if within && found.unseen.is_empty() {
        ClaimVerdict::Supported
    } else {
        ClaimVerdict::Unsupported
    };
    let mut because = vec![about(cell, found.verdict.as_str())];
    if verdict == ClaimVerdict::Unsupported {
        because.extend(found.unseen.iter().cloned());
    }
    because.extend(found.because.iter().cloned());
    dedup(&mut because);
    Judged::new(verdict, because)
}

fn contradicted(cell: &Cell<'_>) -> Judged {
    let mut because = vec![about(cell, cell.found.verdict.as_str())];
    because.extend(cell.found.because.iter().cloned());
    Judged::new(ClaimVerdict::Contradicted, because)
}

/// "We have seen no sign": true of the logs that are there, and worth nothing if none are.
fn seen_at_most(cell: &Cell<'_>, most: Verdict) -> Judged {
    let found = cell.found;
    if shown(found) > most {
        return contradicted(cell);
    }
    let heard = cell.holding.sources.iter().any(|source| source.share > 0.0);
    let ruled_out = found.verdict == Verdict::RuledOut;
    let verdict =
        if heard || ruled_out { ClaimVerdict::Supported } else { ClaimVerdict::Unsupported };
    let words = format!(
        "the logs that would show an access cover {:.0} % of the window, and show nothing worse than {most}",
        (found.coverage * 100.0).floor()
    );
    let mut because = match (ruled_out, heard) {
        (true, _) => vec![about(cell, "ruled out")],
        (false, true) => vec![about(cell, &words)],
        (false, false) => vec![about(
            cell,
            "no log was heard that would show an access, so not having seen one says nothing",
        )],
    };
    because.extend(found.unseen.iter().cloned());
    if ruled_out {
        because.extend(found.because.iter().cloned());
    }
    Judged::new(verdict, because)
}

fn at_least(cell: &Cell<'_>, least: Verdict) -> Judged {
    let found = cell.found;
    let verdict = match found.verdict {
        Verdict::Unknown => ClaimVerdict::Unsupported,
        Verdict::RuledOut if least > Verdict::RuledOut => ClaimVerdict::Contradicted,
        Verdict::RuledOut | Verdict::Reachable | Verdict::Accessed | Verdict::Taken => {
            if found.verdict >= least {
                ClaimVerdict::Supported
            } else if found.unseen.is_empty() {
                ClaimVerdict::Contradicted
            } else {
                ClaimVerdict::Unsupported
            }
        }
    };
    let mut because = vec![about(cell, found.verdict.as_str())];
    because.extend(found.because.iter().cloned());
    Judged::new(verdict, because)
}

fn exactly(cell: &Cell<'_>, verdict: Verdict) -> Judged {
    let found = cell.found;
    let settled = matches!(found.verdict, Verdict::RuledOut | Verdict::Accessed | Verdict::Taken);
    let verdict = if found.verdict == verdict {
        ClaimVerdict::Supported
    } else if settled {
        ClaimVerdict::Contradicted
    } else {
        ClaimVerdict::Unsupported
    };
    let mut because = vec![about(cell, found.verdict.as_str())];
    because.extend(found.because.iter().cloned());
    Judged::new(verdict, because)
}

/// The same people may stand in several holdings, so the sum is only a bound.
fn people_at_most(cells: &[Cell<'_>]) -> Option<u64> {
    let mut most: BTreeMap<&NodeId, u64> = BTreeMap::new();
    for cell in cells {
        let of_cell = cell.found.people.at_most?;
        let of_holding = most.entry(&cell.holding.node).or_default();
        *of_holding = of_cell.max(*of_holding);
    }
    Some(most.into_values().fold(0, u64::saturating_add))
}

fn no_more_people(cells: &[Cell<'_>], claimed: u64, least: u64, most: Option<u64>) -> Judged {
    let verdict = match most {
        _ if least > claimed => ClaimVerdict::Contradicted,
        Some(most) if most <= claimed => ClaimVerdict::Supported,
        _ => ClaimVerdict::Unsupported,
    };
    Judged::new(verdict, people_because(cells, least, most))
}

fn no_fewer_people(cells: &[Cell<'_>], claimed: u64, least: u64, most: Option<u64>) -> Judged {
    let verdict = match most {
        _ if least >= claimed => ClaimVerdict::Supported,
        Some(most) if most < claimed => ClaimVerdict::Contradicted,
        _ => ClaimVerdict::Unsupported,
    };
    Judged::new(verdict, people_because(cells, least, most))
}

fn people_because(cells: &[Cell<'_>], least: u64, most: Option<u64>) -> Vec<Because> {
    let most = most.map_or_else(
        || "an unknown number of".to_owned(),
        |most| format!("at most {}", count(most)),
    );
    let mut because = vec![Because::words(format!(
        "accesses show at least {} people, and the holdings allow {most}",
        count(least)
    ))];
    let telling = cells.iter().max_by_key(|cell| cell.found.people.at_least);
    because.extend(telling.into_iter().flat_map(|cell| cell.found.because.iter().cloned()));
    because
}

/// Judges a claim about services.
pub(crate) fn services_claim(
    estate: &Estate,
    states: &ServiceStates,
    claim: &ServicesClaim,
) -> Judged {
    let mut wanted = Vec::new();
    let everything = vec!["all".to_owned()];
    let ids = if claim.ids.is_empty() { &everything } else { &claim.ids };
    for id in ids {
        let before = wanted.len();
        match (estate.find_service(id), id.as_str()) {
            (Some(at), _) => wanted.push(estate.service(at)),
            (None, "all") => wanted.extend(estate.services()),
            (None, "protected") => wanted.extend(estate.services().iter().filter(|s| s.protected)),
            (None, _) => {}
        }
        if wanted.len() == before {
            let known = estate.services().iter().map(|service| service.id.to_string());
            return Judged::faulty(vec![Fault::new(
                format!("the estate has no service `{id}`"),
                format!("name one of {}, or all, or protected", join(known, "or")),
            )]);
        }
    }
    worst_of(wanted.into_iter().map(|service| one_service(service, states, claim.state)).collect())
}

fn one_service(service: &Service, states: &ServiceStates, claimed: ServiceState) -> Judged {
    let id = &service.id;
    let Some(view) = states.views.iter().rev().find(|view| view.service == *id) else {
        let words = format!(
            "nobody has looked whether `{id}` trades: the ledger holds no result of its probe"
        );
        return Judged::new(ClaimVerdict::Unsupported, vec![Because::words(words)]);
    };
    let age = states.now.duration_since(view.checked).as_secs().max(0);
    let state = state_word(view.state);
    let said = if view.because.is_empty() { String::new() } else { format!(" ({})", view.because) };
    let mut because = Because {
        entry: (view.entry > 0).then_some(view.entry),
        from: Some(view.since),
        to: Some(view.checked),
        ..Because::words(format!(
            "`{id}` is {state}{said}, last looked at {} before the check",
            length(age)
        ))
    };
    let verdict = if age > i64::from(states.fresh_seconds) {
        because.words = format!(
            "`{id}` was {state}{said} when its probe last looked, {} ago, which is too old: at most {} counts",
            length(age),
            length(i64::from(states.fresh_seconds))
        );
        ClaimVerdict::Unsupported
    } else if view.state == ServiceState::Unknown {
        ClaimVerdict::Unsupported
    } else if view.state == claimed {
        ClaimVerdict::Supported
    } else {
        ClaimVerdict::Contradicted
    };
    Judged::new(verdict, vec![because])
}

/// The word for a state.
pub(crate) fn state_word(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Trading => "trading",
        ServiceState::Degraded => "degraded",
        ServiceState::Stopped => "stopped",
        ServiceState::Unknown => "in an unknown state",
    }
}

fn rank(verdict: ClaimVerdict) -> u8 {
    match verdict {
        ClaimVerdict::Supported => 0,
        ClaimVerdict::Unsupported => 1,
        ClaimVerdict::Contradicted => 2,
    }
}

/// Everything must hold: the worst judgement counts, with the reasons of those that share it.
fn worst_of(parts: Vec<Judged>) -> Judged {
    let worst = parts.iter().map(|part| part.verdict).max_by_key(|verdict| rank(*verdict));
    let verdict = worst.unwrap_or(ClaimVerdict::Unsupported);
    let telling = parts.into_iter().filter(|part| part.verdict == verdict);
    let mut because: Vec<Because> = telling.flat_map(|part| part.because).collect();
    dedup(&mut because);
    Judged::new(verdict, because)
}

fn all_of(cells: &[Cell<'_>], judge: impl Fn(&Cell<'_>) -> Judged) -> Judged {
    worst_of(cells.iter().map(judge).collect())
}

/// One is enough: the best judgement counts.
fn any_of(cells: &[Cell<'_>], judge: impl Fn(&Cell<'_>) -> Judged) -> Judged {
    let parts: Vec<Judged> = cells.iter().map(judge).collect();
    let best = parts.iter().map(|part| part.verdict).min_by_key(|verdict| rank(*verdict));
    let verdict = best.unwrap_or(ClaimVerdict::Unsupported);
    let mut because: Vec<Because> = parts
        .into_iter()
        .filter(|part| part.verdict == verdict)
        .flat_map(|part| part.because)
        .collect();
    dedup(&mut because);
    Judged::new(verdict, because)
}

/// Says each reason once, in the order of the first time.
fn dedup(because: &mut Vec<Because>) {
    let mut seen = BTreeSet::new();
    because.retain(|reason| seen.insert(reason.words.clone()));
}
