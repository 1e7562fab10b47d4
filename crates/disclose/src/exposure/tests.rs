//! Every verdict, and for each the one change that turns it.

use super::*;
use crate::fixture::read;
use crate::matrix::{matrix, reasons};

/// A foothold on a web host from minute 10, with a path to the members from there.
const BASE: &str = "
    link user:ann host:web
    link host:web db:members
    link user:bob host:far
    link host:far db:cards
    holding db:members name 1000
    holding db:cards payment-card 500
    coverage db:members pgaudit:members
    foothold user:ann 10 0.9
";

fn found(fixture: &str, node: &str) -> CategoryExposure {
    let (estate, evidence, _) = read(fixture);
    let exposure = exposure(&estate, &evidence);
    let holding = exposure.holdings.into_iter().find(|h| h.node.as_str() == node).unwrap();
    holding.categories.into_values().next().unwrap()
}

/// `more` lines on top of the base give this verdict, and a reason that says this.
fn check(more: &str, node: &str, expect: (Verdict, u64, Option<u64>), says: &str) {
    let found = found(&format!("{BASE}\n{}", more.replace("; ", "\n")), node);
    let people = (found.people.at_least, found.people.at_most);
    assert_eq!((found.verdict, people), (expect.0, (expect.1, expect.2)), "{more}: {found:#?}");
    let words: Vec<&str> = found.because.iter().map(|b| b.words.as_str()).collect();
    assert!(words.iter().any(|words| words.contains(says)), "{more}: {says} not in {words:#?}");
}

const OUT: Verdict = Verdict::RuledOut;
const MAY: Verdict = Verdict::Reachable;
const READ: Verdict = Verdict::Accessed;
const TAKEN: Verdict = Verdict::Taken;

#[test]
fn paths_and_coverage_decide_what_nobody_saw() {
    let all = |verdict| (verdict, 0, Some(1000));
    let none = (OUT, 0, Some(0));
    for (more, expect, says) in [
        // A path and no log: reachable; the log for all of that time: ruled out.
        (
            "",
            all(MAY),
            "`pgaudit:members`, which would show an access to `db:members`, was never heard",
        ),
        ("heard pgaudit:members 0 60", none, "the logs that would show an access are there"),
        ("heard pgaudit:members 10 60", none, "they show none"),
        (
            "heard pgaudit:members 10 59",
            all(MAY),
            "is missing for 2026-03-01 02:59:00 to 03:00:00 UTC",
        ),
        (
            "heard pgaudit:members 10 30; heard pgaudit:members 31 60",
            all(MAY),
            "missing for 2026-03-01 02:30:00 to 02:31:00 UTC",
        ),
        ("heard pgaudit:other 0 60", all(MAY), "never heard"),
        // Two logs of one place help each other.
        (
            "coverage db:members waf; heard waf 10 30; heard pgaudit:members 25 60",
            none,
            "they show none",
        ),
        // The cut closes the path: only the time before it needs the log.
        ("cut disable-account/user:ann 30; heard pgaudit:members 10 30", none, "they show none"),
        (
            "cut disable-account/user:ann 30 40; heard pgaudit:members 10 30",
            all(MAY),
            "missing for 2026-03-01 02:40:00",
        ),
        (
            "cut disable-account/user:ann 30; heard pgaudit:members 10 29",
            all(MAY),
            "missing for 2026-03-01 02:29:00 to 02:30:00 UTC",
        ),
        ("cut isolate-host/host:web 0", none, "no path led from any foothold"),
        ("cut isolate-host/host:web 11", all(MAY), "user:ann > host:web > db:members"),
        ("cut end-sessions/user:ann 0", all(MAY), "user:ann > host:web > db:members"),
        ("cut disable-account/user:ann 0 60", none, "no path led"),
        ("cut disable-account/user:ann 0 59", all(MAY), "02:59:00 to 03:00:00 UTC"),
        // A foothold that came before the cut, one that stays whatever is cut, one that went.
        ("cut disable-account/user:ann 0", none, "no path led"),
        (
            "cut disable-account/user:ann 0; foothold user:ann 20 0.9 entrenched",
            all(MAY),
            "stood open",
        ),
        (
            "cut disable-account/user:ann 0; foothold host:web 60 0.9",
            all(MAY),
            "2026-03-01 03:00:00 UTC",
        ),
    ] {
        check(more, "db:members", expect, says);
    }
}

#[test]
fn where_no_path_led_it_is_ruled_out() {
    let none = (OUT, 0, Some(0));
    let all = |verdict| (verdict, 0, Some(500));
    for (more, expect, says) in [
        (
            "",
            none,
            "no path led from any foothold to it or a copy, 2026-03-01 02:00:00 to 03:00:00 UTC",
        ),
        ("foothold user:bob 50 0.5", all(MAY), "user:bob > host:far > db:cards"),
        ("foothold user:bob 50 0.49", none, "suspects that do not count as footholds: `user:bob`"),
        ("foothold user:bob 50 0.9 until=50", none, "no path led"),
        // What is reachable from a foothold must be known.
        (
            "foothold user:tom 20 0.9",
            (Verdict::Unknown, 0, Some(500)),
            "not known what `user:tom` can reach",
        ),
        ("foothold user:tom 20 0.3", none, "no path led"),
        ("foothold address:203.0.113.9 20 0.9", none, "no path led"),
        (
            "foothold host:web 20 0.9 unknown",
            (Verdict::Unknown, 0, Some(500)),
            "not known what `host:web` can reach",
        ),
        // A logon that no link explains, of the intruder and of others.
        (
            "logon 15 user:ann host:far",
            (Verdict::Unknown, 0, Some(500)),
            "no link of the estate explains",
        ),
        ("logon 15 user:ann host:web", none, "no path led"),
        ("logon 5 user:ann host:far", none, "no path led"),
        ("logon 15 user:bob host:web", none, "no path led"),
        // Logs for the whole window answer even then.
        (
            "logon 15 user:ann host:far; coverage db:cards hsm; heard hsm 0 60",
            none,
            "for the whole window",
        ),
        (
            "logon 15 user:ann host:far; coverage db:cards hsm; heard hsm 0 59",
            (Verdict::Unknown, 0, Some(500)),
            "missing for",
        ),
        // A link that the logs have shown is a link.
        ("seen host:web host:far", all(MAY), "host:web > host:far > db:cards"),
        ("seen host:far host:web", none, "no path led"),
        ("seen host:web host:new; seen host:new db:cards", all(MAY), "host:new > db:cards"),
        // A suspect who read it leaves no all-clear.
        (
            "foothold user:bob 0 0.3; read 20 user:bob db:cards rows=3",
            (Verdict::Unknown, 0, Some(500)),
            "is a suspect (p = 0.30)",
        ),
        ("foothold user:bob 0 0.1; read 20 user:bob db:cards rows=3", none, "no path led"),
    ] {
        check(more, "db:cards", expect, says);
    }
}

#[test]
fn accesses_by_the_intruder_are_told_as_they_were() {
    let at_most = Some(1000);
    let log = "heard pgaudit:members 0 60; ";
    for (more, (verdict, at_least), says) in [
        (
            "read 15 user:ann db:members rows=7",
            (READ, 7),
            "`user:ann` read 7 rows of `db:members` at 2026-03-01 02:15:00 UTC (audit.log record",
        ),
        ("read 15 user:ann db:members", (READ, 1), "ledger entry"),
        ("read 15 user:ann db:members rows=1", (READ, 1), "read 1 row of"),
        ("read 15 user:ann db:members rows=0", (MAY, 0), "read 0 rows"),
        ("write 15 user:ann db:members rows=2", (READ, 2), "changed 2 rows"),
        ("delete 15 user:ann db:members", (READ, 1), "deleted"),
        ("list 15 user:ann db:members", (MAY, 0), "listed"),
        ("export 15 user:ann db:members rows=40", (TAKEN, 40), "exported 40 rows"),
        ("read 15 user:ann db:members rows=5 left", (TAKEN, 5), "to an address outside the estate"),
        // The same rows may be read twice; many small reads are a bulk read.
        (
            "read 15 user:ann db:members rows=600; read 16 user:ann db:members rows=300",
            (READ, 600),
            "read 300 rows",
        ),
        (
            "read 15 user:ann db:members rows=600; read 16 user:ann db:members rows=400",
            (TAKEN, 600),
            "count as taken",
        ),
        ("read 15 user:ann db:members bytes=10000000", (TAKEN, 1), "10,000,000 bytes"),
        ("read 15 user:ann db:members rows=5000", (TAKEN, 1000), "5,000 rows"),
        // Through another actor of the same access, and through a copy of the data.
        ("read 15 app:x,user:ann db:members rows=7", (READ, 7), "`app:x` and `user:ann` read"),
        (
            "link db:replica db:members CopyOf; read 15 user:ann db:replica rows=7",
            (READ, 7),
            "`db:replica`",
        ),
    ] {
        check(&format!("{log}{more}"), "db:members", (verdict, at_least, at_most), says);
    }
    let none = (OUT, 0, Some(0));
    for (more, expect, says) in [
        // Before the account was the intruder's, by others, and refused.
        ("read 9 user:ann db:members rows=7", none, "they show none"),
        ("read 15 user:tom db:members rows=7", none, "they show none"),
        (
            "read 15 user:ann db:members failed",
            none,
            "tried to read `db:members` at 2026-03-01 02:15:00 UTC, and was refused",
        ),
        // By those through whom the intruder may have acted.
        (
            "read 15 host:web db:members rows=7",
            (MAY, 0, at_most),
            "the intruder could have come to control `host:web` by then",
        ),
        ("read 5 host:web db:members rows=7", none, "they show none"),
        ("read 15 - db:members rows=7", (MAY, 0, at_most), "the log does not say who it was"),
        ("list 15 - db:members", none, "they show none"),
    ] {
        check(&format!("{log}{more}"), "db:members", expect, says);
    }
}

#[test]
fn copies_need_logs_of_their_own() {
    let base = "
        link user:ann backup:b
        holding db:m name 10 copies=backup:b
        coverage db:m audit
        heard audit 0 60
        heard vault 0 60
        foothold user:ann 0 0.9";
    let reached = found(base, "db:m");
    assert_eq!(reached.verdict, Verdict::Reachable);
    assert!(reached.unseen[0].words.contains("no `[[coverage]]` with holding = \"backup:b\""));
    assert!(reached.coverage < 0.001);
    let covered = found(&format!("{base}\n coverage backup:b vault"), "db:m");
    assert_eq!((covered.verdict, covered.coverage), (Verdict::RuledOut, 1.0));
    let cut = found(&base.replace("link user:ann backup:b", "link user:ann db:m"), "db:m");
    assert_eq!(cut.verdict, Verdict::RuledOut, "the copy was never in reach: {cut:#?}");
}

#[test]
fn categories_people_and_records_are_kept_apart() {
    let base = "
        link user:ann host:web
        holding db:m name,contact 100 records=140
        holding db:m password 5
        foothold user:ann 0 0.9";
    let (estate, evidence, _) =
        read(&format!("{base}\n read 15 user:ann db:m rows=50 only=contact"));
    let exposure = exposure(&estate, &evidence);
    let [holding] = exposure.holdings.as_slice() else { panic!("one entry per node") };
    let verdict = |name: &str| holding.categories[name].verdict;
    assert_eq!((verdict("contact"), verdict("name")), (READ, OUT));
    // 1.4 records a person: 50 rows are about at least 36 people.
    assert_eq!(holding.categories["contact"].people.at_least, 36);
    assert_eq!(
        verdict("password"),
        READ,
        "a table that the holding does not declare tells nothing"
    );
    assert_eq!(holding.categories["password"].people, People { at_least: 5, at_most: Some(5) });
    assert_eq!(exposure.worst(), READ);
}

#[test]
fn the_json_is_the_wire_contract() {
    let (estate, evidence, _) = read(&format!("{BASE}\n read 15 user:ann db:members rows=7"));
    let exposure = exposure(&estate, &evidence);
    let json = serde_json::to_value(&exposure).unwrap();
    let members = &json["holdings"][1];
    assert_eq!(members["node"], "db:members");
    let name = &members["categories"]["name"];
    assert_eq!(name["verdict"], "accessed");
    assert_eq!(name["people"], serde_json::json!({"at_least": 7, "at_most": 1000}));
    assert_eq!(name["coverage"], 0.0);
    assert_eq!(name["because"][0]["entry"], 9);
    assert_eq!(json["holdings"][0]["categories"]["payment-card"]["verdict"], "ruled out");
    let back: Exposure = serde_json::from_value(json).unwrap();
    assert_eq!(back, exposure);
}

#[test]
fn the_matrix_is_words() {
    let (estate, evidence, _) = read(&format!("{BASE}\n read 15 user:ann db:members rows=7"));
    let exposure = exposure(&estate, &evidence);
    assert_eq!(
        matrix(&exposure),
        "holding     people  coverage  name       payment-card\n\
         db:cards       500    no log  -          ruled out\n\
         db:members   1,000       0 %  accessed   -\n"
    );
    let reasons = reasons(&exposure);
    assert!(
        reasons
            .contains("db:members: name accessed, between 7 and 1,000 people\n  - `user:ann` read"),
        "{reasons}"
    );
    assert!(
        reasons.contains("db:cards: payment-card ruled out, nobody concerned\n  - no path led"),
        "{reasons}"
    );
}

#[test]
fn the_same_evidence_in_another_order_says_the_same() {
    let (estate, mut evidence, _) = read(&format!(
        "{BASE}\n read 15 user:ann db:members rows=7\n read 12 user:ann db:members rows=9\n foothold host:web 12 0.8\n cut disable-account/user:ann 30\n cut isolate-host/host:web 31"
    ));
    let one = exposure(&estate, &evidence);
    evidence.accesses.reverse();
    evidence.footholds.reverse();
    evidence.withdrawals.reverse();
    assert_eq!(exposure(&estate, &evidence), one);
}
