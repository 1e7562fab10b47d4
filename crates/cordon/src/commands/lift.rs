//! `cordon lift` and `cordon renew`: giving back, and living longer.
//!
//! Lifting asks for no authority and no hash: undoing needs no higher role than
//! doing. It goes on when the ledger is full, by the ledger's journal.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use cordon_execute::{Stage, State};
use cordon_model::record::{By, Lift, Record, Renew};
use cordon_model::{Timestamp, WithdrawalId};
use serde::Serialize;

use super::raise::unwritable;
use crate::cli::Format;
use crate::commands::{foothold, print, print_json};
use crate::data::{self, Open, opened};
use crate::failure::{Failure, bad_input};
use crate::live::Live;
use crate::progress::{Line, Teller, in_words, span};
use crate::{exit, rules};

#[derive(Debug, Args)]
pub(crate) struct LiftArgs {
    /// Cordons or withdrawals to give back
    #[arg(required_unless_present = "all", value_name = "ID")]
    what: Vec<String>,
    /// Everything that is in force
    #[arg(long, conflicts_with = "what")]
    all: bool,
    /// Folder with the ledger
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// Folder with the configuration; that of the data folder by default
    #[arg(long, value_name = "FOLDER")]
    config: Option<PathBuf>,
    /// Who lifts it; the name of the signed-in user by default
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "asked for on the command line")]
    because: String,
    /// How long to wait until it is read back
    #[arg(long, value_name = "SPAN", default_value = "180s", value_parser = span)]
    wait: Duration,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct RenewArgs {
    /// Cordons or withdrawals
    #[arg(required = true, value_name = "ID")]
    what: Vec<String>,
    /// How long they live from now on: 90s, 30m, 12h, 2d; at most what was approved
    #[arg(long = "for", value_name = "SPAN", value_parser = span)]
    longer: Duration,
    /// Folder with the ledger
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// Folder with the configuration; that of the data folder by default
    #[arg(long, value_name = "FOLDER")]
    config: Option<PathBuf>,
    /// Who renews it; the name of the signed-in user by default
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "asked for on the command line")]
    because: String,
}

/// What is printed at the end.
#[derive(Serialize)]
struct Answer {
    withdrawals: Vec<Line>,
    lifted: usize,
}

/// The withdrawals that some names mean, and that are not over.
fn named(what: &[String], state: &State) -> anyhow::Result<Vec<WithdrawalId>> {
    let mut found = Vec::new();
    for name in what {
        let known = found.len();
        found.extend(state.standings.values().filter_map(|standing| {
            let is_it = standing.order.withdrawal.as_str() == name
                || standing.cordons.iter().any(|cordon| cordon.as_str() == name);
            (is_it && !standing.is_over()).then(|| standing.order.withdrawal.clone())
        }));
        if found.len() == known {
            return Err(bad_input(format!(
                "nothing in force is called `{name}`\n    see what is: cordon status --data FOLDER"
            )));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Runs the command.
pub(crate) fn run(args: &LiftArgs) -> anyhow::Result<u8> {
    let open = Open::new(args.config.as_deref(), &args.data)?;
    let config = data::origin(args.config.as_deref(), &args.data);
    let state = State::fold(&open.entries);
    let all = || state.standings.values().filter(|s| !s.is_over());
    let withdrawals = match args.all {
        true => all().map(|standing| standing.order.withdrawal.clone()).collect(),
        false => named(&args.what, &state)?,
    };
    if withdrawals.is_empty() {
        print("Nothing is in force.\n")?;
        return Ok(exit::DONE);
    }
    let hand = rules::client(&open.loaded, &config, &args.data)?;
    let guard = rules::guard(&open.loaded)?;
    let mut live = Live::new(&open.loaded, guard, open.ledger, &open.entries, hand);
    live.record(&[opened(&open.loaded)])?;
    live.record(&[Record::Lift(Lift {
        withdrawals: withdrawals.clone(),
        by: By::Person(foothold::who(args.by.as_deref())?),
        because: args.because.clone(),
        for_service: None,
    })])?;
    let mut teller = Teller::new(withdrawals, args.format == Format::Json);
    live.work(Some(args.wait), |loop_| {
        teller.tell(loop_)?;
        Ok(teller.is_lifted(loop_))
    })?;
    finish(args, teller.lines(&live.reconciler))
}

fn finish(args: &LiftArgs, lines: Vec<Line>) -> anyhow::Result<u8> {
    let lifted = lines.iter().filter(|line| line.state == Stage::Lifted).count();
    let all = lines.len();
    match args.format {
        Format::Json => print_json(&Answer { withdrawals: lines, lifted })?,
        Format::Text if lifted == all => {
            print(&format!("{lifted} of {all} given back exactly as found.\n"))?;
        }
        Format::Text => print(&format!(
            "{lifted} of {all} given back; the rest is tried again at the next command. To lift by hand: cordon hand --release\n"
        ))?,
    }
    Ok(match lifted {
        lifted if lifted == all => exit::DONE,
        0 => exit::FAILED,
        _ => exit::PARTLY,
    })
}

/// Runs `cordon renew`.
pub(crate) fn renew(args: &RenewArgs) -> anyhow::Result<u8> {
    let mut open = Open::new(args.config.as_deref(), &args.data)?;
    let config = data::origin(args.config.as_deref(), &args.data);
    let now = Timestamp::now();
    let renew = Renew {
        withdrawals: named(&args.what, &State::fold(&open.entries))?,
        until: now + args.longer,
        by: By::Person(foothold::who(args.by.as_deref())?),
        because: args.because.clone(),
    };
    let mut hand = rules::client(&open.loaded, &config, &args.data)?;
    if let Err(because) = hand.renew(renew.clone())? {
        let what = format!("not renewed: {because}");
        return Err(Failure { what, code: exit::REFUSED }.into());
    }
    let written = open.ledger.append(now, &[Record::Renew(renew.clone())]);
    written.map_err(|error| unwritable(&error.into()))?;
    let many = renew.withdrawals.len();
    print(&format!("{many} renewed for {}, until {}.\n", in_words(args.longer), renew.until))?;
    Ok(exit::DONE)
}
