//! Listens to the firewall's own news: who puts in or takes out elements, and who tears down the
//! table.

use std::collections::HashMap;

use cordon_model::NodeId;
use cordon_model::action::Trouble;
use serde_json::Value as Json;

use super::address::Element;
use super::seen::{element_from, split};
use crate::remote::Way;
use crate::{Listening, Told};

/// Starts to listen, until the value is dropped.
pub(super) fn start(
    way: &Way,
    table: &str,
    nodes: &[NodeId],
    index: HashMap<Element, Vec<NodeId>>,
    told: Told,
) -> Result<Listening, Trouble> {
    let (table, nodes) = (table.to_owned(), nodes.to_vec());
    let line = move |line: &str| match of_line(line, &table) {
        News::Nothing => {}
        News::Elements(elements) => {
            let named = elements.iter().filter_map(|element| index.get(element)).flatten();
            named.for_each(&told);
        }
        News::Table => nodes.iter().for_each(&told),
    };
    let listening = way.lines(&["nft", "-j", "monitor"], Box::new(line))?;
    Ok(Box::new(listening))
}

enum News {
    Nothing,
    Elements(Vec<Element>),
    Table,
}

fn of_line(line: &str, table: &str) -> News {
    let Ok(news) = serde_json::from_str::<Json>(line) else { return News::Nothing };
    let Some((verb, what)) = news.as_object().and_then(|news| news.iter().next()) else {
        return News::Nothing;
    };
    let Some((thing, of)) = what.as_object().and_then(|what| what.iter().next()) else {
        return News::Nothing;
    };
    let name = if thing == "table" { of.get("name") } else { of.get("table") };
    if name.and_then(Json::as_str) != Some(table) {
        return News::Nothing;
    }
    if thing == "element" {
        let elem = of.get("elem");
        let list = elem.and_then(|elem| elem.get("set")).or(elem).and_then(Json::as_array);
        let elements = list.into_iter().flatten().filter_map(|e| element_from(split(e).0));
        return News::Elements(elements.collect());
    }
    // Making the table cuts and opens nothing; a rule or chain that goes may.
    if verb == "delete" { News::Table } else { News::Nothing }
}
