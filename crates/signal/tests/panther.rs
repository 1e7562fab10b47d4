//! The own rules on another project's labelled events: found and false alarms.
//!
//! Panther's rules bring sample events, labelled whether the rule must match.
//! How they are counted is told in `examples/panther/measure.rs`; the table is
//! printed by `cargo run -p cordon-signal --example panther`.

#[path = "../examples/panther/measure.rs"]
mod measure;

use std::path::{Path, PathBuf};

#[test]
fn most_labelled_events_are_found_and_few_alarms_are_false() {
    let corpus = std::env::var_os("CORDON_CORPUS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"),
        PathBuf::from,
    );
    if !corpus.is_dir() {
        println!("skipped: most_labelled_events_are_found_and_few_alarms_are_false (no corpus)");
        return;
    }
    let cases = measure::measure(&corpus).expect("the labelled events can be read");
    let scores = measure::scores(&cases);
    for (log_type, score) in &scores {
        println!(
            "{log_type}: {:.2} found ({:.2} of those that show it alone), {:.2} false",
            score.true_rate(),
            score.true_rate_alone(),
            score.false_rate()
        );
    }
    let false_alarms = cases.iter().filter(|case| !case.expected && !case.fired.is_empty());
    for case in false_alarms {
        println!("{} / {}: {:?}", case.rule, case.test, case.fired);
    }
    for log_type in ["AWS.CloudTrail", "Azure.Audit", "Okta.SystemLog"] {
        let score = scores.get(log_type).expect("a format reads them");
        assert!(score.trues > 10, "{log_type}: {} events", score.trues);
        assert!(score.true_rate_alone() >= 0.6, "{log_type}: {:.2} found", score.true_rate_alone());
        assert!(score.false_rate() <= 0.1, "{log_type}: {:.2} false", score.false_rate());
    }
}
