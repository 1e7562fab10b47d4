//! Tries a connection from a place of the estate to what is cut.
//!
//! Silence is proof only where something else answers from the same place at
//! the same time: without that control, or without a vantage at the right
//! place, nothing was tried.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use cordon_model::action::Finding;
use serde::Deserialize;

use super::address::{Element, Protocol};
use crate::remote::{Way, WaySettings};
use crate::site::{SettingsError, Site};

/// How many tries are made at once.
const AT_ONCE: usize = 16;

/// A place to try from, as settings name it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VantageSettings {
    /// Its address.
    address: IpAddr,
    /// What answers there even while everything else is cut.
    control: SocketAddr,
    /// How a program is run there.
    #[serde(default)]
    run: WaySettings,
}

/// A place to try from.
#[derive(Clone, Debug)]
pub(super) struct Vantage {
    pub(super) address: IpAddr,
    control: SocketAddr,
    way: Way,
}

/// What a try of one connection showed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tried {
    Answered,
    Silent,
    NotMade,
}

impl Vantage {
    pub(super) fn new(site: &Site, settings: &VantageSettings) -> Result<Self, SettingsError> {
        let way = Way::new(site, &settings.run)?;
        Ok(Self { address: settings.address, control: settings.control, way })
    }

    /// Tries to connect; a refusal is an answer too, for it came from there.
    fn connect(&self, to: SocketAddr, wait: Duration) -> Tried {
        let (address, port) = (to.ip().to_string(), to.port().to_string());
        let seconds = format!("{:.3}", wait.as_secs_f64());
        let script = "exec 3<>\"/dev/tcp/$0/$1\"";
        let argv = ["timeout", &seconds, "bash", "-c", script, &address, &port];
        let Ok(ran) = self.way.run(&argv, "", wait + Duration::from_secs(2)) else {
            return Tried::NotMade;
        };
        match ran.code {
            Some(0) => Tried::Answered,
            Some(124) => Tried::Silent,
            _ if ran.stderr.contains("Connection refused") => Tried::Answered,
            _ => Tried::NotMade,
        }
    }

    fn is_fit(&self, wait: Duration) -> bool {
        self.connect(self.control, wait) == Tried::Answered
    }
}

/// What is tried for one target.
pub(super) struct Attempt<'a> {
    vantage: &'a Vantage,
    to: Vec<SocketAddr>,
}

/// How a target can be tried, if it can.
pub(super) fn attempt<'a>(
    vantages: &'a [Vantage],
    ports: &[u16],
    elements: &[Element],
) -> Option<Attempt<'a>> {
    let of_flow = elements.iter().find_map(|element| match element {
        Element::Flow { from, to, ports: Some(ports) } if ports.protocol == Protocol::Tcp => {
            let vantage = vantages.iter().find(|v| from.single() == Some(v.address))?;
            Some((vantage, vec![SocketAddr::new(to.single()?, ports.single()?)]))
        }
        Element::Flow { .. } | Element::Host(_) => None,
    });
    let of_host = || {
        let Some(Element::Host(host)) = elements.first() else { return None };
        let vantage = vantages.iter().find(|v| v.address != *host)?;
        Some((vantage, ports.iter().map(|port| SocketAddr::new(*host, *port)).collect()))
    };
    let (vantage, to): (_, Vec<SocketAddr>) = of_flow.or_else(of_host)?;
    (!to.is_empty()).then_some(Attempt { vantage, to })
}

/// Makes the attempts, several at once, and leaves out what the deadline does not bear.
pub(super) fn find(attempts: &[Option<Attempt<'_>>], wait: Duration, by: Instant) -> Vec<Finding> {
    let one = |attempt: &Option<Attempt<'_>>| {
        let Some(attempt) = attempt else { return Finding::Untried };
        let left = || by.saturating_duration_since(Instant::now());
        let mut silent = true;
        for to in &attempt.to {
            if left() < wait * 2 {
                return Finding::Untried;
            }
            match attempt.vantage.connect(*to, wait) {
                Tried::Answered => return Finding::Leaks,
                Tried::Silent => {}
                Tried::NotMade => silent = false,
            }
        }
        let proven = silent && left() >= wait && attempt.vantage.is_fit(wait);
        if proven { Finding::Holds } else { Finding::Untried }
    };
    let mut findings = Vec::with_capacity(attempts.len());
    for batch in attempts.chunks(AT_ONCE) {
        findings.extend(std::thread::scope(|scope| {
            let tries: Vec<_> = batch.iter().map(|a| scope.spawn(move || one(a))).collect();
            let found = tries.into_iter().map(|t| t.join().unwrap_or(Finding::Untried));
            found.collect::<Vec<_>>()
        }));
    }
    findings
}
