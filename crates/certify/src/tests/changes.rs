//! Every change of a document at one place: the generic walker.
//!
//! Numbers by one and by a little, texts to another legal word and to nonsense,
//! flags, elements of lists dropped, doubled and swapped, fields dropped and
//! added. `seconds` and `reason` may say anything, so they are left alone.

use cordon_model::Estate;
use serde_json::{Value, json};

use super::fixture::Random;

/// A change: where, and the value there instead.
pub(super) struct Change {
    pub(super) place: Vec<String>,
    pub(super) value: Value,
    is_tiny: bool,
}

impl Change {
    pub(super) fn apply(&self, document: &Value) -> Value {
        let mut changed = document.clone();
        let steps = self.place.iter().map(|step| format!("/{}", step.replace('/', "~1")));
        *changed.pointer_mut(&steps.collect::<String>()).unwrap() = self.value.clone();
        changed
    }

    pub(super) fn is_within(&self, field: &str) -> bool {
        self.place.iter().any(|step| step == field)
    }

    /// A number that was moved by the least that the walker moves.
    pub(super) fn is_tiny(&self) -> bool {
        self.is_tiny
    }

    pub(super) fn told(&self) -> String {
        format!("{} = {}", self.place.join("/"), self.value)
    }
}

/// The least by which the walker moves a number.
const TINY: f64 = 1e-9;

/// Fields that no checker can check.
pub(super) const FREE: [&str; 2] = ["seconds", "reason"];

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
    fn put(&mut self, value: Value) {
        self.all.push(Change { place: self.place.clone(), value, is_tiny: false });
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
                Some(whole) => {
                    for other in [whole + 1, whole - 1, 0, 2 * whole] {
                        if other != whole {
                            self.put(json!(other));
                        }
                    }
                    self.put(json!(whole as f64 + 0.01));
                }
                None => {
                    let exact = number.as_f64().unwrap();
                    let others = [exact + 1.0, exact / 2.0, exact + 0.01, exact - 0.01];
                    others
                        .into_iter()
                        .filter(|other| *other != exact)
                        .for_each(|other| self.put(json!(other)));
                    self.put(json!(exact + TINY));
                    self.all.iter_mut().rev().take(1).for_each(|change| change.is_tiny = true);
                }
            },
            Value::String(text) => self.texts(text),
            Value::Array(items) => self.lists(items),
            Value::Object(fields) => {
                for (field, item) in
                    fields.iter().filter(|(field, _)| !FREE.contains(&field.as_str()))
                {
                    let mut less = fields.clone();
                    less.remove(field);
                    self.put(json!(less));
                    self.below(field, item);
                }
                let mut more = fields.clone();
                more.insert("remark".to_owned(), json!(1));
                self.put(json!(more));
            }
        }
    }

    fn texts(&mut self, text: &str) {
        let mut others: Vec<String> =
            self.words.iter().filter(|word| *word != text).cloned().collect();
        while others.len() > 6 {
            others.swap_remove(self.random.below(others.len()));
        }
        others.into_iter().for_each(|word| self.put(json!(word)));
        self.put(json!(format!("{text}x")));
        self.put(Value::Null);
    }

    fn lists(&mut self, items: &[Value]) {
        for at in 0..items.len() {
            let mut less = items.to_vec();
            let one = less.remove(at);
            self.put(json!(less));
            let mut more = items.to_vec();
            more.insert(at, one);
            self.put(json!(more));
            for other in 0..at {
                if items[at] != items[other] && (other + 1 == at || self.random.chance(20)) {
                    let mut swapped = items.to_vec();
                    swapped.swap(at, other);
                    self.put(json!(swapped));
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
