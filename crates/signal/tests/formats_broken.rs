//! Broken lines and files of the text formats: what is good is read, the rest
//! is told with place and remedy, and nothing panics or grows without bound.

use cordon_model::signal::Problem;
use cordon_signal::{Formats, Heard, Input, Reading, Rules, Scanner, Sink};

#[derive(Default)]
struct Told {
    formats: Vec<String>,
    problems: Vec<Problem>,
    facts: usize,
    unknown_fields: Vec<String>,
}

impl Sink for Told {
    fn event(&mut self, event: &Heard<'_>) {
        self.formats.push(event.format.to_owned());
    }

    fn wants_readings(&self) -> bool {
        true
    }

    fn reading(&mut self, read: Reading) {
        self.facts += read.facts.len();
        self.unknown_fields.extend(read.unknown_fields);
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

fn scan(formats: Formats, bytes: &[u8]) -> Told {
    let mut told = Told::default();
    let input = Input::Bytes { name: "x.log".to_owned(), bytes: bytes.to_vec() };
    Scanner::new(formats, Rules::empty()).scan(&input, &mut told);
    told
}

/// Compares the formats of the events, and each problem with the text that it must contain.
#[track_caller]
fn check(text: &str, formats: &[&str], problems: &[&str]) {
    let told = scan(Formats::builtin(), text.as_bytes());
    let said: Vec<String> = told
        .problems
        .iter()
        .map(|p| format!("{} {}: {} ({})", p.file, p.place, p.what, p.remedy))
        .collect();
    assert_eq!(told.formats, formats, "{text}\n{said:#?}");
    assert_eq!(said.len(), problems.len(), "{text}\n{said:#?}");
    for (said, expect) in said.iter().zip(problems) {
        assert!(said.starts_with("x.log ") && said.contains(expect), "{said}, not {expect}");
    }
}

const ZEEK: &str =
    "#separator \\x09\n#unset_field\t-\n#path\tdns\n#fields\tts\tuid\tid.orig_h\tquery\n";

#[test]
fn tables_without_their_header_are_told() {
    check(&format!("{ZEEK}1714551302\tC1\t192.0.2.1\ta\n"), &["zeek"], &[]);
    check(ZEEK, &[], &[]);
    check("#separator \\x09\n1714551302\tC1\t192.0.2.1\n", &[], &["before any line that names"]);
    check(&format!("{ZEEK}-\t-\t-\t-\n"), &[], &["without values"]);
    // A row that is cut short has what it has.
    check(&format!("{ZEEK}1714551302\tC1\t192.0.2.1"), &["zeek"], &[]);
    check(
        &format!("{ZEEK}yesterday\tC1\t192.0.2.1\ta\n"),
        &["zeek"],
        &["no time that can be read"],
    );
    check(
        "#Fields: date time c-ip cs-uri-stem\n2024-05-01 08:15:02 192.0.2.1 /\n",
        &["web-iis"],
        &[],
    );
}

#[test]
fn audit_lines_come_alone_mixed_and_cut() {
    let line = |kind: &str, id: u32| format!("type={kind} msg=audit(1714551302.117:{id}): a=b\n");
    check(&(line("SYSCALL", 1) + &line("CWD", 1)), &["linux-auditd"], &[]);
    check(
        &(line("SYSCALL", 1) + "rubbish\n" + &line("CWD", 1)),
        &["linux-auditd"],
        &["no format knows"],
    );
    let many: String = (0..200).map(|id| line("SYSCALL", id)).collect();
    check(&many, &["linux-auditd"; 200], &[]);
    check("type=SYSCALL msg=audit(1714551302.117:1)", &["linux-auditd"], &[]);
    check("type=SYSCALL msg=audit(x:1): a=b\n", &[], &["no format knows"]);
}

#[test]
fn csv_without_names_is_known_by_its_first_line() {
    let row = "2024-05-01 08:15:02.117 UTC,\"a\",\"b\",9,\"192.0.2.1:5\",s,1,\"idle\",2024-05-01 08:15:02 UTC,,0,LOG,00000,\"hello\"\n";
    check(row, &["postgresql"], &[]);
    check(&row.repeat(2), &["postgresql"; 2], &[]);
    check(&(row.to_owned() + "\"open, without end\n"), &["postgresql"], &["no format knows"]);
}

#[test]
fn a_format_of_the_users_own_reads_lines_and_says_what_it_leaves() {
    let page = include_str!("../../../docs/formats.md");
    let (_, from) = page.split_once("```toml\nid = \"door-log\"").unwrap();
    let (body, _) = from.split_once("\n```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("door.toml"), format!("id = \"door-log\"{body}")).unwrap();
    let (formats, problems) = Formats::with_folder(folder.path());
    assert_eq!(problems, []);
    let told = scan(
        formats,
        b"01.05.2024 09:15:02 north/d7 badge=ann open\n01.05.2024 09:15:03 north/d7 badge=bob denied\n01.05.2024 09:15:09 north/d7 self test\n",
    );
    assert_eq!(told.formats, ["door-log", "door-log"]);
    assert_eq!(told.facts, 2);
    assert_eq!(told.problems.len(), 1, "{:?}", told.problems);
    assert_eq!(told.unknown_fields, [""; 0]);
}

#[test]
fn fields_that_a_format_does_not_know_are_named() {
    let told = scan(
        Formats::builtin(),
        br#"{"isotimestamp":"2024-05-01T08:15:02Z","result":"success","user":{"name":"ann","shoe":9},"access_device":{"ip":"192.0.2.1"},"colours":["a"]}"#,
    );
    assert_eq!(told.formats, ["duo"]);
    assert_eq!(told.unknown_fields, ["colours", "user.shoe"]);
}

#[test]
fn spoiled_lines_never_crash() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/formats");
    let mut samples = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let parts = text.split("text = '''\n").skip(1);
        samples.extend(parts.filter_map(|part| Some(part.split_once("'''")?.0.to_owned())));
    }
    samples.sort();
    assert!(samples.len() > 60, "{}", samples.len());
    let mut state = 7_u64;
    let mut random = move |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    let mut scanner = Scanner::new(Formats::builtin(), Rules::empty());
    for sample in &samples {
        for _ in 0..12 {
            let mut bytes = sample.clone().into_bytes();
            for _ in 0..=random(4) {
                let at = random(bytes.len());
                match random(5) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, u8::try_from(random(256)).unwrap()),
                    2 => bytes.insert(at, *b"\"'\\=|[](){}<>:\n\t ".get(random(16)).unwrap()),
                    _ => {
                        if let Some(byte) = bytes.get_mut(at) {
                            *byte ^= 1 << random(8);
                        }
                    }
                }
            }
            let mut told = Told::default();
            let input = Input::Bytes { name: "x".to_owned(), bytes };
            scanner.scan(&input, &mut told);
            assert!(told.problems.iter().all(|p| !p.what.is_empty() && !p.remedy.is_empty()));
        }
    }
}
