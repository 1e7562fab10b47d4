//! Cordon's own planner before the checker: its plans are accepted.
//!
//! The planner is a development dependency here and nothing else; the crate
//! itself never sees it. Changes of its plans are in [`super::settled`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cordon_model::plan::{PlanDocument, PlannedFoothold};
use cordon_model::{Estate, ServiceIx, WithdrawalId, WithdrawalIx};
use cordon_plan::{Foothold, Limits, Planner, Request};

use super::fixture::{Random, foothold};
use super::honest::draw_case;
use crate::{Context, check};

/// Work units per plan; the hardest of the shared estates are left with a gap.
pub(super) const WORK: u64 = 100_000_000;

/// How many cases of a test to draw: `CORDON_CASES`, or so many.
pub(super) fn cases(usual: u64) -> u64 {
    std::env::var("CORDON_CASES").map_or(usual, |cases| cases.parse().unwrap())
}

/// An estate with what is asked of it.
pub(super) struct Question {
    pub(super) estate: Estate,
    pub(super) footholds: Vec<PlannedFoothold>,
    pub(super) context: Context,
}

impl Question {
    /// A small estate of any shape; some know of no authority, as `cordon plan` without a folder.
    pub(super) fn small(random: &mut Random) -> Self {
        let (estate, footholds, mut context) = draw_case(random);
        if random.chance(30) {
            context.authority = None;
        }
        Self { estate, footholds, context }
    }

    /// An estate from files against certain footholds.
    pub(super) fn of(estate: Estate, nodes: &[&str], entrenched: bool) -> Self {
        let footholds = nodes.iter().map(|node| foothold(node, 1.0, entrenched));
        let mut footholds: Vec<PlannedFoothold> = footholds.collect();
        footholds.sort_by(|a, b| a.node.cmp(&b.node));
        let context = Context { footholds: Some(footholds.clone()), ..Context::default() };
        Self { estate, footholds, context }
    }

    /// Cordon's own plan within so much work.
    pub(super) fn planned(&self, work: u64) -> PlanDocument {
        let (estate, context) = (&self.estate, &self.context);
        let find = |foothold: &PlannedFoothold| Foothold {
            node: estate.find(foothold.node.as_str()).unwrap(),
            probability: foothold.probability,
            entrenched: foothold.entrenched,
        };
        let withdrawals = |ids: &BTreeSet<WithdrawalId>| -> Vec<WithdrawalIx> {
            ids.iter().filter_map(|id| estate.find_withdrawal(id.as_str())).collect()
        };
        let services = context.down.iter().filter_map(|id| estate.find_service(id.as_str()));
        let request = Request {
            authority: context.authority.as_ref().map(withdrawals),
            in_force: withdrawals(&context.in_force),
            unavailable: withdrawals(&context.unavailable),
            down_services: services.collect::<Vec<ServiceIx>>(),
            limits: Limits { work, ..Limits::none() },
            ..Request::new(self.footholds.iter().map(find).collect())
        };
        Planner::new(estate).plan(&request)
    }
}

/// The sample estate of the repository, with an account of its help desk taken.
pub(super) fn sample() -> Question {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../estates/retailer");
    let estate = cordon_estate::read(&folder).unwrap().estate;
    Question::of(estate, &["user:p.lindqvist", "host:vdi-ho-02"], false)
}

/// The shared estates that are there, near and entrenched: `$CORDON_ESTATES` or beside the workspace.
pub(super) fn shared() -> Vec<(String, Question)> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/estates");
    let folder = std::env::var_os("CORDON_ESTATES").map_or(beside, PathBuf::from);
    let mut found = Vec::new();
    for name in ["retail_1k", "adsynth_1k", "retail_1k_caps", "retail_1k_costly"] {
        let Ok(listed) = std::fs::read_to_string(folder.join(name).join("footholds.txt")) else {
            println!("skipped: {name} (no corpus)");
            continue;
        };
        let nodes: Vec<&str> = listed.lines().map(str::trim).collect();
        for entrenched in [false, true] {
            let estate = cordon_estate::read(&folder.join(name)).unwrap().estate;
            let told = format!("{name}{}", if entrenched { ", entrenched" } else { "" });
            found.push((told, Question::of(estate, &nodes, entrenched)));
        }
    }
    found
}

/// Three plans each, of which some are stopped before they are proven.
#[test]
fn plans_of_small_estates_are_accepted() {
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    let mut wrong: BTreeMap<(String, String), (u32, String)> = BTreeMap::new();
    for seed in 0..cases(3400) {
        let mut random = Random(50_000 + seed);
        let question = Question::small(&mut random);
        let work = if random.chance(20) { random.below(400) as u64 } else { WORK };
        let document = question.planned(work);
        let verdict = check(&question.estate, &document, &question.context);
        for objection in verdict.objections {
            let slot = wrong.entry((objection.code, objection.alternative)).or_default();
            slot.0 += 1;
            slot.1 = format!("seed {seed}: {}", objection.what);
        }
        for alternative in &document.alternatives {
            *kinds.entry(format!("{:?}", alternative.status)).or_default() += 1;
            *kinds.entry(format!("{:?}", alternative.proof)).or_default() += 1;
            let stopped = !alternative.stopped_services.is_empty();
            *kinds.entry("stops services".to_owned()).or_default() += u32::from(stopped);
            let lost = !alternative.reachable_assets.is_empty();
            *kinds.entry("loses assets".to_owned()).or_default() += u32::from(lost);
        }
    }
    println!("{kinds:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Every status and proof occurs, in a good part of the cases.
    let least = u32::try_from(cases(3400) / 100).unwrap();
    assert!(kinds.len() == 7 && kinds.values().all(|&count| count > least), "{kinds:?}");
}

#[test]
fn plans_of_larger_estates_are_accepted() {
    let sample = [("sample".to_owned(), sample())];
    for (name, question) in sample.into_iter().chain(shared()) {
        let document = question.planned(WORK);
        let verdict = check(&question.estate, &document, &question.context);
        assert!(verdict.accepted, "{name}: {:#?}", verdict.objections);
    }
}
