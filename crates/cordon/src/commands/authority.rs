//! `cordon authority`: who may raise what and why, what approval it would take; a person's key.
//!
//! Explains the written policy, and says first where another authority is in effect. Nothing
//! is decided or changed here; the key command writes one file that did not exist.

mod explain;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use cordon_authority::SecretKey;

use crate::commands::print;
use crate::exit;
use crate::failure::bad_input;

/// What can be asked.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthorityCommand {
    /// Say why a plan or withdrawal is allowed or not, by which policy, and what approval it takes
    Explain(explain::ExplainArgs),
    /// Make the key with which a person signs approvals
    Key(KeyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// The person's name, as people.toml gives it
    #[arg(long, value_name = "NAME")]
    person: String,
    /// File to write the secret key to; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Runs the command.
pub(crate) fn run(command: &AuthorityCommand) -> anyhow::Result<u8> {
    match command {
        AuthorityCommand::Explain(args) => explain::run(args),
        AuthorityCommand::Key(args) => key(args),
    }
}

fn key(args: &KeyArgs) -> anyhow::Result<u8> {
    if args.person.trim().is_empty() || args.person.chars().any(char::is_control) {
        return Err(bad_input("`--person` is no name"));
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    let key = SecretKey::from_seed(&seed);
    let shown = args.out.display();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&args.out)
        .with_context(|| format!("cannot make `{shown}`"))?;
    let written = file.write_all(format!("{}\n", key.to_hex()).as_bytes());
    written.and_then(|()| file.sync_all()).with_context(|| format!("cannot write `{shown}`"))?;
    let name = args.person.replace('\\', "\\\\").replace('"', "\\\"");
    print(&format!(
        "The secret key is in {shown}; nobody else may read it, and Cordon keeps no copy.\n\
         Write into people.toml:\n\n\
         [[person]]\nname = \"{name}\"\nroles = []\nkey = \"{}\"\nnodes = []\n",
        key.public_hex()
    ))?;
    Ok(exit::DONE)
}
