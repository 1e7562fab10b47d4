//! Writes an import into a configuration folder, and never over a person's work.
//!
//! `nodes.csv` and `links.csv` belong to the import: they are written beside and
//! moved into place when both are whole, and only over tables that an import
//! wrote and nobody has changed since, by their hashes in `import.json`.
//! `directory.toml` is written once and belongs to the reader from then on.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::ImportError;
use super::nodes::{Nodes, is_provisional, tier_zero};
use super::objects::{Flag, Objects};
use super::reading::Reading;
use super::report::{Imported, TierZero};
use super::spill::RawLink;
use crate::csv::push_field;

const NODES: &str = "estate/nodes.csv";
const LINKS: &str = "estate/links.csv";
const DIRECTORY: &str = "estate/directory.toml";
const RECORD: &str = "import.json";

/// Placeholder for the loss of a domain, in whole units.
const LOSS: u32 = 1_000_000;

/// The folder that is written to.
pub(crate) struct Target {
    folder: PathBuf,
}

/// What `import.json` says of the tables.
#[derive(Debug, Serialize, Deserialize)]
struct Hashes {
    nodes: String,
    links: String,
}

#[derive(Serialize)]
struct Written<'r> {
    tables: Hashes,
    import: &'r Imported,
}

#[derive(Deserialize)]
struct Before {
    tables: Hashes,
}

impl Target {
    /// Makes the folder where there is none, and sees that nothing of a person would be lost.
    ///
    /// # Errors
    /// A table is there that no import wrote, or that was changed since.
    pub(crate) fn open(folder: &Path) -> Result<Self, ImportError> {
        let target = Self { folder: folder.to_owned() };
        fs::create_dir_all(folder.join("estate"))
            .map_err(|error| target.failed("estate", error))?;
        let before = fs::read(folder.join(RECORD)).ok();
        let before: Option<Before> = before.and_then(|json| serde_json::from_slice(&json).ok());
        let hashes = before.map(|before| before.tables);
        for (name, hash) in [
            (NODES, hashes.as_ref().map(|tables| &tables.nodes)),
            (LINKS, hashes.as_ref().map(|tables| &tables.links)),
        ] {
            let path = folder.join(name);
            if !path.exists() {
                continue;
            }
            let Some(hash) = hash else { return Err(ImportError::Foreign { path }) };
            let now = hash_of(&path).map_err(|error| target.failed(name, error))?;
            if now != *hash {
                return Err(ImportError::Changed { path });
            }
        }
        Ok(target)
    }

    /// Where a scratch file of the import lies.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.folder.join("estate").join(format!(".import-{name}"))
    }

    /// Says which file could not be written.
    pub(crate) fn failed(&self, name: &str, error: io::Error) -> ImportError {
        ImportError::Write { path: self.folder.join(name), source: error }
    }

    /// Writes everything and completes the report.
    ///
    /// # Errors
    /// A file cannot be written; the tables before stay as they were.
    pub(crate) fn write(
        &self,
        mut reading: Reading,
        report: &mut Imported,
    ) -> Result<(), ImportError> {
        let nodes = Nodes::settle(&mut reading.objects);
        let (new_nodes, new_links) = (self.scratch("nodes.csv"), self.scratch("links.csv"));
        let hashes = Hashes {
            nodes: write_nodes(&new_nodes, &nodes, &mut reading.objects, report)
                .map_err(|error| self.failed(NODES, error))?,
            links: write_links(&new_links, &nodes, reading, report)
                .map_err(|error| self.failed(LINKS, error))?,
        };
        for (from, name) in [(new_nodes, NODES), (new_links, LINKS)] {
            fs::rename(from, self.folder.join(name)).map_err(|error| self.failed(name, error))?;
            report.written.push(name.to_owned());
        }
        self.write_directory(report)?;
        report.written.push(RECORD.to_owned());
        let record = serde_json::to_vec_pretty(&Written { tables: hashes, import: report });
        record
            .map_err(io::Error::other)
            .and_then(|json| fs::write(self.folder.join(RECORD), json))
            .map_err(|error| self.failed(RECORD, error))
    }

    fn write_directory(&self, report: &mut Imported) -> Result<(), ImportError> {
        let path = self.folder.join(DIRECTORY);
        if path.exists() {
            report.kept.push(DIRECTORY.to_owned());
            return Ok(());
        }
        fs::write(path, directory(report)).map_err(|error| self.failed(DIRECTORY, error))?;
        report.written.push(DIRECTORY.to_owned());
        Ok(())
    }
}

fn hash_of(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(hex(hash))
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Writes lines and hashes them.
struct Table {
    out: BufWriter<File>,
    hash: Sha256,
}

impl Table {
    fn create(path: &Path, header: &str) -> io::Result<Self> {
        let out = BufWriter::with_capacity(1 << 18, File::create(path)?);
        let mut table = Self { out, hash: Sha256::new() };
        table.line(header)?;
        Ok(table)
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        self.hash.update(line.as_bytes());
        self.out.write_all(line.as_bytes())
    }

    fn finish(self) -> io::Result<String> {
        self.out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(hex(self.hash))
    }
}

fn write_nodes(
    path: &Path,
    nodes: &Nodes,
    objects: &mut Objects,
    report: &mut Imported,
) -> io::Result<String> {
    let mut descriptions = objects.descriptions.reader()?;
    let objects = &*objects;
    let mut table = Table::create(path, "id,kind,name,aliases,tags\n")?;
    let mut line = String::new();
    for at in nodes.order() {
        let Some(object) = objects.get(at) else { continue };
        let row = nodes.row(objects, at, &descriptions.at(object.described)?);
        line.clear();
        push_field(&mut line, &row.id);
        let (aliases, tags) = (row.aliases.join(";"), row.tags.join(";"));
        for field in [row.kind, &row.label, &aliases, &tags] {
            line.push(',');
            push_field(&mut line, field);
        }
        line.push('\n');
        table.line(&line)?;
        *report.nodes.entry(row.kind.to_owned()).or_default() += 1;
        if is_provisional(object) {
            *report.provisional.entry(row.kind.to_owned()).or_default() += 1;
        }
        if let Some(what) = tier_zero(objects, object) {
            report.tier_zero.push(TierZero { node: row.id.clone(), what: what.to_owned() });
        }
        if object.is(Flag::Controller) {
            report.controllers.push(row.id);
        }
    }
    table.finish()
}

fn write_links(
    path: &Path,
    nodes: &Nodes,
    reading: Reading,
    report: &mut Imported,
) -> io::Result<String> {
    let Reading { objects, links, mut edges, .. } = reading;
    let (kinds, kind_places) = edges.by_name();
    let rename = |link: RawLink| RawLink {
        from: nodes.place(link.from),
        to: nodes.place(link.to),
        kind: kind_places.get(link.kind.0 as usize).copied().unwrap_or(link.kind),
    };
    let mut table = Table::create(path, "from,to,kind\n")?;
    let (mut line, mut last, mut start) = (String::new(), None, 0);
    links.sorted(rename, |link| {
        let kind = kinds.get(link.kind.0 as usize).copied().unwrap_or(link.kind);
        // Links of one node stand together: its id is put together once.
        if last.replace(link.from) != Some(link.from) {
            line.clear();
            push_quoted(&mut line, |out| nodes.push_id(&objects, link.from, out));
            line.push(',');
            start = line.len();
        }
        line.truncate(start);
        push_quoted(&mut line, |out| nodes.push_id(&objects, link.to, out));
        line.push(',');
        push_field(&mut line, edges.name(kind));
        line.push('\n');
        if let Some(edge) = edges.of(kind) {
            edge.written += 1;
        }
        table.line(&line)
    })?;
    let met =
        edges.all().iter().filter(|edge| edge.stated + edge.concluded > 0 || edge.written > 0);
    report.edges = met.map(|edge| (edge.name.clone(), edge.count())).collect();
    table.finish()
}

/// Appends a text; ids hold no comma, but may hold a quote.
fn push_quoted(out: &mut String, push: impl FnOnce(&mut String)) {
    let start = out.len();
    push(out);
    if out.get(start..).is_some_and(|text| text.contains('"')) {
        let text = out.split_off(start);
        push_field(out, &text);
    }
}

/// The file with what only the reader knows: losses, and what it costs to isolate a controller.
fn directory(report: &Imported) -> String {
    let mut out = String::from(
        "# Written once by `cordon estate import`. It is yours from here on: a later import\n\
         # leaves it alone. Every figure is a placeholder: say what the loss would be, and add\n\
         # what else must be held, the services and what they need (docs/estate.md).\n",
    );
    for TierZero { node, what } in &report.tier_zero {
        let _ = write!(
            out,
            "\n[[asset]] # {what}\nnode = {}\nloss = {LOSS}\nmust_hold = true\n",
            quoted(node)
        );
    }
    if !report.controllers.is_empty() {
        out.push_str(
            "\n# Without its domain controllers nobody signs in, so isolating one costs more than\n\
             # isolating a workstation.\n",
        );
    }
    for node in &report.controllers {
        let _ = write!(
            out,
            "\n[[withdrawal]]\nkind = \"isolate-host\"\nremoves = [{}]\ncost = 5000\ncost_per_hour = 1000\n",
            quoted(node)
        );
    }
    out
}

/// An id as a TOML text: backslashes and quotes are the only characters that need care.
fn quoted(id: &str) -> String {
    format!("\"{}\"", id.replace('\\', "\\\\").replace('"', "\\\""))
}
