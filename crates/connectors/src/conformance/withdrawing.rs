//! Promises about taking and giving back: refuse, repeat, restore, end, and what
//! somebody else does meanwhile.

use std::sync::mpsc;

use cordon_model::NodeId;
use cordon_model::action::{Access, Act, Answer, Finding, Observed, TroubleKind};

use super::bench::{Bench, describe, foreign_state, told};
use super::{Promise, edges};

/// What somebody else does to a target.
type Disturb<'a> = &'a mut dyn FnMut(&NodeId);

/// Refuses, repeats and restores the targets, with everything that could go wrong; returns how
/// they have to be at the end.
pub(super) fn refuse_and_restore(
    bench: &mut Bench<'_>,
    found: &[Observed],
    disturb: Option<Disturb<'_>>,
) -> Vec<Observed> {
    bench.not_tried(Promise::End, "this kind refuses");
    probe_open(bench);
    edges::short_deadline(bench, found, |seen| seen.access.is_closed());
    if let Err(words) = give_back(bench, found) {
        bench.note(Promise::Restore, Err(words));
        return found.to_vec();
    }
    let bystanders = bench.look_at(&bench.subject.bystanders.clone());
    let listening = listen(bench);
    if !refuse(bench, found) {
        return found.to_vec();
    }
    told_of(bench, listening);
    refuse_again(bench, found);
    probe_holds(bench);
    foreign_prior(bench, found);
    if bystanders.is_some() {
        edges::bystanders(bench, bystanders);
    }
    restore(bench, found);
    stale(bench, found, disturb)
}

fn probe_open(bench: &mut Bench<'_>) {
    let seen = bench.probe().and_then(|findings| {
        let holds = findings.iter().find(|probed| probed.finding == Finding::Holds);
        match holds {
            Some(probed) => {
                Err(format!("`{}` is open, and the probe says it holds", probed.target))
            }
            None => Ok("nothing is called withdrawn".to_owned()),
        }
    });
    bench.note(Promise::ProbeOpen, seen);
}

/// Restores until a look shows the targets as they were found.
fn give_back(bench: &mut Bench<'_>, found: &[Observed]) -> Result<String, String> {
    let answers = bench.act(Act::Restore, found);
    let told = told(&answers);
    let now = bench.until(found, |seen| seen.iter().all(|seen| seen.access.is_open()));
    let now = now.map_err(|words| format!("{told}, yet {words}"))?;
    match bench.differs(found, &now) {
        Some(difference) => Err(format!("{told}, yet {difference}")),
        None => Ok(told),
    }
}

fn refuse(bench: &mut Bench<'_>, found: &[Observed]) -> bool {
    let answers = bench.act(Act::Refuse, found);
    let told = told(&answers);
    if !answers.iter().all(Answer::is_done) {
        bench.note(Promise::Refuse, Err(told));
        return false;
    }
    let shown = bench.until(found, |seen| seen.iter().all(|seen| seen.access.is_closed()));
    let is_shown = shown.is_ok();
    let seen = match shown {
        Ok(seen) => Ok(format!("{told}; {}", describe(&seen))),
        Err(words) => Err(format!("{told}, yet {words}")),
    };
    bench.note(Promise::Refuse, seen);
    is_shown
}

/// The same call again, as after a crash, and one with the state as it is now.
fn refuse_again(bench: &mut Bench<'_>, found: &[Observed]) {
    let targets = bench.subject.targets.clone();
    let seen = bench.look(&targets).and_then(|before| {
        let already = |answer: &Answer| match answer {
            Answer::AlreadySo { .. } => true,
            Answer::Done | Answer::Failed(_) => false,
        };
        let mut words = String::new();
        for prior in [found, &before[..]] {
            let answers = bench.act(Act::Refuse, prior);
            words = told(&answers);
            if !answers.iter().all(already) {
                return Err(format!("it was told: {words}"));
            }
        }
        let after = bench.look(&targets)?;
        bench.differs(&before, &after).map_or(Ok(words), Err)
    });
    bench.note(Promise::RefuseAgain, seen);
}

fn probe_holds(bench: &mut Bench<'_>) {
    let findings = match bench.probe() {
        Ok(findings) => findings,
        Err(words) => return bench.note(Promise::ProbeHolds, Err(words)),
    };
    if let Some(leak) = findings.iter().find(|probed| probed.finding == Finding::Leaks) {
        let words = format!("`{}` is refused, and a try succeeded", leak.target);
        return bench.note(Promise::ProbeHolds, Err(words));
    }
    if findings.iter().any(|probed| probed.finding == Finding::Untried) {
        return bench.not_tried(Promise::ProbeHolds, "the connector could not try it");
    }
    let words = format!("{} tries were refused", findings.len());
    bench.note(Promise::ProbeHolds, Ok(words));
}

/// A restore with a state that the connector has not written must not open anything.
fn foreign_prior(bench: &mut Bench<'_>, found: &[Observed]) {
    let targets = bench.subject.targets.clone();
    let seen = bench.look(&targets).and_then(|before| {
        let foreign = |seen: &Observed| Observed { state: foreign_state(), ..seen.clone() };
        let foreign: Vec<Observed> = found.iter().map(foreign).collect();
        let answers = bench.act(Act::Restore, &foreign);
        let told = told(&answers);
        let after = bench.look(&targets)?;
        if let Some(difference) = bench.differs(&before, &after) {
            return Err(format!("{told}; {difference}"));
        }
        let claims = answers.contains(&Answer::Done);
        if claims { Err(format!("it was told: {told}")) } else { Ok(told) }
    });
    bench.note(Promise::ForeignPrior, seen);
}

fn restore(bench: &mut Bench<'_>, found: &[Observed]) {
    let seen = give_back(bench, found);
    bench.note(Promise::Restore, seen);
    let targets = bench.subject.targets.clone();
    let again = bench.look(&targets).and_then(|before| {
        let answers = bench.act(Act::Restore, found);
        let told = told(&answers);
        let after = bench.look(&targets)?;
        match bench.differs(&before, &after) {
            Some(difference) => Err(format!("{told}; {difference}")),
            None if answers.iter().all(Answer::is_done) => Ok(told),
            None => Err(format!("it was told: {told}")),
        }
    });
    bench.note(Promise::RestoreAgain, again);
}

/// Refuses with a prior state that is not true any more.
fn stale(bench: &mut Bench<'_>, found: &[Observed], disturb: Option<Disturb<'_>>) -> Vec<Observed> {
    let mut expected = found.to_vec();
    let Some(first) = expected.first_mut() else { return expected };
    let target = first.target.clone();
    let one = std::slice::from_ref(&target);
    let told_state = match disturb {
        Some(disturb) => {
            let seen = bench.look(one);
            disturb(&target);
            seen
        }
        // Without somebody else, a state that was never true does the same.
        None => Ok(vec![Observed { state: foreign_state(), ..first.clone() }]),
    };
    let seen = told_state.and_then(|told_state| {
        let before = bench.look(one)?;
        if same(&told_state, &before) {
            return Err("what somebody else changed cannot be seen in the state".to_owned());
        }
        if let [now] = &before[..] {
            first.clone_from(now);
        }
        let answers = bench.act(Act::Refuse, &told_state);
        noticed_or_left(bench, &before, &told_state, &answers)
    });
    bench.note(Promise::Stale, seen);
    expected
}

fn same(before: &[Observed], after: &[Observed]) -> bool {
    before.iter().zip(after).all(|(old, new)| old.state == new.state && old.access == new.access)
}

fn noticed_or_left(
    bench: &mut Bench<'_>,
    before: &[Observed],
    told_state: &[Observed],
    answers: &[Answer],
) -> Result<String, String> {
    let told = told(answers);
    let noticed = |answer: &Answer| match answer {
        Answer::Failed(trouble) => {
            matches!(trouble.kind, TroubleKind::Changed | TroubleKind::Unsupported)
        }
        Answer::Done | Answer::AlreadySo { .. } => false,
    };
    if !answers.iter().all(noticed) {
        if bench.subject.compares {
            give_back(bench, before)?;
            return Err(format!("the system compares, and yet it was told: {told}"));
        }
        // What the lift would put back must not undo what somebody else did.
        let known = told_state.iter().any(|prior| prior.state != foreign_state());
        bench.act(Act::Restore, if known { told_state } else { before });
        bench.until(before, |seen| seen.iter().all(|seen| seen.access == Access::Open))?;
    }
    let targets: Vec<NodeId> = before.iter().map(|seen| seen.target.clone()).collect();
    let after = bench.look(&targets)?;
    bench.differs(before, &after).map_or(Ok(told), Err)
}

/// Ends what is open on the targets.
pub(super) fn end(bench: &mut Bench<'_>, found: &[Observed]) {
    for refusing in [
        Promise::ProbeOpen,
        Promise::Refuse,
        Promise::RefuseAgain,
        Promise::Restore,
        Promise::RestoreAgain,
        Promise::ForeignPrior,
        Promise::Stale,
        Promise::AsFound,
        Promise::Listen,
    ] {
        bench.not_tried(refusing, "this kind ends what is open, which cannot be given back");
    }
    let bystanders = bench.look_at(&bench.subject.bystanders.clone());
    let over = |seen: &Observed| {
        seen.access.is_closed() || (seen.access.is_open() && seen.residual_seconds.is_some())
    };
    edges::short_deadline(bench, found, over);
    let mut seen = Ok(String::new());
    // Twice: the second finds nothing to do.
    for _ in 0..2 {
        let answers = bench.act(Act::End, found);
        let told = told(&answers);
        if !answers.iter().all(Answer::is_done) {
            seen = Err(told);
            break;
        }
        seen = match bench.until(found, |seen| seen.iter().all(over)) {
            Ok(seen) => Ok(format!("{told}; {}", residual(&seen))),
            Err(words) => Err(format!("{told}, yet {words}, with no time told")),
        };
        if seen.is_err() {
            break;
        }
    }
    bench.note(Promise::End, seen);
    match bench.look(&bench.subject.targets.clone()) {
        Ok(seen) if seen.iter().all(|seen| seen.access.is_closed()) => probe_holds(bench),
        Ok(_) | Err(_) => {
            bench.not_tried(Promise::ProbeHolds, "something is open until it ends by itself")
        }
    }
    if bystanders.is_some() {
        edges::bystanders(bench, bystanders);
    }
}

fn residual(seen: &[Observed]) -> String {
    let longest = seen.iter().filter(|seen| seen.open > 0).filter_map(|seen| seen.residual_seconds);
    match longest.max() {
        Some(seconds) => format!("{}, for {seconds} s at most", describe(seen)),
        None => describe(seen),
    }
}

type Told = Option<(crate::Listening, mpsc::Receiver<NodeId>)>;

fn listen(bench: &mut Bench<'_>) -> Told {
    let (sender, receiver) = mpsc::channel();
    let told = Box::new(move |node: &NodeId| drop(sender.send(node.clone())));
    match bench.connector.listen(&bench.subject.targets, told) {
        Ok(Some(listening)) => Some((listening, receiver)),
        Ok(None) => {
            bench.not_tried(Promise::Listen, "the system tells of nothing");
            None
        }
        Err(trouble) => {
            bench.note(Promise::Listen, Err(trouble.to_string()));
            None
        }
    }
}

fn told_of(bench: &mut Bench<'_>, listening: Told) {
    let Some((listening, receiver)) = listening else { return };
    let targets = &bench.subject.targets;
    let end = std::time::Instant::now() + bench.subject.within;
    let left = || end.saturating_duration_since(std::time::Instant::now());
    let mut heard = false;
    while !heard {
        match receiver.recv_timeout(left()) {
            Ok(node) => heard = targets.contains(&node),
            Err(_) => break,
        }
    }
    drop(listening);
    let words = "a target was refused, and the listener heard nothing of it";
    let seen =
        if heard { Ok("it was told of the refusal".to_owned()) } else { Err(words.to_owned()) };
    bench.note(Promise::Listen, seen);
}

/// Leaves the targets as they were found, and says whether they are.
pub(super) fn as_found(bench: &mut Bench<'_>, found: &[Observed]) {
    let targets = bench.subject.targets.clone();
    let mut seen = bench.look(&targets).map(|now| bench.differs(found, &now));
    if matches!(seen, Ok(Some(_)) | Err(_)) {
        bench.act(Act::Restore, found);
        let shown = bench.until(found, |seen| seen.iter().all(|seen| seen.access.is_open()));
        seen = shown.map(|now| bench.differs(found, &now));
    }
    let seen = seen.and_then(|difference| match difference {
        Some(difference) => Err(difference),
        None => Ok("every target was given back".to_owned()),
    });
    bench.note(Promise::AsFound, seen);
}
