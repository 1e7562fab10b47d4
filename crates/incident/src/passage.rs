//! The ways on which control may have passed from one node to another.
//!
//! A passage is a pair of nodes and one way between them (a sign-in, borrowed
//! credentials, something made), with the times at which it was used. Whether
//! it was the intruder who used it is asked by [`crate::spread`].

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::Timestamp;
use cordon_model::signal::{ChangeKind, Level, MentionKind, Outcome, Place, Role};

use crate::evidence::Deed;
use crate::names::{EntityIx, Names};
use crate::scene::{Hit, Logon, Parts, Scene, is_account, kind, of_role};
use crate::weigh::far_side;

/// How control may have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// An account signed in to a host over the network.
    MovedTo,
    /// An account signed in at a host itself.
    SatAt,
    /// An account worked from a host or address.
    UsedFrom,
    /// An account came from a host or address.
    CameFrom,
    /// An account used another's credentials.
    Borrowed,
    /// An account took on an application, role or key.
    TookOn,
    /// An account changed another's rights or made it.
    Changed(ChangeKind),
    /// An account made something, as a rule tells.
    Made,
    /// An account did at a host what a rule of this level tells.
    ActedAt(Level),
    /// A host saw an account do what a rule of this level tells.
    ActedFrom(Level),
    /// A host was entered by an account over the network.
    EnteredBy,
}

/// One use of a passage.
#[derive(Clone, Debug)]
pub(crate) struct Times<'e> {
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) place: &'e Place,
    /// Hosts and addresses from which it was used.
    pub(crate) sources: Vec<EntityIx>,
}

/// All passages of a scene.
pub(crate) type Passages<'e> = BTreeMap<(Way, EntityIx, EntityIx), Vec<Times<'e>>>;

/// Finds all passages; the uses of each are in time order.
pub(crate) fn passages<'e>(scene: &Scene<'e>, names: &Names) -> Passages<'e> {
    let mut found = Passages::new();
    for act in &scene.acts {
        if act.outcome == Outcome::Failure {
            continue;
        }
        let tally = act.tally;
        let times = |sources: &[EntityIx]| Times {
            first: tally.first,
            last: tally.last,
            place: &tally.place,
            sources: sources.to_vec(),
        };
        let mut add = |way, from, to, sources: &[EntityIx]| {
            if from != to {
                found.entry((way, from, to)).or_default().push(times(sources));
            }
        };
        match act.deed {
            Deed::Logon { remote } => add_logon(&Logon::of(names, act), remote, names, &mut add),
            Deed::Change(change) => {
                let made = of_role(&act.parts, Role::Created);
                let changed = of_role(&act.parts, Role::Target);
                let objects: BTreeSet<EntityIx> =
                    made.chain(changed).filter(|&node| may_be_taken(names, node)).collect();
                for actor in
                    of_role(&act.parts, Role::Actor).filter(|&node| is_account(names, node))
                {
                    objects
                        .iter()
                        .for_each(|&object| add(Way::Changed(change), actor, object, &[]));
                }
            }
            Deed::Access(_) => add_origins(&act.parts, names, &mut add),
        }
    }
    add_hits(scene, names, &mut found);
    for uses in found.values_mut() {
        uses.sort_by(|a, b| (a.first, a.last, a.place).cmp(&(b.first, b.last, b.place)));
    }
    found
}

fn add_logon(
    logon: &Logon,
    remote: bool,
    names: &Names,
    add: &mut impl FnMut(Way, EntityIx, EntityIx, &[EntityIx]),
) {
    for &account in &logon.accounts {
        if let Some(host) = logon.host {
            add(if remote { Way::MovedTo } else { Way::SatAt }, account, host, &logon.sources);
            if remote {
                add(Way::EnteredBy, host, account, &[]);
            }
        }
        for &source in &logon.sources {
            add(Way::UsedFrom, source, account, &[]);
            add(Way::CameFrom, account, source, &[]);
        }
        for &borrower in &logon.borrowers {
            add(Way::Borrowed, borrower, account, &logon.sources);
        }
    }
    for &account in logon.accounts.iter().chain(&logon.borrowers) {
        for &app in logon.apps.iter().filter(|&&app| is_account(names, app)) {
            add(Way::TookOn, account, app, &logon.sources);
        }
    }
}

/// Whoever did something from a host or address came from there, sign-in or not.
fn add_origins(
    parts: &Parts,
    names: &Names,
    add: &mut impl FnMut(Way, EntityIx, EntityIx, &[EntityIx]),
) {
    for actor in of_role(parts, Role::Actor).filter(|&node| is_account(names, node)) {
        for source in
            of_role(parts, Role::Source).filter(|&node| !parts.contains(&(Role::Place, node)))
        {
            add(Way::UsedFrom, source, actor, &[]);
            add(Way::CameFrom, actor, source, &[]);
        }
    }
}

fn add_hits<'e>(scene: &Scene<'e>, names: &Names, found: &mut Passages<'e>) {
    for hit in &scene.hits {
        let tally = hit.tally;
        let mut add = |way, from, to| {
            let times = Times {
                first: tally.first,
                last: tally.last,
                place: &tally.place,
                sources: Vec::new(),
            };
            found.entry((way, from, to)).or_default().push(times);
        };
        add_origins(&hit.parts, names, &mut |way, from, to, _: &[EntityIx]| add(way, from, to));
        for actor in of_role(&hit.parts, Role::Actor).filter(|&node| is_account(names, node)) {
            let made = of_role(&hit.parts, Role::Created).filter(|&node| may_be_taken(names, node));
            made.for_each(|made| add(Way::Made, actor, made));
            if was_done_there(names, hit) {
                let hosts = of_role(&hit.parts, Role::Place);
                let hosts = hosts.filter(|&node| kind(names, node) == Some(MentionKind::Host));
                for host in hosts {
                    add(Way::ActedAt(hit.rule.level), actor, host);
                    add(Way::ActedFrom(hit.rule.level), host, actor);
                }
            }
        }
    }
}

/// Whether what a rule tells was done on the host that wrote it down, and not from another.
fn was_done_there(names: &Names, hit: &Hit<'_>) -> bool {
    let from_elsewhere = of_role(&hit.parts, Role::Source)
        .any(|node| kind(names, node).is_some() && !hit.parts.contains(&(Role::Place, node)));
    !from_elsewhere && !far_side(hit.rule)
}

fn may_be_taken(names: &Names, node: EntityIx) -> bool {
    is_account(names, node) || kind(names, node) == Some(MentionKind::Host)
}
