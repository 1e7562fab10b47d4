//! The sample estate: it loads, it is what it says, and its story can happen and be stopped.

use cordon_model::Estate;
use cordon_model::ids::NodeIx;
use cordon_model::outage::{NodeSet, Outage};
use cordon_model::reach::ControlGraph;

use super::{check_round_trip, loaded, shown};
use crate::generate::{RETAILER_CORE, Scale, retailer};
use crate::{parse_files, read};

fn core() -> Estate {
    let loaded = loaded(&RETAILER_CORE);
    assert_eq!(shown(&loaded.warnings), [""; 0]);
    loaded.estate
}

/// Seconds until each hard asset falls to an intruder who starts at one node, `removed` being gone.
fn falls(estate: &Estate, start: &str, removed: &[&str]) -> Vec<(String, Option<u64>)> {
    let node = |id: &&str| estate.find(id).unwrap_or_else(|| panic!("no node {id}"));
    let nodes = estate.nodes().len();
    let blocked = NodeSet::from_nodes(nodes, removed.iter().map(node));
    let reach = ControlGraph::new(estate).reach([node(&start)], [], &blocked);
    let hard = estate.assets().iter().filter(|asset| asset.must_hold);
    let first = |places: Vec<NodeIx>| places.into_iter().filter_map(|at| reach.seconds(at)).min();
    hard.map(|asset| (estate.id(asset.node).to_string(), first(asset.places().collect()))).collect()
}

#[test]
fn the_core_on_disk_is_the_one_built_in() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../estates/retailer");
    let on_disk = read(&root).unwrap_or_else(|p| panic!("{}", shown(&p).join("\n")));
    assert_eq!(on_disk.estate, core());
    assert_eq!(shown(&on_disk.warnings), [""; 0]);
}

#[test]
fn a_reset_account_can_come_to_control_every_hard_asset_but_payment() {
    let estate = core();
    let falls = falls(&estate, "user:p.lindqvist", &[]);
    assert_eq!(falls.len(), 12);
    for (asset, seconds) in falls {
        let minutes = seconds.map(|seconds| seconds / 60);
        if asset == "app:payment-switch" || asset == "db:tokens" {
            assert_eq!(minutes, None, "{asset}");
            continue;
        }
        // A response after half an hour comes too late for some, in time for most.
        assert!(
            minutes.is_some_and(|m| (20..=90).contains(&m)),
            "{asset} falls after {minutes:?} min"
        );
    }
}

#[test]
fn shutting_one_way_to_member_data_leaves_others() {
    let estate = core();
    let members = |removed: &[&str]| {
        let falls = falls(&estate, "user:p.lindqvist", removed);
        falls.into_iter().find(|(asset, _)| asset == "db:members").and_then(|(_, at)| at)
    };
    let mut shut = Vec::new();
    let mut last = members(&shut).unwrap();
    for way in [
        "database-role:members-report",
        "key:cloud-export",
        "user:t.haldane",
        "database-role:members-app",
        "database-role:members-shop",
        "app:backup",
    ] {
        shut.push(way);
        let next = members(&shut).unwrap_or_else(|| panic!("{way} shut the last way"));
        assert!(next >= last, "{way} made it quicker");
        last = next;
    }
}

#[test]
fn sensible_cuts_hold_everything_and_keep_the_protected_services() {
    let estate = core();
    for (start, cuts) in [
        ("user:p.lindqvist", &["user:p.lindqvist"][..]),
        ("user:p.lindqvist", &["flow:vpn>desktops"]),
        ("host:vdi-ho-02", &["user:adm-k.osei", "flow:desktops>files", "flow:desktops>apps"]),
        ("user:helpdesk-04", &["app:reset-tool", "flow:vpn>desktops"]),
        ("user:w.okafor", &["app:rmm", "desktops:head-office"]),
        ("host:jump-1", &["host:jump-1"]),
    ] {
        for (asset, seconds) in falls(&estate, start, cuts) {
            assert_eq!(seconds, None, "{asset} falls from {start} with {cuts:?} cut");
        }
        let outage = Outage::of(&estate, cuts.iter().filter_map(|id| estate.find(id)));
        let stopped = outage.stopped.iter().map(|&service| estate.service(service));
        let protected: Vec<_> = stopped.filter(|s| s.protected).map(|s| s.id.as_str()).collect();
        assert_eq!(protected, [""; 0], "{cuts:?}");
    }
}

#[test]
fn every_holding_and_copy_has_a_log_and_every_name_its_spellings() {
    let estate = core();
    for holding in estate.holdings() {
        for place in std::iter::once(holding.node).chain(holding.copies.iter().copied()) {
            let covered = estate.coverage().iter().any(|coverage| coverage.holding == place);
            assert!(covered, "no log for {}", estate.id(place));
        }
    }
    for node in estate.nodes() {
        let has = |is: &dyn Fn(&str) -> bool| node.aliases.iter().any(|alias| is(alias));
        match node.id.kind() {
            "user" | "service-account" => {
                assert!(has(&|a| a.starts_with("NORTH\\")), "{}", node.id);
                assert!(has(&|a| a.ends_with("@north.example")), "{}", node.id);
                assert!(has(&|a| a.starts_with("S-1-5-21-")), "{}", node.id);
            }
            "host" => {
                assert!(has(&|a| a.ends_with(".north.example")), "{}", node.id);
                assert!(has(&|a| a.starts_with("10.")), "{}", node.id);
            }
            _ => {}
        }
    }
}

#[test]
fn generation_is_deterministic_and_has_the_size_it_was_asked_for() {
    let small = retailer(7, Scale::SMALL);
    assert_eq!(small, retailer(7, Scale::SMALL));
    assert_ne!(small, retailer(8, Scale::SMALL));

    let full = parse_files(&retailer(1, Scale::FULL));
    let full = full.unwrap_or_else(|p| panic!("{}", shown(&p).join("\n")));
    assert_eq!(shown(&full.warnings), [""; 0]);
    let count = |starts: &str, ends: &str| {
        let ids = full.estate.nodes().iter().map(|node| node.id.as_str());
        ids.filter(|id| id.starts_with(starts) && id.ends_with(ends)).count()
    };
    assert_eq!(
        count("host:s0", "-srv") + count("host:s1", "-srv") + count("host:s2", "-srv"),
        2_300
    );
    assert_eq!(count("host:f0", "-pc"), 800);
    assert_eq!(
        count("user:", "") - core().nodes().iter().filter(|n| n.id.kind() == "user").count(),
        60_000
    );
}

#[test]
fn a_generated_estate_is_written_and_read_back() {
    for scale in [Scale::SMALL, Scale { stores: 0, funeral_homes: 0, staff: 130 }] {
        let loaded = parse_files(&retailer(3, scale));
        let loaded = loaded.unwrap_or_else(|p| panic!("{}", shown(&p).join("\n")));
        check_round_trip("small", &loaded);
    }
}

#[test]
fn one_store_may_close_but_not_one_in_ten() {
    let loaded = parse_files(&retailer(1, Scale { stores: 100, funeral_homes: 1, staff: 0 }));
    let estate = loaded.unwrap_or_else(|p| panic!("{}", shown(&p).join("\n"))).estate;
    let stopped = |stores: u32| {
        let servers =
            (1..=stores).filter_map(|store| estate.find(&format!("host:s{store:04}-srv")));
        Outage::of(&estate, servers).stopped.len()
    };
    assert_eq!((stopped(1), stopped(5), stopped(6)), (0, 0, 1));
}

#[test]
fn a_machine_of_a_store_reaches_the_tills_of_all_unless_its_site_is_cut_off() {
    let loaded = parse_files(&retailer(1, Scale::SMALL));
    let estate = loaded.unwrap_or_else(|p| panic!("{}", shown(&p).join("\n"))).estate;
    let pos = |removed: &[&str]| {
        let falls = falls(&estate, "host:s0001-pc", removed);
        falls.into_iter().find(|(asset, _)| asset == "app:pos").and_then(|(_, at)| at)
    };
    assert!(pos(&[]).is_some_and(|seconds| seconds > 4 * 3600));
    assert_eq!(pos(&["zone:store-0001"]), None);
    let site = estate.withdrawal(estate.find_withdrawal("isolate-site/zone:store-0001").unwrap());
    assert_eq!(site.connector.as_deref(), Some("firewall"));
}
