//! The ways on which control may have passed from one node to another.
//!
//! A passage is a pair of nodes and one way between them (a sign-in, borrowed
//! credentials, something made), with the times at which it was used. Whether
//! it was the intruder who used it is asked by [`crate::spread`].

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::Timestamp;
use cordon_model::signal::{ChangeKind, MentionKind, Outcome, Place, Role};

use crate::evidence::Deed;
use crate::names::{EntityIx, Names};
use crate::scene::{Logon, Scene, is_account, kind, of_role};

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
            Deed::Access(_) => {}
        }
    }
    add_made(scene, names, &mut found);
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

fn add_made<'e>(scene: &Scene<'e>, names: &Names, found: &mut Passages<'e>) {
    for hit in &scene.hits {
        let tally = hit.tally;
        for actor in of_role(&hit.parts, Role::Actor).filter(|&node| is_account(names, node)) {
            for made in of_role(&hit.parts, Role::Created).filter(|&node| may_be_taken(names, node))
            {
                let times = Times {
                    first: tally.first,
                    last: tally.last,
                    place: &tally.place,
                    sources: Vec::new(),
                };
                found.entry((Way::Made, actor, made)).or_default().push(times);
            }
        }
    }
}

fn may_be_taken(names: &Names, node: EntityIx) -> bool {
    is_account(names, node) || kind(names, node) == Some(MentionKind::Host)
}
