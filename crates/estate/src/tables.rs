//! Reads the tables of `estate/*.toml` into parts of an estate.
//!
//! One function per table of the format; `docs/estate.md` is the reference.
//! Each reads all its fields before it gives up an entry, so that one round of
//! mending is enough.

use cordon_model::estate::{Asset, Cap, Coverage, Holding, Mode, Service};
use cordon_model::ids::NodeIx;
use cordon_model::needs::Needs;
use smallvec::SmallVec;

use crate::document::{Document, Entry, Found};
use crate::nearest::did_you_mean;
use crate::needs;
use crate::reader::{Draft, Reader};
use crate::report::Spot;

/// All tables that an estate file may hold.
pub(crate) const TABLES: [&str; 9] =
    ["estate", "node", "link", "service", "holding", "coverage", "cap", "asset", "withdrawal"];

const NODE_KEYS: [&str; 5] = ["id", "name", "aliases", "tags", "needs"];
const WITHDRAWAL_KEYS: [&str; 10] = [
    "id",
    "name",
    "kind",
    "mode",
    "removes",
    "stops",
    "cost",
    "cost_per_hour",
    "enforcer",
    "connector",
];

/// Longer horizons than ten years are a slip.
const LONGEST_HORIZON_HOURS: u64 = 87_600;

/// Reads `[estate]` and declares the nodes of one file.
pub(crate) fn declare_nodes(document: &Document<'_>, reader: &mut Reader) {
    let elsewhere = (&crate::config::TABLES[..], "`cordon.toml`");
    document.check_tables(&TABLES, elsewhere, &mut reader.report);
    read_estate(document, reader);
    for entry in document.entries("node", &NODE_KEYS, &mut reader.report) {
        let id = entry.required("id", &mut reader.report);
        let name = entry.text("name", &mut reader.report);
        let aliases = boxed(entry.texts("aliases", &mut reader.report));
        let tags = boxed(entry.texts("tags", &mut reader.report));
        if let Some(node) = id.and_then(|id| reader.declare(id.value, id.spot)) {
            reader.describe(node, name.map(|name| name.value), aliases, tags);
        }
    }
}

fn boxed(texts: Option<Vec<Found<&str>>>) -> Vec<Box<str>> {
    texts.into_iter().flatten().map(|text| text.value.into()).collect()
}

fn read_estate(document: &Document<'_>, reader: &mut Reader) {
    let keys = ["name", "currency", "horizon_hours", "default_withdrawals"];
    for entry in document.tables("estate", &keys, &mut reader.report) {
        if let Some(first) = reader.estate_spot {
            let what =
                format!("`[estate]` stands twice, first at {}", reader.report.name_of(first));
            reader.report.problem(entry.spot(), what, "keep one of them");
        }
        reader.estate_spot = Some(entry.spot());
        if let Some(name) = entry.text("name", &mut reader.report) {
            name.value.clone_into(&mut reader.builder.name);
        }
        if let Some(currency) = entry.text("currency", &mut reader.report) {
            currency.value.clone_into(&mut reader.builder.currency);
        }
        if let Some(hours) =
            entry.count("horizon_hours", 1, LONGEST_HORIZON_HOURS, &mut reader.report)
        {
            reader.builder.horizon_hours = u32::try_from(hours).unwrap_or(u32::MAX);
        }
        if let Some(defaults) = entry.flag("default_withdrawals", &mut reader.report) {
            reader.builder.default_withdrawals = defaults;
        }
    }
}

/// Reads everything in one file that names nodes.
pub(crate) fn read_parts(document: &Document<'_>, reader: &mut Reader) {
    read_node_needs(document, reader);
    read_links(document, reader);
    read_services(document, reader);
    read_holdings(document, reader);
    read_coverage(document, reader);
    read_caps(document, reader);
    read_assets(document, reader);
    read_withdrawals(document, reader);
}

fn read_node_needs(document: &Document<'_>, reader: &mut Reader) {
    // Keys and fields were checked when the nodes were declared.
    let mut told = crate::report::Report::default();
    for entry in document.entries("node", &NODE_KEYS, &mut told) {
        let node = entry.text("id", &mut told).and_then(|id| reader.builder.find(id.value));
        let (tree, spot) = (needs_of(&entry, "", reader), entry.spot_of("needs"));
        if let (Some(node), Some(tree)) = (node, tree) {
            tree.each_node(&mut |needed| reader.needed.push((node, needed, spot)));
            reader.builder.add_needs(node, tree);
        }
    }
}

/// Reads `needs`; `whose` is told where it can never hold.
fn needs_of(entry: &Entry<'_, '_>, whose: &str, reader: &mut Reader) -> Option<Needs> {
    let text = entry.text("needs", &mut reader.report)?;
    let spot_at = |offset: usize| Spot { column: 0, ..entry.spot_in("needs", offset) };
    match needs::parse(text.value) {
        Ok(expression) => reader.resolve_needs(&expression, &spot_at),
        Err(error) => {
            let spot = entry.spot_in("needs", error.offset);
            let consequence = if error.impossible { whose } else { "" };
            reader.report.problem(
                spot,
                format!("`needs`: {}{consequence}", error.what),
                error.remedy,
            );
            None
        }
    }
}

fn read_links(document: &Document<'_>, reader: &mut Reader) {
    for entry in document.entries("link", &["from", "to", "kind", "seconds"], &mut reader.report) {
        let from = node_of(&entry, "from", "a link", reader);
        let to = node_of(&entry, "to", "a link", reader);
        let kind = entry.required("kind", &mut reader.report);
        let seconds = entry.count("seconds", 0, u64::from(u32::MAX), &mut reader.report);
        if let (Some(from), Some(to), Some(kind)) = (from, to, kind) {
            let seconds = seconds.and_then(|seconds| u32::try_from(seconds).ok());
            reader.add_link(from, to, kind.value, seconds, entry.spot());
        }
    }
}

fn node_of(entry: &Entry<'_, '_>, key: &str, role: &str, reader: &mut Reader) -> Option<NodeIx> {
    let text = entry.required(key, &mut reader.report)?;
    reader.resolve(text.value, text.spot, role)
}

fn nodes_of(entry: &Entry<'_, '_>, key: &str, role: &str, reader: &mut Reader) -> Vec<NodeIx> {
    let texts = entry.texts(key, &mut reader.report).unwrap_or_default();
    texts.into_iter().filter_map(|text| reader.resolve(text.value, text.spot, role)).collect()
}

fn read_services(document: &Document<'_>, reader: &mut Reader) {
    let keys = ["id", "name", "needs", "protected", "cost_per_hour", "probe"];
    for entry in document.entries("service", &keys, &mut reader.report) {
        let id = entry.required("id", &mut reader.report);
        let name = entry.text("name", &mut reader.report);
        let protected = entry.flag("protected", &mut reader.report).unwrap_or(false);
        let cost_per_hour = entry.money("cost_per_hour", &mut reader.report).unwrap_or_default();
        let probe = entry.text("probe", &mut reader.report);
        if !entry.has("needs") {
            entry.required("needs", &mut reader.report);
        }
        let whose = id.map_or_else(String::new, |id| {
            let sort = if protected { "protected service" } else { "service" };
            format!(", so the {sort} `{}` cannot trade even now", id.value)
        });
        let needs = needs_of(&entry, &whose, reader);
        if let Some(id) = id {
            // Where the needs were reported nothing is loaded; the id still counts for doubles.
            let needs = needs.unwrap_or_else(|| Needs::all(Vec::new()));
            reader.builder.services.push(Service {
                id: id.value.into(),
                name: name.map(|name| name.value.into()),
                needs,
                protected,
                cost_per_hour,
                probe: probe.map(|probe| probe.value.into()),
            });
            reader.service_spots.push(id.spot);
        }
    }
}

fn read_holdings(document: &Document<'_>, reader: &mut Reader) {
    let keys = ["node", "name", "categories", "people", "records", "loss", "copies", "must_hold"];
    for entry in document.entries("holding", &keys, &mut reader.report) {
        let node = node_of(&entry, "node", "a holding", reader);
        let categories = categories_of(&entry, reader);
        let people = entry.count("people", 0, i64::MAX as u64, &mut reader.report);
        let records = entry.count("records", 0, i64::MAX as u64, &mut reader.report);
        let loss = entry.money("loss", &mut reader.report).unwrap_or_default();
        let copies = nodes_of(&entry, "copies", "`copies`", reader);
        let must_hold = entry.flag("must_hold", &mut reader.report).unwrap_or(false);
        if let Some(node) = node {
            reader.builder.holdings.push(Holding {
                node,
                categories,
                people,
                records,
                loss,
                copies,
                must_hold,
            });
            reader.holding_spots.push(entry.spot());
        }
    }
}

fn categories_of(entry: &Entry<'_, '_>, reader: &mut Reader) -> Vec<Box<str>> {
    let categories = entry.texts("categories", &mut reader.report);
    if categories.as_ref().is_some_and(Vec::is_empty) {
        let what = "a `holding` has no `categories`";
        reader.report.problem(
            entry.spot(),
            what,
            "say what it holds: `categories = [\"contact\"]`",
        );
    }
    for category in categories.iter().flatten() {
        if !is_kebab(category.value) {
            let what = format!("the category `{}` is not a kebab word", category.value);
            let remedy = format!("write `{}`", kebab(category.value));
            reader.report.problem(category.spot, what, remedy);
        }
    }
    boxed(categories)
}

fn is_kebab(word: &str) -> bool {
    word.split('-').all(|part| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    })
}

fn kebab(word: &str) -> String {
    let parts = word.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

fn read_coverage(document: &Document<'_>, reader: &mut Reader) {
    for entry in document.entries("coverage", &["holding", "source"], &mut reader.report) {
        let holding = node_of(&entry, "holding", "a coverage", reader);
        let source = entry.required("source", &mut reader.report);
        if let (Some(holding), Some(source)) = (holding, source) {
            reader.builder.coverage.push(Coverage { holding, source: source.value.into() });
            reader.coverage_spots.push(entry.spot());
        }
    }
}

fn read_caps(document: &Document<'_>, reader: &mut Reader) {
    for entry in document.entries("cap", &["kind", "most"], &mut reader.report) {
        let kind = entry.required("kind", &mut reader.report);
        if !entry.has("most") {
            let what = "a `cap` has no `most`";
            reader.report.problem(
                entry.spot(),
                what,
                "add how many one plan may hold: `most = 50`",
            );
        }
        let most = entry.count("most", 0, u64::from(u32::MAX), &mut reader.report);
        if let (Some(kind), Some(most)) = (kind, most) {
            let most = u32::try_from(most).unwrap_or(u32::MAX);
            reader.builder.caps.push(Cap { kind: kind.value.into(), most });
            reader.cap_spots.push(entry.spot());
        }
    }
}

fn read_assets(document: &Document<'_>, reader: &mut Reader) {
    for entry in
        document.entries("asset", &["node", "name", "loss", "must_hold"], &mut reader.report)
    {
        let node = node_of(&entry, "node", "an asset", reader);
        let loss = entry.money("loss", &mut reader.report).unwrap_or_default();
        let must_hold = entry.flag("must_hold", &mut reader.report).unwrap_or(false);
        if !entry.has("loss") && !must_hold {
            let what = "an `asset` has neither `loss` nor `must_hold`";
            reader.report.problem(
                entry.spot(),
                what,
                "say what is lost if the intruder reaches it",
            );
        }
        if let Some(node) = node {
            reader.builder.assets.push(Asset { node, loss, must_hold, copies: Vec::new() });
            reader.asset_spots.push(entry.spot());
        }
    }
}

fn read_withdrawals(document: &Document<'_>, reader: &mut Reader) {
    for entry in document.entries("withdrawal", &WITHDRAWAL_KEYS, &mut reader.report) {
        let id = entry.text("id", &mut reader.report);
        let kind = entry.required("kind", &mut reader.report);
        let mode = entry.text("mode", &mut reader.report);
        let mode = mode.and_then(|mode| read_mode(mode.value, mode.spot, reader));
        let removes = entry.texts("removes", &mut reader.report);
        let removes = removes.and_then(|texts| resolve_all(&texts, "`removes`", reader));
        let stops = entry.flag("stops", &mut reader.report);
        let cost = entry.money("cost", &mut reader.report).unwrap_or_default();
        let cost_per_hour = entry.money("cost_per_hour", &mut reader.report).unwrap_or_default();
        let enforcer = entry.text("enforcer", &mut reader.report);
        let enforcer =
            enforcer.and_then(|text| reader.resolve(text.value, text.spot, "`enforcer`"));
        let connector = entry.text("connector", &mut reader.report);
        if let Some(connector) = connector {
            check_connector(connector.value, connector.spot, reader);
        }
        let Some(kind) = kind else { continue };
        let draft = Draft {
            id: id.map(|id| id.value),
            kind: kind.value,
            mode,
            removes,
            stops,
            cost,
            cost_per_hour,
            enforcer,
            connector: connector.map(|connector| connector.value),
        };
        reader.add_withdrawal(draft, entry.spot());
    }
}

/// Resolves every name; `None` if any was reported.
fn resolve_all(
    texts: &[Found<&str>],
    role: &str,
    reader: &mut Reader,
) -> Option<SmallVec<[NodeIx; 2]>> {
    let nodes: SmallVec<[NodeIx; 2]> =
        texts.iter().filter_map(|text| reader.resolve(text.value, text.spot, role)).collect();
    (nodes.len() == texts.len()).then_some(nodes)
}

/// Reads `refuse` or `end`.
pub(crate) fn read_mode(text: &str, spot: Spot, reader: &mut Reader) -> Option<Mode> {
    match text {
        "refuse" => Some(Mode::Refuse),
        "end" => Some(Mode::End),
        other => {
            let what = format!("`{other}` is not a mode");
            reader.report.problem(spot, what, "write `refuse` or `end`");
            None
        }
    }
}

/// Reports a connector that `cordon.toml` does not declare.
pub(crate) fn check_connector(name: &str, spot: Spot, reader: &mut Reader) {
    if reader.connectors.contains_key(name) {
        return;
    }
    let what = format!("the connector `{name}` is not declared");
    let mut known: Vec<&str> = reader.connectors.keys().map(|name| &**name).collect();
    known.sort_unstable();
    let remedy = did_you_mean(name, known, || "add a `[[connector]]` to `cordon.toml`".to_owned());
    if reader.has_config {
        reader.report.problem(spot, what, remedy);
    } else {
        reader.report.warning(spot, what, remedy);
    }
}
