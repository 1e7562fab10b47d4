//! The guards that no plan may relax: forbidden nodes, both halves, caps, enforcers,
//! protected services, availability and authority.

use std::collections::BTreeMap;

use cordon_model::WithdrawalIx;
use cordon_model::estate::Withdrawal;
use cordon_model::plan::AlternativeName;

use crate::case::{Case, Start};
use crate::objections::Objections;

/// Checks the guards of one alternative.
pub(crate) fn check(case: &Case<'_>, objections: &mut Objections) {
    for &index in &case.chosen {
        let withdrawal = case.estate.withdrawal(index);
        check_permitted(case, withdrawal, objections);
        check_halves(case, index, objections);
        check_enforcer(case, withdrawal, objections);
    }
    check_caps(case, objections);
    check_protected(case, objections);
}

fn check_permitted(case: &Case<'_>, withdrawal: &Withdrawal, objections: &mut Objections) {
    let id = &withdrawal.id;
    if let Some(node) = case.forbidden(withdrawal) {
        let node = case.estate.id(node);
        objections
            .object("forbidden", format!("`{id}` removes `{node}`, which may not be touched"));
    }
    objections.unless(!case.context.unavailable.contains(id), "unavailable", || {
        format!("`{id}` has failed, is stuck or has expired; no plan can use it now")
    });
    if case.claim.name == AlternativeName::Now {
        let allowed = case.within_authority(withdrawal).unwrap_or(true);
        objections.unless(allowed, "beyond-authority", || {
            format!("the authority does not let Cordon raise `{id}` alone")
        });
    }
}

fn check_halves(case: &Case<'_>, index: WithdrawalIx, objections: &mut Objections) {
    for half in case.halves(index).filter(|half| !case.chosen.contains(half)) {
        let (here, there) = (case.estate.withdrawal(index), case.estate.withdrawal(half));
        objections.object(
            "missing-half",
            format!("`{}` is raised together with `{}`, which is not there", here.id, there.id),
        );
    }
}

fn check_enforcer(case: &Case<'_>, withdrawal: &Withdrawal, objections: &mut Objections) {
    let Some(enforcer) = withdrawal.enforcer else { return };
    let remover = case.stopped_by(enforcer);
    let why = if case.starts.get(enforcer) != Start::No {
        "is a foothold".to_owned()
    } else if case.reached.contains(enforcer) {
        let path = crate::objections::path_text(case.estate, &case.reached.path(enforcer));
        format!("stays reachable: {path}")
    } else if let Some(remover) = remover {
        format!("is stopped by `{}`", remover.id)
    } else {
        return;
    };
    let enforcer = case.estate.id(enforcer);
    objections
        .object("void", format!("`{}` is void: its enforcer `{enforcer}` {why}", withdrawal.id));
}

fn check_caps(case: &Case<'_>, objections: &mut Objections) {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for withdrawal in case.raised() {
        *counts.entry(&withdrawal.kind).or_default() += 1;
    }
    for cap in case.estate.caps() {
        let (kind, most) = (&cap.kind, cap.most);
        let count = counts.get(&**kind).copied().unwrap_or(0);
        objections.unless(count <= most, "cap-exceeded", || {
            format!("it holds {count} withdrawals of kind `{kind}`; at most {most} are allowed")
        });
    }
}

fn check_protected(case: &Case<'_>, objections: &mut Objections) {
    for service in case.stopped.iter().map(|&service| case.estate.service(service)) {
        let fine = !service.protected || case.context.down.contains(&service.id);
        objections.unless(fine, "protected-stop", || {
            format!("it stops `{}`, which is protected", service.id)
        });
    }
}
