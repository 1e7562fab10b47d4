//! The command line: what may be typed, nothing of what it does.
//!
//! Help lines are imperatives without a full stop. Everything that prints data
//! takes `--format json`. Exit codes stand in [`crate::exit`].

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Cordon: plan, raise, verify and lift the least withdrawals of access that cut an intruder off
#[derive(Debug, Parser)]
#[command(name = "cordon", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch an intrusion into the sample estate, with four ways to respond
    Demo(DemoArgs),
    /// Check a folder of configuration and say how to mend what is wrong
    Check(CheckArgs),
    /// List the log formats that are understood, or test a file against them
    Formats(FormatsArgs),
    /// Work with estate files
    #[command(subcommand)]
    Estate(crate::commands::estate::EstateCommand),
    /// Read log files and name detections, footholds and incidents
    Scan(ScanArgs),
    /// Say what the intruder controls, or see why Cordon thinks so
    #[command(subcommand)]
    Foothold(crate::commands::foothold::FootholdCommand),
    /// Compute the least withdrawals that cut footholds off from assets
    Plan(crate::commands::plan::PlanArgs),
    /// Simulate an intrusion and compare responses
    Drill(DrillArgs),
    /// Raise a plan: exactly what it says, once the authority allows it
    Raise(crate::commands::raise::RaiseArgs),
    /// Approve exactly one plan, or decline it
    Approve(crate::commands::approve::ApproveArgs),
    /// Give back what was withdrawn, in a safe order
    Lift(crate::commands::lift::LiftArgs),
    /// Let withdrawals live longer
    Renew(crate::commands::lift::RenewArgs),
    /// Show incidents, withdrawals in force and services
    Status(DataArgs),
    /// Say who may raise what and why, or make a person's key
    #[command(subcommand)]
    Authority(crate::commands::authority::AuthorityCommand),
    /// Test connectors, or ask whether they could act
    #[command(subcommand)]
    Connector(crate::commands::connector::ConnectorCommand),
    /// Be the process that holds the connectors' secrets, or lift with nothing else running
    Hand(crate::commands::hand::HandArgs),
    /// Verify, show, export, back up or upgrade the ledger
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Tell which personal data was taken, accessed, reachable or ruled out
    Exposure(DataArgs),
    /// Check the claims of a notice against the evidence
    #[command(subcommand)]
    Notice(NoticeCommand),
    /// Generate estates of any size and measure the planner on them
    #[command(subcommand)]
    Bench(crate::commands::bench::BenchCommand),
}

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// How a scan is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScanFormat {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
    /// Detections, a line each
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Leave the ledger of the run in this folder, to be asked afterwards
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Folder with cordon.toml, estate/, rules/ and notices/
    pub(crate) folder: PathBuf,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct FormatsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<FormatsCommand>,
    /// Folder of log formats to add to the built-in ones
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) formats: Vec<PathBuf>,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FormatsCommand {
    /// Say what of a file was recognised, what was not, and which fields no format knows
    Test {
        /// Log file, archive or folder; `-` reads standard input
        file: PathBuf,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    /// Log files, archives or folders; `-` reads standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Folder or file of Sigma rules to add to the built-in ones
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Vec<PathBuf>,
    /// Folder or file of log formats to add to the built-in ones
    #[arg(long, value_name = "DIR")]
    pub(crate) formats: Vec<PathBuf>,
    /// Leave the built-in rules out
    #[arg(long)]
    pub(crate) no_pack: bool,
    /// How many threads work; as many as the machine runs at once unless given
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Folder with the estate; without it every name becomes a provisional node
    #[arg(long, value_name = "FOLDER")]
    pub(crate) config: Option<PathBuf>,
    /// Folder with the ledger: go on from what it knows, and add what is found
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// Show every reason behind every foothold and suspect instead of the summary
    #[arg(long)]
    pub(crate) why: bool,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ScanFormat,
    /// Exit with 10 when a foothold is found
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DrillArgs {
    /// Name of the scenario
    #[arg(value_enum)]
    pub(crate) name: Scenario,
    /// Responses to run; all of them by default
    #[arg(long, value_name = "RESPONSE", value_enum)]
    pub(crate) response: Vec<Response>,
    /// Number from which everything random in the drill is drawn
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Write the logs of the first response's run into this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) logs: Option<PathBuf>,
    /// Leave the built-in rules out
    #[arg(long)]
    pub(crate) no_pack: bool,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Scenarios of the drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Help-desk social engineering, then member data and the hypervisors
    Retailer,
}

/// Ways to respond to an intrusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Response {
    /// Nobody acts
    None,
    /// Every plug is pulled
    Everything,
    /// A person approves the balanced plan after 29 minutes
    Ask,
    /// Cordon acts alone within its authority
    PreAuthorised,
}

impl Response {
    /// The name as written.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Everything => "everything",
            Self::Ask => "ask",
            Self::PreAuthorised => "pre-authorised",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// Folder with the ledger
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: PathBuf,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Verify that no entry was changed, removed or added
    Verify {
        /// Folder with the ledger, or the ledger file
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
        /// File with the public key; the folder's own by default
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show entries
    Show {
        /// Folder with the ledger
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
        /// First entry to show
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// Most entries to show
        #[arg(long, default_value_t = 100)]
        most: usize,
        /// Only entries of this kind
        #[arg(long, value_name = "KIND")]
        kind: Option<String>,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Write all entries with their hashes as lines of JSON
    Export {
        /// Folder with the ledger
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
        /// File to write; standard output by default
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Sign with a new key from now on; the old one signs the entry that names it
    RotateKey {
        /// Folder with the ledger
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
        /// Why
        #[arg(long, value_name = "TEXT")]
        because: String,
        /// Who says so; the name of the signed-in user by default
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Copy the ledger and its keys, also while it is written, and verify the copy
    Backup {
        /// Folder with the ledger
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
        /// Folder for the copy; it must hold no ledger
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
    /// Put a verified backup into a folder that holds no ledger
    Restore {
        /// Folder of the backup
        backup: PathBuf,
        /// Folder to restore to; nothing in it is overwritten
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
    },
    /// Bring the ledger to the newest format, and keep it as it was beside it
    Upgrade {
        /// Folder with the ledger
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum NoticeCommand {
    /// Check the claims of a Markdown file and find unmarked ones
    Check {
        /// Markdown file
        file: PathBuf,
        /// Folder with the ledger
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}
