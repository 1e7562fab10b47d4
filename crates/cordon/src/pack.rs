//! The rule pack and the formats that the program brings with it.

use std::path::PathBuf;

use cordon_model::signal::Problem;
use cordon_signal::{Formats, RuleSource, Rules, Scanner};

/// Sigma rules of our own, as `(file name, text)`.
const PACK: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pack.rs"));

/// Loads the built-in rules unless `no_pack`, and those of some folders or files.
pub(crate) fn rules(folders: &[PathBuf], no_pack: bool) -> (Rules, Vec<Problem>) {
    let pack = if no_pack { &[] } else { PACK };
    let own = pack.iter().map(|(name, yaml)| RuleSource::Text {
        name: format!("built-in rules/{name}"),
        yaml: (*yaml).to_owned(),
    });
    let added = folders.iter().cloned().map(RuleSource::Path);
    Rules::load(&own.chain(added).collect::<Vec<_>>())
}

/// Makes a scanner of the built-in formats and some rules.
pub(crate) fn scanner(rules: Rules) -> Scanner {
    Scanner::new(Formats::builtin(), rules)
}
