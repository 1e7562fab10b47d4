//! A changed planner answers as one laid out over the changed estate, whoever asks and in whatever order.

use cordon_estate::synthetic::{Shape, generate};
use cordon_model::Money;
use cordon_model::estate::{Estate, EstateBuilder};
use cordon_model::ids::{NodeId, NodeIx, ServiceIx, WithdrawalIx};
use cordon_model::plan::PlanDocument;

use super::random::{Question, Stream};
use crate::labels::Labels;
use crate::network::Network;
use crate::{Change, ChangeError, Foothold, Planner, Request};

fn node(stream: &mut Stream, estate: &Estate) -> NodeIx {
    NodeIx(u32::try_from(stream.below(estate.nodes().len() as u64)).unwrap())
}

/// A change that can be written into an estate, with the estate that has it.
fn changed(stream: &mut Stream, estate: &Estate) -> Option<(Change, Estate)> {
    let mut builder = EstateBuilder::from_estate(estate);
    let price = |stream: &mut Stream| Money(i64::try_from(stream.below(6000)).unwrap());
    let change = match stream.below(4) {
        0 if !estate.withdrawals().is_empty() => {
            let at = usize::try_from(stream.below(estate.withdrawals().len() as u64)).unwrap();
            let (cost, cost_per_hour) = (price(stream), price(stream));
            builder.withdrawals[at].cost = cost;
            builder.withdrawals[at].cost_per_hour = cost_per_hour;
            let withdrawal = WithdrawalIx(u32::try_from(at).unwrap());
            Change::Cost { withdrawal, cost, cost_per_hour }
        }
        1 if !estate.services().is_empty() => {
            let at = usize::try_from(stream.below(estate.services().len() as u64)).unwrap();
            let cost_per_hour = if stream.below(3) == 0 { Money::ZERO } else { price(stream) };
            builder.services[at].cost_per_hour = cost_per_hour;
            Change::StopCost { service: ServiceIx(u32::try_from(at).unwrap()), cost_per_hour }
        }
        _ => {
            let (from, to) = (node(stream, estate), node(stream, estate));
            if from == to || estate.links().iter().any(|l| (l.from, l.to) == (from, to)) {
                return None;
            }
            builder.add_link(from, to, "AdminTo", Some(75));
            Change::AddLink { from, to, seconds: 75 }
        }
    };
    Some((change, builder.finish().ok()?))
}

fn undone(change: Change, before: &Estate) -> Change {
    match change {
        Change::AddLink { from, to, seconds } => Change::RemoveLink { from, to, seconds },
        Change::Cost { withdrawal, .. } => {
            let old = before.withdrawal(withdrawal);
            let (cost, cost_per_hour) = (old.cost, old.cost_per_hour);
            Change::Cost { withdrawal, cost, cost_per_hour }
        }
        Change::StopCost { service, .. } => {
            Change::StopCost { service, cost_per_hour: before.service(service).cost_per_hour }
        }
        Change::RemoveLink { from, to, seconds } => Change::AddLink { from, to, seconds },
    }
}

#[test]
fn equal_to_a_planner_over_the_changed_estate() {
    let mut tried = [0; 3];
    for seed in 1..=600 {
        let question = Question::random(seed);
        let request = question.request();
        let mut stream = Stream::new(seed ^ 0x5eed);
        let before = EstateBuilder::from_estate(&question.estate).finish().unwrap();
        let Some((change, after)) = changed(&mut stream, &before) else { continue };
        tried[match change {
            Change::Cost { .. } => 0,
            Change::StopCost { .. } => 1,
            Change::AddLink { .. } | Change::RemoveLink { .. } => 2,
        }] += 1;
        let mut planner = Planner::new(&before);
        let first = planner.plan(&request);
        planner.change(change).unwrap();
        let cold = Planner::new(&after).plan(&request);
        assert_eq!(planner.plan(&request), cold, "seed {seed}: {change:?}");
        planner.change(undone(change, &before)).unwrap();
        assert_eq!(planner.plan(&request), first, "seed {seed}: {change:?} undone");
    }
    assert!(tried.iter().all(|&times| times > 40), "{tried:?}");
}

#[test]
fn labels_stay_those_of_a_fresh_start_while_links_come_and_go() {
    let made = generate(Shape::Tree, 3, 1_000, 1).unwrap();
    let estate = &made.estate;
    let mut stream = Stream::new(11);
    let mut net = Network::new(estate);
    let mut added: Vec<(u32, u32)> = Vec::new();
    let mut moved = 0;
    for _ in 0..400 {
        let before = net.labels.clone();
        if stream.below(2) == 0 {
            let (NodeIx(from), NodeIx(to)) = (node(&mut stream, estate), node(&mut stream, estate));
            net.add_link(from, to, 60);
            added.push((from, to));
        } else if stream.below(2) == 0 {
            let Some((from, to)) = added.pop() else { continue };
            assert!(net.remove_link(from, to, 60));
        } else {
            let NodeIx(from) = node(&mut stream, estate);
            let Some(&(to, seconds)) = net.next[from].first() else { continue };
            assert!(net.remove_link(from, to, seconds));
        }
        assert_eq!(net.labels, Labels::new(estate, &net.back));
        moved += u32::from(net.labels != before);
    }
    assert!(moved > 100, "{moved} changes moved a label");
}

#[test]
fn what_an_estate_does_not_have_is_refused() {
    let question = Question::random(3);
    let estate = &question.estate;
    let mut planner = Planner::new(estate);
    let beyond = NodeIx(u32::try_from(estate.nodes().len()).unwrap());
    let here = NodeIx(0);
    let check = |planner: &mut Planner<'_>, change, expected| {
        assert_eq!(planner.change(change), Err(expected), "{change:?}");
    };
    let add = Change::AddLink { from: here, to: beyond, seconds: 1 };
    check(&mut planner, add, ChangeError::Unknown);
    let remove = Change::RemoveLink { from: here, to: here, seconds: 12_345 };
    check(&mut planner, remove, ChangeError::NoLink);
    let service = ServiceIx(u32::try_from(estate.services().len()).unwrap());
    let cost_per_hour = Money::ZERO;
    check(&mut planner, Change::StopCost { service, cost_per_hour }, ChangeError::Unknown);
    if !estate.withdrawals().is_empty() {
        let withdrawal = WithdrawalIx(0);
        for cost in [Money(-1), Money::CEILING, Money(i64::MAX)] {
            let change = Change::Cost { withdrawal, cost, cost_per_hour: cost };
            check(&mut planner, change, ChangeError::Money);
        }
    }
    assert_eq!(planner.plan(&question.request()), Planner::new(estate).plan(&question.request()));
}

/// A document without what the clock says.
fn bytes(mut document: PlanDocument) -> String {
    for alternative in &mut document.alternatives {
        alternative.seconds = 0.0;
    }
    serde_json::to_string(&document).unwrap()
}

fn starts(estate: &Estate, ids: &[NodeId]) -> Vec<Foothold> {
    ids.iter().filter_map(|id| estate.find(id.as_str())).map(Foothold::certain).collect()
}

#[test]
fn one_planner_serves_two_threads_and_says_the_same() {
    let made = generate(Shape::Dense, 5, 1_000, 10).unwrap();
    let planner = Planner::new(&made.estate);
    let footholds = starts(&made.estate, &made.footholds);
    let ask = |at: usize| {
        let footholds = footholds.iter().copied().take(1 + at % 5);
        let deep = footholds.map(|f| Foothold { entrenched: at.is_multiple_of(2), ..f });
        bytes(planner.plan(&Request::new(deep.collect())))
    };
    let alone: Vec<String> = (0..8).map(ask).collect();
    let (even, odd) = std::thread::scope(|scope| {
        let odd = scope.spawn(|| (1..8).step_by(2).map(ask).collect::<Vec<_>>());
        ((0..8).step_by(2).map(ask).collect::<Vec<_>>(), odd.join().unwrap())
    });
    let together = even.into_iter().zip(odd).flat_map(|(even, odd)| [even, odd]);
    assert_eq!(together.collect::<Vec<_>>(), alone);
}

/// The same files with the rows of each in another order.
fn permuted(files: &cordon_estate::Files, stream: &mut Stream) -> cordon_estate::Files {
    let shuffle = |rows: &mut Vec<String>, stream: &mut Stream| {
        for at in (1..rows.len()).rev() {
            rows.swap(at, usize::try_from(stream.below(at as u64 + 1)).unwrap());
        }
    };
    let rewritten = files.iter().map(|(name, text)| {
        let (head, between) = if name.ends_with(".csv") { ("\n", "\n") } else { ("\n[[", "\n[[") };
        let Some((first, rest)) = text.split_once(head) else {
            return (name.clone(), text.clone());
        };
        let mut rows: Vec<String> =
            rest.split(between).filter(|row| !row.is_empty()).map(str::to_owned).collect();
        shuffle(&mut rows, stream);
        let rows: String = rows.iter().map(|row| format!("{head}{row}")).collect();
        (name.clone(), format!("{first}{rows}\n"))
    });
    rewritten.collect()
}

#[test]
fn permuted_files_give_the_same_plan_byte_for_byte() {
    let made = generate(Shape::Dense, 7, 600, 6).unwrap();
    let files = cordon_estate::to_files(&made.estate, &cordon_estate::Config::default());
    let plan = |files: &cordon_estate::Files| {
        let estate = cordon_estate::parse_files(files).unwrap().estate;
        let mut footholds = starts(&estate, &made.footholds);
        footholds[1].entrenched = true;
        bytes(Planner::new(&estate).plan(&Request::new(footholds)))
    };
    let expected = plan(&files);
    let mut stream = Stream::new(2);
    for _ in 0..3 {
        let other = permuted(&files, &mut stream);
        assert_ne!(other, files);
        assert_eq!(plan(&other), expected);
    }
}
