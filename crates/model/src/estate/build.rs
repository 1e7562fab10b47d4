//! Brings the parts of an estate into canonical order and checks what only the whole can show.
//!
//! The builder trusts its caller for the form of single values and answers for
//! the invariants of [`Estate`]: order, ranges, no cycle of needs, bounded
//! money, defaults filled in. It names the item at fault; the caller knows the line.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use smallvec::smallvec;

use super::{
    Asset, Cap, Coverage, Estate, Holding, Link, LinkKindEntry, Mode, Node, Service, Withdrawal,
};
use crate::ids::{NodeId, NodeIx, ServiceId, WithdrawalId, WithdrawalIx};
use crate::kind::default_withdrawals;
use crate::link::{DEFAULT_SECONDS, Direction, link_kind};
use crate::money::Money;
use crate::needs::Needs;

/// A part of an estate that a defect can be about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// The estate as a whole.
    Estate,
    /// A node.
    Node(NodeId),
    /// A service.
    Service(ServiceId),
    /// A withdrawal.
    Withdrawal(WithdrawalId),
    /// The asset of a node.
    Asset(NodeId),
}

/// Why parts do not make an estate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Defect {
    /// What it is about.
    pub item: Item,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub remedy: String,
}

/// Collects parts; [`EstateBuilder::finish`] makes the estate.
///
/// Indexes handed out by [`EstateBuilder::node`] are valid for this builder
/// only: the finished estate has its own, in canonical order.
#[derive(Clone, Debug)]
pub struct EstateBuilder {
    /// The organisation's name.
    pub name: String,
    /// Currency code.
    pub currency: String,
    /// Whole hours that a cut is expected to last.
    pub horizon_hours: u32,
    /// Whether kinds' default withdrawals are on offer.
    pub default_withdrawals: bool,
    /// Services, with indexes of this builder.
    pub services: Vec<Service>,
    /// Holdings, with indexes of this builder.
    pub holdings: Vec<Holding>,
    /// Declared assets, with indexes of this builder; at most one per node.
    pub assets: Vec<Asset>,
    /// Declared withdrawals, with indexes of this builder.
    pub withdrawals: Vec<Withdrawal>,
    /// Caps.
    pub caps: Vec<Cap>,
    /// Coverage, with indexes of this builder.
    pub coverage: Vec<Coverage>,
    /// For default withdrawals: kind of withdrawal to connector and its enforcer.
    pub connectors: FxHashMap<Box<str>, (Arc<str>, Option<NodeIx>)>,
    nodes: Vec<Node>,
    // Positions in `nodes` by id: the ids themselves stand only there.
    by_id: HashTable<u32>,
    needs: FxHashMap<NodeIx, Vec<Needs>>,
    links: Vec<Link>,
    link_kinds: Vec<LinkKindEntry>,
    // Beside `link_kinds`: what a link takes that does not say.
    kind_seconds: Vec<u32>,
    kinds_by_name: FxHashMap<Box<str>, u16>,
    // Set when the assets come from an estate and hold their holdings' losses already.
    assets_are_merged: bool,
}

impl EstateBuilder {
    /// Starts an empty estate: 24 hours of horizon, default withdrawals on.
    #[must_use]
    pub fn new(name: &str, currency: &str) -> Self {
        Self {
            name: name.to_owned(),
            currency: currency.to_owned(),
            horizon_hours: 24,
            default_withdrawals: true,
            services: Vec::new(),
            holdings: Vec::new(),
            assets: Vec::new(),
            withdrawals: Vec::new(),
            caps: Vec::new(),
            coverage: Vec::new(),
            connectors: FxHashMap::default(),
            nodes: Vec::new(),
            by_id: HashTable::new(),
            needs: FxHashMap::default(),
            links: Vec::new(),
            link_kinds: Vec::new(),
            kind_seconds: Vec::new(),
            kinds_by_name: FxHashMap::default(),
            assets_are_merged: false,
        }
    }

    /// Takes an estate apart, to add to it what the logs have shown.
    #[must_use]
    pub fn from_estate(estate: &Estate) -> Self {
        let mut builder = Self::new(&estate.name, &estate.currency);
        builder.horizon_hours = estate.horizon_hours;
        builder.default_withdrawals = false;
        builder.services.clone_from(&estate.services);
        builder.holdings.clone_from(&estate.holdings);
        builder.assets.clone_from(&estate.assets);
        builder.assets_are_merged = true;
        builder.withdrawals.clone_from(&estate.withdrawals);
        builder.caps.clone_from(&estate.caps);
        builder.coverage.clone_from(&estate.coverage);
        builder.nodes.clone_from(&estate.nodes);
        for at in (0..).take(builder.nodes.len()) {
            builder.enter(at);
        }
        for &node in &estate.needs_order {
            if let Some(needs) = estate.needs(node) {
                builder.needs.insert(node, vec![needs.clone()]);
            }
        }
        builder.links.clone_from(&estate.links);
        builder.link_kinds.clone_from(&estate.link_kinds);
        for (entry, kind) in estate.link_kinds.iter().zip(0..) {
            builder.kinds_by_name.insert((&*entry.name).into(), kind);
            let known = link_kind(&entry.name);
            builder.kind_seconds.push(known.map_or(DEFAULT_SECONDS, |known| known.seconds));
        }
        builder
    }

    /// Adds a node; a node of the same id gains the aliases and tags, and the name if it had none.
    pub fn add_node(&mut self, node: Node) -> NodeIx {
        let index = self.node(&node.id);
        self.describe(index, node.name, node.aliases, node.tags);
        index
    }

    /// Adds to what is said of a node: aliases, tags, and a name if it had none.
    pub fn describe(
        &mut self,
        node: NodeIx,
        name: Option<Box<str>>,
        aliases: Vec<Box<str>>,
        tags: Vec<Box<str>>,
    ) {
        let Some(old) = self.nodes.get_mut(node.at()) else { return };
        old.name = old.name.take().or(name);
        for (old, new) in [(&mut old.aliases, aliases), (&mut old.tags, tags)] {
            if old.is_empty() {
                *old = new;
            } else {
                old.extend(new);
            }
        }
    }

    /// Returns the index of a node, adding a bare one if it is new.
    pub fn node(&mut self, id: &NodeId) -> NodeIx {
        if let Some(index) = self.find(id.as_str()) {
            return index;
        }
        let index = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.nodes.push(Node::new(id.clone()));
        self.enter(index);
        NodeIx(index)
    }

    fn enter(&mut self, index: u32) {
        let Self { by_id, nodes, .. } = self;
        let hash = |at: &u32| {
            let id = nodes.get(*at as usize).map_or("", |node| node.id.as_str());
            FxBuildHasher.hash_one(id)
        };
        by_id.insert_unique(hash(&index), index, hash);
    }

    /// Finds a node that has been added.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<NodeIx> {
        let is = |at: &u32| self.nodes.get(*at as usize).is_some_and(|node| node.id.as_str() == id);
        self.by_id.find(FxBuildHasher.hash_one(id), is).map(|&at| NodeIx(at))
    }

    /// Nodes added so far, in order of their indexes.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Adds what a node needs to be up; several calls must all hold.
    pub fn add_needs(&mut self, node: NodeIx, needs: Needs) {
        self.needs.entry(node).or_default().push(needs);
    }

    /// Adds a link; `seconds` of `None` takes the kind's default.
    pub fn add_link(&mut self, from: NodeIx, to: NodeIx, kind: &str, seconds: Option<u32>) {
        let kind_ix = self.link_kind(kind);
        let seconds = seconds.unwrap_or_else(|| {
            self.kind_seconds.get(kind_ix as usize).copied().unwrap_or(DEFAULT_SECONDS)
        });
        self.links.push(Link { from, to, kind: kind_ix, seconds });
    }

    /// The number of a kind of links; the table is searched once for each spelling.
    fn link_kind(&mut self, kind: &str) -> u16 {
        if let Some(&known) = self.kinds_by_name.get(kind) {
            return known;
        }
        let known = link_kind(kind);
        let kind_ix = u16::try_from(self.link_kinds.len()).unwrap_or(u16::MAX);
        let name = known.map_or(kind, |known| known.name).into();
        let direction = known.map_or(Direction::Forward, |known| known.direction);
        self.link_kinds.push(LinkKindEntry { name, direction });
        self.kind_seconds.push(known.map_or(DEFAULT_SECONDS, |known| known.seconds));
        self.kinds_by_name.insert(kind.into(), kind_ix);
        kind_ix
    }

    /// Makes the estate: canonical order, defaults filled in, the whole checked.
    ///
    /// # Errors
    /// All defects that only the whole shows: cycles of needs, empty or impossible needs,
    /// withdrawals that remove nothing or share an id, and money beyond [`Money::CEILING`].
    pub fn finish(mut self) -> Result<Estate, Vec<Defect>> {
        self.add_needs_of_hosts();
        if self.default_withdrawals {
            self.add_default_withdrawals();
        }
        self.remap_nodes();
        self.sort_parts();
        let mut defects = Vec::new();
        self.check_withdrawals(&mut defects);
        let needs = self.gather_needs();
        let needs_order = order_of_needs(&self.nodes, &needs, &mut defects);
        let holdings = if self.assets_are_merged { &[][..] } else { &self.holdings };
        let assets = merge_assets(std::mem::take(&mut self.assets), holdings);
        self.check_money(&assets, &mut defects);
        if !defects.is_empty() {
            return Err(defects);
        }
        Ok(Estate {
            name: self.name,
            currency: self.currency,
            horizon_hours: self.horizon_hours,
            nodes: self.nodes,
            needs,
            needs_order,
            links: self.links,
            link_kinds: self.link_kinds,
            services: self.services,
            holdings: self.holdings,
            assets,
            withdrawals: self.withdrawals,
            caps: self.caps,
            coverage: self.coverage,
        })
    }

    fn add_needs_of_hosts(&mut self) {
        for link in &self.links {
            let backward = self
                .link_kinds
                .get(link.kind as usize)
                .is_some_and(|kind| kind.direction == Direction::BackwardAndNeeds);
            let parts = self.needs.get(&link.from);
            let host = Needs::Node(link.to);
            if backward && parts.is_none_or(|parts| !names_at_top(parts, &host)) {
                self.needs.entry(link.from).or_default().push(host);
            }
        }
    }

    fn add_default_withdrawals(&mut self) {
        let declared: FxHashSet<(Arc<str>, NodeIx)> = self
            .withdrawals
            .iter()
            .filter_map(|w| match w.removes.as_slice() {
                [node] => Some((Arc::clone(&w.kind), *node)),
                _ => None,
            })
            .collect();
        let mut kinds: FxHashMap<&str, Arc<str>> = FxHashMap::default();
        for (node, index) in self.nodes.iter().zip((0..).map(NodeIx)) {
            for default in default_withdrawals(node.id.kind()) {
                let kind = kinds.entry(default.kind).or_insert_with(|| default.kind.into());
                if declared.contains(&(Arc::clone(kind), index)) {
                    continue;
                }
                let via = self.connectors.get(default.kind);
                self.withdrawals.push(Withdrawal {
                    id: [kind, "/", node.id.as_str()].concat().into(),
                    kind: Arc::clone(kind),
                    mode: default.mode,
                    removes: smallvec![index],
                    stops: default.mode == Mode::Refuse,
                    cost: default.cost,
                    cost_per_hour: default.cost_per_hour,
                    enforcer: via.and_then(|(_, enforcer)| *enforcer),
                    connector: via.map(|(connector, _)| Arc::clone(connector)),
                    declared: false,
                    partner: None,
                });
            }
        }
    }

    /// Sorts the nodes by id and gives every index its new value.
    fn remap_nodes(&mut self) {
        for node in &mut self.nodes {
            node.aliases.sort();
            node.aliases.dedup();
            node.tags.sort();
            node.tags.dedup();
        }
        // Ids are not looked up any more.
        self.by_id = HashTable::new();
        if self.nodes.is_sorted_by(|a, b| a.id < b.id) {
            return;
        }
        let mut order: Vec<u32> = (0..).take(self.nodes.len()).collect();
        let id = |at: u32| self.nodes.get(at as usize).map(|node| &node.id);
        order.sort_unstable_by(|&a, &b| id(a).cmp(&id(b)));
        let mut new_of = vec![NodeIx(0); order.len()];
        for (&old, new) in order.iter().zip(0..) {
            if let Some(slot) = new_of.get_mut(old as usize) {
                *slot = NodeIx(new);
            }
        }
        put_in_order(&mut self.nodes, &order);
        let remap = |node: &mut NodeIx| {
            if let Some(&new) = new_of.get(node.at()) {
                *node = new;
            }
        };
        self.remap_all(&remap);
    }

    fn remap_all(&mut self, remap: &impl Fn(&mut NodeIx)) {
        for link in &mut self.links {
            remap(&mut link.from);
            remap(&mut link.to);
        }
        for service in &mut self.services {
            remap_needs(&mut service.needs, remap);
        }
        for holding in &mut self.holdings {
            remap(&mut holding.node);
            holding.copies.iter_mut().for_each(remap);
        }
        for asset in &mut self.assets {
            remap(&mut asset.node);
            asset.copies.iter_mut().for_each(remap);
        }
        for withdrawal in &mut self.withdrawals {
            withdrawal.removes.iter_mut().for_each(remap);
            withdrawal.enforcer.iter_mut().for_each(remap);
        }
        for coverage in &mut self.coverage {
            remap(&mut coverage.holding);
        }
        let needs = std::mem::take(&mut self.needs).into_iter();
        self.needs = needs
            .map(|(mut node, mut parts)| {
                remap(&mut node);
                parts.iter_mut().for_each(|part| remap_needs(part, remap));
                (node, parts)
            })
            .collect();
    }

    fn sort_parts(&mut self) {
        self.sort_link_kinds();
        self.links.sort_unstable();
        // The fastest of several links of one kind between two nodes stays.
        self.links.dedup_by_key(|link| (link.from, link.to, link.kind));
        self.services.sort_by(|a, b| a.id.cmp(&b.id));
        for holding in &mut self.holdings {
            holding.copies.sort_unstable();
            holding.copies.dedup();
            holding.categories.sort();
            holding.categories.dedup();
        }
        self.holdings.sort_by(|a, b| (a.node, &a.categories).cmp(&(b.node, &b.categories)));
        for withdrawal in &mut self.withdrawals {
            withdrawal.removes.sort_unstable();
            withdrawal.removes.dedup();
        }
        self.withdrawals.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        self.pair_defaults();
        self.caps.sort();
        self.coverage.sort();
        self.coverage.dedup();
    }

    /// Gives link kinds an order that does not depend on which was read first.
    fn sort_link_kinds(&mut self) {
        let mut sorted = self.link_kinds.clone();
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        sorted.dedup_by(|a, b| a.name == b.name);
        let at = |name: &str| sorted.iter().zip(0..).find(|(kind, _)| &*kind.name == name);
        let new_of: Vec<u16> =
            self.link_kinds.iter().map(|kind| at(&kind.name).map_or(0, |(_, at)| at)).collect();
        for link in &mut self.links {
            link.kind = new_of.get(link.kind as usize).copied().unwrap_or(0);
        }
        self.link_kinds = sorted;
    }

    fn pair_defaults(&mut self) {
        // By node: its default refuse and end.
        let mut halves: Vec<[Option<WithdrawalIx>; 2]> = vec![[None; 2]; self.nodes.len()];
        for (withdrawal, index) in self.withdrawals.iter().zip((0..).map(WithdrawalIx)) {
            if let (false, [node]) = (withdrawal.declared, withdrawal.removes.as_slice())
                && let Some([refuse, end]) = halves.get_mut(node.at())
            {
                let half = match withdrawal.mode {
                    Mode::Refuse => refuse,
                    Mode::End => end,
                };
                *half = Some(index);
            }
        }
        for withdrawal in &mut self.withdrawals {
            if let (false, [node]) = (withdrawal.declared, withdrawal.removes.as_slice())
                && let Some(&[refuse, end]) = halves.get(node.at())
            {
                withdrawal.partner = match withdrawal.mode {
                    Mode::Refuse => end,
                    Mode::End => refuse,
                };
            }
        }
    }

    fn gather_needs(&mut self) -> Vec<Option<Box<Needs>>> {
        let mut gathered = vec![None; self.nodes.len()];
        for (node, slot) in (0..).map(NodeIx).zip(&mut gathered) {
            if let Some(mut parts) = self.needs.remove(&node) {
                // Host order must not depend on the order of the links' lines.
                parts.sort_by_key(|part| match part {
                    Needs::Node(node) => (1, *node),
                    Needs::AtLeast { .. } => (0, NodeIx(0)),
                });
                let only = if parts.len() == 1 { parts.pop() } else { None };
                *slot = Some(Box::new(only.unwrap_or_else(|| Needs::all(parts))));
            }
        }
        gathered
    }

    fn check_withdrawals(&self, defects: &mut Vec<Defect>) {
        for pair in self.withdrawals.windows(2) {
            if let [a, b] = pair
                && a.id == b.id
            {
                defects.push(Defect {
                    item: Item::Withdrawal(b.id.clone()),
                    what: format!("two withdrawals have the id `{}`", a.id),
                    remedy: "give one of them another id".to_owned(),
                });
            }
        }
        for withdrawal in self.withdrawals.iter().filter(|w| w.removes.is_empty()) {
            defects.push(Defect {
                item: Item::Withdrawal(withdrawal.id.clone()),
                what: format!("the withdrawal `{}` removes nothing", withdrawal.id),
                remedy: "name at least one node in `removes`".to_owned(),
            });
        }
    }

    /// Bounds the sum of all money, so that no later sum can overflow.
    fn check_money(&self, assets: &[Asset], defects: &mut Vec<Defect>) {
        let hours = u64::from(self.horizon_hours);
        let withdrawals = self.withdrawals.iter().map(|w| (w.cost, w.cost_per_hour));
        let services = self.services.iter().map(|s| (Money::ZERO, s.cost_per_hour));
        let losses = assets.iter().map(|a| (a.loss, Money::ZERO));
        let mut total = Some(Money::ZERO);
        for (once, per_hour) in withdrawals.chain(services).chain(losses) {
            total = total
                .and_then(|sum| sum.plus(once))
                .and_then(|sum| per_hour.times(hours).and_then(|price| sum.plus(price)))
                .filter(|sum| *sum <= Money::CEILING);
        }
        if total.is_none() {
            defects.push(Defect {
                item: Item::Estate,
                what: format!(
                    "all prices and losses together pass {} {}",
                    Money::CEILING,
                    self.currency
                ),
                remedy: "write the estate in a larger unit of money".to_owned(),
            });
        }
    }
}

/// Moves the elements so that place `at` holds what stood at `order[at]`, without a second vector.
fn put_in_order<T>(elements: &mut [T], order: &[u32]) {
    for at in 0..elements.len() {
        let place = |at: usize| order.get(at).map_or(at, |&from| from as usize);
        let mut from = place(at);
        // What stood before `at` has been swapped away: follow it.
        while from < at {
            from = place(from);
        }
        elements.swap(at, from);
    }
}

fn names_at_top(parts: &[Needs], wanted: &Needs) -> bool {
    parts.iter().any(|part| match part {
        Needs::Node(_) => part == wanted,
        Needs::AtLeast { k, of } => *k as usize == of.len() && of.contains(wanted),
    })
}

fn remap_needs(needs: &mut Needs, remap: &impl Fn(&mut NodeIx)) {
    match needs {
        Needs::Node(node) => remap(node),
        Needs::AtLeast { of, .. } => of.iter_mut().for_each(|child| remap_needs(child, remap)),
    }
}

/// Orders nodes with needs so that each stands after what it needs (Kahn's algorithm).
fn order_of_needs(
    nodes: &[Node],
    needs: &[Option<Box<Needs>>],
    defects: &mut Vec<Defect>,
) -> Vec<NodeIx> {
    let has_needs = |node: NodeIx| needs.get(node.at()).is_some_and(Option::is_some);
    let mut waiting: FxHashMap<NodeIx, usize> = FxHashMap::default();
    let mut dependants: FxHashMap<NodeIx, Vec<NodeIx>> = FxHashMap::default();
    let mut order = Vec::new();
    for (tree, node) in needs.iter().zip((0..).map(NodeIx)) {
        let Some(tree) = tree else { continue };
        let mut open = 0;
        tree.each_node(&mut |needed| {
            if has_needs(needed) {
                open += 1;
                dependants.entry(needed).or_default().push(node);
            }
        });
        if open == 0 {
            order.push(node);
        } else {
            waiting.insert(node, open);
        }
    }
    let mut at = 0;
    while let Some(&done) = order.get(at) {
        at += 1;
        for dependant in dependants.remove(&done).unwrap_or_default() {
            if let Some(open) = waiting.get_mut(&dependant) {
                *open -= 1;
                if *open == 0 {
                    waiting.remove(&dependant);
                    order.push(dependant);
                }
            }
        }
    }
    for (node, index) in nodes.iter().zip((0..).map(NodeIx)) {
        if waiting.contains_key(&index) {
            defects.push(Defect {
                item: Item::Node(node.id.clone()),
                what: format!(
                    "`{}` needs itself, through a cycle of needs or depends on one",
                    node.id
                ),
                remedy: "remove one `needs` or `RunsOn` of the cycle".to_owned(),
            });
        }
    }
    order
}

/// Adds each holding's loss and copies to the asset of its node.
fn merge_assets(declared: Vec<Asset>, holdings: &[Holding]) -> Vec<Asset> {
    let mut all = declared;
    all.extend(holdings.iter().map(|h| Asset {
        node: h.node,
        loss: h.loss,
        must_hold: h.must_hold,
        copies: h.copies.clone(),
    }));
    all.sort_by_key(|asset| asset.node);
    let mut merged: Vec<Asset> = Vec::with_capacity(all.len());
    for asset in all {
        match merged.last_mut() {
            Some(last) if last.node == asset.node => {
                last.loss += asset.loss;
                last.must_hold |= asset.must_hold;
                last.copies.extend(asset.copies);
            }
            _ => merged.push(asset),
        }
    }
    for asset in &mut merged {
        asset.copies.sort_unstable();
        asset.copies.dedup();
        asset.copies.retain(|&copy| copy != asset.node);
    }
    merged
}
