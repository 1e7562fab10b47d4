//! Measures one case: layout, plan, plan again, checker, memory, and the peers in turn.
//!
//! Every run lays the estate out anew and plans twice, so that the first plan
//! is cold. A peer's run follows each of ours until it has used up its
//! seconds: what slows the machine down for a while slows both down.

use std::time::Instant;

use cordon_certify::Context;
use cordon_model::plan::{Alternative, AlternativeName, PlanDocument, PlannedFoothold};
use cordon_model::{Estate, Money};
use cordon_plan::monolith::{self, Ending, Form, Outcome};
use cordon_plan::{Foothold, Limits, Planner, Request};

use super::args::PlanArgs;
use super::memory;

/// What is planned.
pub(super) struct Case<'e> {
    pub(super) name: String,
    pub(super) estate: &'e Estate,
    pub(super) footholds: Vec<Foothold>,
    /// Seconds that it took to make or read the estate.
    pub(super) made: f64,
}

/// What was measured.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) nodes: usize,
    pub(super) links: usize,
    /// Seconds to make or read the estate.
    pub(super) made: f64,
    /// Seconds of each run, per step.
    pub(super) layout: Vec<f64>,
    pub(super) cold: Vec<f64>,
    pub(super) again: Vec<f64>,
    pub(super) check: Vec<f64>,
    pub(super) plan: Alternative,
    pub(super) accepted: bool,
    /// Bytes, estate and plans together.
    pub(super) memory: Option<u64>,
    pub(super) peers: Vec<Peer>,
}

/// A program's runs.
pub(super) struct Peer {
    pub(super) form: Form,
    /// Seconds of each run, stating the program included.
    pub(super) seconds: Vec<f64>,
    pub(super) outcome: Outcome,
}

impl Row {
    /// Rows of the certificate.
    pub(super) fn rows(&self) -> usize {
        self.plan.certificate.stages.iter().map(|stage| stage.rows.len()).sum()
    }

    /// Whether the checker and every peer that reached its end agree with the plan.
    pub(super) fn agrees(&self) -> bool {
        self.accepted && self.peers.iter().all(|peer| peer.agrees(&self.plan))
    }
}

impl Peer {
    fn agrees(&self, plan: &Alternative) -> bool {
        let worst = |value: Option<Money>| value.is_none_or(|total| plan.lower_bound <= total);
        match self.outcome.ending {
            Ending::Optimal => {
                let optimum = self.outcome.total.unwrap_or_default();
                plan.complete && plan.lower_bound <= optimum && optimum <= plan.cost.total
            }
            Ending::Infeasible => !plan.complete,
            Ending::TimeLimit | Ending::Failed => worst(self.outcome.total),
        }
    }

    /// Whether it came to an end by itself.
    pub(super) fn ended(&self) -> bool {
        matches!(self.outcome.ending, Ending::Optimal | Ending::Infeasible)
    }
}

/// Measures a case; `say` is told what comes next.
pub(super) fn measure(case: &Case<'_>, args: &PlanArgs, say: &dyn Fn(&str)) -> Row {
    memory::reset_peak();
    say("plan");
    let mut row = first_run(case, args);
    row.memory = memory::peak();
    for run in 0..args.runs {
        if run > 0 {
            say("plan");
            let next = run_once(case, args);
            row.layout.push(next.layout);
            row.cold.push(next.cold);
            row.again.push(next.again);
            row.check.push(next.check);
            row.accepted &= next.accepted;
        }
        if args.peers {
            run_peers(case, args, say, &mut row.peers);
        }
    }
    row
}

/// One run of ours.
struct Run {
    layout: f64,
    cold: f64,
    again: f64,
    check: f64,
    accepted: bool,
    plan: Alternative,
}

fn first_run(case: &Case<'_>, args: &PlanArgs) -> Row {
    let run = run_once(case, args);
    Row {
        name: case.name.clone(),
        nodes: case.estate.nodes().len(),
        links: case.estate.links().len(),
        made: case.made,
        layout: vec![run.layout],
        cold: vec![run.cold],
        again: vec![run.again],
        check: vec![run.check],
        plan: run.plan,
        accepted: run.accepted,
        memory: None,
        peers: Vec::new(),
    }
}

fn run_once(case: &Case<'_>, args: &PlanArgs) -> Run {
    let (planner, layout) = timed(|| Planner::new(case.estate));
    let (plan, cold) = timed(|| balanced(&planner, case, args));
    let (_, again) = timed(|| balanced(&planner, case, args));
    drop(planner);
    let document = document(case, plan.clone());
    let (verdict, check) =
        timed(|| cordon_certify::check(case.estate, &document, &Context::default()));
    Run { layout, cold, again, check, accepted: verdict.accepted, plan }
}

fn balanced(planner: &Planner<'_>, case: &Case<'_>, args: &PlanArgs) -> Alternative {
    let start = Instant::now();
    let clock = || start.elapsed().as_secs_f64();
    let limits = Limits { work: u64::MAX, seconds: args.time_limit, clock: &clock };
    let request = Request { limits, ..Request::new(case.footholds.clone()) };
    planner.alternative(&request, AlternativeName::Balanced)
}

fn document(case: &Case<'_>, plan: Alternative) -> PlanDocument {
    let footholds = case.footholds.iter().map(|foothold| PlannedFoothold {
        node: case.estate.id(foothold.node).clone(),
        probability: foothold.probability,
        entrenched: foothold.entrenched,
    });
    let mut footholds: Vec<PlannedFoothold> = footholds.collect();
    footholds.sort_by(|a, b| a.node.cmp(&b.node));
    PlanDocument { estate: case.estate.name().to_owned(), footholds, alternatives: vec![plan] }
}

fn run_peers(case: &Case<'_>, args: &PlanArgs, say: &dyn Fn(&str), peers: &mut Vec<Peer>) {
    for form in [Form::Compact, Form::Pruned] {
        let known = peers.iter().position(|peer| peer.form == form);
        let used: f64 =
            known.and_then(|at| peers.get(at)).map_or(0.0, |peer| peer.seconds.iter().sum());
        if known.is_some() && used >= args.peer_limit {
            continue;
        }
        say(&format!("{} program", form.as_str()));
        let (outcome, seconds) =
            timed(|| monolith::solve(case.estate, &case.footholds, form, args.peer_limit));
        match known.and_then(|at| peers.get_mut(at)) {
            Some(peer) => peer.seconds.push(seconds),
            None => peers.push(Peer { form, seconds: vec![seconds], outcome }),
        }
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let began = Instant::now();
    let done = work();
    (done, began.elapsed().as_secs_f64())
}

/// The middle of some numbers; of an even count the mean of the two in the middle.
pub(super) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |at: usize| sorted.get(at).copied().unwrap_or(0.0);
    let (low, high) = (sorted.len().saturating_sub(1) / 2, sorted.len() / 2);
    f64::midpoint(at(low), at(high))
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(
            [median(&[3.0, 1.0, 9.0]), median(&[4.0, 1.0]), median(&[7.0])],
            [3.0, 2.5, 7.0]
        );
    }
}
