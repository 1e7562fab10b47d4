//! Which clocks run, and when they ring.

use super::*;
use crate::exposure::exposure;
use crate::fixture::read;

const BASE: &str = "
    link user:ann db:members
    link user:bob db:cards
    holding db:members name 100
    holding db:cards payment-card 100
";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn duties_follow_from_the_exposure_and_count_from_awareness() {
    let aware = at("2026-03-05T22:30:00Z"); // a Thursday
    let due = |foothold: &str, nis2: bool, done: &[Done]| -> Vec<(Duty, String)> {
        let (estate, evidence, _) = read(&format!("{BASE}\n{foothold}"));
        let clocks = clocks(aware, &exposure(&estate, &evidence), nis2, done);
        clocks.into_iter().map(|clock| (clock.duty, clock.due.to_string())).collect()
    };
    let day = |text: &str| text.to_owned();
    assert_eq!(due("", false, &[]), []);
    assert_eq!(
        due("foothold user:ann 10 0.9", false, &[]),
        [(Duty::Gdpr, day("2026-03-08T22:30:00Z"))]
    );
    assert_eq!(
        due("foothold user:bob 10 0.9", false, &[]),
        [
            (Duty::Mastercard, day("2026-03-05T22:30:00Z")),
            (Duty::Gdpr, day("2026-03-08T22:30:00Z")),
            (Duty::Visa, day("2026-03-08T22:30:00Z")),
            (Duty::CardReport, day("2026-03-08T22:30:00Z")),
            (Duty::CardsAtRisk, day("2026-03-19T22:30:00Z")),
        ]
    );
    let told = Done { duty: Duty::Nis2Notification, at: at("2026-03-07T10:00:00Z") };
    assert_eq!(
        due("", true, &[told]),
        [
            (Duty::Nis2Warning, day("2026-03-06T22:30:00Z")),
            (Duty::Nis2Notification, day("2026-03-08T22:30:00Z")),
            (Duty::Nis2Final, day("2026-04-07T10:00:00Z")),
        ]
    );
}

#[test]
fn the_table_says_what_is_left_done_and_overdue() {
    let aware = at("2026-03-05T22:30:00Z");
    let (estate, evidence, _) = read(&format!("{BASE}\nfoothold user:ann 10 0.9"));
    let done = [Done { duty: Duty::Nis2Warning, at: at("2026-03-06T00:00:00Z") }];
    let clocks = clocks(aware, &exposure(&estate, &evidence), true, &done);
    assert_eq!(clocks[1].because, "name of `db:members` is reachable");
    let table = clock_table(&clocks, at("2026-03-08T23:00:00Z"));
    let states: Vec<&str> = table.lines().filter_map(|line| line.split("  ").nth(1)).collect();
    assert_eq!(
        states,
        [
            "done 2026-03-06 00:00:00 UTC",
            "OVERDUE by 30 min",
            "OVERDUE by 30 min",
            "30 d 23 h left"
        ]
    );
}
