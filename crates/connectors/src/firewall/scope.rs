//! From nodes to elements: which addresses and flows are a node's, and which may be touched.
//!
//! Everything is known when the connector opens: addresses come from settings or
//! from the spellings of the estate. What cannot be told apart, is Cordon's own
//! way or is protected is refused before anything goes over the wire.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use cordon_model::action::{Trouble, TroubleKind};
use cordon_model::{Mode, NodeId};
use serde::Deserialize;

use super::address::{Element, Net};
use super::ruleset::Ruleset;
use crate::site::{SettingsError, Site};

/// What settings give as the addresses or flows of a node.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Names {
    One(String),
    Several(Vec<String>),
}

impl Names {
    fn all(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

/// Knows the elements of every node.
pub(super) struct Scope {
    site: Site,
    named: HashMap<NodeId, Vec<Element>>,
    hosts: HashMap<IpAddr, Vec<NodeId>>,
}

/// What a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    IsolateHost,
    BlockFlow,
    EndFlows,
}

impl Kind {
    pub(super) fn of(kind: &str, mode: Mode) -> Result<Self, Trouble> {
        match (kind, mode) {
            ("isolate-host", Mode::Refuse) => Ok(Self::IsolateHost),
            ("block-flow", Mode::Refuse) => Ok(Self::BlockFlow),
            ("end-flows", Mode::End) => Ok(Self::EndFlows),
            _ => {
                let why = format!(
                    "a firewall does not do `{kind}` in this mode; it does `isolate-host` and \
                     `block-flow` (refuse) and `end-flows` (end)"
                );
                Err(Trouble::new(TroubleKind::Unsupported, why))
            }
        }
    }
}

impl Scope {
    pub(super) fn new(site: &Site, names: &BTreeMap<String, Names>) -> Result<Self, SettingsError> {
        let mut named = HashMap::new();
        for (node, names) in names {
            let id = NodeId::parse(node).map_err(|error| site.wrong(error.to_string()))?;
            let elements = names.all().iter().map(|name| {
                let wrong = || site.wrong(format!("`{name}` of `{node}` is no address or flow"));
                Element::parse(name).ok_or_else(wrong)
            });
            named.insert(id, elements.collect::<Result<Vec<_>, _>>()?);
        }
        let mut scope = Self { site: site.clone(), named, hosts: HashMap::new() };
        scope.hosts = scope.every_host();
        Ok(scope)
    }

    fn every_host(&self) -> HashMap<IpAddr, Vec<NodeId>> {
        let mut hosts: HashMap<IpAddr, Vec<NodeId>> = HashMap::new();
        let of_estate = self.site.estate.nodes().iter().map(|node| &node.id);
        let unknown = self.named.keys().filter(|id| self.site.estate.find(id.as_str()).is_none());
        for id in of_estate.chain(unknown) {
            for element in self.elements(id) {
                if let Element::Host(addr) = element {
                    hosts.entry(addr).or_default().push(id.clone());
                }
            }
        }
        hosts
    }

    fn elements(&self, node: &NodeId) -> Vec<Element> {
        if let Some(named) = self.named.get(node) {
            return named.clone();
        }
        let mut elements: Vec<Element> =
            self.site.spellings(node).iter().filter_map(|name| Element::parse(name)).collect();
        elements.sort();
        elements.dedup();
        elements
    }

    /// The elements of a target of such a call.
    pub(super) fn resolve(
        &self,
        kind: Kind,
        node: &NodeId,
        rules: &Ruleset,
    ) -> Result<Vec<Element>, Trouble> {
        let fits = |element: &Element| match (kind, element) {
            (Kind::IsolateHost, Element::Host(_)) | (Kind::BlockFlow, Element::Flow { .. }) => true,
            (Kind::IsolateHost, Element::Flow { .. }) | (Kind::BlockFlow, Element::Host(_)) => {
                false
            }
            (Kind::EndFlows, _) => true,
        };
        let elements: Vec<Element> = self.elements(node).into_iter().filter(fits).collect();
        if elements.is_empty() {
            return Err(Trouble::new(TroubleKind::Unsupported, nothing_of(kind, node)));
        }
        for element in &elements {
            self.check(node, element, rules)?;
        }
        Ok(elements)
    }

    fn check(&self, node: &NodeId, element: &Element, rules: &Ruleset) -> Result<(), Trouble> {
        if let Element::Host(addr) = element
            && let Some(other) = self.hosts.get(addr).and_then(|of| of.iter().find(|n| *n != node))
        {
            let why =
                format!("{addr} is an address of `{node}` and of `{other}`; name one in `names`");
            return Err(Trouble::new(TroubleKind::Unsupported, why));
        }
        let withheld = |why: String| Err(Trouble::new(TroubleKind::Withheld, why));
        if let Some(net) = rules.keep.iter().find(|net| element.touches(**net)) {
            return withheld(format!(
                "{element} of `{node}` is on Cordon's own way ({net} is kept)"
            ));
        }
        if let Some(flow) = rules.protected.iter().find(|flow| flow.shares_with(element)) {
            return withheld(format!(
                "{element} of `{node}` is, or is part of, the protected {flow}"
            ));
        }
        Ok(())
    }

    /// Which nodes of some have which elements: to name those that a change is about.
    pub(super) fn index(&self, nodes: &[NodeId]) -> HashMap<Element, Vec<NodeId>> {
        let mut index: HashMap<Element, Vec<NodeId>> = HashMap::new();
        for node in nodes {
            for element in self.elements(node) {
                index.entry(element).or_default().push(node.clone());
            }
        }
        index
    }
}

fn nothing_of(kind: Kind, node: &NodeId) -> String {
    let what = match kind {
        Kind::IsolateHost => "address (as in `10.1.0.5`)",
        Kind::BlockFlow => "flow (as in `10.1.0.5>10.2.0.9:tcp/8443`)",
        Kind::EndFlows => "address or flow",
    };
    format!("no {what} of `{node}` is known; add it to its aliases or to `names` of the connector")
}

/// Reads networks of the settings.
pub(super) fn nets(site: &Site, texts: &[String]) -> Result<Vec<Net>, SettingsError> {
    let read = |text: &String| {
        Net::parse(text).ok_or_else(|| site.wrong(format!("`{text}` is no address or network")))
    };
    let mut nets = texts.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    widest(&mut nets);
    Ok(nets)
}

/// Leaves out what another network holds already: a set takes no network twice.
pub(super) fn widest(nets: &mut Vec<Net>) {
    nets.sort_by_key(|net| (net.len(), *net));
    let mut kept: Vec<Net> = Vec::new();
    for net in nets.drain(..) {
        if !kept.iter().any(|wider| wider.overlaps(net)) {
            kept.push(net);
        }
    }
    *nets = kept;
}

/// Reads flows of the settings.
pub(super) fn flows(site: &Site, texts: &[String]) -> Result<Vec<Element>, SettingsError> {
    let read = |text: &String| {
        let wrong =
            || site.wrong(format!("`{text}` is no flow; write `10.1.0.5>10.2.0.9:tcp/443`"));
        Element::parse_flow(text).ok_or_else(wrong)
    };
    let mut flows = texts.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    flows.sort();
    flows.dedup();
    Ok(flows)
}
