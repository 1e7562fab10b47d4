//! A quick "none of these words occurs here".
//!
//! Keyword rules look for words in every text of a record, and nearly no record
//! has any. The packed search of `aho-corasick` (Teddy: sixteen or more bytes
//! at once) sorts texts out several times quicker than an automaton.

use aho_corasick::packed;

/// Words that are looked for together.
#[derive(Clone, Debug)]
pub(crate) struct Needles {
    words: packed::Searcher,
}

impl Needles {
    /// Prepares words of at least three letters, in lower case ASCII. None if one is shorter
    /// or foreign, if there is none or too many, or if the processor cannot do it.
    pub(crate) fn new(words: &[String]) -> Option<Self> {
        if words.iter().any(|word| word.len() < 3 || !word.is_ascii()) {
            return None;
        }
        let words = packed::Config::new().builder().extend(words).build()?;
        Some(Self { words })
    }

    /// Tells whether a text in lower case holds one of the words.
    pub(crate) fn occur(&self, text: &str) -> bool {
        self.words.find(text).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_wherever_they_stand() {
        let words = ["sekurlsa::", "kiwi", "::golden"].map(str::to_owned);
        let Some(needles) = Needles::new(&words) else {
            return; // This processor cannot: the engine sees every text.
        };
        let occurs = |text: &str| needles.occur(text);
        let filler = "the quick brown fox jumps over the lazy dog, 0x1f 0x2f";
        for start in 0..40 {
            let before = filler.get(..start).unwrap();
            for word in ["sekurlsa::", "kiwi", "kerberos::golden"] {
                assert!(occurs(&format!("{before}{word}")), "{before}|{word}");
                assert!(occurs(&format!("{before}{word}{filler}")), "{before}|{word}");
            }
            assert!(!occurs(before), "{before}");
        }
        for text in ["", "k", "kiw", "sekurlsa:", "iwi kiw i", ":golden", "kiwl"] {
            assert!(!occurs(text), "{text}");
        }
        assert!(occurs("naïve kiwi") && !occurs("naïve"));
    }

    #[test]
    fn short_and_foreign_words_are_refused() {
        assert!(Needles::new(&[]).is_none());
        assert!(Needles::new(&["ab".to_owned()]).is_none());
        assert!(Needles::new(&["naïve".to_owned()]).is_none());
    }
}
