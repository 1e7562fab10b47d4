//! A notice's Markdown as blocks of plain text, with its claims and line numbers.
//!
//! A block is what people read as one piece: a paragraph, a heading, an item of
//! a list, a row of a table. Fenced code, HTML, comments and front matter say
//! nothing to the reader and are left out.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// One piece of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// Its text without markup.
    pub(crate) text: String,
    /// The claims in it, in order.
    pub(crate) claims: Vec<Marked>,
    /// Where its pieces stood: byte in `text`, byte in the file.
    pieces: Vec<(usize, usize)>,
}

/// A link that is a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marked {
    /// The words, as bytes of the block's text.
    pub(crate) words: Range<usize>,
    /// The address: `claim:exposure?category=name&at-most=reachable`.
    pub(crate) address: String,
}

impl Block {
    /// The byte of the file at which a byte of the text stood.
    fn source_of(&self, at: usize) -> usize {
        let piece = self.pieces.iter().rev().find(|(start, _)| *start <= at);
        piece.map_or(0, |(start, source)| source + (at - start))
    }

    /// The line of the file, from 1, at which a byte of the text stood.
    pub(crate) fn line_of(&self, at: usize, file: &str) -> u32 {
        let before = file.as_bytes().iter().take(self.source_of(at));
        let breaks = before.filter(|&&byte| byte == b'\n').count();
        u32::try_from(breaks + 1).unwrap_or(u32::MAX)
    }

    fn push(&mut self, text: &str, source: usize) {
        self.pieces.push((self.text.len(), source));
        self.text.push_str(text);
    }

    fn push_space(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with(char::is_whitespace) {
            self.text.push(' ');
        }
    }
}

/// Splits a notice into blocks.
pub(crate) fn blocks(file: &str) -> Vec<Block> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut reader = Reader::default();
    for (event, range) in Parser::new_ext(file, options).into_offset_iter() {
        reader.take(event, &range);
    }
    reader.flush();
    reader.blocks
}

#[derive(Default)]
struct Reader {
    blocks: Vec<Block>,
    current: Block,
    claim: Option<(usize, String)>,
    silent: u32,
    in_row: bool,
}

impl Reader {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all other events carry no words of the notice"
    )]
    fn take(&mut self, event: Event<'_>, range: &Range<usize>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Code(text) if self.silent == 0 => {
                self.current.push(&text, range.start);
            }
            Event::SoftBreak | Event::HardBreak => self.current.push_space(),
            Event::Rule => self.flush(),
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all other tags stand inside a block")]
    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Link { dest_url, .. } if is_claim(dest_url) => {
                self.claim = Some((self.current.text.len(), dest_url.to_string()));
            }
            Tag::CodeBlock(CodeBlockKind::Fenced(_)) | Tag::HtmlBlock | Tag::MetadataBlock(_) => {
                self.flush();
                self.silent += 1;
            }
            Tag::TableHead | Tag::TableRow => {
                self.flush();
                self.in_row = true;
            }
            Tag::TableCell if !self.current.text.is_empty() => self.current.text.push_str(": "),
            Tag::Paragraph
            | Tag::Heading { .. }
            | Tag::BlockQuote(_)
            | Tag::CodeBlock(CodeBlockKind::Indented)
            | Tag::List(_)
            | Tag::Item
            | Tag::FootnoteDefinition(_)
            | Tag::Table(_) => self.flush(),
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all other tags stand inside a block")]
    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Link => {
                if let Some((from, address)) = self.claim.take() {
                    let words = from..self.current.text.len();
                    self.current.claims.push(Marked { words, address });
                }
            }
            TagEnd::CodeBlock | TagEnd::HtmlBlock | TagEnd::MetadataBlock(_) => {
                self.silent = self.silent.saturating_sub(1);
                self.flush();
            }
            TagEnd::TableHead | TagEnd::TableRow => {
                self.in_row = false;
                self.flush();
            }
            TagEnd::Paragraph
            | TagEnd::Heading(_)
            | TagEnd::BlockQuote(_)
            | TagEnd::List(_)
            | TagEnd::Item
            | TagEnd::FootnoteDefinition
            | TagEnd::Table => self.flush(),
            _ => {}
        }
    }

    fn flush(&mut self) {
        if self.in_row {
            return;
        }
        let block = std::mem::take(&mut self.current);
        if !block.text.trim().is_empty() || !block.claims.is_empty() {
            self.blocks.push(block);
        }
    }
}

fn is_claim(address: &str) -> bool {
    address.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("claim:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_keep_words_claims_and_lines() {
        let file = "---\ndate: today\n---\n# To **all** staff\n\nDear all,\nsee [no cards](claim:exposure?category=payment-card\n\"x\") and *more*.\n\n- one\n- two\n  - three\n\n```\ncode\n```\n<!-- aside -->\n\n| What | How many |\n|---|---|\n| People | 12 |\n";
        let blocks = blocks(file);
        let texts: Vec<(&str, u32)> =
            blocks.iter().map(|b| (b.text.as_str(), b.line_of(0, file))).collect();
        assert_eq!(
            texts,
            [
                ("To all staff", 4),
                ("Dear all, see no cards and more.", 6),
                ("one", 10),
                ("two", 11),
                ("three", 12),
                ("What: How many", 19),
                ("People: 12", 21),
            ]
        );
        let block = &blocks[1];
        let claim = &block.claims[0];
        assert_eq!(block.text.get(claim.words.clone()), Some("no cards"));
        assert_eq!(claim.address, "claim:exposure?category=payment-card");
        assert_eq!(block.line_of(claim.words.start, file), 7);
    }
}
