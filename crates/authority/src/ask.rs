//! One question to Cedar: entities and context in, yes or no and the policies behind it out.
//!
//! Everything is checked against the schema on the way in. A policy that fails
//! while it is evaluated (an overflow, say) would count as absent in Cedar; a
//! prohibition must not vanish like that, so any failure here is a no.

use std::collections::{BTreeSet, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision as Said, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    Request, RestrictedExpression as Expr,
};

use crate::decision::Rule;
use crate::facts::Facts;
use crate::policies::Policies;
use crate::question::{Action, PlanFacts};

/// Who asks: Cordon, or a person with roles.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Principal {
    Cordon,
    Person { name: String, roles: BTreeSet<String> },
}

/// What it is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Resource<'a> {
    Withdrawal(&'a Facts, &'a PlanFacts),
    Notice(&'a str),
    Installation,
}

/// How things stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Situation {
    pub(crate) people: usize,
    pub(crate) roles: BTreeSet<String>,
    pub(crate) armed: bool,
    pub(crate) attempts: usize,
}

/// What Cedar says.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) allowed: bool,
    /// The policies that permit it, or those that forbid it; none where no policy says anything.
    pub(crate) rules: Vec<Rule>,
}

/// Asks once.
pub(crate) fn ask(
    policies: &Policies,
    principal: &Principal,
    action: Action,
    resource: Resource<'_>,
    situation: &Situation,
) -> Answer {
    match try_ask(policies, principal, action, resource, situation) {
        Ok(answer) => answer,
        Err(why) => Answer { allowed: false, rules: vec![Rule::new("guard.not-evaluated", why)] },
    }
}

fn try_ask(
    policies: &Policies,
    principal: &Principal,
    action: Action,
    resource: Resource<'_>,
    situation: &Situation,
) -> Result<Answer, String> {
    let failed = |error: &dyn std::fmt::Display| format!("the policies cannot be asked: {error}");
    let (who, mut entities) = principal_entities(principal)?;
    let (what, entity) = resource_entity(resource)?;
    entities.push(entity);
    let schema = Some(&policies.schema);
    let entities = Entities::from_entities(entities, schema).map_err(|e| failed(&e))?;
    let context = context(situation, matches!(resource, Resource::Withdrawal(..)))?;
    let action = uid("Action", action.as_str())?;
    let request = Request::new(who, action, what, context, schema).map_err(|e| failed(&e))?;
    let response = Authorizer::new().is_authorized(&request, &policies.set, &entities);
    let diagnostics = response.diagnostics();
    if let Some(error) = diagnostics.errors().next() {
        return Err(format!("a policy cannot be evaluated: {error}"));
    }
    let allowed = response.decision() == Said::Allow;
    Ok(Answer { allowed, rules: policies.rules(diagnostics.reason()) })
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, String> {
    let kind: EntityTypeName = kind.parse().map_err(|error| format!("{error}"))?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn principal_entities(principal: &Principal) -> Result<(EntityUid, Vec<Entity>), String> {
    match principal {
        Principal::Cordon => {
            let cordon = uid("Cordon", "cordon")?;
            Ok((cordon.clone(), vec![Entity::with_uid(cordon)]))
        }
        Principal::Person { name, roles } => {
            let person = uid("Person", name)?;
            let roles: Vec<EntityUid> =
                roles.iter().map(|role| uid("Role", role)).collect::<Result<_, _>>()?;
            let parents: HashSet<EntityUid> = roles.iter().cloned().collect();
            let mut entities = vec![Entity::new_no_attrs(person.clone(), parents)];
            entities.extend(roles.into_iter().map(Entity::with_uid));
            Ok((person, entities))
        }
    }
}

fn resource_entity(resource: Resource<'_>) -> Result<(EntityUid, Entity), String> {
    let plain = |uid: EntityUid| (uid.clone(), Entity::with_uid(uid));
    match resource {
        Resource::Notice(name) => uid("Notice", name).map(plain),
        Resource::Installation => uid("Installation", "cordon").map(plain),
        Resource::Withdrawal(facts, plan) => {
            let uid = uid("Withdrawal", &facts.id)?;
            let attributes = [
                ("kind", text(&facts.kind)),
                ("mode", text(facts.mode)),
                ("targets", count(facts.targets)),
                ("target_kinds", texts(&facts.target_kinds)),
                ("target_tags", texts(&facts.target_tags)),
                ("connector", text(&facts.connector)),
                ("stops", texts(facts.stops.iter().map(|service| service.as_str()))),
                ("stops_count", count(facts.stops.len())),
                ("stops_protected", Expr::new_bool(facts.stops_protected)),
                ("cost_per_hour", Expr::new_long(facts.cost_per_hour)),
                ("plan", plan_record(plan)?),
            ];
            let attributes = attributes.map(|(name, value)| (name.to_owned(), value));
            let entity = Entity::new(uid.clone(), attributes.into(), HashSet::new());
            Ok((uid, entity.map_err(|error| error.to_string())?))
        }
    }
}

fn plan_record(plan: &PlanFacts) -> Result<Expr, String> {
    record([
        ("status", text(plan.status)),
        ("certified", Expr::new_bool(plan.is_certified())),
        ("accepted", Expr::new_bool(plan.accepted)),
        ("probability", Expr::new_long(plan.probability)),
        ("withdrawals", count(plan.withdrawals)),
        ("stops", texts(plan.stops.iter().map(|service| service.as_str()))),
        ("stops_count", count(plan.stops.len())),
    ])
}

fn context(situation: &Situation, has_attempts: bool) -> Result<Context, String> {
    let approvals =
        record([("people", count(situation.people)), ("roles", texts(&situation.roles))])?;
    let mut pairs = vec![
        ("approvals".to_owned(), approvals),
        ("armed".to_owned(), Expr::new_bool(situation.armed)),
    ];
    if has_attempts {
        pairs.push(("attempts".to_owned(), count(situation.attempts)));
    }
    Context::from_pairs(pairs).map_err(|error| error.to_string())
}

fn record<const N: usize>(fields: [(&str, Expr); N]) -> Result<Expr, String> {
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    Expr::new_record(fields).map_err(|error| error.to_string())
}

fn text(text: &str) -> Expr {
    Expr::new_string(text.to_owned())
}

fn texts<T: AsRef<str>>(all: impl IntoIterator<Item = T>) -> Expr {
    Expr::new_set(all.into_iter().map(|one| text(one.as_ref())))
}

fn count(count: usize) -> Expr {
    Expr::new_long(i64::try_from(count).unwrap_or(i64::MAX))
}
