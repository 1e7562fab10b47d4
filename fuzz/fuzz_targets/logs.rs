//! Every decoder and every built-in format against any bytes: whatever lies in a
//! log is read or told as a problem, and nothing panics.
//!
//! The bytes are a file as it lies on disk: archives, EVTX, JSON, CSV, tables
//! and lines are told by what they begin with. One rule is matched as well, so
//! that fields are looked up and names are read.

#![no_main]

use std::cell::RefCell;

use cordon_model::signal::{Detection, Fact, Problem};
use cordon_signal::{Formats, Heard, Input, RuleSource, Rules, Scanner, Sink};
use libfuzzer_sys::fuzz_target;

/// A rule that meets every record of Windows and Linux.
const RULE: &str = "title: any\nid: any\nlogsource: {}\ndetection:\n  a:\n    Image|endswith: e\n  b:\n    - root\n  condition: a or b\n";

/// Counts what it is told, so that nothing is left undone.
#[derive(Default)]
struct Told(usize);

impl Sink for Told {
    fn event(&mut self, heard: &Heard<'_>) {
        self.0 += heard.source.len();
    }
    fn detection(&mut self, detection: Detection) {
        self.0 += detection.mentions.len();
    }
    fn fact(&mut self, fact: Fact) {
        self.0 += fact.mentions.len();
    }
    fn problem(&mut self, problem: Problem) {
        assert!(!problem.what.is_empty() && !problem.remedy.is_empty());
    }
}

thread_local! {
    static SCANNER: RefCell<Scanner> = RefCell::new({
        let yaml = RULE.to_owned();
        let (rules, problems) = Rules::load(&[RuleSource::Text { name: "any".to_owned(), yaml }]);
        assert!(problems.is_empty(), "{problems:?}");
        Scanner::new(Formats::builtin(), rules)
    });
}

fuzz_target!(|bytes: &[u8]| {
    SCANNER.with_borrow_mut(|scanner| {
        scanner.forget();
        let input = Input::Bytes { name: "log".to_owned(), bytes: bytes.to_vec() };
        scanner.scan(&input, &mut Told::default());
    });
});
