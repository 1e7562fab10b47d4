//! Reads and checks estate files, and writes them back.
//!
//! [`read()`] takes a folder, [`parse`] the same files from memory. Both are all
//! or nothing: an [`Estate`] comes out only if there is no problem, and all
//! problems come at once, each with file, line and remedy. Formats are
//! described in `docs/estate.md`. What an estate means is not decided here but
//! in `cordon-model`.

mod bulk;
mod config;
mod csv;
mod document;
mod folder;
pub mod generate;
pub mod import;
mod names;
mod nearest;
mod needs;
mod people;
mod reader;
mod report;
pub mod synthetic;
mod tables;
mod whole;
mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use cordon_model::Estate;
use cordon_model::signal::Problem;

pub use config::{ATTEMPTS_PER_HOUR, Arming, Config, Connector, Source};
pub use needs::print as print_needs;
pub use write::to_files;

use document::Document;
use folder::{Content, Folder};
use reader::Reader;
use report::{Report, Spot};

/// Texts of files by their names within a configuration folder.
pub type Files = BTreeMap<String, String>;

/// A folder that loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The estate.
    pub estate: Estate,
    /// Everything else in the folder.
    pub config: Config,
    /// What is probably not meant, in order of files and lines.
    pub warnings: Vec<Problem>,
}

/// What [`check`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// What must be mended before the folder can be loaded.
    pub problems: Vec<Problem>,
    /// What is probably not meant.
    pub warnings: Vec<Problem>,
}

/// Reads the estate and configuration of a folder.
///
/// # Errors
/// All problems of all files, in order of files and lines.
pub fn read(folder: &Path) -> Result<Loaded, Vec<Problem>> {
    load(&Folder::open(folder)).map_err(|findings| findings.problems)
}

/// Reads the same files from memory: `("estate/estate.toml", "...")`, `("cordon.toml", "...")`.
///
/// A TOML file that is not `cordon.toml` is an estate file; CSV files go by
/// their names, in any folder.
///
/// # Errors
/// As [`read()`].
pub fn parse(files: &[(&str, &str)]) -> Result<Loaded, Vec<Problem>> {
    load(&Folder::of_texts(files)).map_err(|findings| findings.problems)
}

/// Reads generated or printed files, as [`parse`] does.
///
/// # Errors
/// As [`read()`].
pub fn parse_files(files: &Files) -> Result<Loaded, Vec<Problem>> {
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    parse(&files)
}

/// Reads a folder as [`read()`] does, with what is odd in it even where it does not load.
///
/// # Errors
/// All problems, and all warnings.
pub fn inspect(folder: &Path) -> Result<Loaded, Findings> {
    load(&Folder::open(folder))
}

/// Reads a folder for its problems and warnings alone.
#[must_use]
pub fn check(folder: &Path) -> Findings {
    match inspect(folder) {
        Ok(loaded) => Findings { problems: Vec::new(), warnings: loaded.warnings },
        Err(findings) => findings,
    }
}

fn load(folder: &Folder<'_>) -> Result<Loaded, Findings> {
    let mut reader = Reader::new(&folder.name);
    let mut config = Config::default();
    if folder.problems.is_empty() {
        config = read_files(folder, &mut reader);
    }
    for problem in &folder.problems {
        let file = reader.report.add_file(&problem.file);
        reader.report.problem(Spot::file(file), &*problem.what, &*problem.remedy);
    }
    for warning in &folder.warnings {
        let file = reader.report.add_file(&warning.file);
        reader.report.warning(Spot::file(file), &*warning.what, &*warning.remedy);
    }
    config.authority.clone_from(&folder.authority);
    config.rules.clone_from(&folder.rules);
    config.notices.clone_from(&folder.notices);
    finish(reader, config)
}

fn read_files(folder: &Folder<'_>, reader: &mut Reader) -> Config {
    let mut documents = Vec::new();
    let mut cordon_toml = None;
    let mut tables = Vec::new();
    for file in &folder.files {
        let number = reader.report.add_file(&file.name);
        if let Some(bulk) = bulk::FILES.iter().find(|name| file.is_named(name)) {
            tables.push((*bulk, number, &file.content));
            continue;
        }
        let Some(text) = text_of(&file.content, number, &mut reader.report) else { continue };
        let document = Document::parse(number, text, &mut reader.report);
        if file.is_named("cordon.toml") {
            cordon_toml = Some(document);
        } else {
            documents.push(document);
        }
    }
    documents.iter().for_each(|document| tables::declare_nodes(document, reader));
    each_table(&tables, "nodes.csv", reader, bulk::read_nodes);
    reader.has_config = cordon_toml.is_some();
    let config = cordon_toml.map(|document| config::read_config(&document, reader));
    documents.iter().for_each(|document| tables::read_parts(document, reader));
    each_table(&tables, "links.csv", reader, bulk::read_links);
    each_table(&tables, "withdrawals.csv", reader, bulk::read_withdrawals);
    let mut config = config.unwrap_or_default();
    if let Some(people) = &folder.people {
        let number = reader.report.add_file(&people.name);
        if let Some(text) = text_of(&people.content, number, &mut reader.report) {
            let document = Document::parse(number, text, &mut reader.report);
            config.people = people::read_people(&document, reader);
        }
    }
    whole::check(reader, &config);
    config
}

type Table<'f> = (&'static str, u32, &'f Content<'f>);

fn each_table(
    tables: &[Table<'_>],
    name: &str,
    reader: &mut Reader,
    read: fn(u32, &mut dyn std::io::BufRead, &mut Reader),
) {
    for (_, number, content) in tables.iter().filter(|(bulk, ..)| *bulk == name) {
        match content.open() {
            Ok(mut input) => read(*number, &mut *input, reader),
            Err(error) => {
                let what = format!("cannot be read: {error}");
                reader.report.broken(Spot::file(*number), what, "see that it is a readable file");
            }
        }
    }
}

fn text_of<'f>(content: &'f Content<'_>, file: u32, report: &mut Report) -> Option<&'f str> {
    match content {
        Content::Text(text) => Some(text),
        Content::Unreadable { line, what } => {
            let remedy = "see that it is a readable file in UTF-8";
            report.broken(Spot::line(file, *line), what, remedy);
            None
        }
        Content::Owned(text) => Some(text),
        Content::Path(_) => None,
    }
}

fn finish(mut reader: Reader, config: Config) -> Result<Loaded, Findings> {
    if reader.report.has_problems() {
        let (problems, warnings) = reader.report.finish();
        return Err(Findings { problems, warnings });
    }
    let place = reader.estate_spot;
    match reader.builder.finish() {
        Ok(estate) => {
            let (_, warnings) = reader.report.finish();
            Ok(Loaded { estate, config, warnings })
        }
        Err(defects) => {
            for defect in defects {
                let spot = place.unwrap_or(Spot::file(0));
                reader.report.problem(spot, defect.what, defect.remedy);
            }
            let (problems, warnings) = reader.report.finish();
            Err(Findings { problems, warnings })
        }
    }
}
