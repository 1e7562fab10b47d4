//! The range: a simulated estate to practise on and to test against.
//!
//! It stands in for the outside world: accounts, hosts, flows, keys and desktop
//! pools that can be closed and opened, by Cordon or by anybody else, sessions
//! that stay open when new ones are refused, services that stop. A simulated
//! intruder and staff act on the same value through [`Range::is_open`] and
//! [`Range::permits`]. It outlives a crash of the program in a file of its own,
//! as the real world does. The state as a value is [`RangeState`], its
//! misbehaviour [`Manners`].

mod connector;
mod fault;
mod file;
mod state;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cordon_model::action::ServiceState;
use cordon_model::outage::Outage;
use cordon_model::reach::ControlGraph;
use cordon_model::{Estate, NodeId, NodeIx, ServiceId, Timestamp};

pub use fault::{Fault, Manners};
pub use file::RangeFileError;
pub use state::{Difference, Effect, Pending, RangeState, Session, Switch, Thing};

/// The name of the range as a connector.
pub const RANGE: &str = "range";

/// A handle to one simulated estate; clones share it.
#[derive(Clone, Debug)]
pub struct Range(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    estate: Arc<Estate>,
    control: ControlGraph,
    state: RangeState,
    manners: Manners,
    file: Option<PathBuf>,
    outage: Option<(Vec<NodeIx>, Outage)>,
    next_session: u64,
}

impl Range {
    /// Makes an untouched range of an estate, in memory only.
    #[must_use]
    pub fn new(estate: Arc<Estate>) -> Self {
        Self::with_state(estate, RangeState::default(), None)
    }

    /// Opens a range that keeps its state in a file, as the file left it.
    ///
    /// # Errors
    /// When the file cannot be read or is not a range's.
    pub fn open(estate: Arc<Estate>, file: &Path) -> Result<Self, RangeFileError> {
        let state = file::read(file)?;
        Ok(Self::with_state(estate, state, Some(file.to_owned())))
    }

    fn with_state(estate: Arc<Estate>, state: RangeState, file: Option<PathBuf>) -> Self {
        let sessions = state.things.values().flat_map(|thing| thing.sessions.keys());
        let next_session = sessions.max().map_or(1, |last| last + 1);
        Self(Arc::new(Mutex::new(Inner {
            control: ControlGraph::new(&estate),
            estate,
            state,
            manners: Manners::default(),
            file,
            outage: None,
            next_session,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets how it behaves from now on.
    pub fn behave(&self, manners: Manners) {
        self.lock().manners = manners;
    }

    /// Moves the simulated time on; what was under way takes effect.
    pub fn advance(&self, to: Timestamp) {
        self.lock().state.advance(to);
    }

    /// The whole state, to compare with another.
    #[must_use]
    pub fn state(&self) -> RangeState {
        self.lock().state.clone()
    }

    /// Writes the state to its file, if it has one. Acts and foreign changes do so by themselves.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self) -> Result<(), RangeFileError> {
        self.lock().save()
    }

    /// Tells whether a node exists and nothing keeps new use of it out.
    #[must_use]
    pub fn is_open(&self, node: &NodeId) -> bool {
        self.lock().is_open(node)
    }

    /// Tells whether whoever controls `from` could come to control `to` now: both are open,
    /// and a control link leads from one to the other.
    #[must_use]
    pub fn permits(&self, from: &NodeId, to: &NodeId) -> bool {
        let inner = self.lock();
        let find = |node: &NodeId| inner.estate.find(node.as_str());
        let linked = find(from)
            .zip(find(to))
            .is_some_and(|(from, to)| inner.control.next(from).iter().any(|&(next, _)| next == to));
        linked && inner.is_open(from) && inner.is_open(to)
    }

    /// Tells whether somebody has something open on a node, whatever is refused by now.
    #[must_use]
    pub fn has_session(&self, node: &NodeId, who: &str) -> bool {
        let inner = self.lock();
        let thing = inner.state.things.get(node);
        thing.is_some_and(|thing| thing.sessions.values().any(|session| session.who == who))
    }

    /// Opens a session on a node, if new use of it is possible; returns its id.
    pub fn open_session(&self, node: &NodeId, session: Session) -> Option<u64> {
        let mut inner = self.lock();
        if !inner.is_open(node) {
            return None;
        }
        let id = inner.next_session;
        inner.next_session += 1;
        inner.state.things.entry(node.clone()).or_default().sessions.insert(id, session);
        Some(id)
    }

    /// Somebody other than Cordon opens a node again, by every kind of switch.
    pub fn reopen(&self, node: &NodeId) {
        self.change(node, |thing| {
            for switch in thing.switches.values_mut() {
                (switch.closed, switch.by, switch.stops) = (false, None, false);
            }
        });
    }

    /// Somebody other than Cordon sets a switch of a node.
    pub fn set_switch(&self, node: &NodeId, kind: &str, switch: Switch) {
        self.change(node, |thing| {
            thing.switches.insert(kind.to_owned(), switch);
        });
    }

    /// Somebody makes a node that the estate does not name: a second key, a new account.
    pub fn make(&self, node: &NodeId, by: &str) {
        self.change(node, |thing| thing.made_by = Some(by.to_owned()));
    }

    /// Breaks or mends a node for the services that need it.
    pub fn set_broken(&self, node: &NodeId, broken: bool) {
        self.change(node, |thing| thing.broken = broken);
    }

    fn change(&self, node: &NodeId, how: impl FnOnce(&mut Thing)) {
        let mut inner = self.lock();
        how(inner.state.things.entry(node.clone()).or_default());
        inner.state.tidy(node);
        // A foreign change is lost with a crash at worst; a failed write shows at the next act.
        drop(inner.save());
    }

    /// Probes a service: does it have what it needs now?
    #[must_use]
    pub fn service(&self, service: &ServiceId) -> ServiceState {
        let mut inner = self.lock();
        let Some(index) = inner.estate.find_service(service.as_str()) else {
            return ServiceState::Unknown;
        };
        if inner.outage().stopped.contains(&index) {
            ServiceState::Stopped
        } else {
            ServiceState::Trading
        }
    }
}

impl Inner {
    fn exists(&self, node: &NodeId) -> bool {
        self.estate.find(node.as_str()).is_some()
            || self.state.things.get(node).is_some_and(|thing| thing.made_by.is_some())
    }

    fn is_open(&self, node: &NodeId) -> bool {
        self.exists(node) && self.state.is_open(node)
    }

    fn outage(&mut self) -> &Outage {
        let find = |node: &NodeId| self.estate.find(node.as_str());
        let lost: Vec<NodeIx> = self.state.lost_to_services().filter_map(find).collect();
        let fresh = self.outage.take().filter(|(of, _)| *of == lost);
        let (_, outage) = self.outage.insert(fresh.unwrap_or_else(|| {
            let outage = Outage::of(&self.estate, lost.iter().copied());
            (lost, outage)
        }));
        outage
    }

    fn save(&self) -> Result<(), RangeFileError> {
        self.file.as_deref().map_or(Ok(()), |file| file::write(file, &self.state))
    }
}
