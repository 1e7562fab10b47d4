//! Claims against evidence: each verdict, what it names, and the change that turns it.

use super::*;
use crate::exposure::exposure;
use crate::fixture::read;
use crate::published::{Published, recheck};

/// Members read, payroll without its log, cards out of reach, wills covered by a whole log.
const BASE: &str = "
    link user:ann host:web
    link host:web db:members
    link host:web db:payroll
    link host:web db:wills
    link user:bob db:cards
    holding db:members name,contact 6500000
    holding db:payroll salary 60000
    holding db:cards payment-card 900000
    holding db:wills documents 12000
    coverage db:members pgaudit:members
    coverage db:payroll pgaudit:payroll
    coverage db:wills share-audit
    heard pgaudit:members 0 60
    heard share-audit 0 60
    foothold user:ann 10 0.9
    read 20 user:ann db:members rows=40
    service tills trading 58
    service web stopped 58
    service call-centre degraded 40
    service funerals unseen
    service payroll unknown 59
";

fn report(more: &str, notice: &str) -> NoticeReport {
    let (estate, evidence, services) = read(&format!("{BASE}\n{}", more.replace("; ", "\n")));
    check_notice(&estate, &exposure(&estate, &evidence), &services, notice, "letter.md")
}

fn plain(notice: &str) -> NoticeReport {
    report("", notice)
}

fn check(more: &str, words: &str, claim: &str, expect: ClaimVerdict, says: &str) {
    let report = report(more, &format!("Dear all,\n\n[{words}](claim:{claim}).\n"));
    let [found] = report.claims.as_slice() else { panic!("one claim: {report:#?}") };
    assert_eq!(found.verdict, expect, "{words} ({more}): {found:#?}");
    assert_eq!((found.text.as_str(), found.line), (words, 3));
    let told: Vec<&str> = found.because.iter().map(|b| b.words.as_str()).collect();
    assert!(told.iter().any(|t| t.contains(says)), "{words}: {says} not in {told:#?}");
}

const YES: ClaimVerdict = ClaimVerdict::Supported;
const NO: ClaimVerdict = ClaimVerdict::Contradicted;
const UNPROVEN: ClaimVerdict = ClaimVerdict::Unsupported;

#[test]
fn claims_about_data_are_judged() {
    let log = "pgaudit:payroll";
    for (more, words, claim, expect, says) in [
        // The three sentences of the same words about three holdings.
        (
            "",
            "no customer data has been compromised",
            "exposure?holding=db:members&at-most=ruled-out",
            NO,
            "`user:ann` read 40 rows of `db:members`",
        ),
        (
            "",
            "no customer data has been compromised",
            "exposure?holding=db:payroll&at-most=ruled-out",
            UNPROVEN,
            log,
        ),
        (
            "",
            "no customer data has been compromised",
            "exposure?holding=db:cards&at-most=ruled-out",
            YES,
            "no path led",
        ),
        // A path without a log proves no weaker sentence either.
        (
            "",
            "no pay data was read",
            "exposure?holding=db:payroll&at-most=reachable",
            UNPROVEN,
            log,
        ),
        (
            "heard pgaudit:payroll 0 60",
            "no pay data was read",
            "exposure?holding=db:payroll&at-most=reachable",
            YES,
            "ruled out",
        ),
        (
            "",
            "no wills were read",
            "exposure?category=documents&at-most=reachable",
            YES,
            "they show none",
        ),
        ("", "nothing was taken", "exposure?holding=db:members&at-most=accessed", YES, "accessed"),
        (
            "read 21 user:ann db:members rows=2000",
            "nothing was taken",
            "exposure?holding=db:members&at-most=accessed",
            NO,
            "2,000 rows",
        ),
        ("", "nothing was taken", "exposure?at-most=accessed", UNPROVEN, log),
        ("", "no personal data was read", "exposure?category=all&at-most=reachable", NO, "40 rows"),
    ] {
        check(more, words, claim, expect, says);
    }
}

#[test]
fn claims_of_no_sign_are_worth_as_much_as_the_logs() {
    for (more, words, claim, expect, says) in [
        (
            "",
            "we have seen no sign that pay data was read",
            "exposure?holding=db:payroll&seen-at-most=reachable",
            UNPROVEN,
            "no log was heard",
        ),
        (
            "heard pgaudit:payroll 0 30",
            "we have seen no sign that pay data was read",
            "exposure?holding=db:payroll&seen-at-most=reachable",
            YES,
            "cover 50 % of the window",
        ),
        (
            "",
            "we have seen no sign that names were read",
            "exposure?category=name&seen-at-most=reachable",
            NO,
            "40 rows",
        ),
    ] {
        check(more, words, claim, expect, says);
    }
}

#[test]
fn claims_of_what_did_happen_are_judged() {
    let log = "pgaudit:payroll";
    for (more, words, claim, expect, says) in [
        ("", "names were read", "exposure?category=name&at-least=accessed", YES, "40 rows"),
        ("", "names were taken", "exposure?category=name&at-least=taken", NO, "accessed"),
        (
            "",
            "pay data may have been read",
            "exposure?category=salary&at-least=reachable",
            YES,
            "stood open",
        ),
        ("", "pay data was read", "exposure?category=salary&at-least=accessed", UNPROVEN, log),
        (
            "",
            "card data was read",
            "exposure?category=payment-card&at-least=accessed",
            NO,
            "no path led",
        ),
        (
            "foothold user:new 20 0.9",
            "we do not know yet about cards",
            "exposure?category=payment-card&verdict=unknown",
            YES,
            "user:new",
        ),
        (
            "",
            "we do not know yet about names",
            "exposure?category=name&verdict=unknown",
            NO,
            "40 rows",
        ),
        (
            "foothold user:new 20 0.9",
            "no card was touched",
            "exposure?category=payment-card&at-most=ruled-out",
            UNPROVEN,
            "no log is declared",
        ),
    ] {
        check(more, words, claim, expect, says);
    }
}

#[test]
fn claims_of_numbers_are_judged() {
    for (more, words, claim, expect, says) in [
        (
            "",
            "at least 40 members",
            "exposure?holding=db:members&people-at-least=40",
            YES,
            "at least 40 people",
        ),
        (
            "",
            "at least 41 members",
            "exposure?holding=db:members&people-at-least=41",
            UNPROVEN,
            "at least 40 people",
        ),
        (
            "",
            "at least 7 million members",
            "exposure?holding=db:members&people-at-least=7000000",
            NO,
            "at most 6,500,000",
        ),
        (
            "",
            "up to 6,500,000 members",
            "exposure?holding=db:members&people-at-most=6500000",
            YES,
            "at most 6,500,000",
        ),
        (
            "",
            "up to 20,000 members",
            "exposure?holding=db:members&people-at-most=20000",
            UNPROVEN,
            "at most 6,500,000",
        ),
        (
            "",
            "fewer than 40 members",
            "exposure?holding=db:members&people-at-most=39",
            NO,
            "at least 40",
        ),
        ("", "up to 6,560,000 people", "exposure?people-at-most=6560000", YES, "at most 6,560,000"),
    ] {
        check(more, words, claim, expect, says);
    }
}

#[test]
fn claims_about_services_are_judged() {
    for (words, claim, expect, says) in [
        (
            "tills are trading",
            "services?id=tills&state=trading",
            YES,
            "last looked at 2 min before",
        ),
        ("the web shop is open", "services?id=web&state=trading", NO, "`web` is stopped"),
        ("the web shop is closed", "services?id=web&state=stopped", YES, "`web` is stopped"),
        (
            "the call centre is slow",
            "services?id=call-centre&state=degraded",
            UNPROVEN,
            "20 min ago, which is too old",
        ),
        (
            "funerals go on as usual",
            "services?id=funerals&state=trading",
            UNPROVEN,
            "nobody has looked",
        ),
        ("payroll is working", "services?id=payroll&state=trading", UNPROVEN, "unknown state"),
        ("everything is working", "services?id=all&state=trading", NO, "`web` is stopped"),
        (
            "tills and funerals are open",
            "services?id=tills,funerals&state=trading",
            UNPROVEN,
            "`funerals`",
        ),
    ] {
        check("", words, claim, expect, says);
    }
}

#[test]
fn faults_of_claims_are_told_with_their_line() {
    for (notice, line, what) in [
        ("Hello.\n\n[all is well](claim:weather?at-most=rain)\n", 3, "`weather` is not a kind"),
        (
            "[no cards](claim:exposure?category=cards&at-most=ruled-out)",
            1,
            "declared with the category `cards`",
        ),
        ("[no names](claim:exposure?holding=db:x&at-most=ruled-out)", 1, "no holding `db:x`"),
        (
            "[no names](claim:exposure?holding=db:cards&category=name&at-most=ruled-out)",
            1,
            "none of the named holdings",
        ),
        ("[shops trade](claim:services?id=shops&state=trading)", 1, "no service `shops`"),
        (
            "[no names were taken](claim:exposure?category=payment-card&at-most=ruled-out)",
            1,
            "the words speak of name",
        ),
        ("a\n[no names](claim:exposure? category=name)\n", 1, "not read as a link"),
        ("[](claim:exposure?category=name&at-most=ruled-out)", 1, "no words"),
    ] {
        let report = report("", notice);
        let found = report.problems.iter().find(|p| p.what.contains(what));
        let found = found.unwrap_or_else(|| panic!("{what} not in {:#?}", report.problems));
        assert_eq!((found.line, found.file.as_str()), (line, "letter.md"), "{notice}");
        assert!(!found.remedy.is_empty());
        assert!(!report.is_sound());
    }
}

#[test]
fn unmarked_sentences_come_with_a_marked_form() {
    for (sentence, suggestion) in [
        (
            "No card details were taken.",
            "[No card details were taken](claim:exposure?category=payment-card&at-most=ruled-out)",
        ),
        (
            "We have no evidence that salaries were read.",
            "[We have no evidence that salaries were read](claim:exposure?category=salary&seen-at-most=reachable)",
        ),
        ("Names were stolen.", "[Names were stolen](claim:exposure?category=name&at-least=taken)"),
        (
            "Some data may have been read.",
            "[Some data may have been read](claim:exposure?category=all&at-least=reachable)",
        ),
        (
            "About 20,000 members were affected.",
            "[About 20,000 members were affected](claim:exposure?category=all&people-at-most=20000)",
        ),
        (
            "All tills are working.",
            "[All tills are working](claim:services?id=tills&state=trading)",
        ),
        (
            "The call centre is closed.",
            "[The call centre is closed](claim:services?id=call-centre&state=stopped)",
        ),
        ("All shops are open.", "[All shops are open](claim:services?id=all&state=trading)"),
    ] {
        let report = plain(&format!("# News\n\nThank you.\n{sentence}\n"));
        let [found] = report.unmarked.as_slice() else { panic!("{sentence}: {report:#?}") };
        assert_eq!((found.text.as_str(), found.line), (sentence, 4));
        assert_eq!(found.suggestion, suggestion);
        let marked = plain(&found.suggestion);
        assert_eq!((marked.claims.len(), marked.unmarked.len()), (1, 0), "{suggestion}");
        assert!(marked.problems.is_empty(), "{suggestion}: {:?}", marked.problems);
    }
}

#[test]
fn a_sound_notice_is_sound() {
    let notice = "# To our members\n\nDear member,\n\n[No card data was read](claim:exposure?category=payment-card&at-most=reachable), and\n[the tills are trading](claim:services?id=tills&state=trading). We are sorry.\n";
    let report = report("", notice);
    assert!(report.is_sound(), "{report:#?}");
    let kept = report.for_ledger();
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0].claim, "claim:exposure?category=payment-card&at-most=reachable");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["claims"][0]["verdict"], "supported");
    assert_eq!(json["claims"][0]["kind"], "exposure");
    assert_eq!(json["unmarked"], serde_json::json!([]));
}

#[test]
fn a_published_notice_raises_an_alarm_when_evidence_turns() {
    let text = "[No card data was read](claim:exposure?category=payment-card&at-most=reachable). [Names were read](claim:exposure?category=name&at-least=accessed).";
    let published = Published { text: text.to_owned(), report: report("", text) };
    let again = |more: &str| {
        let (estate, evidence, services) = read(&format!("{BASE}\n{}", more.replace("; ", "\n")));
        recheck(&estate, &published, &exposure(&estate, &evidence), &services)
    };
    assert_eq!(again(""), []);
    let alarms = again("foothold user:bob 30 0.9");
    assert_eq!((alarms[0].was, alarms[0].now), (YES, UNPROVEN));
    let alarms = again("foothold user:bob 30 0.9; read 31 user:bob db:cards rows=3");
    let [alarm] = alarms.as_slice() else { panic!("{alarms:#?}") };
    assert_eq!((alarm.text.as_str(), alarm.now), ("No card data was read", NO));
    assert!(alarm.because.iter().any(|b| b.words.contains("`user:bob` read 3 rows")));
}

#[test]
fn taking_one_coverage_line_out_turns_a_claim() {
    let claim = "[no wills were read](claim:exposure?category=documents&at-most=reachable)";
    let with = report("", claim);
    assert_eq!(with.claims[0].verdict, YES);
    let base = BASE.replace("coverage db:wills share-audit\n", "\n");
    let (estate, evidence, services) = read(&base);
    let without = check_notice(&estate, &exposure(&estate, &evidence), &services, claim, "l.md");
    assert_eq!(without.claims[0].verdict, UNPROVEN);
    let told = &without.claims[0].because[1].words;
    assert!(told.contains("no `[[coverage]]` with holding = \"db:wills\""), "{told}");
}

#[test]
fn odd_texts_are_read_without_loss() {
    for text in [
        "",
        "\u{feff}[",
        "[x](claim:)",
        "[x](claim:exposure?%zz=%)",
        "[a [b](claim:exposure?at-most=reachable) c](claim:services?state=trading)",
        "| a | [b](claim:services?id=tills&state=trading) |\n|---|---|\n| c |",
        "\u{202e}é\u{301} … \u{2014} 🙂. 1.2.3.4 ...",
        "[x]: claim:services?id=tills&state=trading\n\n[x] and [y][x]",
        "<claim:services?id=tills&state=trading>",
    ] {
        let report = report("", text);
        assert!(report.claims.iter().all(|claim| claim.line >= 1), "{text}");
    }
    let referenced = report("", "[tills trade][x]\n\n[x]: claim:services?id=tills&state=trading\n");
    assert_eq!(referenced.claims[0].verdict, YES);
}
