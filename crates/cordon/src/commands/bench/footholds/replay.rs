//! One log file, judged as if it had come in live: at parts of its events, and
//! at the moment when the first of the intruder's nodes is named, where a plan
//! is made and held against what happened afterwards.

use std::collections::BTreeSet;
use std::time::Instant;

use cordon_incident::{Assessment, FootholdKind, Names, ObservedLink, Reasoner, Settings};
use cordon_model::plan::{AlternativeName, Status};
use cordon_model::signal::{Detection, Fact, FactKind, Level, Mention, Outcome, Role};
use cordon_model::{Estate, NodeId, Timestamp};
use cordon_plan::{Foothold, Limits, Planner, Request};
use cordon_signal::{Heard, Sink};
use serde::Serialize;

use super::truth::{Truth, named};

/// Seconds that a plan may take.
const PLAN_SECONDS: f64 = 10.0;
/// What must be held in an estate that is made from the log alone, and where everything meets.
const ASSET: &str = "vault:everything";
const NETWORK: &str = "inside:network";
const LOSS: u32 = 50_000_000;

/// Everything that one file said, in time order.
#[derive(Default)]
pub(super) struct Reading {
    times: Vec<Timestamp>,
    items: Vec<Item>,
}

/// What a record said.
enum Item {
    Detection(Detection),
    Fact(Fact),
}

impl Item {
    fn time(&self) -> Timestamp {
        match self {
            Self::Detection(found) => found.time,
            Self::Fact(fact) => fact.time,
        }
    }

    fn mentions(&self) -> &[Mention] {
        match self {
            Self::Detection(found) => &found.mentions,
            Self::Fact(fact) => &fact.mentions,
        }
    }
}

impl Sink for Reading {
    fn event(&mut self, event: &Heard<'_>) {
        self.times.push(event.time);
    }
    fn detection(&mut self, found: Detection) {
        self.items.push(Item::Detection(found));
    }
    fn fact(&mut self, fact: Fact) {
        self.items.push(Item::Fact(fact));
    }
}

/// How an intruder and his first plan met in time.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Race {
    /// Seconds of the log's time from the intruder's first event to the first foothold that is his.
    pub(super) seconds_to_foothold: f64,
    /// Seconds of this machine's time to judge and plan then.
    pub(super) seconds_to_plan: f64,
    pub(super) sound: bool,
    /// Actions of the intruder after the plan, and how many of them it does not touch.
    pub(super) intruder_actions: usize,
    pub(super) still_permitted: usize,
    /// Actions of others after the plan, and how many of them it refuses.
    pub(super) innocent_actions: usize,
    pub(super) denied: usize,
}

impl Reading {
    /// Puts everything in time order.
    pub(super) fn sort(&mut self) {
        self.times.sort_unstable();
        self.items.sort_by_key(Item::time);
    }

    pub(super) fn events(&self) -> usize {
        self.times.len()
    }

    /// Judges the first `percent` in a hundred of the events.
    pub(super) fn judge_part(&self, estate: &Estate, percent: usize) -> Assessment {
        let count = (self.times.len() * percent).div_ceil(100);
        let until = count.checked_sub(1).and_then(|last| self.times.get(last)).copied();
        self.judge(estate, until.unwrap_or(Timestamp::MIN))
    }

    fn judge(&self, estate: &Estate, until: Timestamp) -> Assessment {
        let mut reasoner = Reasoner::new(estate, Settings::default());
        for item in self.items.iter().take_while(|item| item.time() <= until) {
            match item {
                Item::Detection(found) => reasoner.detection(found),
                Item::Fact(fact) => reasoner.fact(fact),
            }
        }
        reasoner.assess(until)
    }

    /// Plays the file until the first of the intruder's nodes is named, plans, and looks on.
    ///
    /// The moment is found by halving, as if a node once named stayed named. `estate` is the
    /// organisation's own; where it is empty, one is made of what the log has shown by then.
    pub(super) fn race(&self, estate: &Estate, truth: &Truth, names: &Names) -> Option<Race> {
        let first = self.first_of_intruder(truth, names)?;
        let moments: Vec<Timestamp> = self
            .items
            .iter()
            .filter(|item| matches!(item, Item::Detection(_)))
            .map(Item::time)
            .collect();
        let names_him = |at: &Timestamp| {
            self.judge(estate, *at).footholds.iter().any(|f| is_his(truth, f.kind, &f.aliases))
        };
        let at = moments.partition_point(|at| !names_him(at));
        let moment = *moments.get(at)?;
        let began = Instant::now();
        let judged = self.judge(estate, moment);
        let (removed, sound) = cut(estate, &judged)?;
        let seconds_to_plan = began.elapsed().as_secs_f64();
        let mut race = Race {
            seconds_to_foothold: moment.duration_since(first).as_secs_f64().max(0.0),
            seconds_to_plan,
            sound,
            intruder_actions: 0,
            still_permitted: 0,
            innocent_actions: 0,
            denied: 0,
        };
        for item in self.items.iter().filter(|item| item.time() > moment) {
            race.count(item, truth, names, &removed);
        }
        Some(race)
    }

    /// When the intruder is first seen at work: a detection of medium level or above that names
    /// one of his nodes as acting, as its place or as its source.
    fn first_of_intruder(&self, truth: &Truth, names: &Names) -> Option<Timestamp> {
        let of_him = |item: &&Item| match item {
            Item::Detection(found) => {
                found.rule.level >= Level::Medium && has_intruder(item, truth, names)
            }
            Item::Fact(_) => false,
        };
        self.items.iter().find(of_him).map(Item::time)
    }
}

impl Race {
    fn count(&mut self, item: &Item, truth: &Truth, names: &Names, removed: &BTreeSet<NodeId>) {
        let nodes = names.resolve_all(item.mentions(), item.time());
        let touched = nodes.iter().flatten().any(|node| removed.contains(node));
        if has_intruder(item, truth, names) {
            self.intruder_actions += 1;
            self.still_permitted += usize::from(!touched);
            return;
        }
        let Item::Fact(fact) = item else { return };
        let is_action = fact.outcome == Outcome::Success && fact.kind != FactKind::Lease;
        let by_somebody = item.mentions().iter().any(|mention| mention.role == Role::Actor);
        if is_action && by_somebody {
            self.innocent_actions += 1;
            self.denied += usize::from(touched);
        }
    }
}

fn is_his(truth: &Truth, kind: FootholdKind, aliases: &[String]) -> bool {
    named(aliases, kind, truth.of_kind(kind)).is_some()
}

/// Whether one of the intruder's nodes acted, or it was done at or from one of his hosts by nobody else.
fn has_intruder(item: &Item, truth: &Truth, names: &Names) -> bool {
    let nodes = names.resolve_all(item.mentions(), item.time());
    let of_him = |node: &NodeId| {
        let kind = names.kind(node);
        let aliases: Vec<String> = names.aliases(node).into_iter().map(str::to_owned).collect();
        kind.is_some_and(|kind| is_his(truth, kind, &aliases))
    };
    let mut actors = 0;
    for (mention, node) in item.mentions().iter().zip(&nodes) {
        if mention.role == Role::Actor
            && let Some(node) = node
        {
            actors += 1;
            if of_him(node) {
                return true;
            }
        }
    }
    let around =
        item.mentions().iter().zip(&nodes).filter(|(mention, _)| {
            matches!(mention.role, Role::Place | Role::Source) && actors == 0
        });
    around.filter_map(|(_, node)| node.as_ref()).any(of_him)
}

/// The nodes that the balanced plan removes, and whether it is sound.
fn cut(estate: &Estate, judged: &Assessment) -> Option<(BTreeSet<NodeId>, bool)> {
    let made;
    let estate = if estate.nodes().is_empty() {
        made = of_links(judged)?;
        &made
    } else {
        estate
    };
    let footholds: Vec<Foothold> = judged
        .footholds
        .iter()
        .filter_map(|foothold| {
            let node = estate.find(foothold.node.as_str())?;
            Some(Foothold { node, probability: foothold.probability, entrenched: false })
        })
        .collect();
    let began = Instant::now();
    let clock = || began.elapsed().as_secs_f64();
    let limits = Limits { work: u64::MAX, seconds: PLAN_SECONDS, clock: &clock };
    let request = Request { limits, ..Request::new(footholds) };
    let document = Planner::new(estate).plan(&request);
    let plan = document.alternatives.iter().find(|a| a.name == AlternativeName::Balanced)?;
    let removed = plan.withdrawals.iter().flat_map(|one| one.targets.iter().cloned()).collect();
    Some((removed, plan.status != Status::Infeasible))
}

/// An estate of what the log has shown, on a network where everybody reaches everything: what
/// holds there holds on any other. It wants every foothold withdrawn that leads anywhere.
fn of_links(judged: &Assessment) -> Option<Estate> {
    let quoted = |id: &NodeId| format!("\"{}\"", id.as_str().replace('"', "\"\""));
    let mut nodes: BTreeSet<&NodeId> = judged.footholds.iter().map(|f| &f.node).collect();
    let mut links = "from,to,kind\n".to_owned();
    for ObservedLink { from, to, kind, .. } in &judged.links {
        nodes.extend([from, to]);
        links.push_str(&format!("{},{},{kind}\n", quoted(from), quoted(to)));
    }
    let holds = |id: &&&NodeId| matches!(id.kind(), "host" | "user" | "key" | "app");
    for id in nodes.iter().filter(holds) {
        links.push_str(&format!("{},{NETWORK},Reaches\n", quoted(id)));
    }
    links.push_str(&format!("{NETWORK},{ASSET},Reaches\n"));
    let rows: String = nodes.iter().map(|id| format!("{},{}\n", quoted(id), id.kind())).collect();
    let estate = format!(
        "[estate]\nname = \"of the log\"\ncurrency = \"GBP\"\n[[asset]]\nnode = \"{ASSET}\"\n\
         loss = {LOSS}\nmust_hold = true\n"
    );
    let files = [
        ("estate/estate.toml", estate),
        ("estate/nodes.csv", format!("id,kind\n{rows}{NETWORK},inside\n{ASSET},vault\n")),
        ("estate/links.csv", links),
    ];
    let files = files.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
    cordon_estate::parse_files(&files).ok().map(|loaded| loaded.estate)
}
