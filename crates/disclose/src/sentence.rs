//! Where sentences end, in plain English with abbreviations, numbers and quotations.

use std::ops::Range;

/// Abbreviations after which a sentence goes on, whatever follows.
const NEVER_LAST: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "st", "sir", "rev", "hon", "messrs", "e.g", "i.e", "eg", "ie",
    "viz", "cf", "vs", "approx", "ca", "fig", "art", "sec", "para", "pp", "dept", "ext", "tel",
    "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
];
/// Abbreviations after which a number or a small letter means that the sentence goes on.
const SELDOM_LAST: &[&str] = &[
    "no", "nos", "ltd", "plc", "inc", "co", "corp", "etc", "al", "a.m", "p.m", "am", "pm", "u.k",
    "u.s", "hrs", "mins",
];

/// Splits text into sentences: byte ranges without the white space around them.
pub(crate) fn sentences(text: &str) -> Vec<Range<usize>> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let mut ranges = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while let Some(&(_, c)) = chars.get(at) {
        let end = end_at(text, &chars, at, c);
        at += 1;
        if let Some(after) = end {
            let byte = chars.get(after).map_or(text.len(), |&(byte, _)| byte);
            push_trimmed(&mut ranges, text, start..byte);
            (start, at) = (byte, after);
        }
    }
    push_trimmed(&mut ranges, text, start..text.len());
    ranges
}

fn push_trimmed(ranges: &mut Vec<Range<usize>>, text: &str, range: Range<usize>) {
    let Some(part) = text.get(range.clone()) else { return };
    let start = range.start + (part.len() - part.trim_start().len());
    let end = range.start + part.trim_end().len();
    if start < end {
        ranges.push(start..end);
    }
}

/// If a sentence ends at this mark, the position after it and its closing quotes.
fn end_at(text: &str, chars: &[(usize, char)], at: usize, mark: char) -> Option<usize> {
    if !matches!(mark, '.' | '!' | '?' | '\u{2026}') {
        return None;
    }
    let closes = |c: char| {
        matches!(
            c,
            '"' | '\'' | ')' | ']' | '*' | '\u{201d}' | '\u{2019}' | '.' | '!' | '?' | '\u{2026}'
        )
    };
    let mut after = at + 1;
    while chars.get(after).is_some_and(|&(_, c)| closes(c)) {
        after += 1;
    }
    let Some(&(_, next)) = chars.get(after) else { return Some(after) };
    if !next.is_whitespace() {
        return None;
    }
    let follows = chars.iter().skip(after).map(|&(_, c)| c).find(|c| !c.is_whitespace());
    let Some(follows) = follows else { return Some(after) };
    let goes_on = follows.is_lowercase();
    if mark != '.' {
        return (!goes_on || mark == '?').then_some(after);
    }
    let byte = chars.get(at).map_or(text.len(), |&(byte, _)| byte);
    let word = last_word(text.get(..byte).unwrap_or(""));
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase) && word != "I";
    let lower = word.to_lowercase();
    if goes_on || initial || NEVER_LAST.contains(&lower.as_str()) {
        return None;
    }
    let number_follows = follows.is_ascii_digit();
    (!(SELDOM_LAST.contains(&lower.as_str()) && number_follows)).then_some(after)
}

fn last_word(before: &str) -> &str {
    let from = before.rfind(|c: char| !c.is_alphanumeric() && c != '.').map_or(0, |at| {
        at + before.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
    });
    before.get(from..).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_people_stop() {
        for (text, expect) in [
            ("One. Two! Three? Four", &["One.", "Two!", "Three?", "Four"][..]),
            ("Mr. Bell of St. Ives Ltd. said so.", &["Mr. Bell of St. Ives Ltd. said so."]),
            ("At 6.5 per cent, e.g. cards. Next.", &["At 6.5 per cent, e.g. cards.", "Next."]),
            ("We met at 9 a.m. on Monday.", &["We met at 9 a.m. on Monday."]),
            ("We closed at 9 p.m. No data left.", &["We closed at 9 p.m.", "No data left."]),
            (
                "He said \u{201c}it is over.\u{201d} We agree.",
                &["He said \u{201c}it is over.\u{201d}", "We agree."],
            ),
            (
                "See No. 5 of the list. J. Smith wrote it.",
                &["See No. 5 of the list.", "J. Smith wrote it."],
            ),
            (
                "Write to help@north.example. Thank you.",
                &["Write to help@north.example.", "Thank you."],
            ),
            ("Wait ... what? yes.", &["Wait ... what?", "yes."]),
            ("   ", &[]),
        ] {
            let found: Vec<&str> =
                sentences(text).into_iter().filter_map(|range| text.get(range)).collect();
            assert_eq!(found, expect, "{text}");
        }
    }
}
