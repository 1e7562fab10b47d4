//! Whatever logs come in, and whatever is wrong with them: what is good is
//! read, the rest is told with a place, and nothing is held in memory whole.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a fixture that cannot be built is a broken test"
)]

use std::io::Write;

use cordon_model::signal::Problem;
use cordon_signal::{Formats, Heard, Input, RuleSource, Rules, Scanner, Sink};

#[derive(Default)]
struct Told {
    places: Vec<String>,
    problems: Vec<Problem>,
    bytes: u64,
}

impl Sink for Told {
    fn event(&mut self, event: &Heard<'_>) {
        self.places.push(format!("{}:{}", event.place.file, event.place.record));
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn progress(&mut self, bytes: u64) {
        self.bytes += bytes;
    }
}

fn scan(name: &str, bytes: &[u8]) -> Told {
    let mut told = Told::default();
    Scanner::new(Formats::builtin(), Rules::empty())
        .scan(&Input::Bytes { name: name.to_owned(), bytes: bytes.to_vec() }, &mut told);
    told
}

/// Compares the number of events, and each problem with the text that it must contain.
#[track_caller]
fn check(bytes: &[u8], events: usize, problems: &[&str]) {
    let told = scan("x.log", bytes);
    let said: Vec<String> = told
        .problems
        .iter()
        .map(|p| format!("{} {}: {} ({})", p.file, p.place, p.what, p.remedy))
        .collect();
    let shown = String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes)).into_owned();
    assert_eq!(told.places.len(), events, "{shown}\n{said:#?}");
    assert_eq!(said.len(), problems.len(), "{shown}\n{said:#?}");
    for (said, expect) in said.iter().zip(problems) {
        assert!(said.contains(expect), "{shown}: {said}, not {expect}");
    }
    assert!(told.problems.iter().all(|p| !p.remedy.is_empty()));
}

fn event(number: usize) -> String {
    format!(
        r#"{{"EventID":4634,"Channel":"Security","Hostname":"DC1","@timestamp":"2024-05-01T08:15:{:02}Z","Message":"a {{ bracket ] and a \"quote\" and a \\"}}"#,
        number % 60
    )
}

fn lines(count: usize) -> String {
    (0..count).map(|number| event(number) + "\n").collect()
}

fn pretty(count: usize) -> String {
    (0..count).map(|number| event(number).replace(",\"", ",\n  \"") + "\n").collect()
}

#[test]
fn json_comes_in_many_dresses() {
    check(lines(3).as_bytes(), 3, &[]);
    check(lines(3).trim_end().as_bytes(), 3, &[]);
    check(lines(3).replace('\n', "\r\n\r\n").as_bytes(), 3, &[]);
    check(format!("\u{feff}{}", lines(2)).as_bytes(), 2, &[]);
    check(pretty(3).as_bytes(), 3, &[]);
    let list = lines(3).trim_end().replace('\n', ",");
    check(format!("[{list}]").as_bytes(), 3, &[]);
    check(format!("[\n{}\n]\n", pretty(3).trim_end().replace("}\n{", "},\n{")).as_bytes(), 3, &[]);
    check(format!("{{\"Records\":[{list}]}}").as_bytes(), 3, &[]);
    check(format!("{{\n  \"records\": [\n{list}\n]\n}}\n").as_bytes(), 3, &[]);
    check(
        format!("{{\"context\":\"x\",\"value\":[{list}],\"next\":{{\"a\":[1]}}}}").as_bytes(),
        3,
        &[],
    );
    check(format!("{{\"Records\":[{list}]}}\n{{\"Records\":[{list}]}}\n").as_bytes(), 6, &[]);
    check(b"{\"Records\":[]}", 0, &[]);
    check(b"[]", 0, &[]);
}

#[test]
fn csv_and_yaml_have_records_too() {
    check(
        b"EventID,Channel,Hostname,TimeGenerated,CommandLine\n4634,Security,DC1,2024-05-01T08:15:02Z,\"a,\n\"\"b\"\"\"\n4634,Security,DC1,2024-05-01T08:15:03Z,\n",
        2,
        &[],
    );
    check(
        format!("---\nLogType: Windows\nLogs:\n  - {}\n  - {}\n", event(1), event(2)).as_bytes(),
        2,
        &[],
    );
}

#[test]
fn text_in_utf_16_is_read() {
    let text = format!("\u{feff}{}", lines(400).replace("DC1", "DC1 \u{1f5a5} é"));
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    check(&little, 400, &[]);
    check(&big, 400, &[]);
    check(&little[..little.len() - 101], 399, &["record 400: broken JSON"]);
    check(&[0xff, 0xfe], 0, &["the file is empty"]);
}

#[test]
fn broken_input_costs_only_what_is_broken() {
    check(b"", 0, &["the file is empty"]);
    check(b"\n\n  \n", 0, &[]);
    check(&[0_u8, 159, 146, 150, 1, 2, 3, 255].repeat(64), 0, &["neither text nor any log format"]);
    check(b"hello\nworld\n", 0, &["no format knows this line", "1 more of this kind"]);
    check(b"{\"a\":1}\n", 0, &["record 1: no format knows this record"]);
    check(b"null\n42\n", 0, &["a bare value", "1 more of this kind"]);
    check(
        format!("{}{{\"EventID\":\n{}", lines(1), lines(2)).as_bytes(),
        3,
        &["record 2: broken JSON"],
    );
    check(
        format!("{}{{\"EventID\" 1}}\n{}", lines(1), lines(1)).as_bytes(),
        2,
        &["record 2: broken JSON"],
    );
    // The first line is cut: the lines after it are still found.
    check(format!("{{\"EventID\":1,\"x\":\"y\n{}", lines(2)).as_bytes(), 2, &["has no end"]);
    check(format!("{{\"EventID\":1,\n{}", lines(2)).as_bytes(), 2, &["has no end"]);
    // A list that ends too early.
    check(format!("[{},{}", event(1), event(2)).as_bytes(), 2, &["ends within a list"]);
    check(
        format!("[{},{}", event(1), &event(2)[..40]).as_bytes(),
        1,
        &["has no end", "ends within a list"],
    );
    // Bytes that are no UTF-8 spoil one letter, not the record.
    let mut latin = event(1).into_bytes();
    latin.splice(latin.len() - 4..latin.len() - 4, [0xe9]);
    check(&latin, 1, &[]);
}

#[test]
fn deep_nesting_is_a_problem_and_no_crash() {
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    check(format!("{{\"EventID\":1,\"a\":{deep}}}\n{}", lines(1)).as_bytes(), 1, &["128 levels"]);
    check(format!("{}\n", "[".repeat(100_000)).as_bytes(), 0, &["no end", "ends within"]);
    check(format!("{}\n", "{\"a\":".repeat(100_000)).as_bytes(), 0, &["128 levels"]);
}

#[test]
fn a_line_above_the_limit_is_skipped() {
    let long = format!("{{\"EventID\":1,\"a\":\"{}\"}}", "x".repeat(17 << 20));
    check(
        format!("{}{long}\n{}", lines(1), lines(2)).as_bytes(),
        3,
        &["line 2: a record of 17825812 bytes is skipped"],
    );
    check(
        format!("[{},{long},{}]", event(1), event(2)).as_bytes(),
        2,
        &["is skipped; the limit is 16 MiB"],
    );
    check(format!("{}\n", "y".repeat(17 << 20)).as_bytes(), 0, &["is skipped"]);
}

#[test]
fn an_endless_line_needs_little_memory() {
    struct Endless(u64);
    impl std::io::Read for Endless {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            let count = buf.len().min(usize::try_from(self.0).unwrap_or(usize::MAX));
            buf[..count].fill(b'x');
            self.0 -= count as u64;
            Ok(count)
        }
    }
    let before = peak_kib();
    let mut packed = zstd::Encoder::new(Vec::new(), 1).unwrap();
    packed.write_all(lines(1).as_bytes()).unwrap();
    std::io::copy(&mut Endless(2 << 30), &mut packed).unwrap();
    packed.write_all(format!("\n{}", lines(1)).as_bytes()).unwrap();
    check(&packed.finish().unwrap(), 2, &["a record of 2147483648 bytes is skipped"]);
    let grown = peak_kib() - before;
    assert!(grown < 200 << 10, "{grown} KiB more than before");
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, name, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[track_caller]
fn check_places(name: &str, bytes: &[u8], expect: &[&str]) {
    let told = scan(name, bytes);
    assert_eq!(told.problems, [], "{name}");
    assert_eq!(told.places, expect, "{name}");
    assert_eq!(told.bytes, bytes.len() as u64, "all of {name} is counted as read");
}

#[test]
fn archives_are_opened_by_what_they_are() {
    let log = lines(1);
    let log = log.as_bytes();
    check_places("a.json.gz", &gzip(log), &["a.json:1"]);
    check_places("a", &zstd::encode_all(log, 1).unwrap(), &["a:1"]);
    check_places(
        "a.tar",
        &tar(&[("z.json", log), ("d/a.json", log)]),
        &["a.tar!z.json:1", "a.tar!d/a.json:1"],
    );
    check_places("a.tar.gz", &gzip(&tar(&[("z.json", log)])), &["a.tar!z.json:1"]);
    check_places("b.txt", &zip(&[("b", log), ("a", log)]), &["b.txt!a:1", "b.txt!b:1"]);
    check_places("a.tar", &tar(&[("in.zip", &zip(&[("b", &gzip(log))]))]), &["a.tar!in.zip!b:1"]);
}

#[test]
fn damaged_archives_give_what_stands_before_the_damage() {
    let many = lines(2000);
    let packed = gzip(many.as_bytes());
    let told = scan("a.gz", &packed[..packed.len() / 2]);
    assert!(told.places.len() > 500, "{}", told.places.len());
    assert!(told.problems.iter().any(|p| p.what.contains("cannot be read further")));
    check(&zip(&[("a", b"x")])[..40], 0, &["a zip that cannot be opened"]);
    let nested = (0..6).fold(lines(1).into_bytes(), |bytes, _| gzip(&bytes));
    check(&nested, 0, &["not opened"]);
}

#[test]
fn a_folder_is_read_in_the_order_of_names() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("b")).unwrap();
    for name in ["c.json", "b/2.json", "b/1.json", "a.json"] {
        std::fs::write(folder.path().join(name), lines(1)).unwrap();
    }
    let mut told = Told::default();
    let input = Input::of_argument(folder.path());
    assert_eq!(input.size(), Some(4 * lines(1).len() as u64));
    Scanner::new(Formats::builtin(), Rules::empty()).scan(&input, &mut told);
    let names: Vec<&str> = told
        .places
        .iter()
        .map(|place| place.strip_prefix(folder.path().to_str().unwrap()).unwrap())
        .collect();
    assert_eq!(names, ["/a.json:1", "/b/1.json:1", "/b/2.json:1", "/c.json:1"]);
    let mut told = Told::default();
    let missing = Input::Path(folder.path().join("no-such-file"));
    Scanner::new(Formats::builtin(), Rules::empty()).scan(&missing, &mut told);
    assert!(told.problems[0].what.contains("cannot be read"));
}

#[test]
fn spoiled_bytes_never_crash_a_decoder() {
    let list = lines(4).trim_end().replace('\n', ",");
    let log = lines(4);
    let samples: Vec<Vec<u8>> = vec![
        log.clone().into_bytes(),
        pretty(3).into_bytes(),
        format!("{{\"Records\":[{list}],\"n\":[1,{{}}]}}").into_bytes(),
        format!("---\nLogs:\n  - {}\n  - &a [*a, \"x\"]\n", event(1)).into_bytes(),
        b"EventID,Channel,Hostname\n4634,Security,\"D\"\"C1\"\n1,2,3,4\n".to_vec(),
        format!("\u{feff}{log}").encode_utf16().flat_map(u16::to_le_bytes).collect(),
        gzip(log.as_bytes()),
        zstd::encode_all(log.as_bytes(), 1).unwrap(),
        tar(&[("a", log.as_bytes()), ("b", &gzip(log.as_bytes()))]),
        zip(&[("a", log.as_bytes()), ("b", b"x,y,z\n1,2,3\n")]),
        [b"ElfFile\0".as_slice(), &[0; 4088], b"ElfChnk\0", &[7; 3000]].concat(),
    ];
    let mut state = 1_u64;
    let mut random = move |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    let mut scanner = Scanner::new(Formats::builtin(), Rules::empty());
    for sample in &samples {
        for _ in 0..150 {
            let mut bytes = sample.clone();
            for _ in 0..=random(4) {
                let at = random(bytes.len());
                match random(4) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, u8::try_from(random(256)).unwrap()),
                    _ => {
                        if let Some(byte) = bytes.get_mut(at) {
                            *byte ^= 1 << random(8);
                        }
                    }
                }
            }
            let mut told = Told::default();
            scanner.scan(&Input::Bytes { name: "x".to_owned(), bytes }, &mut told);
            assert!(told.problems.iter().all(|p| !p.what.is_empty() && !p.remedy.is_empty()));
        }
    }
}

#[test]
fn a_value_of_a_windows_text_goes_on_over_indented_lines() {
    const RULE: &str = "title: t\nid: t\nlogsource: {product: windows}\ndetection:\n  s:\n    \
        Properties|contains: 'Changes All'\n    SubjectUserName: ann\n  condition: s\n";
    const TEXT: &str = "03/04/2025 09:12:40 AM\nLogName=Security\nEventCode=4662\n\
        ComputerName=dc1.north.example\nMessage=An operation was performed on an object.\n\n\
        Subject:\n\tAccount Name:\t\tann\n\tAccount Domain:\t\tNORTH\n\nOperation:\n\
        \tAccess Mask:\t\t0x100\n\tProperties:\t\tControl Access\n\
        \t\tReplicating Directory Changes All\n\tdomainDNS\n";
    #[derive(Default)]
    struct Matched(usize);
    impl Sink for Matched {
        fn detection(&mut self, _: cordon_model::signal::Detection) {
            self.0 += 1;
        }
    }
    let source = RuleSource::Text { name: "t".to_owned(), yaml: RULE.to_owned() };
    let matched = |text: &str| {
        let (rules, problems) = Rules::load(std::slice::from_ref(&source));
        assert_eq!(problems, []);
        let mut matched = Matched::default();
        let input = Input::Bytes { name: "x".to_owned(), bytes: text.as_bytes().to_vec() };
        Scanner::new(Formats::builtin(), rules).scan(&input, &mut matched);
        matched.0
    };
    assert_eq!(matched(TEXT), 1);
    assert_eq!(matched(&TEXT.replace("\t\tReplicating", "Replicating")), 0, "not indented");
}
