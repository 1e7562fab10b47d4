//! What a listing of the table says: which elements stand, whose they are, and whether the chain
//! that gives them force stands as it was made.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::address::Element;
use super::ruleset::{Ruleset, rules};
use cordon_model::action::CORDON;

/// The table as it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Whether chains, rules and accepting sets are as they are to be.
    pub(super) stands: bool,
    elements: HashMap<(String, String), Mark>,
}

/// What is written beside an element.
#[derive(Clone, Debug, Default)]
pub(super) struct Mark {
    comment: Option<String>,
    expires: Option<u64>,
}

/// Whose element it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// It is not there.
    Nobody,
    /// It is Cordon's, with the seconds that it has left.
    Cordon { expires: Option<u64> },
    /// Somebody else's, with what they wrote beside it.
    Other(String),
}

/// What stands before the node in the comment of an element of Cordon's.
const MARK: &str = "cordon ";
/// The longest comment that the kernel keeps, in bytes, with some room.
const COMMENT: usize = 120;

/// The comment of an element: whose, for which node, why.
pub(super) fn comment(node: &str, note: &str) -> String {
    let plain = |c: char| if c.is_control() || c == '"' || c == '\\' { ' ' } else { c };
    let mut text = String::from(MARK);
    for c in format!("{node} {note}").trim_end().chars().map(plain) {
        if text.len() + c.len_utf8() > COMMENT {
            break;
        }
        text.push(c);
    }
    text
}

impl Seen {
    /// Reads `nft -j list table`.
    pub(super) fn read(listing: &str, wanted: &Ruleset) -> Option<Self> {
        let listing: Json = serde_json::from_str(listing).ok()?;
        let objects = listing.get("nftables")?.as_array()?;
        let mut elements = HashMap::new();
        for set in objects.iter().filter_map(|object| object.get("set")) {
            let name = set.get("name").and_then(Json::as_str)?;
            for element in set.get("elem").and_then(Json::as_array).into_iter().flatten() {
                let (value, mark) = split(element);
                elements.insert((name.to_owned(), value.to_string()), mark);
            }
        }
        let mut seen = Self { stands: false, elements };
        seen.stands = chains_stand(objects, wanted) && seen.accepts(wanted);
        Some(seen)
    }

    /// Whose an element is.
    pub(super) fn holder(&self, element: &Element) -> Holder {
        let key = (element.set().to_owned(), element.json().to_string());
        let Some(mark) = self.elements.get(&key) else { return Holder::Nobody };
        match &mark.comment {
            Some(comment) if comment.starts_with(MARK) => Holder::Cordon { expires: mark.expires },
            Some(comment) => Holder::Other(comment.clone()),
            None => Holder::Other("another administrator".to_owned()),
        }
    }

    /// Cordon's elements that were put in for a node, whatever its addresses are now.
    pub(super) fn of_node<'a>(&'a self, node: &str) -> impl Iterator<Item = Element> + 'a {
        let start = format!("{MARK}{node} ");
        let ours = self.elements.iter().filter(move |(_, mark)| {
            mark.comment.as_deref().is_some_and(|c| format!("{c} ").starts_with(&start))
        });
        ours.filter_map(|((set, value), _)| element_of(value).filter(|e| e.set() == set.as_str()))
    }

    fn accepts(&self, wanted: &Ruleset) -> bool {
        wanted.accepted().into_iter().all(|(set, elements)| {
            let there = self.elements.keys().filter(|(name, _)| name == set).count();
            let key = |element: &Json| (set.to_owned(), element.to_string());
            there == elements.len()
                && elements.iter().all(|element| self.elements.contains_key(&key(element)))
        })
    }
}

/// Parts an element from what is written beside it.
pub(super) fn split(element: &Json) -> (&Json, Mark) {
    let Some(inner) = element.get("elem") else { return (element, Mark::default()) };
    let mark = Mark {
        comment: inner.get("comment").and_then(Json::as_str).map(str::to_owned),
        expires: inner.get("expires").and_then(Json::as_u64),
    };
    (inner.get("val").unwrap_or(element), mark)
}

/// An element from the value that nftables writes for it.
fn element_of(value: &str) -> Option<Element> {
    let value: Json = serde_json::from_str(value).ok()?;
    element_from(&value)
}

/// An element from the value that nftables writes for it.
pub(super) fn element_from(value: &Json) -> Option<Element> {
    if let Some(address) = value.as_str() {
        return Element::parse(address);
    }
    let parts: Vec<String> =
        value.get("concat")?.as_array()?.iter().map(part).collect::<Option<_>>()?;
    match parts.as_slice() {
        [from, to] => Element::parse_flow(&format!("{from}>{to}")),
        [from, to, protocol, ports] => {
            Element::parse_flow(&format!("{from}>{to}:{protocol}/{ports}"))
        }
        _ => None,
    }
}

fn part(value: &Json) -> Option<String> {
    if let Some(prefix) = value.get("prefix") {
        return Some(format!("{}/{}", prefix.get("addr")?.as_str()?, prefix.get("len")?));
    }
    if let Some(range) = value.get("range") {
        return Some(format!("{}-{}", range.get(0)?, range.get(1)?));
    }
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// Whether the base chains and their rules are those that were made, in their order.
fn chains_stand(objects: &[Json], wanted: &Ruleset) -> bool {
    let is_dormant =
        objects.iter().filter_map(|o| o.get("table")).any(|t| t.get("flags").is_some());
    let rules: Vec<(String, Json)> = rules();
    let stands = |hook: &String| {
        let wanted = wanted.chain(hook);
        let same = |chain: &Json| {
            wanted.as_object().is_some_and(|w| w.iter().all(|(k, v)| chain.get(k) == Some(v)))
        };
        let of_hook =
            |rule: &&Json| rule.get("chain").and_then(Json::as_str) == Some(hook.as_str());
        let there: Vec<(&str, Option<&Json>)> = objects
            .iter()
            .filter_map(|object| object.get("rule"))
            .filter(of_hook)
            .map(|rule| (text(rule.get("comment")), verdict(rule.get("expr"))))
            .collect();
        let due = rules.iter().map(|(comment, expr)| (comment.as_str(), verdict(Some(expr))));
        objects.iter().filter_map(|object| object.get("chain")).any(same)
            && there.into_iter().eq(due)
    };
    !is_dormant && wanted.hooks.iter().all(stands)
}

fn verdict(expr: Option<&Json>) -> Option<&Json> {
    expr.and_then(Json::as_array).and_then(|statements| statements.last())
}

fn text(value: Option<&Json>) -> &str {
    value.and_then(Json::as_str).unwrap_or_default()
}

impl Holder {
    /// Its name as the owner of a state.
    pub(super) fn owner(&self) -> Option<String> {
        match self {
            Self::Nobody => None,
            Self::Cordon { .. } => Some(CORDON.to_owned()),
            Self::Other(who) => Some(who.clone()),
        }
    }

    /// As a prior state keeps it.
    pub(super) fn state(&self) -> Json {
        self.owner().map_or(Json::Null, Json::String)
    }
}
