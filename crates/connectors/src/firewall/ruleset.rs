//! The table `inet cordon`: what it is made of, and the one transaction that changes it.
//!
//! Order is everything. What Cordon needs for itself and what is protected is
//! accepted before anything is dropped, and the chain stands before the
//! estate's own filter, so that no `ct state established accept` there lets a
//! cut host go on talking. An accept here ends only this chain: the estate's
//! own rules still decide about such a packet.

use serde_json::{Value as Json, json};

use super::address::{Element, Net};

/// Comes before the filters of the estate, which stand at 0.
const PRIORITY: i32 = -10;

/// The table as it is to be.
#[derive(Clone, Debug)]
pub(super) struct Ruleset {
    /// Its name.
    pub(super) table: String,
    /// The base chains: `forward`, and `input` and `output` where wanted.
    pub(super) hooks: Vec<String>,
    /// Networks that nothing here ever cuts.
    pub(super) keep: Vec<Net>,
    /// Flows that are accepted first.
    pub(super) protected: Vec<Element>,
}

/// One element to put in.
pub(super) struct Entry {
    pub(super) element: Element,
    /// Whose it is and why.
    pub(super) comment: String,
    /// Seconds after which the kernel drops it by itself.
    pub(super) timeout: u64,
    /// Whether it stands already and only its time starts anew.
    pub(super) is_there: bool,
}

impl Ruleset {
    /// Commands that make the table as it is to be, whatever of it is there; elements stay.
    pub(super) fn install(&self) -> Vec<Json> {
        let mut commands = vec![self.add("table", json!({"name": self.table}))];
        for (name, of, flags) in sets() {
            let set = json!({"table": self.table, "name": name, "type": of, "flags": flags});
            commands.push(self.add("set", set));
        }
        for (set, elements) in self.accepted() {
            let named = json!({"family": "inet", "table": self.table, "name": set});
            commands.push(json!({"flush": {"set": named}}));
            if !elements.is_empty() {
                let set = json!({"table": self.table, "name": set, "elem": elements});
                commands.push(self.add("element", set));
            }
        }
        for hook in &self.hooks {
            let named = json!({"family": "inet", "table": self.table, "name": hook});
            commands.push(self.add("chain", self.chain(hook)));
            commands.push(json!({"flush": {"chain": named}}));
            commands.extend(rules().into_iter().map(|(comment, expr)| {
                let rule =
                    json!({"table": self.table, "chain": hook, "comment": comment, "expr": expr});
                self.add("rule", rule)
            }));
        }
        commands
    }

    /// Puts elements in, each with its time; those that stand begin it anew.
    pub(super) fn put(&self, entries: &[Entry]) -> Vec<Json> {
        let standing = entries.iter().filter(|entry| entry.is_there).map(|entry| &entry.element);
        let mut commands = self.remove(&standing.collect::<Vec<_>>());
        for (verb, is_there) in [("add", true), ("create", false)] {
            for set in ELEMENT_SETS {
                let of_set =
                    entries.iter().filter(|e| e.is_there == is_there && e.element.set() == set);
                let elements: Vec<Json> = of_set.map(Entry::json).collect();
                if !elements.is_empty() {
                    commands.push(self.elements(verb, set, &elements));
                }
            }
        }
        commands
    }

    /// Takes elements out.
    pub(super) fn remove(&self, elements: &[&Element]) -> Vec<Json> {
        let of_set = |set| -> Vec<Json> {
            elements.iter().filter(|e| e.set() == set).map(|e| e.json()).collect()
        };
        let sets = ELEMENT_SETS.into_iter().map(|set| (set, of_set(set)));
        let filled = sets.filter(|(_, elements)| !elements.is_empty());
        filled.map(|(set, elements)| self.elements("delete", set, &elements)).collect()
    }

    /// Resets connections, given as address, address, port, port, should a packet of one come.
    pub(super) fn reset(&self, set: &str, tuples: &[Json], seconds: u64) -> Json {
        let elements: Vec<Json> = tuples
            .iter()
            .map(|tuple| json!({"elem": {"val": {"concat": tuple}, "timeout": seconds}}))
            .collect();
        self.elements("add", set, &elements)
    }

    /// The sets that accept, with what is to be in them.
    pub(super) fn accepted(&self) -> Vec<(&'static str, Vec<Json>)> {
        let nets = |v4: bool| -> Vec<Json> {
            self.keep.iter().filter(|net| net.is_v4() == v4).map(|net| net.json()).collect()
        };
        let flows = |name: &str| -> Vec<Json> {
            self.protected.iter().filter(|flow| flow.set() == name).map(Element::json).collect()
        };
        vec![
            ("keep4", nets(true)),
            ("keep6", nets(false)),
            ("protected_flows4", flows("flows4")),
            ("protected_flows6", flows("flows6")),
            ("protected_pairs4", flows("pairs4")),
            ("protected_pairs6", flows("pairs6")),
        ]
    }

    /// What a chain has to be, without its rules.
    pub(super) fn chain(&self, hook: &str) -> Json {
        json!({"family": "inet", "table": self.table, "name": hook, "type": "filter",
            "hook": hook, "prio": PRIORITY, "policy": "accept"})
    }

    fn add(&self, what: &str, mut of: Json) -> Json {
        if let Some(fields) = of.as_object_mut() {
            fields.insert("family".to_owned(), json!("inet"));
        }
        json!({"add": {what: of}})
    }

    fn elements(&self, verb: &str, set: &str, elements: &[Json]) -> Json {
        let named = json!({"family": "inet", "table": self.table, "name": set, "elem": elements});
        json!({verb: {"element": named}})
    }
}

impl Entry {
    fn json(&self) -> Json {
        json!({"elem": {"val": self.element.json(), "timeout": self.timeout,
            "comment": self.comment}})
    }
}

/// The sets that withdraw.
pub(super) const ELEMENT_SETS: [&str; 6] =
    ["isolated4", "isolated6", "pairs4", "pairs6", "flows4", "flows6"];

/// Name, type and flags of every set.
fn sets() -> Vec<(String, Json, Json)> {
    let each = |v: u8, address: &str| {
        let pair = json!([address, address]);
        let flow = json!([address, address, "inet_proto", "inet_service"]);
        let tuple = json!([address, address, "inet_service", "inet_service"]);
        let (lasting, timed) = (json!(["interval"]), json!(["interval", "timeout"]));
        vec![
            (format!("keep{v}"), json!(address), lasting.clone()),
            (format!("protected_pairs{v}"), pair.clone(), lasting.clone()),
            (format!("protected_flows{v}"), flow.clone(), lasting),
            (format!("isolated{v}"), json!(address), json!(["timeout"])),
            (format!("pairs{v}"), pair, timed.clone()),
            (format!("flows{v}"), flow, timed),
            (format!("ended{v}"), tuple, json!(["timeout"])),
        ]
    };
    let mut sets = each(4, "ipv4_addr");
    sets.extend(each(6, "ipv6_addr"));
    sets
}

/// The rules of every chain in their order: comment and expressions.
pub(super) fn rules() -> Vec<(String, Json)> {
    let mut rules = Vec::new();
    let accept = json!({"accept": null});
    let drop = json!({"drop": null});
    let reset = json!({"reject": {"type": "tcp reset"}});
    for (set, fields, verdict) in [
        ("keep", Fields::Address, &accept),
        ("protected_pairs", Fields::Pair, &accept),
        ("protected_flows", Fields::Flow, &accept),
        ("ended", Fields::Tuple, &reset),
        ("isolated", Fields::Address, &drop),
        ("pairs", Fields::Pair, &drop),
        ("flows", Fields::Flow, &drop),
    ] {
        for (v, protocol) in [(4, "ip"), (6, "ip6")] {
            for (way, is_out) in [("out", true), ("in", false)] {
                let left = fields.json(protocol, is_out);
                let matched = json!({"op": "==", "left": left, "right": format!("@{set}{v}")});
                let comment = format!("cordon {set}{v} {way}");
                rules.push((comment, json!([{"match": matched}, verdict])));
            }
        }
    }
    rules
}

/// Which fields of a packet are compared with a set.
#[derive(Clone, Copy)]
enum Fields {
    Address,
    Pair,
    Flow,
    Tuple,
}

impl Fields {
    /// For a packet on its way out, or back.
    fn json(self, protocol: &str, is_out: bool) -> Json {
        let payload = |protocol: &str, field: &str| json!({"payload": {"protocol": protocol, "field": field}});
        let turn = |a, b| if is_out { (a, b) } else { (b, a) };
        let (near, far) = turn("saddr", "daddr");
        let (near_port, far_port) = turn("sport", "dport");
        let (near, far) = (payload(protocol, near), payload(protocol, far));
        match self {
            Self::Address => near,
            Self::Pair => json!({"concat": [near, far]}),
            Self::Flow => {
                let kind = json!({"meta": {"key": "l4proto"}});
                json!({"concat": [near, far, kind, payload("th", far_port)]})
            }
            Self::Tuple => {
                let ports = (payload("tcp", near_port), payload("tcp", far_port));
                json!({"concat": [near, far, ports.0, ports.1]})
            }
        }
    }
}
