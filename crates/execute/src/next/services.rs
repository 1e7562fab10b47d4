//! Watching protected services, and rolling back the newest cause when one stops.
//!
//! A plan never stops a protected service as far as the estate's model says; a
//! probe that fails after a cut says that the model is wrong. The newest cut
//! within its provisional time is lifted first, those that the model connects
//! with the service before the others, one at a time. A service that did not
//! trade before the cuts is nobody's fault here: a person is called.

use cordon_model::action::ServiceState;
use cordon_model::record::{By, Lift, Paged, Record, ServiceSeen};
use cordon_model::{Mode, ServiceId, Timestamp};

use super::{Agenda, Context, Step};
use crate::limits::seconds;
use crate::state::{Service, Standing};

/// Adds what the protected services need now.
pub(super) fn decide(context: &Context<'_>, agenda: &mut Agenda) {
    for service in &context.setting.protected {
        watch(context, service, agenda);
        let looks_stopped =
            context.seen.service(service).is_some_and(|look| look.state == ServiceState::Stopped);
        if let Some(known) = context.state.services.get(service)
            && known.state == ServiceState::Stopped
            && looks_stopped
        {
            roll_back(context, service, known, agenda);
        }
    }
}

fn watch(context: &Context<'_>, service: &ServiceId, agenda: &mut Agenda) {
    let limits = context.limits();
    if context.seen.is_being_probed(service) {
        return;
    }
    let Some(look) = context.seen.service(service) else {
        agenda.steps.push(Step::ProbeService(service.clone()));
        return;
    };
    let known = context.state.services.get(service).map(|known| known.state);
    let differs = known != Some(look.state);
    if differs && (known.is_none() || look.times >= limits.confirmations) {
        let because = match look.times {
            1 => "its probe says so".to_owned(),
            times => format!("{times} probes in a row say so"),
        };
        let seen = ServiceSeen { service: service.clone(), state: look.state, because };
        agenda.record(Record::Service(seen));
        return;
    }
    let every = if differs {
        limits.confirm_seconds
    } else if context.state.standings.values().any(|s| is_provisional(context, s, context.now)) {
        limits.probe_seconds
    } else {
        limits.quiet_probe_seconds
    };
    let due = look.at + seconds(every);
    if context.now >= due {
        agenda.steps.push(Step::ProbeService(service.clone()));
    } else {
        agenda.wake_at(due);
    }
}

/// Whether a cut was made within its provisional time before a moment.
fn is_provisional(context: &Context<'_>, standing: &Standing, at: Timestamp) -> bool {
    let within = seconds(context.limits().provisional_seconds);
    standing.acted_at.is_some_and(|acted| acted <= at && at <= acted + within)
}

fn roll_back(context: &Context<'_>, service: &ServiceId, known: &Service, agenda: &mut Agenda) {
    let traded = matches!(known.before, ServiceState::Trading | ServiceState::Degraded);
    if !traded || is_being_tried(context, service, agenda) {
        return;
    }
    let suspects = context.state.standings.values().filter(|standing| {
        let acts = standing.wanted && !standing.is_over() && standing.order.mode == Mode::Refuse;
        acts && !standing.is_by_hand() && is_provisional(context, standing, known.since)
    });
    let newest = suspects.max_by_key(|standing| {
        let related = standing.order.services.contains(service);
        (related, standing.acted_at, standing.order.order)
    });
    let Some(standing) = newest else { return };
    let withdrawal = &standing.order.withdrawal;
    let because = format!("`{service}` stopped after `{withdrawal}` was raised");
    let message = format!(
        "{because}; Cordon lifts it. The intruder may use that access again: look at the plan"
    );
    agenda.record(Record::Lift(Lift {
        withdrawals: vec![withdrawal.clone()],
        by: By::Cordon,
        because,
        for_service: Some(service.clone()),
    }));
    agenda.record(Record::Paged(Paged { about: service.to_string(), message }));
}

/// Whether an earlier roll-back for this service has yet to show its effect.
fn is_being_tried(context: &Context<'_>, service: &ServiceId, agenda: &mut Agenda) -> bool {
    let limits = context.limits();
    let looked = context.seen.service(service).map(|look| look.at);
    let mut trying = false;
    for standing in context.state.standings.values() {
        if standing.rolled_back_for.as_ref() != Some(service) {
            continue;
        }
        if !standing.is_over() {
            // One that is stuck must not keep the next suspect in force.
            trying |= !standing.gave_up;
            continue;
        }
        let shows = standing.since + seconds(limits.probe_seconds);
        if looked.is_none_or(|at| at < shows) {
            trying = true;
            agenda.wake_at(shows.max(context.now));
        }
    }
    trying
}
