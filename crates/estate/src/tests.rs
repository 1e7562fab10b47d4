//! Whole folders in memory: what they load as, and how they are refused.

mod refusals;
mod retailer;

use std::path::{Path, PathBuf};

use cordon_model::Money;
use cordon_model::estate::Mode;
use cordon_model::kind::default_withdrawals;
use cordon_model::link::{Direction, LINK_KINDS, LinkKind, OURS};
use cordon_model::signal::Problem;

use crate::{Loaded, check, parse, parse_files, read, to_files};

fn shown(problems: &[Problem]) -> Vec<String> {
    let line = |p: &Problem| {
        let place = if p.place.is_empty() { String::new() } else { format!(" {}", p.place) };
        format!("{}{place}: {} [{}]", p.file, p.what, p.remedy)
    };
    problems.iter().map(line).collect()
}

#[track_caller]
fn loaded(files: &[(&str, &str)]) -> Loaded {
    parse(files).unwrap_or_else(|problems| panic!("{}", shown(&problems).join("\n")))
}

/// The estates that are handed out beside the project, where they are.
fn given_estates() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/estates");
    root.is_dir().then_some(root)
}

/// One small estate that uses every table.
const EVERYTHING: &[(&str, &str)] = &[
    (
        "cordon.toml",
        r#"
data = "data"
[console]
listen = "127.0.0.1:8443"
[retention]
events_days = 30
[[connector]]
name = "directory"
kind = "range"
handles = ["disable-account", "end-sessions"]
enforcer = "host:dc1"
[[connector]]
name = "vdi-broker"
kind = "range"
enforcer = "host:vdi-broker"
[[source]]
name = "pgaudit:members"
path = "logs/members"
format = "pgaudit"
"#,
    ),
    (
        "estate/a.toml",
        r#"
[estate]
name = "North \"& Co\""
currency = "EUR"
horizon_hours = 12

[[node]]
id = "user:helpdesk-04"
name = "Help desk, fourth seat"
aliases = ["NORTH\\helpdesk-04", "S-1-5-21-1-2-3-1104"]
tags = ["help-desk"]

[[node]]
id = "desktops:head-office"
aliases = ["a;b"]
needs = "host:vdi-broker and 1 of (host:dc1, host:dc2 or app:pos)"

[[link]]
from = "user:helpdesk-04"
to = "desktops:head-office"
kind = "CanReset"
seconds = 7

[[service]]
id = "tills"
name = "Tills in all stores"
needs = "app:pos and (flow:tills>acquirer-a or flow:tills>acquirer-b)"
protected = true
cost_per_hour = 900000.5
probe = "tcp://10.20.0.5:8443"

[[holding]]
node = "db:members"
categories = ["name", "date-of-birth"]
people = 6500000
loss = 14000000
must_hold = true
copies = ["db:members-replica"]

[[coverage]]
holding = "db:members"
source = "pgaudit:members"

[[cap]]
kind = "disable-account"
most = 500

[[asset]]
node = "host:dc1"
loss = 50000000
must_hold = true

[[asset]]
node = "db:members"
loss = 10

[[withdrawal]]
id = "close-desktops"
kind = "close-desktops"
mode = "refuse"
stops = true
removes = ["desktops:head-office"]
cost = 2000
cost_per_hour = 15000
enforcer = "host:vdi-broker"
connector = "vdi-broker"
"#,
    ),
    (
        "estate/nodes.csv",
        "\u{feff}id,kind,name,aliases,tags\r\nhost:dc1,host,\"First, of two\",DC1;10.0.0.1,tier-0;core\r\nhost:dc2,,,,\r\nhost:vdi-broker,host,,,\r\napp:pos,app,,,never-touch\r\nflow:tills>acquirer-a,flow,,,\r\nflow:tills>acquirer-b,flow,,,\r\ndb:members,db,,,\r\ndb:members-replica,db,,,\r\nsession:1,session,,,\r\n",
    ),
    (
        "estate/links.csv",
        "from,to,kind\napp:pos,host:dc2,RunsOn\ndb:members-replica,db:members,CopyOf\nhost:dc1,db:members,Own Kind\n",
    ),
    (
        "estate/withdrawals.csv",
        "id,kind,removes,cost,cost_per_hour,stops,enforcer,mode\nend-1,end-sessions,session:1,1,2,,,\nboth,own,host:dc1;host:dc2,1.50,0,false,host:vdi-broker,\nlast,own,session:1,,,,,end\n",
    ),
];

#[test]
fn every_table_is_read() {
    let Loaded { estate, config, warnings } = loaded(EVERYTHING);
    assert_eq!(shown(&warnings), [""; 0]);
    assert_eq!(
        (estate.name(), estate.currency(), estate.horizon_hours()),
        ("North \"& Co\"", "EUR", 12)
    );
    assert_eq!(config.data, Some("data".into()));
    let node = |id: &str| estate.find(id).unwrap();
    assert_eq!(estate.node(node("host:dc1")).label(), "First, of two");
    assert_eq!(estate.node(node("desktops:head-office")).aliases, ["a;b".into()]);
    let link = estate.links().iter().find(|link| link.from == node("user:helpdesk-04")).unwrap();
    assert_eq!(link.seconds, 7);
    let service = estate.service(estate.find_service("tills").unwrap());
    assert_eq!((service.protected, service.cost_per_hour), (true, Money(90_000_050)));
    let asset = estate.assets().iter().find(|asset| asset.node == node("db:members")).unwrap();
    assert_eq!((asset.loss, asset.copies.len()), (Money::units(14_000_010), 1));

    let withdrawal = |id: &str| estate.withdrawal(estate.find_withdrawal(id).unwrap());
    let ids = [
        ("end-1", Mode::End, false, Some("host:dc1"), Some("directory")),
        ("both", Mode::Refuse, false, Some("host:vdi-broker"), None),
        ("last", Mode::End, false, None, None),
        ("close-desktops", Mode::Refuse, true, Some("host:vdi-broker"), Some("vdi-broker")),
        (
            "disable-account/user:helpdesk-04",
            Mode::Refuse,
            true,
            Some("host:dc1"),
            Some("directory"),
        ),
    ];
    for (id, mode, stops, enforcer, connector) in ids {
        let w = withdrawal(id);
        let enforcer = enforcer.map(node);
        assert_eq!(
            (w.mode, w.stops, w.enforcer, w.connector.as_deref()),
            (mode, stops, enforcer, connector),
            "{id}"
        );
    }
    // The declared one of the same kind and node replaces the default.
    assert!(estate.find_withdrawal("close-desktops/desktops:head-office").is_none());
}

#[test]
fn files_may_come_in_any_order() {
    let forwards = loaded(EVERYTHING);
    let mut files = EVERYTHING.to_vec();
    files.reverse();
    assert_eq!(loaded(&files), forwards);
    let renamed: Vec<(&str, &str)> = EVERYTHING
        .iter()
        .map(|&(name, text)| (if name == "estate/a.toml" { "estate/z.toml" } else { name }, text))
        .collect();
    assert_eq!(loaded(&renamed).estate, forwards.estate);
}

#[track_caller]
fn check_round_trip(name: &str, loaded: &Loaded) {
    let files = to_files(&loaded.estate, &loaded.config);
    let again = parse_files(&files).unwrap_or_else(|p| panic!("{name}: {}", shown(&p).join("\n")));
    assert!(again.estate == loaded.estate, "{name} reads back as another estate");
    assert_eq!(again.config.connectors, loaded.config.connectors, "{name}");
    assert_eq!(again.config.sources, loaded.config.sources, "{name}");
    assert_eq!(to_files(&again.estate, &again.config), files, "{name}");
}

#[test]
fn what_is_written_reads_back() {
    check_round_trip("everything", &loaded(EVERYTHING));
    check_round_trip("empty", &loaded(&[("estate.toml", "")]));
}

#[test]
fn given_estates_load_and_are_written_back() {
    let Some(root) = given_estates() else {
        println!("skipped: given_estates_load_and_are_written_back (no corpus)");
        return;
    };
    for (name, nodes, links, withdrawals) in [
        ("retail_1k", 1_295, 7_391, 1_258),
        ("retail_1k_caps", 1_295, 7_391, 1_258),
        ("retail_1k_costly", 1_295, 7_391, 1_258),
        ("retail_10k", 10_851, 74_337, 10_700),
        ("adsynth_1k", 1_279, 9_211, 1_292),
        ("adsynth_10k", 16_271, 160_108, 16_465),
    ] {
        let loaded = read(&root.join(name)).unwrap_or_else(|p| panic!("{}", shown(&p).join("\n")));
        let estate = &loaded.estate;
        let counts = (estate.nodes().len(), estate.links().len(), estate.withdrawals().len());
        assert_eq!(counts, (nodes, links, withdrawals), "{name}");
        assert_eq!(shown(&loaded.warnings), [""; 0], "{name}");
        check_round_trip(name, &loaded);
    }
}

#[test]
fn folders_that_hold_no_estate_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    let refusal = |path: &Path| {
        let problems = check(path).problems;
        problems.iter().map(|p| p.what.clone()).collect::<Vec<_>>()
    };
    assert_eq!(refusal(&at("nothing")), ["there is no such folder"]);
    assert_eq!(refusal(root.path()), ["there is no folder `estate` in it"]);
    std::fs::create_dir(at("estate")).unwrap();
    assert_eq!(refusal(root.path()), ["the estate folder is empty"]);
    std::fs::write(at("estate/a.toml"), b"[estate]\nname = 'x'\n# \xff\n").unwrap();
    std::fs::write(at("estate/node.csv"), "id\n").unwrap();
    assert_eq!(refusal(&at("estate")), ["this is the estate folder itself"]);
    let findings = check(root.path());
    let what: Vec<(&str, &str)> =
        findings.problems.iter().map(|p| (p.place.as_str(), p.what.as_str())).collect();
    assert_eq!(what, [("line 3", "the file is not UTF-8")]);
    assert_eq!(findings.warnings[0].remedy, "did you mean `nodes.csv`?");
}

#[test]
fn rules_and_notices_are_located() {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("estate/a.toml", ""),
        ("rules/deep/b.yml", ""),
        ("rules/a.yaml", ""),
        ("rules/readme.md", ""),
        ("notices/letter.md", ""),
        ("authority.cedar", ""),
    ] {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let config = read(root.path()).unwrap().config;
    let names = |paths: &[PathBuf]| {
        let name = |path: &PathBuf| path.strip_prefix(root.path()).unwrap().display().to_string();
        paths.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names(&config.rules), ["rules/a.yaml", "rules/deep/b.yml"]);
    assert_eq!(names(&config.notices), ["notices/letter.md"]);
    assert!(config.authority.is_some());
}

#[test]
fn the_documentation_shows_the_tables_as_they_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/withdrawals.md");
    let text = std::fs::read_to_string(root).unwrap();
    let ours = |link: &&LinkKind| link.source == OURS;
    for link in LINK_KINDS.iter().filter(ours) {
        let control = match link.direction {
            Direction::Forward => "from → to",
            Direction::BackwardAndNeeds => "to → from; from needs to",
            Direction::DataOnly => "none: data only",
            Direction::NoControl => "none: kept only",
        };
        let row = format!("| {} | {control} | {} | {} |", link.name, link.seconds, link.meaning);
        assert!(text.contains(&row), "no row {row}");
    }
    for kind in [
        "user",
        "service-account",
        "svcacct",
        "host",
        "server",
        "workstation",
        "desktops",
        "flow",
        "database-role",
        "role",
        "app",
        "key",
        "token",
    ] {
        for default in default_withdrawals(kind) {
            let mode = if default.mode == Mode::End { "end" } else { "refuse" };
            let (cost, per_hour) = (default.cost.0 / 100, default.cost_per_hour.0 / 100);
            let row = format!("| `{}` | {mode} | {cost} | {per_hour} |", default.kind);
            let found =
                text.lines().any(|line| line.contains(&format!("`{kind}`")) && line.contains(&row));
            assert!(found, "no row for {kind}: {row}");
        }
    }
}

#[test]
fn examples_of_the_documentation_load() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/estate.md");
    let text = std::fs::read_to_string(root).unwrap();
    let blocks: Vec<&str> =
        text.split("```toml\n").skip(1).filter_map(|b| b.split("```").next()).collect();
    assert_eq!(blocks.len(), 8);
    let (config, estate) = blocks.split_last().unwrap();
    let nodes = "id\ngroup:password-reset\napp:reset-tool\napp:pos\nflow:tills>pos\ndb:members\ndb:members-replica\n\
                 backup:members\ndirectory:north\ndesktops:head-office\ndesktops:stores\nhost:vdi-broker\nhost:dc10\n";
    let estate = estate.concat();
    let files = [("estate/a.toml", estate.as_str()), ("estate/nodes.csv", nodes)];
    let warnings = loaded(&files).warnings;
    assert_eq!(warnings.len(), 1, "{:?}", shown(&warnings));
    assert!(warnings[0].what.contains("`vdi-broker` is not declared"));
    let config = format!("{config}\n[[connector]]\nname = \"vdi-broker\"\nkind = \"range\"\n");
    let files = [files[0], files[1], ("cordon.toml", config.as_str())];
    assert_eq!(shown(&loaded(&files).warnings), [""; 0]);
}
