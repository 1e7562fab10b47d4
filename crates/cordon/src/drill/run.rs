//! One run: intruder and staff act on the range, their logs reach the watch, the
//! response acts back. Simulated time; the only order is that of due times.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use cordon_connectors::range::{RangeState, Switch};
use cordon_ledger::Ledger;
use cordon_model::action::ServiceState;
use cordon_model::reach::ControlGraph;
use cordon_model::record::{By, IncidentClosed, Opened, Record, Transition};
use cordon_model::{Estate, NodeId, NodeIx, Timestamp};
use cordon_signal::Scanner;
use jiff::SignedDuration;

use super::defence::{Defence, Ready};
use super::ground::{Ground, Occupied};
use super::intruder::{Intruder, Move};
use super::score::{Cost, Score, ServiceStop, assets_lost, for_seconds, people_taken};
use super::staff::Staff;
use super::traces::Traces;
use super::voices::Line;
use crate::cli::Response;
use crate::watch::Watch;

/// Ordinary time before the intruder comes: what is usual here is learnt from it.
const QUIET: SignedDuration = SignedDuration::from_mins(40);
/// Time from the intruder's coming to the end of the run.
const LENGTH: SignedDuration = SignedDuration::from_mins(240);
/// How often the range and the executor are looked at when nothing else happens.
const TICK: SignedDuration = SignedDuration::from_secs(15);
/// How long lifting may take.
const LIFTING: SignedDuration = SignedDuration::from_mins(20);

/// What all runs of a drill have in common.
pub(crate) struct Scene<'a, 'e> {
    pub(crate) estate: Arc<Estate>,
    pub(crate) ready: &'a Ready<'e>,
    pub(crate) graph: &'a ControlGraph,
    /// Ways in, in the order in which the intruder tries them.
    pub(crate) entries: Vec<NodeIx>,
    pub(crate) start: Timestamp,
    pub(crate) seed: u64,
    pub(crate) estate_sha256: String,
}

/// Something that a person who watches the drill would like to be told.
#[derive(Clone, Debug)]
pub(crate) enum Story {
    /// The intruder did something.
    Intruder(Timestamp, Move),
    /// Cordon or the people did something, in words.
    Defence(Timestamp, String),
    /// Time has passed.
    Time(Timestamp),
}

/// One finished run.
pub(crate) struct Run {
    pub(crate) score: Score,
    pub(crate) lines: Vec<Line>,
    /// How many withdrawals were lifted at the end, and whether everything is as it was.
    pub(crate) lifted: usize,
    pub(crate) restored: bool,
}

/// Runs a scene with one response, its ledger in `folder`.
pub(crate) fn run(
    scene: &Scene<'_, '_>,
    response: Response,
    scanner: Scanner,
    folder: &Path,
    tell: &mut dyn FnMut(&Story),
) -> anyhow::Result<Run> {
    let ledger = Ledger::open(folder).context("cannot open the drill's ledger")?;
    let ground = Ground::new(Arc::clone(&scene.estate));
    let before = ground.range.state();
    let defence = Defence::new(scene.ready, response, ledger, ground.range.clone());
    let mut stage = Stage::new(scene, ground, defence, scanner);
    stage.open()?;
    stage.play(tell)?;
    stage.close(response, &before, tell)
}

/// What stands closed, and by whom; open sessions come and go by themselves.
fn switches(state: &RangeState) -> Vec<(&NodeId, &BTreeMap<String, Switch>)> {
    let things = state.things.iter().filter(|(_, thing)| !thing.switches.is_empty());
    things.map(|(node, thing)| (node, &thing.switches)).collect()
}

/// Everything that moves during a run.
struct Stage<'a, 'e> {
    scene: &'a Scene<'a, 'e>,
    ground: Ground,
    occupied: Occupied,
    intruder: Intruder<'a>,
    traces: Traces<'a>,
    staff: Staff<'a>,
    watch: Watch<'a>,
    defence: Defence<'a, 'e>,
    waiting: BTreeMap<(Timestamp, u64), Line>,
    lines: Vec<Line>,
    told: u64,
    now: Timestamp,
    end: Timestamp,
    held: BTreeSet<NodeIx>,
    footholds: BTreeSet<NodeId>,
    stopped: Vec<i64>,
    first_event: Option<Timestamp>,
    first_detection: Option<Timestamp>,
    first_foothold: Option<Timestamp>,
    last_gain: Option<Timestamp>,
}

impl<'a, 'e> Stage<'a, 'e> {
    fn new(
        scene: &'a Scene<'a, 'e>,
        ground: Ground,
        defence: Defence<'a, 'e>,
        scanner: Scanner,
    ) -> Self {
        let estate = &*scene.estate;
        let comes = scene.start + QUIET;
        Self {
            scene,
            occupied: Occupied::new(ground.clone()),
            ground,
            intruder: Intruder::new(estate, scene.graph, &scene.entries, comes, scene.seed),
            traces: Traces::new(estate),
            staff: Staff::new(estate, &scene.entries, scene.start, scene.seed),
            watch: Watch::new(estate, scanner),
            defence,
            waiting: BTreeMap::new(),
            lines: Vec::new(),
            told: 0,
            now: scene.start,
            end: comes + LENGTH,
            held: BTreeSet::new(),
            footholds: BTreeSet::new(),
            stopped: vec![0; estate.services().len()],
            first_event: None,
            first_detection: None,
            first_foothold: None,
            last_gain: None,
        }
    }

    fn open(&mut self) -> anyhow::Result<()> {
        let opened = Opened {
            estate: self.scene.estate.name().to_owned(),
            estate_sha256: self.scene.estate_sha256.clone(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
        };
        self.ground.range.advance(self.now);
        self.defence.record(self.now, &[Record::Opened(opened)])?;
        self.defence.act(self.now)
    }

    fn play(&mut self, tell: &mut dyn FnMut(&Story)) -> anyhow::Result<()> {
        while self.now < self.end {
            self.move_on(self.next_time());
            tell(&Story::Time(self.now));
            if self.intruder.due() <= self.now {
                let moves = self.intruder.act(&self.occupied);
                moves.into_iter().for_each(|step| self.intruder_moved(step, tell));
            }
            if self.staff.due() <= self.now {
                let lines = self.staff.act(&self.ground);
                self.write(lines);
            }
            if self.read_lines() {
                self.judge(tell)?;
            }
            let was_raised = self.defence.is_raised();
            self.defence.act(self.now)?;
            if !was_raised && self.defence.is_raised() {
                tell(&Story::Defence(self.now, "the first withdrawal is in force".to_owned()));
            }
        }
        let heard = self.watch.heard();
        self.defence.record(self.now, &heard)
    }

    fn next_time(&self) -> Timestamp {
        let line = self.waiting.first_key_value().map(|((at, _), _)| *at);
        [Some(self.intruder.due()), Some(self.staff.due()), line, self.defence.due()]
            .into_iter()
            .flatten()
            .fold(self.now + TICK, Timestamp::min)
            .max(self.now + SignedDuration::from_millis(1))
            .min(self.end)
    }

    /// Lets time pass, and counts which services stood still meanwhile.
    fn move_on(&mut self, to: Timestamp) {
        let passed = to.duration_since(self.now).as_millis();
        for (service, stopped) in self.scene.estate.services().iter().zip(&mut self.stopped) {
            if self.ground.range.service(&service.id) == ServiceState::Stopped {
                *stopped += i64::try_from(passed).unwrap_or(0);
            }
        }
        self.now = to;
        self.ground.range.advance(to);
    }

    fn intruder_moved(&mut self, step: Move, tell: &mut dyn FnMut(&Story)) {
        if let Move::Enters(node) | Move::Gains { to: node, .. } = step {
            self.occupied.occupy(node);
            self.held.insert(node);
        }
        if !matches!(step, Move::Refused { .. } | Move::Loses(_)) {
            self.first_event = self.first_event.or(Some(self.now));
            self.last_gain = Some(self.now);
        }
        tell(&Story::Intruder(self.now, step));
        let lines = self.traces.of(step, self.now);
        self.write(lines);
    }

    fn write(&mut self, lines: Vec<Line>) {
        for line in lines {
            self.told += 1;
            self.waiting.insert((line.time, self.told), line);
        }
    }

    /// Hands the watch every line that has been written by now; tells whether a rule matched.
    fn read_lines(&mut self) -> bool {
        let later = self.waiting.split_off(&(self.now, u64::MAX));
        let ready = std::mem::replace(&mut self.waiting, later);
        for line in ready.into_values() {
            self.watch.line(&line.source, &line.text);
            self.lines.push(line);
        }
        !self.watch.new_detections().is_empty()
    }

    fn judge(&mut self, tell: &mut dyn FnMut(&Story)) -> anyhow::Result<()> {
        if !self.held.is_empty() && self.first_detection.is_none() {
            self.first_detection = Some(self.now);
        }
        let assessment = self.watch.assess(self.now);
        let records = self.watch.records(&assessment);
        self.defence.record(self.now, &records)?;
        for foothold in &assessment.footholds {
            if self.footholds.insert(foothold.node.clone()) {
                self.first_foothold = self.first_foothold.or(Some(self.now));
                let likely = crate::text::likelihood(foothold.probability);
                let words = format!("Cordon names {} ({likely})", foothold.node);
                tell(&Story::Defence(self.now, words));
            }
        }
        self.defence.judge(&assessment, self.now)
    }

    /// Ends the incident, lifts everything and verifies that all is as it was.
    fn close(
        mut self,
        response: Response,
        before: &RangeState,
        tell: &mut dyn FnMut(&Story),
    ) -> anyhow::Result<Run> {
        let stopped = self.stopped.clone();
        let cut_until = self.now;
        let lifted = self.lift(tell)?;
        let restored = switches(before) == switches(&self.ground.range.state());
        let score = self.score(response, &stopped, cut_until)?;
        Ok(Run { score, lines: self.lines, lifted, restored })
    }

    fn lift(&mut self, tell: &mut dyn FnMut(&Story)) -> anyhow::Result<usize> {
        let close = |incident: &cordon_model::IncidentId| {
            Record::IncidentClosed(IncidentClosed {
                incident: incident.clone(),
                to: self.now,
                by: By::Person("on-call engineer".to_owned()),
                because: "the drill is over".to_owned(),
            })
        };
        let closed: Vec<Record> = self.watch.incidents().map(close).collect();
        self.defence.record(self.now, &closed)?;
        let lifted = self.defence.lift_all(self.now)?;
        let latest = self.now + LIFTING;
        while !self.defence.is_lifted() && self.now < latest {
            let next = self.defence.due().unwrap_or(latest).min(self.now + TICK);
            self.now = next.max(self.now + SignedDuration::from_millis(1));
            self.ground.range.advance(self.now);
            self.defence.act(self.now)?;
        }
        tell(&Story::Time(self.now));
        Ok(lifted)
    }

    fn score(
        &self,
        response: Response,
        stopped: &[i64],
        cut_until: Timestamp,
    ) -> anyhow::Result<Score> {
        let estate = &*self.scene.estate;
        let (assets_lost, loss) = assets_lost(estate, &self.held);
        let services: Vec<ServiceStop> = estate
            .services()
            .iter()
            .zip(stopped)
            .map(|(service, &stopped)| ServiceStop {
                id: service.id.clone(),
                protected: service.protected,
                stopped_seconds: stopped / 1000,
            })
            .collect();
        let stood_still: cordon_model::Money = estate
            .services()
            .iter()
            .zip(&services)
            .map(|(service, stop)| for_seconds(service.cost_per_hour, stop.stopped_seconds))
            .sum();
        let (withdrawals, first_cut, paid) = self.withdrawals(cut_until)?;
        let total = paid + stood_still + loss;
        Ok(Score {
            response: response.as_str(),
            first_event: self.first_event,
            first_detection: self.first_detection,
            first_foothold: self.first_foothold,
            first_cut,
            last_gain: self.last_gain,
            assets_lost,
            people_taken: people_taken(estate, self.intruder.taken()),
            services,
            innocent_locked_out: self.staff.locked_out().difference(&self.held).count(),
            footholds_named: self.footholds.iter().cloned().collect(),
            intruder_held: self.held.iter().map(|&node| estate.id(node).clone()).collect(),
            withdrawals,
            cost: Cost { withdrawals: paid, services: stood_still, loss, total },
        })
    }

    /// How many withdrawals were effective, since when the first, and what they cost.
    fn withdrawals(
        &self,
        until: Timestamp,
    ) -> anyhow::Result<(usize, Option<Timestamp>, cordon_model::Money)> {
        let estate = &*self.scene.estate;
        let entries = self.defence.outside.ledger.read(1).context("cannot read the ledger")?;
        let mut effective = BTreeMap::new();
        for entry in &entries {
            if let Record::Withdrawal(moved) = &entry.body
                && matches!(moved.transition, Transition::Effective { .. })
            {
                effective.entry(moved.withdrawal.clone()).or_insert(entry.time);
            }
        }
        let paid = effective.iter().filter_map(|(id, since)| {
            let withdrawal = estate.withdrawal(estate.find_withdrawal(id.as_str())?);
            let seconds = until.duration_since(*since).as_secs();
            Some(withdrawal.cost + for_seconds(withdrawal.cost_per_hour, seconds))
        });
        let paid = paid.sum();
        Ok((effective.len(), effective.values().min().copied(), paid))
    }
}
