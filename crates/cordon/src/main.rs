//! The program: reads the command line, calls the crates, prints.
//!
//! It wires and never decides. Each command is a module of [`commands`] that
//! returns its exit code; errors come here once and are printed with their
//! causes. Start at [`run`].

mod authority;
mod cli;
mod commands;
mod data;
mod drill;
mod exit;
mod failure;
mod footholds;
mod hash;
mod live;
mod memory;
mod notes;
mod pack;
mod progress;
mod reckoning;
mod rules;
mod text;
mod watch;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};

/// What a scan reads is allocated on one thread and freed on another, which this allocator does
/// without locks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging();
    ExitCode::from(run(cli.command).unwrap_or_else(|failure| failure::report(&failure)))
}

fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Demo(args) => commands::demo::run(&args),
        Command::Check(args) => commands::check::run(&args),
        Command::Formats(args) => commands::formats::run(&args),
        Command::Estate(command) => commands::estate::run(&command),
        Command::Scan(args) => commands::scan::run(&args),
        Command::Foothold(command) => commands::foothold::run(&command),
        Command::Plan(args) => commands::plan::run(&args),
        Command::Drill(args) => commands::drill::run(&args),
        Command::Raise(args) => commands::raise::run(&args),
        Command::Approve(args) => commands::approve::run(&args),
        Command::Lift(args) => commands::lift::run(&args),
        Command::Renew(args) => commands::lift::renew(&args),
        Command::Authority(command) => commands::authority::run(&command),
        Command::Connector(command) => commands::connector::run(&command),
        Command::Hand(args) => commands::hand::run(&args),
        Command::Status(args) => commands::status::run(&args),
        Command::Ledger(command) => commands::ledger::run(&command),
        Command::Exposure(args) => commands::exposure::run(&args),
        Command::Notice(command) => commands::notice::run(&command),
        Command::Bench(command) => commands::bench::run(&command),
    }
}

/// Logs go to stderr; `RUST_LOG` says how much.
fn logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
