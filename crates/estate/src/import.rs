//! Imports a collection of Active Directory, as SharpHound and other collectors write it for BloodHound.
//!
//! Versions 5 and 6, JSON, zip archives and folders of both. Every object becomes
//! a node and every edge a link under its own name; which kinds of links an
//! intruder can use is the model's table. Memory holds one line per object, links
//! go through the disk, so a directory of a million objects fits in a few hundred
//! megabytes. `docs/import.md` is the reference. Start at [`import`].

mod class;
mod collection;
mod conclude;
mod edges;
mod fields;
mod graph;
mod nodes;
mod objects;
mod reading;
mod record;
mod report;
mod shape;
mod source;
mod spill;
mod tables;
mod texts;

#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cordon_model::signal::Problem;

pub use report::{EdgeCount, FileRead, Imported, Step, TierZero};

use objects::Objects;
use reading::Reading;
use source::Finder;
use spill::{Descriptions, Links};
use tables::Target;

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A table is there that no import wrote.
    #[error(
        "`{}` was not written by an import\n    import into another folder, or move its lines to an `.toml` file of the folder",
        path.display()
    )]
    Foreign {
        /// The table.
        path: PathBuf,
    },
    /// A table was changed after the import that wrote it.
    #[error(
        "`{}` was changed since it was imported\n    move the changes to an `.toml` file of the folder and remove the table",
        path.display()
    )]
    Changed {
        /// The table.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// None of the sources holds a single record.
    #[error(
        "nothing was imported\n    name the archive, the folder or the JSON files that the collector wrote"
    )]
    Nothing {
        /// What was wrong with the sources.
        problems: Vec<Problem>,
    },
}

/// Imports collections into a configuration folder.
///
/// Writes `estate/nodes.csv`, `estate/links.csv` and `import.json`, and
/// `estate/directory.toml` where there is none. `watch` hears how far it is.
///
/// # Errors
/// The folder holds tables that no import wrote, nothing could be read, or the
/// disk is full. What is wrong with single files is told in the answer.
pub fn import(
    sources: &[PathBuf],
    folder: &Path,
    watch: &mut dyn FnMut(Step<'_>),
) -> Result<Imported, ImportError> {
    let target = Target::open(folder)?;
    let scratch = |name: &str| target.scratch(name);
    let links = Links::create(&scratch("links")).map_err(|error| target.failed("estate", error))?;
    let descriptions =
        Descriptions::create(&scratch("nodes")).map_err(|error| target.failed("estate", error))?;
    let mut reading = Reading::new(Objects::new(descriptions), links);
    let mut report = Imported::default();
    read_all(sources, &mut reading, &mut report, watch);
    if let Some(failure) = reading.failure.take() {
        return Err(target.failed("estate", failure));
    }
    if reading.objects.all().is_empty() {
        return Err(ImportError::Nothing { problems: report.problems });
    }
    watch(Step::Writing);
    conclude::conclude(&mut reading).map_err(|error| target.failed("estate", error))?;
    tell_unknown_kinds(&reading, &mut report);
    report.to_itself = reading.left_out.to_itself;
    report.for_owners = reading.left_out.for_owners;
    target.write(reading, &mut report)?;
    Ok(report)
}

fn read_all(
    sources: &[PathBuf],
    reading: &mut Reading,
    report: &mut Imported,
    watch: &mut dyn FnMut(Step<'_>),
) {
    let mut files = Vec::new();
    let mut read = |name: &str, input: &mut dyn Read, problems: &mut Vec<Problem>| {
        if reading.failure.is_none() {
            files.push(collection::read(name, input, reading, problems, watch));
        }
    };
    let mut finder = Finder::new(&mut read);
    for source in sources {
        finder.each_of(source);
    }
    (report.problems, report.unopened) = (finder.problems, finder.unopened);
    for file in &files {
        if let (Some(kind), true) = (&file.kind, file.records > 0) {
            *report.records.entry(kind.clone()).or_default() += file.records;
        }
    }
    report.files = files;
}

/// A kind that the table does not list is given control, which may not be meant.
fn tell_unknown_kinds(reading: &Reading, report: &mut Imported) {
    let unknown = reading.edges.all().iter().filter(|edge| !edge.known && edge.stated > 0);
    report.problems.extend(unknown.map(|edge| Problem {
        file: String::new(),
        place: String::new(),
        what: format!("`{}` is not a known kind of link, so it gives control", edge.name),
        remedy: "see docs/import.md for the known kinds".to_owned(),
    }));
}
