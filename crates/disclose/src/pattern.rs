//! Words of a sentence, and a small language of patterns over them.
//!
//! A pattern is a row of elements: `no`, `is|are`, `access*` (a beginning),
//! `@data` (a class of words), `#` (a number), `..` (up to three words between),
//! `...` (up to eight), and `been?` (may be missing). Commas between words do
//! not count. Regular expressions would do the same and be read by nobody.

/// A word, number or mark of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// In lower case, short forms written out.
    pub(crate) text: String,
    /// Where it begins in the sentence, in bytes.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

impl Token {
    /// Whether it is a mark, not a word.
    pub(crate) fn is_mark(&self) -> bool {
        !self.text.starts_with(|c: char| c.is_alphanumeric() || c == '£' || c == '$' || c == '€')
    }

    /// Whether it begins with a digit.
    pub(crate) fn is_number(&self) -> bool {
        self.text.starts_with(|c: char| c.is_ascii_digit())
    }
}

/// Splits a sentence into words and marks.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&(start, c)) = chars.get(at) {
        let mut next = at + 1;
        if is_word(c) {
            while chars.get(next).is_some_and(|&(_, c)| continues(&chars, next, c)) {
                next += 1;
            }
        }
        let end = chars.get(next).map_or(text.len(), |&(end, _)| end);
        if !c.is_whitespace() {
            let raw = text.get(start..end).unwrap_or("");
            push_written_out(&mut tokens, raw, start, end);
        }
        at = next;
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '£' | '$' | '€')
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '\u{2bc}')
}

/// Apostrophes, hyphens, points and colons belong to a word when it goes on after them.
fn continues(chars: &[(usize, char)], at: usize, c: char) -> bool {
    let next = chars.get(at + 1).map(|&(_, c)| c);
    let last = at.checked_sub(1).and_then(|at| chars.get(at)).map(|&(_, c)| c);
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    match c {
        _ if is_word(c) => true,
        _ if is_apostrophe(c) || c == '-' || c == '\u{2011}' => {
            next.is_some_and(char::is_alphanumeric)
        }
        '.' | ',' | ':' => digit(last) && digit(next),
        '%' => digit(last),
        _ => false,
    }
}

/// Adds a word; `didn't` becomes two words, `customer's` loses its ending.
fn push_written_out(tokens: &mut Vec<Token>, raw: &str, start: usize, end: usize) {
    let plain = |c: char| match c {
        _ if is_apostrophe(c) => '\'',
        '\u{2011}' => '-',
        _ => c,
    };
    let lower: String = raw.to_lowercase().chars().map(plain).collect();
    for word in written_out(&lower) {
        tokens.push(Token { text: word.to_owned(), start, end });
    }
}

fn written_out(lower: &str) -> Vec<&str> {
    let (stem, rest) = lower.split_once('\'').unwrap_or((lower, ""));
    let pronoun = matches!(stem, "it" | "that" | "there" | "here" | "what" | "he" | "she" | "who");
    match (lower, rest) {
        ("won't", _) => vec!["will", "not"],
        ("can't" | "cannot", _) => vec!["can", "not"],
        ("let's", _) => vec!["let", "us"],
        ("&", _) => vec!["and"],
        (_, "t") if stem.ends_with('n') => vec![stem.strip_suffix('n').unwrap_or(stem), "not"],
        (_, "ve") => vec![stem, "have"],
        (_, "re") => vec![stem, "are"],
        (_, "ll") => vec![stem, "will"],
        (_, "s") if pronoun => vec![stem, "is"],
        (_, "" | "s" | "d" | "m") if !stem.is_empty() => vec![stem],
        _ => vec![lower],
    }
}

/// Tells whether a phrase of plain words stands at a position, its last word also in the plural.
pub(crate) fn phrase_at(tokens: &[Token], at: usize, phrase: &str) -> bool {
    let words: Vec<&str> = phrase.split(' ').collect();
    let last = words.len().saturating_sub(1);
    words.iter().enumerate().all(|(offset, word)| {
        tokens.get(at + offset).is_some_and(|token| {
            let text = token.text.as_str();
            let plural = |ending: &str| text.strip_suffix(ending) == Some(word);
            text == *word || (offset == last && (plural("s") || plural("es")))
        })
    })
}

/// A class of words: its name and its members with spaces between, which may end in `*`.
pub(crate) type Class = (&'static str, &'static str);

/// Where a pattern matches first: positions of its first word and of the one after its last.
pub(crate) fn find(tokens: &[&Token], pattern: &str, classes: &[Class]) -> Option<(usize, usize)> {
    let elements: Vec<&str> = pattern.split_whitespace().collect();
    let elements = elements.as_slice();
    if let Some((&"^", rest)) = elements.split_first() {
        return ends(tokens, 0, rest, classes).map(|end| (0, end));
    }
    (0..tokens.len()).find_map(|at| ends(tokens, at, elements, classes).map(|end| (at, end)))
}

fn ends(tokens: &[&Token], at: usize, elements: &[&str], classes: &[Class]) -> Option<usize> {
    let Some((&element, rest)) = elements.split_first() else { return Some(at) };
    let between = match element {
        ".." => Some(3),
        "..." => Some(8),
        _ => None,
    };
    if let Some(most) = between {
        return (at..=(at + most).min(tokens.len())).find_map(|at| ends(tokens, at, rest, classes));
    }
    let (element, optional) = match element.strip_suffix('?') {
        Some(element) => (element, true),
        None => (element, false),
    };
    let here = tokens.get(at).filter(|token| element.split('|').any(|one| is(token, one, classes)));
    let after = here.and_then(|_| ends(tokens, at + 1, rest, classes));
    after.or_else(|| if optional { ends(tokens, at, rest, classes) } else { None })
}

fn is(token: &Token, one: &str, classes: &[Class]) -> bool {
    if one == "#" {
        return token.is_number();
    }
    if let Some(name) = one.strip_prefix('@') {
        let class = classes.iter().find(|(class, _)| *class == name);
        return class.is_some_and(|(_, members)| {
            members.split_whitespace().any(|word| is_word_of(token, word))
        });
    }
    is_word_of(token, one)
}

fn is_word_of(token: &Token, word: &str) -> bool {
    match word.strip_suffix('*') {
        Some(beginning) => token.text.starts_with(beginning),
        None => token.text == word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn sentences_become_words() {
        assert_eq!(
            words("We’ve said it isn't 6,500,000 members’ e-mails (0.1%)."),
            [
                "we",
                "have",
                "said",
                "it",
                "is",
                "not",
                "6,500,000",
                "members",
                "'",
                "e-mails",
                "(",
                "0.1%",
                ")",
                "."
            ]
        );
        assert_eq!(words("At 02:13 they won't."), ["at", "02:13", "they", "will", "not", "."]);
    }

    #[test]
    fn patterns_match_rows_of_words() {
        let classes: &[Class] = &[("data", "data card*")];
        for (pattern, text, matches) in [
            ("no .. @data", "no customer data", true),
            ("no .. @data", "no one two three four data", false),
            ("was been? taken", "it was taken", true),
            ("was been? taken", "it was been taken", true),
            ("^ no", "well no", false),
            ("# members", "20,000 members", true),
            ("was not|never access*", "it was never accessed", true),
        ] {
            let tokens = tokens(text);
            let tokens: Vec<&Token> = tokens.iter().collect();
            assert_eq!(find(&tokens, pattern, classes).is_some(), matches, "{pattern} in {text}");
        }
    }
}
