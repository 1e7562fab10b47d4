//! Pencil and paper of the synthetic estates: numbered nodes, links, prices, draws.
//!
//! What the shapes have in common and nothing of what they look like.

use std::sync::Arc;

use cordon_model::estate::{Asset, Cap, Defect, Mode, Withdrawal};
use cordon_model::{Estate, EstateBuilder, Money, Node, NodeId, NodeIx};
use rustc_hash::FxHashMap;

use crate::generate::Random;

/// An estate being made.
pub(super) struct Draft {
    pub(super) builder: EstateBuilder,
    /// About how many nodes it shall have.
    pub(super) size: u32,
    random: Random,
    numbers: FxHashMap<&'static str, u32>,
    kinds: FxHashMap<&'static str, Arc<str>>,
}

impl Draft {
    /// Starts an empty estate with one hour of horizon and no default withdrawals.
    pub(super) fn new(name: &str, seed: u64, size: u32) -> Self {
        let mut builder = EstateBuilder::new(&format!("{name} {size}"), "GBP");
        builder.horizon_hours = 1;
        builder.default_withdrawals = false;
        let (numbers, kinds) = (FxHashMap::default(), FxHashMap::default());
        Self { builder, size, random: Random::new(seed), numbers, kinds }
    }

    /// Makes the estate.
    pub(super) fn finish(self) -> Result<Estate, Vec<Defect>> {
        self.builder.finish()
    }

    /// Adds the next node of a kind: `user:u17`, named `User 17`, tagged with its site.
    pub(super) fn node(&mut self, kind: &'static str, site: Option<usize>) -> NodeIx {
        let number = self.numbers.entry(kind).or_default();
        let initial: String = kind.chars().take(1).collect();
        let id = NodeId::from_parts(kind, &format!("{initial}{number}"));
        let name = format!("{}{} {number}", initial.to_uppercase(), kind.get(1..).unwrap_or(""));
        *number += 1;
        let tags = site.map(|site| format!("site-{site}").into()).into_iter().collect();
        self.builder.add_node(Node { id, name: Some(name.into()), aliases: Vec::new(), tags })
    }

    /// So many thousandths of the size.
    pub(super) fn thousandths(&self, of: u32) -> u32 {
        u32::try_from(u64::from(self.size) * u64::from(of) / 1000).unwrap_or(u32::MAX)
    }

    /// Adds several nodes of a kind that belong to no site.
    pub(super) fn nodes(&mut self, kind: &'static str, count: u32) -> Vec<NodeIx> {
        (0..count).map(|_| self.node(kind, None)).collect()
    }

    /// The id of a node.
    pub(super) fn id(&self, node: NodeIx) -> Option<NodeId> {
        self.builder.nodes().get(node.at()).map(|node| node.id.clone())
    }

    /// Forbids every withdrawal of a node.
    pub(super) fn break_glass(&mut self, node: NodeIx) {
        if let Some(id) = self.id(node) {
            let tags = vec!["break-glass".into()];
            self.builder.add_node(Node { tags, ..Node::new(id) });
        }
    }

    /// Adds a link: who controls `from` can come to control `to`.
    pub(super) fn link(&mut self, from: NodeIx, to: NodeIx, kind: &str) {
        self.builder.add_link(from, to, kind, None);
    }

    /// Links one node to each of many.
    pub(super) fn link_all(&mut self, from: NodeIx, to: &[NodeIx], kind: &str) {
        to.iter().for_each(|&to| self.link(from, to, kind));
    }

    /// Links each of many to one node.
    pub(super) fn link_from(&mut self, from: &[NodeIx], to: NodeIx, kind: &str) {
        from.iter().for_each(|&from| self.link(from, to, kind));
    }

    /// Offers a withdrawal of some nodes for `base` and up to 99 units more.
    pub(super) fn withdrawal(&mut self, kind: &'static str, base: u32, removes: &[NodeIx]) {
        let on = match removes {
            [node] => self.id(*node).map_or_else(String::new, |id| id.to_string()),
            _ => self.number("set").to_string(),
        };
        let ends = kind == "end-sessions";
        let cost = Money::units(i64::from(base + self.below(100)));
        self.builder.withdrawals.push(Withdrawal {
            id: format!("{kind}/{on}").into(),
            kind: Arc::clone(self.kinds.entry(kind).or_insert_with(|| kind.into())),
            mode: if ends { Mode::End } else { Mode::Refuse },
            removes: removes.iter().copied().collect(),
            stops: !ends,
            cost,
            cost_per_hour: Money::ZERO,
            enforcer: None,
            connector: None,
            declared: true,
            partner: None,
        });
    }

    fn number(&mut self, of: &'static str) -> u32 {
        let number = self.numbers.entry(of).or_default();
        *number += 1;
        *number
    }

    /// Offers the same withdrawal of each of many nodes.
    pub(super) fn withdrawals(&mut self, kind: &'static str, base: u32, nodes: &[NodeIx]) {
        nodes.iter().for_each(|&node| self.withdrawal(kind, base, &[node]));
    }

    /// Says what the business loses if the intruder reaches a node.
    pub(super) fn asset(&mut self, node: NodeIx, loss: u32, must_hold: bool) {
        let loss = Money::units(i64::from(loss));
        self.builder.assets.push(Asset { node, loss, must_hold, copies: Vec::new() });
    }

    /// Bounds the withdrawals of a kind in one plan.
    pub(super) fn cap(&mut self, kind: &str, most: u32) {
        self.builder.caps.push(Cap { kind: kind.into(), most });
    }

    /// An even choice from 0 up to, without, `limit`.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        self.random.below(limit)
    }

    /// True in `percent` of a hundred cases.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.random.below(100) < percent
    }

    /// One of some nodes; `None` of none.
    pub(super) fn pick(&mut self, nodes: &[NodeIx]) -> Option<NodeIx> {
        let at = self.random.below(u32::try_from(nodes.len()).unwrap_or(u32::MAX));
        nodes.get(at as usize).copied()
    }

    /// Draws `count` of some nodes, possibly one of them twice.
    pub(super) fn picks(&mut self, nodes: &[NodeIx], count: u32) -> Vec<NodeIx> {
        (0..count).filter_map(|_| self.pick(nodes)).collect()
    }
}
