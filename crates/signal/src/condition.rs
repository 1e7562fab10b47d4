//! Conditions on fields: `when = { EventID = [4624, 4625], LogonType = "3" }`.
//!
//! All fields of a `when` must match, none of an `unless` may. Values are
//! compared as text without regard to case; a `*` at either end of a pattern
//! stands for anything, and `*` alone for any value that is present.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

/// One value or several, as format files write them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Values {
    Text(String),
    Number(i64),
    Switch(bool),
    Many(Vec<Self>),
}

impl Values {
    fn patterns(&self, out: &mut Vec<Pattern>) {
        match self {
            Self::Text(text) => out.push(Pattern::new(text)),
            Self::Number(number) => out.push(Pattern::new(&number.to_string())),
            Self::Switch(value) => out.push(Pattern::new(&value.to_string())),
            Self::Many(values) => values.iter().for_each(|value| value.patterns(out)),
        }
    }
}

/// Field names with the values that they are compared with.
pub(crate) type FieldValues = BTreeMap<String, Values>;

/// A compiled `when` and `unless`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Condition {
    all: Vec<(String, Vec<Pattern>)>,
    none: Vec<(String, Vec<Pattern>)>,
}

/// Whether a condition holds, as far as the known fields tell.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Yes,
    No,
    /// It depends on these further fields.
    Open(Condition),
}

impl Condition {
    pub(crate) fn new(when: &FieldValues, unless: &FieldValues) -> Self {
        Self { all: compile(when), none: compile(unless) }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len() + self.none.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.none.is_empty()
    }

    /// Returns the fields that must be there for the condition to hold.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|(path, _)| path.as_str())
    }

    /// Tells whether the condition holds for these fields.
    pub(crate) fn holds<'a>(&self, field: &dyn Fn(&str) -> Option<Cow<'a, str>>) -> bool {
        let matches = |(path, patterns): &(String, Vec<Pattern>)| {
            field(path).is_some_and(|value| any(patterns, &value))
        };
        self.all.iter().all(matches) && !self.none.iter().any(matches)
    }

    /// Decides what the given `keys` decide and keeps the rest for later.
    pub(crate) fn given(&self, keys: &[(&str, Option<&str>)]) -> Verdict {
        let known = |path: &str| {
            keys.iter().find(|(key, _)| key.eq_ignore_ascii_case(path)).map(|(_, value)| *value)
        };
        let mut open = Self::default();
        for (path, patterns) in &self.all {
            match known(path) {
                Some(value) if value.is_some_and(|value| any(patterns, value)) => {}
                Some(_) => return Verdict::No,
                None => open.all.push((path.clone(), patterns.clone())),
            }
        }
        for (path, patterns) in &self.none {
            match known(path) {
                Some(value) if value.is_some_and(|value| any(patterns, value)) => {
                    return Verdict::No;
                }
                Some(_) => {}
                None => open.none.push((path.clone(), patterns.clone())),
            }
        }
        if open.is_empty() { Verdict::Yes } else { Verdict::Open(open) }
    }
}

fn compile(fields: &FieldValues) -> Vec<(String, Vec<Pattern>)> {
    fields
        .iter()
        .map(|(path, values)| {
            let mut patterns = Vec::new();
            values.patterns(&mut patterns);
            (path.clone(), patterns)
        })
        .collect()
}

fn any(patterns: &[Pattern], value: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(value))
}

/// A text with an optional `*` at either end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    Any,
    Exact(String),
    Starts(String),
    Ends(String),
    Contains(String),
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let lower = text.to_lowercase();
        let middle = lower.trim_matches('*');
        match (lower.starts_with('*'), lower.ends_with('*')) {
            (true, true) if middle.is_empty() => Self::Any,
            (true, true) => Self::Contains(middle.to_owned()),
            (true, false) => Self::Ends(middle.to_owned()),
            (false, true) => Self::Starts(middle.to_owned()),
            (false, false) => Self::Exact(lower),
        }
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        let value = value.trim();
        match self {
            Self::Any => !value.is_empty(),
            Self::Exact(text) => {
                value.eq_ignore_ascii_case(text)
                    || (!value.is_ascii() && value.to_lowercase() == *text)
            }
            Self::Starts(text) => value.to_lowercase().starts_with(text),
            Self::Ends(text) => value.to_lowercase().ends_with(text),
            Self::Contains(text) => value.to_lowercase().contains(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(text: &str) -> Condition {
        #[derive(Deserialize)]
        struct Case {
            #[serde(default)]
            when: FieldValues,
            #[serde(default)]
            unless: FieldValues,
        }
        let case: Case = toml::from_str(text).unwrap();
        Condition::new(&case.when, &case.unless)
    }

    #[track_caller]
    fn check(text: &str, fields: &[(&str, &str)], expect: bool) {
        let field = |path: &str| {
            fields.iter().find(|(name, _)| *name == path).map(|(_, value)| Cow::Borrowed(*value))
        };
        assert_eq!(condition(text).holds(&field), expect, "{text} {fields:?}");
    }

    #[test]
    fn values_compare_as_text_with_stars() {
        check("when = { A = [1, 2] }", &[("A", "2")], true);
        check("when = { A = [1, 2] }", &[("A", "3")], false);
        check("when = { A = \"X*\" }", &[("A", "xyz")], true);
        check("when = { A = \"*z\" }", &[("A", "xyz")], true);
        check("when = { A = \"*Y*\" }", &[("A", "xyz")], true);
        check("when = { A = \"*\" }", &[("A", " ")], false);
        check("when = { A = \"*\" }", &[], false);
        check("when = { A = true }", &[("A", "True")], true);
        check("when = { A = 1, B = 2 }", &[("A", "1")], false);
        check("unless = { A = 1 }", &[("A", "1")], false);
        check("unless = { A = 1 }", &[], true);
    }

    #[test]
    fn keys_decide_early_and_the_rest_stays_open() {
        let condition = condition("when = { K = 1, Other = 2 }");
        assert!(matches!(condition.given(&[("K", Some("2"))]), Verdict::No));
        assert!(matches!(condition.given(&[("K", None)]), Verdict::No));
        let Verdict::Open(rest) = condition.given(&[("K", Some("1"))]) else {
            panic!("still open");
        };
        assert!(rest.holds(&|_| Some(Cow::Borrowed("2"))));
        assert!(matches!(rest.given(&[("Other", Some("2"))]), Verdict::Yes));
    }
}
