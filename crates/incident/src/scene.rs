//! The evidence with its names settled: who did what to whom, in time order.
//!
//! Turns rows of casts into hits (a rule matched) and deeds (a logon, an access,
//! a change of rights) over nodes, drops what Cordon itself did, and knows who
//! uses which host how, since several later steps ask that.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::Timestamp;
use cordon_model::signal::{MentionKind, Outcome, Role, Rule};
use smallvec::SmallVec;

use crate::evidence::{About, Deed, Evidence, Tally};
use crate::names::{EntityIx, Names};

/// The parts of an event, settled.
pub(crate) type Parts = SmallVec<[(Role, EntityIx); 4]>;

/// A rule matched, some times within an hour.
#[derive(Clone, Debug)]
pub(crate) struct Hit<'e> {
    pub(crate) rule: &'e Rule,
    pub(crate) parts: Parts,
    /// The operating system itself acted, or nobody was named.
    pub(crate) no_person: bool,
    /// It happened in a quiet time: something to compare with, no evidence.
    pub(crate) quiet: bool,
    pub(crate) tally: &'e Tally,
}

/// A fact, some times within an hour.
#[derive(Clone, Debug)]
pub(crate) struct Act<'e> {
    pub(crate) deed: Deed,
    pub(crate) outcome: Outcome,
    pub(crate) parts: Parts,
    /// It happened in a quiet time: something to compare with, no evidence.
    pub(crate) quiet: bool,
    pub(crate) tally: &'e Tally,
}

/// How an account used a host.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Use {
    pub(crate) remote: bool,
    pub(crate) local: bool,
}

/// Everything that happened.
#[derive(Debug, Default)]
pub(crate) struct Scene<'e> {
    pub(crate) hits: Vec<Hit<'e>>,
    pub(crate) acts: Vec<Act<'e>>,
    /// How accounts signed in to hosts.
    pub(crate) uses: BTreeMap<(EntityIx, EntityIx), Use>,
    /// Accounts that were seen working from a host or address.
    pub(crate) users_of: BTreeMap<EntityIx, BTreeSet<EntityIx>>,
    /// Accounts and hosts that signed in to a host over the network.
    pub(crate) visitors_of: BTreeMap<EntityIx, BTreeSet<EntityIx>>,
    /// When the stream begins.
    pub(crate) start: Option<Timestamp>,
}

impl<'e> Scene<'e> {
    pub(crate) fn new(evidence: &'e Evidence, names: &Names, own: &BTreeSet<EntityIx>) -> Self {
        let mut scene = Self::default();
        for row in evidence.rows() {
            let Some(cast) = evidence.names.cast(row.cast) else { continue };
            let parts = names.cast(&evidence.names, &cast.parts, row.tally.first);
            if parts.iter().any(|(role, node)| *role == Role::Actor && own.contains(node)) {
                continue;
            }
            let (tally, quiet) = (row.tally, row.quiet);
            match row.about {
                About::Rule(rule) => {
                    let no_person = cast.no_person;
                    scene.hits.push(Hit { rule, parts, no_person, quiet, tally });
                }
                About::Deed(deed, outcome) => {
                    scene.acts.push(Act { deed, outcome, parts, quiet, tally });
                }
            }
        }
        scene.sort();
        scene.learn_uses(names);
        scene.learn_hit_users(names);
        scene
    }

    fn sort(&mut self) {
        self.hits.sort_by(|a, b| {
            let key = |hit: &Hit<'_>| (hit.tally.first, hit.tally.last, hit.tally.count);
            (key(a), &a.rule.id, &a.parts, &a.tally.place).cmp(&(
                key(b),
                &b.rule.id,
                &b.parts,
                &b.tally.place,
            ))
        });
        self.acts.sort_by(|a, b| {
            let key = |act: &Act<'_>| {
                (act.tally.first, act.tally.last, act.tally.count, act.deed, act.outcome)
            };
            (key(a), &a.parts, &a.tally.place).cmp(&(key(b), &b.parts, &b.tally.place))
        });
        let starts = [
            self.hits.first().map(|hit| hit.tally.first),
            self.acts.first().map(|act| act.tally.first),
        ];
        self.start = starts.into_iter().flatten().min();
    }

    fn learn_uses(&mut self, names: &Names) {
        for act in &self.acts {
            let Deed::Logon { remote } = act.deed else { continue };
            if act.outcome != Outcome::Success {
                continue;
            }
            let logon = Logon::of(names, act);
            for &account in logon.accounts.iter().chain(&logon.machines) {
                if let Some(host) = logon.host {
                    let used = self.uses.entry((account, host)).or_default();
                    used.remote |= remote;
                    used.local |= !remote;
                    if remote {
                        self.visitors_of.entry(host).or_default().insert(account);
                    } else {
                        self.users_of.entry(host).or_default().insert(account);
                    }
                }
                for &source in &logon.sources {
                    self.users_of.entry(source).or_default().insert(account);
                }
                for &app in &logon.apps {
                    self.visitors_of.entry(app).or_default().insert(account);
                }
            }
        }
    }

    /// Whoever acted at a host or from an address uses it, whatever the event was about.
    fn learn_hit_users(&mut self, names: &Names) {
        let acts = self.acts.iter().filter(|act| act.outcome == Outcome::Success);
        let parts = self.hits.iter().map(|hit| &hit.parts).chain(acts.map(|act| &act.parts));
        for parts in parts {
            for actor in of_role(parts, Role::Actor).filter(|&node| is_account(names, node)) {
                for source in of_role(parts, Role::Source) {
                    self.users_of.entry(source).or_default().insert(actor);
                }
            }
        }
    }
}

/// A sign-in, with its parts in their places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logon {
    /// Whose credentials were used.
    pub(crate) accounts: SmallVec<[EntityIx; 2]>,
    /// Who used somebody else's credentials, if that was so.
    pub(crate) borrowers: SmallVec<[EntityIx; 2]>,
    /// Machine accounts that signed in.
    pub(crate) machines: SmallVec<[EntityIx; 2]>,
    /// From where.
    pub(crate) sources: SmallVec<[EntityIx; 2]>,
    /// Into which host.
    pub(crate) host: Option<EntityIx>,
    /// Into which application or role.
    pub(crate) apps: SmallVec<[EntityIx; 2]>,
}

impl Logon {
    pub(crate) fn of(names: &Names, act: &Act<'_>) -> Self {
        let host_of = |role| {
            of_role(&act.parts, role).find(|&node| kind(names, node) == Some(MentionKind::Host))
        };
        let accounts_of = |role| of_role(&act.parts, role).filter(|&node| is_account(names, node));
        let place = host_of(Role::Place);
        let host = host_of(Role::Target).or(place);
        let actors: SmallVec<[EntityIx; 2]> = accounts_of(Role::Actor).collect();
        let targets: SmallVec<[EntityIx; 2]> = accounts_of(Role::Target)
            .filter(|&node| kind(names, node) == Some(MentionKind::User) && !actors.contains(&node))
            .collect();
        let apps = of_role(&act.parts, Role::Target)
            .chain(of_role(&act.parts, Role::Created))
            .filter(|&node| matches!(kind(names, node), Some(MentionKind::App | MentionKind::Key)))
            .collect();
        let mut sources: SmallVec<[EntityIx; 2]> =
            of_role(&act.parts, Role::Source).filter(|&node| Some(node) != host).collect();
        if sources.is_empty() && host != place {
            sources.extend(place);
        }
        let machines = of_role(&act.parts, Role::Actor)
            .filter(|&node| kind(names, node) == Some(MentionKind::Host) && Some(node) != host)
            .collect();
        // Who uses another's credentials is written down where he sits; a ticket for a
        // service, which names the service's account, comes to the issuer from elsewhere.
        let borrows = !targets.is_empty() && sources.iter().all(|&source| Some(source) == place);
        let (accounts, borrowers) = if borrows || actors.is_empty() {
            (targets, actors)
        } else {
            (actors, SmallVec::new())
        };
        Self { accounts, borrowers, machines, sources, host, apps }
    }
}

/// The nodes that played a part.
pub(crate) fn of_role(parts: &Parts, role: Role) -> impl Iterator<Item = EntityIx> + '_ {
    parts.iter().filter(move |part| part.0 == role).map(|part| part.1)
}

pub(crate) fn kind(names: &Names, node: EntityIx) -> Option<MentionKind> {
    names.entity(node).map(|entity| entity.kind)
}

/// Whether a node is something that signs in: a user, a key or an application.
pub(crate) fn is_account(names: &Names, node: EntityIx) -> bool {
    matches!(kind(names, node), Some(MentionKind::User | MentionKind::Key | MentionKind::App))
}
