//! The static side of planning: links both ways, columns, labels, laid out once per estate.
//!
//! A *column* is what the planner decides on: a withdrawal, or the default
//! refuse and end of one node together. Nothing here depends on footholds.

use cordon_model::estate::{Estate, Mode, Withdrawal};
use cordon_model::ids::{NodeIx, WithdrawalIx};
use smallvec::SmallVec;

use crate::dense::{Dense, Lists, index};
use crate::gates::Gates;

/// Label of a node from which no asset can be reached.
pub(crate) const NEVER: u32 = u32::MAX;

/// One thing to decide on.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// The withdrawal; of a default pair the refuse.
    pub(crate) first: WithdrawalIx,
    /// The default end of the same node.
    pub(crate) end: Option<WithdrawalIx>,
    /// Nodes that it takes from the intruder.
    pub(crate) nodes: SmallVec<[u32; 2]>,
    /// Those of them that stop for services too.
    pub(crate) stops: SmallVec<[u32; 2]>,
    /// Enforcers, each with the withdrawal that it carries out.
    pub(crate) enforcers: SmallVec<[(WithdrawalIx, u32); 1]>,
    /// How often it counts towards which cap.
    pub(crate) caps: SmallVec<[(u32, u32); 1]>,
    /// A tag forbids it.
    pub(crate) forbidden: bool,
}

impl Column {
    /// The withdrawals that it stands for, in order of raising.
    pub(crate) fn withdrawals(&self) -> impl Iterator<Item = WithdrawalIx> {
        std::iter::once(self.first).chain(self.end)
    }
}

/// The estate as the planner walks it.
#[derive(Debug)]
pub(crate) struct Network<'e> {
    pub(crate) estate: &'e Estate,
    /// Per node, where control can go next, with the seconds it takes.
    pub(crate) next: Lists<(u32, u32)>,
    /// Per node, where control can have come from.
    pub(crate) back: Lists<u32>,
    pub(crate) columns: Dense<Column>,
    /// Per node, the columns that remove it.
    pub(crate) cover: Lists<u32>,
    /// Per node, the assets that are lost when it is reached.
    pub(crate) assets_at: Lists<u32>,
    /// Per node, the fewest links to an asset that is worth something, or [`NEVER`].
    pub(crate) label: Dense<u32>,
    pub(crate) gates: Gates,
    /// Per withdrawal, its column.
    pub(crate) column_of: Dense<u32>,
}

impl<'e> Network<'e> {
    pub(crate) fn new(estate: &'e Estate) -> Self {
        let nodes = estate.nodes().len();
        let controls = || {
            let links = estate.links().iter();
            links.filter_map(|link| estate.direction(link).map(|pair| (pair, link.seconds)))
        };
        let next =
            Lists::gather(nodes, || controls().map(|((a, b), seconds)| (a.0, (b.0, seconds))));
        let back = Lists::gather(nodes, || controls().map(|((a, b), _)| (b.0, a.0)));
        let (columns, column_of) = columns(estate);
        let cover = Lists::gather(nodes, || {
            columns.iter().zip(0..).flat_map(|(column, at): (&Column, u32)| {
                column.nodes.iter().map(move |&node| (node, at))
            })
        });
        let assets_at = Lists::gather(nodes, || {
            estate.assets().iter().zip(0..).flat_map(|(asset, at): (_, u32)| {
                asset.places().map(move |NodeIx(node)| (node, at))
            })
        });
        let gates = Gates::new(estate);
        let label = Dense::default();
        let mut made =
            Self { estate, next, back, columns, cover, assets_at, label, gates, column_of };
        made.label = made.label_nodes();
        made
    }

    pub(crate) fn nodes(&self) -> usize {
        self.estate.nodes().len()
    }

    /// Breadth-first from the assets against the links.
    fn label_nodes(&self) -> Dense<u32> {
        let mut label = Dense::filled(NEVER, self.nodes());
        let mut queue: Vec<u32> = Vec::new();
        for asset in self.estate.assets().iter().filter(|a| a.must_hold || a.loss.0 > 0) {
            for NodeIx(node) in asset.places() {
                if label[node] == NEVER {
                    label[node] = 0;
                    queue.push(node);
                }
            }
        }
        let mut at = 0;
        while let Some(&node) = queue.get(at) {
            at += 1;
            for &before in &self.back[node] {
                if label[before] == NEVER {
                    label[before] = label[node] + 1;
                    queue.push(before);
                }
            }
        }
        label
    }
}

fn columns(estate: &Estate) -> (Dense<Column>, Dense<u32>) {
    let mut columns = Dense::default();
    let mut column_of = Dense::filled(0, estate.withdrawals().len());
    for (withdrawal, at) in estate.withdrawals().iter().zip((0..).map(WithdrawalIx)) {
        if withdrawal.mode == Mode::End && withdrawal.partner.is_some() {
            continue;
        }
        let end = withdrawal.partner;
        let column = columns.push(column(estate, at, withdrawal, end));
        for half in std::iter::once(at).chain(end) {
            column_of[half.0] = column;
        }
    }
    (columns, column_of)
}

fn column(
    estate: &Estate,
    first: WithdrawalIx,
    withdrawal: &Withdrawal,
    end: Option<WithdrawalIx>,
) -> Column {
    let halves = || std::iter::once(first).chain(end).map(|at| (at, estate.withdrawal(at)));
    let nodes = withdrawal.removes.iter().map(|node| node.0).collect();
    let stops =
        if halves().any(|(_, half)| half.stops) { withdrawal.removes.as_slice() } else { &[] };
    let mut caps: SmallVec<[(u32, u32); 1]> = SmallVec::new();
    for (cap, at) in estate.caps().iter().zip(0..) {
        let times = index(halves().filter(|(_, half)| *half.kind == *cap.kind).count());
        if times > 0 {
            caps.push((at, times));
        }
    }
    Column {
        first,
        end,
        nodes,
        stops: stops.iter().map(|node| node.0).collect(),
        enforcers: halves().filter_map(|(at, half)| Some((at, half.enforcer?.0))).collect(),
        caps,
        forbidden: estate.forbidden_by(withdrawal).is_some(),
    }
}
