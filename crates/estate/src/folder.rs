//! Finds the files of a configuration folder, on disk or in memory.
//!
//! Small files (TOML) are read at once; bulk tables are opened when it is their
//! turn and read as a stream. What lies in the estate folder and is not read is
//! told, so that a misspelt `node.csv` does not vanish.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use cordon_model::signal::Problem;

use crate::bulk;
use crate::nearest::did_you_mean;

/// Everything found in a folder.
#[derive(Debug, Default)]
pub(crate) struct Folder<'a> {
    /// Name of an estate that does not name itself.
    pub(crate) name: String,
    /// Estate files and `cordon.toml`, sorted.
    pub(crate) files: Vec<EstateFile<'a>>,
    /// `people.toml`.
    pub(crate) people: Option<EstateFile<'a>>,
    /// `authority.cedar`.
    pub(crate) authority: Option<PathBuf>,
    /// Rules, sorted.
    pub(crate) rules: Vec<PathBuf>,
    /// Notices, sorted.
    pub(crate) notices: Vec<PathBuf>,
    /// Why it is no configuration folder.
    pub(crate) problems: Vec<Problem>,
    /// Files that look as if they were meant to be read.
    pub(crate) warnings: Vec<Problem>,
}

/// One file that is read.
#[derive(Debug)]
pub(crate) struct EstateFile<'a> {
    /// As told to people.
    pub(crate) name: String,
    /// What is in it.
    pub(crate) content: Content<'a>,
}

/// What is in a file.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    /// A text in memory.
    Text(&'a str),
    /// A text that was read from disk.
    Owned(String),
    /// A table on disk, read later.
    Path(PathBuf),
    /// It could not be read.
    Unreadable {
        /// The first bad line, or 0.
        line: u32,
        /// Why.
        what: String,
    },
}

impl Content<'_> {
    /// Opens it as a stream.
    pub(crate) fn open(&self) -> io::Result<Box<dyn BufRead + '_>> {
        Ok(match self {
            Self::Text(text) => Box::new(text.as_bytes()),
            Self::Owned(text) => Box::new(text.as_bytes()),
            Self::Path(path) => Box::new(BufReader::with_capacity(1 << 18, File::open(path)?)),
            Self::Unreadable { what, .. } => return Err(io::Error::other(what.clone())),
        })
    }
}

impl EstateFile<'_> {
    /// Whether the last part of its name is `name`.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        base_name(&self.name) == name
    }
}

fn base_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

impl<'a> Folder<'a> {
    /// Takes files from memory.
    pub(crate) fn of_texts(files: &[(&'a str, &'a str)]) -> Self {
        let mut folder = Self { name: "estate".to_owned(), ..Self::default() };
        for &(name, text) in files {
            let path = || PathBuf::from(name);
            if base_name(name) == "authority.cedar" {
                folder.authority = Some(path());
            } else if name == "people.toml" {
                let content = Content::Text(text);
                folder.people = Some(EstateFile { name: name.to_owned(), content });
            } else if name.starts_with("notices/") {
                folder.notices.push(path());
            } else if name.starts_with("rules/") {
                folder.rules.push(path());
            } else if is_read(base_name(name)) || base_name(name) == "cordon.toml" {
                let content = Content::Text(text);
                folder.files.push(EstateFile { name: name.to_owned(), content });
            } else {
                folder.note_unread(name);
            }
        }
        folder.rules.sort();
        folder.notices.sort();
        folder.files.sort_by(|a, b| a.name.cmp(&b.name));
        folder
    }
}

impl Folder<'static> {
    /// Looks through a folder on disk.
    pub(crate) fn open(path: &Path) -> Self {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
        let mut folder = Self { name, ..Self::default() };
        if folder.name.is_empty() {
            "estate".clone_into(&mut folder.name);
        }
        let estate = path.join("estate");
        if !estate.is_dir() {
            folder.refuse(path);
            return folder;
        }
        if let Err(error) = folder.find_estate(&estate) {
            folder.fail(&estate, &format!("cannot be read: {error}"), "see that it is readable");
        }
        let cordon_toml = path.join("cordon.toml");
        if cordon_toml.is_file() {
            folder.add(&cordon_toml);
        }
        let people = path.join("people.toml");
        folder.people = people.is_file().then(|| of_disk(&people));
        let authority = path.join("authority.cedar");
        folder.authority = authority.is_file().then_some(authority);
        folder.rules = found(&path.join("rules"), &["yml", "yaml"], true);
        folder.notices = found(&path.join("notices"), &["md"], false);
        folder
    }

    fn refuse(&mut self, path: &Path) {
        if !path.is_dir() {
            self.fail(path, "there is no such folder", "name a folder that holds `estate/`");
        } else if sorted(path).iter().any(|path| is_read(&file_name(path))) {
            let remedy = "name the folder above it, which holds `estate/`";
            self.fail(path, "this is the estate folder itself", remedy);
        } else {
            let remedy = "create `estate/` with at least one `.toml` file in it";
            self.fail(path, "there is no folder `estate` in it", remedy);
        }
    }

    fn fail(&mut self, path: &Path, what: &str, remedy: &str) {
        self.problems.push(told(&path.display().to_string(), what, remedy));
    }

    fn find_estate(&mut self, estate: &Path) -> io::Result<()> {
        fs::read_dir(estate)?;
        for path in sorted(estate) {
            let name = file_name(&path);
            if path.is_file() && is_read(&name) {
                self.add(&path);
            } else if path.is_file() && !name.starts_with('.') {
                self.note_unread(&path.display().to_string());
            }
        }
        if self.files.is_empty() {
            let remedy = "write at least one `.toml` file in it";
            self.fail(estate, "the estate folder is empty", remedy);
        }
        Ok(())
    }

    fn add(&mut self, path: &Path) {
        self.files.push(of_disk(path));
    }
}

/// A file on disk: a table is opened later, everything else is read now.
fn of_disk(path: &Path) -> EstateFile<'static> {
    let name = path.display().to_string();
    let content = if bulk::FILES.contains(&base_name(&name)) {
        Content::Path(path.to_owned())
    } else {
        match fs::read(path).map(String::from_utf8) {
            Ok(Ok(text)) => Content::Owned(text),
            Ok(Err(error)) => {
                let good = error.utf8_error().valid_up_to();
                let before = error.as_bytes().iter().take(good);
                let line = before.filter(|&&byte| byte == b'\n').count() + 1;
                let line = u32::try_from(line).unwrap_or(u32::MAX);
                Content::Unreadable { line, what: "the file is not UTF-8".to_owned() }
            }
            Err(error) => {
                Content::Unreadable { line: 0, what: format!("cannot be read: {error}") }
            }
        }
    };
    EstateFile { name, content }
}

impl Folder<'_> {
    fn note_unread(&mut self, name: &str) {
        let base = base_name(name);
        if base.ends_with(".csv") {
            let remedy =
                did_you_mean(base, bulk::FILES, || format!("known are {}", bulk::FILES.join(", ")));
            self.warnings.push(told(name, "the file is not read", &remedy));
        }
    }
}

fn told(file: &str, what: &str, remedy: &str) -> Problem {
    Problem {
        file: file.to_owned(),
        place: String::new(),
        what: what.to_owned(),
        remedy: remedy.to_owned(),
    }
}

/// Whether a file in the estate folder is one that is read.
fn is_read(name: &str) -> bool {
    let toml = name.ends_with(".toml") && !name.starts_with('.') && name != "cordon.toml";
    toml || bulk::FILES.contains(&name)
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into())
}

/// The entries of a folder by name; none where it cannot be listed.
fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Files with one of these extensions, sorted, and in folders below where `deep`.
fn found(folder: &Path, extensions: &[&str], deep: bool) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for path in sorted(folder) {
        let extension = path.extension().map_or_else(String::new, |e| e.to_string_lossy().into());
        if path.is_dir() && deep && !path.is_symlink() {
            paths.extend(found(&path, extensions, deep));
        } else if path.is_file() && extensions.contains(&extension.as_str()) {
            paths.push(path);
        }
    }
    paths
}
