//! What may be typed after `cordon plan`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::Format;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct PlanArgs {
    #[command(subcommand)]
    pub(crate) command: Option<PlanCommand>,
    /// Folder with the estate
    #[arg(long, value_name = "FOLDER", required_unless_present = "data")]
    pub(crate) config: Option<PathBuf>,
    /// Folder with the ledger: plan against its footholds, with what is in force there
    #[arg(long, value_name = "FOLDER", conflicts_with = "every")]
    pub(crate) data: Option<PathBuf>,
    /// A node that the intruder controls, with its probability after `@` (default 1)
    #[arg(long, value_name = "ID[@P]", conflicts_with = "every")]
    pub(crate) foothold: Vec<String>,
    /// A foothold that stays a start whatever is withdrawn
    #[arg(long, value_name = "ID[@P]", conflicts_with = "every")]
    pub(crate) entrenched: Vec<String>,
    /// Tell why a withdrawal is in the balanced plan and what forbidding it would cost
    #[arg(long, value_name = "WITHDRAWAL", conflicts_with = "every")]
    pub(crate) explain: Vec<String>,
    /// Plan for each single foothold of this kind or tag, and rank them: are we ready?
    #[arg(long, value_name = "KIND|TAG")]
    pub(crate) every: Option<String>,
    /// Write the ranking as a page for a browser
    #[arg(long, value_name = "FILE.html", requires = "every")]
    pub(crate) report: Option<PathBuf>,
    /// Threads that plan at the same time with `--every`; the answer is the same
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) threads: u8,
    /// Seconds after which the best plan so far is given with its gap
    #[arg(long, value_name = "S", default_value_t = 60.0)]
    pub(crate) time_limit: f64,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Exit with 10 when a plan is not empty and 12 when no sound plan exists
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Check a plan with the independent checker
    Check(CheckArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Plan as printed by `cordon plan --format json`; `-` reads standard input
    pub(crate) plan: PathBuf,
    /// Folder with the estate
    #[arg(long, value_name = "FOLDER", required_unless_present = "data")]
    pub(crate) config: Option<PathBuf>,
    /// Folder with the ledger: the plan must fit its footholds and what is in force there
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// A foothold that the plan must have been made against
    #[arg(long, value_name = "ID[@P]")]
    pub(crate) foothold: Vec<String>,
    /// An entrenched foothold that the plan must have been made against
    #[arg(long, value_name = "ID[@P]")]
    pub(crate) entrenched: Vec<String>,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}
