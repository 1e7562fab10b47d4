//! Finds the files of a collection: JSON files, zip archives, folders of both.
//!
//! Members of an archive are unpacked as they are read. An archive whose list of
//! members is cut off is read from its beginning as far as it goes.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use cordon_model::signal::Problem;
use zip::ZipArchive;
use zip::read::read_zipfile_from_stream;
use zip::result::ZipError;

const AGAIN: &str = "copy it again from where it was collected";

/// Reads one file; the last argument takes what is wrong with it.
pub(crate) type ReadFile<'r> = dyn FnMut(&str, &mut dyn Read, &mut Vec<Problem>) + 'r;

/// Finds files and hands each to a reader.
pub(crate) struct Finder<'r> {
    /// What could not be opened, and what the reader told.
    pub(crate) problems: Vec<Problem>,
    /// How much could not be opened.
    pub(crate) unopened: u64,
    read: &'r mut ReadFile<'r>,
}

impl<'r> Finder<'r> {
    /// Starts with nothing found.
    pub(crate) fn new(read: &'r mut ReadFile<'r>) -> Self {
        Self { problems: Vec::new(), unopened: 0, read }
    }

    /// Reads every file of a source, in order of names.
    pub(crate) fn each_of(&mut self, source: &Path) {
        let files = if source.is_dir() { self.files_of(source) } else { vec![source.to_owned()] };
        if files.is_empty() {
            let remedy = "name the folder into which the collector wrote";
            self.tell(&name_of(source), "there is no `.json` or `.zip` file in it", remedy);
        }
        for path in files {
            self.one(&path);
        }
    }

    fn one(&mut self, path: &Path) {
        let name = name_of(path);
        let opened = File::open(path).and_then(|mut file| Ok((is_zip(&mut file)?, file)));
        match opened {
            Ok((true, file)) => self.archive(&name, file),
            Ok((false, mut file)) => (self.read)(&name, &mut file, &mut self.problems),
            Err(error) => {
                self.tell(&name, &format!("cannot be opened: {error}"), "see that it is there");
            }
        }
    }

    fn archive(&mut self, name: &str, file: File) {
        let mut again = file.try_clone();
        let mut archive = match ZipArchive::new(BufReader::new(file)) {
            Ok(archive) => archive,
            Err(error) => {
                let what = format!("the list of members cannot be read: {error}");
                self.tell(name, &what, AGAIN);
                if let Ok(file) = again.as_mut()
                    && file.seek(SeekFrom::Start(0)).is_ok()
                {
                    self.members_in_order(name, file);
                }
                return;
            }
        };
        let mut members: Vec<(String, usize)> = (0..archive.len())
            .filter_map(|at| archive.name_for_index(at).map(|member| (member.to_owned(), at)))
            .filter(|(member, _)| is_wanted(member))
            .collect();
        members.sort();
        if members.is_empty() {
            self.tell(name, "there is no `.json` file in it", "name the collector's archive");
        }
        for (member, at) in members {
            let full = format!("{name}: {member}");
            match archive.by_index(at) {
                Ok(mut input) => (self.read)(&full, &mut input, &mut self.problems),
                Err(ZipError::UnsupportedArchive(why)) if why == ZipError::PASSWORD_REQUIRED => {
                    let remedy = "unpack the archive with its password and name the folder";
                    self.tell(&full, "it is encrypted", remedy);
                }
                Err(error) => self.tell(&full, &format!("cannot be unpacked: {error}"), AGAIN),
            }
        }
    }

    /// Reads an archive from its beginning, without its list of members.
    fn members_in_order(&mut self, name: &str, file: &mut File) {
        let mut input = BufReader::new(file);
        while let Ok(Some(mut member)) = read_zipfile_from_stream(&mut input) {
            let full = format!("{name}: {}", member.name());
            if is_wanted(member.name()) {
                (self.read)(&full, &mut member, &mut self.problems);
            }
        }
    }

    /// Files of a collection in a folder and the folders below, by name.
    fn files_of(&mut self, folder: &Path) -> Vec<PathBuf> {
        let (mut found, mut open) = (Vec::new(), vec![folder.to_owned()]);
        while let Some(folder) = open.pop() {
            let entries = match folder.read_dir() {
                Ok(entries) => entries,
                Err(error) => {
                    let what = format!("cannot be listed: {error}");
                    self.tell(&name_of(&folder), &what, "see that it is readable");
                    continue;
                }
            };
            for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if path.is_dir() && !path.is_symlink() {
                    open.push(path);
                } else if is_wanted(&name) || has_extension(&name, "zip") {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }

    fn tell(&mut self, file: &str, what: &str, remedy: &str) {
        self.unopened += 1;
        self.problems.push(Problem {
            file: file.to_owned(),
            place: String::new(),
            what: what.to_owned(),
            remedy: remedy.to_owned(),
        });
    }
}

fn is_zip(file: &mut File) -> io::Result<bool> {
    let mut start = [0; 4];
    let read = file.read(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(start.get(..read) == Some(b"PK\x03\x04".as_slice()))
}

fn is_wanted(member: &str) -> bool {
    let base = member.rsplit(['/', '\\']).next().unwrap_or(member);
    has_extension(base, "json") && !base.starts_with('.')
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

fn name_of(path: &Path) -> String {
    path.display().to_string()
}
