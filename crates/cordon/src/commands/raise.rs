//! `cordon raise`: carries out exactly one plan, through the hand, and watches until it holds.
//!
//! The plan is checked against the present, the hand judges it by its own
//! authority, and a person names the incident; then it is ordered in the ledger
//! and the executor works until every withdrawal is proven, failed, or out of time.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use cordon_certify::Context as CheckContext;
use cordon_execute::orders::{Terms, orders};
use cordon_execute::{Stage, Standing, State};
use cordon_hand::warrant::hash_of;
use cordon_hand::{Client, Warrant};
use cordon_model::action::{Act, Call, Order};
use cordon_model::plan::{Alternative, AlternativeName, PlanDocument, Status};
use cordon_model::record::{By, Decision, Entry, PlanChoice, PlanMade, Raise, Record};
use cordon_model::{Mode, NodeId, WithdrawalId};
use serde::Serialize;

use super::plan::present::Present;
use crate::cli::Format;
use crate::commands::{print, print_json};
use crate::data::{self, Open, opened};
use crate::failure::{Failure, bad_input};
use crate::live::Live;
use crate::progress::{Line, Teller, in_words, span};
use crate::text::{Align, Table, count};
use crate::{exit, rules};

#[derive(Debug, Args)]
pub(crate) struct RaiseArgs {
    /// Id of a plan in the ledger, or a file as `cordon plan --format json` prints it
    plan: String,
    /// Folder with the ledger
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// Folder with the configuration; that of the data folder by default
    #[arg(long, value_name = "FOLDER")]
    config: Option<PathBuf>,
    /// Which alternative of the plan: now, balanced or strict
    #[arg(long, value_name = "NAME", default_value = "balanced", value_parser = alternative)]
    alternative: AlternativeName,
    /// The incident's id, or the plan's where there is none: confirms without asking
    #[arg(long, value_name = "ID")]
    confirm: Option<String>,
    /// Who raises it; without it Cordon does, as far as it may alone
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// An own account, session or machine of somebody at work that may be cut all the same
    #[arg(long, value_name = "NODE", value_parser = NodeId::parse)]
    knowingly: Vec<NodeId>,
    /// How long each withdrawal lasts unless it is renewed: 90s, 30m, 12h, 2d
    #[arg(long, value_name = "SPAN", default_value = "12h", value_parser = span)]
    ttl: Duration,
    /// Say what would be sent to which system, and send none of it
    #[arg(long)]
    dry_run: bool,
    /// How long to wait for proof
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = span)]
    wait: Duration,
    /// Go on watching: put drift back, roll back what stops a protected service, lift what ends
    #[arg(long)]
    stay: bool,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What is printed at the end.
#[derive(Serialize)]
struct Answer {
    cordon: String,
    plan: String,
    sha256: String,
    because: String,
    withdrawals: Vec<Line>,
    held: usize,
}

pub(super) fn alternative(text: &str) -> Result<AlternativeName, String> {
    let all = [AlternativeName::Now, AlternativeName::Balanced, AlternativeName::Strict];
    let found = all.into_iter().find(|name| name.as_str() == text);
    found.ok_or_else(|| format!("`{text}` is none of now, balanced, strict"))
}

/// Runs the command.
pub(crate) fn run(args: &RaiseArgs) -> anyhow::Result<u8> {
    let has_ledger = cordon_ledger::paths(&args.data).ledger.is_file();
    let present = match has_ledger {
        true => Some(Present::open(args.config.as_deref(), Some(&args.data), &[], &[])?),
        false => None,
    };
    let open = Open::new(args.config.as_deref(), &args.data)?;
    let config = data::origin(args.config.as_deref(), &args.data);
    let plan = find(&args.plan, &open.entries)?;
    let chosen = choose(&plan, args.alternative)?;
    let state = State::fold(&open.entries);
    let orders = new_orders(&open, &state, chosen, &plan, args)?;
    if orders.is_empty() {
        return go_on(args, open, &config, chosen);
    }
    if let Some(present) = &present {
        is_current(present, &plan)?;
    }
    let mut warrant = warrant(&open, &plan, orders, args);
    let mut hand = rules::client(&open.loaded, &config, &args.data)?;
    let because = match hand.consider(warrant.clone())? {
        Ok(because) => because,
        Err(because) => return Err(refused(&plan, &because)),
    };
    print_case(args, &plan, chosen, &warrant)?;
    if args.dry_run {
        return rehearse(&mut hand, &warrant, &because);
    }
    confirm(args, &plan, warrant.raise.orders.len())?;
    warrant.raise.because = because;
    carry_out(args, open, &plan, &warrant, hand)
}

/// A plan in the ledger by its id, or one in a file.
pub(super) fn find(name: &str, entries: &[Entry]) -> anyhow::Result<PlanMade> {
    let plans = || {
        entries.iter().rev().filter_map(|entry| match &entry.body {
            Record::Plan(plan) => Some(plan),
            _ => None,
        })
    };
    if let Some(plan) = plans().find(|plan| plan.plan.as_str() == name) {
        return Ok(plan.clone());
    }
    if !Path::new(name).is_file() {
        return Err(bad_input(format!(
            "there is no plan `{name}` in the ledger, and no such file\n    make one: cordon plan --data FOLDER --format json > plan.json"
        )));
    }
    let text = std::fs::read_to_string(name).with_context(|| format!("cannot read `{name}`"))?;
    let document: PlanDocument = serde_json::from_str(&text).map_err(|error| {
        bad_input(format!(
            "`{name}` is no plan: {error}\n    write it with `cordon plan --format json`"
        ))
    })?;
    let sha256 = hash_of(&document)?;
    if let Some(known) = plans().find(|plan| plan.sha256 == sha256) {
        return Ok(known.clone());
    }
    let incident = entries.iter().rev().find_map(|entry| match &entry.body {
        Record::IncidentOpened(opened) => Some(opened.incident.clone()),
        _ => None,
    });
    let last = plans().filter_map(|p| p.plan.as_str().strip_prefix('p')?.parse::<u32>().ok()).max();
    let plan = format!("p{}", last.unwrap_or(0) + 1).into();
    Ok(PlanMade { plan, sha256, incident, parent: None, document })
}

/// Whether the ledger holds a plan already.
pub(super) fn knows(entries: &[Entry], plan: &PlanMade) -> bool {
    entries.iter().any(|entry| matches!(&entry.body, Record::Plan(p) if p.plan == plan.plan))
}

pub(super) fn choose(plan: &PlanMade, name: AlternativeName) -> anyhow::Result<&Alternative> {
    let chosen = plan.document.alternatives.iter().find(|alternative| alternative.name == name);
    let chosen = chosen
        .ok_or_else(|| bad_input(format!("the plan has no alternative `{}`", name.as_str())))?;
    if chosen.status == Status::Infeasible {
        tracing::warn!(
            "the plan leaves something reachable that must hold; raising what it can do"
        );
    }
    Ok(chosen)
}

/// Whether the plan was made for what is so now.
fn is_current(present: &Present, plan: &PlanMade) -> anyhow::Result<()> {
    let mut context: CheckContext = present.context();
    if present.footholds.is_empty() {
        context.footholds = None;
    }
    let verdict = cordon_certify::check(&present.estate, &plan.document, &context);
    let Some(objection) = verdict.objections.first() else { return Ok(()) };
    let what = format!(
        "{} does not fit the present: {}\n    nothing was raised; make a new plan: cordon plan --data FOLDER --format json",
        plan.plan, objection.what
    );
    Err(Failure { what, code: exit::STALE }.into())
}

/// The orders of what is not in force already.
fn new_orders(
    open: &Open,
    state: &State,
    chosen: &Alternative,
    plan: &PlanMade,
    args: &RaiseArgs,
) -> anyhow::Result<Vec<Order>> {
    let ttl_seconds = u32::try_from(args.ttl.as_secs()).ok().filter(|ttl| *ttl > 0);
    let ttl_seconds = ttl_seconds.ok_or_else(|| bad_input("`--ttl` is out of range"))?;
    let incident = plan.incident.as_ref().map_or("no incident", |incident| incident.as_str());
    let note = format!("Cordon, {incident}, plan {}", plan.plan);
    let terms = Terms { ttl_seconds, note, connector: None };
    let mut orders = orders(&open.loaded.estate, chosen, &terms);
    orders.retain(|order| {
        let standing = state.standings.get(&order.withdrawal);
        !standing.is_some_and(|standing| standing.wanted && !standing.is_over())
    });
    Ok(orders)
}

fn warrant(open: &Open, plan: &PlanMade, orders: Vec<Order>, args: &RaiseArgs) -> Warrant {
    let raised = open.entries.iter().filter_map(|entry| match &entry.body {
        Record::Raise(raise) => raise.cordon.as_str().strip_prefix('c')?.parse::<u32>().ok(),
        _ => None,
    });
    let choice = PlanChoice {
        plan: plan.plan.clone(),
        sha256: plan.sha256.clone(),
        alternative: args.alternative,
    };
    let decisions: Vec<Decision> = open
        .entries
        .iter()
        .filter_map(|entry| match &entry.body {
            Record::Decision(decision) if decision.choice == choice => Some(decision.clone()),
            _ => None,
        })
        .collect();
    let state = State::fold(&open.entries);
    let standings = || state.standings.values();
    let in_force = standings().filter(|s| s.wanted && s.stage.is_in_force());
    let failed = standings().filter(|s| {
        s.rolled_back_for.is_some()
            || matches!(s.stage, Stage::Failed | Stage::Stuck | Stage::Expired)
    });
    Warrant {
        in_force: in_force.map(|s| s.order.withdrawal.clone()).collect(),
        unavailable: failed.map(|s| s.order.withdrawal.clone()).collect(),
        raise: Raise {
            cordon: format!("c{}", raised.max().unwrap_or(0) + 1).into(),
            incident: plan.incident.clone(),
            choice,
            orders,
            by: args.by.clone().map_or(By::Cordon, By::Person),
            because: String::new(),
        },
        document: plan.document.clone(),
        decisions,
        knowingly: args.knowingly.iter().cloned().collect(),
    }
}

fn refused(plan: &PlanMade, because: &str) -> anyhow::Error {
    let what = format!(
        "{} may not be raised: {because}\n    nothing was done; see why: cordon authority explain",
        plan.plan
    );
    Failure { what, code: exit::REFUSED }.into()
}

fn print_case(
    args: &RaiseArgs,
    plan: &PlanMade,
    chosen: &Alternative,
    warrant: &Warrant,
) -> anyhow::Result<()> {
    if args.format == Format::Json {
        return Ok(());
    }
    let mut table = Table::new(&[
        ("", Align::Left),
        ("withdrawal", Align::Left),
        ("by", Align::Left),
        ("undo", Align::Left),
    ]);
    for order in &warrant.raise.orders {
        let (mode, undo) = match order.mode {
            Mode::Refuse => ("refuse", "lifted exactly as found"),
            Mode::End => ("end", "cannot be undone; they can sign in again after the lift"),
        };
        let by = order.connector.clone().unwrap_or_else(|| "a person, by hand".to_owned());
        table.row([mode.to_owned(), order.withdrawal.to_string(), by, undo.to_owned()]);
    }
    let mut out = table.render(2);
    let stops = chosen.stopped_services.len();
    let _ = writeln!(
        out,
        "Stops {}. Each lasts {} unless renewed. Plan {} sha256:{}…",
        count(stops, "service", "services"),
        in_words(args.ttl),
        plan.plan,
        plan.sha256.get(..8).unwrap_or_default()
    );
    print(&out)
}

/// A person names what this is about; a bare yes is not enough.
fn confirm(args: &RaiseArgs, plan: &PlanMade, withdrawals: usize) -> anyhow::Result<()> {
    let wanted = plan.incident.as_ref().map_or(plan.plan.as_str(), |incident| incident.as_str());
    let said = match &args.confirm {
        Some(said) => said.clone(),
        None if std::io::stdin().is_terminal() => {
            let accesses = count(withdrawals, "access", "accesses");
            print(&format!("Withdraw {accesses} now? Type {wanted} to confirm: "))?;
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).context("cannot read the answer")?;
            line.trim().to_owned()
        }
        None => {
            return Err(bad_input(format!(
                "nobody can be asked here; nothing was raised\n    confirm it: --confirm {wanted}"
            )));
        }
    };
    if said == wanted {
        return Ok(());
    }
    let what = format!("`{said}` is not `{wanted}`; nothing was raised");
    Err(Failure { what, code: exit::DECLINED }.into())
}

fn rehearse(hand: &mut Client, warrant: &Warrant, because: &str) -> anyhow::Result<u8> {
    print(&format!("Allowed: {because}. A rehearsal: nothing is sent that changes anything.\n"))?;
    let mut failed = false;
    for order in &warrant.raise.orders {
        let (act, targets) = (Act::raising(order.mode), order.targets.clone());
        let call = Call { act, order: order.clone(), targets, prior: Vec::new(), attempt: 0 };
        match hand.rehearse(call)? {
            Ok(lines) => lines.iter().try_for_each(|line| print(&format!("  {line}\n")))?,
            Err(trouble) => {
                failed = true;
                print(&format!("  {}: would come to nothing: {trouble}\n", order.withdrawal))?;
            }
        }
    }
    Ok(if failed { exit::FAILED } else { exit::DONE })
}

/// Everything of the plan is ordered already: goes on with it, as after a crash.
fn go_on(args: &RaiseArgs, open: Open, config: &Path, chosen: &Alternative) -> anyhow::Result<u8> {
    let hand = rules::client(&open.loaded, config, &args.data)?;
    let guard = rules::guard(&open.loaded)?;
    let mut live = Live::new(&open.loaded, guard, open.ledger, &open.entries, hand);
    live.record(&[opened(&open.loaded)])?;
    let about = chosen.withdrawals.iter().map(|planned| planned.id.clone()).collect();
    let mut teller = Teller::new(about, args.format == Format::Json);
    watch(args, &mut live, &mut teller)?;
    let lines = teller.lines(&live.reconciler);
    let held = lines.iter().filter(holds).count();
    let all = lines.len();
    print(&format!("{held} of {all} in force; all of it had been ordered before.\n"))?;
    stay(args, &mut live)?;
    Ok(code(held, all))
}

/// From here on it is ordered: hand first, then ledger, then the executor.
fn carry_out(
    args: &RaiseArgs,
    open: Open,
    plan: &PlanMade,
    warrant: &Warrant,
    mut hand: Client,
) -> anyhow::Result<u8> {
    hand.warrant(warrant.clone())?.map_err(|because| refused(plan, &because))?;
    let known = knows(&open.entries, plan);
    let mut records = vec![opened(&open.loaded)];
    records.extend((!known).then(|| Record::Plan(plan.clone())));
    records.push(Record::Raise(warrant.raise.clone()));
    let guard = rules::guard(&open.loaded)?;
    let mut live = Live::new(&open.loaded, guard, open.ledger, &open.entries, hand);
    live.record(&records).map_err(|error| unwritable(&error))?;
    let about: Vec<WithdrawalId> =
        warrant.raise.orders.iter().map(|order| order.withdrawal.clone()).collect();
    let mut teller = Teller::new(about, args.format == Format::Json);
    watch(args, &mut live, &mut teller)?;
    let lines = teller.lines(&live.reconciler);
    let code = print_end(args, plan, warrant, lines)?;
    stay(args, &mut live)?;
    Ok(code)
}

fn watch(args: &RaiseArgs, live: &mut Live, teller: &mut Teller) -> anyhow::Result<()> {
    live.work(Some(args.wait), |loop_| {
        teller.tell(loop_)?;
        Ok(teller.is_raised(loop_))
    })?;
    Ok(())
}

/// Goes on watching until everything is lifted, if that was asked for.
fn stay(args: &RaiseArgs, live: &mut Live) -> anyhow::Result<()> {
    if !args.stay {
        return Ok(());
    }
    print("Watching. Ctrl-C ends the watch; what is raised stays raised.\n")?;
    let mut all = Teller::new(live.reconciler.state.standings.keys().cloned().collect(), false);
    live.work(None, |loop_| {
        all.tell(loop_)?;
        Ok(loop_.state.standings.values().all(Standing::is_over))
    })?;
    Ok(())
}

fn holds(line: &&Line) -> bool {
    matches!(line.state, Stage::Effective | Stage::Verified)
}

fn code(held: usize, all: usize) -> u8 {
    match held {
        held if held == all => exit::DONE,
        0 => exit::FAILED,
        _ => exit::PARTLY,
    }
}

pub(super) fn unwritable(error: &anyhow::Error) -> anyhow::Error {
    let what = format!("{error:#}; nothing was raised");
    Failure { what, code: exit::LEDGER }.into()
}

fn print_end(
    args: &RaiseArgs,
    plan: &PlanMade,
    warrant: &Warrant,
    lines: Vec<Line>,
) -> anyhow::Result<u8> {
    let held = lines.iter().filter(holds).count();
    let proven = lines.iter().filter(|line| line.state == Stage::Verified).count();
    let (cordon, because) = (warrant.raise.cordon.to_string(), warrant.raise.because.clone());
    let all = lines.len();
    if args.format == Format::Json {
        let (plan, sha256) = (plan.plan.to_string(), plan.sha256.clone());
        print_json(&Answer { cordon, plan, sha256, because, withdrawals: lines, held })?;
    } else {
        let open: BTreeSet<&WithdrawalId> =
            lines.iter().filter(|l| !holds(l)).map(|l| &l.id).collect();
        let mut out =
            format!("{held} of {all} in force, {proven} proven by a probe ({because}).\n");
        for id in &open {
            let _ = writeln!(out, "  NOT in force: {id}");
        }
        let folder = args.data.display();
        let _ = writeln!(out, "To give it back: cordon lift {cordon} --data {folder}");
        print(&out)?;
    }
    Ok(code(held, all))
}
