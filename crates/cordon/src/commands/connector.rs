//! `cordon connector`: could the connectors act, before the night when they must?

use std::path::PathBuf;

use clap::{Args, Subcommand};
use cordon_connectors::conformance::{Help, Subject, Verdict, examine};
use cordon_connectors::{Check, Readiness, open};
use cordon_estate::Loaded;
use cordon_model::{Mode, NodeId};
use serde::Serialize;

use crate::cli::Format;
use crate::commands::{load_estate, print, print_json};
use crate::failure::{Failure, bad_input};
use crate::text::{Align, Table, count};
use crate::{exit, rules};

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectorCommand {
    /// Ask each connector whether it could act, and whether it could do more than it must
    Preflight {
        /// Only this one
        name: Option<String>,
        /// Folder with the configuration
        #[arg(long, value_name = "FOLDER")]
        config: PathBuf,
        /// Folder with the ledger, where the hand keeps its own
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Try every promise of a connector on nodes that are there to practise on
    Test(TestArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// The connector
    name: String,
    /// Folder with the hand's configuration
    #[arg(long, value_name = "FOLDER")]
    config: PathBuf,
    /// Folder where the range keeps its state; a temporary one by default
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Kind of withdrawal: disable-account
    #[arg(long, value_name = "KIND")]
    kind: String,
    /// The withdrawal closes what is open instead of refusing what is new
    #[arg(long)]
    end: bool,
    /// A node to practise on, refused and given back several times; only looked at without --confirm
    #[arg(long, value_name = "NODE", required = true, value_parser = NodeId::parse)]
    target: Vec<NodeId>,
    /// A node of the same system that must not be touched
    #[arg(long, value_name = "NODE", value_parser = NodeId::parse)]
    bystander: Vec<NodeId>,
    /// A node that the connector must refuse to act on
    #[arg(long, value_name = "NODE", value_parser = NodeId::parse)]
    outside: Option<NodeId>,
    /// The targets once more, separated by commas: they may be cut for a minute now
    #[arg(long, value_name = "NODES")]
    confirm: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Answer<'a> {
    connector: &'a str,
    checks: &'a [Check],
}

/// Runs the command; exits with 1 when a connector could not act.
pub(crate) fn run(command: &ConnectorCommand) -> anyhow::Result<u8> {
    let (name, config, data, format) = match command {
        ConnectorCommand::Preflight { name, config, data, format } => (name, config, data, format),
        ConnectorCommand::Test(args) => return test(args),
    };
    let loaded = load_estate(config)?;
    let mut hand = rules::client(&loaded, config, data)?;
    let checks = hand.preflight(name.clone())?;
    if checks.is_empty() {
        return Err(bad_input(
            "there is no such connector\n    see `[[connector]]` in cordon.toml",
        ));
    }
    let all = || checks.iter().flat_map(|(_, checks)| checks);
    let unable = all().filter(|check| matches!(check.finding, Readiness::Unable(_))).count();
    match format {
        Format::Json => {
            let answers = checks.iter().map(|(connector, checks)| Answer { connector, checks });
            print_json(&answers.collect::<Vec<_>>())?;
        }
        Format::Text => print(&words(&checks, unable))?,
    }
    Ok(if unable == 0 { exit::DONE } else { exit::FAILED })
}

fn words(checks: &[(String, Vec<Check>)], unable: usize) -> String {
    let mut table = Table::new(&[
        ("connector", Align::Left),
        ("kind", Align::Left),
        ("act", Align::Left),
        ("finding", Align::Left),
    ]);
    for (connector, checks) in checks {
        for check in checks {
            let finding = match &check.finding {
                Readiness::Able => "able".to_owned(),
                Readiness::Unable(trouble) => format!("UNABLE: {trouble}"),
                Readiness::Excessive(what) => {
                    format!("able, but could do more than it must: {what}")
                }
            };
            let act = format!("{:?}", check.act).to_lowercase();
            table.row([connector.clone(), check.kind.clone(), act, finding]);
        }
    }
    let verdict = match unable {
        0 => "Every connector could act.\n".to_owned(),
        _ => format!("{} would come to nothing tonight.\n", count(unable, "act", "acts")),
    };
    format!("{}{verdict}", table.render(0))
}

/// Runs the conformance suite in this process: it needs the secrets, and so the hand's user.
fn test(args: &TestArgs) -> anyhow::Result<u8> {
    let loaded = load_estate(&args.config)?;
    let scratch = std::env::temp_dir().join(format!("cordon-test-{}", std::process::id()));
    let data = args.data.clone().unwrap_or_else(|| scratch.clone());
    let sites = rules::sites(&loaded, &args.config, &data)?;
    let site = sites.iter().find(|site| site.name == args.name);
    let site = site.ok_or_else(|| bad_input(format!("there is no connector `{}`", args.name)))?;
    let may_change = may_change(args, &loaded)?;
    let mut connector = open(site).map_err(|error| bad_input(error.to_string()))?;
    let mode = if args.end { Mode::End } else { Mode::Refuse };
    let subject = Subject {
        bystanders: args.bystander.clone(),
        outside: args.outside.clone(),
        may_change,
        ..Subject::new(&args.kind, mode, args.target.clone())
    };
    let lines = examine(connector.as_mut(), &subject, Help::default());
    drop(std::fs::remove_dir_all(&scratch));
    let broken = lines.iter().filter(|line| line.verdict == Verdict::Broken).count();
    match args.format {
        Format::Json => print_json(&lines)?,
        Format::Text => {
            let mut table =
                Table::new(&[("promise", Align::Left), ("", Align::Left), ("seen", Align::Left)]);
            for line in &lines {
                table.row([line.promise.to_string(), line.verdict.to_string(), line.seen.clone()]);
            }
            let verdict = count(broken, "promise is broken", "promises are broken");
            print(&format!("{}{verdict}.\n", table.render(0)))?;
        }
    }
    Ok(if broken == 0 { exit::DONE } else { exit::FAILED })
}

/// Whether the targets may be cut: somebody has named them, Cordon is armed, nothing forbids it.
fn may_change(args: &TestArgs, loaded: &Loaded) -> anyhow::Result<bool> {
    let Some(confirmed) = &args.confirm else { return Ok(false) };
    let names: Vec<&str> = args.target.iter().map(NodeId::as_str).collect();
    if *confirmed != names.join(",") {
        return Err(bad_input(format!("`--confirm` has to name the targets: {}", names.join(","))));
    }
    let refused = |what: String| Err(Failure { what, code: exit::REFUSED }.into());
    if !rules::authority(loaded)?.terms().armed {
        return refused("Cordon is not armed; nothing was touched".to_owned());
    }
    let forbidden = |node: &&NodeId| {
        loaded.estate.find(node.as_str()).is_none_or(|at| loaded.estate.is_forbidden(at))
    };
    match args.target.iter().find(forbidden) {
        Some(node) => {
            refused(format!("`{node}` may never be touched, or is no node of the estate"))
        }
        None => Ok(true),
    }
}
