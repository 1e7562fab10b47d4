//! Checks what only all files together show: doubles, cycles of needs, and what is probably not meant.
//!
//! Runs after every file is read and before the estate is made, while parts
//! still know their lines. What it finds first, the builder need not refuse
//! without a line.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _};

use cordon_model::estate::{Mode, Node, Withdrawal};
use cordon_model::ids::NodeIx;
use cordon_model::kind::default_withdrawals;
use cordon_model::money::Money;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use crate::config::Config;
use crate::nearest::did_you_mean;
use crate::reader::Reader;
use crate::report::{Report, Spot};

/// Runs all checks.
pub(crate) fn check(reader: &mut Reader, config: &Config) {
    check_doubles(reader);
    check_default_ids(reader);
    check_cycles(reader);
    check_withdrawals(reader);
    check_holdings(reader);
    check_coverage(reader, config);
    check_caps(reader, config);
    check_hard_assets(reader);
    check_aliases(reader);
}

fn check_doubles(reader: &mut Reader) {
    let Reader { builder, report, .. } = reader;
    let id_of = |node: NodeIx| builder.nodes().get(node.at()).map_or("", |node| node.id.as_str());
    let services = builder.services.iter().map(|service| service.id.as_str());
    doubles("services have the id", services, &reader.service_spots, report);
    let withdrawals = builder.withdrawals.iter().map(|withdrawal| withdrawal.id.as_str());
    doubles("withdrawals have the id", withdrawals, &reader.withdrawal_spots, report);
    let assets = builder.assets.iter().map(|asset| id_of(asset.node));
    doubles("assets have the node", assets, &reader.asset_spots, report);
    let caps = builder.caps.iter().map(|cap| &*cap.kind);
    doubles("caps have the kind", caps, &reader.cap_spots, report);
    let holdings: Vec<String> = builder
        .holdings
        .iter()
        .map(|holding| {
            let mut categories = holding.categories.clone();
            categories.sort();
            format!("{}` and the categories `{}", id_of(holding.node), categories.join(", "))
        })
        .collect();
    let holdings = holdings.iter().map(String::as_str);
    doubles("holdings have the node", holdings, &reader.holding_spots, report);
}

/// Reports every text that stands a second time, with the line of the first.
fn doubles<'a>(
    what: &str,
    texts: impl Iterator<Item = &'a str>,
    spots: &[Spot],
    report: &mut Report,
) {
    let mut sorted: Vec<(&str, Spot)> = texts.zip(spots.iter().copied()).collect();
    sorted.sort_unstable();
    for pair in sorted.chunk_by(|a, b| a.0 == b.0) {
        if let [(text, first), others @ ..] = pair {
            for (_, spot) in others {
                let first = report.name_of(*first);
                let what = format!("two {what} `{text}`, first at {first}");
                report.problem(*spot, what, "remove one of them or make them differ");
            }
        }
    }
}

/// A declared id may not be that of a default that stays on offer beside it.
fn check_default_ids(reader: &mut Reader) {
    if !reader.builder.default_withdrawals {
        return;
    }
    let mut taken = Vec::new();
    for (withdrawal, spot) in reader.builder.withdrawals.iter().zip(&reader.withdrawal_spots) {
        let Some((kind, node)) = withdrawal.id.as_str().split_once('/') else { continue };
        let Some(node) = reader.builder.find(node) else { continue };
        let replaced = *withdrawal.kind == *kind && withdrawal.removes.as_slice() == [node];
        let of_node = reader.builder.nodes().get(node.at()).map_or("", |node| node.id.kind());
        if !replaced && default_withdrawals(of_node).iter().any(|default| default.kind == kind) {
            taken.push((*spot, withdrawal.id.clone()));
        }
    }
    for (spot, id) in taken {
        let what =
            format!("the id `{id}` is that of a default withdrawal, but this is another one");
        reader.report.problem(spot, what, "give it another id");
    }
}

/// Reports each cycle of needs once, with its nodes and the line that closes it.
fn check_cycles(reader: &mut Reader) {
    let mut needs: BTreeMap<NodeIx, Vec<(NodeIx, Spot)>> = BTreeMap::new();
    for &(node, needed, spot) in &reader.needed {
        needs.entry(node).or_default().push((needed, spot));
    }
    loop {
        peel(&mut needs);
        let Some((&start, _)) = needs.first_key_value() else { return };
        let cycle = walk(&needs, start);
        let name = |node: NodeIx| {
            reader.builder.nodes().get(node.at()).map_or("", |node| node.id.as_str())
        };
        let mut names: Vec<&str> = cycle.iter().map(|&(node, _)| name(node)).collect();
        names.extend(names.first().copied());
        let spot = cycle.iter().map(|&(_, spot)| spot).max();
        let what = format!("a cycle of needs: {}", names.join(" needs "));
        if let Some(spot) = spot {
            reader.report.problem(spot, what, "remove one `needs` or `RunsOn` of the cycle");
        }
        for (node, _) in cycle {
            needs.remove(&node);
        }
    }
}

/// Drops nodes that need nothing that is left, until every node left needs one that is left.
fn peel(needs: &mut BTreeMap<NodeIx, Vec<(NodeIx, Spot)>>) {
    let mut dependants: FxHashMap<NodeIx, Vec<NodeIx>> = FxHashMap::default();
    let mut open: FxHashMap<NodeIx, usize> = FxHashMap::default();
    let mut done = Vec::new();
    for (&node, of) in needs.iter() {
        let inner = of.iter().filter(|(needed, _)| needs.contains_key(needed));
        let count =
            inner.inspect(|(needed, _)| dependants.entry(*needed).or_default().push(node)).count();
        open.insert(node, count);
        if count == 0 {
            done.push(node);
        }
    }
    while let Some(node) = done.pop() {
        needs.remove(&node);
        for dependant in dependants.remove(&node).unwrap_or_default() {
            if let Some(count) = open.get_mut(&dependant) {
                *count -= 1;
                if *count == 0 {
                    done.push(dependant);
                }
            }
        }
    }
}

/// Follows needs from `start`, all of which lead on, until a node comes again.
fn walk(needs: &BTreeMap<NodeIx, Vec<(NodeIx, Spot)>>, start: NodeIx) -> Vec<(NodeIx, Spot)> {
    let mut path: Vec<(NodeIx, Spot)> = Vec::new();
    let mut place: FxHashMap<NodeIx, usize> = FxHashMap::default();
    let mut at = start;
    loop {
        if let Some(&first) = place.get(&at) {
            return path.split_off(first);
        }
        let of = needs.get(&at).map_or(&[][..], Vec::as_slice);
        let Some(&(next, spot)) = of.iter().find(|(next, _)| needs.contains_key(next)) else {
            return path;
        };
        place.insert(at, path.len());
        path.push((at, spot));
        at = next;
    }
}

fn check_withdrawals(reader: &mut Reader) {
    let Reader { builder, report, withdrawal_spots, .. } = reader;
    let nodes = builder.nodes();
    for (withdrawal, &spot) in builder.withdrawals.iter().zip(withdrawal_spots.iter()) {
        let kind_of = |node: NodeIx| nodes.get(node.at()).map_or("", |node| node.id.kind());
        let other = withdrawal.removes.iter().find(|&&node| kind_of(node) != "session");
        if let (Mode::End, Some(&other)) = (withdrawal.mode, other) {
            let id = nodes.get(other.at()).map_or("", |node| node.id.as_str());
            let what = format!("`{}` ends what is open, but removes `{id}`", withdrawal.id);
            let remedy = "let it remove `session:` nodes, or make its mode `refuse`";
            report.warning(spot, what, remedy);
        }
        if stops_its_enforcer(withdrawal) {
            let what = format!("`{}` stops its own enforcer, so it is always void", withdrawal.id);
            report.warning(spot, what, "name another enforcer");
        }
    }
}

fn stops_its_enforcer(withdrawal: &Withdrawal) -> bool {
    withdrawal.stops && withdrawal.enforcer.is_some_and(|node| withdrawal.removes.contains(&node))
}

/// A copy by link that the holding does not list is lost without being counted.
fn check_holdings(reader: &mut Reader) {
    let Reader { builder, report, copies, .. } = reader;
    let nodes = builder.nodes();
    let id = |node: NodeIx| nodes.get(node.at()).map_or("", |node| node.id.as_str());
    let mut listed: FxHashMap<NodeIx, FxHashSet<NodeIx>> = FxHashMap::default();
    for holding in &builder.holdings {
        listed.entry(holding.node).or_default().extend(&holding.copies);
    }
    for &(copy, original, spot) in copies.iter() {
        if listed.get(&original).is_some_and(|copies| !copies.contains(&copy)) {
            let what = format!(
                "`{}` is a copy of the holding `{}`, whose `copies` lack it",
                id(copy),
                id(original)
            );
            report.warning(spot, what, "add it to `copies`, or its loss is not counted");
        }
    }
}

fn check_coverage(reader: &mut Reader, config: &Config) {
    let Reader { builder, report, .. } = reader;
    let nodes = builder.nodes();
    let id = |node: NodeIx| nodes.get(node.at()).map_or("", |node| node.id.as_str());
    let held: FxHashSet<NodeIx> = builder.holdings.iter().map(|holding| holding.node).collect();
    let copies = builder.holdings.iter().flat_map(|holding| holding.copies.iter().copied());
    let held_or_copy: FxHashSet<NodeIx> = held.iter().copied().chain(copies).collect();
    let sources: Vec<&str> = config.sources.iter().map(|source| source.name.as_str()).collect();
    for (coverage, &spot) in builder.coverage.iter().zip(&reader.coverage_spots) {
        if !held_or_copy.contains(&coverage.holding) {
            let what =
                format!("a coverage names `{}`, which is not a holding", id(coverage.holding));
            report.problem(spot, what, "name the node of a `[[holding]]` or one of its `copies`");
        }
        if !sources.is_empty() && !sources.contains(&&*coverage.source) {
            let what = format!("the source `{}` is not declared", coverage.source);
            let remedy = did_you_mean(&coverage.source, sources.iter().copied(), || {
                "add a `[[source]]` to `cordon.toml`".to_owned()
            });
            report.warning(spot, what, remedy);
        }
    }
    let covered: FxHashSet<NodeIx> = builder.coverage.iter().map(|c| c.holding).collect();
    for (holding, &spot) in builder.holdings.iter().zip(&reader.holding_spots) {
        if !covered.contains(&holding.node) {
            let what =
                format!("no coverage says which source shows accesses to `{}`", id(holding.node));
            let remedy = "add a `[[coverage]]`, or nothing about it can be ruled out from logs";
            report.warning(spot, what, remedy);
        }
    }
}

fn check_caps(reader: &mut Reader, config: &Config) {
    let Reader { builder, report, .. } = reader;
    let mut kinds: Vec<&str> = builder.withdrawals.iter().map(|w| &*w.kind).collect();
    kinds.extend(config.connectors.iter().flat_map(|c| c.handles.iter().map(String::as_str)));
    if builder.default_withdrawals {
        let of_nodes: FxHashSet<&str> = builder.nodes().iter().map(|node| node.id.kind()).collect();
        let mut of_nodes: Vec<&str> = of_nodes.into_iter().collect();
        of_nodes.sort_unstable();
        kinds
            .extend(of_nodes.into_iter().flat_map(default_withdrawals).map(|default| default.kind));
    }
    kinds.sort_unstable();
    kinds.dedup();
    for (cap, &spot) in builder.caps.iter().zip(&reader.cap_spots) {
        if !kinds.contains(&&*cap.kind) {
            let what = format!("no withdrawal is of the kind `{}`, which a cap bounds", cap.kind);
            let remedy =
                did_you_mean(&cap.kind, kinds.iter().copied(), || "remove the cap".to_owned());
            report.warning(spot, what, remedy);
        }
    }
    // A bound that is misspelt would let pass what it was written to hold back.
    for (kind, spot) in reader.capped_kinds.iter().filter(|(kind, _)| !kinds.contains(&&**kind)) {
        let what = format!("no withdrawal is of the kind `{kind}`, whose attempts are bounded");
        let remedy = did_you_mean(kind, kinds.iter().copied(), || "remove the line".to_owned());
        report.problem(*spot, what, remedy);
    }
}

/// One spelling that means two nodes of a kind tells nothing about either.
fn check_aliases(reader: &mut Reader) {
    let Reader { builder, report, node_spots, .. } = reader;
    let nodes = builder.nodes();
    // Hashes find candidates in little memory, half a number each; the texts decide.
    let count = nodes.iter().map(|node| spellings(node).count()).sum();
    let mut hashes: Vec<u64> = Vec::with_capacity(count);
    for (node, at) in nodes.iter().zip(0_u64..) {
        let of_kind = |text: &str| hash_of_spelling(node.id.kind(), text) & !u64::from(u32::MAX);
        hashes.extend(spellings(node).map(|text| of_kind(text) | at));
    }
    hashes.sort_unstable();
    hashes.dedup();
    for (&this, at) in hashes.iter().zip(0_usize..) {
        // Half a number may be that of another text too, so a few before it are looked at.
        let before = hashes.get(at.saturating_sub(LOOK_BACK)..at).unwrap_or(&[]).iter().rev();
        let alike = before.take_while(|&&other| other >> 32 == this >> 32);
        let node = |hash: u64| usize::try_from(hash & u64::from(u32::MAX)).unwrap_or(usize::MAX);
        let Some(one) = nodes.get(node(this)) else { continue };
        let mut alike = alike.filter_map(|&other| nodes.get(node(other)));
        let found = alike.find_map(|other| shared_spelling(one, other).map(|text| (other, text)));
        if let (Some((other, text)), Some(&spot)) = (found, node_spots.get(node(this))) {
            let what = format!("`{text}` means both `{}` and `{}`", other.id, one.id);
            report.warning(spot, what, "remove the alias from one of them");
        }
    }
}

/// How many neighbours with the same hash are compared.
const LOOK_BACK: usize = 4;

/// A spelling that two nodes of one kind share, as the second has it.
fn shared_spelling<'n>(one: &Node, other: &'n Node) -> Option<&'n str> {
    let same = |text: &&str| {
        spellings(one).any(|mine| mine == *text || mine.to_lowercase() == text.to_lowercase())
    };
    spellings(other).find(same).filter(|_| one.id.kind() == other.id.kind())
}

/// One number for a kind and a text, the same for every letter case.
fn hash_of_spelling(kind: &str, text: &str) -> u64 {
    let mut hasher = FxBuildHasher.build_hasher();
    hasher.write(kind.as_bytes());
    if text.is_ascii() {
        text.bytes().for_each(|byte| hasher.write_u8(byte.to_ascii_lowercase()));
    } else {
        let lower = text.to_lowercase();
        lower.bytes().for_each(|byte| hasher.write_u8(byte));
    }
    hasher.finish()
}

fn spellings(node: &Node) -> impl Iterator<Item = &str> {
    std::iter::once(node.id.name()).chain(node.aliases.iter().map(|alias| &**alias))
}

/// Where no plan can hold everything, the least hard loss decides, so each needs one.
fn check_hard_assets(reader: &mut Reader) {
    let Reader { builder, report, .. } = reader;
    let nodes = builder.nodes();
    let id = |node: NodeIx| nodes.get(node.at()).map_or("", |node| node.id.as_str());
    let assets = builder.assets.iter().zip(&reader.asset_spots);
    let assets = assets.map(|(asset, spot)| (asset.node, asset.loss, asset.must_hold, *spot));
    let holdings = builder.holdings.iter().zip(&reader.holding_spots);
    let holdings = holdings.map(|(h, spot)| (h.node, h.loss, h.must_hold, *spot));
    let mut losses: FxHashMap<NodeIx, Money> = FxHashMap::default();
    let all: Vec<(NodeIx, Money, bool, Spot)> = assets.chain(holdings).collect();
    for &(node, loss, ..) in &all {
        *losses.entry(node).or_default() += loss;
    }
    for &(node, _, must_hold, spot) in &all {
        if must_hold && losses.get(&node) == Some(&Money::ZERO) {
            let what = format!("`{}` must be held, but losing it costs nothing", id(node));
            report.warning(spot, what, "give it a `loss`, which decides when not all can be held");
        }
    }
}
