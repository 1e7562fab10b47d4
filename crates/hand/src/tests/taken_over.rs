//! The process that reads logs has been taken over: whatever it says, nothing happens that the
//! authority forbids.

use std::io::Write as _;

use cordon_authority::{Caps, People, Policies, SecretKey, Terms, sign};
use cordon_model::Timestamp;
use cordon_model::person::Person;
use cordon_model::record::{Decision, Verdict};

use super::*;

/// Says something that must change nothing, and names the words of the refusal.
fn is_held_back(hand: &mut Running, what: &str, ask: Ask, words: &str) {
    let before = hand.range.state();
    let said = match hand.ask(ask) {
        Answer::Refused { because } => because,
        Answer::Reply(Reply::Trouble(trouble)) => trouble.why,
        other => panic!("{what}: {other:?}"),
    };
    assert!(said.contains(words), "{what}: {said}");
    assert_eq!(before.differences(&hand.range.state()), [], "{what}");
}

fn order_of(estate: &Estate, withdrawal: &str) -> Order {
    let index = estate.find_withdrawal(withdrawal).unwrap();
    let known = estate.withdrawal(index);
    Order {
        withdrawal: known.id.clone(),
        kind: known.kind.to_string(),
        mode: known.mode,
        targets: known.removes.iter().map(|&node| estate.id(node).clone()).collect(),
        connector: known.connector.as_deref().map(str::to_owned),
        enforcer: None,
        order: 1,
        lift_order: 1,
        ttl_seconds: 3600,
        services: Vec::new(),
        note: String::new(),
    }
}

fn call(act: Act, order: &Order, prior: Vec<Observed>) -> Ask {
    let targets = order.targets.clone();
    Ask::Call(Box::new(Call { act, order: order.clone(), targets, prior, attempt: 1 }))
}

#[test]
fn nothing_happens_without_a_warrant() {
    let folder = tempfile::tempdir().unwrap();
    let mut hand = Running::start(folder.path(), Authority::of_the_range().unwrap());
    let estate = estate();
    let order = order_of(&estate, "disable-account/user:helpdesk-04");
    let seen = hand.look(&order);
    is_held_back(&mut hand, "no warrant", call(Act::Refuse, &order, seen.clone()), "no warrant");
    is_held_back(
        &mut hand,
        "a lift of nothing",
        call(Act::Restore, &order, seen.clone()),
        "never found",
    );
    let stranger = Order { targets: vec![node("user:nobody-at-all")], ..order.clone() };
    is_held_back(&mut hand, "a stranger", call(Act::Look, &stranger, Vec::new()), "no node");
    let none = Order { targets: Vec::new(), ..order };
    is_held_back(&mut hand, "no targets", call(Act::Refuse, &none, Vec::new()), "targets");
    hand.stop();
}

#[test]
fn a_warrant_must_be_the_plan_that_the_checker_accepts() {
    let folder = tempfile::tempdir().unwrap();
    let mut hand = Running::start(folder.path(), Authority::of_the_range().unwrap());
    let estate = estate();
    let good = warrant(&estate, &plan(&estate, "user:helpdesk-04"));
    let try_it = |hand: &mut Running, what: &str, words: &str, change: &dyn Fn(&mut Warrant)| {
        let mut warrant = good.clone();
        change(&mut warrant);
        is_held_back(hand, what, Ask::Warrant(Box::new(warrant)), words);
    };
    try_it(&mut hand, "another hash", "not the one", &|w| w.raise.choice.sha256 = "00".to_owned());
    try_it(&mut hand, "a cheaper plan", "checker", &|w| {
        w.document.alternatives[1].withdrawals.clear();
        w.raise.choice.sha256 = hash_of(&w.document).unwrap();
    });
    try_it(&mut hand, "another target", "not what the plan says", &|w| {
        w.raise.orders[0].targets = vec![node("user:helpdesk-05")];
    });
    try_it(&mut hand, "another connector", "not what the plan says", &|w| {
        w.raise.orders[0].connector = Some("firewall".to_owned());
    });
    try_it(&mut hand, "one more order", "not what the plan says", &|w| {
        w.raise.orders.push(order_of(&estate, "block-flow/flow:tills>acquirer-a"));
    });
    try_it(&mut hand, "nothing", "nothing to raise", &|w| w.raise.orders.clear());
    hand.stop();
}

/// Two people must approve everything, by keys that the hand knows.
fn strict(people: &[(&str, &SecretKey)]) -> Authority {
    let policy = r#"@id("two") @because("two people approve everything")
        permit (principal, action == Action::"raise", resource) when { context.approvals.people >= 2 };
        @id("approvers") @because("everybody may approve")
        permit (principal, action == Action::"approve", resource);"#;
    let person = |(name, key): &(&str, &SecretKey)| Person {
        name: (*name).to_owned(),
        roles: ["on-call".to_owned()].into(),
        key: Some(key.public_hex()),
        nodes: [].into(),
    };
    let people = People::Listed(people.iter().map(person).collect());
    let terms = Terms { armed: true, people, caps: Caps::default(), ..Terms::default() };
    Authority::new(Policies::read("authority.cedar", policy).unwrap(), terms).unwrap()
}

fn approval(warrant: &Warrant, name: &str, key: Option<&SecretKey>) -> Decision {
    let mut decision = Decision {
        choice: warrant.raise.choice.clone(),
        verdict: Verdict::Approved,
        by: By::Person(name.to_owned()),
        because: String::new(),
        until: Some(Timestamp::now() + jiff::SignedDuration::from_mins(10)),
        signature: None,
    };
    decision.signature = key.map(|key| sign(key, &decision).unwrap());
    decision
}

#[test]
fn approvals_cannot_be_forged() {
    let (ann, bob) = (SecretKey::from_seed(&[1; 32]), SecretKey::from_seed(&[2; 32]));
    let people = [("ann", &ann), ("bob", &bob)];
    let folder = tempfile::tempdir().unwrap();
    let mut hand = Running::start(folder.path(), strict(&people));
    let estate = estate();
    let good = warrant(&estate, &plan(&estate, "user:helpdesk-04"));
    let with =
        |decisions: Vec<Decision>| Ask::Warrant(Box::new(Warrant { decisions, ..good.clone() }));
    let of_ann = approval(&good, "ann", Some(&ann));
    let mut moved = of_ann.clone();
    moved.by = By::Person("bob".to_owned());
    let mut other = good.clone();
    other.raise.choice.alternative = AlternativeName::Strict;
    let mut elsewhere = approval(&other, "bob", Some(&bob));
    elsewhere.choice = good.raise.choice.clone();
    let mut longer = approval(&good, "bob", Some(&bob));
    longer.until = longer.until.map(|until| until + jiff::SignedDuration::from_hours(9));
    for (what, second) in [
        ("nobody", None),
        ("no signature", Some(approval(&good, "bob", None))),
        ("the first one's signature", Some(moved)),
        ("the wrong key", Some(approval(&good, "bob", Some(&ann)))),
        ("somebody unknown", Some(approval(&good, "eve", Some(&bob)))),
        ("for another alternative", Some(elsewhere)),
        ("made to last", Some(longer)),
        ("the same person twice", Some(of_ann.clone())),
    ] {
        let decisions = [Some(of_ann.clone()), second].into_iter().flatten().collect();
        is_held_back(&mut hand, what, with(decisions), "1 more");
    }
    let both = vec![of_ann, approval(&good, "bob", Some(&bob))];
    let accepted = hand.ask(with(both));
    assert!(matches!(accepted, Answer::Accepted { .. }), "{accepted:?}");
    hand.stop();
}

#[test]
fn a_warrant_is_to_the_letter_and_gives_back_only_what_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut hand = Running::start(folder.path(), Authority::of_the_range().unwrap());
    let estate = estate();
    let good = warrant(&estate, &plan(&estate, "user:helpdesk-04"));
    hand.ask(Ask::Warrant(Box::new(good.clone())));
    let order = refusal(&good);
    let seen = hand.look(&order);
    let dearer = Order { ttl_seconds: 999_999, ..order.clone() };
    is_held_back(&mut hand, "a longer life", call(Act::Refuse, &dearer, seen.clone()), "differs");
    is_held_back(&mut hand, "the other mode", call(Act::End, &order, seen.clone()), "differs");
    is_held_back(
        &mut hand,
        "no prior state",
        call(Act::Refuse, &order, Vec::new()),
        "found before",
    );
    let mut wrong = seen.clone();
    wrong[0].state = Json::from("anything");
    is_held_back(
        &mut hand,
        "an invented state",
        call(Act::Refuse, &order, wrong.clone()),
        "no longer",
    );
    assert!(done(&hand.call(Act::Refuse, &order, &seen, 1)));
    is_held_back(&mut hand, "an invented gift", call(Act::Restore, &order, wrong), "never found");
    let other = order_of(&estate, "disable-account/user:helpdesk-05");
    let theirs = hand.look(&other);
    is_held_back(&mut hand, "somebody else's", call(Act::Restore, &other, theirs), "never found");
    let renew = cordon_model::record::Renew {
        withdrawals: vec![order.withdrawal.clone()],
        until: Timestamp::now() + jiff::SignedDuration::from_hours(99),
        by: By::Cordon,
        because: String::new(),
    };
    is_held_back(&mut hand, "for ever", Ask::Renew(renew), "at most");
    hand.stop();
}

#[test]
fn caps_count_attempts_and_outlive_a_restart() {
    let capped = || {
        let range = Authority::of_the_range().unwrap();
        let caps = Caps { kinds: [("disable-account".to_owned(), 2)].into(), ..Caps::default() };
        let policy = r#"@id("all") @because("all") permit (principal, action, resource);"#;
        let terms = Terms { caps, ..range.terms().clone() };
        Authority::new(Policies::read("authority.cedar", policy).unwrap(), terms).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let estate = estate();
    let good = warrant(&estate, &plan(&estate, "user:helpdesk-04"));
    let order = refusal(&good);
    let mut hand = Running::start(folder.path(), capped());
    hand.ask(Ask::Warrant(Box::new(good)));
    let seen = hand.look(&order);
    for attempt in 1..=2 {
        assert!(done(&hand.call(Act::Refuse, &order, &seen, attempt)));
        hand.range.reopen(&order.targets[0]);
    }
    is_held_back(&mut hand, "a third try", call(Act::Refuse, &order, seen.clone()), "cap of 2");
    hand.stop();
    let mut hand = Running::start(folder.path(), capped());
    is_held_back(&mut hand, "after a restart", call(Act::Refuse, &order, seen), "cap of 2");
    hand.stop();
}

#[test]
fn nonsense_ends_the_stream_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut hand = Running::start(folder.path(), Authority::of_the_range().unwrap());
    let before = hand.range.state();
    let (mut mine, theirs) = UnixStream::pair().unwrap();
    let feed = hand.feed.clone();
    let serving = thread::spawn(move || {
        let out = theirs.try_clone().unwrap();
        feed.serve(2, theirs, Box::new(out));
    });
    mine.write_all(b"{\"id\":1,\"body\":{\"ask\":\"everything\"}}\n").unwrap();
    serving.join().unwrap();
    assert_eq!(before.differences(&hand.range.state()), []);
    let order = order_of(&estate(), "disable-account/user:helpdesk-04");
    assert_eq!(hand.look(&order).len(), 1);
    hand.stop();
}
