//! Opens what logs lie in: files, folders, standard input, archives.
//!
//! Archives are told by their first bytes: zip, gzip, zstd, tar, and each
//! inside another, four deep. Everything is a stream; only a zip that does not
//! lie in a file of its own is held in memory, up to a limit.

use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use crate::decode::{self, Meter};
use crate::problem::{problem, unreadable};
use crate::scan::feed::Feed;

/// Archives within archives are opened this deep.
const DEPTH: usize = 4;
/// A zip inside another archive, or on standard input, may be this large.
const ZIP_BYTES: u64 = 128 << 20;
/// As much of a stream as is looked at to tell what it is.
const HEAD: usize = 4096;

/// Something to read logs from.
#[derive(Clone, Debug)]
pub enum Input {
    /// A file, or a folder with all files below it in the order of their names.
    Path(PathBuf),
    /// Standard input.
    Standard,
    /// Bytes in memory, under a name.
    Bytes {
        /// The name in places and problems.
        name: String,
        /// A file's content: a log or an archive of logs.
        bytes: Vec<u8>,
    },
}

impl Input {
    /// Makes an input of a command line argument: `-` is standard input.
    pub fn of_argument(argument: &Path) -> Self {
        if argument == Path::new("-") { Self::Standard } else { Self::Path(argument.to_owned()) }
    }

    /// Returns how many bytes there are to read, if that is known: the measure of progress.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::Standard => None,
            Self::Bytes { bytes, .. } => Some(bytes.len() as u64),
            Self::Path(path) => {
                let (files, _) = crate::files::below(path);
                Some(
                    files
                        .iter()
                        .filter_map(|file| std::fs::metadata(file).ok())
                        .map(|found| found.len())
                        .sum(),
                )
            }
        }
    }
}

/// Reads all records of an input.
pub(crate) fn read(feed: &mut Feed<'_>, input: &Input) {
    match input {
        Input::Standard => read_from(feed, "standard input", &mut std::io::stdin().lock()),
        Input::Bytes { name, bytes } => {
            let meter = Meter::default();
            let reader = Counted { inner: Cursor::new(bytes.as_slice()), meter: meter.clone() };
            open_seek(feed, name, reader, &meter);
            feed.progress_to_end(&meter, bytes.len() as u64);
        }
        Input::Path(path) => {
            let meter = Meter::default();
            let (files, problems) = crate::files::below(path);
            problems.into_iter().for_each(|p| feed.problem(p));
            for file in files {
                open_file(feed, &file, &meter);
            }
        }
    }
}

/// Reads all records from a reader.
pub(crate) fn read_from(feed: &mut Feed<'_>, name: &str, reader: &mut dyn Read) {
    let meter = Meter::default();
    let mut reader = Counted { inner: reader, meter: meter.clone() };
    open(feed, name, &mut reader, DEPTH, &meter);
}

fn open_file(feed: &mut Feed<'_>, path: &Path, meter: &Meter) {
    let name = path.display().to_string();
    match File::open(path) {
        Ok(inner) => {
            let size = inner.metadata().map_or(0, |found| found.len());
            let reader = Counted { inner, meter: meter.clone() };
            open_seek(feed, &name, reader, meter);
            feed.progress_to_end(meter, size);
        }
        Err(error) => feed.problem(unreadable(&name, &error)),
    }
}

fn open_seek(
    feed: &mut Feed<'_>,
    name: &str,
    mut reader: Counted<impl Read + Seek>,
    meter: &Meter,
) {
    // Looked at past the counter: these bytes are read again.
    let file = &mut reader.inner;
    let mut magic = Vec::new();
    let begun = file.by_ref().take(4).read_to_end(&mut magic).and_then(|_| file.rewind());
    if let Err(error) = begun {
        feed.problem(unreadable(name, &error));
    } else if is_zip(&magic) {
        zip(feed, name, reader, DEPTH, meter);
    } else {
        open(feed, name, &mut reader, DEPTH, meter);
    }
}

/// Opens a stream by what its first bytes say.
fn open(feed: &mut Feed<'_>, name: &str, reader: &mut dyn Read, depth: usize, meter: &Meter) {
    let mut head = Vec::new();
    let failed = reader.take(HEAD as u64).read_to_end(&mut head).err();
    if let (Some(error), true) = (&failed, head.is_empty()) {
        return feed.problem(unreadable(name, error));
    }
    let archive = archive_of(&head);
    if archive.is_some() && depth == 0 {
        return feed.problem(problem(
            name,
            "",
            format!("archives more than {DEPTH} deep in one another are not opened"),
            "unpack it first",
        ));
    }
    let mut whole = Cursor::new(head.clone()).chain(Rest { failed, reader });
    match archive {
        Some(Archive::Gzip) => {
            let mut inner = flate2::read::MultiGzDecoder::new(whole);
            open(feed, &unpacked(name), &mut inner, depth - 1, meter);
        }
        Some(Archive::Zstd) => match zstd::stream::read::Decoder::new(whole) {
            Ok(mut inner) => open(feed, &unpacked(name), &mut inner, depth - 1, meter),
            Err(error) => feed.problem(unreadable(name, &error)),
        },
        Some(Archive::Tar) => tar(feed, name, &mut whole, depth - 1, meter),
        Some(Archive::Zip) => zip_in_memory(feed, name, &mut whole, depth - 1, meter),
        None => {
            feed.begin(name);
            decode::decode(feed, &head, &mut whole, meter);
            feed.end();
        }
    }
    feed.progress(meter);
}

fn tar(feed: &mut Feed<'_>, name: &str, reader: &mut dyn Read, depth: usize, meter: &Meter) {
    let mut archive = tar::Archive::new(reader);
    let entries = match archive.entries() {
        Ok(entries) => entries,
        Err(error) => return feed.problem(unreadable(name, &error)),
    };
    for entry in entries {
        match entry {
            Err(error) => return feed.problem(unreadable(name, &error)),
            Ok(entry) if !entry.header().entry_type().is_file() => {}
            Ok(mut entry) => {
                let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                let member = format!("{name}!{}", path.trim_start_matches("./"));
                open(feed, &member, &mut entry, depth, meter);
            }
        }
    }
}

fn zip_in_memory(
    feed: &mut Feed<'_>,
    name: &str,
    reader: &mut dyn Read,
    depth: usize,
    meter: &Meter,
) {
    let mut bytes = Vec::new();
    match reader.take(ZIP_BYTES + 1).read_to_end(&mut bytes) {
        Err(error) => feed.problem(unreadable(name, &error)),
        Ok(_) if bytes.len() as u64 > ZIP_BYTES => feed.problem(problem(
            name,
            "",
            format!(
                "a zip inside another archive or on standard input may have {} MiB at most",
                ZIP_BYTES >> 20
            ),
            "unpack it, or give it as a file of its own",
        )),
        Ok(_) => zip(feed, name, Cursor::new(bytes), depth, meter),
    }
}

fn zip(feed: &mut Feed<'_>, name: &str, reader: impl Read + Seek, depth: usize, meter: &Meter) {
    let mut archive = match meter.uncounted(|| zip::ZipArchive::new(reader)) {
        Ok(archive) => archive,
        Err(error) => {
            return feed.problem(problem(
                name,
                "",
                format!("a zip that cannot be opened: {error}"),
                "copy or download it again",
            ));
        }
    };
    let mut members: Vec<(String, usize)> = (0..archive.len())
        .filter_map(|number| {
            let name = archive.name_for_index(number)?;
            (!name.ends_with('/')).then(|| (name.to_owned(), number))
        })
        .collect();
    members.sort();
    for (path, number) in members {
        let member = format!("{name}!{path}");
        match archive.by_index(number) {
            Ok(mut file) => open(feed, &member, &mut file, depth, meter),
            Err(error) => feed.problem(problem(
                &member,
                "",
                format!("cannot be unpacked: {error}"),
                "unpack it with another tool and give the file itself",
            )),
        }
    }
}

enum Archive {
    Gzip,
    Zstd,
    Tar,
    Zip,
}

fn archive_of(head: &[u8]) -> Option<Archive> {
    if head.starts_with(&[0x1f, 0x8b]) {
        Some(Archive::Gzip)
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Some(Archive::Zstd)
    } else if is_zip(head) {
        Some(Archive::Zip)
    } else if head.get(257..262) == Some(b"ustar") {
        Some(Archive::Tar)
    } else {
        None
    }
}

fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

/// `audit.json.gz` unpacks to `audit.json`.
fn unpacked(name: &str) -> String {
    [".gz", ".zst", ".tgz"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(name)
        .to_owned()
}

/// What follows the head of a stream: more bytes, or the error that cut it short.
struct Rest<'r> {
    failed: Option<std::io::Error>,
    reader: &'r mut dyn Read,
}

impl Read for Rest<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.reader.read(buf),
        }
    }
}

/// Counts the bytes that are read from the file itself.
struct Counted<R> {
    inner: R,
    meter: Meter,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buf)?;
        self.meter.add(count);
        Ok(count)
    }
}

impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}
