//! `cordon estate`: generate samples, import a directory, count what an estate holds.

mod import;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use cordon_estate::generate::collection::{Collection, Version, collection};
use cordon_estate::generate::{Scale, retailer, save};
use serde_json::json;

use crate::cli::Format;
use crate::commands::{load_estate, print, print_json};
use crate::exit;
use crate::failure::bad_input;
use crate::text::{Align, Table, thousands};

/// Seed of the generated samples: everybody's are the same.
const SEED: u64 = 1;

/// What can be done with estate files.
#[derive(Debug, Subcommand)]
pub(crate) enum EstateCommand {
    /// Write a sample: an estate, or a collection to import
    #[command(subcommand)]
    Generate(GenerateCommand),
    /// Import a directory from SharpHound or BloodHound CE files
    Import(ImportArgs),
    /// Count what an estate holds
    Show {
        /// Folder with the estate
        #[arg(long, value_name = "FOLDER")]
        config: PathBuf,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// What can be generated.
#[derive(Debug, Subcommand)]
pub(crate) enum GenerateCommand {
    /// Write an invented consumer co-operative with all stores, homes and staff
    Retailer {
        /// Folder to write to; must not exist or be empty
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
    /// Write a collection of an invented directory, as SharpHound would
    Collection {
        /// How many users, computers, groups and other objects
        #[arg(long, value_name = "N", default_value_t = 10_000)]
        objects: u32,
        /// Version of the form
        #[arg(long, value_enum, default_value_t)]
        version: Form,
        /// Archive to write; must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Versions of SharpHound's form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// As for BloodHound 4.3
    #[value(name = "5")]
    V5,
    /// As for BloodHound CE
    #[default]
    #[value(name = "6")]
    V6,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Archives, JSON files, or folders of them
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<PathBuf>,
    /// Configuration folder to write to; hand-written files in it are left alone
    #[arg(long, value_name = "FOLDER")]
    pub(crate) into: PathBuf,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Runs the command.
pub(crate) fn run(command: &EstateCommand) -> anyhow::Result<u8> {
    match command {
        EstateCommand::Generate(GenerateCommand::Retailer { out }) => generate_retailer(out),
        EstateCommand::Generate(GenerateCommand::Collection { objects, version, out }) => {
            generate_collection(*objects, *version, out)
        }
        EstateCommand::Import(args) => import::run(args),
        EstateCommand::Show { config, format } => show(config, *format),
    }
}

fn generate_retailer(out: &Path) -> anyhow::Result<u8> {
    if out.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        let out = out.display();
        return Err(bad_input(format!("`{out}` is not empty\n    name a new folder")));
    }
    save(&retailer(SEED, Scale::FULL), out)?;
    print(&format!("The sample estate is in `{0}`: try `cordon check {0}`.\n", out.display()))?;
    Ok(exit::DONE)
}

fn generate_collection(objects: u32, version: Form, out: &Path) -> anyhow::Result<u8> {
    let name = out.display();
    if out.exists() {
        return Err(bad_input(format!("`{name}` is there already\n    name a new file")));
    }
    let version = match version {
        Form::V5 => Version::V5,
        Form::V6 => Version::V6,
    };
    let file = File::create(out).with_context(|| format!("cannot write `{name}`"))?;
    let stated = collection(Collection { objects, version, seed: SEED }, file)
        .with_context(|| format!("cannot write `{name}`"))?;
    let records: u64 = stated.records.values().sum();
    let edges: u64 = stated.edges.values().sum();
    let (records, edges) = (thousands(records), thousands(edges));
    print(&format!(
        "`{name}` holds {records} objects and {edges} edges: try `cordon estate import {name} --into FOLDER`.\n"
    ))?;
    Ok(exit::DONE)
}

fn show(config: &Path, format: Format) -> anyhow::Result<u8> {
    let estate = load_estate(config)?.estate;
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for node in estate.nodes() {
        *kinds.entry(node.id.kind()).or_default() += 1;
    }
    let counts = [
        ("nodes", estate.nodes().len()),
        ("links", estate.links().len()),
        ("services", estate.services().len()),
        ("holdings", estate.holdings().len()),
        ("assets", estate.assets().len()),
        ("withdrawals", estate.withdrawals().len()),
    ];
    match format {
        Format::Json => {
            let counts: BTreeMap<&str, usize> = counts.into_iter().collect();
            print_json(&json!({ "estate": estate.name(), "counts": counts, "kinds": kinds }))?;
        }
        Format::Text => {
            let mut table = Table::new(&[(estate.name(), Align::Left), ("", Align::Right)]);
            for (name, number) in counts.into_iter().chain(kinds) {
                table.row([name.to_owned(), thousands(number as u64)]);
            }
            print(&table.render(0))?;
        }
    }
    Ok(exit::DONE)
}
