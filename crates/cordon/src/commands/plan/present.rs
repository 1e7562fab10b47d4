//! The present that a plan is made in: the estate, and with a data folder its
//! footholds, what is in force, what failed, which services are down.
//!
//! Without a data folder nothing is in force and every foothold is as typed. The
//! planner and the checker are told the same, from here.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;
use cordon_certify::Context;
use cordon_estate::Loaded;
use cordon_execute::{Stage, State};
use cordon_model::action::ServiceState;
use cordon_model::plan::{AlternativeName, PlannedFoothold};
use cordon_model::record::{Entry, Record};
use cordon_model::{Estate, IncidentId, NodeId, ServiceIx, WithdrawalId, WithdrawalIx};
use cordon_plan::{Foothold, Limits, Request};

use crate::authority;
use crate::commands::load_estate;
use crate::data::Data;
use crate::footholds;

/// What a plan is made in.
pub(crate) struct Present {
    pub(crate) estate: Estate,
    /// The ledger's footholds of incidents that are not closed, and those that were typed.
    pub(crate) footholds: Vec<Foothold>,
    /// Footholds of the ledger that the estate does not know; nothing can be planned for them.
    pub(super) strangers: Vec<NodeId>,
    /// Whether there is a ledger at all.
    pub(super) has_ledger: bool,
    pub(super) in_force: Vec<WithdrawalIx>,
    pub(super) unavailable: Vec<WithdrawalIx>,
    pub(super) down: Vec<ServiceIx>,
    /// In force by the ledger, but no longer offered by the estate.
    pub(super) forgotten: Vec<WithdrawalId>,
    authority: Option<Vec<WithdrawalIx>>,
}

impl Present {
    /// Reads the folders, and the footholds that were typed.
    pub(crate) fn open(
        config: Option<&Path>,
        data: Option<&Path>,
        foothold: &[String],
        entrenched: &[String],
    ) -> anyhow::Result<Self> {
        let mut present = match data {
            Some(folder) => Self::of_ledger(Data::open(folder)?, config)?,
            None => {
                let loaded = load_estate(config.context("`--config FOLDER` is missing")?)?;
                let armed = loaded.config.arming.armed && loaded.config.authority.is_some();
                let authority = if armed { Some(alone(&loaded)?) } else { None };
                Self { authority, ..Self::nothing(loaded.estate) }
            }
        };
        let typed = footholds::read(&present.estate, foothold, entrenched)?;
        present.footholds.extend(typed);
        Ok(present)
    }

    fn nothing(estate: Estate) -> Self {
        Self {
            estate,
            footholds: Vec::new(),
            strangers: Vec::new(),
            has_ledger: false,
            in_force: Vec::new(),
            unavailable: Vec::new(),
            down: Vec::new(),
            forgotten: Vec::new(),
            authority: None,
        }
    }

    /// Reads the ledger; the estate is that of the day unless another is named.
    fn of_ledger(data: Data, config: Option<&Path>) -> anyhow::Result<Self> {
        let (footholds, state) = (open_footholds(&data), State::fold(&data.entries));
        let loaded = config.map_or(Ok(data.loaded), load_estate)?;
        let may = authority::is_of_the_range(&loaded) || loaded.config.authority.is_some();
        let authority = if may { Some(alone(&loaded)?) } else { None };
        let mut present = Self { has_ledger: true, authority, ..Self::nothing(loaded.estate) };
        for foothold in footholds {
            match present.estate.find(foothold.node.as_str()) {
                Some(node) => present.footholds.push(Foothold {
                    node,
                    probability: foothold.probability,
                    entrenched: foothold.entrenched
                        || state.leaks.iter().any(|leak| leak.node == foothold.node),
                }),
                None if foothold.probability >= AlternativeName::Strict.threshold() => {
                    present.strangers.push(foothold.node);
                }
                None => {}
            }
        }
        present.take_standings(&state);
        Ok(present)
    }

    fn take_standings(&mut self, state: &State) {
        for (id, standing) in &state.standings {
            let in_force = standing.wanted && standing.stage.is_in_force();
            let failed = standing.rolled_back_for.is_some()
                || matches!(standing.stage, Stage::Failed | Stage::Stuck | Stage::Expired);
            match self.estate.find_withdrawal(id.as_str()) {
                Some(at) if in_force => self.in_force.push(at),
                Some(at) if failed => self.unavailable.push(at),
                None if in_force => self.forgotten.push(id.clone()),
                Some(_) | None => {}
            }
        }
        let stopped = state.services.iter().filter(|(_, s)| s.state == ServiceState::Stopped);
        self.down = stopped.filter_map(|(id, _)| self.estate.find_service(id.as_str())).collect();
    }

    /// The question to the planner.
    pub(super) fn request<'a>(&self, limits: Limits<'a>) -> Request<'a> {
        Request {
            authority: self.authority.clone(),
            in_force: self.in_force.clone(),
            unavailable: self.unavailable.clone(),
            down_services: self.down.clone(),
            limits,
            ..Request::new(self.footholds.clone())
        }
    }

    /// What the checker is told; footholds are compared where there are any.
    pub(crate) fn context(&self) -> Context {
        let ids = |indexes: &[WithdrawalIx]| -> BTreeSet<WithdrawalId> {
            indexes.iter().map(|&at| self.estate.withdrawal(at).id.clone()).collect()
        };
        let down = self.down.iter().map(|&at| self.estate.service(at).id.clone());
        Context {
            footholds: (self.has_ledger || !self.footholds.is_empty()).then(|| self.planned()),
            authority: self.authority.as_deref().map(ids),
            in_force: ids(&self.in_force),
            unavailable: ids(&self.unavailable),
            down: down.collect(),
        }
    }

    /// The footholds as a plan names them: one for each node.
    fn planned(&self) -> Vec<PlannedFoothold> {
        let mut planned: Vec<PlannedFoothold> = Vec::new();
        for foothold in &self.footholds {
            let node = self.estate.id(foothold.node);
            match planned.iter_mut().find(|known| known.node == *node) {
                Some(known) => {
                    known.probability = known.probability.max(foothold.probability);
                    known.entrenched |= foothold.entrenched;
                }
                None => planned.push(PlannedFoothold {
                    node: node.clone(),
                    probability: foothold.probability,
                    entrenched: foothold.entrenched,
                }),
            }
        }
        planned
    }
}

/// What Cordon may raise alone by the authority that is in effect.
fn alone(loaded: &Loaded) -> anyhow::Result<Vec<WithdrawalIx>> {
    Ok(authority::of_folder(loaded)?.alone_in(&loaded.estate))
}

/// The footholds of the ledger, but for those of incidents that are closed.
fn open_footholds(data: &Data) -> Vec<cordon_disclose::Foothold> {
    let mut closed: BTreeSet<&IncidentId> = BTreeSet::new();
    for entry in &data.entries {
        if let Record::IncidentOpened(opened) = &entry.body {
            closed.remove(&opened.incident);
        } else if let Record::IncidentClosed(end) = &entry.body {
            closed.insert(&end.incident);
        }
    }
    let by_seq = |seq: u64| {
        let at = data.entries.binary_search_by_key(&seq, |entry| entry.seq).ok()?;
        data.entries.get(at).and_then(incident_of)
    };
    let all = data.gathered().evidence.footholds.into_iter();
    all.filter(|f| by_seq(f.entry).is_none_or(|incident| !closed.contains(incident))).collect()
}

fn incident_of(entry: &Entry) -> Option<&IncidentId> {
    if let Record::Foothold(found) = &entry.body {
        found.incident.as_ref()
    } else if let Record::FootholdDecision(decision) = &entry.body {
        decision.incident.as_ref()
    } else {
        None
    }
}
