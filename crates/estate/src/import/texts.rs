//! Texts of a million objects, packed one behind the other.
//!
//! A growing vector would hold twice what it needs while it moves; chunks are
//! filled and left alone. A text is found again by its [`Span`], eight bytes.

const CHUNK: usize = 1 << 20;
/// Longer texts are cut; none of a directory's names comes near.
const LONGEST: usize = (1 << 16) - 1;

/// Where a text lies: chunk, start and length in one number. Zero is the empty text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span(u64);

impl Span {
    /// Whether there is no text.
    pub(crate) fn is_empty(self) -> bool {
        self.0 & 0xffff == 0
    }
}

/// Packed texts.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    chunks: Vec<String>,
}

impl Texts {
    /// Keeps a text.
    pub(crate) fn keep(&mut self, text: &str) -> Span {
        let text = cut(text);
        if text.is_empty() {
            return Span::default();
        }
        if self.chunks.last().is_none_or(|last| last.len() + text.len() > CHUNK) {
            self.chunks.push(String::with_capacity(CHUNK));
        }
        let chunk = self.chunks.len().saturating_sub(1) as u64;
        let Some(last) = self.chunks.last_mut() else { return Span::default() };
        let start = last.len() as u64;
        last.push_str(text);
        Span((chunk << 40) | (start << 16) | text.len() as u64)
    }

    /// The text at a span.
    pub(crate) fn at(&self, span: Span) -> &str {
        let [chunk, start, len] =
            [span.0 >> 40, (span.0 >> 16) & 0xff_ffff, span.0 & 0xffff].map(small);
        self.chunks.get(chunk).and_then(|text| text.get(start..start + len)).unwrap_or("")
    }
}

fn small(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX >> 1)
}

/// The longest beginning of a text that can be kept.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_again() {
        let mut texts = Texts::default();
        let long = "ä".repeat(40_000);
        let kept: Vec<(String, Span)> = (0..40)
            .map(|number| if number % 3 == 0 { long.clone() } else { format!("S-1-5-{number}") })
            .map(|text| (cut(&text).to_owned(), texts.keep(&text)))
            .collect();
        for (text, span) in &kept {
            assert_eq!(texts.at(*span), text);
        }
        assert!(texts.keep("").is_empty());
        assert_eq!(texts.at(Span::default()), "");
        assert_eq!(cut(&long).len(), LONGEST - 1);
    }
}
