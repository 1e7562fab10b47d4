//! What a scan says: the JSON that other programs read, CSV, and words.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use cordon_incident::{Assessment, Foothold, Incident};
use cordon_model::signal::{Detection, Level, Problem, Role};
use cordon_model::{NodeId, Timestamp};
use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};

use super::{FactCounts, Seen};
use crate::failure::problem_line;
use crate::reckoning::Page;
use crate::text::{Align, Table, count, likelihood, short_list, thousands};

/// Reasons shown per foothold in text.
const REASONS: usize = 4;
/// Rules and problems listed in text.
const LISTED: usize = 25;

/// Everything that a scan answers.
#[derive(Serialize)]
pub(super) struct Answer<'a> {
    events: u64,
    seconds: f64,
    detections: Detections<'a>,
    facts: FactCounts,
    footholds: &'a [Foothold],
    suspects: &'a [Foothold],
    incidents: &'a [Incident],
    unknown_reach: &'a [cordon_incident::UnknownReach],
    problems: &'a [Problem],
}

struct Detections<'a> {
    all: &'a [Detection],
    assessment: &'a Assessment,
}

#[derive(Serialize)]
struct DetectionLine<'a> {
    time: Timestamp,
    rule: RuleLine<'a>,
    techniques: &'a [String],
    nodes: Vec<InRole>,
    file: &'a str,
    record: u64,
}

#[derive(Serialize)]
struct RuleLine<'a> {
    id: &'a str,
    title: &'a str,
    level: Level,
}

#[derive(Serialize)]
struct InRole {
    node: NodeId,
    role: Role,
}

impl<'a> Detections<'a> {
    fn line(&self, detection: &'a Detection) -> DetectionLine<'a> {
        let names = &self.assessment.names;
        let resolved = names.resolve_all(&detection.mentions, detection.time);
        let nodes = resolved.into_iter().zip(detection.mentions.iter());
        let rule = &detection.rule;
        DetectionLine {
            time: detection.time,
            rule: RuleLine { id: &rule.id, title: &rule.title, level: rule.level },
            techniques: &rule.techniques,
            nodes: nodes
                .filter_map(|(node, mention)| Some(InRole { node: node?, role: mention.role }))
                .collect(),
            file: &detection.place.file,
            record: detection.place.record,
        }
    }
}

impl Serialize for Detections<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.all.len()))?;
        for detection in self.all {
            list.serialize_element(&self.line(detection))?;
        }
        list.end()
    }
}

impl<'a> Answer<'a> {
    pub(super) fn new(seen: &'a Seen<'_>, assessment: &'a Assessment, took: Duration) -> Self {
        Self {
            events: seen.events,
            seconds: took.as_secs_f64(),
            detections: Detections { all: &seen.detections, assessment },
            facts: seen.facts,
            footholds: &assessment.footholds,
            suspects: &assessment.suspects,
            incidents: &assessment.incidents,
            unknown_reach: &assessment.unknown_reach,
            problems: &seen.problems,
        }
    }

    /// Writes the answer as JSON, detection by detection.
    pub(super) fn print_json(&self) -> anyhow::Result<()> {
        let mut out = BufWriter::new(std::io::stdout().lock());
        let written = serde_json::to_writer(&mut out, self)
            .map_err(std::io::Error::from)
            .and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush());
        match written {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(error).context("cannot write to standard output")
            }
            _ => Ok(()),
        }
    }

    /// Writes the detections as CSV.
    pub(super) fn print_csv(&self) -> anyhow::Result<()> {
        let mut out = csv::Writer::from_writer(std::io::stdout().lock());
        out.write_record([
            "time",
            "level",
            "rule",
            "title",
            "techniques",
            "nodes",
            "file",
            "record",
        ])?;
        for detection in self.detections.all {
            let line = self.detections.line(detection);
            let nodes: Vec<String> = line
                .nodes
                .iter()
                .map(|in_role| format!("{}={}", word(&in_role.role), in_role.node))
                .collect();
            out.write_record([
                &line.time.to_string(),
                &word(&line.rule.level),
                line.rule.id,
                line.rule.title,
                &line.techniques.join(";"),
                &nodes.join(";"),
                line.file,
                &line.record.to_string(),
            ])?;
        }
        out.flush().context("cannot write to standard output")
    }

    /// Says the answer in words: the intruder first, then what matched, then what was not read.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        for incident in self.incidents {
            let nodes: Vec<&str> = incident.footholds.iter().map(NodeId::as_str).collect();
            let _ = writeln!(
                out,
                "{}: {} to {}: {}",
                incident.id,
                incident.from,
                incident.to,
                short_list(&nodes, 8)
            );
        }
        if self.incidents.is_empty() {
            out.push_str("No incident: no account, host, key or address reaches \"likely\".\n");
        }
        for (title, list) in [("Footholds", self.footholds), ("Suspects", self.suspects)] {
            if !list.is_empty() {
                let _ = writeln!(out, "\n{title}");
            }
            list.iter().for_each(|foothold| out.push_str(&foothold_text(foothold)));
        }
        out.push_str(&self.rule_table());
        let _ = writeln!(
            out,
            "\n{} in {:.1} s · {} · facts: {} logons, {} accesses, {} changes of rights",
            events(self.events),
            self.seconds,
            count(self.detections.all.len(), "detection", "detections"),
            thousands(self.facts.logon),
            thousands(self.facts.access),
            thousands(self.facts.change)
        );
        for problem in self.problems.iter().take(LISTED) {
            let _ = writeln!(out, "problem: {}", problem_line(problem));
        }
        if let Some(more @ 1..) = self.problems.len().checked_sub(LISTED) {
            let _ = writeln!(
                out,
                "... and {}; `--format json` lists all",
                count(more, "more problem", "more problems")
            );
        }
        out
    }

    /// Every reason behind every foothold and suspect.
    pub(super) fn reasons(&self) -> String {
        let mut out = String::new();
        for foothold in self.footholds.iter().chain(self.suspects) {
            let incident = self.incidents.iter().find(|i| i.footholds.contains(&foothold.node));
            let page = Page::of_foothold(foothold, incident.map(|incident| &incident.id));
            let _ = writeln!(out, "{}", page.text());
        }
        if out.is_empty() {
            out.push_str("No account, host, key or address is even possibly the intruder's.\n");
        }
        out
    }

    fn rule_table(&self) -> String {
        let mut counts: std::collections::BTreeMap<(std::cmp::Reverse<Level>, &str), u64> =
            std::collections::BTreeMap::new();
        for detection in self.detections.all {
            let key = (std::cmp::Reverse(detection.rule.level), detection.rule.title.as_str());
            *counts.entry(key).or_default() += 1;
        }
        if counts.is_empty() {
            return String::new();
        }
        let mut table =
            Table::new(&[("level", Align::Left), ("hits", Align::Right), ("rule", Align::Left)]);
        for ((level, title), hits) in counts.iter().take(LISTED) {
            table.row([word(&level.0), thousands(*hits), (*title).to_owned()]);
        }
        let mut out = format!("\nDetections\n{}", table.render(2));
        if let Some(more @ 1..) = counts.len().checked_sub(LISTED) {
            let _ = writeln!(out, "  ... and {}", count(more, "more rule", "more rules"));
        }
        out
    }
}

fn foothold_text(foothold: &Foothold) -> String {
    let mut out = format!(
        "  {}  {} ({:.2}), since {}\n",
        foothold.node,
        likelihood(foothold.probability),
        foothold.probability,
        foothold.since
    );
    for reason in foothold.reasons.iter().take(REASONS) {
        let place = reason.place.as_ref().map_or_else(String::new, |place| {
            format!(" [{}, record {}]", place.file, place.record)
        });
        let _ = writeln!(out, "    {:+.1}  {}{place}", reason.log_odds, reason.text);
    }
    out
}

fn events(number: u64) -> String {
    let word = if number == 1 { "event" } else { "events" };
    format!("{} {word}", thousands(number))
}

/// A unit enum value as it is spelt in JSON.
fn word(value: &impl Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}
