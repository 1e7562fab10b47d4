//! Which links of the estate the logs have confirmed or contradicted, and when.
//!
//! A sign-in confirms the link that it used, or the two links over the group
//! that gave the right. A right that is granted or taken away speaks of the
//! membership itself; a disabled account or a removed key of everything that
//! leads from it. What the logs never touched is not listed: it may be as true
//! as ever, or stale for years.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::reach::ControlGraph;
use cordon_model::record::LinkSeen;
use cordon_model::signal::{ChangeKind, Outcome, Role};
use cordon_model::{Estate, NodeIx, Timestamp};

use crate::evidence::Deed;
use crate::names::{EntityIx, Names};
use crate::scene::{Act, Logon, Scene, of_role};

/// A node that leads to more others than this is not searched for the way of a sign-in.
const MOST_BEHIND: usize = 10_000;

/// What was said of a pair of nodes, or of everything that leads from one.
#[derive(Default)]
struct Said {
    confirmed: BTreeMap<(NodeIx, NodeIx), Timestamp>,
    contradicted: BTreeMap<(NodeIx, NodeIx), (Timestamp, &'static str)>,
    closed: BTreeMap<NodeIx, (Timestamp, &'static str)>,
    opened: BTreeMap<NodeIx, Timestamp>,
}

/// Lists what the logs say of the estate's links, sorted.
pub(crate) fn links_seen(scene: &Scene<'_>, names: &Names, estate: &Estate) -> Vec<LinkSeen> {
    let mut said = Said::default();
    let mut signed_in: BTreeMap<NodeIx, BTreeMap<NodeIx, Timestamp>> = BTreeMap::new();
    for act in scene.acts.iter().filter(|act| act.outcome == Outcome::Success) {
        match act.deed {
            Deed::Logon { remote } => said.logon(act, remote, names, &mut signed_in),
            Deed::Change(change) => said.change(act, change, names),
            Deed::Access(_) => {}
        }
    }
    said.follow(&signed_in, estate);
    said.list(estate)
}

fn known(names: &Names, node: EntityIx) -> Option<NodeIx> {
    names.entity(node).and_then(|entity| entity.in_estate)
}

impl Said {
    fn logon(
        &mut self,
        act: &Act<'_>,
        remote: bool,
        names: &Names,
        signed_in: &mut BTreeMap<NodeIx, BTreeMap<NodeIx, Timestamp>>,
    ) {
        let logon = Logon::of(names, act);
        let last = act.tally.last;
        let host = logon.host.and_then(|host| known(names, host));
        let apps = logon.apps.iter().filter_map(|&app| known(names, app));
        let entered: Vec<NodeIx> = host.into_iter().chain(apps).collect();
        for account in logon.accounts.iter().filter_map(|&account| known(names, account)) {
            for &to in &entered {
                self.confirm(account, to, last);
                let seen = signed_in.entry(account).or_default().entry(to).or_insert(last);
                *seen = (*seen).max(last);
            }
            if let Some(host) = host.filter(|_| !remote) {
                self.confirm(host, account, last);
            }
        }
        for source in logon.sources.iter().filter_map(|&source| known(names, source)) {
            host.into_iter().for_each(|host| self.confirm(source, host, last));
        }
    }

    fn change(&mut self, act: &Act<'_>, change: ChangeKind, names: &Names) {
        let last = act.tally.last;
        let of = |role| of_role(&act.parts, role).filter_map(|node| known(names, node));
        let changed: Vec<NodeIx> = of(Role::Target).chain(of(Role::Created)).collect();
        let pairs = || {
            let others = |one: NodeIx| changed.iter().filter(move |&&two| two != one);
            changed.iter().flat_map(move |&one| others(one).map(move |&two| (one, two)))
        };
        match change {
            ChangeKind::Granted => pairs().for_each(|(one, two)| self.confirm(one, two, last)),
            ChangeKind::Revoked => {
                for pair in pairs() {
                    let seen = self.contradicted.entry(pair).or_insert((last, "it was taken away"));
                    seen.0 = seen.0.max(last);
                }
            }
            ChangeKind::DisabledAccount => self.close(&changed, last, "the account was disabled"),
            ChangeKind::RemovedKey => self.close(&changed, last, "the key was removed"),
            ChangeKind::EnabledAccount | ChangeKind::NewAccount | ChangeKind::NewKey => {
                for &node in &changed {
                    let seen = self.opened.entry(node).or_insert(last);
                    *seen = (*seen).max(last);
                }
            }
            ChangeKind::PasswordReset
            | ChangeKind::NewFactor
            | ChangeKind::RemovedFactor
            | ChangeKind::Consent
            | ChangeKind::Policy => {}
        }
    }

    fn confirm(&mut self, from: NodeIx, to: NodeIx, at: Timestamp) {
        let seen = self.confirmed.entry((from, to)).or_insert(at);
        *seen = (*seen).max(at);
    }

    fn close(&mut self, nodes: &[NodeIx], at: Timestamp, because: &'static str) {
        for &node in nodes {
            let seen = self.closed.entry(node).or_insert((at, because));
            seen.0 = seen.0.max(at);
        }
    }

    /// A sign-in without a link of its own used the right of some group between.
    fn follow(
        &mut self,
        signed_in: &BTreeMap<NodeIx, BTreeMap<NodeIx, Timestamp>>,
        estate: &Estate,
    ) {
        if signed_in.is_empty() {
            return;
        }
        let graph = ControlGraph::new(estate);
        for (&account, entered) in signed_in {
            for &(group, _) in graph.next(account) {
                let behind = graph.next(group);
                if behind.len() > MOST_BEHIND {
                    continue;
                }
                let used = behind.iter().filter_map(|(to, _)| Some((*to, *entered.get(to)?)));
                for (to, at) in used.collect::<BTreeSet<_>>() {
                    self.confirm(account, group, at);
                    self.confirm(group, to, at);
                }
            }
        }
    }

    fn list(&self, estate: &Estate) -> Vec<LinkSeen> {
        let mut seen: Vec<LinkSeen> = Vec::new();
        for link in estate.links() {
            let Some((from, to)) = estate.direction(link) else { continue };
            let closed = self
                .closed
                .get(&from)
                .copied()
                .filter(|(at, _)| self.opened.get(&from).is_none_or(|opened| opened < at));
            let confirmed = self.confirmed.get(&(from, to)).copied();
            let contradicted = self.contradicted.get(&(from, to)).copied().max(closed);
            // What was used after it was said to be gone is there.
            let contradicted =
                contradicted.filter(|(at, _)| confirmed.is_none_or(|confirmed| confirmed <= *at));
            if confirmed.is_none() && contradicted.is_none() {
                continue;
            }
            seen.push(LinkSeen {
                from: estate.id(from).clone(),
                to: estate.id(to).clone(),
                kind: estate.kind_of(link).name.to_string(),
                confirmed,
                contradicted: contradicted.map(|(at, _)| at),
                because: contradicted.map_or_else(String::new, |(_, because)| because.to_owned()),
            });
        }
        seen.sort();
        seen
    }
}
