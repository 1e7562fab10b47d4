//! Where a connector is examined: makes calls, times them, and keeps what was seen.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cordon_model::NodeId;
use cordon_model::action::{
    Access, Act, Answer, Call, Json, Observed, Order, Outcome, Probed, Reply, Trouble, TroubleKind,
};

use super::{Line, Promise, Subject, Verdict, lasting};
use crate::Connector;

/// What a call may take beyond its deadline on a busy machine.
const GRACE: Duration = Duration::from_millis(1500);
/// The wait between two looks for the same thing.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// A connector on the bench.
pub(super) struct Bench<'a> {
    pub(super) connector: &'a mut dyn Connector,
    pub(super) subject: &'a Subject,
    notes: BTreeMap<Promise, (Verdict, String)>,
    slowest: Duration,
}

impl<'a> Bench<'a> {
    pub(super) fn new(connector: &'a mut dyn Connector, subject: &'a Subject) -> Self {
        Self { connector, subject, notes: BTreeMap::new(), slowest: Duration::ZERO }
    }

    /// Keeps how a promise stands; what was once broken stays broken.
    pub(super) fn note(&mut self, promise: Promise, seen: Result<String, String>) {
        let (verdict, words) = match seen {
            Ok(words) => (Verdict::Kept, words),
            Err(words) => (Verdict::Broken, words),
        };
        let known = self.notes.get(&promise).map(|(verdict, _)| *verdict);
        if known != Some(Verdict::Broken) {
            self.notes.insert(promise, (verdict, words));
        }
    }

    /// Keeps why a promise was not tried, unless it was.
    pub(super) fn not_tried(&mut self, promise: Promise, why: &str) {
        self.notes.entry(promise).or_insert_with(|| (Verdict::NotTried, why.to_owned()));
    }

    /// The same for all that nothing is known of yet, but for what other parts will try.
    pub(super) fn not_tried_rest(&mut self, why: &str) {
        for promise in Promise::ALL {
            let later = [Promise::Bystanders, Promise::Offline];
            if !later.contains(&promise) {
                self.not_tried(promise, why);
            }
        }
    }

    pub(super) fn lines(mut self) -> Vec<Line> {
        for promise in Promise::ALL {
            self.not_tried(promise, "the caller gave nothing to try it with");
        }
        let line = |(promise, (verdict, seen))| Line { promise, verdict, seen };
        self.notes.into_iter().map(line).collect()
    }

    pub(super) fn call(&self, act: Act, targets: &[NodeId], prior: &[Observed]) -> Call {
        let order = Order {
            withdrawal: format!("{}/conformance", self.subject.kind).into(),
            kind: self.subject.kind.clone(),
            mode: self.subject.mode,
            targets: targets.to_vec(),
            connector: None,
            enforcer: None,
            order: 1,
            lift_order: 1,
            ttl_seconds: 600,
            services: Vec::new(),
            note: "a test of the connector".to_owned(),
        };
        let attempt = u32::from(act != Act::Look || !prior.is_empty());
        Call { act, order, targets: targets.to_vec(), prior: prior.to_vec(), attempt }
    }

    /// Makes a call, and keeps whether it came back in time and answered each target.
    pub(super) fn perform(&mut self, call: &Call, deadline: Duration) -> Reply {
        let begin = Instant::now();
        let reply = self.connector.perform(call, deadline);
        let taken = begin.elapsed();
        self.slowest = self.slowest.max(taken);
        let seen = if taken > deadline + GRACE {
            let (taken, deadline) = (taken.as_millis(), deadline.as_millis());
            Err(format!("{:?} took {taken} ms, with a deadline of {deadline} ms", call.act))
        } else {
            Ok(format!("the slowest took {} ms", self.slowest.as_millis()))
        };
        self.note(Promise::InTime, seen);
        if let Some(seen) = each_answered(call, &reply) {
            self.note(Promise::EachAnswered, seen);
        }
        reply
    }

    /// Looks at nodes; a refusal or another reply is words.
    pub(super) fn look(&mut self, targets: &[NodeId]) -> Result<Vec<Observed>, String> {
        self.look_after(targets, &[])
    }

    fn look_after(
        &mut self,
        targets: &[NodeId],
        prior: &[Observed],
    ) -> Result<Vec<Observed>, String> {
        // A look carries no prior state; having one only says that an attempt was made.
        let call = Call { prior: Vec::new(), ..self.call(Act::Look, targets, prior) };
        match self.perform(&call, self.subject.deadline) {
            Reply::Seen { targets } => Ok(targets),
            Reply::Trouble(trouble) => Err(trouble.to_string()),
            reply @ (Reply::Acted { .. } | Reply::Tried { .. }) => Err(nonsense(&reply)),
        }
    }

    /// Looks at nodes that need not be there.
    pub(super) fn look_at(&mut self, nodes: &[NodeId]) -> Option<Vec<Observed>> {
        if nodes.is_empty() {
            return None;
        }
        self.look(nodes).ok()
    }

    /// Refuses, ends or restores; the answers in the order of `prior`.
    pub(super) fn act(&mut self, act: Act, prior: &[Observed]) -> Vec<Answer> {
        let targets: Vec<NodeId> = prior.iter().map(|prior| prior.target.clone()).collect();
        let call = self.call(act, &targets, prior);
        let reply = self.perform(&call, self.subject.deadline);
        answers(&targets, reply)
    }

    /// Probes the targets.
    pub(super) fn probe(&mut self) -> Result<Vec<Probed>, String> {
        let call = self.call(Act::Probe, &self.subject.targets, &[]);
        match self.perform(&call, self.subject.deadline) {
            Reply::Tried { findings } => Ok(findings),
            Reply::Trouble(trouble) => Err(trouble.to_string()),
            reply @ (Reply::Acted { .. } | Reply::Seen { .. }) => Err(nonsense(&reply)),
        }
    }

    /// Looks until something is so, for as long as a change may take to show.
    pub(super) fn until(
        &mut self,
        prior: &[Observed],
        is_so: impl Fn(&[Observed]) -> bool,
    ) -> Result<Vec<Observed>, String> {
        let targets: Vec<NodeId> = prior.iter().map(|prior| prior.target.clone()).collect();
        let end = Instant::now() + self.subject.within;
        loop {
            let seen = self.look_after(&targets, prior);
            match seen {
                Ok(seen) if is_so(&seen) => return Ok(seen),
                Ok(_) | Err(_) if Instant::now() < end => std::thread::sleep(BETWEEN_LOOKS),
                Ok(seen) => return Err(describe(&seen)),
                Err(words) => return Err(words),
            }
        }
    }

    /// How two looks differ, but for what changes by itself.
    pub(super) fn differs(&self, before: &[Observed], after: &[Observed]) -> Option<String> {
        let own = self.subject.volatile.iter().map(String::as_str);
        let volatile: Vec<&str> = self.connector.volatile().iter().copied().chain(own).collect();
        before.iter().find_map(|old| {
            let Some(new) = after.iter().find(|new| new.target == old.target) else {
                return Some(format!("`{}` was not looked at again", old.target));
            };
            let states = [&old.state, &new.state].map(|s| lasting(s, &volatile));
            let [was, is] = &states;
            let same = old.access == new.access && was == is;
            (!same).then(|| {
                let target = &old.target;
                format!("`{target}` was {:?} {was}, and is {:?} {is}", old.access, new.access)
            })
        })
    }
}

/// Answers in the order of the targets; one that is missing failed.
pub(super) fn answers(targets: &[NodeId], reply: Reply) -> Vec<Answer> {
    let failed = |trouble: Trouble| vec![Answer::Failed(trouble); targets.len()];
    match reply {
        Reply::Acted { outcomes } => {
            targets.iter().map(|target| answer_of(&outcomes, target)).collect()
        }
        Reply::Trouble(trouble) => failed(trouble),
        reply @ (Reply::Seen { .. } | Reply::Tried { .. }) => {
            failed(Trouble::new(TroubleKind::Unsupported, nonsense(&reply)))
        }
    }
}

fn answer_of(outcomes: &[Outcome], target: &NodeId) -> Answer {
    let outcome = outcomes.iter().find(|outcome| outcome.target == *target);
    let silent = || Trouble::new(TroubleKind::Unsupported, format!("`{target}` got no answer"));
    outcome.map_or_else(|| Answer::Failed(silent()), |outcome| outcome.answer.clone())
}

/// Whether a reply speaks of exactly the targets of its call; trouble speaks of all.
fn each_answered(call: &Call, reply: &Reply) -> Option<Result<String, String>> {
    let (act, named): (_, Vec<&NodeId>) = match reply {
        Reply::Seen { targets } => (vec![Act::Look], targets.iter().map(|t| &t.target).collect()),
        Reply::Acted { outcomes } => (
            vec![Act::Refuse, Act::End, Act::Restore],
            outcomes.iter().map(|outcome| &outcome.target).collect(),
        ),
        Reply::Tried { findings } => {
            (vec![Act::Probe], findings.iter().map(|found| &found.target).collect())
        }
        Reply::Trouble(_) => return None,
    };
    if !act.contains(&call.act) {
        return Some(Err(format!("{:?} was answered with {}", call.act, nonsense(reply))));
    }
    let sorted = |mut nodes: Vec<&NodeId>| {
        nodes.sort();
        nodes.iter().map(|node| node.to_string()).collect::<Vec<_>>().join(", ")
    };
    let (asked, named) = (sorted(call.targets.iter().collect()), sorted(named));
    let same = asked == named;
    let broken = format!("{:?} of {asked} was answered for {named}", call.act);
    Some(same.then(|| format!("{} at once", call.targets.len())).ok_or(broken))
}

fn nonsense(reply: &Reply) -> String {
    let sort = match reply {
        Reply::Seen { .. } => "what a look sees",
        Reply::Acted { .. } => "what an act does",
        Reply::Tried { .. } => "what a probe finds",
        Reply::Trouble(_) => "trouble",
    };
    format!("a reply of another sort: {sort}")
}

/// What looks saw, in words.
pub(super) fn describe(seen: &[Observed]) -> String {
    let one = |seen: &Observed| {
        let open = if seen.open > 0 { format!(", {} open", seen.open) } else { String::new() };
        format!("`{}` is {}{open}", seen.target, access(seen.access))
    };
    seen.iter().map(one).collect::<Vec<_>>().join("; ")
}

pub(super) fn access(access: Access) -> &'static str {
    match access {
        Access::Open => "open",
        Access::Partly => "partly open",
        Access::Refused => "refused",
        Access::Absent => "absent",
        Access::Unknown => "unknown",
    }
}

/// What an answer says, in words.
pub(super) fn told(answers: &[Answer]) -> String {
    let one = |answer: &Answer| match answer {
        Answer::Done => "done".to_owned(),
        Answer::AlreadySo { by: Some(by) } => format!("already so, by {by}"),
        Answer::AlreadySo { by: None } => "already so".to_owned(),
        Answer::Failed(trouble) => trouble.to_string(),
    };
    let mut told: Vec<String> = answers.iter().map(one).collect();
    told.dedup();
    told.join("; ")
}

/// Whether nothing is told as done.
pub(super) fn all_failed(answers: &[Answer]) -> bool {
    answers.iter().all(|answer| !answer.is_done())
}

/// A state that no connector has written.
pub(super) fn foreign_state() -> Json {
    serde_json::json!({ "written-by": "nobody", "42": [] })
}
