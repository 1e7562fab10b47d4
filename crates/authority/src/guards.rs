//! Cordon's own guards: what no policy and no approval can allow.
//!
//! They stand outside of the policies and above them: not armed, nodes that may
//! never be touched, protected services, Cordon's own way to its enforcers,
//! what belongs to the people at work, caps on attempts.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::estate::Withdrawal;
use cordon_model::outage::{NodeSet, needed_by_nodes};
use cordon_model::person::ON_CALL;
use cordon_model::record::By;
use cordon_model::{Estate, NodeId, NodeIx};

use crate::decision::Rule;
use crate::facts::Ground;
use crate::question::{People, Question, Terms};

/// Nodes that a raise must spare, and everything that these need.
struct Watch<'a> {
    nodes: Vec<(NodeIx, &'a NodeId)>,
    with_needs: NodeSet,
}

impl<'a> Watch<'a> {
    fn new(estate: &Estate, nodes: impl IntoIterator<Item = &'a NodeId>) -> Self {
        let known = nodes.into_iter().filter_map(|id| Some((estate.find(id.as_str())?, id)));
        let nodes: Vec<(NodeIx, &NodeId)> = known.collect();
        let with_needs = needed_by_nodes(estate, nodes.iter().map(|(node, _)| *node));
        Self { nodes, with_needs }
    }
}

/// The guards of one question, laid out once for any number of withdrawals.
pub(crate) struct Guards<'a> {
    ground: &'a Ground<'a>,
    terms: &'a Terms,
    question: &'a Question,
    way: Watch<'a>,
    own: Watch<'a>,
    owners: BTreeMap<&'a NodeId, &'a str>,
    in_force: Vec<&'a Withdrawal>,
}

impl<'a> Guards<'a> {
    pub(crate) fn new(ground: &'a Ground<'a>, terms: &'a Terms, question: &'a Question) -> Self {
        let owners = own_nodes(&terms.people, question);
        Self {
            ground,
            terms,
            question,
            way: Watch::new(ground.estate, terms.way.iter().chain(&terms.enforcers)),
            own: Watch::new(ground.estate, owners.keys().copied()),
            owners,
            in_force: ground.withdrawals(&question.in_force),
        }
    }

    /// Every guard that holds these withdrawals back, if they are raised together.
    pub(crate) fn against(&self, withdrawals: &[&Withdrawal]) -> Vec<Rule> {
        let mut rules = Vec::new();
        if !self.terms.armed {
            let because = "Cordon is not armed: it observes only; `armed = true` in `[authority]` \
                of cordon.toml arms it";
            rules.push(Rule::new("guard.not-armed", because));
        }
        self.never_touched(withdrawals, &mut rules);
        self.protected(withdrawals, &mut rules);
        self.way(withdrawals, &mut rules);
        self.own(withdrawals, &mut rules);
        self.capped(withdrawals, &mut rules);
        rules
    }

    fn never_touched(&self, withdrawals: &[&Withdrawal], rules: &mut Vec<Rule>) {
        let estate = self.ground.estate;
        let mut nodes: Vec<&NodeId> = withdrawals
            .iter()
            .flat_map(|withdrawal| &withdrawal.removes)
            .filter(|&&node| estate.is_forbidden(node))
            .map(|&node| estate.id(node))
            .collect();
        nodes.sort();
        nodes.dedup();
        for node in nodes {
            let because = format!("`{node}` may never be touched: it is tagged so in the estate");
            rules.push(Rule::new("guard.never-touch", because));
        }
    }

    fn protected(&self, withdrawals: &[&Withdrawal], rules: &mut Vec<Rule>) {
        let estate = self.ground.estate;
        // One by itself is worked out with its facts, and most stop nothing.
        if !self.ground.may_stop(withdrawals) {
            return;
        }
        let before = self.ground.outage(self.in_force.iter().copied());
        let all = self.in_force.iter().chain(withdrawals).copied();
        for &service in &self.ground.outage(all).stopped {
            let service = (service, estate.service(service));
            if service.1.protected && !before.stopped.contains(&service.0) {
                let because = format!("the protected service `{}` would stop", service.1.id);
                rules.push(Rule::new("guard.protected-service", because));
            }
        }
    }

    fn way(&self, withdrawals: &[&Withdrawal], rules: &mut Vec<Rule>) {
        for node in self.hit(&self.way, withdrawals) {
            let because = if self.terms.enforcers.contains(node) {
                format!("`{node}` carries withdrawals out; without it nothing could be lifted")
            } else {
                format!("`{node}` is on Cordon's own way to its enforcers")
            };
            rules.push(Rule::new("guard.own-way", because));
        }
    }

    fn own(&self, withdrawals: &[&Withdrawal], rules: &mut Vec<Rule>) {
        for node in self.hit(&self.own, withdrawals) {
            if self.question.knowingly.contains(node) {
                continue;
            }
            let owner = self.owners.get(node).copied().unwrap_or_default();
            let because = format!(
                "`{node}` belongs to {owner}, who is at work on this; if it must go, the order \
                 has to name it: `--knowingly {node}`"
            );
            rules.push(Rule::new("guard.own-access", because));
        }
    }

    /// The watched nodes that would be withdrawn themselves, or go down with what they need.
    fn hit<'w>(&self, watch: &Watch<'w>, withdrawals: &[&Withdrawal]) -> Vec<&'w NodeId> {
        let removed: BTreeSet<NodeIx> =
            withdrawals.iter().flat_map(|withdrawal| withdrawal.removes.iter().copied()).collect();
        if !removed.iter().any(|&node| watch.with_needs.contains(node)) {
            return Vec::new();
        }
        let before = self.ground.outage(self.in_force.iter().copied());
        let outage = self.ground.outage(self.in_force.iter().chain(withdrawals).copied());
        let goes =
            |node: NodeIx| removed.contains(&node) || outage.is_down(node) && !before.is_down(node);
        watch.nodes.iter().filter(|(node, _)| goes(*node)).map(|(_, id)| *id).collect()
    }

    fn capped(&self, withdrawals: &[&Withdrawal], rules: &mut Vec<Rule>) {
        let caps = &self.terms.caps;
        let new = withdrawals.iter().filter(|w| !self.question.in_force.contains(&w.id));
        let (mut kinds, mut connectors) = (BTreeMap::new(), BTreeMap::new());
        for withdrawal in new {
            *kinds.entry(&*withdrawal.kind).or_insert(0) += withdrawal.removes.len();
            if let Some(connector) = withdrawal.connector.as_deref() {
                *connectors.entry(connector).or_insert(0) += withdrawal.removes.len();
            }
        }
        let tried = &self.question.attempts;
        let kinds = kinds.into_iter().map(|(kind, asked): (&str, usize)| {
            let done = tried.kinds.get(kind).copied().unwrap_or(0);
            (format!("`{kind}`"), caps.of_kind(kind), done, asked)
        });
        let connectors = connectors.into_iter().map(|(name, asked): (&str, usize)| {
            let done = tried.connectors.get(name).copied().unwrap_or(0);
            let cap = caps.connectors.get(name).copied();
            (format!("the connector `{name}`"), cap, done, asked)
        });
        for (what, cap, done, asked) in kinds.chain(connectors) {
            let Some(cap) = cap.filter(|&cap| done + asked > cap) else { continue };
            let because = format!(
                "at most {cap} targets an hour for {what}: {done} were tried within the last \
                 hour, and this would try {asked} more"
            );
            rules.push(Rule::new("guard.attempts", because));
        }
    }
}

/// What belongs to whoever asks, has approved, or is on call.
fn own_nodes<'a>(people: &'a People, question: &Question) -> BTreeMap<&'a NodeId, &'a str> {
    let People::Listed(people) = people else { return BTreeMap::new() };
    let at_work = people.iter().filter(|person| {
        question.by == By::Person(person.name.clone())
            || question.approvals.contains(&person.name)
            || person.roles.contains(ON_CALL)
    });
    at_work
        .flat_map(|person| person.nodes.iter().map(|node| (node, person.name.as_str())))
        .collect()
}
