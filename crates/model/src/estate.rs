//! Everything the organisation runs, as one checked, immutable graph.
//!
//! An [`Estate`] is made by [`EstateBuilder`], which brings it into one
//! canonical order: the same estate written in any order of files and lines is
//! the same value, so whatever is computed from it is the same too. Reading
//! files and pointing at lines belongs to the crate `estate`.
//! What stops when nodes go is in [`crate::outage`], who reaches whom in
//! [`crate::reach`].

mod build;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

pub use build::{Defect, EstateBuilder, Item};

use crate::ids::{NodeId, NodeIx, ServiceId, ServiceIx, WithdrawalId, WithdrawalIx};
use crate::link::Direction;
use crate::money::Money;
use crate::needs::Needs;

/// Tags that forbid every withdrawal of a node.
pub const FORBIDDING_TAGS: [&str; 2] = ["never-touch", "break-glass"];

/// Something that the organisation runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// What people call it, where that differs from the id.
    pub name: Option<Box<str>>,
    /// Other spellings under which logs and directories know it.
    pub aliases: Vec<Box<str>>,
    /// Free words; `never-touch` and `break-glass` forbid withdrawals.
    pub tags: Vec<Box<str>>,
}

impl Node {
    /// Makes a node that is known by its id alone.
    #[must_use]
    pub fn new(id: NodeId) -> Self {
        Self { id, name: None, aliases: Vec::new(), tags: Vec::new() }
    }

    /// What people call it.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }
}

/// A link as it was written; [`Estate::direction`] tells which way control flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// As written.
    pub from: NodeIx,
    /// As written.
    pub to: NodeIx,
    /// Position in [`Estate::link_kinds`].
    pub kind: u16,
    /// Seconds that an intruder needs to use it.
    pub seconds: u32,
}

/// A kind of link that occurs in the estate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkKindEntry {
    /// As first written.
    pub name: Arc<str>,
    /// Which way control flows.
    pub direction: Direction,
}

/// What the business does with the estate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// What people call it.
    pub name: Option<Box<str>>,
    /// What must be up for it to trade.
    pub needs: Needs,
    /// Whether no plan may stop it.
    pub protected: bool,
    /// Cost of every hour that it is stopped.
    pub cost_per_hour: Money,
    /// How to see that it trades: `tcp://10.20.0.5:8443`.
    pub probe: Option<Box<str>>,
}

impl Service {
    /// What people call it.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }
}

/// Data kept in a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Where it is kept.
    pub node: NodeIx,
    /// Kinds of data, sorted: `contact`, `date-of-birth`.
    pub categories: Vec<Box<str>>,
    /// How many people it is about, where known.
    pub people: Option<u64>,
    /// How many records, where known.
    pub records: Option<u64>,
    /// Loss if it is taken.
    pub loss: Money,
    /// Nodes that hold the same data, sorted.
    pub copies: Vec<NodeIx>,
    /// Whether a plan that leaves it reachable is not a full plan.
    pub must_hold: bool,
}

/// A node with a loss if the intruder reaches it, declared and holdings merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// The node.
    pub node: NodeIx,
    /// Loss if it or a copy is reached; counts once.
    pub loss: Money,
    /// Whether it must be cut off.
    pub must_hold: bool,
    /// Nodes that count as it, sorted, without `node`.
    pub copies: Vec<NodeIx>,
}

impl Asset {
    /// The node and its copies.
    pub fn places(&self) -> impl Iterator<Item = NodeIx> + '_ {
        std::iter::once(self.node).chain(self.copies.iter().copied())
    }
}

/// Which log source would show an access to a holding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Coverage {
    /// The holding's node.
    pub holding: NodeIx,
    /// The source, as logs name it: `pgaudit:members`.
    pub source: Box<str>,
}

/// Bounds one plan: at most so many withdrawals of a kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cap {
    /// Kind of withdrawal.
    pub kind: Box<str>,
    /// How many one plan may hold.
    pub most: u32,
}

/// The two modes of withdrawal, always separate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nothing new may start; has an inverse.
    Refuse,
    /// What is open is closed; has no inverse.
    End,
}

/// One reversible removal of access that the estate offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// Its id: declared, or `KIND/NODE`.
    pub id: WithdrawalId,
    /// Kind: `disable-account`.
    pub kind: Arc<str>,
    /// Refuse or end.
    pub mode: Mode,
    /// Nodes that it removes from the intruder's graph, sorted, never empty.
    pub removes: SmallVec<[NodeIx; 2]>,
    /// Whether these nodes also stop for services.
    pub stops: bool,
    /// Paid once.
    pub cost: Money,
    /// Paid per hour of the horizon.
    pub cost_per_hour: Money,
    /// The node that carries it out.
    pub enforcer: Option<NodeIx>,
    /// Name of the connector that carries it out; none means by hand.
    pub connector: Option<Arc<str>>,
    /// Whether the estate's files declare it (as against the kind's default).
    pub declared: bool,
    /// The other half of a default refuse and end of one node, planned as one column.
    pub partner: Option<WithdrawalIx>,
}

/// The checked, immutable estate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estate {
    // INVARIANT: built by EstateBuilder only: nodes sorted by id, links sorted
    // and unique, every index in range, `needs` without cycles, all money
    // together at most Money::CEILING.
    name: String,
    currency: String,
    horizon_hours: u32,
    nodes: Vec<Node>,
    needs: Vec<Option<Box<Needs>>>,
    needs_order: Vec<NodeIx>,
    links: Vec<Link>,
    link_kinds: Vec<LinkKindEntry>,
    services: Vec<Service>,
    holdings: Vec<Holding>,
    assets: Vec<Asset>,
    withdrawals: Vec<Withdrawal>,
    caps: Vec<Cap>,
    coverage: Vec<Coverage>,
}

impl Estate {
    /// The organisation's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Currency code of all money in it, `GBP`.
    #[must_use]
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// Whole hours that a cut is expected to last.
    #[must_use]
    pub fn horizon_hours(&self) -> u32 {
        self.horizon_hours
    }

    /// All nodes, sorted by id; positions are [`NodeIx`].
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Finds a node by its id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<NodeIx> {
        let at = self.nodes.binary_search_by(|node| node.id.as_str().cmp(id)).ok()?;
        u32::try_from(at).ok().map(NodeIx)
    }

    /// The node at an index of this estate.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "a NodeIx of this estate is in range by the invariant"
    )]
    pub fn node(&self, node: NodeIx) -> &Node {
        &self.nodes[node.at()]
    }

    /// The id of a node.
    #[must_use]
    pub fn id(&self, node: NodeIx) -> &NodeId {
        &self.node(node).id
    }

    /// What a node itself needs to be up, hosts of its `RunsOn` links included.
    #[must_use]
    pub fn needs(&self, node: NodeIx) -> Option<&Needs> {
        self.needs.get(node.at()).and_then(Option::as_deref)
    }

    /// Nodes with needs, each after all nodes that it needs.
    #[must_use]
    pub fn needs_order(&self) -> &[NodeIx] {
        &self.needs_order
    }

    /// All links as written, sorted, without doubles.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The kinds of links that occur; [`Link::kind`] points here.
    #[must_use]
    pub fn link_kinds(&self) -> &[LinkKindEntry] {
        &self.link_kinds
    }

    /// The kind of a link.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "a link of this estate points at one of its kinds by the invariant"
    )]
    pub fn kind_of(&self, link: &Link) -> &LinkKindEntry {
        &self.link_kinds[link.kind as usize]
    }

    /// The way control flows along a link: who controls the first can come to control the second.
    #[must_use]
    pub fn direction(&self, link: &Link) -> Option<(NodeIx, NodeIx)> {
        match self.kind_of(link).direction {
            Direction::Forward => Some((link.from, link.to)),
            Direction::BackwardAndNeeds => Some((link.to, link.from)),
            Direction::DataOnly | Direction::NoControl => None,
        }
    }

    /// All services, sorted by id; positions are [`ServiceIx`].
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The service at an index of this estate.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "a ServiceIx of this estate is in range by the invariant"
    )]
    pub fn service(&self, service: ServiceIx) -> &Service {
        &self.services[service.at()]
    }

    /// Finds a service by its id.
    #[must_use]
    pub fn find_service(&self, id: &str) -> Option<ServiceIx> {
        let at = self.services.binary_search_by(|service| service.id.as_str().cmp(id)).ok()?;
        u32::try_from(at).ok().map(ServiceIx)
    }

    /// All holdings, sorted by node.
    #[must_use]
    pub fn holdings(&self) -> &[Holding] {
        &self.holdings
    }

    /// All assets, declared ones and holdings merged, sorted by node.
    #[must_use]
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// All withdrawals on offer, defaults included, sorted by id; positions are [`WithdrawalIx`].
    #[must_use]
    pub fn withdrawals(&self) -> &[Withdrawal] {
        &self.withdrawals
    }

    /// The withdrawal at an index of this estate.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "a WithdrawalIx of this estate is in range by the invariant"
    )]
    pub fn withdrawal(&self, withdrawal: WithdrawalIx) -> &Withdrawal {
        &self.withdrawals[withdrawal.at()]
    }

    /// Finds a withdrawal by its id.
    #[must_use]
    pub fn find_withdrawal(&self, id: &str) -> Option<WithdrawalIx> {
        let at = self.withdrawals.binary_search_by(|w| w.id.as_str().cmp(id)).ok()?;
        u32::try_from(at).ok().map(WithdrawalIx)
    }

    /// Bounds on one plan, sorted by kind.
    #[must_use]
    pub fn caps(&self) -> &[Cap] {
        &self.caps
    }

    /// Which source shows accesses to which holding, sorted.
    #[must_use]
    pub fn coverage(&self) -> &[Coverage] {
        &self.coverage
    }

    /// What a withdrawal costs over the horizon, without the services that it stops.
    #[must_use]
    pub fn price(&self, withdrawal: &Withdrawal) -> Money {
        self.over_horizon(withdrawal.cost_per_hour) + withdrawal.cost
    }

    /// What it costs when a service is stopped over the horizon.
    #[must_use]
    pub fn stop_price(&self, service: &Service) -> Money {
        self.over_horizon(service.cost_per_hour)
    }

    fn over_horizon(&self, per_hour: Money) -> Money {
        // The builder has checked this product against the ceiling.
        per_hour.times(u64::from(self.horizon_hours)).unwrap_or(Money::CEILING)
    }

    /// The node whose tag forbids this withdrawal, if any.
    #[must_use]
    pub fn forbidden_by(&self, withdrawal: &Withdrawal) -> Option<NodeIx> {
        withdrawal.removes.iter().copied().find(|&node| self.is_forbidden(node))
    }

    /// Tells whether nothing may be withdrawn from a node.
    #[must_use]
    pub fn is_forbidden(&self, node: NodeIx) -> bool {
        self.node(node).tags.iter().any(|tag| FORBIDDING_TAGS.contains(&&**tag))
    }

    /// All spellings under which a node is known: its id's name, its name, its aliases.
    #[must_use]
    pub fn spellings(&self, node: NodeIx) -> BTreeSet<&str> {
        let node = self.node(node);
        std::iter::once(node.id.name())
            .chain(node.name.as_deref())
            .chain(node.aliases.iter().map(|alias| &**alias))
            .collect()
    }
}
