//! Finds what a person probably meant: the known word nearest to a mistyped one.

/// Returns the candidate with the fewest edits from `word`, if few enough to be a slip.
///
/// A slip is at most a third of the word, one to three edits; the first of
/// equally near candidates wins, so the answer follows the candidates' order.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let length = word.chars().count();
    let limit = (length / 3).clamp(usize::from(length > 1), 3);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let bound = best.map_or(limit, |(edits, _)| edits.saturating_sub(1));
        if candidate.len().abs_diff(word.len()) <= bound * 4
            && let Some(edits) = edits_within(word, candidate, bound)
        {
            best = Some((edits, candidate));
            if edits == 0 {
                break;
            }
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Counts insertions, deletions, replacements and swaps of neighbours; `None` above `limit`.
fn edits_within(a: &str, b: &str, limit: usize) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let first: Vec<usize> = (0..=b.len()).collect();
    let (mut before, mut last) = (vec![usize::MAX / 2; b.len() + 1], first);
    for (i, &from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        let mut least = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let at = |cells: &[usize], column: usize| {
                cells.get(column).copied().unwrap_or(usize::MAX / 2)
            };
            let mut edits = at(&last, j) + usize::from(from != to);
            edits = edits.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped =
                i > 0 && j > 0 && a.get(i - 1) == Some(&to) && b.get(j - 1) == Some(&from);
            if swapped {
                edits = edits.min(at(&before, j - 1) + 1);
            }
            least = least.min(edits);
            row.push(edits);
        }
        if least > limit {
            return None;
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|&edits| edits <= limit)
}

/// Words a suggestion as the tail of a remedy: `did you mean \`tills\`?`, or `otherwise`.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    nearest(word, candidates).map_or_else(otherwise, |near| format!("did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["cost", "cost_per_hour", "protected", "needs"];
        for (word, expect) in [
            ("cost_per_hours", Some("cost_per_hour")),
            ("proteced", Some("protected")),
            ("nedes", Some("needs")),
            ("cots", Some("cost")),
            ("enforcer", None),
            ("x", None),
            ("nb", None),
        ] {
            assert_eq!(nearest(word, known), expect, "{word}");
        }
    }
}
