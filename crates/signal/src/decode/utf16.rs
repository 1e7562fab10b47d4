//! Text in UTF-16, as PowerShell and Event Viewer write it, turned into UTF-8.

use std::io::Read;

/// As many bytes are turned at once.
const STEP: usize = 1 << 14;

/// A reader that turns UTF-16 into UTF-8. The byte order mark is left out.
pub(crate) struct Utf16<'r> {
    reader: &'r mut dyn Read,
    big_endian: bool,
    /// Bytes of a unit, or a unit of a pair, that are not complete yet.
    rest: Vec<u8>,
    ready: Vec<u8>,
    given: usize,
}

/// Tells from a byte order mark whether a text is UTF-16, and if so, big-endian.
pub(crate) fn big_endian(head: &[u8]) -> Option<bool> {
    match head {
        [0xff, 0xfe, ..] => Some(false),
        [0xfe, 0xff, ..] => Some(true),
        _ => None,
    }
}

impl<'r> Utf16<'r> {
    pub(crate) fn new(reader: &'r mut dyn Read, big_endian: bool) -> Self {
        Self { reader, big_endian, rest: Vec::new(), ready: Vec::new(), given: 0 }
    }

    /// Reads and turns some bytes. False at the end.
    fn refill(&mut self) -> std::io::Result<bool> {
        let held = self.rest.len();
        self.reader.take(STEP as u64).read_to_end(&mut self.rest)?;
        let ended = self.rest.len() == held;
        let mut units: Vec<u16> = self.rest.chunks_exact(2).map(|unit| self.unit(unit)).collect();
        let mut used = units.len() * 2;
        let is_first_of_pair = |unit: &u16| (0xd800..0xdc00).contains(unit);
        if !ended && units.last().is_some_and(is_first_of_pair) {
            units.pop();
            used -= 2;
        }
        self.rest.drain(..if ended { self.rest.len() } else { used });
        self.ready.clear();
        self.given = 0;
        let chars = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
        let text: String = chars.filter(|c| *c != '\u{feff}').collect();
        self.ready.extend_from_slice(text.as_bytes());
        Ok(!ended)
    }

    fn unit(&self, bytes: &[u8]) -> u16 {
        let pair = <[u8; 2]>::try_from(bytes).unwrap_or_default();
        if self.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
    }
}

impl Read for Utf16<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        while self.given >= self.ready.len() {
            if !self.refill()? && self.ready.is_empty() {
                return Ok(0);
            }
        }
        let left = self.ready.get(self.given..).unwrap_or_default();
        let count = left.len().min(buf.len());
        for (to, from) in buf.iter_mut().zip(left) {
            *to = *from;
        }
        self.given += count;
        Ok(count)
    }
}
