//! One record as rules and mention templates see it: fields by Sigma name.
//!
//! A [`View`] lays an index over the record's own fields and over those of the
//! objects that its format flattens (`Event.EventData`, `winlog.event_data`).
//! Names are looked up without regard to ASCII case; the format's `fields`
//! table (4688's `NewProcessName` as `Image`) is applied at lookup, so nothing
//! is copied or renamed for fields that no rule asks for.
//!
//! The Sigma engine reads records through its `Event` trait, implemented here.
//! Two spellings of one value are offered where logs and rules disagree: with
//! and without trailing blanks, and hexadecimal beside decimal numbers.

use std::borrow::Cow;

use rsigma_eval::{Event, EventValue};

use crate::class::{Alias, Class};
use crate::json::Json;
use crate::scan::gate::fold;

/// Objects nested deeper than this are not searched for keywords.
const KEYWORD_DEPTH: usize = 32;

/// A record with its fields indexed by name.
pub(crate) struct View<'a> {
    root: &'a Json<'a>,
    entries: Vec<Entry<'a>>,
    /// Open addressing: entry number + 1, or 0 for a free slot.
    slots: Vec<u16>,
}

struct Entry<'a> {
    hash: u64,
    name: &'a str,
    value: &'a Json<'a>,
}

impl<'a> View<'a> {
    /// Indexes `root`, then the objects at the `flatten` paths, then `extra` fields.
    /// The first field of a name wins. A path may end in `.*`: every object
    /// member is flattened.
    pub(crate) fn new(
        root: &'a Json<'a>,
        flatten: &[String],
        extra: &'a [(String, Json<'a>)],
    ) -> Self {
        let mut view = View { root, entries: Vec::with_capacity(48), slots: vec![0; 256] };
        for (name, value) in extra {
            view.insert(name, value);
        }
        view.insert_members(root);
        for path in flatten {
            match path.strip_suffix(".*") {
                None => view.insert_members_at(path),
                Some(parent) => {
                    if let Some(Json::Object(children)) = root.at(parent) {
                        children.iter().for_each(|(_, child)| view.insert_members(child));
                    }
                }
            }
        }
        view
    }

    fn insert_members_at(&mut self, path: &str) {
        if let Some(object) = self.root.at(path) {
            self.insert_members(object);
        }
    }

    fn insert_members(&mut self, object: &'a Json<'a>) {
        if let Json::Object(members) = object {
            for (name, value) in members {
                self.insert(name, value);
            }
        }
    }

    fn insert(&mut self, name: &'a str, value: &'a Json<'a>) {
        let hash = name_hash(name);
        if self.entries.len() * 2 >= self.slots.len() && !self.grow() {
            return;
        }
        let Err(slot) = self.probe(hash, name) else {
            return;
        };
        self.entries.push(Entry { hash, name, value });
        self.occupy(slot, self.entries.len());
    }

    /// Doubles the table. Returns false once it holds 32,768 fields: the rest
    /// of such a record is not indexed.
    fn grow(&mut self) -> bool {
        let size = self.slots.len() * 2;
        if size > usize::from(u16::MAX) + 1 {
            return false;
        }
        self.slots = vec![0; size];
        for number in 0..self.entries.len() {
            let Some(entry) = self.entries.get(number) else {
                break;
            };
            let mut slot = slot_of(entry.hash, size);
            while self.slots.get(slot).is_some_and(|&taken| taken != 0) {
                slot = (slot + 1) & (size - 1);
            }
            self.occupy(slot, number + 1);
        }
        true
    }

    fn occupy(&mut self, slot: usize, number: usize) {
        if let (Some(slot), Ok(number)) = (self.slots.get_mut(slot), u16::try_from(number)) {
            *slot = number;
        }
    }

    /// Finds the entry of a name, or the free slot where it would go.
    fn probe(&self, hash: u64, name: &str) -> Result<&'a Json<'a>, usize> {
        let mask = self.slots.len() - 1;
        let mut slot = slot_of(hash, self.slots.len());
        loop {
            let number = self.slots.get(slot).copied().unwrap_or(0);
            let Some(entry) =
                usize::from(number).checked_sub(1).and_then(|number| self.entries.get(number))
            else {
                return Err(slot);
            };
            if entry.hash == hash && entry.name.eq_ignore_ascii_case(name) {
                return Ok(entry.value);
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Calls `visit` with each indexed field.
    pub(crate) fn each_field(&self, visit: &mut dyn FnMut(&str, &Json<'a>)) {
        self.entries.iter().for_each(|entry| visit(entry.name, entry.value));
    }

    /// Returns the whole record.
    pub(crate) fn root(&self) -> &'a Json<'a> {
        self.root
    }

    /// Returns the record's own field of that name or dotted path.
    pub(crate) fn raw(&self, path: &str) -> Option<&'a Json<'a>> {
        match self.probe(name_hash(path), path) {
            Ok(value) => Some(value),
            Err(_) => self.nested(path),
        }
    }

    /// Follows a dotted path, at each point trying the longest flat name first.
    fn nested(&self, path: &str) -> Option<&'a Json<'a>> {
        path.match_indices('.').find_map(|(dot, _)| {
            let (head, tail) = (path.get(..dot)?, path.get(dot + 1..)?);
            self.probe(name_hash(head), head).ok()?.at(tail)
        })
    }

    /// Returns the text of a field as the class names it, if it is a scalar.
    pub(crate) fn text(&self, class: &Class, path: &str) -> Option<Cow<'_, str>> {
        match self.find(class, path)? {
            Found::Here(value) => value.text(),
            Found::Made(text) => Some(Cow::Owned(text)),
        }
    }

    /// Returns a field by the name that the class gives it, else by its own.
    pub(crate) fn find(&self, class: &Class, path: &str) -> Option<Found<'a>> {
        let hash = name_hash(path);
        if let Some(aliases) = class.aliases(hash, path) {
            let found = aliases.iter().find_map(|alias| self.alias(alias));
            if found.is_some() {
                return found;
            }
        }
        match self.probe(hash, path) {
            Ok(value) => Some(Found::Here(value)),
            Err(_) => self.nested(path).map(Found::Here),
        }
    }

    /// Returns the value that an alias gives.
    pub(crate) fn alias(&self, alias: &Alias) -> Option<Found<'a>> {
        match alias {
            Alias::Path(path) => self.raw(path).map(Found::Here),
            Alias::Template(template) => {
                template.render(&|path| self.raw(path).and_then(Json::text)).map(Found::Made)
            }
        }
    }

    /// Joins a view to the class that names its fields, for the rule engine.
    pub(crate) fn as_event<'b>(&'b self, class: &'b Class) -> ViewEvent<'b> {
        ViewEvent { view: self, class }
    }
}

/// A field's value: in the record, or made from several fields.
pub(crate) enum Found<'a> {
    Here(&'a Json<'a>),
    Made(String),
}

fn slot_of(hash: u64, size: usize) -> usize {
    usize::try_from(hash >> 32).unwrap_or(0) & (size - 1)
}

/// Hashes a name without regard to ASCII case (`_` and DEL, `@` and the back
/// tick collide; comparison settles it).
pub(crate) fn name_hash(name: &str) -> u64 {
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
    const LOWER: u64 = 0x2020_2020_2020_2020;
    let mut hash = name.len() as u64;
    let mut chunks = name.as_bytes().chunks_exact(8);
    for chunk in &mut chunks {
        let word = <[u8; 8]>::try_from(chunk).map_or(0, u64::from_le_bytes) | LOWER;
        hash = (hash.rotate_left(23) ^ word).wrapping_mul(SPREAD);
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(chunks.remainder()) {
        *to = *from;
    }
    let hash = (hash.rotate_left(23) ^ (u64::from_le_bytes(last) | LOWER)).wrapping_mul(SPREAD);
    hash ^ (hash >> 29)
}

/// A [`View`] and its [`Class`], as the rule engine reads them.
pub(crate) struct ViewEvent<'a> {
    view: &'a View<'a>,
    class: &'a Class,
}

impl Event for ViewEvent<'_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        if let Some(found) = self.view.find(self.class, path) {
            return Some(match found {
                Found::Here(value) => self.value(path, value),
                Found::Made(text) => EventValue::Str(Cow::Owned(text)),
            });
        }
        let mut all = Vec::new();
        for (dot, _) in path.match_indices('.') {
            if let (Some(head), Some(tail)) = (path.get(..dot), path.get(dot + 1..))
                && let Some(value) = self.view.raw(head)
            {
                fan_out(value, tail, &mut all);
                break;
            }
        }
        match all.len() {
            0 => None,
            1 => all.pop().map(|value| self.value(path, value)),
            _ => Some(EventValue::Array(
                all.into_iter().map(|value| self.value(path, value)).collect(),
            )),
        }
    }

    fn any_string_value(&self, pred: &dyn Fn(&str) -> bool) -> bool {
        any_string(self.view.root, pred, KEYWORD_DEPTH)
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        let mut all = Vec::new();
        each_string(self.view.root, &mut |text| all.push(text), KEYWORD_DEPTH);
        all.into_iter().map(Cow::Borrowed).collect()
    }

    fn to_json(&self) -> serde_json::Value {
        plain_value(self.view.root).to_json()
    }
}

impl ViewEvent<'_> {
    /// Puts all texts of the record into `room`, in lower case, each on a line.
    pub(crate) fn fold_texts(&self, room: &mut String) {
        room.clear();
        let mut add = |text: &str| {
            let start = room.len();
            if text.is_ascii() {
                room.push_str(text);
                if let Some(added) = room.get_mut(start..) {
                    added.make_ascii_lowercase();
                }
            } else {
                room.push_str(&fold(text));
            }
            room.push('\n');
        };
        each_string(self.view.root, &mut add, KEYWORD_DEPTH);
    }

    fn value<'b>(&'b self, path: &str, value: &'b Json<'b>) -> EventValue<'b> {
        match value {
            Json::Str(text) => self.text_value(path, text),
            Json::Int(number) if self.class.is_hex(path) => EventValue::Array(vec![
                EventValue::Int(*number),
                EventValue::Str(Cow::Owned(format!("{number:#x}"))),
            ]),
            Json::Object(_) => match value.get("#text") {
                Some(text) => self.value(path, text),
                None => plain_value(value),
            },
            Json::Array(items) => {
                EventValue::Array(items.iter().map(|item| self.value(path, item)).collect())
            }
            Json::Null | Json::Bool(_) | Json::Int(_) | Json::Large(_) | Json::Float(_) => {
                plain_value(value)
            }
        }
    }

    fn text_value<'b>(&self, path: &str, text: &'b str) -> EventValue<'b> {
        let trimmed = text.trim_end();
        if trimmed.len() != text.len() && !trimmed.is_empty() {
            return EventValue::Array(vec![
                EventValue::Str(Cow::Borrowed(text)),
                EventValue::Str(Cow::Borrowed(trimmed)),
            ]);
        }
        if let Some(digits) = text.strip_prefix("0x")
            && self.class.is_hex(path)
            && let Ok(number) = i64::from_str_radix(digits, 16)
        {
            return EventValue::Array(vec![
                EventValue::Str(Cow::Borrowed(text)),
                EventValue::Int(number),
            ]);
        }
        EventValue::Str(Cow::Borrowed(text))
    }
}

/// Collects what a path reaches when every array on its way is entered.
fn fan_out<'a>(value: &'a Json<'a>, path: &str, out: &mut Vec<&'a Json<'a>>) {
    if let Json::Array(items) = value {
        items.iter().for_each(|item| fan_out(item, path, out));
        return;
    }
    if let Some(found) = value.get(path) {
        out.push(found);
    } else if let Some((head, tail)) = path.split_once('.')
        && let Some(next) = value.get(head)
    {
        fan_out(next, tail, out);
    }
}

fn plain_value<'a>(value: &'a Json<'a>) -> EventValue<'a> {
    match value {
        Json::Null => EventValue::Null,
        Json::Bool(value) => EventValue::Bool(*value),
        Json::Int(number) => EventValue::Int(*number),
        Json::Large(number) => EventValue::Str(Cow::Owned(number.to_string())),
        Json::Float(number) => EventValue::Float(*number),
        Json::Str(text) => EventValue::Str(Cow::Borrowed(text)),
        Json::Array(items) => EventValue::Array(items.iter().map(plain_value).collect()),
        Json::Object(members) => EventValue::Map(
            members
                .iter()
                .map(|(key, value)| (Cow::Borrowed(key.as_ref()), plain_value(value)))
                .collect(),
        ),
    }
}

fn any_string(value: &Json<'_>, pred: &dyn Fn(&str) -> bool, depth: usize) -> bool {
    match value {
        Json::Str(text) => pred(text),
        Json::Array(items) if depth > 0 => items.iter().any(|v| any_string(v, pred, depth - 1)),
        Json::Object(members) if depth > 0 => {
            members.iter().any(|(_, value)| any_string(value, pred, depth - 1))
        }
        Json::Null
        | Json::Bool(_)
        | Json::Int(_)
        | Json::Large(_)
        | Json::Float(_)
        | Json::Array(_)
        | Json::Object(_) => false,
    }
}

fn each_string<'a>(value: &'a Json<'a>, visit: &mut dyn FnMut(&'a str), depth: usize) {
    match value {
        Json::Str(text) => visit(text),
        Json::Array(items) if depth > 0 => {
            items.iter().for_each(|v| each_string(v, visit, depth - 1));
        }
        Json::Object(members) if depth > 0 => {
            members.iter().for_each(|(_, value)| each_string(value, visit, depth - 1));
        }
        Json::Null
        | Json::Bool(_)
        | Json::Int(_)
        | Json::Large(_)
        | Json::Float(_)
        | Json::Array(_)
        | Json::Object(_) => {}
    }
}
