//! When a path stood open from the intruder's footholds to which node.
//!
//! The window is cut at every moment at which a foothold or a withdrawal comes
//! or goes; in each slice one plain search over the control graph says what the
//! intruder could come to control. How long a step takes is left out on
//! purpose: afterwards nobody knows how fast the intruder was. A node that was
//! merely within reach does not become a start of later slices; what the
//! intruder really took is a foothold of its own.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use cordon_model::outage::NodeSet;
use cordon_model::reach::ControlGraph;
use cordon_model::{Estate, EstateBuilder, Mode, NodeIx};
use jiff::Timestamp;

use crate::evidence::{COUNTED, Evidence, Foothold, InForce};
use crate::exposure::Because;
use crate::spans::{Span, moment, union};

/// The slices of the window, and what makes a "no path" uncertain.
pub(crate) struct Timeline {
    slices: Vec<Slice>,
    first_paths: BTreeMap<NodeIx, (Span, Vec<NodeIx>)>,
    /// Why nobody can say that there was no path; empty if it can be said.
    pub(crate) doubts: Vec<Because>,
}

struct Slice {
    span: Span,
    reached: Rc<NodeSet>,
}

/// What is the case during a slice: starts that a withdrawal stops, starts that none stops, blocked.
type State = (Vec<NodeIx>, Vec<NodeIx>, Vec<NodeIx>);

impl Timeline {
    /// Searches every slice; `places` are the nodes whose first path is kept.
    pub(crate) fn new(estate: &Estate, evidence: &Evidence, places: &BTreeSet<NodeIx>) -> Self {
        let graph = ControlGraph::new(estate);
        let footholds = counted(estate, evidence);
        let withdrawals = relevant(estate, evidence, &graph, &footholds);
        let mut timeline =
            Self { slices: Vec::new(), first_paths: BTreeMap::new(), doubts: Vec::new() };
        let mut known: BTreeMap<State, Rc<NodeSet>> = BTreeMap::new();
        for span in cuts(evidence.window, &footholds, &withdrawals) {
            let state = state_at(span, &footholds, &withdrawals);
            let reached = if let Some(reached) = known.get(&state) {
                Rc::clone(reached)
            } else {
                let reached = Rc::new(timeline.search(estate, &graph, &state, span, places));
                known.insert(state, Rc::clone(&reached));
                reached
            };
            timeline.slices.push(Slice { span, reached });
        }
        timeline.doubts = doubts(estate, evidence, &timeline);
        timeline
    }

    fn search(
        &mut self,
        estate: &Estate,
        graph: &ControlGraph,
        (starts, entrenched, blocked): &State,
        span: Span,
        places: &BTreeSet<NodeIx>,
    ) -> NodeSet {
        let nodes = estate.nodes().len();
        let blocked = NodeSet::from_nodes(nodes, blocked.iter().copied());
        let reach = graph.reach(starts.iter().copied(), entrenched.iter().copied(), &blocked);
        for &place in places {
            if reach.contains(place) {
                self.first_paths.entry(place).or_insert_with(|| (span, reach.path(place)));
            }
        }
        let all = (0..).map(NodeIx).take(nodes);
        NodeSet::from_nodes(nodes, all.filter(|&node| reach.contains(node)))
    }

    /// When a path to a node stood open, merged.
    pub(crate) fn open(&self, place: NodeIx) -> Vec<Span> {
        let open = self.slices.iter().filter(|slice| slice.reached.contains(place));
        union(open.map(|slice| slice.span))
    }

    /// The earliest path to a place, and the slice in which it stood open first.
    pub(crate) fn first_path(&self, place: NodeIx) -> Option<&(Span, Vec<NodeIx>)> {
        self.first_paths.get(&place)
    }

    /// Tells whether the intruder could have come to control a node at a moment.
    ///
    /// At the moment between two slices either will do.
    pub(crate) fn reached_at(&self, node: NodeIx, time: Timestamp) -> bool {
        let begun = self.slices.partition_point(|slice| slice.span.from <= time);
        let last = self.slices.iter().take(begun).rev();
        let mut at = last.take_while(|slice| slice.span.contains(time));
        at.any(|slice| slice.reached.contains(node))
    }
}

/// The estate with what the logs have shown of its links; `None` if they do not fit.
pub(crate) fn with_observed<'a>(
    estate: &'a Estate,
    evidence: &Evidence,
) -> Option<Cow<'a, Estate>> {
    if evidence.links.is_empty() {
        return Some(Cow::Borrowed(estate));
    }
    let mut builder = EstateBuilder::from_estate(estate);
    for link in &evidence.links {
        let (from, to) = (builder.node(&link.from), builder.node(&link.to));
        builder.add_link(from, to, "Observed", None);
    }
    builder.finish().ok().map(Cow::Owned)
}

struct Counted<'a> {
    node: NodeIx,
    foothold: &'a Foothold,
}

fn counted<'a>(estate: &Estate, evidence: &'a Evidence) -> Vec<Counted<'a>> {
    let footholds = evidence.footholds.iter().filter(|f| f.probability >= COUNTED);
    let known = footholds.filter_map(|foothold| {
        estate.find(foothold.node.as_str()).map(|node| Counted { node, foothold })
    });
    known.collect()
}

struct Blocking<'a> {
    nodes: Vec<NodeIx>,
    in_force: &'a InForce,
}

/// The withdrawals that stand in the intruder's way at all, so that slices stay few.
///
/// The default `end` of a node closes what was open and stops nothing that
/// starts after it; its refuse is what blocks. A declared `end` removes its
/// nodes, which are sessions, for good.
fn relevant<'a>(
    estate: &Estate,
    evidence: &'a Evidence,
    graph: &ControlGraph,
    footholds: &[Counted<'_>],
) -> Vec<Blocking<'a>> {
    let nobody = NodeSet::new(estate.nodes().len());
    let widest = graph.reach(footholds.iter().map(|f| f.node), [], &nobody);
    let all = evidence.withdrawals.iter().filter_map(|in_force| {
        let at = estate.find_withdrawal(in_force.withdrawal.as_str())?;
        let withdrawal = estate.withdrawal(at);
        let blocks = withdrawal.mode == Mode::Refuse || withdrawal.declared;
        let in_the_way = withdrawal.removes.iter().any(|&node| widest.contains(node));
        let nodes = withdrawal.removes.to_vec();
        (blocks && in_the_way).then_some(Blocking { nodes, in_force })
    });
    all.collect()
}

/// The slices of the window; the last is its final instant.
fn cuts(window: Span, footholds: &[Counted<'_>], withdrawals: &[Blocking<'_>]) -> Vec<Span> {
    let mut moments = BTreeSet::from([window.from, window.to]);
    for Counted { foothold, .. } in footholds {
        moments.insert(foothold.since);
        moments.extend(foothold.until);
    }
    for Blocking { in_force, .. } in withdrawals {
        moments.insert(in_force.from);
        moments.extend(in_force.to);
    }
    let moments: Vec<Timestamp> =
        moments.into_iter().filter(|&time| window.contains(time)).collect();
    let ends = moments.iter().skip(1).chain(std::iter::once(&window.to));
    moments.iter().zip(ends).map(|(&from, &to)| Span { from, to }).collect()
}

fn state_at(span: Span, footholds: &[Counted<'_>], withdrawals: &[Blocking<'_>]) -> State {
    let time = span.from;
    // What is lifted at the very end of the window was in force throughout it.
    let ends_with = |w: &InForce| span.from == span.to && w.from <= time && w.to == Some(time);
    let active = footholds.iter().filter(|f| f.foothold.holds_at(time));
    let (fixed, plain): (Vec<_>, Vec<_>) = active.partition(|f| f.foothold.entrenched);
    let in_force =
        withdrawals.iter().filter(|w| w.in_force.holds_at(time) || ends_with(w.in_force));
    let sorted = |nodes: Vec<NodeIx>| BTreeSet::from_iter(nodes).into_iter().collect();
    (
        sorted(plain.iter().map(|f| f.node).collect()),
        sorted(fixed.iter().map(|f| f.node).collect()),
        sorted(in_force.flat_map(|w| w.nodes.iter().copied()).collect()),
    )
}

/// Footholds whose reach nobody knows, and logons that no path explains.
fn doubts(estate: &Estate, evidence: &Evidence, timeline: &Timeline) -> Vec<Because> {
    let counted = evidence.footholds.iter().filter(|f| f.probability >= COUNTED);
    // An address or host that the estate does not have is the intruder's own machine,
    // if the caller says that its reach is known; an account or key never is.
    let outside = |f: &Foothold| {
        estate.find(f.node.as_str()).is_none() && !matches!(f.node.kind(), "address" | "host")
    };
    let mut doubts: Vec<Because> = counted
        .filter(|f| !f.reach_known || outside(f))
        .map(|f| Because {
            entry: (f.entry > 0).then_some(f.entry),
            from: Some(f.since),
            ..Because::words(format!(
                "it is not known what `{}` can reach, which the intruder has held since {}, so nobody can say that there was no path",
                f.node,
                moment(f.since)
            ))
        })
        .collect();
    for logon in &evidence.logons {
        if let Some((from, to)) = unexplained(estate, evidence, timeline, logon) {
            doubts.push(Because {
                from: Some(logon.time),
                ..Because::at(&logon.reference, format!(
                    "`{from}`, the intruder's, signed in to `{to}` at {}, which no link of the estate explains, so nobody can say that there was no path",
                    moment(logon.time)
                ))
            });
        }
    }
    doubts
}

fn unexplained<'a>(
    estate: &Estate,
    evidence: &Evidence,
    timeline: &Timeline,
    logon: &'a crate::evidence::Logon,
) -> Option<(&'a cordon_model::NodeId, &'a cordon_model::NodeId)> {
    let held = |node: &cordon_model::NodeId| {
        evidence
            .footholds
            .iter()
            .any(|f| f.probability >= COUNTED && f.node == *node && f.holds_at(logon.time))
    };
    let from = logon.from.iter().find(|node| held(node))?;
    let to = logon.to.first()?;
    let explained = logon.to.iter().any(|node| {
        let reached = estate.find(node.as_str());
        reached.is_some_and(|node| timeline.reached_at(node, logon.time))
    });
    (!explained).then_some((from, to))
}
