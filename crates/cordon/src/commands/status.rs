//! `cordon status`: incidents, withdrawals and services as the ledger has them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cordon_execute::{Stage, State};
use cordon_model::action::ServiceState;
use cordon_model::record::{Entry, Record};
use cordon_model::{IncidentId, NodeId, ServiceId, Timestamp, WithdrawalId};
use serde::Serialize;

use crate::cli::{DataArgs, Format};
use crate::commands::{print, print_json};
use crate::data::Data;
use crate::exit;
use crate::text::{Align, Table, short_list};

#[derive(Serialize)]
struct Status {
    incidents: Vec<IncidentLine>,
    withdrawals: Vec<WithdrawalLine>,
    services: Vec<ServiceLine>,
}

#[derive(Serialize)]
struct IncidentLine {
    id: IncidentId,
    state: &'static str,
    opened: Timestamp,
    footholds: Vec<NodeId>,
}

#[derive(Serialize)]
struct WithdrawalLine {
    id: WithdrawalId,
    state: Stage,
    since: Timestamp,
    until: Timestamp,
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
        withdrawals: withdrawals(&state),
        services: services(&data, &state),
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
    incidents.into_values().collect()
}

fn withdrawals(state: &State) -> Vec<WithdrawalLine> {
    let all = state.standings.iter();
    all.map(|(id, standing)| WithdrawalLine {
        id: id.clone(),
        state: standing.stage,
        since: standing.since,
        until: standing.until,
    })
    .collect()
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
        let state = format!("{:?}", withdrawal.state).to_lowercase();
        table.row([withdrawal.id.to_string(), state, withdrawal.since.to_string()]);
    }
    let _ = write!(out, "\n{}\n", table.render(0));
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
    out
}
