//! Accounts of a directory: Active Directory, or OpenLDAP with its password policy overlay.
//!
//! A withdrawal is one attribute of one object, changed by compare-and-swap and
//! put back as it was. Nothing outside the scope of the settings is touched, no
//! password goes over a line without TLS, and no account is guessed: a node is
//! one object or trouble. What a directory cannot do, closing what is open
//! elsewhere, is told with the time that it lasts. Start at [`Directory`]; the
//! wire is in `wire`, who is meant in `resolve`, what is done in `switch`,
//! `groups` and `sessions`.

mod dn;
mod entry;
mod groups;
mod kerberos;
mod kinds;
mod password;
mod probe;
mod resolve;
mod rights;
mod sessions;
mod settings;
mod switch;
#[cfg(test)]
mod tests;
mod watch;
mod wire;

use std::time::{Duration, Instant};

use cordon_model::NodeId;
use cordon_model::action::{
    Access, Answer, Call, Json, Observed, Outcome, Probed, Trouble, TroubleKind,
};

use crate::{Check, Connector, Listening, SettingsError, Site, Told};
use kinds::Kind;
use resolve::Found;
use settings::Place;
use wire::{Change, Wire};

/// A directory, asked and changed over one TLS connection.
pub struct Directory {
    place: Place,
    wire: Wire,
    guests: Vec<Wire>,
}

/// Opens a directory; connects to nothing yet.
///
/// # Errors
/// When the settings do not fit, or the secret or the CA file cannot be read.
pub fn open(site: &Site) -> Result<Directory, SettingsError> {
    let (place, access) = settings::read(site)?;
    let guests =
        probe::doors(place.dialect, &access).map_err(|error| site.wrong(error.to_string()))?;
    let wire = Wire::new(access).map_err(|error| site.wrong(error.to_string()))?;
    Ok(Directory { place, wire, guests })
}

impl Directory {
    /// Sets a new password, which ends what the old one opens. Outside plans, because nobody can
    /// give the old one back. Active Directory only; needs the right to reset the password.
    ///
    /// # Errors
    /// When the account is not found in the scope, or the directory refuses.
    pub fn reset_password(
        &mut self,
        node: &NodeId,
        password: &str,
        deadline: Duration,
    ) -> Result<(), Trouble> {
        let end = Instant::now() + deadline;
        password::reset(&self.place, &mut self.wire, node, password, end)
    }

    /// The objects of a call's targets with the attributes that its kind is about.
    fn find(&mut self, call: &Call, kind: Kind, end: Instant) -> Result<Vec<Found>, Trouble> {
        let attributes = kind.attributes(self.place.dialect);
        resolve::resolve(&self.place, &mut self.wire, &call.targets, attributes, end)
    }
}

/// One answer for each target, in their order.
fn outcomes(call: &Call, answers: Vec<Answer>) -> Vec<Outcome> {
    let pairs = call.targets.iter().cloned().zip(answers);
    pairs.map(|(target, answer)| Outcome { target, answer }).collect()
}

/// The prior state that a call carries for a target.
fn prior<'a>(call: &'a Call, target: &NodeId) -> Result<&'a Observed, Trouble> {
    call.prior.iter().find(|prior| prior.target == *target).ok_or_else(|| {
        let why = format!("no prior state of `{target}` came with the call; nothing was changed");
        Trouble::new(TroubleKind::Unsupported, why)
    })
}

/// A target of which nothing is open or known beyond its access.
fn observed(target: &NodeId, access: Access) -> Observed {
    Observed {
        target: target.clone(),
        access,
        owner: None,
        state: Json::Null,
        open: 0,
        residual_seconds: None,
    }
}

/// One seen target makes a look worth having; what could not be seen is unknown.
fn seen(call: &Call, looks: Vec<Result<Observed, Trouble>>) -> Result<Vec<Observed>, Trouble> {
    if let Some(Err(trouble)) = looks.first()
        && looks.iter().all(Result::is_err)
    {
        return Err(trouble.clone());
    }
    let unknown = |target| observed(target, Access::Unknown);
    let pairs = looks.into_iter().zip(&call.targets);
    Ok(pairs.map(|(look, target)| look.unwrap_or_else(|_| unknown(target))).collect())
}

/// What a raise would send, one line for each write; trouble when it would come to nothing.
fn lines(call: &Call, plans: &[Result<Vec<Change>, Answer>]) -> Result<Vec<String>, Trouble> {
    let trouble = |plan: &Result<Vec<Change>, Answer>| match plan {
        Err(Answer::Failed(trouble)) => Some(trouble.clone()),
        Err(Answer::Done | Answer::AlreadySo { .. }) | Ok(_) => None,
    };
    let troubles: Vec<Trouble> = plans.iter().filter_map(trouble).collect();
    if let Some(first) = troubles.first().filter(|_| troubles.len() == plans.len()) {
        return Err(first.clone());
    }
    let told = |(target, plan): (&NodeId, &Result<Vec<Change>, Answer>)| match plan {
        Ok(changes) => changes.iter().map(|change| format!("{target}: {change}")).collect(),
        Err(Answer::Failed(trouble)) => vec![format!("{target}: nothing is sent: {trouble}")],
        Err(Answer::Done | Answer::AlreadySo { .. }) => {
            vec![format!("{target}: there is nothing to do")]
        }
    };
    Ok(call.targets.iter().zip(plans).flat_map(told).collect())
}

impl Connector for Directory {
    fn preflight(&mut self, deadline: Duration) -> Vec<Check> {
        rights::preflight(&self.place, &mut self.wire, Instant::now() + deadline)
    }

    fn look(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Observed>, Trouble> {
        let end = Instant::now() + deadline;
        let kind = self.place.kind(call)?;
        let found = self.find(call, kind, end)?;
        let (place, wire) = (&self.place, &mut self.wire);
        let looks = match kind {
            Kind::Switch(switch) => switch::look(place, call, found, switch),
            Kind::Groups => groups::look(place, wire, call, found, end)?,
            Kind::Sessions => sessions::look(place, call, found),
        };
        seen(call, looks)
    }

    fn refuse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        let end = Instant::now() + deadline;
        let kind = self.place.kind(call)?;
        let found = self.find(call, kind, end)?;
        let (place, wire) = (&self.place, &mut self.wire);
        let answers = match kind {
            Kind::Switch(switch) => switch::refuse(place, wire, call, found, switch, end),
            Kind::Groups => groups::refuse(place, wire, call, found, end)?,
            Kind::Sessions => return Err(kinds::not_so(call)),
        };
        Ok(outcomes(call, answers))
    }

    fn end(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        let end = Instant::now() + deadline;
        match self.place.kind(call)? {
            kind @ Kind::Sessions => {
                let found = self.find(call, kind, end)?;
                Ok(outcomes(call, sessions::end(&self.place, call, found)))
            }
            Kind::Switch(_) | Kind::Groups => Err(kinds::not_so(call)),
        }
    }

    fn restore(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        let end = Instant::now() + deadline;
        let kind = self.place.kind(call)?;
        let found = self.find(call, kind, end)?;
        let (place, wire) = (&self.place, &mut self.wire);
        let answers = match kind {
            Kind::Switch(switch) => switch::restore(wire, call, found, switch, end),
            Kind::Groups => groups::restore(place, wire, call, found, end)?,
            Kind::Sessions => return Err(kinds::not_so(call)),
        };
        Ok(outcomes(call, answers))
    }

    fn probe(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Probed>, Trouble> {
        let end = Instant::now() + deadline;
        let kind = self.place.kind(call)?;
        let found = self.find(call, kind, end)?;
        let (place, wire) = (&self.place, &mut self.wire);
        let findings = match kind {
            Kind::Switch(switch) => probe::sign_in(place, &mut self.guests, &found, switch, end),
            Kind::Groups => groups::probe(place, wire, &found, end)?,
            Kind::Sessions => vec![cordon_model::action::Finding::Untried; found.len()],
        };
        let pairs = call.targets.iter().cloned().zip(findings);
        Ok(pairs.map(|(target, finding)| Probed { target, finding }).collect())
    }

    fn rehearse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<String>, Trouble> {
        let end = Instant::now() + deadline;
        let kind = self.place.kind(call)?;
        let mut call = call.clone();
        if call.prior.is_empty() {
            call.prior = self.look(&call, deadline)?;
        }
        let found = self.find(&call, kind, end)?;
        let (place, wire) = (&self.place, &mut self.wire);
        let plans: Vec<Result<Vec<Change>, Answer>> = match kind {
            Kind::Switch(switch) => {
                let plans = switch::closing(place, &call, found, switch).into_iter();
                plans.map(|plan| plan.map(|attempt| vec![attempt.change])).collect()
            }
            Kind::Groups => {
                let plans = groups::removal(place, wire, &call, found, end)?.into_iter();
                plans.map(|plan| plan.map(|rounds| rounds.concat())).collect()
            }
            Kind::Sessions => sessions::end(place, &call, found).into_iter().map(Err).collect(),
        };
        lines(&call, &plans)
    }

    fn listen(&mut self, nodes: &[NodeId], told: Told) -> Result<Option<Listening>, Trouble> {
        watch::listen(&self.place, &mut self.wire, nodes, told)
    }
}
