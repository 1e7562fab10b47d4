//! The planner as others see it: one value per estate, one method per question.

use cordon_model::estate::Estate;
use cordon_model::ids::{NodeIx, WithdrawalIx};
use cordon_model::plan::{Alternative, AlternativeName, PlanDocument, PlannedFoothold};

use crate::alternatives::{Answer, balanced, now, strict};
use crate::arrival::{Waiting, waiting};
use crate::budget::Budget;
use crate::case::{Case, Permission};
use crate::change::{Change, ChangeError, apply};
use crate::document;
use crate::master::Key;
use crate::network::Network;
use crate::order::{Late, race};
use crate::request::{Foothold, Request, merged};

/// Answers questions about one estate.
#[derive(Debug)]
pub struct Planner<'e> {
    net: Network<'e>,
}

impl<'e> Planner<'e> {
    /// Lays an estate out for planning, in time linear in its size.
    #[must_use]
    pub fn new(estate: &'e Estate) -> Self {
        Self { net: Network::new(estate) }
    }

    /// Takes up a change of the estate.
    ///
    /// A link costs what its labels alter (microseconds as a rule), a price one pass over all
    /// prices. The checker works on an estate: check plans of a changed planner against
    /// the changed estate.
    ///
    /// # Errors
    ///
    /// Says what the estate does not have or cannot hold; the planner is as before then.
    pub fn change(&mut self, change: Change) -> Result<(), ChangeError> {
        apply(&mut self.net, change)
    }

    /// Plans all three alternatives.
    ///
    /// The same request gives the same document but for `seconds`, unless the
    /// clock's limit is what ends the search.
    #[must_use]
    pub fn plan(&self, request: &Request<'_>) -> PlanDocument {
        let footholds = merged(&request.footholds);
        let budget = Budget::new(request.limits);
        let estate = self.net.estate;
        let mut run = Run { planner: self, request, footholds: &footholds, budget: &budget };
        budget.allow(2);
        let (balanced, kept) = run.balanced();
        budget.allow(3);
        let strict = run.strict(&kept);
        budget.allow(4);
        let now = run.now(&kept);
        let planned = footholds.iter().map(|foothold| PlannedFoothold {
            node: estate.id(foothold.node).clone(),
            probability: foothold.probability,
            entrenched: foothold.entrenched,
        });
        PlanDocument {
            estate: estate.name().to_owned(),
            footholds: planned.collect(),
            alternatives: vec![now, balanced, strict],
        }
    }

    /// Plans one alternative alone.
    #[must_use]
    pub fn alternative(&self, request: &Request<'_>, name: AlternativeName) -> Alternative {
        let footholds = merged(&request.footholds);
        let budget = Budget::new(request.limits);
        let mut run = Run { planner: self, request, footholds: &footholds, budget: &budget };
        match name {
            AlternativeName::Balanced => run.balanced().0,
            AlternativeName::Strict => run.strict(&Kept::default()),
            AlternativeName::Now => run.now(&Kept::default()),
        }
    }

    /// Plans an alternative as if one withdrawal could not be had: what it saves is the difference.
    #[must_use]
    pub fn without(
        &self,
        request: &Request<'_>,
        name: AlternativeName,
        withdrawal: WithdrawalIx,
    ) -> Alternative {
        let mut request = request.clone();
        request.unavailable.push(withdrawal);
        self.alternative(&request, name)
    }

    /// Tells when each asset falls if nobody acts, from footholds of p >= 0.5.
    #[must_use]
    pub fn waiting(&self, footholds: &[Foothold]) -> Waiting {
        let counted = considered(&merged(footholds), AlternativeName::Balanced);
        let starts: Vec<u32> = counted.iter().map(|foothold| foothold.node.0).collect();
        waiting(&self.net, &starts)
    }

    /// Finds the withdrawals of an alternative that come too late.
    ///
    /// `seconds` says how long one withdrawal takes through a connector (`None`
    /// is by hand); connectors work side by side, each in the plan's order.
    #[must_use]
    pub fn race(
        &self,
        footholds: &[Foothold],
        alternative: &Alternative,
        seconds: &dyn Fn(Option<&str>) -> u64,
    ) -> Vec<Late> {
        let counted = considered(&merged(footholds), alternative.name);
        let starts: Vec<u32> = counted.iter().map(|foothold| foothold.node.0).collect();
        let planned = alternative.withdrawals.iter();
        let ordered: Vec<WithdrawalIx> =
            planned.filter_map(|w| self.net.estate.find_withdrawal(w.id.as_str())).collect();
        race(&self.net, &starts, &ordered, seconds)
    }

    /// Chooses what of the withdrawals in force may be lifted: the most valuable
    /// set without which no asset opens that is shut now. Any order of lifting is
    /// safe, because even the last state is. Half of a pair whose other half is not in force
    /// stays: it holds something, though nothing in the network shows how much.
    #[must_use]
    pub fn lift(&self, request: &Request<'_>) -> Vec<WithdrawalIx> {
        let footholds = considered(&merged(&request.footholds), AlternativeName::Strict);
        let budget = Budget::new(request.limits);
        let case = Case::new(&self.net, request, &footholds, Permission::InForce);
        let kept = strict(&case, &[], None, &budget).standing.chosen;
        let keeps = |at: &WithdrawalIx| {
            let column = self.net.column_of[at.0];
            let mut halves = self.net.columns[column].withdrawals();
            kept.binary_search(&column).is_ok() || !halves.all(|half| case.is_in_force(half))
        };
        let mut lifted: Vec<WithdrawalIx> =
            request.in_force.iter().copied().filter(|at| !keeps(at)).collect();
        lifted.sort_unstable();
        lifted.dedup();
        let estate = self.net.estate;
        lifted.sort_by_key(|&at| std::cmp::Reverse(estate.withdrawal(at).cost_per_hour));
        lifted
    }
}

/// The footholds that an alternative plans against.
fn considered(footholds: &[Foothold], name: AlternativeName) -> Vec<Foothold> {
    footholds.iter().copied().filter(|f| f.probability >= name.threshold()).collect()
}

/// What one alternative leaves for the next.
#[derive(Default)]
struct Kept {
    starts: Vec<(NodeIx, bool)>,
    answer: Option<Answer>,
}

impl Kept {
    fn answer(&self, footholds: &[Foothold]) -> Option<&Answer> {
        self.answer.as_ref().filter(|_| self.starts == starts(footholds))
    }

    fn keys(&self, footholds: &[Foothold]) -> &[Key] {
        self.answer(footholds).map_or(&[], |answer| &answer.keys)
    }
}

fn starts(footholds: &[Foothold]) -> Vec<(NodeIx, bool)> {
    footholds.iter().map(|foothold| (foothold.node, foothold.entrenched)).collect()
}

/// One request being answered.
struct Run<'a, 'b> {
    planner: &'a Planner<'a>,
    request: &'a Request<'b>,
    footholds: &'a [Foothold],
    budget: &'a Budget<'b>,
}

impl Run<'_, '_> {
    fn balanced(&mut self) -> (Alternative, Kept) {
        let name = AlternativeName::Balanced;
        let counted = considered(self.footholds, name);
        let mut kept = Kept { starts: starts(&counted), answer: None };
        let alternative = self.answer(name, &counted, Permission::All, |case, budget| {
            let answer = balanced(case, &[], budget);
            kept.answer = Some(answer.clone());
            answer
        });
        (alternative, kept)
    }

    fn strict(&mut self, kept: &Kept) -> Alternative {
        let name = AlternativeName::Strict;
        let counted = considered(self.footholds, name);
        let known = kept.keys(&counted);
        self.answer(name, &counted, Permission::All, |case, budget| {
            strict(case, known, kept.answer(&counted), budget)
        })
    }

    fn now(&mut self, kept: &Kept) -> Alternative {
        let name = AlternativeName::Now;
        let counted = considered(self.footholds, name);
        let known = kept.keys(&counted);
        self.answer(name, &counted, Permission::Authority, |case, budget| now(case, known, budget))
    }

    fn answer(
        &self,
        name: AlternativeName,
        counted: &[Foothold],
        permission: Permission,
        decide: impl FnOnce(&Case<'_>, &Budget<'_>) -> Answer,
    ) -> Alternative {
        let began = self.budget.seconds_left();
        let case = Case::new(&self.planner.net, self.request, counted, permission);
        let answer = decide(&case, self.budget);
        let mut alternative = document::alternative(&case, name, answer, self.footholds);
        let took = began - self.budget.seconds_left();
        alternative.seconds = if took.is_finite() { took } else { 0.0 };
        alternative
    }
}
