//! Sigma rules on records: what fires, what does not, what is told of rules
//! that cannot be used.

use cordon_model::signal::{Detection, Level};
use cordon_signal::{Formats, Input, RuleSource, Rules, Scanner, Sink};

fn text(yaml: &str) -> RuleSource {
    RuleSource::Text { name: "rules/test.yml".to_owned(), yaml: yaml.to_owned() }
}

#[derive(Default)]
struct Fired(Vec<String>);

impl Sink for Fired {
    fn detection(&mut self, found: Detection) {
        self.0.push(format!("{}:{}", found.place.record, found.rule.title));
    }
}

fn fired(yaml: &str, records: &str) -> Vec<String> {
    let (rules, problems) = Rules::load(&[text(yaml)]);
    assert_eq!(problems, [], "{yaml}");
    let mut told = Fired::default();
    Scanner::new(Formats::builtin(), rules).scan(
        &Input::Bytes { name: "x".to_owned(), bytes: records.as_bytes().to_vec() },
        &mut told,
    );
    told.0
}

/// One selection for process creations, tried on one Sysmon record with these fields.
#[track_caller]
fn check(selection: &str, fields: &str, expect: bool) {
    let rule = format!(
        "title: T\nlogsource: {{ product: windows, category: process_creation }}\ndetection:\n  s:\n    {selection}\n  condition: s\n"
    );
    let record = format!(
        r#"{{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Hostname":"H","@timestamp":"2024-05-01T08:15:02Z",{fields}}}"#
    );
    assert_eq!(!fired(&rule, &record).is_empty(), expect, "{selection} on {fields}");
}

#[test]
fn values_and_names_are_compared_as_sigma_says() {
    check(r"Image|endswith: '\CMD.exe'", r#""Image":"C:\\Windows\\cmd.EXE""#, true);
    check(r"image|endswith: '\cmd.exe'", r#""IMAGE":"C:\\Windows\\cmd.exe""#, true);
    check("CommandLine|endswith: ' /all'", r#""CommandLine":"whoami /all ""#, true);
    check("CommandLine|contains: ' /all '", r#""CommandLine":"whoami /all ""#, true);
    check("CommandLine: 'whoami'", r#""CommandLine":"whoami  ""#, true);
    check("CommandLine: 'who*i'", r#""CommandLine":"WHOAMI""#, true);
    check("CommandLine|re: '^who'", r#""CommandLine":"whoami""#, true);
    check("ProcessId: 420", r#""ProcessId":"420""#, true);
    check("LogonId: '0x3e7'", r#""LogonId":999"#, true);
    check("LogonId: 999", r#""LogonId":"0x3e7""#, true);
    check("Missing: null", r#""Image":"x""#, true);
    check("Hashes|contains|all: ['A', 'b']", r#""Hashes":"xaxBx""#, true);
    check("SourceIp|cidr: 192.0.2.0/24", r#""SourceIp":"192.0.2.77""#, true);
    check("Image|endswith: '\\sh.exe'", r#""Image":"C:\\cmd.exe""#, false);
}

#[test]
fn rules_of_other_products_do_not_run() {
    let rule = |logsource: &str| {
        format!(
            "title: '{logsource}'\nlogsource: {{ {logsource} }}\ndetection:\n  s: {{ None: null }}\n  condition: s\n---\n"
        )
    };
    let rules: String = [
        "product: windows",
        "product: windows, service: security",
        "product: windows, service: system",
        "product: windows, category: process_creation",
        "category: process_creation",
        "product: linux",
        "category: webserver",
        "product: linux, category: process_creation",
        "service: security",
    ]
    .map(rule)
    .concat();
    let record = r#"{"EventID":4688,"Channel":"Security","Hostname":"H","@timestamp":"2024-05-01T08:15:02Z"}"#;
    let mut titles = fired(&rules, record);
    titles.sort();
    assert_eq!(
        titles,
        [
            "1:category: process_creation",
            "1:product: windows",
            "1:product: windows, category: process_creation",
            "1:product: windows, service: security",
            "1:service: security",
        ]
    );
}

#[test]
fn security_4688_meets_rules_written_for_sysmon() {
    let rule = r"
title: T
logsource: { product: windows, category: process_creation }
detection:
  s:
    Image|endswith: '\cmd.exe'
    ParentImage|endswith: '\winword.exe'
    User: 'NORTH\ann'
    ProcessId: 420
    ParentProcessId: 136
    CommandLine|contains: '/c'
  condition: s
";
    let record = r##"{"Event":{"System":{"EventID":4688,"Channel":"Security","Computer":"H","TimeCreated":{"#attributes":{"SystemTime":"2024-05-01T08:15:02Z"}}},"EventData":{"NewProcessName":"C:\\cmd.exe","ParentProcessName":"C:\\WINWORD.EXE","NewProcessId":"0x1a4","ProcessId":"0x88","SubjectDomainName":"NORTH","SubjectUserName":"ann","CommandLine":"cmd /c x"}}}"##;
    assert_eq!(fired(rule, record), ["1:T"]);
}

#[test]
fn nested_fields_and_lists_are_reached() {
    let rule = r"
title: T
logsource: { product: aws, service: cloudtrail }
detection:
  s:
    eventName: RunInstances
    requestParameters.userData|contains: curl
    requestParameters.items.port: 22
    userIdentity.sessionContext.attributes.mfaAuthenticated: 'false'
  condition: s
";
    let record = r#"{"eventSource":"ec2.amazonaws.com","eventName":"RunInstances","eventTime":"2024-05-01T08:15:02Z","requestParameters":{"userData":"curl x","items":[{"port":80},{"port":22}]},"userIdentity":{"sessionContext":{"attributes":{"mfaAuthenticated":"false"}}}}"#;
    assert_eq!(fired(rule, record), ["1:T"]);
}

#[test]
fn unusable_rules_are_told_with_line_and_the_rest_runs() {
    let check = |yaml: &str, place: &str, what: &str| {
        let good = "\n---\ntitle: Good\nid: good\nlogsource: { product: windows }\ndetection:\n  s: { A: 1 }\n  condition: s\n";
        let (rules, problems) = Rules::load(&[text(yaml), text(good)]);
        assert_eq!(problems.len(), 1, "{yaml}: {problems:?}");
        assert_eq!(problems[0].file, "rules/test.yml");
        assert_eq!(problems[0].place, place, "{yaml}: {problems:?}");
        assert!(problems[0].what.contains(what), "{yaml}: {problems:?}");
        assert!(!problems[0].remedy.is_empty());
        assert!(rules.rule("good").is_some() && rules.len() == 1, "{yaml}");
    };
    check("title: x\n  bad: [", "line 2", "no usable Sigma rule");
    check("just text", "line 1", "no usable Sigma rule");
    check("title: x\nlogsource: { product: windows }\n", "line 1", "detection");
    check(
        "title: x\nlogsource: { product: windows }\ndetection:\n  s: { A: 1 }\n  condition: s | count() > 5\n",
        "line 5",
        "condition",
    );
    check(
        "title: x\nlogsource: { product: windows }\ndetection:\n  s: { 'A|nonsense': 1 }\n  condition: s\n",
        "line 4",
        "nonsense",
    );
    check(
        "title: x\nlogsource: { product: windows }\ndetection:\n  s: { 'A|re': '(' }\n  condition: s\n",
        "line 3",
        "cannot be used",
    );
    check(
        "title: x\ncorrelation:\n  type: event_count\n  rules: [nobody]\n  group-by: [A]\n  timespan: 5m\n  condition: { gte: 3 }\n",
        "line 2",
        "`nobody`",
    );
}

#[test]
fn of_two_rules_with_one_id_the_first_counts() {
    let rule = "title: x\nid: one\nlogsource: { product: windows }\ndetection:\n  s: { A: 1 }\n  condition: s\n";
    let again = rule.replace("title: x", "title: y");
    let (rules, problems) = Rules::load(&[text(&format!("{rule}---\n{again}"))]);
    assert_eq!(rules.rule("one").unwrap().title, "x");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].place, "line 11");
    assert!(problems[0].what.contains("loaded already"), "{problems:?}");
}

#[test]
fn a_rules_tags_become_techniques_and_tactics() {
    let (rules, problems) = Rules::load(&[text(
        "title: x\nid: x\nstatus: deprecated\nlevel: high\ntags: [attack.t1003.001, attack.credential_access, attack.g0016, car.2013-01-002]\nlogsource: { product: windows }\ndetection:\n  s: { A: 1 }\n  condition: s\n",
    )]);
    assert_eq!(problems, []);
    let rule = rules.rule("x").unwrap();
    assert_eq!(rule.level, Level::High);
    assert_eq!(rule.techniques, ["T1003.001"]);
    assert_eq!(rule.tactics, ["credential-access"]);
}

const FAILED: &str = "
title: Failed
name: failed
logsource: { product: okta, service: okta }
detection:
  s: { eventType: user.session.start, outcome.result: FAILURE }
  condition: s
---
title: Succeeded
name: succeeded
logsource: { product: okta, service: okta }
detection:
  s: { eventType: user.session.start, outcome.result: SUCCESS }
  condition: s
---
";

fn sign_in(second: &str, user: &str, result: &str) -> String {
    format!(
        r#"{{"published":"2024-05-01T08:15:{second}Z","eventType":"user.session.start","actor":{{"alternateId":"{user}","type":"User"}},"outcome":{{"result":"{result}"}}}}"#
    ) + "\n"
}

#[test]
fn counts_are_kept_per_group_and_told_once_per_burst() {
    let rule = format!(
        "{FAILED}title: Many\ncorrelation:\n  type: event_count\n  rules: [failed]\n  group-by: [actor.alternateId]\n  timespan: 10s\n  condition: {{ gte: 3 }}\n"
    );
    let records: String = [
        ("00", "ann"),
        ("01", "bob"),
        ("02", "ann"),
        ("03", "ann"),
        ("04", "ann"),
        ("30", "bob"),
        ("31", "bob"),
    ]
    .iter()
    .map(|(second, user)| sign_in(second, user, "FAILURE"))
    .collect();
    assert_eq!(fired(&rule, &records), ["4:Many"]);
}

#[test]
fn order_within_one_second_counts() {
    let rule = format!(
        "{FAILED}title: Guessed\ncorrelation:\n  type: temporal_ordered\n  rules: [failed, succeeded]\n  group-by: [actor.alternateId]\n  timespan: 1m\n"
    );
    let failed_first = sign_in("02.100", "ann", "FAILURE") + &sign_in("02.200", "ann", "SUCCESS");
    let failed_last = sign_in("02.100", "ann", "SUCCESS") + &sign_in("02.200", "ann", "FAILURE");
    assert_eq!(fired(&rule, &failed_first), ["2:Guessed"]);
    assert_eq!(fired(&rule, &failed_last), [""; 0]);
    // The log may deliver them the wrong way round: their times decide.
    let late = sign_in("02.200", "ann", "SUCCESS") + &sign_in("02.100", "ann", "FAILURE");
    assert_eq!(fired(&rule, &late), ["1:Guessed"]);
}

#[test]
fn parts_of_a_correlation_speak_for_themselves_only_if_asked() {
    let rule = |generate: &str| {
        format!(
            "{FAILED}title: Two\ncorrelation:\n  type: event_count\n  rules: [failed]\n  group-by: [actor.alternateId]\n  timespan: 10s\n  condition: {{ gte: 2 }}\n  {generate}\n"
        )
    };
    let records = sign_in("00", "ann", "FAILURE") + &sign_in("01", "ann", "FAILURE");
    assert_eq!(fired(&rule(""), &records), ["2:Two"]);
    assert_eq!(fired(&rule("generate: true"), &records), ["1:Failed", "2:Failed", "2:Two"]);
}

#[test]
fn correlations_build_on_one_another_whatever_their_order() {
    let rules = format!(
        "title: Twice\nname: twice\ncorrelation:\n  type: event_count\n  rules: [many]\n  group-by: [actor.alternateId]\n  timespan: 1h\n  condition: {{ gte: 1 }}\n---{FAILED}title: Many\nname: many\ncorrelation:\n  type: event_count\n  rules: [failed]\n  group-by: [actor.alternateId]\n  timespan: 10s\n  condition: {{ gte: 2 }}\n  generate: true\n"
    );
    let records = sign_in("00", "ann", "FAILURE") + &sign_in("01", "ann", "FAILURE");
    let fired = fired(&rules, &records);
    assert_eq!(fired, ["1:Failed", "2:Failed", "2:Twice"]);

    let circle = "title: A\nname: a\ncorrelation:\n  type: temporal\n  rules: [b]\n  timespan: 1h\n---\ntitle: B\nname: b\ncorrelation:\n  type: temporal\n  rules: [a]\n  timespan: 1h\n";
    let (rules, problems) = Rules::load(&[text(circle)]);
    assert!(rules.is_empty());
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[test]
fn filters_narrow_the_rules_that_they_name() {
    let rules = "
title: T
id: t
logsource: { product: windows, category: process_creation }
detection:
  s: { Image: 'x' }
  condition: s
---
title: Not on the build machines
logsource: { product: windows, category: process_creation }
filter:
  rules: [t]
  build: { Computer: 'BUILD*' }
  condition: not build
";
    let record = |host: &str| {
        format!(
            r#"{{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Hostname":"{host}","@timestamp":"2024-05-01T08:15:02Z","Image":"x"}}"#
        )
    };
    assert_eq!(fired(rules, &record("DESK-4")), ["1:T"]);
    assert_eq!(fired(rules, &record("BUILD-2")), [""; 0]);
}

#[test]
fn one_record_can_be_asked_which_rules_it_sets_off() {
    let (rules, _) = Rules::load(&[text(
        "title: T\nid: t\nlogsource: { product: windows }\ndetection:\n  s: { A: 1 }\n  condition: s\n",
    )]);
    let mut scanner = Scanner::new(Formats::builtin(), rules);
    let (rules, problems) = scanner.fired(
        r#"{"EventID":1,"Channel":"System","Hostname":"H","@timestamp":"2024-05-01T08:15:02Z","A":1}"#,
    );
    assert_eq!(rules.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), ["t"]);
    assert_eq!(problems, []);
    assert!(!scanner.fired("{}").1.is_empty());
}
