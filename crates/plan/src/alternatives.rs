//! The three plans: now, balanced, strict, each as stages of one search.
//!
//! Which footholds count, what may be chosen and in which order things are
//! minimised is decided here and nowhere else (design, section 4). How a stage
//! is searched is in [`crate::search`]; how its bound is proven in [`crate::proof`].

use cordon_model::Money;
use cordon_model::plan::{Objective, Stage, Status};

use crate::budget::Budget;
use crate::case::{Case, Guard};
use crate::document::Shown;
use crate::flowed::Flowed;
use crate::goal::{Closed, Goal};
use crate::master::Key;
use crate::minimal;
use crate::proof::prove;
use crate::search::{Outcome, search};
use crate::standing::Standing;

/// One alternative, decided but not yet put into words.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) standing: Standing,
    pub(crate) status: Status,
    /// No sound plan is worth less in total, in minor units.
    pub(crate) lower: i64,
    pub(crate) stages: Vec<Stage>,
    /// The limits ended the search before it knew whether a sound plan exists.
    pub(crate) unknown: bool,
    /// Rows that another search over the same footholds may begin with.
    pub(crate) keys: Vec<Key>,
    /// What a flow proved by itself.
    pub(crate) flowed: Option<Flowed>,
    /// Guards that together leave no sound plan.
    pub(crate) guards: Vec<Guard>,
}

impl Answer {
    /// The bound that the stages prove together.
    pub(crate) fn certified(&self) -> Money {
        match self.stages.as_slice() {
            [loss, cost] if cost.objective == Objective::Cost => loss.bound + cost.bound,
            [.., last] => last.bound,
            [] => Money::ZERO,
        }
    }
}

const BALANCED: Goal = Goal { objective: Objective::Total, closed: Closed::Hard, limit: None };

/// Least total cost.
pub(crate) fn balanced(case: &Case<'_>, known: &[Key], budget: &Budget<'_>) -> Answer {
    let outcome = search(case, BALANCED, known, None, budget);
    let Outcome { best: Some(standing), lower, proven, keys, flowed } = outcome else {
        return infeasible(case, &outcome, budget);
    };
    let status = if proven { Status::Optimal } else { Status::Gap };
    let stages = vec![prove(case, BALANCED, &keys, flowed.as_ref(), budget.seconds_left())];
    Answer { standing, status, lower, stages, unknown: false, keys, flowed, guards: Vec::new() }
}

/// What may be raised at once: least hard loss, then least total.
pub(crate) fn now(case: &Case<'_>, known: &[Key], budget: &Budget<'_>) -> Answer {
    if case.may_choose_nothing() {
        return nothing_chosen(case, budget);
    }
    let outcome = search(case, BALANCED, known, None, budget);
    let Outcome { best: Some(standing), lower, proven, keys, flowed } = outcome else {
        let mut answer = least_residual(case, &outcome, budget);
        if answer.status == Status::Infeasible && !answer.unknown {
            answer.status = Status::Optimal;
        }
        if answer.unknown || answer.lower < answer.standing.total() {
            answer.status = Status::Gap;
        }
        return answer;
    };
    let status = if proven { Status::Optimal } else { Status::Gap };
    let goal = Goal { limit: Some(0), closed: Closed::None, ..BALANCED };
    let proven_stage = prove(case, goal, &keys, flowed.as_ref(), budget.seconds_left());
    let stages = vec![nothing_lost(Objective::HardLoss), proven_stage];
    Answer { standing, status, lower, stages, unknown: false, keys, flowed, guards: Vec::new() }
}

/// The one plan there is without an authority; a path to every lost asset proves it.
fn nothing_chosen(case: &Case<'_>, budget: &Budget<'_>) -> Answer {
    let standing = Standing::of(case, &[]);
    let shown = Shown::new(case, &[]);
    let assets = case.net.estate.assets();
    let to = |&asset: &u32| {
        let mut places = assets.get(asset as usize)?.places();
        let place = places.find(|place| shown.reaches(place.0))?;
        Some(Key::Path { path: shown.path(place.0), asset })
    };
    let keys: Vec<Key> = standing.lost.iter().filter_map(to).collect();
    let least = Goal { objective: Objective::HardLoss, closed: Closed::None, limit: None };
    let goal =
        Goal { objective: Objective::Total, closed: Closed::None, limit: Some(standing.hard_loss) };
    let stages = vec![
        prove(case, least, &keys, None, budget.seconds_left()),
        prove(case, goal, &keys, None, budget.seconds_left()),
    ];
    Answer {
        status: Status::Optimal,
        lower: standing.total(),
        standing,
        stages,
        unknown: false,
        keys,
        flowed: None,
        guards: Vec::new(),
    }
}

/// Least loss, then least cost.
pub(crate) fn strict(
    case: &Case<'_>,
    known: &[Key],
    balanced: Option<&Answer>,
    budget: &Budget<'_>,
) -> Answer {
    if let Some(balanced) = balanced {
        if balanced.status == Status::Infeasible {
            return balanced.clone();
        }
        if balanced.standing.loss == 0 {
            // Nothing is lost at the least total, so it is the least cost as well.
            let rows = Rows { keys: &balanced.keys, flowed: balanced.flowed.as_ref() };
            let stages = loss_then_cost(case, &balanced.standing, rows, None, budget);
            return Answer { stages, ..balanced.clone() };
        }
    }
    let hint = balanced.map(|answer| &answer.standing);
    let all = Goal { objective: Objective::Cost, closed: Closed::All, limit: None };
    let outcome = search(case, all, known, hint, budget);
    if let Outcome { best: Some(standing), lower, proven, keys, flowed } = outcome {
        let status = if proven { Status::Optimal } else { Status::Gap };
        let rows = Rows { keys: &keys, flowed: flowed.as_ref() };
        let stages = loss_then_cost(case, &standing, rows, None, budget);
        return Answer {
            standing,
            status,
            lower,
            stages,
            unknown: false,
            keys,
            flowed,
            guards: Vec::new(),
        };
    }
    some_loss(case, &outcome.keys, hint, budget)
}

/// Strict where something must be lost.
fn some_loss(
    case: &Case<'_>,
    known: &[Key],
    hint: Option<&Standing>,
    budget: &Budget<'_>,
) -> Answer {
    let least = Goal { objective: Objective::Loss, closed: Closed::Hard, limit: None };
    let first = search(case, least, known, hint, budget);
    let Some(standing) = &first.best else { return infeasible(case, &first, budget) };
    let limited =
        Goal { objective: Objective::Cost, closed: Closed::Hard, limit: Some(standing.loss) };
    let second = search(case, limited, &first.keys, Some(standing), budget);
    let proven = first.proven && second.proven;
    let standing = second.best.unwrap_or_else(|| standing.clone());
    let lower = (first.lower + second.lower).min(standing.total());
    let rows = Rows { keys: &second.keys, flowed: None };
    let stages = loss_then_cost(case, &standing, rows, Some(&first.keys), budget);
    let status = if proven { Status::Optimal } else { Status::Gap };
    Answer {
        standing,
        status,
        lower,
        stages,
        unknown: false,
        keys: second.keys,
        flowed: None,
        guards: Vec::new(),
    }
}

/// What a search leaves to prove with.
#[derive(Clone, Copy)]
struct Rows<'a> {
    keys: &'a [Key],
    flowed: Option<&'a Flowed>,
}

fn loss_then_cost(
    case: &Case<'_>,
    standing: &Standing,
    rows: Rows<'_>,
    lossy: Option<&[Key]>,
    budget: &Budget<'_>,
) -> Vec<Stage> {
    let least = Goal { objective: Objective::Loss, closed: Closed::Hard, limit: None };
    let first = lossy.filter(|_| standing.loss > 0).map_or_else(
        || nothing_lost(Objective::Loss),
        |keys| prove(case, least, keys, None, budget.seconds_left()),
    );
    let limited =
        Goal { objective: Objective::Cost, closed: Closed::Hard, limit: Some(standing.loss) };
    vec![first, prove(case, limited, rows.keys, rows.flowed, budget.seconds_left())]
}

/// The least residual plan, with the guards that leave no sound one.
fn infeasible(case: &Case<'_>, failed: &Outcome, budget: &Budget<'_>) -> Answer {
    let mut answer = least_residual(case, failed, budget);
    if !answer.unknown {
        answer.guards = minimal::guards(case, budget);
    }
    answer
}

/// The plan for when there is no sound one: least hard loss, then least total.
fn least_residual(case: &Case<'_>, failed: &Outcome, budget: &Budget<'_>) -> Answer {
    let least = Goal { objective: Objective::HardLoss, closed: Closed::None, limit: None };
    let first = search(case, least, &failed.keys, None, budget);
    let nothing = || Standing::of(case, &[]);
    let standing = first.best.unwrap_or_else(nothing);
    let goal =
        Goal { objective: Objective::Total, closed: Closed::None, limit: Some(standing.hard_loss) };
    let mut known = failed.keys.clone();
    known.extend(first.keys.iter().cloned());
    let second = search(case, goal, &known, Some(&standing), budget);
    let standing = second.best.unwrap_or(standing);
    let stages = vec![
        prove(case, least, &first.keys, None, budget.seconds_left()),
        prove(case, goal, &second.keys, None, budget.seconds_left()),
    ];
    let unknown = !(failed.proven && first.proven && second.proven);
    let lower = second.lower.min(standing.total());
    let status = Status::Infeasible;
    Answer {
        standing,
        status,
        lower,
        stages,
        unknown,
        keys: second.keys,
        flowed: None,
        guards: Vec::new(),
    }
}

fn nothing_lost(objective: Objective) -> Stage {
    Stage { objective, bound: Money::ZERO, scale: 1, rows: Vec::new() }
}
