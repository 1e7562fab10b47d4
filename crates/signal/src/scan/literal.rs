//! Texts that stand in everything that a pattern matches.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::gate::fold;

/// Shorter literals select nothing.
const SHORTEST: usize = 2;
/// A pattern with more alternatives is not worth it.
const MOST: usize = 64;

/// Returns folded texts of which at least one stands in every text that the
/// pattern matches; None if there are none of use.
pub(crate) fn needed_by(pattern: &str) -> Option<Vec<String>> {
    let hir = regex_syntax::ParserBuilder::new().utf8(false).build().parse(pattern).ok()?;
    let literals = needed(&hir)?;
    let useful = literals.len() <= MOST && literals.iter().all(|text| text.len() >= SHORTEST);
    useful.then_some(literals)
}

fn needed(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => Some(vec![letter(hir)?]),
        HirKind::Concat(parts) => concat(parts),
        HirKind::Alternation(parts) => {
            let all: Option<Vec<Vec<String>>> = parts.iter().map(needed).collect();
            Some(all?.concat())
        }
        HirKind::Repetition(repetition) if repetition.min >= 1 => needed(&repetition.sub),
        HirKind::Capture(capture) => needed(&capture.sub),
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => None,
    }
}

/// Of a sequence all parts are needed: the one whose shortest text is longest will do.
fn concat(parts: &[Hir]) -> Option<Vec<String>> {
    let mut choices = Vec::new();
    let mut run = String::new();
    for part in parts {
        if let Some(text) = letter(part) {
            run.push_str(&text);
            continue;
        }
        choices.push(vec![std::mem::take(&mut run)]);
        choices.extend(needed(part));
    }
    choices.push(vec![run]);
    let shortest = |texts: &Vec<String>| texts.iter().map(String::len).min().unwrap_or(0);
    choices
        .into_iter()
        .filter(|texts| shortest(texts) > 0)
        .max_by_key(|texts| (shortest(texts), std::cmp::Reverse(texts.len())))
}

/// The plain text that a part stands for, whatever its case.
fn letter(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            std::str::from_utf8(&literal.0).ok().filter(|text| text.is_ascii()).map(fold)
        }
        HirKind::Class(Class::Unicode(class)) => {
            let ranges = class.ranges().iter();
            let mut chars = ranges.clone().map(|range| range.start());
            let single = ranges.clone().all(|range| range.start() == range.end());
            let first = fold(&chars.next()?.to_string());
            let same = single && chars.all(|c| fold(&c.to_string()) == first);
            (same && first.is_ascii()).then_some(first)
        }
        HirKind::Class(Class::Bytes(_))
        | HirKind::Empty
        | HirKind::Look(_)
        | HirKind::Repetition(_)
        | HirKind::Capture(_)
        | HirKind::Concat(_)
        | HirKind::Alternation(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_match_holds_one_of_the_literals() {
        for (pattern, expect) in [
            ("(?i)^who.*AMI$", Some(vec!["ami"])),
            (r"(?i)\\Users\\.*\.kirbi$", Some(vec![r"\users\"])),
            ("abc|def+", Some(vec!["abc", "de"])),
            ("(ab|cdx)?longer", Some(vec!["longer"])),
            ("(?:ab){2,}", Some(vec!["ab"])),
            ("[a-f]+x?", None),
            ("(abc)?", None),
            ("a|bcd", None),
            ("naïve", None),
            ("(?i)task", Some(vec!["task"])),
        ] {
            let found = needed_by(pattern);
            let expect: Option<Vec<String>> =
                expect.map(|texts| texts.into_iter().map(str::to_owned).collect());
            assert_eq!(found, expect, "{pattern}");
        }
    }
}
