//! A cordon that leaks: somebody acts as a node that is withdrawn.
//!
//! The systems say that new use is refused, the logs say that it goes on. That
//! is either what was open before and has not ended yet, or a way that nobody
//! knew of. Either way it is told at once, and the next plan counts the node as
//! entrenched: cutting it off there has not helped.

use cordon_model::record::{FactKept, Paged, Record};
use cordon_model::signal::{Outcome, Role};
use cordon_model::{Mode, NodeId, Timestamp, WithdrawalId};

use crate::stage::Stage;
use crate::state::{Standing, State};

/// One node that acts although it is withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The withdrawal that should prevent it.
    pub withdrawal: WithdrawalId,
    /// Who acts.
    pub node: NodeId,
    /// When, by the event's own clock; the first time.
    pub at: Timestamp,
    /// The ledger entry that shows it.
    pub entry: u64,
    /// Whether something that was open before could be the way, at that time.
    pub was_open: bool,
    /// Whether a person has been called about it.
    pub told: bool,
}

impl Leak {
    fn about(&self) -> String {
        format!("leak/{}/{}", self.withdrawal, self.node)
    }

    /// What happened, what is still true, what to do now.
    #[must_use]
    pub fn message(&self) -> String {
        let Self { withdrawal, node, at, entry, was_open, .. } = self;
        let how = if *was_open {
            "by a session or ticket that was open before; end it where it runs"
        } else {
            "by a way that nobody has closed"
        };
        format!(
            "the cordon leaks: `{node}` acted at {at} although `{withdrawal}` is in force (entry {entry}), {how}. \
             Make a new plan, which takes it as entrenched: cordon plan --data FOLDER"
        )
    }

    /// The call to a person.
    pub(crate) fn page(&self) -> Record {
        Record::Paged(Paged { about: self.about(), message: self.message() })
    }
}

impl State {
    /// Takes in what an event says happened.
    pub(crate) fn see_fact(&mut self, entry: u64, fact: &FactKept) {
        if fact.outcome != Outcome::Success {
            return;
        }
        let acting = |role: Role| matches!(role, Role::Actor | Role::Source);
        for node in fact.nodes.iter().filter(|node| acting(node.role)).map(|node| &node.node) {
            for standing in self.standings.values().filter(|s| should_stop(s, node, fact.time)) {
                let withdrawal = standing.order.withdrawal.clone();
                let is_it = |leak: &Leak| leak.withdrawal == withdrawal && leak.node == *node;
                if self.leaks.iter().any(is_it) {
                    continue;
                }
                let (node, at) = (node.clone(), fact.time);
                let ended = standing.residual_until.is_some_and(|until| until < at);
                let was_open = standing.open > 0 && !ended;
                self.leaks.push(Leak { withdrawal, node, at, entry, was_open, told: false });
            }
        }
    }

    /// Keeps that a person has been called about a leak.
    pub(crate) fn see_page(&mut self, page: &Paged) {
        for leak in self.leaks.iter_mut().filter(|leak| leak.about() == page.about) {
            leak.told = true;
        }
    }

    /// What is lifted, or being put back, does not leak.
    pub(crate) fn forget_leaks(&mut self, withdrawal: &WithdrawalId) {
        let is_over = self.standings.get(withdrawal).is_some_and(Standing::is_over);
        if is_over {
            self.leaks.retain(|leak| leak.withdrawal != *withdrawal);
        }
    }
}

fn should_stop(standing: &Standing, node: &NodeId, at: Timestamp) -> bool {
    standing.wanted
        && standing.order.mode == Mode::Refuse
        && matches!(standing.stage, Stage::Effective | Stage::Verified)
        && standing.targets.contains_key(node)
        && standing.effective_at.is_some_and(|since| since <= at)
}
