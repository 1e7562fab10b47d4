//! A program on another machine that is all that a key of ours can run.
//!
//! It takes no arguments: each line of its input is a request, each line of its
//! output the answer, with fields parted by tabs. Nothing of a request passes a
//! shell, and the key of a connector gives no more than the program does.

use std::time::{Duration, Instant};

use cordon_model::action::{Call, Trouble, TroubleKind};
use cordon_model::{Mode, NodeId};

use crate::Readiness;
use crate::remote::Way;

/// The program, and how it is reached.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) way: Way,
    pub(crate) program: String,
    /// The version that the connector works with.
    pub(crate) version: &'static str,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Said(Vec<String>);

/// A target with the answer about it.
pub(crate) type Answered<'a> = (&'a NodeId, Result<Said, Trouble>);

/// A request: fields parted by tabs, with nothing in them that could end one.
pub(crate) fn line(fields: &[&str]) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let fields: Vec<String> =
        fields.iter().map(|field| field.chars().take(1000).map(plain).collect()).collect();
    fields.join("\t") + "\n"
}

impl Said {
    fn read(line: &str) -> Self {
        Self(line.split('\t').map(str::to_owned).collect())
    }

    /// What sort of answer it is.
    pub(crate) fn word(&self) -> &str {
        self.field(0)
    }

    /// One of its fields, empty where there is none.
    pub(crate) fn field(&self, index: usize) -> &str {
        self.0.get(index).map_or("", String::as_str)
    }

    /// The fields from one on.
    pub(crate) fn fields_from(&self, index: usize) -> &[String] {
        self.0.get(index..).unwrap_or_default()
    }
}

impl Bound {
    /// Sends requests and reads as many answers.
    fn ask(&self, requests: &[String], by: Instant) -> Result<Vec<Said>, Trouble> {
        let left = by.saturating_duration_since(Instant::now());
        let ran = self.way.run(&[&self.program], &requests.concat(), left)?;
        let said: Vec<Said> = ran.stdout.lines().map(Said::read).collect();
        if ran.is_ok() && said.len() == requests.len() {
            return Ok(said);
        }
        let place = self.way.place();
        let denied = ["ermission denied", "password is required", "not allowed", "may not run"];
        if denied.iter().any(|words| ran.stderr.contains(words)) {
            let why = format!("{place} does not permit `{}`: {}", self.program, ran.complaint());
            return Err(Trouble::new(TroubleKind::Denied, why));
        }
        if ran.code == Some(75) {
            let why = format!("`{}` on {place} is busy: {}", self.program, ran.complaint());
            return Err(Trouble::new(TroubleKind::Unreachable, why));
        }
        let why = format!(
            "`{}` on {place} answered {} of {} requests: {}; look again",
            self.program,
            said.len(),
            requests.len(),
            ran.complaint()
        );
        Err(Trouble::new(TroubleKind::NoReply, why))
    }

    /// Makes a request for each target, asks, and puts the answers beside the targets; a target
    /// for which no request can be made keeps its trouble.
    pub(crate) fn each<'a>(
        &self,
        call: &'a Call,
        deadline: Duration,
        request: impl Fn(&NodeId) -> Result<String, Trouble>,
    ) -> Result<Vec<Answered<'a>>, Trouble> {
        let made: Vec<(&NodeId, Result<String, Trouble>)> =
            call.targets.iter().map(|node| (node, request(node))).collect();
        let requests: Vec<String> =
            made.iter().filter_map(|(_, line)| line.as_ref().ok().cloned()).collect();
        if requests.is_empty()
            && let Some((_, Err(trouble))) = made.first()
        {
            return Err(trouble.clone());
        }
        let mut said = self.ask(&requests, Instant::now() + deadline)?.into_iter();
        let silent = || Trouble::new(TroubleKind::NoReply, "too little was answered");
        let pair = |(node, line): (&'a NodeId, Result<String, Trouble>)| {
            (node, line.and_then(|_| said.next().ok_or_else(silent)))
        };
        Ok(made.into_iter().map(pair).collect())
    }

    /// Whether it is there, of the right version, and all that our key can run.
    pub(crate) fn readiness(&self, deadline: Duration) -> Readiness {
        let by = Instant::now() + deadline;
        match self.ask(&[line(&["version"])], by) {
            Err(trouble) => return Readiness::Unable(trouble),
            Ok(said) if said.iter().all(|said| said.field(1) == self.version) => {}
            Ok(_) => {
                let why = format!("`{}` there is not of version {}", self.program, self.version);
                return Readiness::Unable(Trouble::new(TroubleKind::Unsupported, why));
            }
        }
        opens_root_shell(&self.way, by).map_or(Readiness::Able, Readiness::Excessive)
    }
}

/// Says that a key gives more than the program that it is for: a key that is bound to it runs it
/// instead of this, and prints no number.
pub(crate) fn opens_root_shell(way: &Way, by: Instant) -> Option<String> {
    if !way.is_remote() {
        return None;
    }
    let left = by.saturating_duration_since(Instant::now());
    let ran = way.bare().run(&["id", "-u"], "", left).ok()?;
    let why = "the key opens a root shell; bind it as the connector's page of docs/connectors says";
    (ran.is_ok() && ran.stdout.trim() == "0").then(|| why.to_owned())
}

/// Holds an act back that is not of the order's mode.
pub(crate) fn require(call: &Call, mode: Mode) -> Result<(), Trouble> {
    if call.order.mode == mode {
        return Ok(());
    }
    let why = format!("`{}` is not done by this act", call.order.kind);
    Err(Trouble::new(TroubleKind::Unsupported, why))
}
