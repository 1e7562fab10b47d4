//! What does not stay in memory: links as they are read, and descriptions of objects.
//!
//! Links go to a file as they are met, ten bytes each. When all objects are
//! known they are read back in batches, each sorted and written as a run, and
//! the runs are merged: an external merge sort (Knuth, volume 3, section 5.4).
//! Memory is one batch, whatever the directory's size.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::edges::EdgeKind;
use super::objects::{Description, ObjectIx};

/// Links of one batch.
const BATCH: usize = 1 << 20;
const BUFFER: usize = 1 << 18;
const BYTES: usize = 10;

/// A link between objects: in the order of the estate, sorted by both ends and the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RawLink {
    pub(crate) from: ObjectIx,
    pub(crate) to: ObjectIx,
    pub(crate) kind: EdgeKind,
}

impl RawLink {
    fn to_bytes(self) -> [u8; BYTES] {
        let ([a, b, c, d], [e, f, g, h]) = (self.from.0.to_le_bytes(), self.to.0.to_le_bytes());
        let [i, j] = self.kind.0.to_le_bytes();
        [a, b, c, d, e, f, g, h, i, j]
    }

    fn of_bytes([a, b, c, d, e, f, g, h, i, j]: [u8; BYTES]) -> Self {
        Self {
            from: ObjectIx(u32::from_le_bytes([a, b, c, d])),
            to: ObjectIx(u32::from_le_bytes([e, f, g, h])),
            kind: EdgeKind(u16::from_le_bytes([i, j])),
        }
    }
}

/// A file that is removed when it is no longer needed, however the import ends.
#[derive(Debug)]
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn create(path: &Path) -> io::Result<(Self, File)> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok((Self { path: path.to_owned() }, file))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing more can be done about a file that cannot be removed.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Links on disk.
#[derive(Debug)]
pub(crate) struct Links {
    out: BufWriter<File>,
    scratch: Scratch,
}

impl Links {
    /// Starts an empty file.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let (scratch, file) = Scratch::create(path)?;
        Ok(Self { out: BufWriter::with_capacity(BUFFER, file), scratch })
    }

    /// Adds a link.
    ///
    /// # Errors
    /// The disk is full.
    pub(crate) fn push(&mut self, link: RawLink) -> io::Result<()> {
        self.out.write_all(&link.to_bytes())
    }

    /// Calls `each` for every link, in the order in which they were added.
    ///
    /// # Errors
    /// The file cannot be written out or read back.
    pub(crate) fn each(&mut self, mut each: impl FnMut(RawLink)) -> io::Result<()> {
        self.out.flush()?;
        let mut input = BufReader::with_capacity(BUFFER, File::open(&self.scratch.path)?);
        while let Some(link) = next(&mut input)? {
            each(link);
        }
        Ok(())
    }

    /// Renames all three parts, sorts everything and calls `each` for every link once.
    ///
    /// # Errors
    /// A run cannot be written or read, or what `each` answers.
    pub(crate) fn sorted(
        mut self,
        rename: impl Fn(RawLink) -> RawLink,
        mut each: impl FnMut(RawLink) -> io::Result<()>,
    ) -> io::Result<()> {
        let (mut runs, mut batch) = (Vec::new(), Vec::new());
        let path = self.scratch.path.clone();
        self.out.flush()?;
        let mut input = BufReader::with_capacity(BUFFER, File::open(&path)?);
        while let Some(link) = next(&mut input)? {
            batch.push(rename(link));
            if batch.len() == BATCH {
                runs.push(Run::write(&mut batch, &path, runs.len())?);
            }
        }
        runs.push(Run::write(&mut batch, &path, runs.len())?);
        drop(batch);
        let mut heads = BinaryHeap::new();
        for (run, at) in runs.iter_mut().zip(0_usize..) {
            heads.extend(next(&mut run.input)?.map(|link| Reverse((link, at))));
        }
        let mut last = None;
        while let Some(Reverse((link, at))) = heads.pop() {
            if let Some(run) = runs.get_mut(at) {
                heads.extend(next(&mut run.input)?.map(|link| Reverse((link, at))));
            }
            if last.replace(link) != Some(link) {
                each(link)?;
            }
        }
        Ok(())
    }
}

/// Sorted links on disk.
struct Run {
    input: BufReader<File>,
    _scratch: Scratch,
}

impl Run {
    fn write(batch: &mut Vec<RawLink>, path: &Path, number: usize) -> io::Result<Self> {
        batch.sort_unstable();
        batch.dedup();
        let (scratch, file) = Scratch::create(&path.with_extension(format!("run{number}")))?;
        let mut out = BufWriter::with_capacity(BUFFER, file);
        for link in batch.drain(..) {
            out.write_all(&link.to_bytes())?;
        }
        let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Self { input: BufReader::with_capacity(BUFFER / 4, file), _scratch: scratch })
    }
}

fn next(input: &mut impl BufRead) -> io::Result<Option<RawLink>> {
    if input.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut bytes = [0; BYTES];
    input.read_exact(&mut bytes)?;
    Ok(Some(RawLink::of_bytes(bytes)))
}

/// Descriptions on disk, found again by their places.
#[derive(Debug)]
pub(crate) struct Descriptions {
    out: BufWriter<File>,
    end: u64,
    line: String,
    scratch: Scratch,
}

/// Stands between fields; a directory's names hold no control characters.
const BETWEEN: char = '\u{1f}';

impl Descriptions {
    /// Starts an empty file.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let (scratch, file) = Scratch::create(path)?;
        let mut out = BufWriter::with_capacity(BUFFER, file);
        // Place 0 means none.
        out.write_all(b"\n")?;
        Ok(Self { out, end: 1, line: String::new(), scratch })
    }

    /// Keeps a description; `None` where it says nothing.
    ///
    /// # Errors
    /// The disk is full.
    pub(crate) fn keep(&mut self, what: &Description) -> io::Result<Option<u64>> {
        let fields = [&what.label, &what.account, &what.principal, &what.mail];
        if fields.iter().all(|field| field.trim().is_empty()) {
            return Ok(None);
        }
        self.line.clear();
        for field in fields {
            let plain = |c: char| if c.is_control() { ' ' } else { c };
            self.line.extend(field.trim().chars().map(plain));
            self.line.push(BETWEEN);
        }
        self.line.push('\n');
        self.out.write_all(self.line.as_bytes())?;
        let place = self.end;
        self.end += self.line.len() as u64;
        Ok(Some(place))
    }

    /// Ends writing and gives a reader.
    ///
    /// # Errors
    /// The file cannot be written out or opened.
    pub(crate) fn reader(&mut self) -> io::Result<DescriptionReader> {
        self.out.flush()?;
        // Places come in any order, so a long look ahead would be thrown away.
        let input = BufReader::with_capacity(512, File::open(&self.scratch.path)?);
        Ok(DescriptionReader { input, line: String::new() })
    }
}

/// Reads descriptions in any order.
#[derive(Debug)]
pub(crate) struct DescriptionReader {
    input: BufReader<File>,
    line: String,
}

impl DescriptionReader {
    /// The description at a place; an empty one for place 0.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn at(&mut self, place: u64) -> io::Result<Description> {
        if place == 0 {
            return Ok(Description::default());
        }
        self.input.seek(SeekFrom::Start(place))?;
        self.line.clear();
        self.input.read_line(&mut self.line)?;
        let mut fields = self.line.split(BETWEEN).map(str::to_owned);
        let mut field = || fields.next().unwrap_or_default();
        Ok(Description { label: field(), account: field(), principal: field(), mail: field() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(from: u32, to: u32, kind: u16) -> RawLink {
        RawLink { from: ObjectIx(from), to: ObjectIx(to), kind: EdgeKind(kind) }
    }

    #[test]
    fn links_come_back_sorted_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut links = Links::create(&folder.path().join("links")).unwrap();
        // More than one batch, so that runs are merged; doubles lie in different runs.
        let total = u32::try_from(BATCH).unwrap() + 5_000;
        for number in 0..total {
            links.push(link(number.wrapping_mul(7_919) % 1_000, number % 97, 3)).unwrap();
        }
        let mut sorted = Vec::new();
        let keep = |link| {
            sorted.push(link);
            Ok(())
        };
        let turned = |raw: RawLink| RawLink { from: ObjectIx(999 - raw.from.0), ..raw };
        links.sorted(turned, keep).unwrap();
        assert_eq!(sorted.len(), 97_000);
        assert!(sorted.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "scratch files go");
    }

    #[test]
    fn descriptions_come_back_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = Descriptions::create(&folder.path().join("nodes")).unwrap();
        let described = |label: &str, mail: &str| Description {
            label: label.to_owned(),
            mail: mail.to_owned(),
            ..Description::default()
        };
        let first = kept.keep(&described("Ann\nof North", "")).unwrap().unwrap();
        let second = kept.keep(&described("", "b@north.example")).unwrap().unwrap();
        assert_eq!(kept.keep(&described(" ", "")).unwrap(), None);
        let mut reader = kept.reader().unwrap();
        assert_eq!(reader.at(second).unwrap().mail, "b@north.example");
        assert_eq!(reader.at(first).unwrap().label, "Ann of North");
        assert_eq!(reader.at(0).unwrap().label, "");
    }
}
