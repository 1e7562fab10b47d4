//! `cordon foothold`: a person's word on what the intruder controls, and the
//! reasons behind Cordon's own.
//!
//! A word is an entry of the ledger. It stands instead of the score in every
//! later plan, scan and account until it is withdrawn, which is an entry too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use cordon_ledger::Ledger;
use cordon_model::record::{By, Entry, FootholdDecision, FootholdFound, FootholdVerdict, Record};
use cordon_model::{Estate, NodeId, Timestamp};
use serde::Serialize;

use super::{print, print_json};
use crate::cli::Format;
use crate::data::Data;
use crate::exit;
use crate::failure::bad_input;
use crate::memory::{self, Word};
use crate::reckoning::Page;
use crate::text::{Align, Table, likelihood};

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum FootholdCommand {
    /// Say that the intruder has a node that Cordon did not find
    Add(SayArgs),
    /// Say that the intruder has a node, as Cordon found
    Confirm(SayArgs),
    /// Say that the intruder does not have a node
    Clear(SayArgs),
    /// Take an earlier word on a node back; its score counts again
    Withdraw(SayArgs),
    /// List footholds and suspects, and what people said of them
    List(ListArgs),
    /// Show every reason behind a foothold
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SayArgs {
    /// Node of the estate, one of its aliases, or the id of a provisional node
    node: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    because: String,
    /// Folder with the ledger
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// Who says so; the name of the signed-in user by default
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Folder with the ledger
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Node of the estate, one of its aliases, or the id of a provisional node
    node: String,
    /// Folder with the ledger
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs the command.
pub(crate) fn run(command: &FootholdCommand) -> anyhow::Result<u8> {
    match command {
        FootholdCommand::Add(args) => say(args, FootholdVerdict::Add),
        FootholdCommand::Confirm(args) => say(args, FootholdVerdict::Confirm),
        FootholdCommand::Clear(args) => say(args, FootholdVerdict::Clear),
        FootholdCommand::Withdraw(args) => say(args, FootholdVerdict::Withdraw),
        FootholdCommand::List(args) => list(args),
        FootholdCommand::Show(args) => show(args),
    }
}

fn say(args: &SayArgs, verdict: FootholdVerdict) -> anyhow::Result<u8> {
    if args.because.trim().is_empty() {
        return Err(bad_input("`--because` is empty\n    say why, for those who read it later"));
    }
    let data = Data::open(&args.data)?;
    let known = newest(&data.entries);
    let words = memory::words(&data.entries);
    let node = find(&data.loaded.estate, &known, &words, &args.node);
    let node = match verdict {
        FootholdVerdict::Add => node.or_else(|_| stranger(&args.node))?,
        FootholdVerdict::Confirm | FootholdVerdict::Clear => node?,
        FootholdVerdict::Withdraw => {
            let node = node?;
            if !words.iter().any(|word| word.node == node) {
                return Err(bad_input(format!(
                    "nobody's word on `{node}` stands\n    `cordon foothold list` shows those that do"
                )));
            }
            node
        }
    };
    let by = who(args.by.as_deref())?;
    let incident = known.get(&node).and_then(|found| found.incident.clone());
    let because = args.because.clone();
    let decision = FootholdDecision {
        incident,
        node: node.clone(),
        verdict,
        by: By::Person(by.clone()),
        because,
    };
    append(&args.data, &[Record::FootholdDecision(decision.clone())])?;
    match args.format {
        Format::Json => print_json(&decision)?,
        Format::Text => print(&format!(
            "{node}: {} by {by}. {}\n",
            word_of(verdict),
            match verdict {
                FootholdVerdict::Withdraw => "Its score counts again.".to_owned(),
                FootholdVerdict::Add | FootholdVerdict::Confirm | FootholdVerdict::Clear =>
                    format!(
                        "To take it back: cordon foothold withdraw {node} --because \"...\" --data {}",
                        args.data.display()
                    ),
            }
        ))?,
    }
    Ok(exit::DONE)
}

fn append(folder: &Path, records: &[Record]) -> anyhow::Result<()> {
    let mut ledger = Ledger::open(folder).context("cannot open the ledger")?;
    ledger.append(Timestamp::now(), records).context("cannot write the ledger")?;
    Ok(())
}

/// Who speaks: as given, or as the system knows the user.
pub(crate) fn who(given: Option<&str>) -> anyhow::Result<String> {
    let named = |name: &str| std::env::var(name).ok().filter(|name| !name.trim().is_empty());
    given
        .map(str::to_owned)
        .or_else(|| named("SUDO_USER"))
        .or_else(|| named("USER"))
        .or_else(|| named("LOGNAME"))
        .ok_or_else(|| bad_input("nobody knows who says this\n    add `--by NAME`"))
}

fn word_of(verdict: FootholdVerdict) -> &'static str {
    match verdict {
        FootholdVerdict::Add => "added",
        FootholdVerdict::Confirm => "confirmed",
        FootholdVerdict::Clear => "cleared",
        FootholdVerdict::Withdraw => "word withdrawn",
    }
}

/// What the ledger last said of each node.
fn newest(entries: &[Entry]) -> BTreeMap<NodeId, FootholdFound> {
    let mut newest = BTreeMap::new();
    for entry in entries {
        if let Record::Foothold(found) = &entry.body {
            newest.insert(found.node.clone(), found.clone());
        }
    }
    newest
}

/// Finds a node that the estate, the ledger or a person knows.
fn find(
    estate: &Estate,
    known: &BTreeMap<NodeId, FootholdFound>,
    words: &[Word],
    text: &str,
) -> anyhow::Result<NodeId> {
    if let Ok(node) = crate::footholds::find(estate, text) {
        return Ok(estate.id(node).clone());
    }
    let is_called = |found: &FootholdFound| {
        found.node.as_str() == text || found.aliases.iter().any(|a| a.eq_ignore_ascii_case(text))
    };
    let found = known.values().filter(|found| is_called(found)).map(|found| &found.node);
    let said = words.iter().map(|word| &word.node).filter(|node| node.as_str() == text);
    let mut all: Vec<&NodeId> = found.chain(said).collect();
    all.sort();
    all.dedup();
    match all.as_slice() {
        [node] => Ok((*node).clone()),
        [] => Err(bad_input(format!(
            "neither the estate nor the ledger knows `{text}`\n    `cordon foothold list` shows what was found; \
             `cordon foothold add KIND:NAME` names something new"
        ))),
        [first, second, ..] => Err(bad_input(format!(
            "`{text}` may mean `{first}` or `{second}`\n    give the id of one of them"
        ))),
    }
}

fn stranger(text: &str) -> anyhow::Result<NodeId> {
    NodeId::parse(text).map_err(|error| {
        bad_input(format!(
            "`{text}` is no node id: {error}\n    write it as KIND:NAME, like `host:dc1`"
        ))
    })
}

#[derive(Serialize)]
struct Line<'a> {
    node: &'a NodeId,
    probability: Option<f64>,
    since: Option<Timestamp>,
    said: Option<Said<'a>>,
}

#[derive(Serialize)]
struct Said<'a> {
    verdict: FootholdVerdict,
    by: &'a str,
    at: Timestamp,
    because: &'a str,
}

fn list(args: &ListArgs) -> anyhow::Result<u8> {
    let data = Data::open(&args.data)?;
    let known = newest(&data.entries);
    let words = memory::words(&data.entries);
    let suspected = known.values().filter(|found| found.probability > 0.0);
    let mut nodes: Vec<&NodeId> =
        suspected.map(|found| &found.node).chain(words.iter().map(|word| &word.node)).collect();
    nodes.sort();
    nodes.dedup();
    let line = |node| {
        let found = known.get(node).filter(|found| found.probability > 0.0);
        let word = words.iter().find(|word| word.node == *node);
        Line {
            node,
            probability: found.map(|found| found.probability),
            since: found.map(|found| found.since),
            said: word.map(|word| Said {
                verdict: word.verdict,
                by: &word.decision.by,
                at: word.decision.at,
                because: &word.decision.because,
            }),
        }
    };
    let lines: Vec<Line<'_>> = nodes.into_iter().map(line).collect();
    match args.format {
        Format::Json => print_json(&lines)?,
        Format::Text => print(&table(&lines))?,
    }
    Ok(exit::DONE)
}

fn table(lines: &[Line<'_>]) -> String {
    if lines.is_empty() {
        return "No foothold and no suspect, and nobody has said anything.\n".to_owned();
    }
    let left = Align::Left;
    let mut table =
        Table::new(&[("node", left), ("score", left), ("since", left), ("a person's word", left)]);
    for line in lines {
        let score = line.probability.map_or_else(
            || "none".to_owned(),
            |probability| format!("{} ({probability:.2})", likelihood(probability)),
        );
        let since = line.since.map_or_else(String::new, |since| since.to_string());
        let said = line.said.as_ref().map_or_else(String::new, |said| {
            format!("{} by {} on {}: {}", word_of(said.verdict), said.by, said.at, said.because)
        });
        table.row([line.node.to_string(), score, since, said]);
    }
    table.render(0)
}

fn show(args: &ShowArgs) -> anyhow::Result<u8> {
    let data = Data::open(&args.data)?;
    let known = newest(&data.entries);
    let words = memory::words(&data.entries);
    let node = find(&data.loaded.estate, &known, &words, &args.node)?;
    let word = words.iter().find(|word| word.node == node);
    let Some(found) = known.get(&node) else {
        return match word {
            Some(word) => {
                let decision = &word.decision;
                print(&format!(
                    "{node}: {} by {} on {}: {}\nNo log speaks of it.\n",
                    word_of(word.verdict),
                    decision.by,
                    decision.at,
                    decision.because
                ))?;
                Ok(exit::DONE)
            }
            None => Err(bad_input(format!("nothing was ever said against `{node}`"))),
        };
    };
    match args.format {
        Format::Json => print_json(found)?,
        Format::Text => print(&Page::of_record(found, word).text())?,
    }
    Ok(exit::DONE)
}
