//! Prints how the own rules do on Panther's labelled events: `panther [LOG-TYPE]...`
//!
//! Without an argument a table of log types. With log types also what was
//! missed and what fired on false events. `CORDON_CORPUS` names the corpus.

#![expect(clippy::print_stdout, reason = "a measuring program; it prints its figures")]

mod measure;

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let corpus = std::env::var_os("CORDON_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus")),
        PathBuf::from,
    );
    let cases = measure::measure(&corpus)?;
    println!("{:42} true found raised   TPR | alone   TPR | false raised alarms   FPR", "log type");
    for (log_type, score) in measure::scores(&cases) {
        println!(
            "{log_type:42} {:4} {:5} {:6} {:5.2} | {:5} {:5.2} | {:5} {:6} {:6} {:5.2}",
            score.trues,
            score.found,
            score.raised,
            score.true_rate(),
            score.alone,
            score.true_rate_alone(),
            score.falses,
            score.raised_false,
            score.false_alarms,
            score.false_rate()
        );
    }
    let shown: Vec<String> = std::env::args().skip(1).collect();
    for case in cases.iter().filter(|case| shown.contains(&case.log_type)) {
        if case.expected == case.fired.is_empty() {
            let what = if case.expected { "MISSED" } else { "FIRED" };
            let known = if case.recognised { "" } else { " (no format)" };
            println!("{what} {} / {}{known}: {:?}", case.rule, case.test, case.fired);
        }
    }
    Ok(())
}
