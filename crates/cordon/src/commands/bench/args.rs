//! What may be typed after `cordon bench`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use cordon_estate::synthetic::Shape;

use crate::cli::Format;

/// What can be measured.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Write a synthetic estate and its footholds into a folder
    Estate(EstateArgs),
    /// Score the footholds of log files against what is known of their intruders
    Footholds(super::footholds::FootholdsArgs),
    /// Plan synthetic estates and tell optimum, bound, times and memory
    Plan(PlanArgs),
    /// Scan logs and tell events per second, on one thread or several, and memory
    Scan(super::scan::BenchScanArgs),
}

#[derive(Debug, Args)]
pub(crate) struct EstateArgs {
    /// What the estate looks like
    #[arg(long, value_enum, default_value_t)]
    pub(crate) shape: OneShape,
    /// About how many nodes it has: 500, 10k, 1M
    #[arg(long, value_name = "N", default_value_t = Size(10_000))]
    pub(crate) nodes: Size,
    /// How many footholds it names
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) footholds: u32,
    /// Number from which everything is drawn
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Folder to write to; must not exist or be empty
    #[arg(long, value_name = "FOLDER")]
    pub(crate) into: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// What the estates look like
    #[arg(long, value_enum, default_value_t)]
    pub(crate) shape: Shapes,
    /// About how many nodes they have, separated by commas
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_value = "1k,10k,100k")]
    pub(crate) nodes: Vec<Size>,
    /// How many footholds there are
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) footholds: u32,
    /// Only with footholds that stay starts whatever is withdrawn
    #[arg(long, conflicts_with = "near")]
    pub(crate) entrenched: bool,
    /// Only with footholds that may be withdrawn themselves
    #[arg(long)]
    pub(crate) near: bool,
    /// Number from which the estates are drawn
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// An estate of your own instead, with its footholds
    #[arg(long, value_name = "FOLDER", requires = "foothold", conflicts_with_all = ["shape", "nodes", "footholds", "seed"])]
    pub(crate) config: Option<PathBuf>,
    /// A foothold in your own estate
    #[arg(long, value_name = "ID", requires = "config")]
    pub(crate) foothold: Vec<String>,
    /// How often each plan is made; times are medians
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) runs: u32,
    /// Seconds after which the planner gives its best plan with a gap
    #[arg(long, value_name = "S", default_value_t = 60.0, value_parser = seconds)]
    pub(crate) time_limit: f64,
    /// Solve the same question as one mixed-integer program too, in turn with the planner
    #[arg(long)]
    pub(crate) peers: bool,
    /// Seconds for each of the two programs
    #[arg(long, value_name = "S", default_value_t = 60.0, value_parser = seconds)]
    pub(crate) peer_limit: f64,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

fn seconds(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number
        .filter(|number| number.is_finite() && *number >= 0.0)
        .ok_or_else(|| "give a number of seconds, 0 or more".to_owned())
}

/// Shapes to measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shapes {
    /// A retailer in which nearly everything hangs together
    #[default]
    Dense,
    /// The same, with services in the way of the cheapest cuts
    Tied,
    /// A directory with few links across
    Tree,
    /// All of them
    All,
}

impl Shapes {
    /// The shapes that are meant.
    pub(crate) fn each(self) -> &'static [(Shape, &'static str)] {
        match self {
            Self::Dense => &[(Shape::Dense, "dense")],
            Self::Tied => &[(Shape::Tied, "tied")],
            Self::Tree => &[(Shape::Tree, "tree")],
            Self::All => &[(Shape::Dense, "dense"), (Shape::Tied, "tied"), (Shape::Tree, "tree")],
        }
    }
}

/// Shapes of synthetic estates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OneShape {
    /// A retailer in which nearly everything hangs together
    #[default]
    Dense,
    /// The same, with services in the way of the cheapest cuts
    Tied,
    /// A directory with few links across
    Tree,
}

impl From<OneShape> for Shape {
    fn from(shape: OneShape) -> Self {
        match shape {
            OneShape::Dense => Self::Dense,
            OneShape::Tied => Self::Tied,
            OneShape::Tree => Self::Tree,
        }
    }
}

/// A number of nodes, at most ten million: 500, 10k, 1M.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u32);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, unit) = match text.char_indices().last() {
            Some((at, 'k' | 'K')) => (text.get(..at), 1_000),
            Some((at, 'm' | 'M')) => (text.get(..at), 1_000_000),
            _ => (Some(text), 1),
        };
        let number: Option<u32> = digits.and_then(|digits| digits.parse().ok());
        number
            .and_then(|number| number.checked_mul(unit))
            .filter(|number| (100..=10_000_000).contains(number))
            .map(Self)
            .ok_or_else(|| "give a number from 100 to 10M, such as 500, 10k or 1M".to_owned())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n.is_multiple_of(1_000_000) => write!(f, "{}M", n / 1_000_000),
            n if n.is_multiple_of(1_000) => write!(f, "{}k", n / 1_000),
            n => write!(f, "{n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_people_say_them() {
        for (text, size) in [
            ("500", Some(500)),
            ("10k", Some(10_000)),
            ("1M", Some(1_000_000)),
            ("99", None),
            ("11M", None),
            ("k", None),
            ("1.5k", None),
            ("", None),
            ("5000M", None),
        ] {
            assert_eq!(text.parse().ok(), size.map(Size), "{text}");
        }
        assert_eq!([500, 2_000, 3_000_000].map(|n| Size(n).to_string()), ["500", "2k", "3M"]);
    }
}
