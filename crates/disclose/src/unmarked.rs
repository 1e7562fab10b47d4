//! Sentences that look like factual claims about the incident and carry none.
//!
//! A sentence is cut into clauses; what is advice, courtesy, a question, a
//! condition or an intention is left out; what remains is held against tables
//! of patterns ([`rules`]). The tables know English, not this estate or any
//! text seen before.

mod rules;

use std::ops::Range;

use crate::pattern::{Token, find, tokens};
use rules::{
    CLASSES, CONDITIONS, DONE, HARMLESS, OPENINGS, RULES, SAYING, STRONG, SUBJECTS, TURNS,
};

/// What an unmarked claim is about, most telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// Data that was or was not accessed.
    Exposure,
    /// Services that trade or do not.
    Services,
    /// That the intruder is out, or cut off.
    Containment,
    /// A number of people or records.
    People,
    /// When something happened.
    Time,
    /// How it happened, or who did it.
    Cause,
    /// What somebody believes, has found or is confident of.
    Belief,
}

/// A mark that stands for a claim's words.
const CLAIM: &str = "\u{a7}";

/// What a sentence claims outside its marked claims, in the order of the tables; empty if nothing.
pub(crate) fn subjects(sentence: &str, marked: &[Range<usize>]) -> Vec<Subject> {
    if sentence.trim_end_matches(['"', '\u{201d}', '\'', ')', ' ']).ends_with('?') {
        return Vec::new();
    }
    let tokens = without_claims(tokens(sentence), marked);
    let clauses = clauses(&tokens);
    let kept: Vec<Vec<&Token>> = clauses.iter().map(|clause| assertive(clause)).collect();
    let whole: Vec<&Token> = kept.iter().flatten().copied().collect();
    let says = |(subject, patterns): &&(Subject, &[&str])| {
        let matches = |words: &[&Token]| patterns.iter().any(|p| find(words, p, CLASSES).is_some());
        match subject {
            // "On Monday, we noticed", "we believe that ...": these span clauses.
            Subject::Time | Subject::People | Subject::Belief => matches(&whole),
            Subject::Exposure | Subject::Services | Subject::Containment | Subject::Cause => {
                kept.iter().any(|clause| matches(clause))
            }
        }
    };
    RULES.iter().filter(says).map(|(subject, _)| *subject).collect()
}

/// Puts one mark in the place of each claim's words.
fn without_claims(tokens: Vec<Token>, marked: &[Range<usize>]) -> Vec<Token> {
    let mut kept: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let inside = marked.iter().any(|claim| token.start < claim.end && claim.start < token.end);
        if !inside {
            kept.push(token);
        } else if kept.last().is_none_or(|last| last.text != CLAIM) {
            kept.push(Token { text: CLAIM.to_owned(), ..token });
        }
    }
    kept
}

/// Cuts a sentence where another statement begins.
fn clauses(tokens: &[Token]) -> Vec<Vec<&Token>> {
    let mut clauses: Vec<Vec<&Token>> = vec![Vec::new()];
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        let next = tokens.get(at + 1);
        if begins(before, token, next) {
            clauses.push(Vec::new());
        }
        if let Some(clause) = clauses.last_mut() {
            clause.push(token);
        }
    }
    clauses.into_iter().filter(|clause| clause.iter().any(|token| !token.is_mark())).collect()
}

/// Whether a clause begins with this word or mark.
fn begins(before: Option<&Token>, token: &Token, next: Option<&Token>) -> bool {
    let text = token.text.as_str();
    let is_subject =
        |token: Option<&Token>| token.is_some_and(|t| SUBJECTS.contains(&t.text.as_str()));
    let said = before.is_some_and(|before| SAYING.iter().any(|word| is_word(before, word)));
    match text {
        ";" | ":" | "(" | ")" | "\u{2013}" | "\u{2014}" | CLAIM => true,
        "-" => true,
        "," => {
            is_subject(next)
                || next.is_some_and(|t| matches!(t.text.as_str(), "and" | "but" | "so"))
        }
        "but" | "although" | "though" | "however" | "whereas" | "while" | "because" => true,
        "and" | "so" => {
            is_subject(next) || next.is_some_and(|t| t.text == "have" || t.text == CLAIM)
        }
        "that" => {
            said || before.is_some_and(|b| {
                matches!(
                    b.text.as_str(),
                    "you" | "everyone" | "customers" | "members" | "colleagues"
                )
            })
        }
        _ => said && SUBJECTS.contains(&text),
    }
}

fn is_word(token: &Token, word: &str) -> bool {
    match word.strip_suffix('*') {
        Some(beginning) => token.text.starts_with(beginning),
        None => token.text == word,
    }
}

/// The words of a clause that state something as a fact.
fn assertive<'a>(clause: &[&'a Token]) -> Vec<&'a Token> {
    let follows_claim = clause.first().is_some_and(|token| token.text == CLAIM);
    let mut words: Vec<&Token> = clause
        .iter()
        .copied()
        .skip_while(|token| {
            token.is_mark()
                || matches!(
                    token.text.as_str(),
                    "and"
                        | "but"
                        | "so"
                        | "or"
                        | "that"
                        | "also"
                        | "however"
                        | "while"
                        | "because"
                        | "although"
                        | "though"
                )
        })
        .collect();
    let verb = |token: &&&Token| {
        find(&[**token], "@be|@have|did|does|do|continue|continues", CLASSES).is_some()
    };
    if follows_claim && words.first().as_ref().is_some_and(verb) {
        // The rest of a sentence whose subject is the claim: the claim answers for it.
        return Vec::new();
    }
    leave_out_conditions(&mut words);
    words.retain(|token| !token.is_mark());
    let has = |patterns: &[&str]| patterns.iter().any(|p| find(&words, p, CLASSES).is_some());
    if has(OPENINGS) && !has(STRONG) {
        return Vec::new();
    }
    for harmless in HARMLESS {
        while let Some((from, to)) = find(&words, harmless, CLASSES) {
            words.drain(from..to.max(from + 1));
        }
    }
    cut_at_turn(&mut words);
    words
}

/// Drops "if ..." up to the next comma.
fn leave_out_conditions(words: &mut Vec<&Token>) {
    while let Some(from) = words.iter().position(|token| CONDITIONS.contains(&token.text.as_str()))
    {
        let rest = words.iter().skip(from).position(|token| token.text == ",");
        let to = rest.map_or(words.len(), |offset| from + offset);
        words.drain(from..to);
    }
}

fn cut_at_turn(words: &mut Vec<&Token>) {
    let turns = TURNS.iter().filter_map(|turn| find(words, turn, CLASSES));
    let first = turns.map(|(from, _)| from).filter(|&from| {
        let before = from.checked_sub(1).and_then(|at| words.get(at));
        before.is_none_or(|token| !DONE.contains(&token.text.as_str()))
    });
    if let Some(from) = first.min() {
        words.truncate(from);
    }
}

#[cfg(test)]
mod tests;
