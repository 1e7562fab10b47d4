//! The suite on the range and on connectors that each break one promise: it has
//! to find every one of them, and to find nothing in an honest one.

use std::collections::BTreeMap;
use std::sync::Arc;

use cordon_model::action::{
    Access, Act, Answer, Call, Finding, Outcome, Probed, Reply, Trouble, TroubleKind,
};
use cordon_model::{Estate, EstateBuilder};

use super::*;
use crate::range::{Fault, Manners, Range, Session, Switch};
use crate::{Check, Told};

const KINDS: [&str; 2] = ["isolate-host", "end-sessions"];

fn node(id: &str) -> NodeId {
    NodeId::parse(id).unwrap()
}

fn estate() -> Arc<Estate> {
    let mut builder = EstateBuilder::new("North", "GBP");
    for id in ["host:h1", "host:h2", "host:h3", "user:ann", "user:bob"] {
        builder.node(&node(id));
    }
    Arc::new(builder.finish().unwrap())
}

/// A range in which every host has a setting of its own, and Ann has two sessions.
fn range() -> Range {
    let range = Range::new(estate());
    for (host, vlan) in [("host:h1", "11"), ("host:h2", "12"), ("host:h3", "13")] {
        let settings = BTreeMap::from([("vlan".to_owned(), vlan.to_owned())]);
        let switch = Switch { settings, ..Switch::default() };
        range.set_switch(&node(host), "isolate-host", switch);
    }
    let until = Some(cordon_model::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_mins(5));
    for (user, cannot_be_ended) in [("user:ann", false), ("user:ann", true), ("user:bob", false)] {
        let until = until.filter(|_| cannot_be_ended);
        let session = Session { who: "staff".to_owned(), until, cannot_be_ended };
        range.open_session(&node(user), session).unwrap();
    }
    range
}

fn subject(mode: Mode) -> Subject {
    let (kind, targets, bystander) = match mode {
        Mode::Refuse => ("isolate-host", vec![node("host:h1"), node("host:h2")], "host:h3"),
        Mode::End => ("end-sessions", vec![node("user:ann")], "user:bob"),
    };
    Subject {
        bystanders: vec![node(bystander)],
        outside: Some(node("printer:p1")),
        compares: true,
        deadline: Duration::from_secs(5),
        within: Duration::from_millis(120),
        ..Subject::new(kind, mode, targets)
    }
}

/// What a connector does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    PreflightUnable,
    PreflightSilent,
    LooksWithoutState,
    KnowsEveryKind,
    ActsOutside,
    RehearsesInEarnest,
    ClaimsWithoutTime,
    TakesAnyPrior,
    ProbeAlwaysHolds,
    RefusesNothing,
    RefusesAnew,
    RepeatsChange,
    ProbeLeaks,
    RestoresDefaults,
    RestoresAgain,
    IgnoresPrior,
    EndsNothing,
    ListensDeaf,
    TouchesNeighbour,
    TouchesNeighbourForAWhile,
    SuccessOffline,
    LooksOffline,
    AnswersOne,
    AnswersOtherwise,
    TakesItsTime,
    LeavesClosed,
}

/// The range, narrowed to what it knows, with one flaw.
struct Wrong {
    range: Range,
    flaw: Flaw,
}

impl Wrong {
    fn knows(&self, call: &Call) -> Result<(), Trouble> {
        let unsupported = |why: &str| Err(Trouble::new(TroubleKind::Unsupported, why));
        if self.flaw != Flaw::KnowsEveryKind && !KINDS.contains(&call.order.kind.as_str()) {
            return unsupported("there is no such kind");
        }
        let strange = |node: &NodeId| !["host", "user"].contains(&node.kind());
        if self.flaw != Flaw::ActsOutside && call.targets.iter().any(strange) {
            return unsupported("that is none of its nodes");
        }
        Ok(())
    }

    fn switch(&self, node: &NodeId) -> Switch {
        self.range.state().switch(node, "isolate-host")
    }

    fn change(&self, node: &NodeId, how: impl FnOnce(&mut Switch)) {
        let mut switch = self.switch(node);
        how(&mut switch);
        self.range.set_switch(node, "isolate-host", switch);
    }

    fn all(call: &Call, answer: &Answer) -> Vec<Outcome> {
        let outcome = |target: &NodeId| Outcome { target: target.clone(), answer: answer.clone() };
        call.targets.iter().map(outcome).collect()
    }

    fn told(&self, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
        if self.flaw == Flaw::AnswersOne {
            outcomes.truncate(1);
        }
        outcomes
    }
}

impl Connector for Wrong {
    fn preflight(&mut self, _deadline: Duration) -> Vec<Check> {
        let denied = Trouble::new(TroubleKind::Denied, "no right");
        let unable = self.flaw == Flaw::PreflightUnable;
        let finding =
            if unable { crate::Readiness::Unable(denied) } else { crate::Readiness::Able };
        let checks = KINDS.map(|kind| Check {
            kind: kind.to_owned(),
            act: Act::Look,
            finding: finding.clone(),
        });
        if self.flaw == Flaw::PreflightSilent { Vec::new() } else { checks.to_vec() }
    }

    fn look(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Observed>, Trouble> {
        let offline = self.range.look(call, deadline);
        if self.flaw == Flaw::LooksOffline && offline.is_err() {
            let state = Json::Bool(true);
            return Ok(call.targets.iter().map(|t| closed(t, state.clone())).collect());
        }
        let mut seen = offline?;
        if self.flaw == Flaw::LooksWithoutState {
            seen.iter_mut().for_each(|seen| seen.state = Json::Null);
        }
        Ok(seen)
    }

    fn refuse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        self.knows(call)?;
        if self.flaw == Flaw::SuccessOffline {
            return Ok(Self::all(call, &Answer::Done));
        }
        let short = deadline < Duration::from_millis(100);
        if self.flaw == Flaw::RefusesNothing || (self.flaw == Flaw::ClaimsWithoutTime && short) {
            return Ok(Self::all(call, &Answer::Done));
        }
        let repeated = call.targets.iter().any(|node| self.switch(node).closed);
        if self.flaw == Flaw::RepeatsChange && repeated {
            call.targets.iter().for_each(|node| {
                self.change(node, |switch| drop(switch.settings.insert("n".into(), "1".into())));
            });
        }
        let neighbour = [Flaw::TouchesNeighbour, Flaw::TouchesNeighbourForAWhile];
        if neighbour.contains(&self.flaw) {
            self.change(&node("host:h3"), |switch| switch.closed = true);
        }
        let prior = if self.flaw == Flaw::IgnoresPrior { Vec::new() } else { call.prior.clone() };
        let mut outcomes = self.range.refuse(&Call { prior, ..call.clone() }, deadline)?;
        if self.flaw == Flaw::RefusesAnew && repeated {
            outcomes = Self::all(call, &Answer::Done);
        }
        Ok(self.told(outcomes))
    }

    fn end(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        self.knows(call)?;
        if self.flaw == Flaw::EndsNothing {
            return Ok(Self::all(call, &Answer::Done));
        }
        self.range.end(call, deadline).map(|outcomes| self.told(outcomes))
    }

    fn restore(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        self.knows(call)?;
        if self.flaw == Flaw::TouchesNeighbourForAWhile {
            self.change(&node("host:h3"), |switch| switch.closed = false);
        }
        let nonsense = call.prior.iter().any(|prior| Switch::from_json(&prior.state).is_err());
        if self.flaw == Flaw::TakesAnyPrior && nonsense {
            call.targets.iter().for_each(|node| self.change(node, |switch| switch.closed = false));
            return Ok(Self::all(call, &Answer::Done));
        }
        if self.flaw == Flaw::RestoresDefaults && !nonsense {
            let nothing = Switch::default;
            call.targets.iter().for_each(|node| self.change(node, |old| *old = nothing()));
            return Ok(Self::all(call, &Answer::Done));
        }
        if self.flaw == Flaw::RestoresAgain && !nonsense {
            let open = call.targets.iter().all(|node| !self.switch(node).closed);
            if open {
                call.targets.iter().for_each(|node| {
                    self.change(node, |s| drop(s.settings.insert("again".into(), "yes".into())));
                });
                return Ok(Self::all(call, &Answer::Done));
            }
        }
        if self.flaw == Flaw::LeavesClosed && !nonsense {
            return Ok(Self::all(call, &Answer::Done));
        }
        self.range.restore(call, deadline).map(|outcomes| self.told(outcomes))
    }

    fn probe(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Probed>, Trouble> {
        let all =
            |finding| call.targets.iter().map(|t| Probed { target: t.clone(), finding }).collect();
        if self.flaw == Flaw::TakesItsTime {
            std::thread::sleep(deadline + Duration::from_millis(1600));
        }
        if self.flaw == Flaw::ProbeAlwaysHolds && self.range.look(call, deadline).is_ok() {
            return Ok(all(Finding::Holds));
        }
        if self.flaw == Flaw::ProbeLeaks {
            Ok(all(Finding::Leaks))
        } else {
            self.range.probe(call, deadline)
        }
    }

    fn rehearse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<String>, Trouble> {
        if self.flaw == Flaw::RehearsesInEarnest {
            self.range.refuse(call, deadline)?;
        }
        self.range.rehearse(call, deadline)
    }

    fn listen(
        &mut self,
        _nodes: &[NodeId],
        _told: Told,
    ) -> Result<Option<crate::Listening>, Trouble> {
        Ok((self.flaw == Flaw::ListensDeaf).then(|| Box::new(()) as crate::Listening))
    }

    fn perform(&mut self, call: &Call, deadline: Duration) -> Reply {
        if self.flaw == Flaw::AnswersOtherwise && call.act == Act::Probe {
            return Reply::Acted { outcomes: Vec::new() };
        }
        match call.act {
            Act::Look => self.look(call, deadline).map(|targets| Reply::Seen { targets }),
            Act::Refuse => self.refuse(call, deadline).map(|outcomes| Reply::Acted { outcomes }),
            Act::End => self.end(call, deadline).map(|outcomes| Reply::Acted { outcomes }),
            Act::Restore => self.restore(call, deadline).map(|outcomes| Reply::Acted { outcomes }),
            Act::Probe => self.probe(call, deadline).map(|findings| Reply::Tried { findings }),
        }
        .unwrap_or_else(Reply::Trouble)
    }
}

fn closed(target: &NodeId, state: Json) -> Observed {
    Observed {
        target: target.clone(),
        access: Access::Refused,
        owner: None,
        state,
        open: 0,
        residual_seconds: None,
    }
}

fn broken(lines: &[Line]) -> Vec<Promise> {
    let broken = lines.iter().filter(|line| line.verdict == Verdict::Broken);
    broken.map(|line| line.promise).collect()
}

/// Examines a range with a flaw; what it breaks.
fn examine_with(flaw: Flaw, mode: Mode) -> Vec<Line> {
    let range = range();
    let mut wrong = Wrong { range: range.clone(), flaw };
    let offline = Range::new(estate());
    offline.behave(Manners { everywhere: Some(Fault::Offline), ..Manners::default() });
    let mut twin = Wrong { range: offline, flaw };
    let mut disturb = |node: &NodeId| {
        let mut switch = range.state().switch(node, "isolate-host");
        switch.settings.insert("vlan".to_owned(), "99".to_owned());
        range.set_switch(node, "isolate-host", switch);
    };
    let mut subject = subject(mode);
    if flaw == Flaw::TakesItsTime {
        subject.deadline = Duration::from_millis(1);
    }
    examine(&mut wrong, &subject, Help { disturb: Some(&mut disturb), offline: Some(&mut twin) })
}

#[test]
fn an_honest_connector_keeps_every_promise() {
    let not_tried = |lines: &[Line]| {
        let of = lines.iter().filter(|line| line.verdict == Verdict::NotTried);
        of.map(|line| line.promise).collect::<Vec<_>>()
    };
    let lines = examine_with(Flaw::None, Mode::Refuse);
    assert_eq!(broken(&lines), [], "{lines:#?}");
    assert_eq!(lines.iter().map(|line| line.promise).collect::<Vec<_>>(), Promise::ALL);
    assert_eq!(not_tried(&lines), [Promise::End, Promise::Listen]);
    let lines = examine_with(Flaw::None, Mode::End);
    assert_eq!(broken(&lines), [], "{lines:#?}");
    let end = lines.iter().find(|line| line.promise == Promise::End).unwrap();
    assert!(end.seen.contains("1 open, for 300 s at most"), "{end:?}");
    assert!(!not_tried(&lines).contains(&Promise::EachAnswered), "{lines:#?}");
}

#[test]
fn the_range_itself_keeps_them() {
    let mut range = range();
    // It knows every kind and simulates any node.
    let subject = Subject { unknown_kind: None, outside: None, ..subject(Mode::Refuse) };
    let before = range.state();
    let lines = examine(&mut range, &subject, Help::default());
    assert_eq!(broken(&lines), [], "{lines:#?}");
    assert_eq!(before.differences(&range.state()), []);
}

#[test]
fn each_broken_promise_is_found() {
    let cases = [
        (Flaw::PreflightUnable, Promise::Preflight),
        (Flaw::PreflightSilent, Promise::Preflight),
        (Flaw::LooksWithoutState, Promise::Look),
        (Flaw::KnowsEveryKind, Promise::UnknownKind),
        (Flaw::ActsOutside, Promise::Scope),
        (Flaw::RehearsesInEarnest, Promise::Rehearse),
        (Flaw::ClaimsWithoutTime, Promise::ShortDeadline),
        (Flaw::TakesAnyPrior, Promise::ForeignPrior),
        (Flaw::ProbeAlwaysHolds, Promise::ProbeOpen),
        (Flaw::RefusesNothing, Promise::Refuse),
        (Flaw::RefusesAnew, Promise::RefuseAgain),
        (Flaw::RepeatsChange, Promise::RefuseAgain),
        (Flaw::ProbeLeaks, Promise::ProbeHolds),
        (Flaw::RestoresDefaults, Promise::Restore),
        (Flaw::RestoresAgain, Promise::RestoreAgain),
        (Flaw::IgnoresPrior, Promise::Stale),
        (Flaw::ListensDeaf, Promise::Listen),
        (Flaw::TouchesNeighbour, Promise::Bystanders),
        (Flaw::TouchesNeighbourForAWhile, Promise::Bystanders),
        (Flaw::SuccessOffline, Promise::Offline),
        (Flaw::LooksOffline, Promise::Offline),
        (Flaw::AnswersOne, Promise::EachAnswered),
        (Flaw::AnswersOtherwise, Promise::EachAnswered),
        (Flaw::TakesItsTime, Promise::InTime),
        (Flaw::LeavesClosed, Promise::AsFound),
    ];
    for (flaw, promise) in cases {
        let lines = examine_with(flaw, Mode::Refuse);
        assert!(broken(&lines).contains(&promise), "{flaw:?}: {lines:#?}");
    }
    let lines = examine_with(Flaw::EndsNothing, Mode::End);
    assert!(broken(&lines).contains(&Promise::End), "{lines:#?}");
}

#[test]
fn a_flaw_is_told_as_itself() {
    // Flaws that touch nothing else break exactly their own promise.
    for (flaw, promise) in [
        (Flaw::ProbeAlwaysHolds, Promise::ProbeOpen),
        (Flaw::RefusesAnew, Promise::RefuseAgain),
        (Flaw::IgnoresPrior, Promise::Stale),
        (Flaw::ClaimsWithoutTime, Promise::ShortDeadline),
        (Flaw::ListensDeaf, Promise::Listen),
        (Flaw::TouchesNeighbourForAWhile, Promise::Bystanders),
        (Flaw::LooksOffline, Promise::Offline),
    ] {
        assert_eq!(broken(&examine_with(flaw, Mode::Refuse)), [promise], "{flaw:?}");
    }
}

#[test]
fn without_leave_nothing_is_changed() {
    let range = range();
    let before = range.state();
    let mut connector = Wrong { range: range.clone(), flaw: Flaw::None };
    let subject = Subject { may_change: false, ..subject(Mode::Refuse) };
    let lines = examine(&mut connector, &subject, Help::default());
    assert_eq!(broken(&lines), []);
    let refuse = lines.iter().find(|line| line.promise == Promise::Refuse).unwrap();
    assert_eq!(refuse.verdict, Verdict::NotTried);
    assert_eq!(before.differences(&range.state()), []);
}
