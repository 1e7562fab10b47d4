//! The drill is honest: what the intruder reaches is what a plain search reaches.

use std::sync::Arc;

use cordon_connectors::range::{Range, Switch};
use cordon_estate::generate::RETAILER_CORE;
use cordon_model::estate::Mode;
use cordon_model::outage::NodeSet;
use cordon_model::reach::ControlGraph;
use cordon_model::{Estate, NodeIx, Timestamp};

use super::ground::{Ground, Occupied};
use super::intruder::{Intruder, Move, Terrain as _};

fn core() -> Arc<Estate> {
    Arc::new(cordon_estate::parse(&RETAILER_CORE).unwrap().estate)
}

/// Closes what a withdrawal removes, as a raised and ended cordon leaves it.
fn close(range: &Range, estate: &Estate, removes: &[NodeIx], stops: bool) {
    let switch = Switch { closed: true, by: None, stops, ..Switch::default() };
    for &node in removes {
        range.set_switch(estate.id(node), "test", switch.clone());
    }
}

#[test]
fn the_intruder_reaches_an_asset_exactly_when_a_plain_search_does() {
    let estate = core();
    let graph = ControlGraph::new(&estate);
    let users: Vec<NodeIx> = (0..)
        .map(NodeIx)
        .zip(estate.nodes())
        .filter(|(_, node)| matches!(node.id.kind(), "user" | "host" | "key" | "service-account"))
        .map(|(index, _)| index)
        .collect();
    let refuses: Vec<_> = estate.withdrawals().iter().filter(|w| w.mode == Mode::Refuse).collect();
    let (mut some, mut none) = (0, 0);
    for seed in 0..100 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let ground = Ground::new(Arc::clone(&estate));
        let mut blocked = NodeSet::new(estate.nodes().len());
        let cuts = dice.usize(0..12);
        for _ in 0..cuts {
            let cut = refuses[dice.usize(0..refuses.len())];
            close(&ground.range, &estate, &cut.removes, cut.stops);
            for &node in &cut.removes {
                blocked.insert(node);
            }
        }
        let entry = users[dice.usize(0..users.len())];
        let reached = graph.reach([entry], [], &blocked);
        let occupied = Occupied::new(ground.clone());
        let mut intruder =
            Intruder::new(&estate, &graph, &[entry], Timestamp::UNIX_EPOCH, seed).hurried();
        let mut won = NodeSet::new(estate.nodes().len());
        for _ in 0..20_000 {
            for step in intruder.act(&occupied) {
                if let Move::Enters(node) | Move::Gains { to: node, .. } = step {
                    occupied.occupy(node);
                    won.insert(node);
                }
            }
            if intruder.is_done() {
                break;
            }
        }
        assert!(intruder.is_done(), "seed {seed}: the intruder did not come to an end");
        for place in estate.assets().iter().flat_map(|asset| asset.places()) {
            let expected = reached.contains(place);
            assert_eq!(won.contains(place), expected, "seed {seed}: {}", estate.id(place));
            *(if expected { &mut some } else { &mut none }) += 1;
        }
    }
    assert!(some > 50 && none > 50, "the cordons must cut some paths and leave others");
}

#[test]
fn a_refused_account_works_on_until_its_sessions_are_ended() {
    let estate = core();
    let ground = Ground::new(Arc::clone(&estate));
    let occupied = Occupied::new(ground.clone());
    let user = estate.find("user:p.lindqvist").unwrap();
    occupied.occupy(user);
    close(&ground.range, &estate, &[user], true);
    assert!(occupied.holds(user) && !ground.holds(user));
}
