//! An estate with one addition. Holdings and coverage are left out: plans do not ask for them.

use cordon_model::estate::{Mode, Service, Withdrawal};
use cordon_model::kind::default_withdrawals;
use cordon_model::needs::Needs;
use cordon_model::{Estate, EstateBuilder, Money, Node, NodeId, NodeIx};

use super::{Addition, TRAFFIC};

/// Makes the changed estate; none where the names that it needs are taken.
pub(super) fn changed(estate: &Estate, addition: Addition) -> Option<Estate> {
    let builder = match addition {
        Addition::StandIn(node) => with_stand_in(estate, node)?,
        Addition::Withdrawal(node) => {
            let mut builder = EstateBuilder::from_estate(estate);
            builder.withdrawals.push(withdrawal(estate.id(node), node));
            builder
        }
        Addition::Flow(from, to) => with_flow(estate, from, to)?,
    };
    builder.finish().ok()
}

/// Gives a node a second one beside it, which no link leads to.
fn with_stand_in(estate: &Estate, node: NodeIx) -> Option<EstateBuilder> {
    let mut builder = EstateBuilder::from_estate(estate);
    let id = estate.id(node);
    let id = NodeId::from_parts(id.kind(), &format!("{}-stand-in", id.name()));
    if builder.find(id.as_str()).is_some() {
        return None;
    }
    let other = builder.node(&id);
    for service in &mut builder.services {
        service.needs = either(&service.needs, node, other);
    }
    Some(builder)
}

/// The same needs, with `other` as good as `node`.
fn either(needs: &Needs, node: NodeIx, other: NodeIx) -> Needs {
    match needs {
        Needs::Node(named) if *named == node => {
            Needs::any(vec![Needs::Node(node), Needs::Node(other)])
        }
        Needs::Node(named) => Needs::Node(*named),
        Needs::AtLeast { k, of } => Needs::AtLeast {
            k: *k,
            of: of.iter().map(|child| either(child, node, other)).collect(),
        },
    }
}

/// Leads the traffic from one node to another through a new flow.
fn with_flow(estate: &Estate, from: NodeIx, to: NodeIx) -> Option<EstateBuilder> {
    let mut builder = EstateBuilder::new(estate.name(), estate.currency());
    builder.horizon_hours = estate.horizon_hours();
    builder.default_withdrawals = false;
    // Nodes are added in the estate's order, so its indexes stay valid.
    for node in estate.nodes() {
        builder.add_node(Node { aliases: Vec::new(), ..node.clone() });
    }
    let name = format!("{}>{}", estate.id(from), estate.id(to));
    let id = NodeId::from_parts("flow", &name);
    if builder.find(id.as_str()).is_some() {
        return None;
    }
    let flow = builder.node(&id);
    for &node in estate.needs_order() {
        if let Some(needs) = estate.needs(node) {
            builder.add_needs(node, needs.clone());
        }
    }
    for link in estate.links() {
        let kind = &estate.kind_of(link).name;
        let seconds = Some(link.seconds);
        if (link.from, link.to) == (from, to) && TRAFFIC.contains(&&**kind) {
            builder.add_link(from, flow, kind, seconds);
            builder.add_link(flow, to, kind, Some(0));
        } else {
            builder.add_link(link.from, link.to, kind, seconds);
        }
    }
    builder.services = estate.services().iter().map(Service::clone).collect();
    builder.assets = estate.assets().to_vec();
    builder.caps = estate.caps().to_vec();
    builder.withdrawals = estate.withdrawals().to_vec();
    builder.withdrawals.push(withdrawal(&id, flow));
    Some(builder)
}

/// A withdrawal at the default price of the node's kind, or of a flow where that has none.
fn withdrawal(id: &NodeId, node: NodeIx) -> Withdrawal {
    let mut defaults = default_withdrawals(id.kind()).iter().chain(default_withdrawals("flow"));
    let price = defaults.find(|default| default.mode == Mode::Refuse);
    Withdrawal {
        id: format!("new-withdrawal/{id}").into(),
        kind: "new-withdrawal".into(),
        mode: Mode::Refuse,
        removes: std::iter::once(node).collect(),
        stops: true,
        cost: price.map_or(Money::ZERO, |price| price.cost),
        cost_per_hour: price.map_or(Money::ZERO, |price| price.cost_per_hour),
        enforcer: None,
        connector: None,
        declared: true,
        partner: None,
    }
}
