//! How a run responds: plans made, decisions taken, withdrawals raised and lifted.
//!
//! The same planner, checker, executor and ledger as anywhere else. What
//! differs between responses is who decides and when; nothing here knows the
//! intruder but through the judgement of the watch.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use cordon_authority::Authority;
use cordon_certify::Context as CheckContext;
use cordon_connectors::Connector as _;
use cordon_connectors::range::Range;
use cordon_execute::orders::{Terms, orders};
use cordon_execute::{Guard, Heard, Limits as ExecutionLimits, Reconciler, Setting, World};
use cordon_incident::Assessment;
use cordon_ledger::{Ledger, LedgerError};
use cordon_model::action::{Call, Order};
use cordon_model::estate::Mode;
use cordon_model::plan::{Alternative, AlternativeName};
use cordon_model::record::{
    By, Decision, Entry, Lift, Paged, PlanChoice, PlanMade, Raise, Record, Verdict,
};
use cordon_model::{Estate, IncidentId, NodeIx, ServiceId, Timestamp, WithdrawalId, WithdrawalIx};
use cordon_plan::{Foothold, Limits, Planner, Request};
use jiff::SignedDuration;

use crate::authority;
use crate::cli::Response;

/// How long people take to pull every plug, once they know.
const PLUGS: SignedDuration = SignedDuration::from_mins(5);
/// How long it takes until somebody who was asleep approves: the average breakout time of 2025.
const APPROVAL: SignedDuration = SignedDuration::from_mins(29);
/// How long the same person takes for the next plan, being awake.
const NEXT_APPROVAL: SignedDuration = SignedDuration::from_mins(5);
/// Time to live of what the drill raises.
const TTL_SECONDS: u32 = 12 * 3600;
/// Time for one call of the range.
const DEADLINE: Duration = Duration::from_secs(5);
/// Work units for one plan.
const WORK: u64 = 4_000_000_000;
/// Seconds for one plan, as a backstop.
const PLAN_SECONDS: f64 = 2.0;

/// What is laid out once for all runs on one estate.
pub(crate) struct Ready<'e> {
    pub(crate) estate: &'e Estate,
    pub(crate) planner: Planner<'e>,
    authority: Authority,
    alone: Vec<WithdrawalIx>,
}

impl<'e> Ready<'e> {
    /// Lays out an estate with the built-in authority of the range.
    pub(crate) fn new(estate: &'e Estate) -> anyhow::Result<Self> {
        let authority = authority::of_the_range()?;
        let alone = authority.alone_in(estate);
        Ok(Self { estate, planner: Planner::new(estate), authority, alone })
    }
}

/// Ledger and range: everything outside the executor.
pub(crate) struct Outside {
    pub(crate) ledger: Ledger,
    range: Range,
    heard: Vec<Heard>,
}

impl World for Outside {
    type Error = LedgerError;

    fn append(&mut self, now: Timestamp, records: &[Record]) -> Result<Vec<Entry>, LedgerError> {
        self.ledger.append(now, records)
    }

    fn call(&mut self, call: Call) -> Result<(), LedgerError> {
        let reply = self.range.perform(&call, DEADLINE);
        self.heard.push(Heard::Reply(Box::new(call), reply));
        Ok(())
    }

    fn probe_service(&mut self, service: &ServiceId) -> Result<(), LedgerError> {
        let state = self.range.service(service);
        self.heard.push(Heard::Service(service.clone(), state));
        Ok(())
    }

    fn heard(&mut self) -> Result<Vec<Heard>, LedgerError> {
        Ok(std::mem::take(&mut self.heard))
    }
}

/// One run's response.
pub(crate) struct Defence<'a, 'e> {
    ready: &'a Ready<'e>,
    response: Response,
    pub(crate) outside: Outside,
    reconciler: Reconciler,
    wake: Option<Timestamp>,
    planned_for: Vec<Foothold>,
    plan: Option<PlanMade>,
    approve_at: Option<Timestamp>,
    approvals: u32,
    raised: u32,
}

impl<'a, 'e> Defence<'a, 'e> {
    /// Starts with an empty ledger and an untouched range.
    pub(crate) fn new(
        ready: &'a Ready<'e>,
        response: Response,
        ledger: Ledger,
        range: Range,
    ) -> Self {
        let services = ready.estate.services().iter();
        let protected = services.filter(|service| service.protected).map(|s| s.id.clone());
        let setting = Setting {
            limits: ExecutionLimits::default(),
            // Who pulls every plug means to stop even these; nothing is rolled back then.
            protected: if response == Response::Everything {
                Vec::new()
            } else {
                protected.collect()
            },
            guard: Guard::new(ready.estate, ready.authority.terms().caps.kinds.clone()),
        };
        Self {
            ready,
            response,
            outside: Outside { ledger, range, heard: Vec::new() },
            reconciler: Reconciler::new(setting, []),
            wake: None,
            planned_for: Vec::new(),
            plan: None,
            approve_at: None,
            approvals: 0,
            raised: 0,
        }
    }

    /// When something falls due by itself.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        [self.wake, self.approve_at].into_iter().flatten().min()
    }

    /// Makes records durable and lets the executor know of them.
    pub(crate) fn record(&mut self, now: Timestamp, records: &[Record]) -> anyhow::Result<()> {
        if !records.is_empty() {
            let entries = self.outside.append(now, records).context("cannot write the ledger")?;
            self.reconciler.apply(&entries);
        }
        Ok(())
    }

    /// Takes in a new judgement: plans anew where the footholds have changed, and responds.
    pub(crate) fn judge(&mut self, assessment: &Assessment, now: Timestamp) -> anyhow::Result<()> {
        let footholds = footholds(self.ready.estate, assessment);
        let named =
            footholds.iter().any(|f| f.probability >= AlternativeName::Balanced.threshold());
        if !named || same(&footholds, &self.planned_for) {
            return Ok(());
        }
        let incident = assessment.incidents.last().map(|incident| incident.id.clone());
        self.make_plan(&footholds, incident, now)?;
        self.planned_for = footholds;
        match self.response {
            Response::None => {}
            Response::PreAuthorised => {
                self.raise_alone(now)?;
                self.ask(now)?;
            }
            Response::Everything if self.approvals == 0 => {
                self.approve_at = self.approve_at.or(Some(now + PLUGS));
            }
            Response::Everything => {}
            Response::Ask => self.ask(now)?,
        }
        self.settle(now)
    }

    fn make_plan(
        &mut self,
        footholds: &[Foothold],
        incident: Option<IncidentId>,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let start = Instant::now();
        let clock = || start.elapsed().as_secs_f64();
        let request = Request {
            authority: Some(self.ready.alone.clone()),
            in_force: self.in_force(),
            unavailable: self.unavailable(),
            limits: Limits { work: WORK, seconds: PLAN_SECONDS, clock: &clock },
            ..Request::new(footholds.to_vec())
        };
        let document = self.ready.planner.plan(&request);
        let verdict =
            cordon_certify::check(self.ready.estate, &document, &self.check_context(&request));
        if let Some(objection) = verdict.objections.first() {
            let message = format!("the checker refuses a plan: {}", objection.what);
            tracing::error!("{message}");
            let paged = Paged { about: "plan".to_owned(), message };
            return self.record(now, &[Record::Paged(paged)]);
        }
        let number = self.plan.as_ref().map_or(1, |plan| {
            plan.plan.as_str().trim_start_matches('p').parse::<u32>().map_or(1, |n| n + 1)
        });
        let plan = PlanMade {
            plan: format!("p{number}").into(),
            sha256: cordon_hand::warrant::hash_of(&document)?,
            incident,
            parent: self.plan.as_ref().map(|plan| plan.plan.clone()),
            document,
        };
        self.record(now, &[Record::Plan(plan.clone())])?;
        self.plan = Some(plan);
        Ok(())
    }

    fn check_context(&self, request: &Request<'_>) -> CheckContext {
        let ids = |indexes: &[WithdrawalIx]| {
            indexes.iter().map(|&w| self.ready.estate.withdrawal(w).id.clone()).collect()
        };
        CheckContext {
            authority: request.authority.as_deref().map(ids),
            in_force: ids(&request.in_force),
            unavailable: ids(&request.unavailable),
            ..CheckContext::default()
        }
    }

    fn in_force(&self) -> Vec<WithdrawalIx> {
        let standings = self.reconciler.state.standings.values();
        let wanted = standings.filter(|standing| standing.wanted && standing.stage.is_in_force());
        wanted
            .filter_map(|s| self.ready.estate.find_withdrawal(s.order.withdrawal.as_str()))
            .collect()
    }

    fn unavailable(&self) -> Vec<WithdrawalIx> {
        use cordon_execute::Stage;
        let standings = self.reconciler.state.standings.values();
        let out = standings.filter(|s| {
            s.rolled_back_for.is_some()
                || matches!(s.stage, Stage::Failed | Stage::Stuck | Stage::Expired)
        });
        out.filter_map(|s| self.ready.estate.find_withdrawal(s.order.withdrawal.as_str())).collect()
    }

    /// Raises what the authority lets Cordon raise alone; the rest waits for people.
    fn raise_alone(&mut self, now: Timestamp) -> anyhow::Result<()> {
        let because = "Cordon alone may raise these kinds within the range".to_owned();
        self.raise(AlternativeName::Now, By::Cordon, because, now)
    }

    /// Calls the person on duty, once per plan.
    fn ask(&mut self, now: Timestamp) -> anyhow::Result<()> {
        if self.approve_at.is_none() {
            let wait = if self.approvals == 0 { APPROVAL } else { NEXT_APPROVAL };
            self.approve_at = Some(now + wait);
            let paged =
                Paged { about: "plan".to_owned(), message: "a plan waits for approval".to_owned() };
            self.record(now, &[Record::Paged(paged)])?;
        }
        Ok(())
    }

    /// Does what has fallen due: an approval, and whatever the executor has to do.
    pub(crate) fn act(&mut self, now: Timestamp) -> anyhow::Result<()> {
        if self.approve_at.is_some_and(|at| at <= now) {
            self.approve_at = None;
            self.approvals += 1;
            match self.response {
                Response::Everything => self.pull_every_plug(now)?,
                Response::Ask | Response::PreAuthorised => self.approve(now)?,
                Response::None => {}
            }
        }
        self.settle(now)
    }

    fn approve(&mut self, now: Timestamp) -> anyhow::Result<()> {
        let Some(choice) = self.choice(AlternativeName::Balanced) else { return Ok(()) };
        let people = ["on-call engineer", "deputy"].map(|name| {
            Record::Decision(Decision {
                choice: choice.clone(),
                verdict: Verdict::Approved,
                by: By::Person(name.to_owned()),
                because: "the plan keeps every protected service trading".to_owned(),
                until: Some(now + NEXT_APPROVAL),
                signature: None,
            })
        });
        self.record(now, &people)?;
        let by = By::Person("on-call engineer".to_owned());
        self.raise(AlternativeName::Balanced, by, "approved by two people".to_owned(), now)
    }

    fn choice(&self, alternative: AlternativeName) -> Option<PlanChoice> {
        let plan = self.plan.as_ref()?;
        Some(PlanChoice { plan: plan.plan.clone(), sha256: plan.sha256.clone(), alternative })
    }

    fn raise(
        &mut self,
        name: AlternativeName,
        by: By,
        because: String,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let Some(plan) = &self.plan else { return Ok(()) };
        let alternatives = &plan.document.alternatives;
        let Some(alternative) = alternatives.iter().find(|a| a.name == name) else { return Ok(()) };
        let orders = self.new_orders(alternative);
        self.order(name, orders, by, because, now)
    }

    /// Orders for what is not wanted already.
    fn new_orders(&self, alternative: &Alternative) -> Vec<Order> {
        let terms = Terms {
            ttl_seconds: TTL_SECONDS,
            note: "drill".to_owned(),
            connector: Some("range".to_owned()),
        };
        let standings = &self.reconciler.state.standings;
        let wanted =
            |id: &WithdrawalId| standings.get(id).is_some_and(|s| s.wanted && !s.is_over());
        let mut orders = orders(self.ready.estate, alternative, &terms);
        orders.retain(|order| !wanted(&order.withdrawal));
        orders
    }

    fn order(
        &mut self,
        name: AlternativeName,
        orders: Vec<Order>,
        by: By,
        because: String,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let Some(choice) = self.choice(name) else { return Ok(()) };
        if orders.is_empty() {
            return Ok(());
        }
        self.raised += 1;
        let incident = self.plan.as_ref().and_then(|plan| plan.incident.clone());
        let cordon = format!("c{}", self.raised).into();
        self.record(now, &[Record::Raise(Raise { cordon, incident, choice, orders, by, because })])
    }

    /// Blocks every flow, closes every desktop pool, revokes every application.
    fn pull_every_plug(&mut self, now: Timestamp) -> anyhow::Result<()> {
        let estate = self.ready.estate;
        let plugs = estate.withdrawals().iter().filter(|withdrawal| {
            let first = withdrawal.removes.first().map_or("", |&node| estate.id(node).kind());
            let refuses = withdrawal.mode == Mode::Refuse && withdrawal.stops;
            refuses
                && matches!(first, "flow" | "desktops" | "app")
                && estate.forbidden_by(withdrawal).is_none()
        });
        let orders = plugs.zip(1..).map(|(withdrawal, order)| Order {
            withdrawal: withdrawal.id.clone(),
            kind: withdrawal.kind.to_string(),
            mode: withdrawal.mode,
            targets: withdrawal.removes.iter().map(|&node| estate.id(node).clone()).collect(),
            connector: Some("range".to_owned()),
            enforcer: None,
            order,
            lift_order: order,
            ttl_seconds: TTL_SECONDS,
            services: Vec::new(),
            note: "every plug is pulled".to_owned(),
        });
        let orders = orders.collect();
        let by = By::Person("duty manager".to_owned());
        self.order(AlternativeName::Balanced, orders, by, "every plug is pulled".to_owned(), now)
    }

    fn settle(&mut self, now: Timestamp) -> anyhow::Result<()> {
        let wake = self.reconciler.settle(now, &mut self.outside);
        self.wake = wake.context("cannot write the ledger")?.filter(|&wake| wake > now);
        Ok(())
    }

    /// Orders everything to be lifted.
    pub(crate) fn lift_all(&mut self, now: Timestamp) -> anyhow::Result<usize> {
        let standings = self.reconciler.state.standings.values();
        let wanted: Vec<WithdrawalId> = standings
            .filter(|standing| standing.wanted && !standing.is_over())
            .map(|standing| standing.order.withdrawal.clone())
            .collect();
        let count = wanted.len();
        if count > 0 {
            self.record(
                now,
                &[Record::Lift(Lift {
                    withdrawals: wanted,
                    by: By::Person("on-call engineer".to_owned()),
                    because: "the incident is over".to_owned(),
                    for_service: None,
                })],
            )?;
        }
        self.settle(now)?;
        Ok(count)
    }

    /// Whether everything that was raised is given back.
    pub(crate) fn is_lifted(&self) -> bool {
        self.reconciler.state.standings.values().all(|s| s.is_over())
    }

    /// Whether anything is in force now.
    pub(crate) fn is_raised(&self) -> bool {
        self.reconciler.state.standings.values().any(|s| s.stage.is_in_force())
    }
}

/// Footholds and suspects that the estate knows, with probabilities in whole hundredths.
fn footholds(estate: &Estate, assessment: &Assessment) -> Vec<Foothold> {
    let all = assessment.footholds.iter().chain(&assessment.suspects);
    let known = all.filter_map(|foothold| {
        let node: NodeIx = estate.find(foothold.node.as_str())?;
        let probability = (foothold.probability * 100.0).floor() / 100.0;
        Some(Foothold { node, probability, entrenched: false })
    });
    let mut known: Vec<Foothold> = known.collect();
    known.sort_by_key(|foothold| foothold.node);
    known
}

/// Whether two lists of footholds ask the same of every alternative.
fn same(a: &[Foothold], b: &[Foothold]) -> bool {
    let class = |f: &Foothold| {
        use AlternativeName::{Balanced, Now, Strict};
        [Now, Balanced, Strict].iter().filter(|name| f.probability >= name.threshold()).count()
    };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.node == b.node && class(a) == class(b))
}
