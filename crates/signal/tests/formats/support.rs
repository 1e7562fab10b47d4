//! `check(record, expect)`: everything that a scan says of one record, as text.

use cordon_model::signal::{Detection, Fact, FactKind, Mention, Outcome, Problem};
use cordon_signal::{Formats, Heard, Input, RuleSource, Rules, Scanner, Sink};

/// Logsources that a record can be found to belong to, each with a rule that
/// matches every record of it.
const LOGSOURCES: &[&str] = &[
    "product: aws, service: cloudtrail",
    "product: aws, service: s3",
    "category: antivirus",
    "category: database",
    "category: firewall",
    "product: cisco, service: aaa",
    "product: azure, service: auditlogs",
    "product: azure, service: signinlogs",
    "product: linux",
    "product: linux, category: process_creation",
    "product: linux, service: auditd",
    "product: m365, service: audit",
    "product: okta, service: okta",
    "product: postgresql, service: pgaudit",
    "product: windows, service: security",
    "product: windows, service: sysmon",
    "product: windows, service: powershell",
    "product: windows, service: system",
    "product: windows, service: windefend",
    "product: windows, service: taskscheduler",
    "product: windows, category: process_creation",
    "product: windows, category: network_connection",
    "product: windows, category: process_access",
    "product: windows, category: registry_add",
    "product: windows, category: registry_set",
    "product: windows, category: registry_delete",
    "product: windows, category: registry_event",
    "product: windows, category: ps_script",
    "product: windows, category: ps_classic_start",
];

fn rules() -> Rules {
    let sources: Vec<RuleSource> = LOGSOURCES
        .iter()
        .map(|logsource| RuleSource::Text {
            name: (*logsource).to_owned(),
            yaml: format!(
                "title: '{logsource}'\nlogsource: {{ {logsource} }}\ndetection:\n  every:\n    NoSuchField: null\n  condition: every\n"
            ),
        })
        .collect();
    let (rules, problems) = Rules::load(&sources);
    assert_eq!(problems, []);
    rules
}

#[derive(Default)]
struct Told {
    lines: Vec<String>,
    logsources: Vec<String>,
    mentions: Vec<Mention>,
    problems: Vec<Problem>,
}

impl Sink for Told {
    fn event(&mut self, event: &Heard<'_>) {
        self.lines.push(format!("{} {} {}", event.format, event.source, event.time));
    }

    fn detection(&mut self, found: Detection) {
        self.logsources.push(found.rule.title.clone());
        self.mentions = found.mentions.to_vec();
    }

    fn fact(&mut self, fact: Fact) {
        let what = match fact.kind {
            FactKind::Lease => return,
            FactKind::Logon { remote: true } => "logon remote".to_owned(),
            FactKind::Logon { remote: false } => "logon local".to_owned(),
            FactKind::Access { verb, amount } => {
                let amounts = [
                    amount.rows.map(|n| format!(" {n} rows")),
                    amount.bytes.map(|n| format!(" {n} bytes")),
                    amount.objects.map(|n| format!(" {n} objects")),
                ];
                format!("{verb:?}{}", amounts.into_iter().flatten().collect::<String>())
                    .to_lowercase()
            }
            FactKind::Change { change } => format!("{change:?}").to_lowercase(),
        };
        let failed = if fact.outcome == Outcome::Failure { " failed" } else { "" };
        self.lines.push(format!("fact {what}{failed}"));
        self.mentions = fact.mentions.to_vec();
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

/// Scans `records` and compares what is said of the last one.
#[track_caller]
pub(crate) fn check(records: &str, expect: &str) {
    let mut scanner = Scanner::new(Formats::builtin(), rules());
    let mut told = Told::default();
    let input =
        |text: &str| Input::Bytes { name: "sample".to_owned(), bytes: text.as_bytes().to_vec() };
    let records = records.trim();
    if let Some((before, last)) = records.rsplit_once("\n---\n") {
        scanner.scan(&input(before), &mut told);
        told = Told::default();
        scanner.scan(&input(last), &mut told);
    } else {
        scanner.scan(&input(records), &mut told);
    }
    assert_eq!(told.problems, [], "{records}");
    let mut lines = told.lines;
    lines.extend(told.logsources.iter().map(|title| format!("is {title}")));
    lines.extend(told.mentions.iter().map(|mention| {
        format!("{:?} {:?}: {}", mention.role, mention.kind, mention.spellings.join(" = "))
            .replace("Actor", "actor")
            .replace("Source", "source")
            .replace("Place", "place")
            .replace("Target", "target")
            .replace("Created", "created")
    }));
    let mut expect: Vec<&str> = expect.trim().lines().map(str::trim).collect();
    // What the record is, then what it says, in any order.
    lines.get_mut(1..).unwrap_or_default().sort();
    expect.get_mut(1..).unwrap_or_default().sort_unstable();
    assert_eq!(lines, expect, "{records}");
}
