//! `cordon approve`: one person's word on exactly one alternative of one plan.
//!
//! The word is bound to the plan's hash and counts for a while only; a decline
//! wins over every approval.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use cordon_authority::{SecretKey, sign};
use cordon_model::Timestamp;
use cordon_model::plan::AlternativeName;
use cordon_model::record::{By, Decision, PlanChoice, Record, Verdict};
use serde::Serialize;

use super::raise;
use crate::cli::Format;
use crate::commands::{print, print_json};
use crate::data::Open;
use crate::exit;
use crate::failure::bad_input;
use crate::progress::{in_words, span};

#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// Id of a plan in the ledger, or a file as `cordon plan --format json` prints it
    plan: String,
    /// Folder with the ledger
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// Folder with the configuration; that of the data folder by default
    #[arg(long, value_name = "FOLDER")]
    config: Option<PathBuf>,
    /// Which alternative of the plan: now, balanced or strict
    #[arg(long, value_name = "NAME", default_value = "balanced", value_parser = raise::alternative)]
    alternative: AlternativeName,
    /// Who approves
    #[arg(long = "as", value_name = "NAME")]
    name: String,
    /// File with the person's secret key: signs the word, so that the hand believes it
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Say no instead
    #[arg(long)]
    decline: bool,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    because: String,
    /// How long the word counts
    #[arg(long, value_name = "SPAN", default_value = "30m", value_parser = span)]
    lasts: Duration,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Answer<'a> {
    entry: u64,
    #[serde(flatten)]
    decision: &'a Decision,
}

/// Runs the command.
pub(crate) fn run(args: &ApproveArgs) -> anyhow::Result<u8> {
    let mut open = Open::new(args.config.as_deref(), &args.data)?;
    let plan = raise::find(&args.plan, &open.entries)?;
    raise::choose(&plan, args.alternative)?;
    let now = Timestamp::now();
    let mut decision = Decision {
        choice: PlanChoice {
            plan: plan.plan.clone(),
            sha256: plan.sha256.clone(),
            alternative: args.alternative,
        },
        verdict: if args.decline { Verdict::Declined } else { Verdict::Approved },
        by: By::Person(args.name.clone()),
        because: args.because.clone(),
        until: (!args.decline).then(|| now + args.lasts),
        signature: None,
    };
    if let Some(file) = &args.key {
        decision.signature = Some(sign(&signing_key(file)?, &decision)?);
    }
    let known = raise::knows(&open.entries, &plan);
    let mut records: Vec<Record> = open.opened.take().map(Record::Opened).into_iter().collect();
    records.extend((!known).then(|| Record::Plan(plan.clone())));
    records.push(Record::Decision(decision.clone()));
    let written =
        open.ledger.append(now, &records).map_err(|error| raise::unwritable(&error.into()))?;
    let entry = written.last().map_or(0, |entry| entry.seq);
    match args.format {
        Format::Json => print_json(&Answer { entry, decision: &decision })?,
        Format::Text => print(&words(args, plan.plan.as_str(), &plan.sha256))?,
    }
    Ok(exit::DONE)
}

/// The secret half of a person's key, which nobody else may be able to read.
fn signing_key(file: &Path) -> anyhow::Result<SecretKey> {
    let shown = file.display();
    let meta = std::fs::metadata(file).with_context(|| format!("cannot read `{shown}`"))?;
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(bad_input(format!("others can read `{shown}`\n    run: chmod 600 {shown}")));
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{shown}`"))?;
    SecretKey::from_hex(&text).map_err(|error| bad_input(format!("`{shown}`: {error}")))
}

fn words(args: &ApproveArgs, plan: &str, sha256: &str) -> String {
    let (name, short) = (&args.name, sha256.get(..8).unwrap_or_default());
    let alternative = args.alternative.as_str();
    if args.decline {
        return format!("{name} has declined {plan} ({alternative}), sha256:{short}….\n");
    }
    format!(
        "{name} has approved exactly {plan} ({alternative}), sha256:{short}…, for {}.\n\
         To raise it: cordon raise {plan} --data {}\n",
        in_words(args.lasts),
        args.data.display()
    )
}
