//! How long made-up records of a few kinds take to read and match.
//!
//! For a look before and after a change; `cordon bench scan` measures real logs.

use std::hint::black_box;

use cordon_model::signal::{Detection, Fact};
use cordon_signal::{Formats, Input, RuleSource, Rules, Scanner, Sink};
use criterion::{Criterion, Throughput};

/// Records per round.
const RECORDS: u64 = 2_000;

/// Counts, so that nothing is left out for want of a reader.
#[derive(Default)]
struct Count(u64);

impl Sink for Count {
    fn detection(&mut self, _detection: Detection) {
        self.0 += 1;
    }
    fn fact(&mut self, _fact: Fact) {
        self.0 += 1;
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (name, record) in [
        ("process", process as fn(u64) -> String),
        ("logon", logon),
        ("cloud", cloud),
        ("text", text),
    ] {
        let bytes: String = (0..RECORDS).map(|number| record(number) + "\n").collect();
        let input = Input::Bytes { name: name.to_owned(), bytes: bytes.into_bytes() };
        scan(&mut criterion, name, &input);
    }
    criterion.final_summary();
}

fn scan(criterion: &mut Criterion, name: &str, input: &Input) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(RECORDS)).sample_size(20);
    for (which, rules) in [("no rules", 0), ("2,000 rules", 2_000)] {
        let (rules, problems) = Rules::load(&[made(rules)]);
        assert!(rules.is_empty() || problems.is_empty());
        let mut scanner = Scanner::new(Formats::builtin(), rules);
        group.bench_function(which, |bench| {
            bench.iter(|| {
                let mut count = Count::default();
                scanner.scan(black_box(input), &mut count);
                count.0
            });
        });
    }
    group.finish();
}

/// Rules that ask for ends of paths, for text in command lines, and for values.
fn made(number: u32) -> RuleSource {
    let rule = |n: u32| {
        let (logsource, selection) = match n % 4 {
            0 => (
                "product: windows, category: process_creation",
                format!("Image|endswith: '\\tool{n}.exe'"),
            ),
            1 => (
                "product: windows, category: process_creation",
                format!("CommandLine|contains: ['-secret{n}', ' /hide{n} ']"),
            ),
            2 => (
                "product: windows, service: security",
                format!("{{ EventID: {n}, TargetUserName: 'nobody{n}' }}"),
            ),
            _ => ("product: aws, service: cloudtrail", format!("eventName: 'Never{n}'")),
        };
        let selection =
            if selection.starts_with('{') { selection } else { format!("{{ {selection} }}") };
        format!(
            "title: Rule {n}\nid: r{n}\nlogsource: {{ {logsource} }}\ndetection:\n  s: {selection}\n  condition: s\n---\n"
        )
    };
    RuleSource::Text { name: "made.yml".to_owned(), yaml: (0..number).map(rule).collect() }
}

fn process(n: u64) -> String {
    format!(
        r#"{{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Hostname":"till-{}.north.example","@timestamp":"2024-05-01T08:15:{:02}.117Z","ProcessGuid":"{{00000000-0000-0000-0000-{n:012}}}","Image":"C:\\Windows\\System32\\tool{}.exe","ParentImage":"C:\\Windows\\explorer.exe","CommandLine":"C:\\Windows\\System32\\tool{}.exe /run {n} --quiet","User":"NORTH\\ann{}","IntegrityLevel":"Medium"}}"#,
        n % 20,
        n % 60,
        n % 50,
        n % 50,
        n % 40
    )
}

fn logon(n: u64) -> String {
    format!(
        r#"{{"EventID":4624,"Channel":"Security","Hostname":"dc1.north.example","@timestamp":"2024-05-01T08:15:{:02}.117Z","TargetUserName":"ann{}","TargetDomainName":"NORTH","LogonType":"3","IpAddress":"192.0.2.{}","WorkstationName":"TILL-{}","AuthenticationPackageName":"Kerberos"}}"#,
        n % 60,
        n % 40,
        n % 250,
        n % 20
    )
}

fn cloud(n: u64) -> String {
    format!(
        r#"{{"eventVersion":"1.08","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventTime":"2024-05-01T08:15:{:02}Z","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.{}","userAgent":"aws-cli/2.1","recipientAccountId":"111122223333","userIdentity":{{"type":"IAMUser","accountId":"111122223333","userName":"ann","accessKeyId":"AKIAEXAMPLE{}"}},"requestParameters":{{"bucketName":"members","key":"part-{n}"}}}}"#,
        n % 60,
        n % 250,
        n % 9
    )
}

fn text(n: u64) -> String {
    format!(
        "May  1 08:{:02}:{:02} gate sshd[{}]: Accepted publickey for ann from 192.0.2.{} port {} ssh2",
        n / 60 % 60,
        n % 60,
        1000 + n,
        n % 250,
        40_000 + n
    )
}
