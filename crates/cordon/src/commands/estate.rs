//! `cordon estate`: generate the sample, count what an estate holds.

use std::collections::BTreeMap;

use cordon_estate::generate::{Scale, retailer, save};
use serde_json::json;

use crate::cli::{EstateCommand, Format, Sample};
use crate::commands::{load_estate, print, print_json};
use crate::exit;
use crate::failure::bad_input;
use crate::text::{Align, Table, thousands};

/// Seed of the generated sample: everybody's is the same.
const SEED: u64 = 1;

/// Runs the command.
pub(crate) fn run(command: &EstateCommand) -> anyhow::Result<u8> {
    match command {
        EstateCommand::Generate { sample: Sample::Retailer, out } => {
            if out.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
                let out = out.display();
                return Err(bad_input(format!("`{out}` is not empty\n    name a new folder")));
            }
            save(&retailer(SEED, Scale::FULL), out)?;
            print(&format!(
                "The sample estate is in `{0}`: try `cordon check {0}`.\n",
                out.display()
            ))?;
        }
        EstateCommand::Show { config, format } => {
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
                    print_json(
                        &json!({ "estate": estate.name(), "counts": counts, "kinds": kinds }),
                    )?;
                }
                Format::Text => {
                    let mut table = Table::new(&[(estate.name(), Align::Left), ("", Align::Right)]);
                    for (name, number) in counts.into_iter().chain(kinds) {
                        table.row([name.to_owned(), thousands(number as u64)]);
                    }
                    print(&table.render(0))?;
                }
            }
        }
    }
    Ok(exit::DONE)
}
