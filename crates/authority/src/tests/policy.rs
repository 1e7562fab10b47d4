//! What policies decide, and what approval they would take.

use cordon_model::WithdrawalIx;

use super::*;

const SAMPLE: &str = include_str!("../../../../estates/retailer/authority.cedar");

#[test]
fn the_sample_policy_means_what_it_says() {
    let authority = authority(SAMPLE);
    for (ids, expected) in [
        (&["disable-account/user:bob"][..], "yes"),
        (&["disable-account/user:bob", "end-sessions/user:bob"], "yes"),
        (&["close-desktops/desktops:d1"], "1: deputy | incident-manager | on-call"),
        (&["disable-account/user:adm"], "1: incident-manager"),
        (
            &["isolate-host/host:h1"],
            "2: deputy+deputy | deputy+incident-manager | deputy+on-call \
             | incident-manager+incident-manager | incident-manager+on-call | on-call+on-call",
        ),
        (
            &["isolate-host/host:h1", "disable-account/user:adm"],
            "2: deputy+incident-manager | incident-manager+incident-manager \
             | incident-manager+on-call",
        ),
    ] {
        let low = |document: &PlanDocument| document.footholds[0].probability;
        assert!(low(&plan(&estate(), ids)) > 0.9);
        // The plan's lowest foothold is 70 percent, so Cordon alone may nothing by this policy.
        let told = asked(&authority, ids);
        if expected == "yes" {
            assert_eq!(told, "1: deputy | incident-manager | on-call", "{ids:?}");
            assert_eq!(single(&authority, ids[0], &Question::by(By::Cordon)), "yes");
        } else {
            assert_eq!(told, expected, "{ids:?}");
        }
    }
}

#[test]
fn approvals_count_only_from_people_who_may_approve() {
    let authority = authority(SAMPLE);
    let with = |names: &[&str]| Question {
        approvals: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Question::by(By::Cordon)
    };
    let desktops = &["close-desktops/desktops:d1"];
    assert_eq!(asked_by(&authority, desktops, &with(&["bob"])), "yes");
    assert_eq!(
        asked_by(&authority, desktops, &with(&["dora"])),
        "2: deputy | incident-manager | on-call",
        "a stranger's approval counts for nothing"
    );
    let admin = &["disable-account/user:adm"];
    assert_eq!(asked_by(&authority, admin, &with(&["bob"])), "2: incident-manager");
    assert_eq!(asked_by(&authority, admin, &with(&["carla"])), "yes");
}

#[test]
fn what_no_approval_allows_is_refused_with_the_policy() {
    let policy = r#"
        @id("anything") @because("fine") permit (principal, action, resource);
        @id("not-at-all") @because("desktops are closed by hand")
        forbid (principal, action == Action::"raise", resource) when { resource.kind == "close-desktops" };
    "#;
    let authority = authority(policy);
    assert_eq!(asked(&authority, &["close-desktops/desktops:d1"]), "no: not-at-all");
    let observe = Authority::observe_only(terms()).unwrap();
    assert_eq!(asked(&observe, &["disable-account/user:bob"]), "no: guard.no-policy");
    let by_id = r#"
        @id("one") @because("this one") permit (principal, action == Action::"raise",
            resource == Withdrawal::"disable-account/user:bob");
    "#;
    let authority = super::authority(by_id);
    assert_eq!(asked(&authority, &["disable-account/user:bob"]), "yes");
    assert_eq!(asked(&authority, &["disable-account/user:adm"]), "no: guard.no-policy");
}

#[test]
fn every_attribute_reaches_the_policies() {
    for (condition, id) in [
        (r#"resource.kind == "disable-account""#, "disable-account/user:bob"),
        (r#"resource.mode == "refuse""#, "disable-account/user:bob"),
        (r#"resource.mode == "end""#, "end-sessions/user:bob"),
        ("resource.targets == 1", "disable-account/user:bob"),
        (r#"resource.target_kinds == ["user"]"#, "disable-account/user:bob"),
        (r#"resource.target_tags == ["tier-0"]"#, "disable-account/user:adm"),
        (r#"resource.connector == "directory""#, "disable-account/user:bob"),
        (r#"resource.connector == """#, "isolate-host/host:h2"),
        ("resource.cost_per_hour == 25", "disable-account/user:bob"),
        ("resource.cost_per_hour == 50", "isolate-host/host:h2"),
        ("resource.stops_count == 0 && !resource.stops_protected", "disable-account/user:bob"),
        (r#"resource.plan.status == "optimal""#, "disable-account/user:bob"),
        ("resource.plan.certified && resource.plan.accepted", "disable-account/user:bob"),
        ("resource.plan.probability == 70", "disable-account/user:bob"),
        ("resource.plan.withdrawals == 1", "disable-account/user:bob"),
        ("resource.plan.stops_count == 0 && resource.plan.stops == []", "disable-account/user:bob"),
        ("context.armed && context.attempts == 0", "disable-account/user:bob"),
        (
            "context.approvals.people == 0 && context.approvals.roles == []",
            "disable-account/user:bob",
        ),
    ] {
        // Comparing with an empty set needs a type, which `containsAll` gives without one.
        let condition = condition
            .replace("resource.plan.stops == []", r#"!resource.plan.stops.contains("report")"#)
            .replace("context.approvals.roles == []", r#"!context.approvals.roles.contains("x")"#);
        let policy = format!(
            r#"@id("p") @because("b") permit (principal is Cordon, action == Action::"raise", resource)
               when {{ {condition} }};"#
        );
        assert_eq!(asked(&authority(&policy), &[id]), "yes", "{condition}");
        let opposite = policy.replace("when {", "unless {");
        assert_eq!(asked(&authority(&opposite), &[id]), "no: guard.no-policy", "{condition}");
    }
    let stops = r#"@id("p") @because("b") permit (principal, action, resource)
        when { resource is Withdrawal && resource.stops.contains("report") && resource.stops_count == 1 };"#;
    assert_eq!(asked(&authority(stops), &["isolate-host/host:h1"]), "2: anybody+anybody");
}

#[test]
fn the_range_is_as_it_was() {
    let range = Authority::of_the_range().unwrap();
    for (ids, expected) in [
        (&["disable-account/user:ann"][..], "yes"),
        (&["isolate-host/host:h1"], "2: "),
        (&["block-flow/flow:f1"], "yes"),
        (&["block-flow/flow:f1", "block-flow/flow:f2"], "no: guard.protected-service"),
        (&["disable-account/user:glass"], "no: guard.never-touch"),
        (&["close-desktops/desktops:d1"], "1: "),
        (&["disable-account/user:ann", "isolate-host/host:h1"], "2: "),
        (&[], "yes"),
    ] {
        assert_eq!(asked(&range, ids), expected, "{ids:?}");
    }
    let estate = estate();
    let alone: Vec<&str> = range.alone_in(&estate).iter().map(|&w| id_of(&estate, w)).collect();
    let others: Vec<&str> = (0..)
        .map(WithdrawalIx)
        .take(estate.withdrawals().len())
        .map(|w| id_of(&estate, w))
        .filter(|id| !alone.contains(id))
        .collect();
    assert_eq!(
        others,
        [
            "close-desktops/desktops:d1",
            "disable-account/user:glass",
            "end-sessions/user:glass",
            "isolate-host/host:h1",
            "isolate-host/host:never",
            "revoke/app:pos",
        ]
    );
    assert_eq!(Authority::observe_only(terms()).unwrap().alone_in(&estate), []);
}

fn id_of(estate: &Estate, withdrawal: WithdrawalIx) -> &str {
    estate.withdrawal(withdrawal).id.as_str()
}

#[test]
fn lifting_needs_no_more_than_raising() {
    let estate = estate();
    let may_lift = |authority: &Authority, by: By| {
        let index = estate.find_withdrawal("disable-account/user:bob").unwrap();
        word(&authority.may_lift(&estate, estate.withdrawal(index), &by))
    };
    let person = |name: &str| By::Person(name.to_owned());
    let observe = Authority::observe_only(terms()).unwrap();
    assert_eq!(may_lift(&observe, person("dora")), "yes");
    let raise_only = r#"@id("r") @because("b")
        permit (principal in Role::"deputy", action == Action::"raise", resource);"#;
    let strict = authority(raise_only);
    assert_eq!(may_lift(&strict, person("bob")), "yes");
    assert_eq!(may_lift(&strict, person("ann")), "no: guard.no-policy");
    assert_eq!(may_lift(&strict, By::Cordon), "yes");
}

#[test]
fn publishing_and_arming_are_for_people_with_the_role() {
    let authority = authority(SAMPLE);
    let person = |name: &str| By::Person(name.to_owned());
    assert_eq!(word(&authority.may_publish("letter.md", &person("carla"))), "yes");
    assert_eq!(word(&authority.may_publish("letter.md", &person("ann"))), "no: guard.no-policy");
    assert_eq!(word(&authority.may_arm(&person("carla"))), "yes");
    assert_eq!(word(&authority.may_arm(&person("bob"))), "no: guard.no-policy");
    assert_eq!(word(&authority.may_arm(&By::Cordon)), "no: guard.arm");
}

#[test]
fn a_plan_is_answered_whole_and_part_by_part() {
    let authority = authority(SAMPLE);
    let estate = estate();
    let ids = ["disable-account/user:adm", "isolate-host/host:dc1", "isolate-host/host:h1"];
    let mut document = plan(&estate, &ids);
    document.alternatives[0].withdrawals[0].id = "disable-account/user:gone".into();
    let question = Question::by(By::Cordon);
    let alternative = &document.alternatives[0];
    let ruling = authority.may_raise_plan(&estate, &document, alternative, true, &question);
    assert_eq!(word(&ruling.decision), "no: guard.unknown, guard.own-way");
    let parts: Vec<(&str, String)> =
        ruling.parts.iter().map(|(id, part)| (id.as_str(), word(part))).collect();
    assert_eq!(parts[0], ("isolate-host/host:dc1", "no: guard.own-way".to_owned()));
    assert_eq!(parts[2], ("disable-account/user:gone", "no: guard.unknown".to_owned()));
    assert!(parts[1].1.starts_with("2: "));
    // The checker's word counts where the policy asks for it.
    let document = plan(&estate, &["disable-account/user:bob"]);
    let alternative = &document.alternatives[0];
    let ruling = authority.may_raise_plan(&estate, &document, alternative, false, &question);
    assert_eq!(word(&ruling.decision), "no: guard.no-policy");
}
