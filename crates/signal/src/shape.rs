//! What the rules of one engine look at: field names and keywords.
//!
//! The engine asks a record for its field names and all its texts to find the
//! rules worth trying. Knowing what the rules can ask for at all, a record's
//! other fields and texts need not be offered. Where a rule is of a kind that
//! this file does not follow, everything is offered.

use rsigma_parser::value::StringPart;
use rsigma_parser::{Detection, DetectionItem, Detections, Modifier, SigmaValue};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::needles::Needles;
use crate::view::name_hash;

/// Field names as rules write them, by the hash of what a record may call them.
type Names = FxHashMap<u64, SmallVec<[Box<str>; 1]>>;

/// Collects what rules look at.
#[derive(Default)]
pub(crate) struct ShapeBuilder {
    fields: Vec<String>,
    keywords: Vec<String>,
    all_fields: bool,
    all_texts: bool,
}

/// What the rules of one engine look at.
pub(crate) struct Shape {
    /// None: ask for every field.
    names: Option<Names>,
    keywords: Texts,
}

/// Which texts of a record keyword rules need to see.
enum Texts {
    None,
    With(Needles),
    All,
}

impl ShapeBuilder {
    /// Adds the detections of a rule or filter.
    pub(crate) fn add(&mut self, detections: &Detections) {
        detections.named.values().for_each(|detection| self.detection(detection));
    }

    fn detection(&mut self, detection: &Detection) {
        match detection {
            Detection::AllOf(items) => items.iter().for_each(|item| self.item(item)),
            Detection::AnyOf(inner) | Detection::And(inner) => {
                inner.iter().for_each(|detection| self.detection(detection));
            }
            Detection::Keywords(values) => values.iter().for_each(|value| self.keyword(value)),
            Detection::ArrayMatch { .. } | Detection::Conditional { .. } => self.all_fields = true,
        }
    }

    fn item(&mut self, item: &DetectionItem) {
        if let Some(name) = &item.field.name {
            self.fields.push(name.clone());
            return;
        }
        let plain = [Modifier::Contains, Modifier::StartsWith, Modifier::EndsWith, Modifier::All];
        if item.field.modifiers.iter().all(|modifier| plain.contains(modifier)) {
            item.values.iter().for_each(|value| self.keyword(value));
        } else {
            self.all_texts = true;
        }
    }

    /// A text that holds the keyword holds its longest part without wildcards.
    fn keyword(&mut self, value: &SigmaValue) {
        let SigmaValue::String(text) = value else {
            self.all_texts = true;
            return;
        };
        let longest = text
            .parts
            .iter()
            .filter_map(|part| match part {
                StringPart::Plain(text) => Some(text),
                StringPart::Special(_) => None,
            })
            .max_by_key(|text| text.len());
        match longest {
            Some(word) => self.keywords.push(word.clone()),
            None => self.all_texts = true,
        }
    }

    /// Finishes the collection.
    pub(crate) fn build(mut self) -> Shape {
        self.keywords.sort();
        self.keywords.dedup();
        let keywords = match (self.all_texts, self.keywords.is_empty()) {
            (true, _) => Texts::All,
            (false, true) => Texts::None,
            (false, false) => Needles::new(&self.keywords).map_or(Texts::All, Texts::With),
        };
        self.fields.sort();
        self.fields.dedup();
        let exotic = self.all_fields || self.fields.iter().any(|name| name.contains(['[', '\\']));
        Shape { names: (!exotic).then(|| names(&self.fields)), keywords }
    }
}

/// A record may have `a.b.c` as one field, or `a` or `a.b` with the rest inside.
fn names(fields: &[String]) -> Names {
    let mut names = Names::default();
    for field in fields {
        let root = field.split('.').next().unwrap_or(field);
        let mut add = |of_record: &str, of_rule: &str| {
            let known: &mut SmallVec<[Box<str>; 1]> =
                names.entry(name_hash(of_record)).or_default();
            if !known.iter().any(|name| **name == *of_rule) {
                known.push(of_rule.into());
            }
        };
        for (dot, _) in field.match_indices('.') {
            if let Some(prefix) = field.get(..dot) {
                add(prefix, root);
            }
        }
        add(field, field);
    }
    names
}

impl Shape {
    /// Calls `visit` with the rules' names for a record's field, if they ask
    /// for it. False if it is not known what they ask for.
    pub(crate) fn visit(&self, hash: u64, visit: &mut dyn FnMut(&str)) -> bool {
        let Some(names) = &self.names else {
            return false;
        };
        if let Some(names) = names.get(&hash) {
            names.iter().for_each(|name| visit(name));
        }
        true
    }

    /// Tells whether a text is worth the keyword rules' time. `room` is to work in.
    pub(crate) fn wants_text(&self, text: &str, room: &mut Vec<u8>) -> bool {
        match &self.keywords {
            Texts::None => false,
            Texts::With(needles) => needles.may_occur(text, room),
            Texts::All => true,
        }
    }
}
