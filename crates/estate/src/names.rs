//! Invented names of staff, so that a simulated organisation reads like one.
//!
//! Family names are put together from parts and belong to nobody in
//! particular; a login is an initial and a family name, numbered where it is taken.

use rustc_hash::FxHashMap;

use crate::generate::Random;

const STARTS: [&str; 24] = [
    "Ash", "Bram", "Carl", "Dun", "Elm", "Fen", "Garth", "Hazel", "Ing", "Kirk", "Lang", "Mor",
    "Nether", "Oaken", "Pen", "Quar", "Raven", "Sel", "Thorn", "Ulver", "Wether", "Yar", "Bux",
    "Cros",
];
const ENDS: [&str; 20] = [
    "by", "combe", "dale", "field", "ford", "gate", "ham", "holt", "hurst", "ley", "low", "mere",
    "more", "rigg", "shaw", "stead", "thwaite", "ton", "wick", "worth",
];
const INITIALS: [&str; 20] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "r", "s", "t",
    "w",
];

/// Logins given so far.
#[derive(Default)]
pub(crate) struct Names {
    given: FxHashMap<String, u32>,
}

impl Names {
    /// A login that nobody has yet: `k.thornley`, `k.thornley2`.
    pub(crate) fn next(&mut self, random: &mut Random) -> String {
        let login =
            format!("{}.{}{}", pick(&INITIALS, random), pick(&STARTS, random), pick(&ENDS, random));
        let login = login.to_lowercase();
        let count = self.given.entry(login.clone()).or_insert(0);
        *count += 1;
        if *count == 1 { login } else { format!("{login}{count}") }
    }
}

fn pick(words: &[&'static str], random: &mut Random) -> &'static str {
    let at = random.below(u32::try_from(words.len()).unwrap_or(1));
    words.get(at as usize).copied().unwrap_or("")
}
