//! The threads that call connectors: several lanes to each, so that one slow answer holds up few.
//!
//! Each lane has its own instance of the connector, opened when it is first
//! needed and again after it has failed badly. What a lane is asked comes back
//! by the function that came with it, exactly once, whatever happens.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use cordon_connectors::{Check, Connector, Listening, Site, Told, open};
use cordon_model::NodeId;
use cordon_model::action::{Call, Reply, Trouble, TroubleKind};

/// Time for one call of a connector.
pub const DEADLINE: Duration = Duration::from_secs(10);
/// Calls of one connector at the same time.
const LANES: usize = 4;

/// What a lane does.
enum Job {
    Perform(Box<Call>, Box<dyn FnOnce(Reply) + Send>),
    Rehearse(Box<Call>, Box<dyn FnOnce(Result<Vec<String>, Trouble>) + Send>),
    Preflight(Box<dyn FnOnce(Vec<Check>) + Send>),
}

/// The lanes to one connector.
pub struct Lanes {
    site: Site,
    jobs: Sender<Job>,
}

impl Lanes {
    /// Starts the lanes of a connector; nothing is connected yet.
    #[must_use]
    pub fn start(site: Site) -> Self {
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..LANES {
            let (site, waiting) = (site.clone(), Arc::clone(&waiting));
            thread::spawn(move || lane(&site, &waiting));
        }
        Self { site, jobs }
    }

    /// Makes a call; the reply comes by `then`.
    pub fn perform(&self, call: Box<Call>, then: impl FnOnce(Reply) + Send + 'static) {
        // The lanes live as long as this value does.
        drop(self.jobs.send(Job::Perform(call, Box::new(then))));
    }

    /// Says what a call would send.
    pub fn rehearse(
        &self,
        call: Box<Call>,
        then: impl FnOnce(Result<Vec<String>, Trouble>) + Send + 'static,
    ) {
        drop(self.jobs.send(Job::Rehearse(call, Box::new(then))));
    }

    /// Asks whether it could act.
    pub fn preflight(&self, then: impl FnOnce(Vec<Check>) + Send + 'static) {
        drop(self.jobs.send(Job::Preflight(Box::new(then))));
    }

    /// Listens for foreign changes of nodes, on an instance of its own.
    ///
    /// # Errors
    /// When the system could tell of changes but does not.
    pub fn listen(&self, nodes: &[NodeId], told: Told) -> Result<Option<Listening>, Trouble> {
        let mut connector = opened(&self.site)?;
        connector.listen(nodes, told)
    }
}

fn opened(site: &Site) -> Result<Box<dyn Connector>, Trouble> {
    open(site).map_err(|error| Trouble::new(TroubleKind::Unsupported, error.to_string()))
}

fn lane(site: &Site, waiting: &Mutex<Receiver<Job>>) {
    let mut connector = None;
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        if connector.is_none() {
            connector = Some(opened(site));
        }
        match job {
            Job::Perform(call, then) => {
                let reply = attempt(&mut connector, |c| Ok(c.perform(&call, DEADLINE)));
                then(reply.unwrap_or_else(Reply::Trouble));
            }
            Job::Rehearse(call, then) => {
                then(attempt(&mut connector, |c| c.rehearse(&call, DEADLINE)));
            }
            Job::Preflight(then) => {
                let checks = attempt(&mut connector, |c| Ok(c.preflight(DEADLINE)));
                then(checks.unwrap_or_else(|trouble| vec![Check::impossible(trouble)]));
            }
        }
    }
}

/// Does something with a lane's connector; one that could not be opened or has
/// broken down is opened again next time.
fn attempt<T>(
    connector: &mut Option<Result<Box<dyn Connector>, Trouble>>,
    what: impl FnOnce(&mut dyn Connector) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    match connector.take() {
        Some(Ok(mut opened)) => {
            let result = catch_unwind(AssertUnwindSafe(|| what(opened.as_mut())));
            result.map_or_else(
                |_| {
                    let why = "the connector broke down; whether it acted is not known";
                    Err(Trouble::new(TroubleKind::NoReply, why))
                },
                |result| {
                    *connector = Some(Ok(opened));
                    result
                },
            )
        }
        Some(Err(trouble)) => Err(trouble),
        None => Err(Trouble::new(TroubleKind::Unsupported, "the connector is not open")),
    }
}
