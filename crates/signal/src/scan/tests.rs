//! What is not offered to the rule engine makes no difference to what it finds.

use std::path::{Path, PathBuf};

use super::*;
use crate::json::Json;
use crate::rules::RuleSource;
use crate::view::View;

/// Evaluates records twice: with only the fields and texts that the rules ask
/// for, and with everything.
fn compare(scanner: &mut Scanner, records: &str) -> (usize, usize) {
    let (books, mut desk) = (&scanner.books, Desk::default());
    let (mut count, mut hits) = (0, 0);
    for line in records.lines() {
        let json = Json::parse(line.as_bytes()).unwrap();
        let Some((number, format, inner)) = books.formats.recognise(&json) else {
            continue;
        };
        let view = View::new(inner, &format.flatten, &[]);
        let routed = desk.class_of(books, number, format, &view);
        for (number, of_rules) in books.rules.engines.iter().enumerate() {
            if !routed.engines.contains(&number)
                && !routed.maybe.iter().flatten().any(|n| *n == number)
            {
                continue;
            }
            let ids = |shape| {
                let found = of_rules.engine.evaluate(&view.as_event(&routed.class, shape));
                found.into_iter().map(|result| result.header.rule_id).collect::<Vec<_>>()
            };
            let (some, all) = (ids(Some(&of_rules.shape)), ids(None));
            assert_eq!(some, all, "{line}");
            hits += all.len();
        }
        count += 1;
    }
    (count, hits)
}

#[test]
fn nothing_is_lost_by_offering_less() {
    let rules = r"
title: Nested
logsource: { product: aws }
detection:
  s: { userIdentity.sessionContext.attributes.mfaAuthenticated: 'false' }
  condition: s
---
title: Keyword
logsource: { product: aws }
detection:
  s: ['curl*evil', 'NoSuch']
  condition: s
---
title: Keyword with modifiers
logsource: { product: aws }
detection:
  s: { '|contains|all': ['cur', 'evil'] }
  condition: s
---
title: Other case
logsource: { product: aws }
detection:
  s: { EVENTNAME: RunInstances, 'useragent|contains': 'é' }
  condition: s
---
title: Absent
logsource: { product: aws }
detection:
  s: { nothing: null }
  f: { eventName: RunInstances }
  condition: s and not f
";
    let records = r#"{"eventSource":"ec2.amazonaws.com","eventName":"RunInstances","userAgent":"x é","a":{"b":["see curl -s evil"]},"userIdentity":{"sessionContext":{"attributes":{"mfaAuthenticated":"false"}}}}
{"eventSource":"ec2.amazonaws.com","eventName":"Other","userIdentity.sessionContext.attributes":{"mfaAuthenticated":"false"},"text":"ünlike CURL"}
{"eventSource":"ec2.amazonaws.com","eventName":"Third","userIdentity":{"sessionContext.attributes.mfaAuthenticated":"false"}}"#;
    let (rules, problems) =
        Rules::load(&[RuleSource::Text { name: "t".to_owned(), yaml: rules.to_owned() }]);
    assert_eq!(problems, []);
    let mut scanner = Scanner::new(Formats::builtin(), rules);
    assert_eq!(compare(&mut scanner, records), (3, 8));
}

#[test]
fn nothing_is_lost_on_real_records() {
    let at = |variable: &str, default: &str| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
        std::env::var_os(variable).map_or_else(|| root.join(default), PathBuf::from)
    };
    let (corpus, sigma) = (at("CORDON_CORPUS", "corpus"), at("CORDON_SIGMA", "sigma"));
    let file = corpus.join("windows/mordor/atomic/lateral_movement/empire_psremoting_stager.zip");
    let Ok(file) = std::fs::File::open(file) else {
        println!("skipped: nothing_is_lost_on_real_records (no corpus)");
        return;
    };
    let mut archive = zip::ZipArchive::new(file).unwrap();
    let records = std::io::read_to_string(archive.by_index(0).unwrap()).unwrap();
    let (rules, _) = Rules::load(&[RuleSource::Path(sigma)]);
    let mut scanner = Scanner::new(Formats::builtin(), rules);
    let (count, hits) = compare(&mut scanner, &records);
    assert!(count > 2000 && hits > 10, "{hits} hits on {count} records");
}
