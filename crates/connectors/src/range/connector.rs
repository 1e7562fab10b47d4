//! The range as a connector: what each call does to the simulated estate, with
//! its latencies and faults.

use std::time::Duration;

use cordon_model::Mode;
use cordon_model::NodeId;
use cordon_model::action::{
    Access, Act, Answer, CORDON, Call, Finding, Json, Observed, Outcome, Probed, Trouble,
    TroubleKind,
};
use jiff::SignedDuration;

use super::{Effect, Fault, Inner, Pending, Range, Switch};
use crate::{Check, Connector, Readiness};

impl Connector for Range {
    fn preflight(&mut self, _deadline: Duration) -> Vec<Check> {
        let inner = self.lock();
        let mut kinds: Vec<(&str, Mode)> =
            inner.estate.withdrawals().iter().map(|w| (&*w.kind, w.mode)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let acts = |mode| match mode {
            Mode::Refuse => vec![Act::Look, Act::Refuse, Act::Restore, Act::Probe],
            Mode::End => vec![Act::Look, Act::End, Act::Probe],
        };
        let each = kinds
            .into_iter()
            .flat_map(|(kind, mode)| acts(mode).into_iter().map(move |act| (kind.to_owned(), act)));
        each.map(|(kind, act)| Check { kind, act, finding: inner.readiness(act) }).collect()
    }

    fn look(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Observed>, Trouble> {
        let mut inner = self.lock();
        let fault = inner.next_fault();
        let look = |node: &NodeId| inner.look(call, node, fault.as_ref(), deadline);
        let seen: Vec<Result<Observed, Trouble>> = call.targets.iter().map(look).collect();
        // One target that answers makes the look worth having.
        if let Some(Err(trouble)) = seen.first()
            && seen.iter().all(Result::is_err)
        {
            return Err(trouble.clone());
        }
        let unknown = |node: &NodeId| Observed {
            target: node.clone(),
            access: Access::Unknown,
            owner: None,
            state: Json::Null,
            open: 0,
            residual_seconds: None,
        };
        let pairs = seen.into_iter().zip(&call.targets);
        Ok(pairs.map(|(seen, node)| seen.unwrap_or_else(|_| unknown(node))).collect())
    }

    fn refuse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        self.lock().act(call, deadline)
    }

    fn end(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        self.lock().act(call, deadline)
    }

    fn restore(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        self.lock().act(call, deadline)
    }

    fn rehearse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<String>, Trouble> {
        let seen = self.look(call, deadline)?;
        let line = |seen: &Observed| {
            let (kind, target) = (&call.order.kind, &seen.target);
            match seen.access {
                Access::Open | Access::Partly => {
                    format!("{kind} {target}: open -> closed by {CORDON}")
                }
                Access::Refused => format!("{kind} {target}: closed already, nothing to do"),
                Access::Absent => format!("{kind} {target}: there is no such thing"),
                Access::Unknown => format!("{kind} {target}: its state cannot be read"),
            }
        };
        Ok(seen.iter().map(line).collect())
    }

    fn probe(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Probed>, Trouble> {
        let mut inner = self.lock();
        let call_fault = inner.next_fault();
        let probe = |node: &NodeId| {
            let fault = inner.manners.fault_of(call_fault.as_ref(), node);
            let too_slow = inner.too_slow(&call.order.kind, fault.as_ref(), deadline);
            let finding = if fault == Some(Fault::Offline) || too_slow {
                Finding::Untried
            } else if inner.observe(call, node).access.is_closed() {
                Finding::Holds
            } else {
                Finding::Leaks
            };
            Probed { target: node.clone(), finding }
        };
        Ok(call.targets.iter().map(probe).collect())
    }
}

fn trouble(kind: TroubleKind, why: &str) -> Trouble {
    Trouble::new(kind, why)
}

fn no_reply(node: &NodeId) -> Trouble {
    trouble(TroubleKind::NoReply, &format!("`{node}` did not answer in time"))
}

impl Inner {
    fn next_fault(&mut self) -> Option<Fault> {
        self.manners.next_calls.pop_front().flatten()
    }

    fn readiness(&self, act: Act) -> Readiness {
        match &self.manners.everywhere {
            Some(Fault::Offline) => {
                Readiness::Unable(trouble(TroubleKind::Unreachable, "the range is offline"))
            }
            Some(Fault::Denies(acts)) if acts.contains(&act) => {
                Readiness::Unable(trouble(TroubleKind::Denied, "the range does not permit it"))
            }
            Some(
                Fault::Slow { .. }
                | Fault::LosesReplies
                | Fault::Lies
                | Fault::LiesAlways
                | Fault::Denies(_)
                | Fault::Mute,
            )
            | None => Readiness::Able,
        }
    }

    fn too_slow(&self, kind: &str, fault: Option<&Fault>, deadline: Duration) -> bool {
        u64::from(self.manners.seconds(kind, fault)) > deadline.as_secs()
    }

    fn observe(&self, call: &Call, node: &NodeId) -> Observed {
        let ends = call.order.mode == Mode::End;
        let mut seen = self.state.observe(node, &call.order.kind, ends);
        if !self.exists(node) {
            seen.access = Access::Absent;
        }
        seen
    }

    fn look(
        &self,
        call: &Call,
        node: &NodeId,
        call_fault: Option<&Fault>,
        deadline: Duration,
    ) -> Result<Observed, Trouble> {
        let fault = self.manners.fault_of(call_fault, node);
        let mut seen = self.observe(call, node);
        match &fault {
            Some(Fault::Offline) => {
                return Err(trouble(TroubleKind::Unreachable, &format!("`{node}` is offline")));
            }
            Some(Fault::Denies(acts)) if acts.contains(&Act::Look) => {
                let why = format!("reading `{node}` is not permitted");
                return Err(trouble(TroubleKind::Denied, &why));
            }
            Some(Fault::Slow { seconds }) if u64::from(*seconds) > deadline.as_secs() => {
                return Err(no_reply(node));
            }
            Some(Fault::LosesReplies) => return Err(no_reply(node)),
            Some(Fault::Mute) => (seen.access, seen.state) = (Access::Unknown, Json::Null),
            Some(Fault::LiesAlways) if call.attempt > 0 => {
                (seen.access, seen.owner) = (Access::Refused, Some(CORDON.to_owned()));
            }
            Some(Fault::Slow { .. } | Fault::Lies | Fault::LiesAlways | Fault::Denies(_))
            | None => {}
        }
        Ok(seen)
    }

    /// Refuses, ends or restores each target, then keeps the state.
    fn act(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        let fault = self.next_fault();
        let mut outcomes = Vec::with_capacity(call.targets.len());
        for node in &call.targets {
            let answer = self.act_on(call, node, fault.as_ref(), deadline);
            outcomes.push(Outcome { target: node.clone(), answer });
        }
        self.save().map_err(|error| trouble(TroubleKind::NoReply, &error.to_string()))?;
        Ok(outcomes)
    }

    fn act_on(
        &mut self,
        call: &Call,
        node: &NodeId,
        call_fault: Option<&Fault>,
        deadline: Duration,
    ) -> Answer {
        let fault = self.manners.fault_of(call_fault, node);
        let failed = |kind, why: String| Answer::Failed(Trouble::new(kind, why));
        match &fault {
            Some(Fault::Offline) => {
                return failed(TroubleKind::Unreachable, format!("`{node}` is offline"));
            }
            Some(Fault::Denies(acts)) if acts.contains(&call.act) => {
                let why = format!("the connector may not change `{node}`");
                return failed(TroubleKind::Denied, why);
            }
            Some(Fault::Lies | Fault::LiesAlways) => return Answer::Done,
            Some(Fault::Slow { .. } | Fault::LosesReplies | Fault::Denies(_) | Fault::Mute)
            | None => {}
        }
        let answer = match self.effect_of(call, node) {
            Ok(effect) => {
                self.start(node, effect, self.manners.seconds(&call.order.kind, fault.as_ref()));
                Answer::Done
            }
            Err(answer) => answer,
        };
        let lost = fault == Some(Fault::LosesReplies)
            || self.too_slow(&call.order.kind, fault.as_ref(), deadline);
        if lost { Answer::Failed(no_reply(node)) } else { answer }
    }

    /// What a call would do to a node; or the answer, where there is nothing to do.
    fn effect_of(&self, call: &Call, node: &NodeId) -> Result<Effect, Answer> {
        let kind = call.order.kind.clone();
        let seen = self.observe(call, node);
        let prior = call.prior.iter().find(|prior| prior.target == *node);
        match call.act {
            Act::Refuse | Act::End if seen.access.is_closed() => {
                Err(Answer::AlreadySo { by: seen.owner })
            }
            Act::Refuse if prior.is_some_and(|prior| prior.state != seen.state) => {
                let why = format!("somebody changed `{node}` since it was looked at");
                Err(Answer::Failed(Trouble::new(TroubleKind::Changed, why)))
            }
            Act::Refuse => Ok(Effect::Close { kind, stops: self.stops(call) }),
            Act::End => Ok(Effect::End { kind }),
            Act::Restore => {
                let prior = prior.and_then(|prior| Switch::from_json(&prior.state).ok());
                let Some(prior) = prior else {
                    let why = format!("no prior state of `{node}` came with the call");
                    return Err(Answer::Failed(Trouble::new(TroubleKind::Unsupported, why)));
                };
                let is_ours =
                    self.state.switch(node, &kind).is_cordons() || self.is_under_way(node, &kind);
                let nothing = Answer::AlreadySo { by: seen.owner };
                if is_ours { Ok(Effect::Restore { kind, prior }) } else { Err(nothing) }
            }
            Act::Look | Act::Probe => Err(Answer::AlreadySo { by: None }),
        }
    }

    fn stops(&self, call: &Call) -> bool {
        let declared = self.estate.find_withdrawal(call.order.withdrawal.as_str());
        declared.is_none_or(|index| self.estate.withdrawal(index).stops)
    }

    fn is_under_way(&self, node: &NodeId, kind: &str) -> bool {
        let closes = |effect: &Effect| match effect {
            Effect::Close { kind: closing, .. } => closing == kind,
            Effect::Restore { .. } | Effect::End { .. } => false,
        };
        self.state.pending.iter().any(|p| p.node == *node && closes(&p.effect))
    }

    fn start(&mut self, node: &NodeId, effect: Effect, seconds: u32) {
        if seconds == 0 {
            self.state.apply(node, &effect);
            return;
        }
        let due = self.state.now + SignedDuration::from_secs(i64::from(seconds));
        let same = |p: &Pending| p.node == *node && p.effect == effect;
        if !self.state.pending.iter().any(same) {
            self.state.pending.push(Pending { due, node: node.clone(), effect });
        }
    }
}
