//! What all readers of estate files share: the parts so far and the names in them.
//!
//! Nodes are read first, from every file; then everything that names nodes.
//! [`Reader::resolve`] is the one place that turns a written id into a node and
//! reports the ones that nobody declared. What only the whole can show is in
//! [`crate::whole`].

use std::sync::Arc;

use cordon_model::estate::{EstateBuilder, Mode, Withdrawal};
use cordon_model::ids::{NodeId, NodeIx, WithdrawalId};
use cordon_model::kind::default_withdrawals;
use cordon_model::link::{Direction, LINK_KINDS, link_kind};
use cordon_model::money::Money;
use cordon_model::needs::Needs;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::nearest::nearest;
use crate::needs::Expression;
use crate::report::{Report, Spot};

/// Suggestions look at every node, so only the first dangling names get one.
const SUGGESTIONS: u32 = 20;

/// Everything read so far.
pub(crate) struct Reader {
    /// The parts.
    pub(crate) builder: EstateBuilder,
    /// What is wrong with them.
    pub(crate) report: Report,
    /// Where each service stands, beside `builder.services`.
    pub(crate) service_spots: Vec<Spot>,
    /// Where each withdrawal stands, beside `builder.withdrawals`.
    pub(crate) withdrawal_spots: Vec<Spot>,
    /// Where each holding stands, beside `builder.holdings`.
    pub(crate) holding_spots: Vec<Spot>,
    /// Where each asset stands, beside `builder.assets`.
    pub(crate) asset_spots: Vec<Spot>,
    /// Where each cap stands, beside `builder.caps`.
    pub(crate) cap_spots: Vec<Spot>,
    /// Where each coverage stands, beside `builder.coverage`.
    pub(crate) coverage_spots: Vec<Spot>,
    /// Which node needs which others, and where that is written; `RunsOn` included.
    pub(crate) needed: Vec<(NodeIx, NodeIx, Spot)>,
    /// `CopyOf` links: the copy, the original, and where.
    pub(crate) copies: Vec<(NodeIx, NodeIx, Spot)>,
    /// Where `[estate]` stands.
    pub(crate) estate_spot: Option<Spot>,
    /// Kinds whose attempts are bounded, and where.
    pub(crate) capped_kinds: Vec<(String, Spot)>,
    /// Connectors by name, with their enforcers.
    pub(crate) connectors: FxHashMap<Box<str>, Option<NodeIx>>,
    /// Whether there is a `cordon.toml`.
    pub(crate) has_config: bool,
    /// Where each node was first declared, beside `builder.nodes()`.
    pub(crate) node_spots: Vec<Spot>,
    kinds: FxHashMap<Box<str>, Arc<str>>,
    directions: FxHashMap<Box<str>, Direction>,
    suggestions: u32,
}

impl Reader {
    /// Starts with nothing.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            builder: EstateBuilder::new(name, "GBP"),
            report: Report::default(),
            service_spots: Vec::new(),
            withdrawal_spots: Vec::new(),
            holding_spots: Vec::new(),
            asset_spots: Vec::new(),
            cap_spots: Vec::new(),
            coverage_spots: Vec::new(),
            needed: Vec::new(),
            copies: Vec::new(),
            estate_spot: None,
            capped_kinds: Vec::new(),
            connectors: FxHashMap::default(),
            has_config: false,
            node_spots: Vec::new(),
            kinds: FxHashMap::default(),
            directions: FxHashMap::default(),
            suggestions: 0,
        }
    }

    /// Declares a node; a bad id is reported.
    pub(crate) fn declare(&mut self, text: &str, spot: Spot) -> Option<NodeIx> {
        if let Some(known) = self.builder.find(text) {
            return Some(known);
        }
        match NodeId::parse(text) {
            Ok(id) => {
                self.node_spots.push(spot);
                Some(self.builder.node(&id))
            }
            Err(error) => {
                self.bad_id(text, &error, spot);
                None
            }
        }
    }

    /// Adds what a declaration says of a node.
    pub(crate) fn describe(
        &mut self,
        node: NodeIx,
        name: Option<&str>,
        aliases: Vec<Box<str>>,
        tags: Vec<Box<str>>,
    ) {
        self.builder.describe(node, name.map(Into::into), aliases, tags);
    }

    fn bad_id(&mut self, text: &str, error: &cordon_model::ids::NodeIdError, spot: Spot) {
        let fixed = match text.split_once(':') {
            Some((kind, name)) if !kind.is_empty() && !name.is_empty() => {
                format!("write `{}`", NodeId::from_parts(kind, name))
            }
            Some(_) | None => "write ids as `kind:name`, for example `host:dc1`".to_owned(),
        };
        self.report.problem(spot, error.to_string(), fixed);
    }

    /// Finds the node that a part of the estate names; `role` is told when there is none.
    pub(crate) fn resolve(&mut self, text: &str, spot: Spot, role: &str) -> Option<NodeIx> {
        let known = self.builder.find(text);
        if known.is_none() {
            self.dangling(text, spot, role);
        }
        known
    }

    fn dangling(&mut self, text: &str, spot: Spot, role: &str) {
        if let Err(error) = NodeId::parse(text) {
            self.bad_id(text, &error, spot);
            return;
        }
        // Where a file could not be understood its nodes are missing, and their
        // users are not at fault.
        if self.report.is_broken() {
            return;
        }
        self.suggestions += 1;
        let near = if self.suggestions <= SUGGESTIONS { self.near(text) } else { None };
        let remedy = near.map_or_else(
            || "declare it with `[[node]]` or in `nodes.csv`, or remove the mention".to_owned(),
            |near| format!("did you mean `{near}`? otherwise declare it as a node"),
        );
        self.report.problem(spot, format!("{role} names `{text}`, which is not a node"), remedy);
    }

    fn near(&self, text: &str) -> Option<String> {
        let (kind, name) = text.split_once(':')?;
        let ids = || self.builder.nodes().iter().map(|node| &node.id);
        let elsewhere = || ids().find(|id| id.name() == name).map(NodeId::as_str);
        let slip = nearest(name, ids().filter(|id| id.kind() == kind).map(NodeId::name));
        // Where nodes of the kind exist the slip is in the name, else perhaps in the kind.
        let any_kind = || if ids().any(|id| id.kind() == kind) { None } else { Some(()) };
        slip.map(|name| format!("{kind}:{name}"))
            .or_else(|| elsewhere().map(str::to_owned))
            .or_else(|| {
                any_kind()
                    .and_then(|()| nearest(text, ids().map(NodeId::as_str)))
                    .map(str::to_owned)
            })
    }

    /// Turns an expression into a tree; every unknown node in it is reported.
    pub(crate) fn resolve_needs(
        &mut self,
        expression: &Expression<'_>,
        spot_at: &impl Fn(usize) -> Spot,
    ) -> Option<Needs> {
        match expression {
            Expression::Node(id, offset) => {
                // A place is worked out only where it is told: lists of needs may be long.
                let known = self.builder.find(id);
                if known.is_none() {
                    self.dangling(id, spot_at(*offset), "`needs`");
                }
                known.map(Needs::Node)
            }
            Expression::AtLeast(k, members) => {
                let of: Vec<Option<Needs>> =
                    members.iter().map(|member| self.resolve_needs(member, spot_at)).collect();
                let of: Option<Vec<Needs>> = of.into_iter().collect();
                of.map(|of| Needs::AtLeast { k: *k, of })
            }
        }
    }

    /// Adds a link and notes what it means besides control.
    pub(crate) fn add_link(
        &mut self,
        from: NodeIx,
        to: NodeIx,
        kind: &str,
        seconds: Option<u32>,
        spot: Spot,
    ) {
        self.builder.add_link(from, to, kind, seconds);
        match self.direction(kind, spot) {
            Direction::BackwardAndNeeds => self.needed.push((from, to, spot)),
            Direction::DataOnly => self.copies.push((from, to, spot)),
            Direction::Forward | Direction::NoControl => {}
        }
    }

    /// The way control flows along links of a kind; warns once of a kind that looks misspelt.
    fn direction(&mut self, kind: &str, spot: Spot) -> Direction {
        if let Some(&direction) = self.directions.get(kind) {
            return direction;
        }
        let known = link_kind(kind);
        let near = nearest(kind, LINK_KINDS.iter().map(|known| known.name));
        if let (None, Some(near)) = (known, near) {
            let what = format!("the kind of link `{kind}` is not known, so it gives control");
            self.report.warning(spot, what, format!("did you mean `{near}`?"));
        }
        let direction = known.map_or(Direction::Forward, |known| known.direction);
        self.directions.insert(kind.into(), direction);
        direction
    }

    /// One shared copy of a kind's name.
    pub(crate) fn kind(&mut self, name: &str) -> Arc<str> {
        if let Some(kind) = self.kinds.get(name) {
            return Arc::clone(kind);
        }
        let kind: Arc<str> = name.into();
        self.kinds.insert(name.into(), Arc::clone(&kind));
        kind
    }

    /// Completes a declared withdrawal with its defaults and adds it.
    pub(crate) fn add_withdrawal(&mut self, draft: Draft<'_>, spot: Spot) {
        let Some(id) = self.id_of(&draft, spot) else { return };
        let via = self.builder.connectors.get(draft.kind).cloned();
        let via_enforcer = match draft.connector {
            Some(name) => self.connectors.get(name).copied().flatten(),
            None => via.as_ref().and_then(|(_, enforcer)| *enforcer),
        };
        let mode = draft.mode.unwrap_or_else(|| usual_mode(draft.kind));
        let kind = self.kind(draft.kind);
        self.builder.withdrawals.push(Withdrawal {
            id,
            kind,
            mode,
            removes: draft.removes.unwrap_or_default(),
            stops: draft.stops.unwrap_or(mode == Mode::Refuse),
            cost: draft.cost,
            cost_per_hour: draft.cost_per_hour,
            enforcer: draft.enforcer.or(via_enforcer),
            connector: draft.connector.map(Into::into).or(via.map(|(connector, _)| connector)),
            declared: true,
            partner: None,
        });
        self.withdrawal_spots.push(spot);
    }

    /// The declared id, or `KIND/NODE` for one node; reports what removes nothing.
    fn id_of(&mut self, draft: &Draft<'_>, spot: Spot) -> Option<WithdrawalId> {
        let removes = draft.removes.as_deref();
        if removes == Some(&[]) {
            let what = "a withdrawal removes nothing";
            self.report.problem(spot, what, "name at least one node in `removes`");
        }
        if let Some(id) = draft.id {
            return Some(id.into());
        }
        match removes? {
            [] => None,
            [node] => {
                let node = self.builder.nodes().get(node.at())?;
                Some(format!("{}/{}", draft.kind, node.id).into())
            }
            _ => {
                let what = "a withdrawal of several nodes has no `id`";
                self.report.problem(spot, what, "give it an id");
                None
            }
        }
    }
}

/// A declared withdrawal before its defaults are filled in.
pub(crate) struct Draft<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) kind: &'a str,
    pub(crate) mode: Option<Mode>,
    /// `None` where a name in it was reported.
    pub(crate) removes: Option<SmallVec<[NodeIx; 2]>>,
    pub(crate) stops: Option<bool>,
    pub(crate) cost: Money,
    pub(crate) cost_per_hour: Money,
    pub(crate) enforcer: Option<NodeIx>,
    pub(crate) connector: Option<&'a str>,
}

/// Kinds of nodes whose defaults tell which kinds of withdrawals end and which refuse.
const KINDS_WITH_DEFAULTS: [&str; 3] = ["user", "database-role", "host"];

/// The mode of a withdrawal that does not say: what the default of that kind has, else refuse.
pub(crate) fn usual_mode(kind: &str) -> Mode {
    KINDS_WITH_DEFAULTS
        .iter()
        .flat_map(|node_kind| default_withdrawals(node_kind))
        .find(|default| default.kind == kind)
        .map_or(Mode::Refuse, |default| default.mode)
}
