//! The format language against any text: a format compiles or is told as a
//! problem, and what it reads then never panics.
//!
//! The text before a line of `---` is the format, what follows is a log.

#![no_main]

use cordon_model::signal::Problem;
use cordon_signal::{Formats, Input, Rules, Scanner, Sink};
use libfuzzer_sys::fuzz_target;

struct Told;

impl Sink for Told {
    fn problem(&mut self, problem: Problem) {
        assert!(!problem.what.is_empty() && !problem.remedy.is_empty());
    }
}

fuzz_target!(|text: &str| {
    let (format, log) = text.split_once("\n---\n").unwrap_or((text, "{\"a\": 1}\n"));
    let (formats, problems) = Formats::of_text("any.toml", format);
    for problem in problems {
        Told.problem(problem);
    }
    if formats.iter().next().is_none() {
        return;
    }
    let (rules, _) = Rules::load(&[]);
    let input = Input::Bytes { name: "log".to_owned(), bytes: log.as_bytes().to_vec() };
    Scanner::new(formats, rules).scan(&input, &mut Told);
});
