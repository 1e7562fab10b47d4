//! `cordon status`: incidents, withdrawals and services as the ledger has them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cordon_execute::State;
use cordon_model::action::ServiceState;
use cordon_model::record::{Entry, FootholdVerdict, LinkSeen, Record};
use cordon_model::{IncidentId, NodeId, ServiceId, Timestamp, WithdrawalId};
use serde::Serialize;

use crate::cli::{DataArgs, Format};
use crate::commands::{print, print_json};
use crate::data::{Data, PATIENCE_SECONDS};
use crate::progress::Line;
use crate::text::{Align, Table, count, list, short_list, thousands};
use crate::{exit, memory};

/// Contradicted links listed in text.
const LISTED: usize = 10;

#[derive(Serialize)]
struct Status {
    incidents: Vec<IncidentLine>,
    withdrawals: Vec<Line>,
    leaks: Vec<LeakLine>,
    services: Vec<ServiceLine>,
    decisions: Vec<WordLine>,
    sources: Vec<SourceLine>,
    links: LinksLine,
}

/// What a person has said of a foothold, as long as it stands.
#[derive(Serialize)]
struct WordLine {
    node: NodeId,
    verdict: FootholdVerdict,
    by: String,
    at: Timestamp,
    because: String,
}

/// When a log source was last heard.
#[derive(Serialize)]
struct SourceLine {
    source: String,
    /// Holdings whose accesses it would show.
    covers: Vec<NodeId>,
    events: u64,
    last: Option<Timestamp>,
    /// Seconds since the last event of any source.
    silent_seconds: Option<i64>,
    stale: bool,
}

/// What logs have shown of the estate's links.
#[derive(Serialize)]
struct LinksLine {
    all: usize,
    confirmed: usize,
    last_confirmed: Option<Timestamp>,
    contradicted: Vec<LinkSeen>,
}

#[derive(Serialize)]
struct IncidentLine {
    id: IncidentId,
    state: &'static str,
    opened: Timestamp,
    footholds: Vec<NodeId>,
}

/// A node that acts although it is withdrawn.
#[derive(Serialize)]
struct LeakLine {
    withdrawal: WithdrawalId,
    node: NodeId,
    at: Timestamp,
    entry: u64,
    message: String,
}

#[derive(Serialize)]
struct ServiceLine {
    id: ServiceId,
    protected: bool,
    state: ServiceState,
    since: Option<Timestamp>,
}

/// Runs the command.
pub(crate) fn run(args: &DataArgs) -> anyhow::Result<u8> {
    let data = Data::open(&args.data)?;
    let state = State::fold(&data.entries);
    let status = Status {
        incidents: incidents(&data.entries),
        withdrawals: state.standings.values().map(Line::of).collect(),
        leaks: leaks(&state),
        services: services(&data, &state),
        decisions: decisions(&data.entries),
        sources: sources(&data),
        links: links(&data),
    };
    match args.format {
        Format::Json => print_json(&status)?,
        Format::Text => print(&words(&status))?,
    }
    Ok(exit::DONE)
}

fn incidents(entries: &[Entry]) -> Vec<IncidentLine> {
    let mut incidents: BTreeMap<IncidentId, IncidentLine> = BTreeMap::new();
    for entry in entries {
        if let Record::IncidentOpened(opened) = &entry.body {
            let (id, opened) = (opened.incident.clone(), opened.from);
            let line =
                IncidentLine { id: id.clone(), state: "open", opened, footholds: Vec::new() };
            incidents.insert(id, line);
        } else if let Record::IncidentClosed(closed) = &entry.body {
            if let Some(line) = incidents.get_mut(&closed.incident) {
                line.state = "closed";
            }
        } else if let Record::Foothold(found) = &entry.body
            && let Some(line) = found.incident.as_ref().and_then(|id| incidents.get_mut(id))
        {
            line.footholds.retain(|node| *node != found.node);
            if found.probability >= 0.5 {
                line.footholds.push(found.node.clone());
            }
        }
    }
    for word in memory::words(entries) {
        for line in incidents.values_mut().filter(|_| !word.decision.foothold) {
            line.footholds.retain(|node| *node != word.node);
        }
    }
    incidents.into_values().collect()
}

fn leaks(state: &State) -> Vec<LeakLine> {
    let lines = state.leaks.iter().map(|leak| LeakLine {
        withdrawal: leak.withdrawal.clone(),
        node: leak.node.clone(),
        at: leak.at,
        entry: leak.entry,
        message: leak.message(),
    });
    lines.collect()
}

fn services(data: &Data, state: &State) -> Vec<ServiceLine> {
    let all = data.loaded.estate.services().iter();
    all.map(|service| {
        let seen = state.services.get(&service.id);
        ServiceLine {
            id: service.id.clone(),
            protected: service.protected,
            state: seen.map_or(ServiceState::Unknown, |seen| seen.state),
            since: seen.map(|seen| seen.since),
        }
    })
    .collect()
}

fn decisions(entries: &[Entry]) -> Vec<WordLine> {
    let words = memory::words(entries).into_iter();
    words
        .map(|word| WordLine {
            node: word.node,
            verdict: word.verdict,
            by: word.decision.by,
            at: word.decision.at,
            because: word.decision.because,
        })
        .collect()
}

/// The sources that were heard, and those that the estate's coverage counts on.
fn sources(data: &Data) -> Vec<SourceLine> {
    let estate = &data.loaded.estate;
    let mut heard: BTreeMap<&str, (u64, Option<Timestamp>)> = BTreeMap::new();
    for coverage in estate.coverage() {
        heard.entry(&coverage.source).or_default();
    }
    for entry in &data.entries {
        if let Record::Heard(span) = &entry.body {
            let known = heard.entry(&span.span.source).or_default();
            known.0 = known.0.saturating_add(span.events);
            known.1 = known.1.max(Some(span.span.to));
        }
    }
    let newest = heard.values().filter_map(|(_, last)| *last).max();
    heard
        .into_iter()
        .map(|(source, (events, last))| {
            let covers = estate.coverage().iter().filter(|coverage| *coverage.source == *source);
            let silent =
                newest.zip(last).map(|(newest, last)| newest.duration_since(last).as_secs());
            SourceLine {
                source: source.to_owned(),
                covers: covers.map(|coverage| estate.id(coverage.holding).clone()).collect(),
                events,
                last,
                silent_seconds: silent,
                stale: silent.is_none_or(|silent| silent > i64::from(PATIENCE_SECONDS)),
            }
        })
        .collect()
}

fn links(data: &Data) -> LinksLine {
    let mut newest: BTreeMap<(&NodeId, &NodeId, &str), &LinkSeen> = BTreeMap::new();
    for entry in &data.entries {
        if let Record::Links(seen) = &entry.body {
            newest.extend(seen.links.iter().map(|l| ((&l.from, &l.to, l.kind.as_str()), l)));
        }
    }
    let (contradicted, confirmed): (Vec<_>, Vec<_>) =
        newest.into_values().partition(|link| link.contradicted.is_some());
    LinksLine {
        all: data.loaded.estate.links().len(),
        confirmed: confirmed.len(),
        last_confirmed: confirmed.iter().filter_map(|link| link.confirmed).max(),
        contradicted: contradicted.into_iter().cloned().collect(),
    }
}

/// How fresh the evidence is: people's words, blind spots, and the links that logs speak of.
fn freshness(status: &Status) -> String {
    let mut out = String::new();
    for said in &status.decisions {
        let verdict = match said.verdict {
            FootholdVerdict::Add | FootholdVerdict::Confirm => "is the intruder's",
            FootholdVerdict::Clear | FootholdVerdict::Withdraw => "is not the intruder's",
        };
        let _ = writeln!(out, "{} says that {} {verdict}: {}", said.by, said.node, said.because);
    }
    let blind = status.sources.iter().filter(|source| source.stale && !source.covers.is_empty());
    for source in blind {
        let since = source
            .last
            .map_or_else(|| "never heard".to_owned(), |last| format!("silent since {last}"));
        let covers: Vec<&str> = source.covers.iter().map(NodeId::as_str).collect();
        let _ = writeln!(
            out,
            "Blind: {} ({since}), which would show accesses to {}",
            source.source,
            list(&covers)
        );
    }
    let stale = status.sources.iter().filter(|source| source.stale).count();
    let links = &status.links;
    let _ = writeln!(
        out,
        "Heard: {} of {}. Logs confirm {} of {} and contradict {}.",
        thousands(wide(status.sources.len() - stale)),
        count(
            status.sources.len(),
            "source within the last quarter of an hour",
            "sources within the last quarter of an hour"
        ),
        thousands(wide(links.confirmed)),
        count(links.all, "link of the estate", "links of the estate"),
        thousands(wide(links.contradicted.len()))
    );
    for link in links.contradicted.iter().take(LISTED) {
        let at = link.contradicted.map_or_else(String::new, |at| at.to_string());
        let _ =
            writeln!(out, "  {} -> {} ({}): {} {at}", link.from, link.to, link.kind, link.because);
    }
    out
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn words(status: &Status) -> String {
    let mut out = String::new();
    if status.incidents.is_empty() {
        out.push_str("No incident.\n");
    }
    for incident in &status.incidents {
        let nodes: Vec<&str> = incident.footholds.iter().map(NodeId::as_str).collect();
        let _ = writeln!(
            out,
            "{} [{}] opened {}: {}",
            incident.id,
            incident.state,
            incident.opened,
            short_list(&nodes, 6)
        );
    }
    let mut table =
        Table::new(&[("withdrawal", Align::Left), ("state", Align::Left), ("since", Align::Left)]);
    for withdrawal in &status.withdrawals {
        let since = withdrawal.since.to_string();
        table.row([withdrawal.id.to_string(), withdrawal.words(), since]);
    }
    let _ = write!(out, "\n{}\n", table.render(0));
    for leak in &status.leaks {
        let _ = writeln!(out, "LEAK: {}\n", leak.message);
    }
    let mut table =
        Table::new(&[("service", Align::Left), ("", Align::Left), ("state", Align::Left)]);
    for service in &status.services {
        let protected = if service.protected { "protected" } else { "" };
        let state = match service.state {
            ServiceState::Unknown => "not checked".to_owned(),
            seen @ (ServiceState::Trading | ServiceState::Degraded | ServiceState::Stopped) => {
                format!("{seen:?}").to_lowercase()
            }
        };
        table.row([service.id.to_string(), protected.to_owned(), state]);
    }
    out.push_str(&table.render(0));
    let _ = write!(out, "\n{}", freshness(status));
    out
}
