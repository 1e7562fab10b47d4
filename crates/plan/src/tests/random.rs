//! Random small estates with every shape that the planner knows.

use crate::{Foothold, Request};
use cordon_model::Money;
use cordon_model::estate::{
    Asset, Cap, Estate, EstateBuilder, Holding, Mode, Node, Service, Withdrawal,
};
use cordon_model::ids::{NodeId, NodeIx, ServiceIx, WithdrawalIx};
use cordon_model::needs::Needs;

/// A small deterministic stream of numbers (splitmix64).
pub(crate) struct Stream(u64);

impl Stream {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    /// One of some values.
    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        let at = self.below(values.len() as u64);
        values[usize::try_from(at).unwrap()]
    }

    /// True once in `times`.
    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn node(&mut self, nodes: u32) -> NodeIx {
        NodeIx(u32::try_from(self.below(u64::from(nodes))).unwrap())
    }
}

/// An estate with everything that a request holds.
pub(crate) struct Question {
    pub(crate) estate: Estate,
    pub(crate) footholds: Vec<Foothold>,
    pub(crate) authority: Option<Vec<WithdrawalIx>>,
    pub(crate) in_force: Vec<WithdrawalIx>,
    pub(crate) unavailable: Vec<WithdrawalIx>,
    pub(crate) down_services: Vec<ServiceIx>,
}

const MOST_COLUMNS: usize = 9;

impl Question {
    /// Takes the first estate of the seed's stream that is small enough to try all subsets.
    pub(crate) fn random(seed: u64) -> Self {
        let mut stream = Stream::new(seed);
        loop {
            let Ok(estate) = estate(&mut stream) else { continue };
            let pairs = estate.withdrawals().iter().filter(|w| w.partner.is_some()).count() / 2;
            if estate.withdrawals().len() - pairs <= MOST_COLUMNS {
                return Self::about(estate, &mut stream);
            }
        }
    }

    fn about(estate: Estate, stream: &mut Stream) -> Self {
        let nodes = u32::try_from(estate.nodes().len()).unwrap();
        let withdrawals = (0..).map(WithdrawalIx).take(estate.withdrawals().len());
        let some = |stream: &mut Stream, times: u64| -> Vec<WithdrawalIx> {
            withdrawals.clone().filter(|_| stream.once_in(times)).collect()
        };
        let authority = (!stream.once_in(3)).then(|| {
            let most = 1 + stream.below(3);
            withdrawals.clone().filter(|_| stream.below(4) < most).collect()
        });
        let in_force = if stream.once_in(4) { some(stream, 3) } else { Vec::new() };
        let unavailable = if stream.once_in(4) { some(stream, 4) } else { Vec::new() };
        let services = (0..).map(ServiceIx).take(estate.services().len());
        let down_services = services.filter(|_| stream.once_in(12)).collect();
        let footholds = (0..1 + stream.below(3))
            .map(|_| Foothold {
                node: stream.node(nodes),
                probability: stream.one_of(&[1.0, 1.0, 0.9, 0.6, 0.25, 0.1]),
                entrenched: stream.once_in(4),
            })
            .collect();
        Self { estate, footholds, authority, in_force, unavailable, down_services }
    }

    pub(crate) fn request(&self) -> Request<'static> {
        let mut request = Request::new(self.footholds.clone());
        request.authority.clone_from(&self.authority);
        request.in_force.clone_from(&self.in_force);
        request.unavailable.clone_from(&self.unavailable);
        request.down_services.clone_from(&self.down_services);
        request
    }
}

fn estate(stream: &mut Stream) -> Result<Estate, ()> {
    let mut builder = EstateBuilder::new("random", "GBP");
    builder.horizon_hours = 1;
    builder.default_withdrawals = stream.once_in(3);
    let nodes = 4 + u32::try_from(stream.below(6)).unwrap();
    let kinds = ["user", "host", "group", "zone", "db", "app"];
    for at in 0..nodes {
        let kind = stream.one_of(&kinds);
        let mut node = Node::new(NodeId::from_parts(kind, &format!("n{at}")));
        if stream.once_in(12) {
            node.tags.push("never-touch".into());
        }
        builder.add_node(node);
    }
    for _ in 0..stream.below(u64::from(nodes) * 3) {
        let kind = ["Controls", "MemberOf", "AdminTo", "RunsOn", "CopyOf"];
        let kind = kind[stream.one_of(&[0, 0, 1, 1, 2, 2, 2, 3, 4])];
        let (from, to) = (stream.node(nodes), stream.node(nodes));
        if from != to {
            builder.add_link(from, to, kind, None);
        }
    }
    add_assets(&mut builder, stream, nodes);
    add_services(&mut builder, stream, nodes);
    add_withdrawals(&mut builder, stream, nodes);
    builder.finish().map_err(|_| ())
}

fn money(stream: &mut Stream, most: u64) -> Money {
    let minor = if stream.once_in(3) { stream.below(most * 100) } else { stream.below(most) * 100 };
    Money(i64::try_from(minor).unwrap())
}

fn add_assets(builder: &mut EstateBuilder, stream: &mut Stream, nodes: u32) {
    let mut taken = Vec::new();
    for _ in 0..1 + stream.below(3) {
        let node = stream.node(nodes);
        if taken.contains(&node) {
            continue;
        }
        taken.push(node);
        let loss = if stream.once_in(10) { Money::ZERO } else { money(stream, 100) };
        let must_hold = stream.once_in(2);
        let copies = (0..stream.below(3)).map(|_| stream.node(nodes)).collect();
        if stream.once_in(2) {
            builder.assets.push(Asset { node, loss, must_hold, copies });
        } else {
            let (categories, people, records) = (Vec::new(), None, None);
            let holding = Holding { node, categories, people, records, loss, copies, must_hold };
            builder.holdings.push(holding);
        }
    }
}

fn tree(stream: &mut Stream, nodes: u32, depth: u32) -> Needs {
    if depth == 0 || stream.once_in(3) {
        return Needs::Node(stream.node(nodes));
    }
    let of: Vec<Needs> = (0..1 + stream.below(4)).map(|_| tree(stream, nodes, depth - 1)).collect();
    match stream.below(3) {
        0 => Needs::all(of),
        1 => Needs::any(of),
        _ => {
            let k = 1 + u32::try_from(stream.below(of.len() as u64)).unwrap();
            Needs::AtLeast { k, of }
        }
    }
}

fn add_services(builder: &mut EstateBuilder, stream: &mut Stream, nodes: u32) {
    for at in 0..stream.below(4) {
        let needs = tree(stream, nodes, 2);
        let (protected, cost_per_hour) = (stream.once_in(4), money(stream, 60));
        let id = format!("s{at}").as_str().into();
        builder.services.push(Service {
            id,
            name: None,
            needs,
            protected,
            cost_per_hour,
            probe: None,
        });
    }
    for _ in 0..stream.below(3) {
        let (node, needs) = (stream.node(nodes), tree(stream, nodes, 1));
        builder.add_needs(node, needs);
    }
}

fn add_withdrawals(builder: &mut EstateBuilder, stream: &mut Stream, nodes: u32) {
    let kinds = ["disable-account", "isolate-host", "close"];
    for at in 0..stream.below(9) {
        let mode = if stream.once_in(8) { Mode::End } else { Mode::Refuse };
        let removes = (0..1 + stream.below(3) / 2).map(|_| stream.node(nodes)).collect();
        builder.withdrawals.push(Withdrawal {
            id: format!("w{at}").into(),
            kind: stream.one_of(&kinds).into(),
            mode,
            removes,
            stops: !stream.once_in(4),
            cost: if stream.once_in(8) { Money::ZERO } else { money(stream, 40) },
            cost_per_hour: money(stream, 5),
            enforcer: stream.once_in(4).then(|| stream.node(nodes)),
            connector: None,
            declared: true,
            partner: None,
        });
    }
    for kind in kinds {
        if stream.once_in(4) {
            let most = u32::try_from(stream.below(3)).unwrap();
            builder.caps.push(Cap { kind: kind.into(), most });
        }
    }
}
