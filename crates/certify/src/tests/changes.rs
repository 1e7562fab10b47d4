//! Every change of a document at one place: the generic walker.
//!
//! Numbers by one and by a little, texts to another legal word and to nonsense,
//! flags, elements of lists dropped, doubled and swapped, fields dropped and
//! added. `seconds` and `reason` may say anything, so they are left alone.

use cordon_model::Estate;
use serde_json::{Value, json};

use super::fixture::Random;

/// A change: where, and what is done there.
pub(super) struct Change {
    pub(super) place: Vec<String>,
    pub(super) how: How,
}

/// What is done to a value.
#[derive(Debug)]
pub(super) enum How {
    /// Another value stands there.
    Put(Value),
    /// A number is moved by the least that the walker moves.
    Nudge(f64),
    /// An element goes.
    Drop(usize),
    /// An element stands twice.
    Double(usize),
    /// Two elements change places.
    Swap(usize, usize),
    /// A field goes.
    Remove(String),
    /// A field comes that nobody knows.
    Add,
}

impl Change {
    pub(super) fn apply(&self, document: &Value) -> Value {
        let mut changed = document.clone();
        let steps: String = self.place.iter().map(|step| format!("/{step}")).collect();
        let value = changed.pointer_mut(&steps).unwrap();
        match &self.how {
            How::Put(other) => *value = other.clone(),
            How::Nudge(other) => *value = json!(other),
            How::Drop(at) => drop(value.as_array_mut().unwrap().remove(*at)),
            How::Double(at) => {
                let items = value.as_array_mut().unwrap();
                items.insert(*at, items[*at].clone());
            }
            How::Swap(a, b) => value.as_array_mut().unwrap().swap(*a, *b),
            How::Remove(field) => drop(value.as_object_mut().unwrap().remove(field)),
            How::Add => drop(value.as_object_mut().unwrap().insert("remark".into(), json!(1))),
        }
        changed
    }

    pub(super) fn is_within(&self, field: &str) -> bool {
        self.place.iter().any(|step| step == field)
    }

    /// The place without numbers, with the field that goes: `alternatives/withdrawals/cost`.
    pub(super) fn field(&self) -> String {
        let gone = if let How::Remove(field) = &self.how { Some(field.as_str()) } else { None };
        let steps = self.place.iter().map(String::as_str).chain(gone);
        let named = steps.filter(|step| step.parse::<usize>().is_err());
        named.collect::<Vec<_>>().join("/")
    }

    pub(super) fn told(&self) -> String {
        format!("{}: {:?}", self.place.join("/"), self.how)
    }
}

/// Fields that no checker can check.
const FREE: [&str; 2] = ["seconds", "reason"];

/// All changes of a document.
pub(super) fn changes(document: &Value, words: &[String], random: &mut Random) -> Vec<Change> {
    let mut walker = Walker { words, random, place: Vec::new(), all: Vec::new() };
    walker.walk(document);
    walker.all
}

struct Walker<'w> {
    words: &'w [String],
    random: &'w mut Random,
    place: Vec<String>,
    all: Vec<Change>,
}

impl Walker<'_> {
    fn note(&mut self, how: How) {
        self.all.push(Change { place: self.place.clone(), how });
    }

    fn put(&mut self, value: Value) {
        self.note(How::Put(value));
    }

    fn below(&mut self, step: &str, value: &Value) {
        self.place.push(step.to_owned());
        self.walk(value);
        self.place.pop();
    }

    fn walk(&mut self, value: &Value) {
        match value {
            Value::Null => {
                let word = self.random.pick(self.words).clone();
                self.put(json!(word));
            }
            Value::Bool(flag) => self.put(json!(!flag)),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => self.whole(whole),
                None => self.fraction(number.as_f64().unwrap()),
            },
            Value::String(text) => self.text(text),
            Value::Array(items) => self.list(items),
            Value::Object(fields) => {
                let checked = fields.iter().filter(|(field, _)| !FREE.contains(&field.as_str()));
                for (field, item) in checked {
                    self.note(How::Remove(field.clone()));
                    self.below(field, item);
                }
                self.note(How::Add);
            }
        }
    }

    fn whole(&mut self, whole: i64) {
        for other in [whole + 1, whole - 1, 0, 2 * whole] {
            if other != whole {
                self.put(json!(other));
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "amounts stay below 2^53")]
        self.put(json!(whole as f64 + 0.01));
    }

    fn fraction(&mut self, exact: f64) {
        for other in [exact + 1.0, exact / 2.0, exact + 0.01, exact - 0.01] {
            if other.to_bits() != exact.to_bits() && other != exact {
                self.put(json!(other));
            }
        }
        self.note(How::Nudge(exact + 1e-9));
    }

    fn text(&mut self, text: &str) {
        for _ in 0..6 {
            let word = self.random.pick(self.words).clone();
            if word != text {
                self.put(json!(word));
            }
        }
        self.put(json!(format!("{text}x")));
        self.put(Value::Null);
    }

    fn list(&mut self, items: &[Value]) {
        for at in 0..items.len() {
            self.note(How::Drop(at));
            self.note(How::Double(at));
            for other in 0..at {
                let near = other + 1 == at || self.random.chance(20);
                if near && items[at] != items[other] {
                    self.note(How::Swap(other, at));
                }
            }
            self.below(&at.to_string(), &items[at]);
        }
    }
}

/// Words that fields of this estate can hold.
pub(super) fn words(estate: &Estate) -> Vec<String> {
    let nodes = estate.nodes().iter().map(|node| node.id.to_string());
    let withdrawals = estate.withdrawals().iter().map(|w| w.id.to_string());
    let kinds = estate.withdrawals().iter().map(|w| w.kind.to_string());
    let services =
        estate.services().iter().flat_map(|s| [s.id.to_string(), format!("service:{}", s.id)]);
    let fixed = ["now", "balanced", "strict", "optimal", "gap", "infeasible", "flow", "search"];
    let fixed = fixed.into_iter().chain(["refuse", "end", "total", "loss", "cost", "hard-loss"]);
    nodes.chain(withdrawals).chain(kinds).chain(services).chain(fixed.map(str::to_owned)).collect()
}
