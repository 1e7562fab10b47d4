//! Prints figures: `cargo test -p cordon-connectors --features real --test real_directory --
//! --ignored --nocapture`.

use std::time::Instant;

use cordon_connectors::Site;
use cordon_model::NodeId;
use cordon_model::action::{Access, Act, Answer, Finding};
use cordon_testbed::samba::BASE;
use serde_json::json;

use crate::bed::Bed;
use crate::directory::{Cut, site};

/// What is measured.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Look, refuse, look again.
    Raise,
    Probe,
    /// Look, restore, look again.
    Lift,
}

#[test]
#[ignore = "measures, asserts nothing; the command stands above"]
fn figures() {
    let Some(bed) = Bed::start("figures") else { return };
    let staff = format!("OU=Staff,{BASE}");
    let names: Vec<String> = (0..1000).map(|number| format!("u{number:04}")).collect();
    for some in names.chunks(100) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        bed.samba.add_users(&staff, &some).unwrap();
    }
    let nodes: Vec<String> = names.iter().map(|name| format!("user:{name}")).collect();
    let aliases: Vec<String> = names.iter().map(|name| format!("{name}@cordon.test")).collect();
    let aliases: Vec<[&str; 1]> = aliases.iter().map(|alias| [alias.as_str()]).collect();
    let known: Vec<(&str, &[&str])> =
        nodes.iter().zip(&aliases).map(|(node, alias)| (node.as_str(), alias.as_slice())).collect();
    let site = site(bed.samba.folder(), bed.settings.clone(), &known);

    let mut call = Vec::new();
    let (mut bind, mut ticket) = (Vec::new(), Vec::new());
    let mut cut = Cut::new(&site, "disable-account", &[]);
    for name in &names[..200] {
        cut.targets = vec![NodeId::parse(&format!("user:{name}")).unwrap()];
        let prior = cut.look();
        let at = Instant::now();
        assert_eq!(cut.act(Act::Refuse, &prior), [Answer::Done]);
        call.push(at.elapsed());
        assert!(!bed.samba.binds(name));
        bind.push(at.elapsed());
        assert!(bed.samba.kinit(name).is_err());
        ticket.push(at.elapsed());
        assert_eq!(cut.act(Act::Restore, &prior), [Answer::Done]);
    }
    for (what, mut times) in
        [("call", call), ("refused bind", bind), ("then refused kinit", ticket)]
    {
        times.sort();
        println!("200 accounts, refuse to {what}: p50 {:?}, p99 {:?}", times[99], times[197]);
    }
    for size in [1, 64] {
        let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
        for step in [Step::Raise, Step::Probe, Step::Lift] {
            let at = Instant::now();
            std::thread::scope(|scope| {
                for lane in nodes.chunks(250) {
                    scope.spawn(|| in_one_lane(&site, lane, size, step));
                }
            });
            println!("1,000 accounts, 4 lanes, {size} in a call, {step:?}: {:?}", at.elapsed());
        }
    }
}

fn in_one_lane(site: &Site, nodes: &[&str], size: usize, step: Step) {
    let mut cut = Cut::new(site, "disable-account", &[]);
    for some in nodes.chunks(size) {
        cut.targets = some.iter().map(|id| NodeId::parse(id).unwrap()).collect();
        let done = vec![Answer::Done; some.len()];
        match step {
            Step::Raise => {
                let prior = cut.look();
                assert_eq!(cut.act(Act::Refuse, &prior), done);
                assert!(cut.access().iter().all(|access| *access == Access::Refused));
            }
            Step::Probe => assert!(cut.probe().iter().all(|finding| *finding == Finding::Holds)),
            Step::Lift => {
                let mut prior = cut.look();
                prior.iter_mut().for_each(|seen| seen.state["userAccountControl"] = json!("512"));
                assert_eq!(cut.act(Act::Restore, &prior), done);
                assert!(cut.access().iter().all(|access| *access == Access::Open));
            }
        }
    }
}
