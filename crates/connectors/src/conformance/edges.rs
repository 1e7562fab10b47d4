//! Promises about what must not happen: acting on strangers, on kinds that are
//! not known, without time, on what cannot be reached.

use std::time::Duration;

use cordon_model::action::{Access, Act, Answer, Call, Finding, Observed, Reply, TroubleKind};

use super::bench::{Bench, access, all_failed, answers, describe, told};
use super::{Promise, Subject};
use crate::{Connector, Readiness};

/// Asks the pre-flight about the kind.
pub(super) fn preflight(bench: &mut Bench<'_>) {
    let kind = bench.subject.kind.clone();
    let checks = bench.connector.preflight(bench.subject.deadline);
    let own: Vec<_> = checks.iter().filter(|check| check.kind == kind).collect();
    let trouble = own.iter().find_map(|check| match &check.finding {
        Readiness::Unable(trouble) => Some(format!("{:?}: {trouble}", check.act)),
        Readiness::Able | Readiness::Excessive(_) => None,
    });
    let excess = own.iter().find_map(|check| match &check.finding {
        Readiness::Excessive(what) => Some(format!("; it could do more than it needs: {what}")),
        Readiness::Able | Readiness::Unable(_) => None,
    });
    let seen = match trouble {
        _ if own.is_empty() => Err(format!("it says nothing about `{kind}`")),
        Some(trouble) => Err(trouble),
        None => Ok(format!("{} checks{}", own.len(), excess.unwrap_or_default())),
    };
    bench.note(Promise::Preflight, seen);
}

/// Looks at the targets; none if they cannot be seen, so that nothing else is tried.
pub(super) fn first_look(bench: &mut Bench<'_>) -> Option<Vec<Observed>> {
    let targets = bench.subject.targets.clone();
    let refuses = bench.subject.mode == cordon_model::Mode::Refuse;
    let seen = bench.look(&targets).and_then(|seen| {
        let blind = |seen: &&Observed| {
            seen.access == Access::Unknown
                || (refuses && seen.access.is_open() && seen.state.is_null())
        };
        match seen.iter().find(blind) {
            Some(blind) => {
                let (target, access) = (&blind.target, access(blind.access));
                Err(format!("`{target}` is {access}, with the state {}", blind.state))
            }
            None if seen.len() < targets.len() => Err("a target is missing".to_owned()),
            None => Ok(seen),
        }
    });
    match seen {
        Ok(seen) => {
            bench.note(Promise::Look, Ok(describe(&seen)));
            Some(seen)
        }
        Err(words) => {
            bench.note(Promise::Look, Err(words));
            bench.not_tried_rest("the targets cannot be looked at");
            bench.not_tried(Promise::Bystanders, "the targets cannot be looked at");
            None
        }
    }
}

/// Asks for a kind that nobody knows.
pub(super) fn unknown_kind(bench: &mut Bench<'_>, found: &[Observed]) {
    let Some(kind) = bench.subject.unknown_kind.clone() else {
        return bench.not_tried(Promise::UnknownKind, "it is said to know every kind");
    };
    let act = Act::raising(bench.subject.mode);
    let mut call = bench.call(act, &bench.subject.targets, found);
    call.order.kind = kind;
    let reply = bench.perform(&call, bench.subject.deadline);
    let answers = answers(&call.targets, reply);
    let seen = refused_unsupported(&answers).and_then(|told| unchanged(bench, found, told));
    bench.note(Promise::UnknownKind, seen);
}

/// Asks for a node that the connector has no business with.
pub(super) fn scope(bench: &mut Bench<'_>, found: &[Observed]) {
    let Some(outside) = bench.subject.outside.clone() else { return };
    let prior = Observed {
        target: outside,
        access: Access::Open,
        owner: None,
        state: found.first().map(|seen| seen.state.clone()).unwrap_or_default(),
        open: 0,
        residual_seconds: None,
    };
    let answers = bench.act(Act::raising(bench.subject.mode), &[prior]);
    let seen = refused_unsupported(&answers).and_then(|told| unchanged(bench, found, told));
    bench.note(Promise::Scope, seen);
}

fn refused_unsupported(answers: &[Answer]) -> Result<String, String> {
    let refused = |answer: &Answer| match answer {
        Answer::Failed(trouble) => trouble.kind == TroubleKind::Unsupported,
        Answer::Done | Answer::AlreadySo { .. } => false,
    };
    let told = told(answers);
    if answers.iter().all(refused) { Ok(told) } else { Err(format!("it was told: {told}")) }
}

fn unchanged(bench: &mut Bench<'_>, found: &[Observed], told: String) -> Result<String, String> {
    let targets = bench.subject.targets.clone();
    let now = bench.look(&targets)?;
    match bench.differs(found, &now) {
        Some(difference) => Err(format!("{told}; yet {difference}")),
        None => Ok(told),
    }
}

/// Asks what would be sent.
pub(super) fn rehearse(bench: &mut Bench<'_>, found: &[Observed]) {
    let act = Act::raising(bench.subject.mode);
    let call = bench.call(act, &bench.subject.targets, found);
    let seen = match bench.connector.rehearse(&call, bench.subject.deadline) {
        Ok(lines) if lines.is_empty() => Err("it told of nothing".to_owned()),
        Ok(lines) => unchanged(bench, found, lines.join("; ")),
        Err(trouble) => Err(trouble.to_string()),
    };
    bench.note(Promise::Rehearse, seen);
}

/// Gives a withdrawal no time; what it tells as done has to be so.
pub(super) fn short_deadline(
    bench: &mut Bench<'_>,
    found: &[Observed],
    is_so: impl Fn(&Observed) -> bool,
) {
    let act = Act::raising(bench.subject.mode);
    let call = bench.call(act, &bench.subject.targets, found);
    let reply = bench.perform(&call, Duration::from_millis(1));
    let answers = answers(&call.targets, reply);
    let told = told(&answers);
    let claimed = found.iter().zip(&answers).filter(|(_, answer)| answer.is_done());
    let claimed: Vec<Observed> = claimed.map(|(seen, _)| seen.clone()).collect();
    if claimed.is_empty() {
        return bench.note(Promise::ShortDeadline, Ok(told));
    }
    let shown = bench.until(&claimed, |seen| seen.iter().all(&is_so));
    let seen = match shown {
        Ok(_) => Ok(format!("{told}, and it was so")),
        Err(words) => Err(format!("{told}, yet {words}")),
    };
    bench.note(Promise::ShortDeadline, seen);
}

/// Compares the bystanders with how they were.
pub(super) fn bystanders(bench: &mut Bench<'_>, before: Option<Vec<Observed>>) {
    let Some(before) = before else {
        return bench.not_tried(Promise::Bystanders, "no bystander that could be looked at");
    };
    let nodes = bench.subject.bystanders.clone();
    let seen = bench.look(&nodes).and_then(|after| match bench.differs(&before, &after) {
        Some(difference) => Err(difference),
        None => Ok(format!("{} looked the same before, while and after", before.len())),
    });
    bench.note(Promise::Bystanders, seen);
}

/// Asks a connector whose system is gone for everything.
pub(super) fn offline(bench: &mut Bench<'_>, twin: &mut dyn Connector, found: &[Observed]) {
    let mut twins_bench = Bench::new(twin, bench.subject);
    let seen = acts_offline(&mut twins_bench, bench.subject, found);
    let late = twins_bench
        .lines()
        .into_iter()
        .find(|line| line.promise == Promise::InTime && line.verdict == super::Verdict::Broken);
    bench.note(
        Promise::Offline,
        match late {
            Some(late) => Err(late.seen),
            None => seen,
        },
    );
}

fn acts_offline(
    bench: &mut Bench<'_>,
    subject: &Subject,
    found: &[Observed],
) -> Result<String, String> {
    let prior: Vec<Observed> = subject.targets.iter().map(|node| prior_for(node, found)).collect();
    let mut words = String::new();
    for act in [Act::raising(subject.mode), Act::Restore] {
        if act == Act::Restore && subject.mode == cordon_model::Mode::End {
            continue;
        }
        let answers = bench.act(act, &prior);
        words = told(&answers);
        let honest = answers.iter().all(says_gone);
        if !honest || !all_failed(&answers) {
            return Err(format!("{act:?} was told: {words}"));
        }
    }
    let look = bench.call(Act::Look, &subject.targets, &[]);
    let probe = Call { act: Act::Probe, ..look.clone() };
    for call in [look, probe] {
        match bench.perform(&call, subject.deadline) {
            Reply::Seen { targets } if targets.iter().all(|seen| says_nothing(subject, seen)) => {}
            Reply::Tried { findings } if findings.iter().all(|f| f.finding == Finding::Untried) => {
            }
            Reply::Trouble(_) => {}
            reply @ (Reply::Seen { .. } | Reply::Tried { .. } | Reply::Acted { .. }) => {
                return Err(format!("{:?} was told: {reply:?}", call.act));
            }
        }
    }
    Ok(words)
}

fn prior_for(node: &cordon_model::NodeId, found: &[Observed]) -> Observed {
    let known = found.iter().find(|seen| seen.target == *node);
    known.cloned().unwrap_or_else(|| Observed {
        target: node.clone(),
        access: Access::Open,
        owner: None,
        state: serde_json::json!({}),
        open: 0,
        residual_seconds: None,
    })
}

fn says_nothing(subject: &Subject, seen: &Observed) -> bool {
    let assumes_the_worst = seen.access == Access::Open && seen.residual_seconds.is_none();
    seen.access == Access::Unknown || (subject.blind && assumes_the_worst)
}

fn says_gone(answer: &Answer) -> bool {
    match answer {
        Answer::Failed(trouble) => {
            matches!(trouble.kind, TroubleKind::Unreachable | TroubleKind::NoReply)
        }
        Answer::Done | Answer::AlreadySo { .. } => false,
    }
}
