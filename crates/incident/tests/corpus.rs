//! The footholds of real logs, where a corpus and its truth are at hand.
//!
//! Reads `$CORDON_CORPUS`, or `../shared/corpus` beside the workspace, and the
//! Sigma rules next to it; without them each test prints a line and passes. All
//! names come from the truth file, none stands here.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests: a missing value is a failed test"
)]

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use cordon_incident::{Assessment, Foothold, FootholdKind, Reasoner, Settings};
use cordon_model::signal::{Detection, Fact};
use cordon_model::{EstateBuilder, Timestamp};
use cordon_signal::{Formats, Input, RuleSource, Rules, Scanner, Sink};
use serde_json::Value;

#[path = "corpus/rename.rs"]
mod rename;

use rename::Renaming;

fn corpus() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::var_os("CORDON_CORPUS")
        .map_or_else(|| workspace.join("../shared/corpus"), PathBuf::from);
    folder.join("groundtruth.json").exists().then_some(folder)
}

fn scanner(corpus: &Path) -> Scanner {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let sigma = corpus.join("../sigma/rules");
    let folders = [own, sigma].into_iter().filter(|folder| folder.exists());
    let sources: Vec<RuleSource> = folders.map(RuleSource::Path).collect();
    let (rules, _) = Rules::load(&sources);
    Scanner::new(Formats::builtin(), rules)
}

#[derive(Default)]
struct Kept {
    detections: Vec<Detection>,
    facts: Vec<Fact>,
}

impl Sink for Kept {
    fn detection(&mut self, found: Detection) {
        self.detections.push(found);
    }
    fn fact(&mut self, fact: Fact) {
        self.facts.push(fact);
    }
}

fn read(scanner: &mut Scanner, file: &Path) -> Kept {
    let mut kept = Kept::default();
    scanner.scan(&Input::Path(file.to_owned()), &mut kept);
    kept
}

fn judge(kept: &Kept, backwards: bool) -> Assessment {
    let estate = EstateBuilder::new("none", "GBP").finish().unwrap();
    let mut reasoner = Reasoner::new(&estate, Settings::default());
    if backwards {
        kept.facts.iter().rev().for_each(|fact| reasoner.fact(fact));
        kept.detections.iter().rev().for_each(|detection| reasoner.detection(detection));
    } else {
        kept.detections.iter().for_each(|detection| reasoner.detection(detection));
        kept.facts.iter().for_each(|fact| reasoner.fact(fact));
    }
    let times = kept.detections.iter().map(|d| d.time).chain(kept.facts.iter().map(|f| f.time));
    reasoner.assess(times.max().unwrap_or(Timestamp::UNIX_EPOCH))
}

fn strings(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|v| Some(v.as_str()?.to_lowercase()))
        .collect()
}

fn short(host: &str) -> String {
    host.split('.').next().unwrap_or_default().to_lowercase()
}

fn knows(footholds: &[Foothold], kind: FootholdKind, name: &str) -> bool {
    let same = |alias: &str| match kind {
        FootholdKind::Host => short(alias) == short(name),
        FootholdKind::User | FootholdKind::Key | FootholdKind::Address | FootholdKind::App => {
            alias.to_lowercase() == name
        }
    };
    footholds.iter().any(|f| f.kind == kind && f.aliases.iter().any(|alias| same(alias)))
}

/// The truth's accounts and hosts that the log itself names.
fn wanted(truth: &Value) -> Vec<(FootholdKind, String)> {
    let mut wanted = BTreeSet::new();
    let in_log: BTreeSet<String> = strings(&truth["users_in_log"]).into_iter().collect();
    let hosts_in_log: BTreeSet<String> =
        strings(&truth["hosts_in_log"]).iter().map(|h| short(h)).collect();
    let sessions = truth["attacker_sessions"].as_array().into_iter().flatten();
    let of_session = |key: &str, session: &Value| session[key].as_str().map(str::to_lowercase);
    for session in sessions {
        wanted.extend(of_session("user", session).map(|user| (FootholdKind::User, user)));
        wanted.extend(of_session("host", session).map(|host| (FootholdKind::Host, host)));
    }
    wanted.extend(
        strings(&truth["foothold"]["users"]).into_iter().map(|user| (FootholdKind::User, user)),
    );
    wanted.extend(
        strings(&truth["foothold"]["hosts"]).into_iter().map(|host| (FootholdKind::Host, host)),
    );
    let named = |(kind, name): &(FootholdKind, String)| match kind {
        FootholdKind::Host => hosts_in_log.contains(&short(name)),
        FootholdKind::User | FootholdKind::Key | FootholdKind::Address | FootholdKind::App => {
            in_log.contains(name)
        }
    };
    wanted.into_iter().filter(named).collect()
}

#[test]
fn the_intruders_accounts_and_hosts_are_named() {
    let Some(corpus) = corpus() else {
        println!("skipped: the_intruders_accounts_and_hosts_are_named (no corpus)");
        return;
    };
    let text = std::fs::read_to_string(corpus.join("groundtruth.json")).unwrap();
    let truths: Value = serde_json::from_str(&text).unwrap();
    let mut scanner = scanner(&corpus);
    let (mut found, mut missed) = (0, Vec::new());
    for (file, truth) in truths.as_object().unwrap() {
        let wanted = wanted(truth);
        if wanted.is_empty() {
            continue;
        }
        let kept = read(&mut scanner, &corpus.join(file));
        let assessment = judge(&kept, false);
        let backwards = judge(&kept, true);
        assert_eq!(
            format!("{:?}", assessment.footholds),
            format!("{:?}", backwards.footholds),
            "{file}"
        );
        for (kind, name) in wanted {
            if knows(&assessment.footholds, kind, &name) {
                found += 1;
            } else {
                missed.push(format!("{file}: {name}"));
            }
        }
        for name in strings(&truth["not_attacker"]) {
            let kinds = [FootholdKind::User, FootholdKind::Address];
            assert!(
                !kinds.iter().any(|&kind| knows(&assessment.footholds, kind, &name)),
                "{file}: {name}"
            );
        }
    }
    assert!(found >= 20 && missed.len() * 20 <= found, "found {found}, missed {missed:#?}");
}

#[test]
fn a_second_key_made_with_stolen_rights_is_the_intruders_and_the_namesake_is_not() {
    let Some(corpus) = corpus() else {
        println!("skipped: a_second_key_made_with_stolen_rights (no corpus)");
        return;
    };
    let mut scanner = scanner(&corpus);
    let file = corpus.join("cloud/panther_scenario_compromised-root-creds.zip");
    let assessment = judge(&read(&mut scanner, &file), false);
    let keys = assessment.footholds.iter().filter(|f| f.kind == FootholdKind::Key).count();
    assert!(keys >= 2, "{:?}", assessment.footholds);
    assert_eq!(assessment.incidents.len(), 1);
}

#[test]
fn an_ordinary_machine_opens_no_incident() {
    let Some(corpus) = corpus() else {
        println!("skipped: an_ordinary_machine_opens_no_incident (no corpus)");
        return;
    };
    let mut scanner = scanner(&corpus);
    let mut machines: Vec<PathBuf> = std::fs::read_dir(corpus.join("benign"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    machines.sort();
    for machine in machines {
        let assessment = judge(&read(&mut scanner, &machine), false);
        assert!(
            assessment.incidents.is_empty(),
            "{} {:?}",
            machine.display(),
            assessment.footholds
        );
    }
}

/// Files of several hosts and of a cloud, as text.
const TEXTS: [&str; 5] = [
    "windows/mordor/atomic/lateral_movement/empire_psexec_dcerpc_tcp_svcctl.zip",
    "windows/mordor/atomic/credential_access/empire_dcsync_dcerpc_drsuapi_DsGetNCChanges.zip",
    "windows/mordor/LSASS_campaign_03/metasploit_comsvcs_lsass_memory_dump.zip",
    "windows/mordor/atomic/defense_evasion/empire_monologue_netntlm_downgrade.zip",
    "cloud/mordor_ec2_proxy_s3_exfiltration.zip",
];

/// The members of a zip, as text.
fn texts(file: &Path) -> Vec<(String, String)> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(file).unwrap()).unwrap();
    (0..archive.len())
        .filter_map(|number| {
            let mut member = archive.by_index(number).unwrap();
            let mut text = String::new();
            member.read_to_string(&mut text).ok()?;
            Some((member.name().to_owned(), text))
        })
        .collect()
}

fn read_texts(scanner: &mut Scanner, texts: &[(String, String)]) -> Kept {
    let mut kept = Kept::default();
    let input = |(name, text): &(String, String)| Input::Bytes {
        name: name.clone(),
        bytes: text.clone().into_bytes(),
    };
    let inputs: Vec<Input> = texts.iter().map(input).collect();
    scanner.forget();
    scanner.scan_all(&inputs, &mut kept);
    kept
}

#[test]
fn renaming_every_name_in_a_log_renames_the_footholds() {
    let Some(corpus) = corpus() else {
        println!("skipped: renaming_every_name_in_a_log_renames_the_footholds (no corpus)");
        return;
    };
    let mut scanner = scanner(&corpus);
    for file in TEXTS {
        let before = texts(&corpus.join(file));
        let judged = judge(&read_texts(&mut scanner, &before), false);
        assert!(!judged.footholds.is_empty(), "{file}");
        let renaming = Renaming::of(&judged);
        assert!(renaming.len() >= 3, "{file}: {}", renaming.len());
        let after: Vec<(String, String)> =
            before.iter().map(|(name, text)| (name.clone(), renaming.apply(text))).collect();
        let renamed = judge(&read_texts(&mut scanner, &after), false);
        let told = |judged: &Assessment, rename: &dyn Fn(&str) -> String| -> BTreeSet<String> {
            let line = |f: &Foothold| {
                format!("{} {:?} {:.3}", rename(f.node.as_str()), f.kind, f.probability)
            };
            judged.footholds.iter().map(line).collect()
        };
        let expect = told(&judged, &|id| renaming.apply(id));
        assert_eq!(told(&renamed, &str::to_owned), expect, "{file}");
        let changed =
            judged.footholds.iter().filter(|f| renaming.apply(f.node.as_str()) != f.node.as_str());
        assert!(
            changed.count() * 2 > judged.footholds.len(),
            "{file}: hardly anything was renamed"
        );
    }
}

#[test]
fn neither_the_order_of_files_nor_threads_nor_chunks_show() {
    let Some(corpus) = corpus() else {
        println!("skipped: neither_the_order_of_files_nor_threads_nor_chunks_show (no corpus)");
        return;
    };
    let all: Vec<(String, String)> =
        TEXTS.iter().skip(1).flat_map(|file| texts(&corpus.join(file))).collect();
    let told = |scanner: &mut Scanner, texts: &[(String, String)]| {
        let judged = judge(&read_texts(scanner, texts), false);
        format!("{:#?} {:#?}", judged.incidents, judged.footholds)
    };
    let mut one = scanner(&corpus);
    let expect = told(&mut one, &all);
    let mut turned = all;
    turned.reverse();
    assert!(told(&mut one, &turned) == expect, "files in reverse order");
    for (threads, sheet) in [(1, 1000), (2, 777), (3, 100_000)] {
        let threads = std::num::NonZeroUsize::new(threads).unwrap();
        let mut other = scanner(&corpus).with_threads(threads).with_sheets(sheet);
        turned.rotate_left(1);
        assert!(told(&mut other, &turned) == expect, "{threads} threads, sheets of {sheet}");
    }
}
