//! Signed approvals: whose count, whose do not, and what no change of them survives.

use cordon_model::record::{Decision as Decided, PlanChoice, Verdict};
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::{SecretKey, SignatureError, sign, signed_text, verify};

fn now() -> Timestamp {
    "2026-03-02T02:13:00Z".parse().unwrap()
}

fn choice() -> PlanChoice {
    PlanChoice {
        plan: "p3".into(),
        sha256: "9f".repeat(32),
        alternative: AlternativeName::Balanced,
    }
}

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn said(name: &str, verdict: Verdict, seed: u8) -> Decided {
    let mut decision = Decided {
        choice: choice(),
        verdict,
        by: By::Person(name.to_owned()),
        because: String::new(),
        until: Some(now() + SignedDuration::from_mins(10)),
        signature: None,
    };
    decision.signature = Some(sign(&key(seed), &decision).unwrap());
    decision
}

#[test]
fn the_signed_text_is_as_documented() {
    let text = signed_text(&said("ann", Verdict::Approved, 7)).unwrap();
    let expected = format!(
        "cordon decision, form 1\nplan: p3\nsha256: {}\nalternative: balanced\n\
         verdict: approved\nperson: ann\nuntil: 2026-03-02T02:23:00Z\n",
        "9f".repeat(32)
    );
    assert_eq!(text, expected);
    let documented =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/authority.md"));
    let first = expected.lines().next().unwrap();
    assert!(documented.unwrap().contains(first));
}

#[test]
fn no_changed_decision_keeps_its_signature() {
    let ann = person("ann", &[], &[]);
    let good = said("ann", Verdict::Approved, 7);
    assert_eq!(verify(&ann, &good), Ok(()));
    let wrong = Err(SignatureError::Wrong("ann".to_owned()));
    let change = |change: &dyn Fn(&mut Decided)| {
        let mut decision = good.clone();
        change(&mut decision);
        verify(&ann, &decision)
    };
    assert_eq!(change(&|d| d.choice.plan = "p4".into()), wrong);
    assert_eq!(change(&|d| d.choice.sha256 = "9e".repeat(32)), wrong);
    assert_eq!(change(&|d| d.choice.alternative = AlternativeName::Strict), wrong);
    assert_eq!(change(&|d| d.verdict = Verdict::Declined), wrong);
    assert_eq!(change(&|d| d.until = None), wrong);
    assert_eq!(change(&|d| d.until = Some(now())), wrong);
    assert_eq!(change(&|d| d.by = By::Person("bob".to_owned())), wrong);
    assert_eq!(change(&|d| d.by = By::Cordon), wrong);
    assert_eq!(change(&|d| d.signature = Some("00".repeat(64))), wrong);
    assert_eq!(change(&|d| d.signature = Some("x".to_owned())), wrong);
    assert_eq!(change(&|d| d.signature = None), Err(SignatureError::Unsigned));
    // The reason is not signed, so that it can be mended.
    assert_eq!(change(&|d| d.because = "tired".to_owned()), Ok(()));
    let signature = good.signature.clone().unwrap();
    for at in 0..signature.len() {
        let digit = if &signature[at..=at] == "0" { "1" } else { "0" };
        let flipped = format!("{}{digit}{}", &signature[..at], &signature[at + 1..]);
        assert_eq!(change(&|d| d.signature = Some(flipped.clone())), wrong, "digit {at}");
    }
    let other = Person { key: Some(key(8).public_hex()), ..ann.clone() };
    assert_eq!(verify(&other, &good), wrong);
    let keyless = Person { key: None, ..ann };
    assert_eq!(verify(&keyless, &good), Err(SignatureError::NoKey("ann".to_owned())));
    let mut split = said("ann", Verdict::Approved, 7);
    split.by = By::Person("ann\nuntil: none".to_owned());
    assert_eq!(signed_text(&split), Err(SignatureError::ControlCharacter));
}

#[test]
fn keys_survive_their_files_and_show_nothing() {
    let secret = key(7);
    let read = SecretKey::from_hex(&format!("{}\n", secret.to_hex())).unwrap();
    assert_eq!(read.public_hex(), secret.public_hex());
    assert_eq!(format!("{read:?}"), "SecretKey(..)");
    assert!(SecretKey::from_hex("0g").is_err());
}

#[test]
fn approvals_are_bound_to_plan_person_and_time_and_a_no_wins() {
    let authority = Authority::observe_only(terms()).unwrap();
    let told = |decisions: &[Decided], now: Timestamp| {
        let found = authority.approvers(&choice(), decisions, now);
        let counted: Vec<String> = found.counted.into_iter().collect();
        match found.no {
            Some(by) => format!("no by {by}"),
            None => format!("{} of {}", counted.join(","), counted.len() + found.uncounted.len()),
        }
    };
    let approved = |name: &str| said(name, Verdict::Approved, 7);
    let declined = said("bob", Verdict::Declined, 7);
    let mut of_another_plan = approved("ann");
    of_another_plan.choice.sha256 = "00".repeat(32);
    let mut of_another_alternative = approved("ann");
    of_another_alternative.choice.alternative = AlternativeName::Now;
    let mut unsigned = approved("ann");
    unsigned.signature = None;
    let mut endless = approved("ann");
    endless.until = None;
    endless.signature = Some(sign(&key(7), &endless).unwrap());
    let cordons = Decided { by: By::Cordon, ..approved("ann") };
    let unsigned_no = Decided { signature: None, ..declined.clone() };
    for (decisions, expected) in [
        (vec![], " of 0"),
        (vec![approved("ann")], "ann of 1"),
        (vec![approved("ann"), approved("ann")], "ann of 1"),
        (vec![approved("ann"), approved("bob")], "ann,bob of 2"),
        (vec![of_another_plan], " of 0"),
        (vec![of_another_alternative], " of 0"),
        (vec![unsigned], " of 1"),
        (vec![endless], " of 1"),
        (vec![cordons], " of 1"),
        (vec![approved("dora")], " of 1"),
        (vec![said("ann", Verdict::Approved, 8)], " of 1"),
        (vec![approved("ann"), declined.clone()], "no by bob"),
        (vec![approved("ann"), unsigned_no], "no by bob"),
        (vec![declined, approved("bob")], "bob of 1"),
        (vec![said("ann", Verdict::Expired, 7)], "no by ann"),
    ] {
        assert_eq!(told(&decisions, now()), expected, "{decisions:?}");
    }
    let later = now() + SignedDuration::from_mins(10);
    assert_eq!(told(&[approved("ann")], later), " of 1", "an approval that has lapsed");
    let range = Authority::of_the_range().unwrap();
    let plain = Decided { signature: None, until: None, ..approved("anybody") };
    assert_eq!(range.approvers(&choice(), [&plain], now()).counted.len(), 1);
}
