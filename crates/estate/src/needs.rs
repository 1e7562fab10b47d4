//! The language of `needs`: text to tree and back.
//!
//! `and` binds tighter than `or`; parentheses group; `2 of (a, b, c)` holds when
//! two of its members do. Members are expressions themselves. This module knows
//! words and their columns, not which nodes exist: its caller resolves them.

use cordon_model::estate::Estate;
use cordon_model::needs::Needs;

/// Deeper nesting than this is a mistake, and would exhaust the stack.
const DEEPEST: u32 = 64;

/// A `needs` text as a tree over the words that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression<'a> {
    /// A node id and its byte offset in the text.
    Node(&'a str, usize),
    /// At least `k` of the members; `k` is within 1 and their number.
    AtLeast(u32, Vec<Self>),
}

/// Why a text is not a `needs` expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NeedsError {
    /// Byte offset of the offending word.
    pub(crate) offset: usize,
    /// What is wrong.
    pub(crate) what: String,
    /// How to mend it.
    pub(crate) remedy: String,
    /// Whether it reads well but can never hold.
    pub(crate) impossible: bool,
}

/// Reads an expression.
///
/// # Errors
/// The first word that does not fit, or a count that can never be met.
pub(crate) fn parse(text: &str) -> Result<Expression<'_>, NeedsError> {
    let mut parser = Parser { text, words: split(text), at: 0, depth: 0 };
    if parser.words.is_empty() {
        return Err(parser.error("the expression is empty", "name the nodes that must be up"));
    }
    let expression = parser.any()?;
    match parser.peek() {
        None => Ok(expression),
        Some(")") => Err(parser.error("`)` closes nothing", "remove it, or open a `(` before it")),
        Some(",") => {
            Err(parser.error("`,` stands outside of `K of ( )`", "write `and` or `or` instead"))
        }
        Some(word) => {
            let what = format!("`{word}` follows an expression without `and` or `or`");
            Err(parser.error(&what, "join the two with `and` or `or`"))
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    words: Vec<(usize, &'a str)>,
    at: usize,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).map(|&(_, word)| word)
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn error(&self, what: &str, remedy: &str) -> NeedsError {
        let offset = self.words.get(self.at).map_or(self.text.len(), |&(offset, _)| offset);
        NeedsError { offset, what: what.to_owned(), remedy: remedy.to_owned(), impossible: false }
    }

    fn any(&mut self) -> Result<Expression<'a>, NeedsError> {
        let mut members = vec![self.all()?];
        while self.eat("or") {
            members.push(self.all()?);
        }
        Ok(gate(1, members))
    }

    fn all(&mut self) -> Result<Expression<'a>, NeedsError> {
        let mut members = vec![self.one()?];
        while self.eat("and") {
            members.push(self.one()?);
        }
        let count = u32::try_from(members.len()).unwrap_or(u32::MAX);
        Ok(gate(count, members))
    }

    fn one(&mut self) -> Result<Expression<'a>, NeedsError> {
        let Some(word) = self.peek() else {
            return Err(self.error("the expression ends early", "name a node at its end"));
        };
        if word == "(" {
            return self.group();
        }
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.at_least(word);
        }
        if !word.contains(':') {
            let what = format!("expected a node id, found `{word}`");
            return Err(self.error(&what, "write ids as `kind:name`"));
        }
        let offset = self.words.get(self.at).map_or(0, |&(offset, _)| offset);
        self.at += 1;
        Ok(Expression::Node(word, offset))
    }

    fn group(&mut self) -> Result<Expression<'a>, NeedsError> {
        self.open()?;
        let inner = self.any()?;
        self.close()?;
        Ok(inner)
    }

    fn at_least(&mut self, number: &str) -> Result<Expression<'a>, NeedsError> {
        let start = self.words.get(self.at).map_or(0, |&(offset, _)| offset);
        self.at += 1;
        if !self.eat("of") {
            return Err(self.error(
                &format!("`{number}` is not followed by `of`"),
                "write `2 of (a:x, b:y, c:z)`",
            ));
        }
        self.open()?;
        let mut members = vec![self.any()?];
        while self.eat(",") {
            members.push(self.any()?);
        }
        self.close()?;
        match number.parse::<u32>() {
            Ok(k) if k >= 1 && k as usize <= members.len() => Ok(Expression::AtLeast(k, members)),
            Ok(_) | Err(_) => Err(impossible(start, number, members.len())),
        }
    }

    fn open(&mut self) -> Result<(), NeedsError> {
        if self.depth == DEEPEST {
            return Err(self.error(
                &format!("parentheses are nested more than {DEEPEST} deep"),
                "give parts of it as `needs` of a node",
            ));
        }
        if !self.eat("(") {
            return Err(self.error("`of` is not followed by `(`", "write `2 of (a:x, b:y, c:z)`"));
        }
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self) -> Result<(), NeedsError> {
        if !self.eat(")") {
            let found = self.peek().map_or_else(
                || "a `(` is not closed".to_owned(),
                |word| format!("expected `)`, found `{word}`"),
            );
            return Err(self.error(&found, "close the parenthesis, or join with `and` or `or`"));
        }
        self.depth -= 1;
        Ok(())
    }
}

fn impossible(offset: usize, number: &str, members: usize) -> NeedsError {
    let what = if number.trim_start_matches('0').is_empty() {
        "`0 of` asks for nothing".to_owned()
    } else {
        format!("`{number} of` has only {members} to choose from")
    };
    let remedy = format!("ask for 1 to {members} of them");
    NeedsError { offset, what, remedy, impossible: true }
}

fn gate(k: u32, mut members: Vec<Expression<'_>>) -> Expression<'_> {
    if members.len() == 1
        && let Some(only) = members.pop()
    {
        return only;
    }
    Expression::AtLeast(k, members)
}

/// Splits a text into parentheses, commas and words, each with its byte offset.
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let mark = matches!(c, '(' | ')' | ',');
        if mark || c.is_whitespace() {
            if let Some(start) = start.take() {
                words.push((start, text.get(start..at).unwrap_or("")));
            }
            if mark {
                words.push((at, text.get(at..=at).unwrap_or("")));
            }
        } else if start.is_none() {
            start = Some(at);
        }
    }
    words
}

/// Writes a tree of an estate as text that reads back as the same tree.
#[must_use]
pub fn print(estate: &Estate, needs: &Needs) -> String {
    let mut out = String::new();
    print_into(estate, needs, false, &mut out);
    out
}

fn print_into(estate: &Estate, needs: &Needs, inner: bool, out: &mut String) {
    let Needs::AtLeast { k, of } = needs else {
        if let Needs::Node(node) = needs {
            out.push_str(estate.id(*node).as_str());
        }
        return;
    };
    let joint = match (*k as usize, of.len()) {
        (_, 1) => None,
        (k, n) if k == n => Some(" and "),
        (1, _) => Some(" or "),
        _ => None,
    };
    if joint.is_none() {
        out.push_str(&format!("{k} of "));
    }
    let bracket = inner || joint.is_none();
    out.push_str(if bracket { "(" } else { "" });
    for (place, member) in of.iter().enumerate() {
        if place > 0 {
            out.push_str(joint.unwrap_or(", "));
        }
        // Members of `K of` stand between commas and need no parentheses of their own.
        print_into(estate, member, joint.is_some(), out);
    }
    out.push_str(if bracket { ")" } else { "" });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(expression: &Expression<'_>) -> String {
        match expression {
            Expression::Node(id, _) => (*id).to_owned(),
            Expression::AtLeast(k, of) => {
                let members: Vec<String> = of.iter().map(shown).collect();
                format!("{k}[{}]", members.join(" "))
            }
        }
    }

    #[test]
    fn and_binds_tighter_than_or() {
        for (text, expect) in [
            ("a:1", "a:1"),
            ("(a:1)", "a:1"),
            ("a:1 or b:2 and c:3", "1[a:1 2[b:2 c:3]]"),
            ("(a:1 or b:2) and c:3", "2[1[a:1 b:2] c:3]"),
            ("a:1 and b:2 and c:3", "3[a:1 b:2 c:3]"),
            ("(a:1 and b:2) and c:3", "2[2[a:1 b:2] c:3]"),
            ("2 of (a:1, b:2 or x:9, c:3)", "2[a:1 1[b:2 x:9] c:3]"),
            ("1 of (2 of (a:1,b:2), c:3) and d:4", "2[1[2[a:1 b:2] c:3] d:4]"),
            ("flow:tills>acquirer-a AND app:a/b", "2[flow:tills>acquirer-a app:a/b]"),
            ("1 of (a:1)", "1[a:1]"),
        ] {
            assert_eq!(parse(text).as_ref().map(shown), Ok(expect.to_owned()), "{text}");
        }
    }

    #[test]
    fn errors_point_at_the_word() {
        for (text, offset, what) in [
            ("", 0, "the expression is empty"),
            ("a:1 and", 7, "the expression ends early"),
            ("a:1 b:2", 4, "`b:2` follows an expression without `and` or `or`"),
            ("a:1 and (b:2 or c:3", 19, "a `(` is not closed"),
            ("a:1)", 3, "`)` closes nothing"),
            ("a:1, b:2", 3, "`,` stands outside of `K of ( )`"),
            ("and a:1", 0, "expected a node id, found `and`"),
            ("pos", 0, "expected a node id, found `pos`"),
            ("2 a:1", 2, "`2` is not followed by `of`"),
            ("2 of a:1", 5, "`of` is not followed by `(`"),
            ("a:1 and 3 of (b:2, c:3)", 8, "`3 of` has only 2 to choose from"),
            ("0 of (b:2, c:3)", 0, "`0 of` asks for nothing"),
            ("99999999999 of (b:2)", 0, "`99999999999 of` has only 1 to choose from"),
            ("2 of (a:1 b:2)", 10, "expected `)`, found `b:2`"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!((error.offset, error.what.as_str()), (offset, what), "{text}");
        }
        let deep = format!("{}a:1{}", "(".repeat(100_000), ")".repeat(100_000));
        assert_eq!(parse(&deep).unwrap_err().offset, 64);
    }
}
