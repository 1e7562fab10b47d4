//! `cordon demo`: the whole main job on the sample estate, told as it happens.
//!
//! Four responses to the same intrusion, then what the last run's ledger says
//! of data, services and two notices. Without a terminal it is told just the
//! same, without the progress line.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cordon_estate::generate::save;
use cordon_model::plan::AlternativeName;
use cordon_model::record::Record;
use cordon_model::{Estate, NodeIx};
use indicatif::{ProgressBar, ProgressStyle};

use super::drill::{RESPONSES, Scratch, comparison};
use super::plan::render_alternative;
use crate::cli::{DemoArgs, Response};
use crate::commands::{ledger, notice, print};
use crate::data::{self, Data};
use crate::drill::{self, Move, Prepared, Score, Story};
use crate::exit;
use crate::text::{clock, count};

/// The notices that the demo checks, as written for the sample estate.
const NOTICES: [(&str, &str); 2] = [
    ("staff-letter.md", include_str!("../../../../estates/retailer/notices/staff-letter.md")),
    (
        "public-statement.md",
        include_str!("../../../../estates/retailer/notices/public-statement.md"),
    ),
];
/// Seed of the demo's drill.
const SEED: u64 = 1;

/// Runs the command.
pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<u8> {
    let prepared = drill::prepare()?;
    print(&opening(&prepared.estate))?;
    let scratch = Scratch::new()?;
    let kept = args.data.clone().unwrap_or_else(|| scratch.0.join("data"));
    if let Some(folder) = &args.data
        && folder.read_dir().is_ok_and(|mut entries| entries.next().is_some())
    {
        let folder = folder.display();
        return Err(crate::failure::bad_input(format!(
            "`{folder}` is not empty\n    name a new folder"
        )));
    }
    let folder = |response: Response| match response {
        Response::PreAuthorised => kept.clone(),
        Response::None | Response::Everything | Response::Ask => scratch.0.join(response.as_str()),
    };
    let mut teller = Teller::new(&prepared);
    let runs =
        drill::retailer(&prepared, &RESPONSES, SEED, false, &folder, &mut |response, story| {
            teller.tell(response, story);
        })?;
    teller.finish()?;
    let scores: Vec<Score> = runs.iter().map(|run| run.score.clone()).collect();
    print(&format!(
        "\nThe four responses side by side\n\n{}",
        comparison(&prepared.estate, &scores)
    ))?;
    keep_config(&prepared, &kept)?;
    let data = Data::open(&kept)?;
    print(&the_plan(&data)?)?;
    print(&the_account(&data)?)?;
    if let Some(run) = runs.last() {
        let restored = if run.restored {
            "and everything is as it was before"
        } else {
            "but something differs from before"
        };
        print(&format!(
            "\nLifted: {}, {restored}.\n",
            count(run.lifted, "withdrawal", "withdrawals")
        ))?;
    }
    drop(data);
    verify(&kept, args.data.as_deref())
}

fn opening(estate: &Estate) -> String {
    format!(
        "{}: {}, {}, {}, of which {} protected.\n\
         An intruder telephones the help desk. Each response meets the same intruder and the same staff.\n\n",
        estate.name(),
        count(estate.nodes().len(), "node", "nodes"),
        count(estate.links().len(), "link", "links"),
        count(estate.services().len(), "service", "services"),
        estate.services().iter().filter(|service| service.protected).count(),
    )
}

/// Keeps the configuration of the day beside the ledger.
fn keep_config(prepared: &Prepared, folder: &Path) -> anyhow::Result<()> {
    let config = data::config(folder);
    save(&prepared.files, &config).context("cannot write the configuration")?;
    for (name, text) in NOTICES {
        let path: PathBuf = config.join("notices").join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).context("cannot write the notices")?;
        }
        std::fs::write(path, text).context("cannot write the notices")?;
    }
    Ok(())
}

/// Shows the last plan that Cordon raised alone.
fn the_plan(data: &Data) -> anyhow::Result<String> {
    let mut plans = data.entries.iter().rev().filter_map(|entry| {
        let Record::Plan(plan) = &entry.body else { return None };
        Some((entry.time, plan))
    });
    let mut out = String::new();
    if let Some((time, plan)) = plans.next()
        && let Some(now) =
            plan.document.alternatives.iter().find(|a| a.name == AlternativeName::Now)
    {
        let short = plan.sha256.get(..8).unwrap_or_default();
        let _ = writeln!(
            out,
            "\nThe last plan of the pre-authorised run: {} of {} (sha256:{short}…)\n",
            plan.plan,
            clock(time)
        );
        out.push_str(&render_alternative(&data.loaded.estate, now));
    }
    Ok(out)
}

/// What may be said about people's data, and two notices held against it.
fn the_account(data: &Data) -> anyhow::Result<String> {
    let (_, exposure) = data.exposure();
    let mut out = String::from("\nWhat became of people's data in that run\n\n");
    out.push_str(&cordon_disclose::matrix(&exposure));
    for (name, text) in NOTICES {
        let report = notice::check(data, text, Path::new(name));
        let _ = writeln!(out, "\nChecking {name}");
        out.push_str(&notice::words(&report));
    }
    Ok(out)
}

fn verify(kept: &Path, asked: Option<&Path>) -> anyhow::Result<u8> {
    let command = crate::cli::LedgerCommand::Verify {
        data: kept.to_owned(),
        key: None,
        format: crate::cli::Format::Text,
    };
    let code = ledger::run(&command)?;
    if let Some(folder) = asked {
        let folder = folder.display();
        print(&format!(
            "\nThe ledger of the pre-authorised run is in {folder}. Ask it:\n  \
             cordon status --data {folder}\n  cordon exposure --data {folder}\n  \
             cordon notice check {folder}/config/notices/public-statement.md --data {folder}\n  \
             cordon ledger verify --data {folder}\n"
        ))?;
    } else {
        print("\nTo ask this ledger yourself: cordon demo --data FOLDER\n")?;
    }
    Ok(if code == exit::DONE { exit::DONE } else { exit::FAILED })
}

/// Tells the story of each run as it happens.
struct Teller<'a> {
    estate: &'a Estate,
    bar: ProgressBar,
    response: Option<Response>,
    lines: String,
}

impl<'a> Teller<'a> {
    fn new(prepared: &'a Prepared) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        Self { estate: &prepared.estate, bar, response: None, lines: String::new() }
    }

    fn tell(&mut self, response: Response, story: &Story) {
        if self.response != Some(response) {
            self.response = Some(response);
            self.say(&format!("RESPONSE {}", response.as_str()));
        }
        match story {
            Story::Time(now) => {
                self.bar.set_message(format!("{}: {}", response.as_str(), clock(*now)));
                self.bar.tick();
            }
            Story::Defence(at, words) => self.say(&format!("  {}  {words}", clock(*at))),
            Story::Intruder(at, step) => {
                if let Some(words) = self.words(*step) {
                    self.say(&format!("  {}  {words}", clock(*at)));
                }
            }
        }
    }

    fn words(&self, step: Move) -> Option<String> {
        let label = |node: NodeIx| self.estate.node(node).label();
        match step {
            Move::Enters(node) => Some(format!("the intruder signs in as {}", label(node))),
            Move::Gains { to, .. } => {
                let kind = self.estate.id(to).kind();
                let telling = matches!(
                    kind,
                    "user" | "host" | "desktops" | "key" | "service-account" | "database-role"
                ) || self.estate.assets().iter().any(|asset| asset.node == to);
                telling.then(|| format!("the intruder controls {}", label(to)))
            }
            Move::Refused { to, .. } => Some(format!("the intruder is refused at {}", label(to))),
            Move::Takes { asset, part: 2 }
                if self
                    .estate
                    .holdings()
                    .iter()
                    .any(|h| h.node == asset || h.copies.contains(&asset)) =>
            {
                Some(format!("the intruder takes data out of {}", label(asset)))
            }
            Move::Takes { .. } => None,
            Move::Loses(node) => Some(format!("the intruder loses {}", label(node))),
        }
    }

    fn say(&mut self, line: &str) {
        self.lines.push_str(line);
        self.lines.push('\n');
        let lines = std::mem::take(&mut self.lines);
        // A closed pipe shows when the run ends.
        self.bar.suspend(|| drop(print(&lines)));
    }

    fn finish(&self) -> anyhow::Result<()> {
        self.bar.finish_and_clear();
        Ok(())
    }
}
