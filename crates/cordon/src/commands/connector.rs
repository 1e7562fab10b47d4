//! `cordon connector`: could the connectors act, before the night when they must?

use std::path::PathBuf;

use clap::Subcommand;
use cordon_connectors::{Check, Readiness};
use serde::Serialize;

use crate::cli::Format;
use crate::commands::{load_estate, print, print_json};
use crate::failure::bad_input;
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
}

#[derive(Serialize)]
struct Answer<'a> {
    connector: &'a str,
    checks: &'a [Check],
}

/// Runs the command; exits with 1 when a connector could not act.
pub(crate) fn run(command: &ConnectorCommand) -> anyhow::Result<u8> {
    let ConnectorCommand::Preflight { name, config, data, format } = command;
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
