//! Correlations of Sigma 2, each kind with sequences that must fire and that must not.
//!
//! The rules are those that the specification of correlation rules gives as
//! examples (many failed sign-ins, failed sign-ins of many accounts,
//! reconnaissance in any order, failures and then a success, aliases, a chain),
//! written anew for logs of an invented make. Then what the specification leaves
//! to the engine: the borders of the span, the order within a second, late and
//! doubled events, and how much is remembered.

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "test helpers fail loudly, on small numbers"
)]

use cordon_model::signal::Detection;
use cordon_signal::{Formats, RuleSource, Rules, Scanner, Sink, Stream};

/// The correlation `C` whenever it fired, with the number of the record that completed it.
#[derive(Default)]
struct Fired(Vec<String>);

impl Sink for Fired {
    fn detection(&mut self, found: Detection) {
        if found.rule.title == "C" {
            self.0.push(format!("{}:C", found.place.record));
        }
    }
}

/// Three rules that correlations refer to: a door refused, a door opened, a lamp lit.
const PARTS: &str = "
title: Refused
name: refused
logsource: { product: okta, service: okta }
detection: { s: { eventType: door.refused }, condition: s }
---
title: Opened
name: opened
logsource: { product: okta, service: okta }
detection: { s: { eventType: door.opened }, condition: s }
---
title: Lit
name: lit
logsource: { product: okta, service: okta }
detection: { s: { eventType: lamp.lit }, condition: s }
---
";

/// An event: `SECONDS KIND FIELD=VALUE...`; the seconds count from eight o'clock.
fn record(event: &str) -> String {
    let mut words = event.split_whitespace();
    let seconds: f64 = words.next().unwrap().parse().unwrap();
    let kind = words.next().unwrap();
    let micros = (seconds * 1e6).round() as u64;
    let (second, micro) = (micros / 1_000_000, micros % 1_000_000);
    let (hour, minute) = (8 + second / 3600, second / 60 % 60);
    let fields: String = words
        .map(|field| {
            let (name, value) = field.split_once('=').unwrap();
            let number = value.parse::<i64>().is_ok();
            if number { format!(r#","{name}":{value}"#) } else { format!(r#","{name}":"{value}""#) }
        })
        .collect();
    format!(
        r#"{{"published":"2024-05-01T{hour:02}:{minute:02}:{:02}.{micro:06}Z","eventType":"{kind}","actor":{{"id":"a"}}{fields}}}"#,
        second % 60
    ) + "\n"
}

fn fired(correlations: &str, events: &[String]) -> Vec<String> {
    let source = RuleSource::Text { name: "c.yml".into(), yaml: format!("{PARTS}{correlations}") };
    let (rules, problems) = Rules::load(&[source]);
    assert_eq!(problems, []);
    let mut scanner = Scanner::new(Formats::builtin(), rules);
    let mut found = Fired::default();
    let mut stream = Stream::new("log");
    for event in events {
        scanner.line(&mut stream, record(event).as_bytes(), &mut found);
    }
    found.0
}

/// Events separated by `;`, expected firings separated by blanks.
fn check(correlations: &str, events: &str, expected: &str) {
    let events: Vec<String> = events.split(';').map(str::to_owned).collect();
    let found = fired(correlations, &events);
    assert_eq!(found.join(" "), expected, "{events:?}");
}

fn correlation(kind: &str, rules: &str, rest: &str) -> String {
    format!("title: C\ncorrelation:\n  type: {kind}\n  rules: [{rules}]\n{rest}")
}

#[test]
fn events_are_counted_per_group() {
    let many = correlation(
        "event_count",
        "refused",
        "  group-by: [host]\n  timespan: 1h\n  condition: { gte: 4 }\n",
    );
    let check = |events, expected| check(&many, events, expected);
    check("0 door.refused host=a;1 door.refused host=a;2 door.refused host=a", "");
    check(
        "0 door.refused host=a;1 door.refused host=b;2 door.refused host=a;3 door.refused host=a;4 door.opened host=a;5 door.refused host=A",
        "6:C",
    );
    // Whoever lacks the field belongs to no group.
    check("0 door.refused;1 door.refused;2 door.refused;3 door.refused", "");
    // Nine minutes after the last of the span: three are left.
    check(
        "0 door.refused host=a;1 door.refused host=a;2 door.refused host=a;4140 door.refused host=a",
        "",
    );
}

#[test]
fn two_fields_to_group_by_must_both_agree() {
    let rule = correlation(
        "event_count",
        "refused, lit",
        "  group-by: [host, user]\n  timespan: 1m\n  condition: { gte: 2 }\n",
    );
    check(
        &rule,
        "0 door.refused host=a user=x;1 lamp.lit host=a user=z;2 lamp.lit host=a user=y",
        "",
    );
    check(&rule, "0 door.refused host=a user=x;1 lamp.lit host=a user=x", "2:C");
}

#[test]
fn different_values_are_counted() {
    let rule = correlation(
        "value_count",
        "refused",
        "  group-by: [host, desk]\n  timespan: 1d\n  condition: { field: user, gte: 3 }\n",
    );
    let check = |events, expected| check(&rule, events, expected);
    check(
        "0 door.refused host=a desk=d user=x;1 door.refused host=a desk=d user=x;2 door.refused host=a desk=d user=y",
        "",
    );
    check(
        "0 door.refused host=a desk=d user=x;1 door.refused host=a desk=d user=y;2 door.refused host=a desk=e user=z;3 door.refused host=a desk=d;4 door.refused host=a desk=d user=z",
        "5:C",
    );
    let pairs = correlation(
        "value_count",
        "refused",
        "  timespan: 1m\n  condition: { field: [user, desk], gte: 2 }\n",
    );
    crate::check(&pairs, "0 door.refused user=x desk=d;1 door.refused user=x desk=e", "2:C");
    crate::check(&pairs, "0 door.refused user=x desk=d;1 door.refused user=x desk=d", "");
}

#[test]
fn every_operator_and_a_range() {
    let events = "0 door.refused;1 door.refused;2 door.refused;3 door.refused";
    for (condition, expected) in [
        ("gt: 2", "3:C"),
        ("gte: 2", "2:C"),
        ("eq: 3", "3:C"),
        ("neq: 1", "2:C"),
        ("lt: 2", "1:C"),
        ("lte: 1", "1:C"),
        ("gt: 1, lte: 3", "2:C"),
        ("gt: 4, lte: 9", ""),
    ] {
        let rest = format!("  timespan: 1m\n  condition: {{ {condition} }}\n");
        check(&correlation("event_count", "refused", &rest), events, expected);
    }
}

#[test]
fn figures_of_a_field() {
    let events = "0 door.refused n=10;1 door.refused n=50;2 door.refused n=30;3 door.refused n=no;4 door.refused n=70";
    for (kind, condition, expected) in [
        ("value_sum", "field: n, gte: 90", "3:C"),
        ("value_sum", "field: n, gt: 160", ""),
        ("value_avg", "field: n, gte: 40", "5:C"),
        ("value_avg", "field: n, gt: 40", ""),
        ("value_median", "field: n, gt: 35", "5:C"),
        ("value_median", "field: n, eq: 30", "2:C"),
        ("value_percentile", "field: n, percentile: 75, gte: 55", "5:C"),
        ("value_percentile", "field: n, percentile: 100, gte: 71", ""),
    ] {
        let rest = format!("  timespan: 1m\n  condition: {{ {condition} }}\n");
        check(&correlation(kind, "refused", &rest), events, expected);
    }
    // What has left the span is taken off again.
    let rest = "  timespan: 2s\n  condition: { field: n, gte: 90 }\n";
    check(
        &correlation("value_sum", "refused", rest),
        "0 door.refused n=60;3 door.refused n=60;6 door.refused n=60;7 door.refused n=40",
        "4:C",
    );
}

#[test]
fn a_temporal_correlation_wants_all_its_rules_in_any_order() {
    let rule = correlation(
        "temporal",
        "refused, opened, lit",
        "  group-by: [host, user]\n  timespan: 5m\n",
    );
    let check = |events, expected| check(&rule, events, expected);
    check(
        "0 lamp.lit host=a user=x;10 door.refused host=a user=x;20 door.opened host=a user=x",
        "3:C",
    );
    check("0 lamp.lit host=a user=x;10 door.refused host=a user=x", "");
    check(
        "0 lamp.lit host=a user=x;10 door.refused host=a user=y;20 door.opened host=a user=x",
        "",
    );
    check(
        "0 lamp.lit host=a user=x;200 door.refused host=a user=x;301 door.opened host=a user=x",
        "",
    );
}

#[test]
fn a_temporal_correlation_may_want_some_of_its_rules() {
    let two = correlation(
        "temporal",
        "refused, opened, lit",
        "  timespan: 5m\n  condition: { gte: 2 }\n",
    );
    check(&two, "0 lamp.lit;1 lamp.lit", "");
    check(&two, "0 lamp.lit;1 lamp.lit;2 door.opened", "3:C");
    let words = correlation(
        "temporal",
        "refused, opened, lit",
        "  timespan: 5m\n  condition: lit and (opened or refused)\n",
    );
    check(&words, "0 door.opened;1 door.refused", "");
    check(&words, "0 door.refused;2 lamp.lit", "2:C");
}

#[test]
fn an_ordered_correlation_wants_the_order_of_its_rules() {
    let rule = correlation(
        "temporal_ordered",
        "refused, opened, lit",
        "  timespan: 10s\n  group-by: [user]\n",
    );
    let check = |events, expected| check(&rule, events, expected);
    check("0 door.refused user=x;1 door.opened user=x;2 lamp.lit user=x", "3:C");
    check("0 door.opened user=x;1 door.refused user=x;2 lamp.lit user=x", "");
    check("0 door.refused user=x;1 door.opened user=y;2 lamp.lit user=x", "");
    // An earlier run that came too slowly does not spoil a quick one.
    check(
        "0 door.refused user=x;8 door.opened user=x;9 door.refused user=x;9.5 door.opened user=x;11 lamp.lit user=x",
        "5:C",
    );
}

#[test]
fn one_event_is_not_two_steps() {
    let rule = correlation("temporal_ordered", "refused, refused", "  timespan: 10s\n");
    check(&rule, "0 door.refused n=1", "");
    check(&rule, "0 door.refused n=1;3 door.refused n=1", "2:C");
}

#[test]
fn both_borders_of_the_span_count() {
    let count = correlation("event_count", "refused", "  timespan: 10s\n  condition: { gte: 2 }\n");
    check(&count, "0 door.refused;10 door.refused", "2:C");
    check(&count, "0 door.refused;10.000001 door.refused", "");
    let order = correlation("temporal_ordered", "refused, opened", "  timespan: 1m\n");
    check(&order, "0 door.refused;60 door.opened", "2:C");
    check(&order, "0 door.refused;60.000001 door.opened", "");
}

#[test]
fn order_is_kept_within_one_second() {
    let order = correlation("temporal_ordered", "refused, opened", "  timespan: 1m\n");
    check(&order, "7.000001 door.refused;7.000002 door.opened", "2:C");
    check(&order, "7.000001 door.opened;7.000002 door.refused", "");
    // Logs that give whole seconds do not say which was first.
    check(&order, "7 door.opened;7 door.refused", "2:C");
}

#[test]
fn late_events_count_where_they_belong() {
    let order = correlation("temporal_ordered", "refused, opened", "  timespan: 10s\n");
    check(&order, "12 door.opened;8 door.refused", "2:C");
    check(&order, "12 door.opened;1 door.refused", "");
    let count = correlation("event_count", "refused", "  timespan: 10s\n  condition: { gte: 3 }\n");
    // An hour apart, though they arrive together.
    check(&count, "3600 door.refused;3601 door.refused;0 door.refused", "");
    check(&count, "3600 door.refused;0 door.refused;3601 door.refused;3595 door.refused", "4:C");
    // Another day's log, read later, has its own bursts.
    check(
        &count,
        "3600 door.refused;3601 door.refused;3602 door.refused;0 door.refused;1 door.refused;2 door.refused",
        "3:C 6:C",
    );
}

#[test]
fn doubled_events_count_once() {
    let count = correlation("event_count", "refused", "  timespan: 10s\n  condition: { gte: 3 }\n");
    check(&count, "0 door.refused;0 door.refused;1 door.refused;1 door.refused", "");
    check(&count, "0 door.refused n=1;0 door.refused n=2;0 door.refused n=3", "3:C");
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    let rules = [
        correlation(
            "event_count",
            "refused",
            "  group-by: [user]\n  timespan: 30s\n  condition: { gte: 5 }\n",
        ),
        correlation(
            "value_count",
            "refused",
            "  group-by: [user]\n  timespan: 30s\n  condition: { field: n, gte: 4 }\n",
        ),
        correlation(
            "value_sum",
            "refused",
            "  group-by: [user]\n  timespan: 30s\n  condition: { field: n, gte: 14 }\n",
        ),
        correlation("temporal", "refused, opened, lit", "  group-by: [user]\n  timespan: 8s\n"),
        correlation(
            "temporal_ordered",
            "refused, opened, lit",
            "  group-by: [user]\n  timespan: 15s\n",
        ),
    ];
    let mut state = 1_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % below
    };
    let mut fired_at_all = 0;
    for round in 0..60 {
        let kinds = ["door.refused", "door.refused", "door.opened", "lamp.lit"];
        let mut events: Vec<(u64, String)> = (0..16)
            .map(|_| {
                let time = random(70);
                let kind = kinds[random(4) as usize];
                (time, format!("{time} {kind} user=u{} n={}", random(2), random(6)))
            })
            .collect();
        events.sort();
        let in_order: Vec<String> = events.iter().map(|(_, event)| event.clone()).collect();
        let mut shuffled = in_order.clone();
        for at in (1..shuffled.len()).rev() {
            shuffled.swap(at, random(at as u64 + 1) as usize);
        }
        for rule in &rules {
            let one = !fired(rule, &in_order).is_empty();
            let other = !fired(rule, &shuffled).is_empty();
            assert_eq!(one, other, "round {round}\n{rule}\n{in_order:#?}\n{shuffled:#?}");
            fired_at_all += usize::from(one);
        }
    }
    assert!((60..240).contains(&fired_at_all), "{fired_at_all} of 300 fired: no test of either");
}

#[test]
fn an_alias_joins_fields_of_different_names() {
    let rule = correlation(
        "temporal",
        "refused, opened",
        "  group-by: [inside, outside]\n  timespan: 10s\n  aliases:\n    inside: { refused: dst, opened: src }\n    outside: { refused: src, opened: dst }\n",
    );
    let check = |events, expected| check(&rule, events, expected);
    check("0 door.refused src=r dst=h;2 door.opened src=h dst=r", "2:C");
    check("0 door.refused src=r dst=h;2 door.opened src=r dst=h", "");
    check("0 door.refused src=r dst=h;2 door.opened src=h dst=q", "");
}

const MANY_THEN_OPENED: &str = "
title: C
correlation:
  type: temporal_ordered
  rules: [many_refused, opened]
  group-by: [user]
  timespan: 10m
---
title: Many
name: many_refused
correlation:
  type: event_count
  rules: [refused]
  group-by: [GROUP]
  timespan: 10m
  condition: { gte: 3 }
";

#[test]
fn a_chain_of_correlations() {
    let rules = MANY_THEN_OPENED.replace("GROUP", "user");
    let check = |events, expected| check(&rules, events, expected);
    check(
        "0 door.refused user=x;1 door.refused user=x;2 door.refused user=x;9 door.opened user=x",
        "4:C",
    );
    check("0 door.refused user=x;1 door.refused user=x;9 door.opened user=x", "");
    check(
        "0 door.refused user=x;1 door.refused user=x;2 door.refused user=x;9 door.opened user=y",
        "",
    );
    check(
        "0 door.opened user=x;1 door.refused user=x;2 door.refused user=x;3 door.refused user=x",
        "",
    );
    // The success was read first: its place in time counts.
    check(
        "9 door.opened user=x;0 door.refused user=x;1 door.refused user=x;2 door.refused user=x",
        "4:C",
    );
}

#[test]
fn a_chain_groups_by_its_own_fields() {
    // The count is per host; what follows is asked per user.
    let rules = MANY_THEN_OPENED.replace("GROUP", "host");
    check(
        &rules,
        "0 door.refused host=h user=x;1 door.refused host=h user=x;2 door.refused host=h user=x;9 door.opened host=k user=x",
        "4:C",
    );
    check(
        &rules,
        "0 door.refused host=h user=x;1 door.refused host=h user=x;2 door.refused host=h user=x;9 door.opened host=h user=y",
        "",
    );
}

#[test]
fn one_burst_is_told_once_and_the_next_again() {
    let rule = correlation("event_count", "refused", "  timespan: 10s\n  condition: { gte: 2 }\n");
    check(
        &rule,
        "0 door.refused;1 door.refused;2 door.refused;3 door.refused;30 door.refused;31 door.refused",
        "2:C 6:C",
    );
}

#[test]
fn memory_is_bounded_and_the_newest_counts() {
    let rule = correlation(
        "value_count",
        "refused",
        "  group-by: [user]\n  timespan: 2h\n  condition: { field: n, gte: 9990 }\n",
    );
    // Three times what a group keeps, of few values: its oldest events go, nothing fires.
    let few: Vec<String> = (0..30_000)
        .map(|n| format!("{} door.refused user=x n={} k={n}", n / 10, n % 9000))
        .collect();
    assert_eq!(fired(&rule, &few), [""; 0]);
    let many: Vec<String> =
        (0..9_991).map(|n| format!("{} door.refused user=x n={n}", n / 10)).collect();
    assert_eq!(fired(&rule, &many), ["9990:C"]);
}

#[test]
fn what_sigma_does_not_define_is_refused() {
    for (rest, what) in [
        ("  timespan: 1m\n  window: session\n  gap: 5s\n  condition: { gte: 2 }\n", "sliding"),
        ("  timespan: 1m\n  condition: refused\n", "in words"),
    ] {
        let yaml = format!("{PARTS}{}", correlation("event_count", "refused", rest));
        let (_, problems) = Rules::load(&[RuleSource::Text { name: "c.yml".into(), yaml }]);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems.iter().all(|problem| problem.what.contains(what)), "{problems:?}");
    }
    let yaml = format!(
        "{PARTS}{}",
        correlation("value_sum", "refused", "  timespan: 1m\n  condition: { gte: 2 }\n")
    );
    let (_, problems) = Rules::load(&[RuleSource::Text { name: "c.yml".into(), yaml }]);
    assert!(problems.iter().any(|problem| problem.what.contains("`field`")), "{problems:?}");
}
