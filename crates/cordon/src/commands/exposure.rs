//! `cordon exposure`: which data was taken, accessed, reachable or ruled out.

use crate::cli::{DataArgs, Format};
use crate::commands::{print, print_json};
use crate::data::Data;
use crate::exit;

/// Runs the command.
pub(crate) fn run(args: &DataArgs) -> anyhow::Result<u8> {
    let (_, exposure) = Data::open(&args.data)?.exposure();
    match args.format {
        Format::Json => print_json(&exposure)?,
        Format::Text => {
            let matrix = cordon_disclose::matrix(&exposure);
            print(&format!("{matrix}\n{}", cordon_disclose::reasons(&exposure)))?;
        }
    }
    Ok(exit::DONE)
}
