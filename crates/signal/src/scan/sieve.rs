//! Which rules are worth a look at a record.
//!
//! A [`Sieve`] holds the rules of all log sources of one class of records,
//! each under what must be true before it can match (its gate). A record is
//! looked through once: field by field for all rules together, then its texts
//! for words. Only rules whose gate is open are evaluated, by the rule engine.

use aho_corasick::AhoCorasick;
use rsigma_eval::{EvaluationResult, Event, EventValue, evaluate_rule};
use rustc_hash::FxHashMap;

use super::gate::{Gate, Sign, fold};
use super::grams::Grams;
use super::memo::{Memo, Memos};
use crate::needles::Needles;
use crate::rules::Rules;
use crate::view::ViewEvent;

/// Texts that are longer are not looked through twice if that can be helped.
const LONG: usize = 64;

/// A rule: the number of its engine, and its own there.
type Place = (usize, usize);

/// The rules of a class.
pub(crate) struct Sieve {
    /// One more than that of the sieve made before it.
    pub(crate) number: usize,
    rules: Vec<Place>,
    /// Numbers of the rules that every record is worth.
    open: Vec<u32>,
    fields: Vec<Field>,
    words: Option<Words>,
}

/// What a field's value opens.
struct Field {
    name: Box<str>,
    present: Vec<u32>,
    equal: FxHashMap<Box<str>, Vec<u32>>,
    holds: Option<Texts>,
}

/// Texts with the rules that each opens.
struct Texts {
    grams: Grams,
    opens: Vec<Vec<u32>>,
}

/// Words that may stand anywhere, with the rules that any of them opens.
struct Words {
    find: Find,
    opens: Vec<u32>,
}

enum Find {
    Packed(Needles),
    Automaton(AhoCorasick),
}

/// The rules of a class with their gates, before they are put in order.
#[derive(Default, PartialEq, Eq, Hash)]
pub(crate) struct Plan {
    rules: Vec<(Place, Gate)>,
}

impl Plan {
    /// Adds a rule; one that can never match is left out.
    pub(crate) fn add(&mut self, engine: usize, rule: usize, gate: Gate) {
        if gate != Gate::Shut {
            self.rules.push(((engine, rule), gate));
        }
    }

    /// Puts what the gates ask for in order.
    pub(crate) fn sieve(&self, number: usize) -> Sieve {
        let mut builder = Builder::default();
        for (rule, (_, gate)) in self.rules.iter().enumerate() {
            let rule = u32::try_from(rule).unwrap_or(u32::MAX);
            match gate {
                Gate::Open => builder.open.push(rule),
                Gate::Shut => {}
                Gate::Any(signs) => signs.iter().for_each(|sign| builder.add(sign, rule)),
            }
        }
        builder.finish(number, self.rules.iter().map(|(place, _)| *place).collect())
    }
}

#[derive(Default)]
struct Builder {
    open: Vec<u32>,
    fields: FxHashMap<String, FieldBuilder>,
    words: Vec<(String, u32)>,
}

#[derive(Default)]
struct FieldBuilder {
    present: Vec<u32>,
    equal: FxHashMap<Box<str>, Vec<u32>>,
    holds: FxHashMap<String, Vec<u32>>,
}

impl Builder {
    fn add(&mut self, sign: &Sign, number: u32) {
        match sign {
            Sign::Word(word) => self.words.push((word.clone(), number)),
            Sign::Present(field) | Sign::Number(field, _) => {
                self.field(field).present.push(number);
            }
            Sign::Equal(field, value) => {
                self.field(field).equal.entry(value.as_str().into()).or_default().push(number);
            }
            Sign::Holds(field, text) => {
                self.field(field).holds.entry(text.clone()).or_default().push(number);
            }
        }
    }

    fn field(&mut self, name: &str) -> &mut FieldBuilder {
        self.fields.entry(name.to_owned()).or_default()
    }

    fn finish(mut self, number: usize, rules: Vec<Place>) -> Sieve {
        let mut names: Vec<(String, FieldBuilder)> = self.fields.into_iter().collect();
        names.sort_by(|a, b| a.0.cmp(&b.0));
        let open = &mut self.open;
        let fields = names.into_iter().map(|(name, field)| field.finish(&name, open)).collect();
        let words = Words::new(&self.words, open);
        self.open.sort_unstable();
        self.open.dedup();
        Sieve { number, rules, open: self.open, fields, words }
    }
}

impl FieldBuilder {
    fn finish(self, name: &str, open: &mut Vec<u32>) -> Field {
        let mut texts: Vec<(String, Vec<u32>)> = self.holds.into_iter().collect();
        texts.sort();
        let (texts, opens): (Vec<String>, Vec<Vec<u32>>) = texts.into_iter().unzip();
        let mut holds = None;
        if !texts.is_empty() {
            match Grams::new(&texts) {
                Some(grams) => holds = Some(Texts { grams, opens }),
                None => open.extend(opens.into_iter().flatten()),
            }
        }
        Field { name: name.into(), present: self.present, equal: self.equal, holds }
    }
}

/// None if there are too many texts for an automaton.
fn automaton(texts: &[String]) -> Option<AhoCorasick> {
    AhoCorasick::new(texts).ok()
}

impl Words {
    fn new(words: &[(String, u32)], open: &mut Vec<u32>) -> Option<Self> {
        if words.is_empty() {
            return None;
        }
        let mut texts: Vec<String> = words.iter().map(|(word, _)| word.clone()).collect();
        texts.sort();
        texts.dedup();
        let mut opens: Vec<u32> = words.iter().map(|(_, number)| *number).collect();
        opens.sort_unstable();
        opens.dedup();
        let find = Needles::new(&texts).map(Find::Packed);
        match find.or_else(|| automaton(&texts).map(Find::Automaton)) {
            Some(find) => Some(Self { find, opens }),
            None => {
                open.extend(opens);
                None
            }
        }
    }

    fn occur(&self, text: &str) -> bool {
        match &self.find {
            Find::Packed(needles) => needles.occur(text),
            Find::Automaton(automaton) => automaton.is_match(text),
        }
    }
}

/// Which rules are open, a bit per rule.
#[derive(Default)]
pub(crate) struct Open(Vec<u64>);

impl Open {
    fn clear(&mut self, rules: usize) {
        self.0.clear();
        self.0.resize(rules.div_ceil(64), 0);
    }

    fn add(&mut self, numbers: &[u32]) {
        for number in numbers {
            if let Some(word) = usize::try_from(number / 64).ok().and_then(|at| self.0.get_mut(at))
            {
                *word |= 1 << (number % 64);
            }
        }
    }

    fn numbers(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                rest &= rest.wrapping_sub(1);
                (bit < 64).then(|| at * 64 + bit as usize)
            })
        })
    }
}

/// Room to work in, kept from record to record.
#[derive(Default)]
pub(crate) struct Room {
    open: Open,
    text: String,
    /// About how many bytes of values are kept in memos.
    pub(crate) kept: usize,
}

impl Sieve {
    /// Returns what the rules find in a record.
    pub(crate) fn evaluate(
        &self,
        rules: &Rules,
        event: &ViewEvent<'_>,
        memos: &mut Memos,
        room: &mut Room,
    ) -> Vec<EvaluationResult> {
        room.open.clear(self.rules.len());
        room.open.add(&self.open);
        for (field, memo) in self.fields.iter().zip(memos.of_fields(self.fields.len())) {
            if let Some(value) = event.get_field(&field.name) {
                room.open.add(&field.present);
                field.look(&value, memo, room);
            }
        }
        if let Some(words) = &self.words {
            event.fold_texts(&mut room.text);
            if words.occur(&room.text) {
                room.open.add(&words.opens);
            }
        }
        room.open
            .numbers()
            .filter_map(|number| {
                let (engine, rule) = self.rules.get(number)?;
                evaluate_rule(rules.engines.get(*engine)?.rules.get(*rule)?, event)
            })
            .collect()
    }
}

impl Field {
    fn look(&self, value: &EventValue<'_>, memo: &mut Memo, room: &mut Room) {
        if self.equal.is_empty() && self.holds.is_none() {
            return;
        }
        match value {
            EventValue::Str(text) => self.look_at(text, memo, room),
            EventValue::Int(number) => self.look_at(&number.to_string(), memo, room),
            EventValue::Float(number) => self.look_at(&number.to_string(), memo, room),
            EventValue::Bool(true) => self.look_at("true", memo, room),
            EventValue::Bool(false) => self.look_at("false", memo, room),
            EventValue::Array(items) => self.look_at_all(items, memo, room),
            EventValue::Null | EventValue::Map(_) => {}
        }
    }

    fn look_at_all(&self, items: &[EventValue<'_>], memo: &mut Memo, room: &mut Room) {
        // One text with and without the blanks at its end: the first holds what the second holds.
        if let [EventValue::Str(text), EventValue::Str(trimmed)] = items
            && text.starts_with(trimmed.as_ref())
            && text.len() > LONG
        {
            self.look_at(text, memo, room);
            if let Some(opened) = self.equal.get(fold(trimmed).as_str()) {
                room.open.add(opened);
            }
            return;
        }
        items.iter().for_each(|item| self.look(item, memo, room));
    }

    fn look_at(&self, text: &str, memo: &mut Memo, room: &mut Room) {
        if let Some(numbers) = memo.get(text) {
            return room.open.add(numbers);
        }
        let mut numbers = Vec::new();
        let folded;
        let plain = if text.is_ascii() {
            room.text.clear();
            room.text.push_str(text);
            room.text.make_ascii_lowercase();
            room.text.as_str()
        } else {
            folded = fold(text);
            folded.as_str()
        };
        if let Some(more) = self.equal.get(plain) {
            numbers.extend_from_slice(more);
        }
        if let Some(texts) = &self.holds {
            texts.grams.find(plain, &mut |text| {
                let opens = usize::try_from(text).ok().and_then(|text| texts.opens.get(text));
                numbers.extend(opens.into_iter().flatten());
            });
        }
        numbers.sort_unstable();
        numbers.dedup();
        room.open.add(&numbers);
        room.kept += memo.keep(text, &numbers);
    }
}
