//! Writes an estate as canonical files that read back as the same estate.
//!
//! Bulk goes to the three CSV tables, everything else to one TOML file, all in
//! the estate's own order, so that two equal estates give equal bytes. Comments
//! and the division into files are not kept; a person's files are not
//! overwritten by anything in this crate.

use std::fmt::Write as _;

use cordon_model::action::Json;
use cordon_model::estate::{Asset, Mode, Node, Withdrawal};
use cordon_model::ids::NodeIx;
use cordon_model::kind::default_withdrawals;
use cordon_model::link::{DEFAULT_SECONDS, Direction, link_kind};
use cordon_model::money::Money;
use cordon_model::needs::Needs;
use cordon_model::{Estate, NodeId};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::Files;
use crate::config::{Arming, Config};
use crate::csv::push_field;
use crate::needs::print;
use crate::reader::usual_mode;

/// Returns the files of an estate and its configuration, by name.
#[must_use]
pub fn to_files(estate: &Estate, config: &Config) -> Files {
    let mut files = Files::from([
        ("estate/estate.toml".to_owned(), estate_toml(estate)),
        ("estate/nodes.csv".to_owned(), nodes_csv(estate)),
        ("estate/links.csv".to_owned(), links_csv(estate)),
        ("estate/withdrawals.csv".to_owned(), withdrawals_csv(estate)),
    ]);
    let text = cordon_toml(config);
    if !text.is_empty() {
        files.insert("cordon.toml".to_owned(), text);
    }
    if !config.people.is_empty() {
        files.insert("people.toml".to_owned(), people_toml(config));
    }
    files
}

fn estate_toml(estate: &Estate) -> String {
    let mut out = String::from("[estate]\n");
    key(&mut out, "name", &quoted(estate.name()));
    key(&mut out, "currency", &quoted(estate.currency()));
    key(&mut out, "horizon_hours", &estate.horizon_hours().to_string());
    if !offers_defaults(estate) {
        key(&mut out, "default_withdrawals", "false");
    }
    push_caps(estate, &mut out);
    push_nodes(estate, &mut out);
    push_services(estate, &mut out);
    push_holdings(estate, &mut out);
    push_coverage(estate, &mut out);
    push_assets(estate, &mut out);
    out
}

/// Whether defaults are on offer, or would change nothing.
fn offers_defaults(estate: &Estate) -> bool {
    estate.withdrawals().iter().any(|withdrawal| !withdrawal.declared)
        || estate.nodes().iter().all(|node| default_withdrawals(node.id.kind()).is_empty())
}

fn push_caps(estate: &Estate, out: &mut String) {
    for cap in estate.caps() {
        out.push_str("\n[[cap]]\n");
        key(out, "kind", &quoted(&cap.kind));
        key(out, "most", &cap.most.to_string());
    }
}

/// Nodes with something that a line of `nodes.csv` cannot say.
fn push_nodes(estate: &Estate, out: &mut String) {
    let hosts = hosts_of(estate);
    for (node, index) in estate.nodes().iter().zip((0..).map(NodeIx)) {
        let own = estate.needs(index).filter(|needs| !says_only(needs, hosts.get(&index)));
        if own.is_none() && fits_csv(node) {
            continue;
        }
        out.push_str("\n[[node]]\n");
        key(out, "id", &quoted(node.id.as_str()));
        if !fits_csv(node) {
            if let Some(name) = &node.name {
                key(out, "name", &quoted(name));
            }
            list(out, "aliases", node.aliases.iter().map(|alias| &**alias));
            list(out, "tags", node.tags.iter().map(|tag| &**tag));
        }
        if let Some(needs) = own {
            key(out, "needs", &quoted(&print(estate, needs)));
        }
    }
}

/// What each node runs on, by its links.
fn hosts_of(estate: &Estate) -> FxHashMap<NodeIx, FxHashSet<NodeIx>> {
    let mut hosts: FxHashMap<NodeIx, FxHashSet<NodeIx>> = FxHashMap::default();
    for link in estate.links() {
        if estate.kind_of(link).direction == Direction::BackwardAndNeeds {
            hosts.entry(link.from).or_default().insert(link.to);
        }
    }
    hosts
}

/// Whether needs say no more than the node's `RunsOn` links, which are written anyway.
fn says_only(needs: &Needs, hosts: Option<&FxHashSet<NodeIx>>) -> bool {
    let Some(hosts) = hosts else { return false };
    match needs {
        Needs::Node(node) => hosts.len() == 1 && hosts.contains(node),
        Needs::AtLeast { k, of } => {
            let mut last = None;
            let in_order = of.iter().all(|member| match member {
                Needs::Node(node) => hosts.contains(node) && last.replace(*node) < Some(*node),
                Needs::AtLeast { .. } => false,
            });
            in_order && *k as usize == of.len() && of.len() == hosts.len()
        }
    }
}

fn fits_csv(node: &Node) -> bool {
    let plain =
        |text: &str| text == text.trim() && !text.is_empty() && !text.contains(['\n', '\r']);
    let listed = |text: &str| plain(text) && !text.contains(';');
    node.name.as_deref().is_none_or(plain)
        && node.aliases.iter().chain(&node.tags).all(|text| listed(text))
}

fn push_services(estate: &Estate, out: &mut String) {
    for service in estate.services() {
        out.push_str("\n[[service]]\n");
        key(out, "id", &quoted(service.id.as_str()));
        if let Some(name) = &service.name {
            key(out, "name", &quoted(name));
        }
        key(out, "needs", &quoted(&print(estate, &service.needs)));
        if service.protected {
            key(out, "protected", "true");
        }
        key(out, "cost_per_hour", &number(service.cost_per_hour));
        if let Some(probe) = &service.probe {
            key(out, "probe", &quoted(probe));
        }
    }
}

fn push_holdings(estate: &Estate, out: &mut String) {
    for holding in estate.holdings() {
        out.push_str("\n[[holding]]\n");
        key(out, "node", &quoted(estate.id(holding.node).as_str()));
        out.push_str("categories = [");
        push_list(out, holding.categories.iter().map(|category| &**category));
        for (name, count) in [("people", holding.people), ("records", holding.records)] {
            if let Some(count) = count {
                key(out, name, &count.to_string());
            }
        }
        key(out, "loss", &number(holding.loss));
        if holding.must_hold {
            key(out, "must_hold", "true");
        }
        list(out, "copies", holding.copies.iter().map(|&copy| estate.id(copy).as_str()));
    }
}

fn push_coverage(estate: &Estate, out: &mut String) {
    for coverage in estate.coverage() {
        out.push_str("\n[[coverage]]\n");
        key(out, "holding", &quoted(estate.id(coverage.holding).as_str()));
        key(out, "source", &quoted(&coverage.source));
    }
}

fn push_assets(estate: &Estate, out: &mut String) {
    for asset in estate.assets() {
        let Some((loss, must_hold)) = beyond_holdings(estate, asset) else { continue };
        out.push_str("\n[[asset]]\n");
        key(out, "node", &quoted(estate.id(asset.node).as_str()));
        key(out, "loss", &number(loss));
        if must_hold {
            key(out, "must_hold", "true");
        }
    }
}

/// What an asset has beyond the holdings of its node; `None` if nothing.
fn beyond_holdings(estate: &Estate, asset: &Asset) -> Option<(Money, bool)> {
    let mut holdings =
        estate.holdings().iter().filter(|holding| holding.node == asset.node).peekable();
    if holdings.peek().is_none() {
        return Some((asset.loss, asset.must_hold));
    }
    let (mut loss, mut must_hold) = (asset.loss, asset.must_hold);
    for holding in holdings {
        loss -= holding.loss;
        must_hold &= !holding.must_hold;
    }
    (loss > Money::ZERO || must_hold).then_some((loss, must_hold))
}

fn nodes_csv(estate: &Estate) -> String {
    let mut out = String::from("id,kind,name,aliases,tags\n");
    for node in estate.nodes() {
        let _ = write!(out, "{},{}", node.id, node.id.kind());
        let fits = fits_csv(node);
        let join = |texts: &[Box<str>]| if fits { texts.join(";") } else { String::new() };
        for field in [
            node.name.as_deref().filter(|_| fits).unwrap_or(""),
            &join(&node.aliases),
            &join(&node.tags),
        ] {
            out.push(',');
            push_field(&mut out, field);
        }
        out.push('\n');
    }
    out
}

fn links_csv(estate: &Estate) -> String {
    let mut out = String::from("from,to,kind,seconds\n");
    for link in estate.links() {
        let kind = &estate.kind_of(link).name;
        let _ = write!(out, "{},{},", estate.id(link.from), estate.id(link.to));
        push_field(&mut out, kind);
        out.push(',');
        if link.seconds != link_kind(kind).map_or(DEFAULT_SECONDS, |known| known.seconds) {
            let _ = write!(out, "{}", link.seconds);
        }
        out.push('\n');
    }
    out
}

fn withdrawals_csv(estate: &Estate) -> String {
    let mut out =
        String::from("id,kind,removes,cost,cost_per_hour,stops,enforcer,mode,connector\n");
    for withdrawal in estate.withdrawals().iter().filter(|withdrawal| withdrawal.declared) {
        push_withdrawal(estate, withdrawal, &mut out);
    }
    out
}

fn push_withdrawal(estate: &Estate, withdrawal: &Withdrawal, out: &mut String) {
    let removes: Vec<&str> =
        withdrawal.removes.iter().map(|&node| estate.id(node).as_str()).collect();
    let mode = match withdrawal.mode {
        mode if mode == usual_mode(&withdrawal.kind) => "",
        Mode::Refuse => "refuse",
        Mode::End => "end",
    };
    let enforcer = withdrawal.enforcer.map_or("", |node| estate.id(node).as_str());
    push_field(out, withdrawal.id.as_str());
    for field in [
        &*withdrawal.kind,
        &removes.join(";"),
        &number(withdrawal.cost),
        &number(withdrawal.cost_per_hour),
        if withdrawal.stops { "true" } else { "false" },
        enforcer,
        mode,
        withdrawal.connector.as_deref().unwrap_or(""),
    ] {
        out.push(',');
        push_field(out, field);
    }
    out.push('\n');
}

fn cordon_toml(config: &Config) -> String {
    let mut out = String::new();
    if let Some(data) = &config.data {
        key(&mut out, "data", &quoted(&data.to_string_lossy()));
    }
    if let Some(listen) = &config.listen {
        out.push_str("\n[console]\n");
        key(&mut out, "listen", &quoted(listen));
    }
    if config.hand.is_some() || config.settle_seconds.is_some() {
        out.push_str("\n[hand]\n");
    }
    if let Some(socket) = &config.hand {
        key(&mut out, "socket", &quoted(&socket.to_string_lossy()));
    }
    if let Some(seconds) = config.settle_seconds {
        key(&mut out, "settle_seconds", &seconds.to_string());
    }
    if let Some(days) = config.events_days {
        out.push_str("\n[retention]\n");
        key(&mut out, "events_days", &days.to_string());
    }
    push_arming(&config.arming, &mut out);
    for connector in &config.connectors {
        out.push_str("\n[[connector]]\n");
        key(&mut out, "name", &quoted(&connector.name));
        key(&mut out, "kind", &quoted(&connector.kind));
        list(&mut out, "handles", connector.handles.iter().map(String::as_str));
        if let Some(enforcer) = connector.enforcer.as_ref().map(NodeId::as_str) {
            key(&mut out, "enforcer", &quoted(enforcer));
        }
        list(&mut out, "way", connector.way.iter().map(NodeId::as_str));
        if let Some(most) = connector.attempts_per_hour {
            key(&mut out, "attempts_per_hour", &most.to_string());
        }
        if connector.settings.as_object().is_some_and(|table| !table.is_empty()) {
            key(&mut out, "settings", &in_toml(&connector.settings));
        }
    }
    for source in &config.sources {
        out.push_str("\n[[source]]\n");
        key(&mut out, "name", &quoted(&source.name));
        if let Some(path) = &source.path {
            key(&mut out, "path", &quoted(&path.to_string_lossy()));
        }
        if let Some(format) = &source.format {
            key(&mut out, "format", &quoted(format));
        }
    }
    out
}

fn push_arming(arming: &Arming, out: &mut String) {
    if *arming == Arming::default() {
        return;
    }
    out.push_str("\n[authority]\n");
    key(out, "armed", &arming.armed.to_string());
    out.push_str("\n[authority.attempts_per_hour]\n");
    for (kind, most) in &arming.attempts_per_hour {
        key(out, &quoted(kind), &most.to_string());
    }
    key(out, "others", &arming.attempts_per_hour_of_others.to_string());
}

fn people_toml(config: &Config) -> String {
    let mut out = String::new();
    for person in &config.people {
        out.push_str("\n[[person]]\n");
        key(&mut out, "name", &quoted(&person.name));
        list(&mut out, "roles", person.roles.iter().map(String::as_str));
        if let Some(public) = &person.key {
            key(&mut out, "key", &quoted(public));
        }
        list(&mut out, "nodes", person.nodes.iter().map(NodeId::as_str));
    }
    out
}

/// A value as it stands to the right of `=`; the absence of one cannot come from TOML.
fn in_toml(value: &Json) -> String {
    match value {
        Json::Null => quoted(""),
        Json::Bool(flag) => flag.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => quoted(text),
        Json::Array(members) => {
            format!("[{}]", members.iter().map(in_toml).collect::<Vec<_>>().join(", "))
        }
        Json::Object(table) => {
            let pairs =
                table.iter().map(|(name, value)| format!("{} = {}", quoted(name), in_toml(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

fn key(out: &mut String, name: &str, value: &str) {
    let _ = writeln!(out, "{name} = {value}");
}

/// A list of texts, left out where it is empty.
fn list<'a>(out: &mut String, name: &str, texts: impl Iterator<Item = &'a str>) {
    let mut texts = texts.peekable();
    if texts.peek().is_some() {
        let _ = write!(out, "{name} = [");
        push_list(out, texts);
    }
}

fn push_list<'a>(out: &mut String, texts: impl Iterator<Item = &'a str>) {
    let texts: Vec<String> = texts.map(quoted).collect();
    let _ = writeln!(out, "{}]", texts.join(", "));
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// An amount as a plain number: `12.5`, `900000`.
fn number(money: Money) -> String {
    if money.0 % 100 == 0 {
        (money.0 / 100).to_string()
    } else {
        format!("{}.{:02}", money.0 / 100, money.0 % 100)
    }
}
