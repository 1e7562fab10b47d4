//! One plan over every real system that runs here: raised, proven, lifted, and every system's
//! whole state is as it was, attribute by attribute.
//!
//! What a machine lacks is skipped and told; at least two systems must be there.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells what it skips and measures"
)]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each of the tests that share the bed uses a part of it"
)]

mod bed;

use std::collections::BTreeMap;
use std::time::Instant;

use bed::parts::{
    Attributes, Part, configure, database, differences, directory, firewall, hypervisor,
    linux_host, provider, provisioning, range,
};
use bed::{Folders, words};
use cordon_execute::Stage;

fn start() -> Vec<Part> {
    let mut parts = vec![range()];
    for (name, part) in [
        ("directory", directory()),
        ("database", database()),
        ("firewall", firewall()),
        ("linux-host", linux_host()),
        ("hypervisor", hypervisor()),
        ("scim", provisioning()),
        ("sessions", provider()),
    ] {
        match part {
            Ok(part) => parts.push(part),
            Err(missing) => println!("skipped: {name} ({missing})"),
        }
    }
    parts
}

#[test]
fn one_plan_over_every_system_is_raised_and_lifted_without_a_trace() {
    let parts = start();
    if parts.len() < 3 {
        println!("skipped: every system (fewer than two are here)");
        return;
    }
    let folders = Folders::new();
    configure(&folders, &parts.iter().collect::<Vec<_>>());
    let check = folders.run(&["connector", "preflight"]);
    println!("{}", words(&check));
    let footholds: Vec<String> = parts.iter().flat_map(Part::footholds).collect();
    let plan = folders.plan(&footholds);
    let rehearsal = folders.run(&["raise", &plan, "--dry-run"]);
    assert!(rehearsal.status.success(), "{}", words(&rehearsal));

    // The firewall's own table is there once it has been asked to act; the rest is untouched.
    let before: BTreeMap<&str, Attributes> =
        parts.iter().map(|part| (part.name, (part.state)(&folders))).collect();
    for part in &parts {
        assert!(!(part.is_closed)(&folders), "{} is closed before anything is raised", part.name);
        part.audit.iter().for_each(|audit| drop(audit()));
    }
    let began = Instant::now();
    let raised = folders.run(&["raise", &plan, "--confirm", "p1"]);
    let took = began.elapsed();
    assert!(raised.status.success(), "{}", words(&raised));
    println!("{}raised in {} ms", words(&raised), took.as_millis());
    for part in &parts {
        assert!((part.is_closed)(&folders), "{} is not closed", part.name);
    }
    assert!(folders.all(&[Stage::Verified, Stage::Effective]));

    let began = Instant::now();
    let lifted = folders.run(&["lift", "--all", "--by", "ann"]);
    assert!(lifted.status.success(), "{}", words(&lifted));
    println!("lifted in {} ms", began.elapsed().as_millis());
    for part in &parts {
        let after = (part.state)(&folders);
        println!("{}: {} attributes compared", part.name, after.len());
        assert_eq!(differences(&before[part.name], &after), [] as [String; 0], "{}", part.name);
        assert!(!(part.is_closed)(&folders), "{} is still closed", part.name);
    }
    assert!(folders.all(&[Stage::Lifted]));
    folders.verify();
}
