//! A quick "none of these words occurs here".
//!
//! Keyword rules look for words in every text of a record, and nearly no record
//! has any. The packed search of `aho-corasick` (Teddy: sixteen or more bytes
//! at once) sorts texts out several times quicker than the rule engine's
//! automaton. Case of ASCII letters does not count; the engine decides.

use aho_corasick::packed;

/// Words that are looked for together.
#[derive(Clone, Debug)]
pub(crate) struct Needles {
    words: packed::Searcher,
}

impl Needles {
    /// Prepares ASCII words of at least three letters. None if one is shorter
    /// or foreign, if there is none or too many, or if the processor cannot do it.
    pub(crate) fn new(words: &[String]) -> Option<Self> {
        if words.iter().any(|word| word.len() < 3 || !word.is_ascii()) {
            return None;
        }
        let lower = words.iter().map(|word| word.to_ascii_lowercase());
        let words = packed::Config::new().builder().extend(lower).build()?;
        Some(Self { words })
    }

    /// Tells whether the text may hold one of the words. Text that is not ASCII
    /// always may. `lower` is room to work in.
    pub(crate) fn may_occur(&self, text: &str, lower: &mut Vec<u8>) -> bool {
        if !text.is_ascii() {
            return true;
        }
        lower.clear();
        lower.extend_from_slice(text.as_bytes());
        lower.make_ascii_lowercase();
        self.words.find(lower.as_slice()).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_wherever_they_stand() {
        let words = ["Sekurlsa::", "kiwi", "::golden"].map(str::to_owned);
        let Some(needles) = Needles::new(&words) else {
            return; // This processor cannot: the engine sees every text.
        };
        let occurs = |text: &str| needles.may_occur(text, &mut Vec::new());
        let filler = "the quick brown fox jumps over the lazy dog, 0x1f 0x2f";
        for start in 0..40 {
            let before = filler.get(..start).unwrap();
            for word in ["sekurlsa::", "KIWI", "kerberos::GOLDEN"] {
                assert!(occurs(&format!("{before}{word}")), "{before}|{word}");
                assert!(occurs(&format!("{before}{word}{filler}")), "{before}|{word}");
            }
            assert!(!occurs(before), "{before}");
        }
        for text in ["", "k", "kiw", "sekurlsa:", "iwi kiw i", ":golden", "kiwl"] {
            assert!(!occurs(text), "{text}");
        }
        assert!(occurs("naïve"), "what is not ASCII is left to the engine");
    }

    #[test]
    fn short_and_foreign_words_are_refused() {
        assert!(Needles::new(&[]).is_none());
        assert!(Needles::new(&["ab".to_owned()]).is_none());
        assert!(Needles::new(&["naïve".to_owned()]).is_none());
    }
}
