//! What the sieve leaves out makes no difference to what the rules find.

use std::path::{Path, PathBuf};

use rsigma_eval::evaluate_rule;

use super::*;
use crate::json::Json;
use crate::rules::RuleSource;
use crate::view::View;

/// Evaluates records twice: through the sieve, and with every rule of their log sources.
fn compare(scanner: &mut Scanner, records: &str) -> (usize, usize) {
    let (books, mut desk) = (&scanner.books, Desk::default());
    let (mut count, mut hits) = (0, 0);
    for line in records.lines() {
        let json = Json::parse(line.as_bytes()).unwrap();
        let ways = desk.ways(books, &json);
        let Some((number, format, inner)) = books.formats.recognise_by(&json, &ways) else {
            continue;
        };
        let extra = format.extracted(inner);
        let view = View::new(inner, &format.flatten, &extra);
        let routed = desk.class_of(books, number, format, &view);
        let event = view.as_event(&routed.class);
        let engines = routed.engines_of(&view);
        let of_engine = |number: &usize| &books.rules.engines[*number].rules;
        let all: Vec<_> = engines
            .iter()
            .flat_map(of_engine)
            .filter_map(|rule| evaluate_rule(rule, &event))
            .map(|result| result.header.rule_id)
            .collect();
        let found = desk.evaluate(books, &routed, &view);
        let some: Vec<_> = found.into_iter().map(|result| result.header.rule_id).collect();
        assert_eq!(some, all, "{line}");
        hits += all.len();
        count += 1;
    }
    (count, hits)
}

const RULES: &str = r"
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
---
title: Key
logsource: { product: aws }
detection:
  s: { eventName|startswith: 'run' }
  t: { eventName: [Other, Third], eventSource|contains: 'EC2' }
  condition: 1 of *
---
title: Another key
logsource: { product: aws }
detection:
  s: { eventName: Nothing }
  condition: s
---
title: Pattern
logsource: { product: aws }
detection:
  s: { 'userAgent|re': '^(x|y) .$' }
  t: { text: 'ü*CURL' }
  condition: s or t
---
title: Number
logsource: { product: aws }
detection:
  s: { size|gte: 10 }
  t: { size: 7 }
  condition: s or t
---
title: Letters of other scripts
logsource: { product: aws }
detection:
  s: { 'name|re': '(?i)^tas*k.{3}$' }
  t: { 'name|contains': 'ΣΊΓΜΑ' }
  condition: s or t
";

const RECORDS: &str = r#"{"eventSource":"ec2.amazonaws.com","eventName":"RunInstances","userAgent":"x é","a":{"b":["see curl -s evil"]},"userIdentity":{"sessionContext":{"attributes":{"mfaAuthenticated":"false"}}}}
{"eventSource":"ec2.amazonaws.com","eventName":"Other","userIdentity.sessionContext.attributes":{"mfaAuthenticated":"false"},"text":"ünlike CURL","size":7}
{"eventSource":"ec2.amazonaws.com","eventName":"Other","size":"12","name":"TAſK+++"}
{"eventSource":"ec2.amazonaws.com","eventName":"Other","size":[1,7.0],"name":"tas\u212axyz"}
{"eventSource":"ec2.amazonaws.com","eventName":"","name":["x","άσίγμα"]}
{"eventSource":"ec2.amazonaws.com","eventName":"Third","userIdentity":{"sessionContext.attributes.mfaAuthenticated":"false"}}"#;

#[test]
fn nothing_is_lost_in_the_sieve() {
    let (rules, problems) =
        Rules::load(&[RuleSource::Text { name: "t".to_owned(), yaml: RULES.to_owned() }]);
    assert_eq!(problems, []);
    let mut scanner = Scanner::new(Formats::builtin(), rules);
    let (count, hits) = compare(&mut scanner, RECORDS);
    assert_eq!((count, hits), (6, 24));
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
