//! Formats: declarative descriptions of what log records say.
//!
//! One TOML file per format tells how to recognise a record, where its time
//! stands, which Sigma logsources it belongs to, what its fields are called in
//! Sigma, which fields name nodes in which role, and which records are facts.
//! [`crate::format_file`] holds the language as it is written, [`crate::class`]
//! as it is applied; `docs/formats.md` is the reference for people.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use cordon_model::Timestamp;
use cordon_model::signal::{MentionKind, Problem};
use regex::Regex;

use crate::builtin;
use crate::class::{Alias, EventDefinition};
use crate::condition::Pattern;
use crate::extract::{self, Extract, Fields};
use crate::format_file::{self, FormatFile, Services};
use crate::json::Json;
use crate::problem;
use crate::recognise::{Recogniser, signature};
use crate::syslog::Frame;
use crate::template::Template;
use crate::time::TimeReader;

/// The formats that a scan knows.
#[derive(Clone)]
pub struct Formats {
    formats: Vec<Arc<Format>>,
    /// Which format each way to recognise one belongs to, the narrowest first.
    recognisers: Vec<(usize, Recogniser)>,
}

/// One format, compiled.
#[derive(Clone)]
pub struct Format {
    /// Its name in messages and coverage: `windows-event`.
    pub id: String,
    /// What it is, in a few words.
    pub title: String,
    pub(crate) recognisers: Vec<Recogniser>,
    pub(crate) unwrap: Vec<String>,
    pub(crate) flatten: Vec<String>,
    pub(crate) keys: Vec<String>,
    pub(crate) time: TimeReader,
    pub(crate) extracts: Vec<Extract>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) source: Option<Template>,
    pub(crate) aliases: Vec<(String, Vec<Alias>)>,
    pub(crate) services: Vec<Services>,
    pub(crate) events: Vec<EventDefinition>,
    pub(crate) csv: Vec<Headless>,
    /// Names of the fields that the format asks for, in lower case.
    pub(crate) uses: BTreeSet<String>,
}

/// CSV without a line of column names, which its first line gives away.
#[derive(Clone, Debug)]
pub(crate) struct Headless {
    first: Regex,
    columns: Vec<String>,
}

impl Headless {
    pub(crate) fn new(first: &str, columns: &[String]) -> Result<Self, String> {
        Ok(Self { first: extract::compile_regex(first)?, columns: columns.to_vec() })
    }

    fn columns(&self, first: &str) -> Option<&[String]> {
        self.first.is_match(first).then_some(self.columns.as_slice())
    }
}

impl Format {
    /// Returns the fields that stand inside the record's fields.
    pub(crate) fn extracted(&self, record: &Json<'_>) -> Fields {
        let mut extra = Fields::new();
        for extract in &self.extracts {
            let found = extract.run(&|name| self.field(record, &extra, name));
            extra.extend(found);
        }
        extra
    }

    /// A field by the name that the format gives it, before the record's class is known.
    fn field<'b>(
        &self,
        record: &'b Json<'_>,
        extra: &'b Fields,
        name: &str,
    ) -> Option<Cow<'b, str>> {
        let own = |path: &str| {
            let made = extra.iter().find(|(known, _)| known.eq_ignore_ascii_case(path));
            made.map(|(_, value)| value).or_else(|| record.at(path)).and_then(Json::text)
        };
        let aliases = self.aliases.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        aliases
            .into_iter()
            .flat_map(|(_, from)| from)
            .find_map(|alias| match alias {
                Alias::Path(path) => own(path),
                Alias::Template(template) => template.render(&own).map(Cow::Owned),
            })
            .or_else(|| own(name))
    }
}

/// What all classes of a format share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) hex: Vec<String>,
    pub(crate) blank: Vec<Pattern>,
    pub(crate) ignore: BTreeMap<MentionKind, Vec<Pattern>>,
}

impl Formats {
    /// Returns the formats that the program brings along.
    pub fn builtin() -> Self {
        static BUILTIN: OnceLock<Formats> = OnceLock::new();
        BUILTIN.get_or_init(|| Self::compile_all(&parse_builtin(), &mut Vec::new())).clone()
    }

    /// Returns the built-in formats and those of `*.toml` files below `folder`.
    /// A file with the id of a built-in format replaces it. What cannot be read
    /// or compiled is left out and told.
    pub fn with_folder(folder: &Path) -> (Self, Vec<Problem>) {
        Self::with_folders(&[folder])
    }

    /// Returns the built-in formats and those below several folders; of files with one id the
    /// last counts.
    pub fn with_folders(folders: &[impl AsRef<Path>]) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut files = parse_builtin();
        let paths: Vec<PathBuf> =
            folders.iter().flat_map(|folder| toml_files(folder.as_ref(), &mut problems)).collect();
        for path in paths {
            let name = path.display().to_string();
            match std::fs::read_to_string(&path) {
                Ok(text) => match parse(&name, &text) {
                    Ok(file) => {
                        files.retain(|(_, known)| known.id != file.id);
                        files.push((name, file));
                    }
                    Err(problem) => problems.push(problem),
                },
                Err(error) => problems.push(problem::unreadable(&name, &error)),
            }
        }
        (Self::compile_all(&files, &mut problems), problems)
    }

    /// Returns the one format of a file's text, which may extend built-in ones. `name` is what
    /// problems call the file.
    pub fn of_text(name: &str, text: &str) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut files = Vec::new();
        match parse(name, text) {
            Ok(file) => {
                // Only what it extends: a base that is compiled is a format of its own.
                let bases = parse_builtin().into_iter();
                files.extend(bases.filter(|(_, base)| file.extends.contains(&base.id)).map(
                    |(name, mut base)| {
                        base.recognise.clear();
                        (name, base)
                    },
                ));
                files.push((name.to_owned(), file));
            }
            Err(problem) => problems.push(problem),
        }
        (Self::compile_all(&files, &mut problems), problems)
    }

    /// Iterates over the formats in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Format> {
        self.formats.iter().map(Arc::as_ref)
    }

    /// Returns the number and definition of the first format that knows the
    /// record by one of these `ways`, and the record without its envelope.
    pub(crate) fn recognise_by<'b, 'a>(
        &self,
        record: &'b Json<'a>,
        ways: &[usize],
    ) -> Option<(usize, &Arc<Format>, &'b Json<'a>)> {
        let has = signature(record);
        ways.iter().find_map(|way| {
            let (number, recogniser) = self.recognisers.get(*way)?;
            let format = self.formats.get(*number)?;
            let inner = recogniser.take(record, has, &format.unwrap)?;
            Some((*number, format, inner))
        })
    }

    /// Returns the ways to recognise a format that an object with members of these names may
    /// be known by. `named` knows names without regard to case.
    pub(crate) fn ways(&self, named: &dyn Fn(&str) -> bool) -> Vec<usize> {
        let recognisers = self.recognisers.iter().enumerate();
        recognisers
            .filter(|(_, (number, recogniser))| {
                let format = self.formats.get(*number);
                format.is_some_and(|format| recogniser.may_take(named, &format.unwrap))
            })
            .map(|(way, _)| way)
            .collect()
    }

    /// Returns the number and definition of the first format that reads such
    /// lines, and the record that the line is.
    pub(crate) fn recognise_line<'a>(
        &self,
        line: &'a str,
    ) -> Option<(usize, &Arc<Format>, Json<'a>)> {
        let frame = Frame::of(line);
        self.recognisers.iter().find_map(|(number, recogniser)| {
            let record = recogniser.line(line, frame.as_ref())?;
            Some((*number, self.formats.get(*number)?, record))
        })
    }

    /// Returns the same formats, which take times without a year to lie before `latest`.
    #[must_use]
    pub fn until(mut self, latest: Timestamp) -> Self {
        for format in &mut self.formats {
            Arc::make_mut(format).time.latest = Some(latest);
        }
        self
    }

    /// Returns the column names of CSV that has none itself, told from its first line.
    pub(crate) fn columns(&self, first: &str) -> Option<&[String]> {
        let tables = self.formats.iter().flat_map(|format| &format.csv);
        tables.into_iter().find_map(|csv| csv.columns(first))
    }

    fn compile_all(files: &[(String, FormatFile)], problems: &mut Vec<Problem>) -> Self {
        let mut formats: Vec<Arc<Format>> = Vec::new();
        for (name, file) in files {
            if file.recognise.is_empty() {
                continue;
            }
            match format_file::inherit(file, files).and_then(|whole| format_file::compile(&whole)) {
                Ok(format) => formats.push(Arc::new(format)),
                Err(what) => problems.push(problem::in_format(name, what)),
            }
        }
        formats.sort_by(|a, b| a.id.cmp(&b.id));
        let mut recognisers: Vec<(usize, Recogniser)> = formats
            .iter()
            .enumerate()
            .flat_map(|(number, format)| {
                format.recognisers.iter().map(move |r| (number, r.clone()))
            })
            .collect();
        recognisers.sort_by_key(|(_, recogniser)| std::cmp::Reverse(recogniser.narrowness()));
        Self { formats, recognisers }
    }
}

fn parse_builtin() -> Vec<(String, FormatFile)> {
    builtin::FORMATS
        .iter()
        .filter_map(|(name, text)| parse(name, text).ok().map(|file| ((*name).to_owned(), file)))
        .collect()
}

fn parse(name: &str, text: &str) -> Result<FormatFile, Problem> {
    toml::from_str(text).map_err(|error| problem::in_toml(name, text, &error))
}

fn toml_files(folder: &Path, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let (files, unreadable) = crate::files::below(folder);
    problems.extend(unreadable);
    files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("toml")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_format_compiles() {
        let mut problems = Vec::new();
        for (name, text) in builtin::FORMATS {
            problems.extend(parse(name, text).err());
        }
        let formats = Formats::compile_all(&parse_builtin(), &mut problems);
        assert_eq!(problems, []);
        let bases = parse_builtin().iter().filter(|(_, file)| file.recognise.is_empty()).count();
        assert_eq!(formats.iter().count(), builtin::FORMATS.len() - bases, "all but bases");
    }

    #[test]
    fn every_format_says_what_it_is() {
        for format in Formats::builtin().iter() {
            assert!(!format.title.is_empty(), "{}", format.id);
            assert!(
                format
                    .id
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            );
        }
    }

    #[test]
    fn a_folder_adds_and_replaces_formats_and_tells_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let door = "id = 'door-log'\ntitle = 'Doors'\n[[recognise]]\npresent = ['badge']\n";
        write("a.toml", door);
        write("b.toml", &door.replace("door-log", "okta"));
        write("note.txt", "no format");
        let (formats, problems) = Formats::with_folder(folder.path());
        assert_eq!(problems, []);
        let title = |id: &str| formats.iter().find(|f| f.id == id).map(|f| f.title.clone());
        assert_eq!(title("door-log").as_deref(), Some("Doors"));
        assert_eq!(title("okta").as_deref(), Some("Doors"));
        assert_eq!(formats.iter().count(), Formats::builtin().iter().count() + 1);

        let other = tempfile::tempdir().unwrap();
        std::fs::write(other.path().join("d.toml"), door.replace("door-log", "gate-log")).unwrap();
        let (both, problems) = Formats::with_folders(&[folder.path(), other.path()]);
        assert_eq!(problems, []);
        assert_eq!(both.iter().count(), formats.iter().count() + 1);

        for (text, place, what) in [
            ("id = 'x'\n\ncolour = 1\n", "line 3", "unknown field `colour`"),
            ("id = 'x'\n[[recognise]]\n", "", "needs `present`"),
            (
                "id = 'x'\nextends = ['y']\n[[recognise]]\npresent = ['a']",
                "",
                "`y`, which is no known",
            ),
            ("id = 'x'\nsource = '{a'\n[[recognise]]\npresent = ['a']", "", "without `}`"),
            ("id = 'x'\n[[recognise]]\nline = '('\n", "", "does not compile"),
            (
                "id = 'x'\n[[recognise]]\npresent = ['a']\n[[event]]\nfact = [{ fact = 'access' }]\n",
                "",
                "with a `verb`",
            ),
            (
                "id = 'x'\n[[recognise]]\npresent = ['a']\n[[event]]\nwhen = { b = 1 }\nfields = { C = 'd' }\n",
                "",
                "`keys` only",
            ),
            (
                "id = 'x'\n[time]\nzone = 'Mars'\n[[recognise]]\npresent = ['a']\n",
                "",
                "`Mars` is no zone",
            ),
        ] {
            write("c.toml", text);
            let (_, problems) = Formats::with_folder(folder.path());
            assert_eq!(problems.len(), 1, "{text}: {problems:?}");
            assert_eq!(problems[0].place, place, "{text}: {problems:?}");
            assert!(problems[0].what.contains(what), "{text}: {problems:?}");
            assert!(problems[0].file.ends_with("c.toml"));
        }
    }
}
