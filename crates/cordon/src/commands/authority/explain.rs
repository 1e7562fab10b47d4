//! `cordon authority explain`: one plan, some withdrawals, or what Cordon may do alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use cordon_authority::{Authority, Decision, Panel, PlanFacts, Question, Rule};
use cordon_certify::Context as CheckContext;
use cordon_estate::Loaded;
use cordon_model::plan::{AlternativeName, PlanDocument};
use cordon_model::record::By;
use cordon_model::{NodeId, Person, WithdrawalId};
use serde_json::{Value, json};

use crate::authority;
use crate::cli::Format;
use crate::commands::{load_estate, print, print_json};
use crate::exit;
use crate::failure::bad_input;
use crate::text::{Align, Table, count, list, short_list};

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Withdrawals of the estate; with neither these nor a plan, what Cordon may raise alone
    #[arg(value_name = "WITHDRAWAL", conflicts_with = "plan")]
    withdrawals: Vec<WithdrawalId>,
    /// Folder with the configuration
    #[arg(long, value_name = "FOLDER")]
    config: PathBuf,
    /// File with a plan, as `cordon plan --format json` prints it
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Which alternative of the plan: now, balanced or strict
    #[arg(long, value_name = "NAME", default_value = "balanced", value_parser = alternative)]
    alternative: AlternativeName,
    /// Who would give the order; Cordon by default
    #[arg(long = "as", value_name = "PERSON")]
    person: Option<String>,
    /// An own account, session or machine of somebody at work that the order would name
    #[arg(long, value_name = "NODE", value_parser = node)]
    knowingly: Vec<NodeId>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn node(text: &str) -> Result<NodeId, String> {
    NodeId::parse(text).map_err(|error| error.to_string())
}

fn alternative(text: &str) -> Result<AlternativeName, String> {
    let all = [AlternativeName::Now, AlternativeName::Balanced, AlternativeName::Strict];
    let found = all.into_iter().find(|name| name.as_str() == text);
    found.ok_or_else(|| format!("`{text}` is none of now, balanced, strict"))
}

/// What was asked about, and what the authority says to each part and to the whole.
struct Explained {
    heading: String,
    decision: Decision,
    parts: Vec<(WithdrawalId, Decision)>,
    /// The whole, if Cordon were armed; only where that is what stands against it.
    if_armed: Option<Decision>,
}

/// Runs the command; exits with 5 where nobody may.
pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<u8> {
    let loaded = load_estate(&args.config)?;
    let in_effect = authority::is_of_the_range(&loaded) && loaded.config.authority.is_none();
    let authority = if in_effect {
        authority::of_the_range()?
    } else {
        authority::written(&loaded).map_err(|problems| crate::failure::problems(&problems))?
    };
    if args.plan.is_none() && args.withdrawals.is_empty() {
        return alone(args, &loaded, &authority);
    }
    let question = Question {
        knowingly: args.knowingly.iter().cloned().collect(),
        ..Question::by(args.person.clone().map_or(By::Cordon, By::Person))
    };
    let explained = match &args.plan {
        Some(file) => of_plan(args, file, &loaded, &authority, &question)?,
        None => of_withdrawals(args, &loaded, &authority, &question)?,
    };
    match args.format {
        Format::Json => print_json(&as_json(&explained))?,
        Format::Text => print(&as_text(args, &loaded, &explained))?,
    }
    Ok(if explained.decision.is_refused() { exit::REFUSED } else { exit::DONE })
}

fn of_plan(
    args: &ExplainArgs,
    file: &Path,
    loaded: &Loaded,
    authority: &Authority,
    question: &Question,
) -> anyhow::Result<Explained> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{shown}`"))?;
    let document: PlanDocument = serde_json::from_str(&text).map_err(|error| {
        let remedy = "write it with `cordon plan --format json`";
        bad_input(format!("`{shown}` is no plan: {error}\n    {remedy}"))
    })?;
    let named = |a: &&cordon_model::plan::Alternative| a.name == args.alternative;
    let chosen = document.alternatives.iter().find(named);
    let name = args.alternative.as_str();
    let chosen = chosen.ok_or_else(|| bad_input(format!("the plan has no `{name}`")))?;
    let estate = &loaded.estate;
    let alone = authority.alone_in(estate);
    let alone = alone.iter().map(|&at| estate.withdrawal(at).id.clone()).collect();
    let context = CheckContext { authority: Some(alone), ..CheckContext::default() };
    let accepted = [&context, &CheckContext::default()]
        .iter()
        .any(|context| cordon_certify::check(estate, &document, context).accepted);
    let rule = |authority: &Authority| {
        authority.may_raise_plan(estate, &document, chosen, accepted, question)
    };
    let ruling = rule(authority);
    let armed = authority.terms().armed;
    let heading = format!(
        "{shown}, alternative {name}: {}, {}, {} by the checker",
        count(chosen.withdrawals.len(), "withdrawal", "withdrawals"),
        PlanFacts::of(&document, chosen, accepted).status,
        if accepted { "accepted" } else { "not accepted" },
    );
    let if_armed = (!armed).then(|| rule(&authority.if_armed()).decision);
    Ok(Explained { heading, decision: ruling.decision, parts: ruling.parts, if_armed })
}

fn of_withdrawals(
    args: &ExplainArgs,
    loaded: &Loaded,
    authority: &Authority,
    question: &Question,
) -> anyhow::Result<Explained> {
    let estate = &loaded.estate;
    let mut found = Vec::new();
    for id in &args.withdrawals {
        let index = estate.find_withdrawal(id.as_str()).ok_or_else(|| {
            let remedy = "withdrawals are named `KIND/NODE`, or as `[[withdrawal]]` says";
            bad_input(format!("the estate offers no withdrawal `{id}`\n    {remedy}"))
        })?;
        found.push(estate.withdrawal(index));
    }
    let plan = PlanFacts { withdrawals: found.len(), ..PlanFacts::supposed() };
    let ruling = authority.may_raise_together(estate, &found, &plan, question);
    let armed = authority.if_armed();
    let if_armed = (!authority.terms().armed)
        .then(|| armed.may_raise_together(estate, &found, &plan, question).decision);
    let heading = format!(
        "{}, supposing a sound plan that the checker accepts, against footholds of 90 percent",
        count(found.len(), "withdrawal", "withdrawals")
    );
    Ok(Explained { heading, decision: ruling.decision, parts: ruling.parts, if_armed })
}

/// What Cordon may raise alone, by kind.
fn alone(args: &ExplainArgs, loaded: &Loaded, authority: &Authority) -> anyhow::Result<u8> {
    let estate = &loaded.estate;
    let armed = authority.if_armed();
    let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for withdrawal in estate.withdrawals() {
        kinds.entry(&withdrawal.kind).or_default().1 += 1;
    }
    for at in armed.alone_in(estate) {
        kinds.entry(&estate.withdrawal(at).kind).or_default().0 += 1;
    }
    let is_armed = authority.terms().armed;
    if args.format == Format::Json {
        let rows = kinds.iter().map(
            |(kind, (alone, all))| json!({ "kind": kind, "alone": alone, "withdrawals": all }),
        );
        print_json(&json!({ "armed": is_armed, "kinds": rows.collect::<Vec<_>>() }))?;
        return Ok(exit::DONE);
    }
    let mut out = source(loaded);
    let words = if is_armed {
        "Cordon is armed. Alone, without any approval, it may raise:\n"
    } else {
        "Cordon is not armed: it raises nothing, whoever approves. Armed, it may raise alone:\n"
    };
    out.push_str(words);
    let mut table =
        Table::new(&[("kind", Align::Left), ("alone", Align::Right), ("of", Align::Right)]);
    for (kind, (alone, all)) in kinds {
        table.row([kind.to_owned(), alone.to_string(), all.to_string()]);
    }
    out.push_str(&table.render(2));
    out.push_str(
        "Name withdrawals, or `--plan PLAN.json`, to see why and what approval they take.\n",
    );
    print(&out)?;
    Ok(exit::DONE)
}

/// Which authority is explained, and whether it is the one in effect.
fn source(loaded: &Loaded) -> String {
    let by_range = authority::is_of_the_range(loaded);
    match (&loaded.config.authority, by_range) {
        (Some(file), false) => format!("By {}.\n", file.display()),
        (Some(file), true) => format!(
            "By {}. It is not in effect: every connector is simulated and `[authority] armed` \
             is false, so the built-in authority of the range holds.\n",
            file.display()
        ),
        (None, true) => "By the built-in authority of the range.\n".to_owned(),
        (None, false) => {
            "There is no authority.cedar: Cordon observes only, and everybody may lift.\n"
                .to_owned()
        }
    }
}

fn as_text(args: &ExplainArgs, loaded: &Loaded, explained: &Explained) -> String {
    let people = &loaded.config.people;
    let mut out = source(loaded);
    let who = args.person.as_deref().unwrap_or("Cordon");
    let _ = writeln!(out, "{who} asks to raise {}.", explained.heading);
    let _ = writeln!(out, "{}", words(&explained.decision, people));
    if let Some(decision) = &explained.if_armed {
        let _ = writeln!(out, "If Cordon were armed: {}", words(decision, people));
    }
    if explained.parts.len() > 1 {
        out.push_str("Each by itself:\n");
        for (id, decision) in &explained.parts {
            let rules: BTreeSet<&str> =
                decision.because().iter().map(|rule| rule.id.as_str()).collect();
            let rules: Vec<&str> = rules.into_iter().collect();
            let _ = writeln!(out, "  {:<9} {id}  ({})", verdict(decision), rules.join(", "));
        }
    }
    out
}

fn verdict(decision: &Decision) -> String {
    match decision {
        Decision::Allowed { .. } => "allowed".to_owned(),
        Decision::NeedsApproval { people, .. } => format!("asks {people}"),
        Decision::Refused { .. } => "refused".to_owned(),
    }
}

fn words(decision: &Decision, people: &[Person]) -> String {
    let reasons = |rules: &[Rule]| -> String {
        rules.iter().map(|rule| format!("\n  - {} [{}]", rule.because, rule.id)).collect()
    };
    match decision {
        Decision::Allowed { because, .. } => {
            format!("Allowed, without approval:{}", reasons(because))
        }
        Decision::Refused { because } => {
            format!("Refused; no approval changes that:{}", reasons(because))
        }
        Decision::NeedsApproval { missing, panels, because, .. } => {
            let number = count(*missing, "person", "people");
            let mut out = format!("Needs the approval of {number}:{}", reasons(because));
            if panels.is_empty() {
                out.push_str("\n  Any name does.");
            }
            for panel in panels {
                let _ = write!(out, "\n  {}", panel_words(panel, people));
            }
            out
        }
    }
}

/// Roles of one choice, and who has them.
fn panel_words(panel: &Panel, people: &[Person]) -> String {
    let able = |roles: &BTreeSet<String>| -> Vec<&str> {
        let with = people.iter().filter(|p| p.key.is_some() && roles.is_subset(&p.roles));
        with.map(|person| person.name.as_str()).collect()
    };
    let seats: Vec<String> = panel
        .iter()
        .map(|roles| {
            let names = able(roles);
            let who = if names.is_empty() {
                "nobody with a key in people.toml".to_owned()
            } else {
                short_list(&names, 5)
            };
            if roles.is_empty() {
                return format!("anybody ({who})");
            }
            let roles: Vec<&String> = roles.iter().collect();
            format!("{} ({who})", list(&roles))
        })
        .collect();
    seats.join(" and ")
}

fn as_json(explained: &Explained) -> Value {
    let parts = explained.parts.iter().map(|(id, decision)| {
        let mut value = decision_json(decision);
        if let Some(object) = value.as_object_mut() {
            object.insert("withdrawal".to_owned(), id.as_str().into());
        }
        value
    });
    let mut value = decision_json(&explained.decision);
    if let Some(object) = value.as_object_mut() {
        object.insert("withdrawals".to_owned(), parts.collect());
        if let Some(decision) = &explained.if_armed {
            object.insert("if_armed".to_owned(), decision_json(decision));
        }
    }
    value
}

fn decision_json(decision: &Decision) -> Value {
    let because = decision.because().iter();
    let because: Vec<Value> =
        because.map(|rule| json!({ "policy": rule.id, "because": rule.because })).collect();
    match decision {
        Decision::Allowed { .. } => json!({ "decision": "allowed", "because": because }),
        Decision::Refused { .. } => json!({ "decision": "refused", "because": because }),
        Decision::NeedsApproval { people, missing, panels, .. } => json!({
            "decision": "needs-approval",
            "people": people,
            "missing": missing,
            "panels": panels,
            "because": because,
        }),
    }
}
