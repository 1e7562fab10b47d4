//! The authority as a whole: policies, guards and people, asked about withdrawals and plans.
//!
//! A raise is allowed when no guard holds it back, when the policies permit it
//! with the approvals given, and, where a service stops, when two people have
//! approved. Lifting never needs more than raising does.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::estate::Withdrawal;
use cordon_model::plan::{Alternative, PlanDocument};
use cordon_model::record::{By, Decision as Decided, PlanChoice, Verdict};
use cordon_model::signal::Problem;
use cordon_model::{Estate, Timestamp, WithdrawalIx};

use crate::ask::{Answer, Principal, Resource, Situation, ask};
use crate::decision::{Decision, Panel, Rule, Ruling};
use crate::facts::{Facts, Ground};
use crate::guards::Guards;
use crate::panels::{MOST, panels};
use crate::policies::Policies;
use crate::question::{Action, Caps, People, PlanFacts, Question, Terms};
use crate::signature;

/// So many people must approve what stops a service, whatever the policies say.
pub const PEOPLE_WHERE_A_SERVICE_STOPS: usize = 2;

/// Who may do what.
#[derive(Clone, Debug)]
pub struct Authority {
    policies: Policies,
    terms: Terms,
}

/// Whose approvals count, and whose do not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Approvers {
    /// Somebody has said no, or the time ran out: nothing may be raised.
    pub no: Option<By>,
    /// Whose approval of exactly this counts.
    pub counted: BTreeSet<String>,
    /// Whose does not, and why.
    pub uncounted: Vec<(By, String)>,
}

impl Authority {
    /// Puts policies and terms together.
    ///
    /// # Errors
    /// Two people of one name, or a key that is none.
    pub fn new(policies: Policies, terms: Terms) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut names = BTreeSet::new();
        if let People::Listed(people) = &terms.people {
            for person in people {
                let problem = |what: &str, remedy: &str| Problem {
                    file: "people.toml".to_owned(),
                    place: format!("person `{}`", person.name),
                    what: what.to_owned(),
                    remedy: remedy.to_owned(),
                };
                if !names.insert(&person.name) {
                    problems.push(problem("two people have this name", "tell them apart"));
                }
                if let Some(Err(error)) = person.key.as_deref().map(signature::public_key) {
                    let remedy = "make one with `cordon authority key`";
                    problems.push(problem(&format!("the key cannot be used: {error}"), remedy));
                }
            }
        }
        if problems.is_empty() { Ok(Self { policies, terms }) } else { Err(problems) }
    }

    /// The authority without `authority.cedar`: observe only, lifting allowed.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn observe_only(terms: Terms) -> Result<Self, Vec<Problem>> {
        Self::new(Policies::read("built-in", include_str!("default.cedar"))?, terms)
    }

    /// The built-in authority of the range: armed, and Cordon alone cuts single accounts,
    /// hosts, keys, flows and sessions that no service needs.
    ///
    /// # Errors
    /// None, unless this program is damaged.
    pub fn of_the_range() -> Result<Self, Vec<Problem>> {
        let kinds = [
            "block-flow",
            "disable-account",
            "end-connections",
            "end-sessions",
            "isolate-host",
            "revoke",
            "revoke-role",
        ];
        let kinds = kinds.iter().map(|kind| ((*kind).to_owned(), 1000)).collect();
        let caps = Caps { kinds, ..Caps::default() };
        let terms = Terms { armed: true, caps, people: People::Anybody, ..Terms::default() };
        Self::new(Policies::read("built-in", include_str!("range.cedar"))?, terms)
    }

    /// What it consists of besides its policies.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What of its policies is probably not meant.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.policies.warnings
    }

    /// The roles that its policies name.
    #[must_use]
    pub fn roles_named(&self) -> &BTreeSet<String> {
        &self.policies.roles
    }

    /// The same authority as if it were armed: for explanations.
    #[must_use]
    pub fn if_armed(&self) -> Self {
        let terms = Terms { armed: true, ..self.terms.clone() };
        Self { policies: self.policies.clone(), terms }
    }

    /// Says whether one withdrawal may be raised, and what approval it takes.
    pub fn may_raise(
        &self,
        estate: &Estate,
        withdrawal: &Withdrawal,
        plan: &PlanFacts,
        question: &Question,
    ) -> Decision {
        let ground = Ground::new(estate);
        let guards = Guards::new(&ground, &self.terms, question);
        let facts = ground.facts(withdrawal, self.policies.name_withdrawals);
        self.decide(&[facts], plan, guards.against(&[withdrawal]), question)
    }

    /// Says whether an alternative of a plan may be raised: the whole, and each part.
    ///
    /// `accepted` is the checker's word on exactly this document.
    pub fn may_raise_plan(
        &self,
        estate: &Estate,
        document: &PlanDocument,
        alternative: &Alternative,
        accepted: bool,
        question: &Question,
    ) -> Ruling {
        let plan = PlanFacts::of(document, alternative, accepted);
        let mut missing = Vec::new();
        let mut found = Vec::new();
        for planned in &alternative.withdrawals {
            match estate.find_withdrawal(planned.id.as_str()) {
                Some(index) => found.push(estate.withdrawal(index)),
                None => {
                    let because = format!("the estate offers no withdrawal `{}`", planned.id);
                    missing.push((planned.id.clone(), Rule::new("guard.unknown", because)));
                }
            }
        }
        let mut ruling = self.may_raise_together(estate, &found, &plan, question);
        let mut unknown: Vec<Rule> = missing.iter().map(|(_, rule)| rule.clone()).collect();
        for (id, rule) in missing {
            ruling.parts.push((id, Decision::Refused { because: vec![rule] }));
        }
        if !unknown.is_empty() {
            if let Decision::Refused { because } = ruling.decision {
                unknown.extend(because);
            }
            ruling.decision = Decision::Refused { because: unknown };
        }
        ruling
    }

    /// Says whether withdrawals may be raised together: all of them, and each.
    pub fn may_raise_together(
        &self,
        estate: &Estate,
        withdrawals: &[&Withdrawal],
        plan: &PlanFacts,
        question: &Question,
    ) -> Ruling {
        let ground = Ground::new(estate);
        let guards = Guards::new(&ground, &self.terms, question);
        let each = withdrawals.iter();
        let facts: Vec<Facts> =
            each.map(|w| ground.facts(w, self.policies.name_withdrawals)).collect();
        let mut known: BTreeMap<&Facts, Decision> = BTreeMap::new();
        let mut parts = Vec::new();
        for (withdrawal, facts) in withdrawals.iter().zip(&facts) {
            let against = guards.against(&[withdrawal]);
            let decision = if against.is_empty() {
                let decided = known.entry(facts);
                let ask = || self.decide(std::slice::from_ref(facts), plan, Vec::new(), question);
                decided.or_insert_with(ask).clone()
            } else {
                Decision::Refused { because: against }
            };
            parts.push((withdrawal.id.clone(), decision));
        }
        let against = guards.against(withdrawals);
        let distinct: BTreeSet<Facts> = facts.into_iter().collect();
        let distinct: Vec<Facts> = distinct.into_iter().collect();
        Ruling { decision: self.decide(&distinct, plan, against, question), parts }
    }

    /// The withdrawals of an estate that Cordon alone may raise: what the alternative `now` is
    /// made of. A sound plan against certain footholds is supposed.
    #[must_use]
    pub fn alone_in(&self, estate: &Estate) -> Vec<WithdrawalIx> {
        if !self.terms.armed {
            return Vec::new();
        }
        let question = Question::by(By::Cordon);
        let plan = PlanFacts::supposed();
        let ground = Ground::new(estate);
        let guards = Guards::new(&ground, &self.terms, &question);
        let mut known: BTreeMap<Facts, bool> = BTreeMap::new();
        let all = estate.withdrawals().iter().zip((0..).map(WithdrawalIx));
        let alone = all.filter(|(withdrawal, _)| {
            if !guards.against(&[withdrawal]).is_empty() {
                return false;
            }
            let facts = ground.facts(withdrawal, self.policies.name_withdrawals);
            match known.get(&facts) {
                Some(&allowed) => allowed,
                None => {
                    let allowed = facts.stops.is_empty()
                        && self
                            .permitted(std::slice::from_ref(&facts), &plan, &question, &[])
                            .allowed;
                    known.insert(facts, allowed);
                    allowed
                }
            }
        });
        alone.map(|(_, index)| index).collect()
    }

    /// Says whether somebody may lift a withdrawal: by policy, or because they may raise it.
    ///
    /// Lifts that are due by themselves (time to live, roll-back) are never asked about.
    pub fn may_lift(&self, estate: &Estate, withdrawal: &Withdrawal, by: &By) -> Decision {
        let ground = Ground::new(estate);
        let facts = ground.facts(withdrawal, self.policies.name_withdrawals);
        let plan = PlanFacts::supposed();
        let principal = self.principal(by);
        let situation = Situation { armed: self.terms.armed, ..Situation::default() };
        let resource = Resource::Withdrawal(&facts, &plan);
        let answer = ask(&self.policies, &principal, Action::Lift, resource, &situation);
        if *by == By::Cordon {
            let because = "what Cordon has taken it may always give back";
            return allowed(vec![Rule::new("guard.lift", because)]);
        }
        if answer.allowed {
            return allowed(answer.rules);
        }
        let question = Question::by(by.clone());
        let armed = self.if_armed();
        if !armed.decide(&[facts], &plan, Vec::new(), &question).is_refused() {
            let because = "whoever may raise it may lift it";
            return allowed(vec![Rule::new("guard.lift", because)]);
        }
        Decision::Refused { because: or_silence(answer.rules, by, "lift this") }
    }

    /// Says whether somebody may publish a notice, by its file name.
    pub fn may_publish(&self, notice: &str, by: &By) -> Decision {
        self.simple(by, Action::Publish, Resource::Notice(notice), "publish notices")
    }

    /// Says whether somebody may arm this installation.
    pub fn may_arm(&self, by: &By) -> Decision {
        if *by == By::Cordon {
            let because = "Cordon never arms itself".to_owned();
            return Decision::Refused { because: vec![Rule::new("guard.arm", because)] };
        }
        self.simple(by, Action::Arm, Resource::Installation, "arm Cordon")
    }

    /// Tells whose approval of one alternative of one plan counts now.
    ///
    /// Of every person the latest decision speaks. A person of `people.toml` must have signed,
    /// and an approval without an end, or past it, is none. Somebody's no is a no for all.
    pub fn approvers<'a>(
        &self,
        choice: &PlanChoice,
        decisions: impl IntoIterator<Item = &'a Decided>,
        now: Timestamp,
    ) -> Approvers {
        let mut latest: BTreeMap<&By, &Decided> = BTreeMap::new();
        for decision in decisions.into_iter().filter(|decision| decision.choice == *choice) {
            latest.insert(&decision.by, decision);
        }
        let mut approvers = Approvers::default();
        for (by, decision) in latest {
            if decision.verdict != Verdict::Approved {
                approvers.no.get_or_insert_with(|| by.clone());
                continue;
            }
            match self.counts(decision, now) {
                Ok(name) => {
                    approvers.counted.insert(name);
                }
                Err(why) => approvers.uncounted.push((by.clone(), why)),
            }
        }
        approvers
    }

    fn counts(&self, decision: &Decided, now: Timestamp) -> Result<String, String> {
        let By::Person(name) = &decision.by else {
            return Err("Cordon cannot approve what it proposes".to_owned());
        };
        if decision.until.is_some_and(|until| until <= now) {
            return Err("the approval has lapsed".to_owned());
        }
        if self.terms.people == People::Anybody {
            return Ok(name.clone());
        }
        if decision.until.is_none() {
            return Err("the approval has no end".to_owned());
        }
        let person = self.terms.people.find(name);
        let person = person.ok_or_else(|| format!("people.toml knows no `{name}`"))?;
        signature::verify(person, decision).map_err(|error| error.to_string())?;
        Ok(name.clone())
    }

    fn simple(&self, by: &By, action: Action, about: Resource<'_>, to: &str) -> Decision {
        let situation = Situation { armed: self.terms.armed, ..Situation::default() };
        let answer = ask(&self.policies, &self.principal(by), action, about, &situation);
        if answer.allowed {
            return allowed(answer.rules);
        }
        Decision::Refused { because: or_silence(answer.rules, by, to) }
    }

    fn principal(&self, by: &By) -> Principal {
        match by {
            By::Cordon => Principal::Cordon,
            By::Person(name) => {
                Principal::Person { name: name.clone(), roles: self.terms.people.roles(name) }
            }
        }
    }

    /// Decides about withdrawals that are raised together, after their guards have spoken.
    fn decide(
        &self,
        facts: &[Facts],
        plan: &PlanFacts,
        against: Vec<Rule>,
        question: &Question,
    ) -> Decision {
        if !against.is_empty() {
            return Decision::Refused { because: against };
        }
        let given: Vec<Principal> = question
            .approvals
            .iter()
            .map(|name| self.principal(&By::Person(name.clone())))
            .collect();
        let now = self.permitted(facts, plan, question, &given);
        if now.allowed {
            let approved_by = if self.permitted(facts, plan, question, &[]).allowed {
                Vec::new()
            } else {
                question.approvals.iter().cloned().collect()
            };
            return Decision::Allowed { because: now.rules, approved_by };
        }
        let (roles, held) = self.roles();
        let with = |panel: &[BTreeSet<String>]| -> Vec<Principal> {
            let supposed = panel.iter().zip(1..).map(|(roles, number)| Principal::Person {
                name: format!("somebody {number}"),
                roles: roles.clone(),
            });
            given.iter().cloned().chain(supposed).collect()
        };
        let found: Vec<Panel> = panels(&roles, &held, given.len(), &mut |panel| {
            self.permitted(facts, plan, question, &with(panel)).allowed
        });
        let Some(first) = found.first() else {
            let everybody = vec![roles; MOST];
            let strongest = self.permitted(facts, plan, question, &with(&everybody));
            let because = or_silence(strongest.rules, &question.by, "raise this, whoever approves");
            return Decision::Refused { because };
        };
        let mut because = now.rules;
        let stopping = facts.iter().find(|facts| !facts.stops.is_empty() || !plan.stops.is_empty());
        because.extend(stopping.map(|facts| two_people(facts, plan)));
        because.extend(self.permitted(facts, plan, question, &with(first)).rules);
        let missing = first.len();
        let anybody = self.terms.people == People::Anybody;
        Decision::NeedsApproval {
            people: given.len() + missing,
            missing,
            panels: if anybody { Vec::new() } else { found },
            because: without_doubles(because),
        }
    }

    /// Roles that anybody could have, and sets of roles that people who can sign have together.
    fn roles(&self) -> (BTreeSet<String>, BTreeSet<BTreeSet<String>>) {
        let mut roles = self.policies.roles.clone();
        let mut held = BTreeSet::new();
        if let People::Listed(people) = &self.terms.people {
            roles.extend(people.iter().flat_map(|person| person.roles.iter().cloned()));
            let able = people.iter().filter(|person| person.key.is_some());
            held.extend(able.map(|person| person.roles.clone()));
        }
        (roles, held)
    }

    /// Asks the policies about every withdrawal, with these people's approval.
    fn permitted(
        &self,
        facts: &[Facts],
        plan: &PlanFacts,
        question: &Question,
        approvers: &[Principal],
    ) -> Answer {
        let stops = !plan.stops.is_empty() || facts.iter().any(|facts| !facts.stops.is_empty());
        let principal = self.principal(&question.by);
        let mut rules = Vec::new();
        for facts in facts {
            let about = Resource::Withdrawal(facts, plan);
            let mut situation = Situation {
                armed: self.terms.armed,
                attempts: question.attempts.kinds.get(&facts.kind).copied().unwrap_or(0),
                ..Situation::default()
            };
            let may_approve = |approver: &&Principal| {
                ask(&self.policies, approver, Action::Approve, about, &situation).allowed
            };
            let counted: Vec<&Principal> = approvers.iter().filter(may_approve).collect();
            for approver in &counted {
                if let Principal::Person { roles, .. } = approver {
                    situation.roles.extend(roles.iter().cloned());
                }
            }
            situation.people = counted.len();
            let answer = ask(&self.policies, &principal, Action::Raise, about, &situation);
            if !answer.allowed {
                return answer;
            }
            rules.extend(answer.rules);
            if stops && situation.people < PEOPLE_WHERE_A_SERVICE_STOPS {
                return Answer { allowed: false, rules: vec![two_people(facts, plan)] };
            }
        }
        if facts.is_empty() {
            rules.push(Rule::new("guard.nothing", "it withdraws nothing"));
        }
        Answer { allowed: true, rules: without_doubles(rules) }
    }
}

fn two_people(facts: &Facts, plan: &PlanFacts) -> Rule {
    let services: BTreeSet<&str> =
        facts.stops.iter().chain(&plan.stops).map(|service| service.as_str()).collect();
    let services: Vec<String> = services.iter().map(|service| format!("`{service}`")).collect();
    let because = format!(
        "{} would stop, so {PEOPLE_WHERE_A_SERVICE_STOPS} people must approve",
        services.join(", ")
    );
    Rule::new("guard.two-people", because)
}

fn allowed(because: Vec<Rule>) -> Decision {
    Decision::Allowed { because, approved_by: Vec::new() }
}

/// The policies that forbid, or that none permits.
fn or_silence(rules: Vec<Rule>, by: &By, to: &str) -> Vec<Rule> {
    if rules.is_empty() {
        vec![Rule::new("guard.no-policy", format!("no policy lets {by} {to}"))]
    } else {
        rules
    }
}

fn without_doubles(mut rules: Vec<Rule>) -> Vec<Rule> {
    let mut seen = BTreeSet::new();
    rules.retain(|rule| seen.insert(rule.clone()));
    rules
}
