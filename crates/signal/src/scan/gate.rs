//! What must be true of a record before a rule can match it.
//!
//! A [`Gate`] is worked out from a compiled rule for one class of records: a
//! few things of which at least one holds whenever the rule matches. Where the
//! class settles a thing (its records all have `EventID` 4624), it is settled
//! here, so that most rules fall away before a record is looked at. A gate may
//! let too much through, never too little: whatever is not followed lets all
//! records through.

use rsigma_eval::matcher::GroupMode;
use rsigma_eval::{CompiledDetection, CompiledDetectionItem, CompiledMatcher, CompiledRule};
use rsigma_parser::{ArrayQuantifier, ConditionExpr, Quantifier};

use super::literal;

/// When a rule is worth a look.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Gate {
    /// For every record.
    Open,
    /// For none.
    Shut,
    /// When one of these holds.
    Any(Vec<Sign>),
}

/// Something that a record shows. Texts are folded, see [`fold`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sign {
    /// The field is there.
    Present(String),
    /// The field, or a member of its list, equals the text.
    Equal(String, String),
    /// The field, or a member of its list, holds the text.
    Holds(String, String),
    /// The field equals the number (the bits of an `f64`).
    Number(String, u64),
    /// Some text of the record holds this one.
    Word(String),
}

/// Tells what is known of a sign for all records of a class.
pub(crate) type Settled<'s> = dyn Fn(&Sign) -> Option<bool> + 's;

/// Texts are compared without regard to case.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // The long s is an s to patterns that ignore case.
    text.to_lowercase().replace('ſ', "s")
}

/// Works out the gate of a rule.
pub(crate) fn gate_of(rule: &CompiledRule, settled: &Settled<'_>) -> Gate {
    if rule.conditions.is_empty() {
        return Gate::Open;
    }
    let walk = Walk { rule, settled };
    any(rule.conditions.iter().map(|condition| walk.condition(condition)))
}

struct Walk<'w> {
    rule: &'w CompiledRule,
    settled: &'w Settled<'w>,
}

/// One of several must hold.
fn any(gates: impl IntoIterator<Item = Gate>) -> Gate {
    let mut signs = Vec::new();
    for gate in gates {
        match gate {
            Gate::Open => return Gate::Open,
            Gate::Shut => {}
            Gate::Any(more) => {
                for sign in more {
                    if !signs.contains(&sign) {
                        signs.push(sign);
                    }
                }
            }
        }
    }
    if signs.is_empty() { Gate::Shut } else { Gate::Any(signs) }
}

/// All must hold: the one that lets least through will do.
fn all(gates: impl IntoIterator<Item = Gate>) -> Gate {
    let mut best = Gate::Open;
    let mut least = f64::MAX;
    for gate in gates {
        match gate {
            Gate::Open => {}
            Gate::Shut => return Gate::Shut,
            Gate::Any(signs) => {
                let share: f64 = signs.iter().map(Sign::share).sum();
                if share < least {
                    (best, least) = (Gate::Any(signs), share);
                }
            }
        }
    }
    best
}

impl Sign {
    /// A guess at the share of records that show it.
    fn share(&self) -> f64 {
        match self {
            Self::Present(_) => 1.0,
            Self::Number(..) => 0.9,
            Self::Equal(_, value) => match value.len() {
                0..=2 => 0.3,
                3..=5 => 0.15,
                _ => 0.02,
            },
            Self::Holds(_, text) | Self::Word(text) => share_of(text),
        }
    }
}

/// Texts that stand in most paths and command lines say little.
fn share_of(text: &str) -> f64 {
    const COMMON: &[&str] = &[
        "\\windows\\system32\\",
        "\\program files\\",
        "c:\\program files (x86)\\",
        "\\appdata\\local\\",
        "microsoft",
        "currentversion",
    ];
    if COMMON.iter().any(|common| common.contains(text)) {
        return 0.8;
    }
    match text.len() {
        0..=2 => 0.7,
        3 => 0.3,
        4..=5 => 0.1,
        6..=8 => 0.04,
        _ => 0.01,
    }
}

impl Walk<'_> {
    fn sign(&self, sign: Sign) -> Gate {
        match (self.settled)(&sign) {
            Some(true) => Gate::Open,
            Some(false) => Gate::Shut,
            None => Gate::Any(vec![sign]),
        }
    }

    fn condition(&self, condition: &ConditionExpr) -> Gate {
        match condition {
            ConditionExpr::Identifier(name) => {
                self.rule.detections.get(name).map_or(Gate::Open, |d| self.detection(d))
            }
            ConditionExpr::And(parts) => all(parts.iter().map(|part| self.condition(part))),
            ConditionExpr::Or(parts) => any(parts.iter().map(|part| self.condition(part))),
            ConditionExpr::Not(_) => Gate::Open,
            ConditionExpr::Selector { quantifier, pattern } => {
                let mut named: Vec<_> = self
                    .rule
                    .detections
                    .iter()
                    .filter(|(name, _)| pattern.matches_detection_name(name))
                    .collect();
                named.sort_by_key(|(name, _)| *name);
                let gates = named.into_iter().map(|(_, detection)| self.detection(detection));
                match quantifier {
                    Quantifier::Count(0) => Gate::Open,
                    Quantifier::All => all(gates),
                    Quantifier::Any | Quantifier::Count(_) => any(gates),
                }
            }
        }
    }

    fn detection(&self, detection: &CompiledDetection) -> Gate {
        match detection {
            CompiledDetection::AllOf(items) => all(items.iter().map(|item| self.item(item))),
            CompiledDetection::AnyOf(parts) => any(parts.iter().map(|part| self.detection(part))),
            CompiledDetection::And(parts) => all(parts.iter().map(|part| self.detection(part))),
            CompiledDetection::Keywords(matcher) => self.matcher(matcher, None),
            CompiledDetection::ArrayMatch { field, quantifier, .. } => match quantifier {
                ArrayQuantifier::Any | ArrayQuantifier::All => {
                    self.sign(Sign::Present(field.clone()))
                }
                ArrayQuantifier::AllOrEmpty | ArrayQuantifier::None => Gate::Open,
            },
            CompiledDetection::Conditional { .. } => Gate::Open,
        }
    }

    fn item(&self, item: &CompiledDetectionItem) -> Gate {
        let Some(field) = item.field.as_deref() else {
            return self.matcher(&item.matcher, None);
        };
        let present = || self.sign(Sign::Present(field.to_owned()));
        match item.exists {
            Some(false) => return Gate::Open,
            Some(true) => return present(),
            None => {}
        }
        // The one matcher that a field which is not there satisfies.
        if matches!(item.matcher, CompiledMatcher::Null) {
            return Gate::Open;
        }
        match self.matcher(&item.matcher, Some(field)) {
            Gate::Open => present(),
            gate @ (Gate::Shut | Gate::Any(_)) => gate,
        }
    }

    fn matcher(&self, matcher: &CompiledMatcher, field: Option<&str>) -> Gate {
        let of = |children: &[CompiledMatcher]| {
            children.iter().map(|child| self.matcher(child, field)).collect::<Vec<_>>()
        };
        match matcher {
            CompiledMatcher::Exact { value, case_insensitive } => {
                match (folded(value, *case_insensitive), field) {
                    (Some(value), Some(field)) => self.sign(Sign::Equal(field.to_owned(), value)),
                    (Some(value), None) => self.sign(Sign::Word(value)),
                    (None, _) => Gate::Open,
                }
            }
            CompiledMatcher::Contains { value, case_insensitive }
            | CompiledMatcher::StartsWith { value, case_insensitive }
            | CompiledMatcher::EndsWith { value, case_insensitive } => {
                self.holds(folded(value, *case_insensitive), field)
            }
            CompiledMatcher::AhoCorasickSet { needles, case_insensitive, .. } => any(needles
                .iter()
                .map(|needle| self.holds(folded(needle, *case_insensitive), field))),
            CompiledMatcher::Regex(pattern) => self.pattern(pattern.as_str(), field),
            CompiledMatcher::RegexSetMatch { set, mode } => {
                let gates = set.patterns().iter().map(|pattern| self.pattern(pattern, field));
                grouped(*mode, gates.collect())
            }
            CompiledMatcher::AnyOf(children) => any(of(children)),
            CompiledMatcher::AllOf(children) => all(of(children)),
            CompiledMatcher::CaseInsensitiveGroup { children, mode } => {
                grouped(*mode, of(children))
            }
            CompiledMatcher::NumericEq(number) => field.map_or(Gate::Open, |field| {
                self.sign(Sign::Number(field.to_owned(), number.to_bits()))
            }),
            CompiledMatcher::NumericGt(_)
            | CompiledMatcher::NumericGte(_)
            | CompiledMatcher::NumericLt(_)
            | CompiledMatcher::NumericLte(_)
            | CompiledMatcher::BoolEq(_)
            | CompiledMatcher::Cidr(_)
            | CompiledMatcher::Exists(_)
            | CompiledMatcher::FieldRef { .. }
            | CompiledMatcher::Null
            | CompiledMatcher::Expand { .. }
            | CompiledMatcher::TimestampPart { .. }
            | CompiledMatcher::Not(_) => Gate::Open,
        }
    }

    fn holds(&self, text: Option<String>, field: Option<&str>) -> Gate {
        match (text, field) {
            (Some(text), Some(field)) => self.sign(Sign::Holds(field.to_owned(), text)),
            (Some(text), None) => self.sign(Sign::Word(text)),
            (None, _) => Gate::Open,
        }
    }

    /// A pattern matches only texts that hold one of these literals.
    fn pattern(&self, pattern: &str, field: Option<&str>) -> Gate {
        match literal::needed_by(pattern) {
            Some(literals) => any(literals.into_iter().map(|text| self.holds(Some(text), field))),
            None => Gate::Open,
        }
    }
}

fn grouped(mode: GroupMode, gates: Vec<Gate>) -> Gate {
    match mode {
        GroupMode::Any => any(gates),
        GroupMode::All => all(gates),
    }
}

/// Folds a rule's text; None if it is empty, or if its case counts and is not plain.
fn folded(text: &str, case_insensitive: bool) -> Option<String> {
    let is_plain = case_insensitive || text.is_ascii();
    (is_plain && !text.is_empty()).then(|| fold(text))
}
