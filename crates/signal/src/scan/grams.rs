//! Finds which of many texts stand in another, at the pace of a few bytes a nanosecond.
//!
//! Of each text the four bytes that are least common in logs are noted in a
//! table of bits that fits the processor's nearest memory. Whoever looks
//! through a value asks the table at every byte; only where it says yes are
//! texts compared. Texts shorter than four bytes are left to an automaton.

use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use rustc_hash::FxHashMap;

/// So many bytes are noted of a text.
const GRAM: usize = 4;
/// Bits of the table per text, and at least and at most in all (powers of two).
const BITS_PER_TEXT: usize = 64;
const LEAST_BITS: usize = 1 << 10;
const MOST_BITS: usize = 1 << 17;

/// What stands in logs all the time: four bytes of it tell nothing apart.
const COMMON: &str = r"c:\windows\system32\syswow64\winsxs\program files (x86)\programdata\users\public\
appdata\local\temp\roaming\microsoft\windows\currentversion\explorer\run\microsoft.net\framework64\v4.0.30319\
hklm\software\wow6432node\policies\system\currentcontrolset\services\control\parameters\hkcu\registry\machine\user\
cmd.exe /c powershell.exe -command svchost.exe -k rundll32.exe .dll.exe, winlogon.exe explorer.exe services.exe
hostapplication=c:\windows\system32\windowspowershell\v1.0\powershell.exe parameterbinding name= value= commandinvocation
function param( [string] $null = new-object system.net.webclient system.management.automation get-item set-item
write-output return $true $false if ( else { foreach ( } [parameter( mandatory=$true position=0 )] .psm1 .ps1 modules
https://www.example.com/ http://127.0.0.1 mozilla/5.0 user-agent: content-type: application/json name id type true false
/usr/bin/ /usr/lib/ /etc/ /var/log/ /home/ /bin/bash -c /bin/sh sudo root: the and of to in for is on that with was";

/// Texts that are looked for together.
pub(crate) struct Grams {
    bits: Vec<u64>,
    /// Takes a gram's hash to a number of bits.
    shift: u32,
    /// From a gram to the texts that were noted by it: their numbers, and where it stands in them.
    places: FxHashMap<u32, Vec<(u32, usize)>>,
    texts: Vec<Box<[u8]>>,
    short: Option<(AhoCorasick, Vec<u32>)>,
}

impl Grams {
    /// Prepares texts. None if an automaton for the short ones cannot be made.
    pub(crate) fn new(texts: &[String]) -> Option<Self> {
        let size = (texts.len() * BITS_PER_TEXT).next_power_of_two().clamp(LEAST_BITS, MOST_BITS);
        let mut grams = Self {
            bits: vec![0; size / 64],
            shift: u32::BITS - size.trailing_zeros(),
            places: FxHashMap::default(),
            texts: texts.iter().map(|text| text.as_bytes().into()).collect(),
            short: None,
        };
        let mut short = (Vec::new(), Vec::new());
        for (number, text) in (0_u32..).zip(texts) {
            match rarest(text.as_bytes()) {
                Some((gram, offset)) => grams.note(gram, number, offset),
                None => {
                    short.0.push(text);
                    short.1.push(number);
                }
            }
        }
        if !short.0.is_empty() {
            grams.short = Some((AhoCorasick::new(&short.0).ok()?, short.1));
        }
        Some(grams)
    }

    fn note(&mut self, gram: u32, number: u32, offset: usize) {
        let (word, bit) = self.slot(gram);
        if let Some(word) = self.bits.get_mut(word) {
            *word |= bit;
        }
        self.places.entry(gram).or_default().push((number, offset));
    }

    fn slot(&self, gram: u32) -> (usize, u64) {
        let slot = gram.wrapping_mul(0x9E37_79B1) >> self.shift;
        (usize::try_from(slot / 64).unwrap_or(0), 1 << (slot % 64))
    }

    /// Calls `found` with the numbers of the texts that stand in `text`, some more than once.
    pub(crate) fn find(&self, text: &str, found: &mut dyn FnMut(u32)) {
        if let Some((automaton, numbers)) = &self.short {
            for hit in automaton.find_overlapping_iter(text) {
                numbers.get(hit.pattern().as_usize()).copied().into_iter().for_each(&mut *found);
            }
        }
        if self.places.is_empty() {
            return;
        }
        let text = text.as_bytes();
        for (at, bytes) in text.windows(GRAM).enumerate() {
            let gram = gram_of(bytes);
            let (word, bit) = self.slot(gram);
            if self.bits.get(word).is_some_and(|word| word & bit != 0) {
                self.compare(text, at, gram, found);
            }
        }
    }

    #[cold]
    fn compare(&self, text: &[u8], at: usize, gram: u32, found: &mut dyn FnMut(u32)) {
        for (number, offset) in self.places.get(&gram).into_iter().flatten() {
            let wanted = usize::try_from(*number).ok().and_then(|number| self.texts.get(number));
            let rest = at.checked_sub(*offset).and_then(|start| text.get(start..));
            if let (Some(wanted), Some(rest)) = (wanted, rest)
                && rest.starts_with(wanted)
            {
                found(*number);
            }
        }
    }
}

fn gram_of(bytes: &[u8]) -> u32 {
    <[u8; GRAM]>::try_from(bytes).map_or(0, u32::from_le_bytes)
}

/// Returns the gram of a text that is least common, and where it stands.
fn rarest(text: &[u8]) -> Option<(u32, usize)> {
    let grams = text.windows(GRAM).enumerate();
    grams.min_by_key(|(_, gram)| commonness(gram)).map(|(offset, gram)| (gram_of(gram), offset))
}

/// How often grams and single bytes stand in [`COMMON`].
struct Counts {
    grams: FxHashMap<u32, usize>,
    bytes: FxHashMap<u8, usize>,
}

fn commonness(gram: &[u8]) -> usize {
    static COUNTS: OnceLock<Counts> = OnceLock::new();
    let counts = COUNTS.get_or_init(|| {
        let mut counts = Counts { grams: FxHashMap::default(), bytes: FxHashMap::default() };
        for gram in COMMON.as_bytes().windows(GRAM) {
            *counts.grams.entry(gram_of(gram)).or_default() += 1;
        }
        COMMON.bytes().for_each(|byte| *counts.bytes.entry(byte).or_default() += 1);
        counts
    });
    let seen = counts.grams.get(&gram_of(gram)).copied().unwrap_or(0);
    let letter = |byte: &u8| counts.bytes.get(byte).copied().unwrap_or(0);
    seen * 10_000 + gram.iter().map(letter).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_wherever_they_stand() {
        let texts = ["mimikatz", "sekurlsa::", " -enc", "iex", "e", r"\windows\", "naïve", "katz"];
        let grams = Grams::new(&texts.map(str::to_owned)).unwrap();
        for before in ["", "x", "abcdefgh", "mimi"] {
            for after in ["", "y", "zzzzzzzzzz"] {
                for (number, text) in texts.iter().enumerate() {
                    let whole = format!("{before}{text}{after}");
                    let mut found = Vec::new();
                    grams.find(&whole, &mut |number| found.push(number as usize));
                    let expect: Vec<usize> =
                        (0..texts.len()).filter(|n| whole.contains(texts[*n])).collect();
                    found.sort();
                    found.dedup();
                    assert_eq!(found, expect, "{number} {whole}");
                }
            }
        }
    }
}
