//! Broken policies load nothing and say where, what and how to mend it.

use super::*;

#[test]
fn broken_policies_are_told_with_line_column_and_remedy() {
    let head =
        "@id(\"a\")\n@because(\"b\")\npermit (principal, action == Action::\"raise\", resource)\n";
    for (text, place, what, remedy) in [
        (
            format!("{head}when {{ resource.knd == \"x\" }};"),
            "line 4, column 8",
            "knd",
            "did you mean `kind`?",
        ),
        (
            format!("{head}when {{ resource.plan.probabilty > 9 }};"),
            "line 4, column 8",
            "probabilty",
            "did you mean",
        ),
        (format!("{head}when {{ context.armd }};"), "line 4, column 8", "armd", "did you mean"),
        (
            head.replace("\"raise\"", "\"rais\"") + ";",
            "line 3",
            "unrecognized action",
            "did you mean",
        ),
        (
            head.replace("resource)", "resource is Withdrawl)") + ";",
            "line 3",
            "Withdrawl",
            "did you mean `Withdrawal`?",
        ),
        (format!("{head}when {{ resource.targets == \"ten\" }};"), "line 4", "", ""),
        (
            format!("{head}when {{ resource.targets <= }};"),
            "line 4, column 28",
            "unexpected token",
            "expected",
        ),
        (format!("{head}when {{"), "line 4", "unexpected end", ""),
        (
            "permit (principal == ?principal, action, resource);".to_owned(),
            "line 1, column 1",
            "template",
            "instead of the `?` slot",
        ),
        (
            format!("{head};\n{head};"),
            "line 5, column 1",
            "two policies have the id `a`",
            "another",
        ),
        (
            head.replace("\"a\"", "\"guard.x\"") + ";",
            "line 1, column 1",
            "kept for Cordon's own guards",
            "another",
        ),
    ] {
        let problems = Policies::read("authority.cedar", &text).unwrap_err();
        let first = &problems[0];
        assert_eq!(first.file, "authority.cedar");
        assert!(first.place.starts_with(place), "{text}\n{first:?}");
        assert!(first.what.contains(what), "{text}\n{first:?}");
        assert!(first.remedy.contains(remedy) && !first.remedy.is_empty(), "{text}\n{first:?}");
        assert!(!first.what.contains("for policy"), "{first:?}");
    }
}

#[test]
fn every_problem_is_told_at_once_in_the_order_of_the_text() {
    let text = "@id(\"a\") @because(\"b\")\npermit (principal, action == Action::\"raise\", resource)\n\
        when { resource.knd == \"x\" };\n@id(\"c\") @because(\"d\")\n\
        forbid (principal, action == Action::\"raize\", resource);\n";
    let problems = Policies::read("f", text).unwrap_err();
    let places: Vec<&str> = problems.iter().map(|problem| problem.place.as_str()).collect();
    assert!(places.len() >= 2, "{problems:?}");
    assert!(places[0].starts_with("line 3") && places[1].starts_with("line 5"), "{problems:?}");
}

#[test]
fn what_is_only_odd_is_a_warning() {
    let told = |text: &str| -> Vec<String> {
        let warnings = Policies::read("f", text).unwrap().warnings;
        warnings.iter().map(|warning| format!("{}: {}", warning.place, warning.what)).collect()
    };
    assert_eq!(
        told("\n  permit (principal, action, resource);"),
        [
            "line 2, column 3: the policy has no `@because(\"..\")`",
            "line 2, column 3: the policy has no `@id(\"..\")`",
        ]
    );
    let impossible =
        "@id(\"a\") @because(\"b\") permit (principal, action, resource) when { false };";
    assert_eq!(told(impossible).len(), 1, "{:?}", told(impossible));
    for built_in in [include_str!("../default.cedar"), include_str!("../range.cedar")] {
        assert_eq!(told(built_in), [""; 0]);
    }
    assert_eq!(told(include_str!("../../../../estates/retailer/authority.cedar")), [""; 0]);
}

#[test]
fn people_of_one_name_or_with_no_key_are_refused() {
    let mut doubled = terms();
    let twin = person("ann", &[], &[]);
    let bad = Person { key: Some("zz".repeat(32)), ..person("erik", &[], &[]) };
    if let People::Listed(people) = &mut doubled.people {
        people.extend([twin, bad]);
    }
    let problems = Authority::observe_only(doubled).unwrap_err();
    let what: Vec<&str> = problems.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(what.len(), 2, "{what:?}");
    assert!(what[0].contains("two people") && what[1].contains("key cannot be used"), "{what:?}");
}

#[test]
fn the_documentation_explains_every_word_of_the_schema() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/authority.md");
    let documented = std::fs::read_to_string(path).unwrap();
    let code = crate::SCHEMA.lines().filter(|line| !line.trim_start().starts_with("//"));
    let attributes = code.flat_map(|line| {
        let words: Vec<&str> = line.split(['{', ',', '}', '(']).collect();
        words
            .into_iter()
            .filter_map(|part| part.split_once(':').map(|(name, _)| name.trim()))
            .filter(|name| !name.is_empty() && !["principal", "resource"].contains(name))
            .collect::<Vec<_>>()
    });
    let names: BTreeSet<&str> = attributes.collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(documented.contains(&format!("{name}`")), "docs/authority.md lacks `{name}`");
    }
    for action in ["raise", "approve", "lift", "publish", "arm"] {
        assert!(documented.contains(&format!("Action::\"{action}\"")), "{action}");
    }
}
