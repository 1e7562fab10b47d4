//! The sink is told the same, whatever the number of threads, the size of the
//! sheets that go from thread to thread, and how the bytes come in.
//!
//! The records are made up and of all sorts: JSON by lines, documents over
//! several lines, lists, tables, text, broken and unknown ones, processes that
//! later records refer to, and parts of correlations.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test helpers fail loudly, and say what they skip"
)]

use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use cordon_model::signal::{Detection, Fact, Problem};
use cordon_signal::{Formats, Heard, Input, RuleSource, Rules, Scanner, Sink};

/// Everything that is told, in its order.
#[derive(Default)]
struct Told(Vec<String>);

impl Sink for Told {
    fn event(&mut self, event: &Heard<'_>) {
        let Heard { time, format, source, place } = event;
        self.0.push(format!("event {time} {format} {source} {}:{}", place.file, place.record));
    }
    fn detection(&mut self, found: Detection) {
        self.0.push(format!("{found:?}"));
    }
    fn fact(&mut self, fact: Fact) {
        self.0.push(format!("{fact:?}"));
    }
    fn problem(&mut self, problem: Problem) {
        self.0.push(format!("{problem:?}"));
    }
}

const RULES: &str = "
title: Whoami
id: whoami
logsource: { product: windows, category: process_creation }
detection:
  s: { Image|endswith: '\\whoami.exe' }
  condition: s
---
title: Shell
id: shell
logsource: { product: windows, category: process_creation }
detection:
  s: { Image|endswith: '\\cmd.exe' }
  condition: s
---
title: Desktop of another machine
id: desktop
logsource: { product: windows, category: network_connection }
detection:
  s: { DestinationPort: 3389 }
  condition: s
---
title: Many refused
id: many-refused
correlation:
  type: event_count
  rules: [refused]
  group-by: [TargetUserName]
  timespan: 60s
  condition: { gte: 3 }
---
title: Refused
id: refused
name: refused
logsource: { product: windows, service: security }
detection:
  s: { EventID: 4625 }
  condition: s
---
title: Asked and refused
id: asked-and-refused
correlation:
  type: temporal
  rules: [whoami, refused]
  group-by: [Computer]
  timespan: 20s
";

fn scanner(threads: usize, sheet: usize) -> Scanner {
    let source = RuleSource::Text { name: "rules.yml".to_owned(), yaml: RULES.to_owned() };
    let (rules, problems) = Rules::load(&[source]);
    assert_eq!(problems, []);
    Scanner::new(Formats::builtin(), rules)
        .with_threads(NonZeroUsize::new(threads).unwrap())
        .with_sheets(sheet)
}

fn process(second: u32, number: u32, image: &str) -> String {
    format!(
        r#"{{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"till-{}.north.example","@timestamp":"2024-05-01T08:15:{second:02}.{number:03}Z","User":"NORTH\\ann{number}","ProcessGuid":"{{p{number}}}","Image":"C:\\Windows\\System32\\{image}"}}"#,
        number % 3
    )
}

fn connection(second: u32, number: u32) -> String {
    format!(
        r#"{{"EventID":3,"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"till-{}.north.example","@timestamp":"2024-05-01T08:15:{second:02}Z","ProcessGuid":"{{p{number}}}","SourceIp":"192.0.2.{number}","DestinationIp":"198.51.100.7","DestinationPort":"3389","Initiated":"true","Image":"C:\\x.exe"}}"#,
        number % 3
    )
}

fn refused(second: u32, number: u32) -> String {
    format!(
        r#"{{"EventID":4625,"Channel":"Security","Computer":"till-{}.north.example","@timestamp":"2024-05-01T08:15:{second:02}Z","TargetUserName":"bob{}","TargetDomainName":"NORTH","LogonType":"3","IpAddress":"203.0.113.9","n":{number}}}"#,
        number % 3,
        number % 2
    )
}

/// Records by lines, with some that are none, and one that spans lines at the end.
fn log(seed: u32) -> String {
    let mut out = String::new();
    for n in 0..60 {
        let number = (n * 7 + seed) % 60;
        let line = match n % 9 {
            0 => process(n, number, "whoami.exe"),
            1 | 5 => process(n, number, "cmd.exe"),
            2 | 6 => connection(n, number),
            3 => refused(n, number),
            4 => {
                "May  1 08:15:02 gate sshd[7]: Failed password for root from 192.0.2.4 port 5 ssh2"
                    .to_owned()
            }
            7 => format!("{{\"broken\": {n}"),
            _ => format!("{{\"nothing\": \"{n}\"}}"),
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}

fn told(scanner: &mut Scanner, inputs: &[Input]) -> Vec<String> {
    let mut told = Told::default();
    scanner.scan_all(inputs, &mut told);
    told.0
}

fn bytes(name: &str, text: String) -> Input {
    Input::Bytes { name: name.to_owned(), bytes: text.into_bytes() }
}

fn inputs() -> Vec<Input> {
    let list = format!("[{},\n{}]", refused(10, 1), process(11, 2, "whoami.exe"));
    let pretty = refused(12, 3).replace(",\"", ",\n  \"");
    let csv = "Channel,EventID,Computer,TargetUserName,@timestamp\nSecurity,4625,a,bob1,2024-05-01T08:15:02Z\nSecurity,4625,b,bob1,2024-05-01T08:15:03Z\n";
    vec![
        bytes("a.json", log(1)),
        bytes("b.json", log(4)),
        bytes("list.json", list),
        bytes("pretty.json", format!("{pretty}\n{pretty}")),
        bytes("empty", String::new()),
        bytes("rows.csv", csv.to_owned()),
        bytes("c.json", log(1)),
    ]
}

#[test]
fn threads_and_sheets_make_no_difference() {
    let expect = told(&mut scanner(1, 1), &inputs());
    let of = |sort: &str| expect.iter().filter(|line| line.contains(sort)).count();
    assert!(of("event ") > 100 && of("Detection") > 20 && of("Problem") > 5, "{expect:#?}");
    // A connection is told with the account that started its process, if that was read before.
    let connections = expect.iter().filter(|line| line.contains("\"desktop\""));
    let (known, unknown): (Vec<_>, Vec<_>) = connections.partition(|line| line.contains("ann"));
    assert!(!known.is_empty() && !unknown.is_empty(), "{known:#?} {unknown:#?}");
    assert!(of("Logon") > 0 && of("asked-and-refused") > 0 && of("many-refused") > 0);
    for threads in [2, 3, 5] {
        for sheet in [1, 7, 300, 1000, 4096, 1 << 20] {
            let mut scanner = scanner(threads, sheet);
            assert_eq!(
                told(&mut scanner, &inputs()),
                expect,
                "{threads} threads, sheets of {sheet}"
            );
        }
    }
}

/// Gives a few bytes at a time, now more, now fewer.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1 * 31 % 257;
        let count = (self.1 % 97 + 1).min(buf.len()).min(self.0.len());
        let (now, later) = self.0.split_at(count);
        buf[..count].copy_from_slice(now);
        self.0 = later;
        Ok(count)
    }
}

#[test]
fn the_way_bytes_come_in_makes_no_difference() {
    let text = log(2);
    let expect = told(&mut scanner(1, 1), &[bytes("x", text.clone())]);
    for (threads, seed) in [(1, 5), (1, 100), (2, 17), (3, 211)] {
        let mut found = Told::default();
        let mut reader = Trickle(text.as_bytes(), seed);
        scanner(threads, 2000).read("x", &mut reader, &mut found);
        assert_eq!(found.0, expect, "{threads} threads");
    }
}

/// What the correlations say, without the order in which it was told.
fn correlations(inputs: &[Input]) -> Vec<String> {
    let mut told = told(&mut scanner(2, 512), inputs);
    told.retain(|line| line.contains("asked-and-refused") || line.contains("many-refused"));
    told.sort();
    told
}

#[test]
fn the_order_of_files_makes_no_difference_to_correlations() {
    // Neither log says anything by itself: one has the processes, the other the refusals.
    let lines = |keep: &str| {
        let text = log(3);
        text.lines().filter(|line| line.contains(keep)).collect::<Vec<_>>().join("\n")
    };
    let (asked, refused) = (lines("whoami"), lines("4625"));
    let (a, b) = (bytes("a", asked.clone()), bytes("b", refused.clone()));
    let both = correlations(&[a.clone(), b.clone()]);
    assert!(both.iter().any(|line| line.contains("asked-and-refused")), "{both:#?}");
    assert!(
        !correlations(std::slice::from_ref(&a))
            .iter()
            .any(|line| line.contains("asked-and-refused"))
    );
    assert_eq!(correlations(&[b.clone(), a.clone()]), both);
    let backwards = |text: &str| text.lines().rev().collect::<Vec<_>>().join("\n");
    let times = |found: &[String]| -> Vec<String> {
        let mut times: Vec<String> = found
            .iter()
            .map(|line| line.split("place").next().unwrap_or_default().to_owned())
            .collect();
        times.sort();
        times
    };
    let turned = correlations(&[bytes("a", backwards(&asked)), bytes("b", backwards(&refused))]);
    assert_eq!(times(&turned), times(&both));
    // Logs that are given twice say nothing more.
    let twice = correlations(&[a, bytes("z", asked), b, bytes("zz", refused)]);
    assert_eq!(twice, both);
}

#[test]
fn real_logs_are_told_alike_on_several_threads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let at = |variable: &str, default: &str| {
        std::env::var_os(variable).map_or_else(|| root.join(default), PathBuf::from)
    };
    let (corpus, sigma) = (at("CORDON_CORPUS", "corpus"), at("CORDON_SIGMA", "sigma"));
    if !corpus.is_dir() || !sigma.is_dir() {
        println!("skipped: real_logs_are_told_alike_on_several_threads (no corpus)");
        return;
    }
    let inputs: Vec<Input> = ["detection-oracles/sigma-regression.zip", "cloud", "network"]
        .map(|path| Input::Path(corpus.join(path)))
        .into();
    let scan = |threads: usize, sheet: usize| {
        let (rules, _) = Rules::load(&[RuleSource::Path(sigma.clone())]);
        let mut scanner = Scanner::new(Formats::builtin(), rules)
            .with_threads(NonZeroUsize::new(threads).unwrap())
            .with_sheets(sheet);
        told(&mut scanner, &inputs)
    };
    let one = scan(1, 1);
    assert!(one.len() > 1000, "{}", one.len());
    assert!(one == scan(2, 10_000), "two threads tell something else");
    assert!(one == scan(3, 777), "three threads tell something else");
}
