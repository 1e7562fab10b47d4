//! How a record or a line is known to be of a format.

use std::borrow::Cow;

use regex::Regex;

use crate::condition::Condition;
use crate::extract;
use crate::format_file::RecogniseFile;
use crate::json::Json;
use crate::syslog::Frame;

/// One way to recognise a format.
#[derive(Clone, Debug)]
pub(crate) struct Recogniser {
    present: Vec<String>,
    condition: Condition,
    line: Option<Regex>,
    /// Lines have a syslog header, which is taken off first.
    syslog: bool,
    /// Signature of the members that a record cannot do without.
    needs: u64,
    /// Signatures of the members that an envelope may keep the record in.
    envelopes: u64,
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
    pub(crate) fn new(file: &RecogniseFile, unwrap: &[String]) -> Result<Self, String> {
        let recogniser = Self {
            present: file.present.clone(),
            condition: Condition::new(&file.when, &file.unless),
            line: file.line.as_deref().map(extract::compile_regex).transpose()?,
            syslog: file.syslog,
            needs: file.present.iter().chain(file.when.keys()).fold(0, |all, path| all | bit(path)),
            envelopes: unwrap.iter().fold(0, |all, path| all | bit(path)),
        };
        if recogniser.narrowness() == 0 && !file.syslog {
            return Err("a [[recognise]] needs `present`, `when`, `line` or `syslog`".to_owned());
        }
        Ok(recogniser)
    }

    /// How many fields must be right before a record is taken.
    pub(crate) fn narrowness(&self) -> usize {
        self.asked() + usize::from(self.line.is_some())
    }

    /// How many fields a record is asked for.
    fn asked(&self) -> usize {
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
        let fits = has & self.needs == self.needs;
        if !fits && has & self.envelopes == 0 || self.asked() == 0 || self.syslog {
            return None;
        }
        if fits && self.knows(record) {
            return Some(record);
        }
        unwrap
            .iter()
            .filter(|path| has & bit(path) != 0)
            .filter_map(|path| record.at(path))
            .find(|inner| self.knows(inner))
    }

    /// Tells whether an object with members of these names may be taken.
    /// `named` knows names without regard to case.
    pub(crate) fn may_take(&self, named: &dyn Fn(&str) -> bool, unwrap: &[String]) -> bool {
        let leads_on =
            |path: &str| named(path) || path.split_once('.').is_some_and(|(head, _)| named(head));
        let direct =
            self.present.iter().all(|path| leads_on(path)) && self.condition.wanted().all(leads_on);
        self.asked() > 0 && (direct || unwrap.iter().any(|path| leads_on(path)))
    }

    fn knows(&self, record: &Json<'_>) -> bool {
        let field = |path: &str| record.at(path).and_then(Json::text);
        self.present.iter().all(|path| record.has(path)) && self.condition.holds(&field)
    }

    /// Returns the record that a line of text is, if it is of the format.
    pub(crate) fn line<'a>(&self, text: &'a str, frame: Option<&Frame<'a>>) -> Option<Json<'a>> {
        let mut members = Vec::new();
        let message = if self.syslog {
            let frame = frame?;
            let known = |path: &str| frame.field(path).map(Cow::Borrowed);
            if !self.present.iter().all(|path| frame.field(path).is_some())
                || !self.condition.holds(&known)
            {
                return None;
            }
            members = frame.members();
            frame.message
        } else {
            self.line.as_ref()?;
            text
        };
        if let Some(pattern) = &self.line {
            let mut fields = Vec::new();
            extract::groups(pattern, message, &mut fields).then_some(())?;
            members.extend(fields.into_iter().map(|(name, value)| (Cow::Owned(name), value)));
        }
        members.push((Cow::Borrowed("message"), Json::Str(Cow::Borrowed(message))));
        Some(Json::Object(members))
    }
}
