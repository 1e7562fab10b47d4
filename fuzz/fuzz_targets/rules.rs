//! The rule loader against any text: a rule loads or is told as a problem, and
//! what loads can be matched.
//!
//! The text before a line of `===` is YAML, what follows is a log.

#![no_main]

use cordon_model::signal::Problem;
use cordon_signal::{Formats, Input, RuleSource, Rules, Scanner, Sink};
use libfuzzer_sys::fuzz_target;

/// A log that most logsources of Windows, Linux and a cloud meet.
const LOG: &str = r#"{"Channel":"Security","EventID":4688,"TimeCreated":"2026-03-02T01:00:00Z","Computer":"pc1","NewProcessName":"C:\\a.exe","CommandLine":"a -e b","SubjectUserName":"ann"}
{"eventVersion":"1.08","eventTime":"2026-03-02T01:00:01Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"x","userIdentity":{"type":"Root","arn":"arn:aws:iam::1:root"}}
Mar  2 01:00:02 h1 sshd[7]: Accepted password for root from 192.0.2.1 port 7 ssh2
"#;

struct Told;

impl Sink for Told {
    fn problem(&mut self, problem: Problem) {
        assert!(!problem.what.is_empty() && !problem.remedy.is_empty());
    }
}

fuzz_target!(|text: &str| {
    let (yaml, log) = text.split_once("\n===\n").unwrap_or((text, LOG));
    let yaml = yaml.to_owned();
    let (rules, problems) = Rules::load(&[RuleSource::Text { name: "any.yml".to_owned(), yaml }]);
    for problem in problems {
        Told.problem(problem);
    }
    if rules.len() == 0 {
        return;
    }
    let input = Input::Bytes { name: "log".to_owned(), bytes: log.as_bytes().to_vec() };
    let formats = FORMATS.with(Clone::clone);
    Scanner::new(formats, rules).scan(&input, &mut Told);
});

thread_local! {
    static FORMATS: Formats = Formats::builtin();
}
