//! The static side of planning: links both ways, columns, labels, laid out once per estate.
//!
//! A *column* is what the planner decides on: a withdrawal, or the default
//! refuse and end of one node together. Nothing here depends on footholds.

use cordon_model::estate::{Estate, Mode, Withdrawal};
use cordon_model::ids::{NodeIx, ServiceIx, WithdrawalIx};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::dense::{Dense, Lists, index};
use crate::gates::{Fallout, Gates};
use crate::labels::Labels;
use crate::scratch::Memory;

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

/// Why a column is not simply open, as bits of [`Network::bars`].
pub(crate) mod bar {
    /// A tag forbids it, or it is void because it stops its own enforcer.
    pub(crate) const FORBIDDEN: u8 = 1;
    /// No plan can hold it: it exceeds a cap alone.
    pub(crate) const NEVER_ALONE: u8 = 2;
    /// It has enforcers, which may be footholds.
    pub(crate) const ENFORCED: u8 = 4;
    /// It stops services by itself, which may be protected.
    pub(crate) const STOPS: u8 = 8;
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
    pub(crate) labels: Labels,
    pub(crate) gates: Gates,
    /// Per withdrawal, its column.
    pub(crate) column_of: Dense<u32>,
    /// Per withdrawal, what it costs over the horizon, in minor units.
    pub(crate) price: Dense<i64>,
    /// Per service, what stopping it costs over the horizon, in minor units.
    pub(crate) weight: Dense<i64>,
    /// Per column, bits of [`bar`].
    pub(crate) bars: Dense<u8>,
    /// Services that a column stops by itself, where it stops any.
    pub(crate) stops_alone: FxHashMap<u32, Vec<u32>>,
    /// The greatest common divisor of all money, in minor units.
    pub(crate) unit: i64,
    pub(crate) memory: Memory,
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
        let stops_alone = stops_alone(&columns, &gates);
        let prices = estate.withdrawals().iter().map(|w| estate.price(w).0);
        let weights = estate.services().iter().map(|s| estate.stop_price(s).0);
        let mut made = Self {
            estate,
            labels: Labels::new(estate, &back),
            bars: bars(estate, &columns, &stops_alone),
            price: prices.collect::<Vec<_>>().into(),
            weight: weights.collect::<Vec<_>>().into(),
            unit: 1,
            memory: Memory::new(nodes, 2 * nodes + estate.assets().len()),
            next,
            back,
            columns,
            cover,
            assets_at,
            gates,
            column_of,
            stops_alone,
        };
        made.set_unit();
        made
    }

    pub(crate) fn nodes(&self) -> usize {
        self.estate.nodes().len()
    }

    /// Finds the unit that all money is a multiple of.
    pub(crate) fn set_unit(&mut self) {
        let losses = self.estate.assets().iter().map(|asset| asset.loss.0);
        let all = self.price.iter().chain(self.weight.iter()).copied().chain(losses);
        self.unit = all.fold(0, gcd).max(1);
    }

    /// Prices a withdrawal anew, in minor units over the horizon.
    pub(crate) fn set_price(&mut self, withdrawal: WithdrawalIx, price: i64) {
        self.price[withdrawal.0] = price;
        self.set_unit();
    }

    /// Prices the stop of a service anew, in minor units over the horizon.
    pub(crate) fn set_weight(&mut self, service: ServiceIx, weight: i64) {
        self.weight[service.0] = weight;
        self.set_unit();
        self.gates.mark_what_matters(self.estate, &self.weight);
        self.stops_alone = stops_alone(&self.columns, &self.gates);
        self.bars = bars(self.estate, &self.columns, &self.stops_alone);
    }

    /// Takes a link up along which control moves.
    pub(crate) fn add_link(&mut self, from: u32, to: u32, seconds: u32) {
        self.next.insert(from, (to, seconds));
        self.back.insert(to, from);
        self.labels.link_added(&self.back, from, to);
    }

    /// Forgets a link; tells whether it was there.
    pub(crate) fn remove_link(&mut self, from: u32, to: u32, seconds: u32) -> bool {
        let was_there = self.next.remove(from, (to, seconds));
        if was_there {
            self.back.remove(to, from);
            self.labels.link_removed(&self.next, &self.back, from);
        }
        was_there
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The services that each column stops by itself, ascending.
fn stops_alone(columns: &Dense<Column>, gates: &Gates) -> FxHashMap<u32, Vec<u32>> {
    let mut fallout = Fallout::new(gates);
    let mut stops = FxHashMap::default();
    for (column, at) in columns.iter().zip(0..) {
        let mark = fallout.mark();
        for &node in column.stops.iter().filter(|&&node| gates.item_that_matters(node).is_some()) {
            fallout.take_down(node);
        }
        if !fallout.stopped.is_empty() {
            let mut services = fallout.stopped.clone();
            services.sort_unstable();
            stops.insert(at, services);
        }
        fallout.undo(mark);
    }
    stops
}

fn bars(
    estate: &Estate,
    columns: &Dense<Column>,
    stops_alone: &FxHashMap<u32, Vec<u32>>,
) -> Dense<u8> {
    let caps = estate.caps();
    let over_cap =
        |&(cap, times): &(u32, u32)| caps.get(cap as usize).is_some_and(|cap| cap.most < times);
    let bars_of = |(column, at): (&Column, u32)| {
        let stops_its_enforcer = column.enforcers.iter().any(|(_, by)| column.stops.contains(by));
        let never_alone = column.caps.iter().any(over_cap);
        let bits = [
            (column.forbidden || stops_its_enforcer, bar::FORBIDDEN),
            (never_alone, bar::NEVER_ALONE),
            (!column.enforcers.is_empty(), bar::ENFORCED),
            (stops_alone.contains_key(&at), bar::STOPS),
        ];
        bits.iter().filter(|(holds, _)| *holds).map(|(_, bit)| bit).sum()
    };
    columns.iter().zip(0..).map(bars_of).collect::<Vec<u8>>().into()
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
