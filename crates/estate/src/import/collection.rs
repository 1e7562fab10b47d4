//! Reads one file of a collection: `{"data": [records], "meta": {..}}`, in either order.
//!
//! Records are taken one by one as they stream by. What the file says of itself
//! often comes last, so its class is set when the file ends; what was read until
//! then needs none. A file that breaks off keeps what was good.

use std::io::{BufRead, BufReader, Read};

use cordon_model::signal::Problem;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess};

use super::class::{CLASSES, Class};
use super::fields::RecordShape;
use super::graph::GraphShape;
use super::reading::Reading;
use super::report::{FileRead, Step};
use super::shape::{Seed, Shape, skip};

const BUFFER: usize = 1 << 18;

/// Records after which a watching person hears again.
const TOLD_EVERY: u64 = 1_000;

/// Versions of the format that are understood; 4 differs in nothing that is read here.
const VERSIONS: [i64; 3] = [4, 5, 6];

/// Reads a file; what is wrong with it goes to `problems`, how far it is to `watch`.
pub(crate) fn read(
    name: &str,
    input: &mut dyn Read,
    reading: &mut Reading,
    problems: &mut Vec<Problem>,
    watch: &mut dyn FnMut(Step<'_>),
) -> FileRead {
    reading.start_file();
    let mut watch = |records| watch(Step::Reading { file: name, records });
    watch(0);
    let mut about = About::default();
    let mut input = BufReader::with_capacity(BUFFER, input);
    let broken = match skip_mark(&mut input) {
        Ok(()) => parse(input, reading, &mut about, &mut watch),
        Err(broken) => Some(broken),
    };
    let class = Some(Class::of_collection(&about.kind))
        .filter(|class| *class != Class::Unknown)
        .unwrap_or_else(|| Class::of_file(name));
    reading.objects.set_class_of_file(reading.file, class);
    let mut file = Judge { name, about: &about, problems };
    let partial = broken.is_some();
    file.judge(broken, class, reading);
    FileRead {
        name: name.to_owned(),
        kind: about.collection(class),
        version: about.version,
        records: reading.records,
        promised: about.count,
        partial,
    }
}

/// What a file says of itself.
#[derive(Debug, Default)]
struct About {
    kind: String,
    version: Option<i64>,
    count: Option<i64>,
    has_data: bool,
    has_graph: bool,
    is_old: bool,
}

impl About {
    fn collection(&self, class: Class) -> Option<String> {
        let of_class = || {
            let row = CLASSES.iter().find(|row| Class::of_collection(row.collection) == class);
            row.map(|row| row.collection.to_owned())
        };
        let graph = || self.has_graph.then(|| "graph".to_owned());
        Some(self.kind.clone()).filter(|kind| !kind.is_empty()).or_else(of_class).or_else(graph)
    }
}

/// Why a file cannot be read on.
struct Broken {
    place: String,
    what: String,
    remedy: &'static str,
}

fn skip_mark(input: &mut impl BufRead) -> Result<(), Broken> {
    let start = input.fill_buf().map_err(|error| Broken::input(&error))?;
    if start.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    } else if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        let what = "the file is UTF-16".to_owned();
        return Err(Broken { place: String::new(), what, remedy: "save it as UTF-8" });
    }
    Ok(())
}

impl Broken {
    fn input(error: &std::io::Error) -> Self {
        let what = format!("cannot be read: {error}");
        Self { place: String::new(), what, remedy: "copy it again from where it was collected" }
    }

    fn json(error: &serde_json::Error) -> Self {
        let place = format!("line {}, byte {}", error.line(), error.column());
        if error.is_eof() {
            let what = "the file ends in the middle".to_owned();
            let remedy = "copy it again from where it was collected, or collect again";
            return Self { place, what, remedy };
        }
        if error.is_io() {
            let what = format!("cannot be read on: {error}");
            return Self { place, what, remedy: "copy it again from where it was collected" };
        }
        let text = error.to_string();
        let text = text.split(" at line ").next().unwrap_or(&text);
        let what = format!("not JSON from here on: {text}");
        Self { place, what, remedy: "collect again, or mend this place" }
    }
}

fn parse(
    input: impl Read,
    reading: &mut Reading,
    about: &mut About,
    watch: &mut dyn FnMut(u64),
) -> Option<Broken> {
    let mut json = serde_json::Deserializer::from_reader(input);
    let read = Seed(Top { reading, about, watch }).deserialize(&mut json).and_then(|()| json.end());
    read.err().map(|error| Broken::json(&error))
}

/// The whole file.
struct Top<'r> {
    reading: &'r mut Reading,
    about: &'r mut About,
    watch: &'r mut dyn FnMut(u64),
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum TopField {
    Data,
    Meta,
    Graph,
    // Versions 1 to 3 named the list after its class.
    #[serde(
        alias = "computers",
        alias = "groups",
        alias = "domains",
        alias = "gpos",
        alias = "ous"
    )]
    Users,
    #[serde(other)]
    Other,
}

impl<'de> Shape<'de> for Top<'_> {
    fn table<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(field) = entries.next_key()? {
            match field {
                TopField::Data => {
                    self.about.has_data = true;
                    entries.next_value_seed(Seed(Records(self.reading, self.watch)))?;
                }
                TopField::Meta => entries.next_value_seed(Seed(Meta(self.about)))?,
                TopField::Graph => {
                    self.about.has_graph = true;
                    entries.next_value_seed(Seed(GraphShape(self.reading)))?;
                }
                TopField::Users => {
                    self.about.is_old = true;
                    skip(&mut entries)?;
                }
                TopField::Other => skip(&mut entries)?,
            }
        }
        Ok(())
    }
}

/// The list of records; ends early when the disk is full.
struct Records<'r>(&'r mut Reading, &'r mut dyn FnMut(u64));

impl<'de> Shape<'de> for Records<'_> {
    fn list<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Seed(RecordShape(self.0)))?.is_some() {
            if self.0.records.is_multiple_of(TOLD_EVERY) {
                (self.1)(self.0.records);
            }
            if self.0.failure.is_some() {
                return Err(A::Error::custom("the spill file cannot be written"));
            }
        }
        Ok(())
    }
}

/// `{methods, type, count, version}`.
struct Meta<'r>(&'r mut About);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum MetaField {
    Type,
    Count,
    Version,
    #[serde(other)]
    Other,
}

impl<'de> Shape<'de> for Meta<'_> {
    fn table<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(field) = entries.next_key()? {
            match field {
                MetaField::Type => entries.next_value_seed(Seed(&mut self.0.kind))?,
                MetaField::Count => entries.next_value_seed(Seed(&mut self.0.count))?,
                MetaField::Version => entries.next_value_seed(Seed(&mut self.0.version))?,
                MetaField::Other => skip(&mut entries)?,
            }
        }
        Ok(())
    }
}

/// Tells what is wrong with a file that was read.
struct Judge<'r> {
    name: &'r str,
    about: &'r About,
    problems: &'r mut Vec<Problem>,
}

impl Judge<'_> {
    fn judge(&mut self, broken: Option<Broken>, class: Class, reading: &Reading) {
        let partial = broken.is_some();
        if let Some(Broken { place, what, remedy }) = broken {
            let kept = format!("{what}; {} records before it are kept", reading.records);
            self.tell(&place, kept, remedy);
        }
        if self.about.kind.eq_ignore_ascii_case("azure") {
            let what = "this is a collection of AzureHound, which is not imported".to_owned();
            self.tell("", what, "give only the files of SharpHound");
            return;
        }
        self.judge_form(partial, class);
        let read = i64::try_from(reading.records + reading.without_id).unwrap_or(i64::MAX);
        if let Some(promised) = self.about.count.filter(|&promised| promised != read) {
            let what = format!("`meta` promises {promised} records, {read} were read");
            self.tell("", what, "collect again, or copy the file again, if records are missing");
        }
        if reading.without_id > 0 {
            let what = format!("{} records have no `ObjectIdentifier`", reading.without_id);
            self.tell("", what, "nothing of them was imported; see how the file was made");
        }
        if reading.slips > 0 {
            let what = format!("{} values are not of the expected form", reading.slips);
            self.tell("", what, "they were passed over; see how the file was made");
        }
    }

    fn judge_form(&mut self, partial: bool, class: Class) {
        if self.about.is_old {
            let what = "the file is of version 3 or older".to_owned();
            self.tell("", what, "collect again with SharpHound 1.0 or later");
        } else if !self.about.has_data && !self.about.has_graph && !partial {
            let what = "there is no `data` in it".to_owned();
            self.tell("", what, "give only the files that the collector wrote");
        }
        if let Some(version) = self.about.version.filter(|version| !VERSIONS.contains(version)) {
            let what = format!("version {version} is not known; the file was read as version 6");
            self.tell("", what, "compare the numbers with those of the collector");
        }
        if class == Class::Unknown && self.about.has_data {
            let what = match self.about.kind.as_str() {
                "" => "nothing says what its records are".to_owned(),
                kind => format!("`{kind}` is not a known type of records"),
            };
            self.tell("", what, "they became nodes of the kind that others call them");
        }
    }

    fn tell(&mut self, place: &str, what: String, remedy: &str) {
        self.problems.push(Problem {
            file: self.name.to_owned(),
            place: place.to_owned(),
            what,
            remedy: remedy.to_owned(),
        });
    }
}
