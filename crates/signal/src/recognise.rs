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
}

impl Recogniser {
    pub(crate) fn new(file: &RecogniseFile) -> Result<Self, String> {
        let recogniser = Self {
            present: file.present.clone(),
            condition: Condition::new(&file.when, &file.unless),
            line: file.line.as_deref().map(extract::compile_regex).transpose()?,
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

    /// Returns the record, without the envelopes at the `unwrap` paths, if it is of the format.
    pub(crate) fn take<'b, 'a>(
        &self,
        record: &'b Json<'a>,
        unwrap: &[String],
    ) -> Option<&'b Json<'a>> {
        if self.narrowness() == 0 {
            return None;
        }
        std::iter::once(record)
            .chain(unwrap.iter().filter_map(|path| record.at(path)))
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
