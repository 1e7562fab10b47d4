//! How a record or a line is known to be of a format.

use regex::Regex;

use crate::condition::Condition;
use crate::extract;
use crate::format_file::RecogniseFile;
use crate::json::Json;

/// One way to recognise a format.
#[derive(Clone, Debug)]
pub(crate) struct Recogniser {
    present: Vec<String>,
    condition: Condition,
    line: Option<Regex>,
    /// Signature of the members that a record cannot do without.
    needs: u64,
}

/// Tells from the names of an object's members, in one word, which it can not have.
pub(crate) fn signature(record: &Json<'_>) -> u64 {
    match record {
        Json::Object(members) => members.iter().fold(0, |all, (name, _)| all | bit(name)),
        Json::Null
        | Json::Bool(_)
        | Json::Int(_)
        | Json::Large(_)
        | Json::Float(_)
        | Json::Str(_)
        | Json::Array(_) => 0,
    }
}

/// The bit of a name, or of the first step of a path. Case does not count.
pub(crate) fn bit(path: &str) -> u64 {
    let name = path.split('.').next().unwrap_or(path).as_bytes();
    let letter = |at: Option<&u8>| at.map_or(0, |byte| usize::from(byte | 0x20));
    let mix = name.len() * 7 + letter(name.first()) * 3 + letter(name.last()) * 5;
    1 << (mix % 64)
}

impl Recogniser {
    pub(crate) fn new(file: &RecogniseFile) -> Result<Self, String> {
        let recogniser = Self {
            present: file.present.clone(),
            condition: Condition::new(&file.when, &file.unless),
            line: file.line.as_deref().map(extract::compile_regex).transpose()?,
            needs: file.present.iter().chain(file.when.keys()).fold(0, |all, path| all | bit(path)),
        };
        if recogniser.narrowness() == 0 && recogniser.line.is_none() {
            return Err("a [[recognise]] needs `present`, `when` or `line`".to_owned());
        }
        Ok(recogniser)
    }

    /// How many fields must be right before a record is taken.
    pub(crate) fn narrowness(&self) -> usize {
        self.present.len() + self.condition.len()
    }

    /// Returns the record, without the envelopes at the `unwrap` paths, if it is
    /// of the format. `has` is the record's [`signature`].
    pub(crate) fn take<'b, 'a>(
        &self,
        record: &'b Json<'a>,
        has: u64,
        unwrap: &[String],
    ) -> Option<&'b Json<'a>> {
        if self.narrowness() == 0 {
            return None;
        }
        if has & self.needs == self.needs && self.knows(record) {
            return Some(record);
        }
        unwrap
            .iter()
            .filter(|path| has & bit(path) != 0)
            .filter_map(|path| record.at(path))
            .find(|inner| self.knows(inner))
    }

    fn knows(&self, record: &Json<'_>) -> bool {
        let field = |path: &str| record.at(path).and_then(Json::text);
        self.present.iter().all(|path| record.has(path)) && self.condition.holds(&field)
    }

    /// Returns the fields of a line of text, if it is of the format.
    pub(crate) fn fields(&self, line: &str) -> Option<extract::Fields> {
        let mut fields = Vec::new();
        extract::groups(self.line.as_ref()?, line, &mut fields);
        (!fields.is_empty()).then_some(fields)
    }
}
