//! Measures one case: layout, plan, plan again, one more foothold, checker, memory, peers.
//!
//! Every run lays the estate out anew and plans twice, so that the first plan
//! is cold. A peer's run follows each of ours until it has used up its
//! seconds: what slows the machine down for a while slows both down.

use std::time::Instant;

use cordon_certify::Context;
use cordon_model::Estate;
use cordon_model::plan::{Alternative, AlternativeName, Objection, PlanDocument, Status};
use cordon_plan::monolith::{self, Ending, Form, Outcome};
use cordon_plan::{Foothold, Limits, Planner, Request};

use super::args::PlanArgs;
use super::memory;

/// What is planned.
pub(super) struct Case<'e> {
    pub(super) name: String,
    pub(super) estate: &'e Estate,
    pub(super) footholds: Vec<Foothold>,
    /// Footholds that come to light one at a time beside the others.
    pub(super) more: Vec<Foothold>,
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
    pub(super) steps: Steps,
    /// Seconds of the checker with all three alternatives.
    pub(super) check: Vec<f64>,
    /// Seconds for all three alternatives.
    pub(super) all: f64,
    /// Seconds for a plan against one more foothold, on the planner that knows the others.
    pub(super) more: Vec<f64>,
    /// Whether such plans are those of a planner that starts afresh.
    pub(super) same: bool,
    pub(super) plan: Alternative,
    /// What the checker has against the plan.
    pub(super) objections: Vec<Objection>,
    /// Bytes, estate and plans together.
    pub(super) memory: Option<u64>,
    pub(super) peers: Vec<Peer>,
}

/// Seconds of each run, per step.
#[derive(Default)]
pub(super) struct Steps {
    pub(super) layout: Vec<f64>,
    pub(super) cold: Vec<f64>,
    pub(super) again: Vec<f64>,
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
        self.objections.is_empty()
            && self.same
            && self.peers.iter().all(|peer| peer.agrees(&self.plan))
    }
}

impl Peer {
    fn agrees(&self, plan: &Alternative) -> bool {
        match self.outcome.ending {
            Ending::Optimal => {
                let optimum = self.outcome.total.unwrap_or_default();
                plan.complete && plan.lower_bound <= optimum && optimum <= plan.cost.total
            }
            Ending::Infeasible => !plan.complete,
            Ending::TimeLimit | Ending::Failed => {
                self.outcome.total.is_none_or(|total| plan.lower_bound <= total)
            }
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
    let (mut row, document) = first_run(case, args);
    // What a program has used before stays with the process, and would count here.
    row.memory = memory::peak().filter(|_| !args.peers);
    if row.plan.status != Status::Gap {
        say("one more foothold");
        (row.more, row.same) = one_more(case, args);
    }
    for run in 0..args.runs {
        if run > 0 {
            say("plan");
            let _same = run_once(case, args, &mut row.steps);
            check(case, &document, &mut row);
        }
        if args.peers {
            run_peers(case, args, say, &mut row.peers);
        }
    }
    row
}

/// Plans one alternative, then all three, and checks these.
fn first_run(case: &Case<'_>, args: &PlanArgs) -> (Row, PlanDocument) {
    let mut steps = Steps::default();
    let (planner, plan) = run_once(case, args, &mut steps);
    let (document, all) = timed(|| asked(&case.footholds, args, |request| planner.plan(request)));
    let mut row = Row {
        name: case.name.clone(),
        nodes: case.estate.nodes().len(),
        links: case.estate.links().len(),
        made: case.made,
        steps,
        all,
        check: Vec::new(),
        more: Vec::new(),
        same: true,
        plan,
        objections: Vec::new(),
        memory: None,
        peers: Vec::new(),
    };
    check(case, &document, &mut row);
    (row, document)
}

/// Plans against each further foothold beside the known ones; the first such plan also afresh.
fn one_more(case: &Case<'_>, args: &PlanArgs) -> (Vec<f64>, bool) {
    let planner = Planner::new(case.estate);
    let _known = balanced(&planner, &case.footholds, args);
    let mut seconds = Vec::new();
    let mut same = true;
    for &foothold in &case.more {
        let all = [&*case.footholds, &[foothold]].concat();
        let (plan, took) = timed(|| balanced(&planner, &all, args));
        if seconds.is_empty() {
            let afresh = balanced(&Planner::new(case.estate), &all, args);
            // A time limit ends a search where it happens to be.
            let limited = plan.status == Status::Gap || afresh.status == Status::Gap;
            let untimed = |plan| Alternative { seconds: 0.0, ..plan };
            same = limited || untimed(plan) == untimed(afresh);
        }
        seconds.push(took);
    }
    (seconds, same)
}

fn run_once<'e>(case: &Case<'e>, args: &PlanArgs, steps: &mut Steps) -> (Planner<'e>, Alternative) {
    let (planner, layout) = timed(|| Planner::new(case.estate));
    let (plan, cold) = timed(|| balanced(&planner, &case.footholds, args));
    let (_, again) = timed(|| balanced(&planner, &case.footholds, args));
    steps.layout.push(layout);
    steps.cold.push(cold);
    steps.again.push(again);
    (planner, plan)
}

fn check(case: &Case<'_>, document: &PlanDocument, row: &mut Row) {
    let (verdict, seconds) =
        timed(|| cordon_certify::check(case.estate, document, &Context::default()));
    row.check.push(seconds);
    row.objections = verdict.objections;
}

fn balanced(planner: &Planner<'_>, footholds: &[Foothold], args: &PlanArgs) -> Alternative {
    asked(footholds, args, |request| planner.alternative(request, AlternativeName::Balanced))
}

/// Asks with the time limit, counted from now.
fn asked<T>(footholds: &[Foothold], args: &PlanArgs, ask: impl FnOnce(&Request<'_>) -> T) -> T {
    let start = Instant::now();
    let clock = || start.elapsed().as_secs_f64();
    let limits = Limits { work: u64::MAX, seconds: args.time_limit, clock: &clock };
    ask(&Request { limits, ..Request::new(footholds.to_vec()) })
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
