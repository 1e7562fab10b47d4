//! Footholds as they are typed: `ID`, `ID@P`, or a spelling that logs use.
//!
//! The text splits at its last `@` only if a number from 0 to 1 follows, so
//! that `user:ann@north.example` is a node and `user:ann@0.7` a probability.

use cordon_model::{Estate, NodeIx};
use cordon_plan::Foothold;

use crate::failure::bad_input;

/// Reads all footholds of a command line; entrenched ones may repeat others.
pub(crate) fn read(
    estate: &Estate,
    footholds: &[String],
    entrenched: &[String],
) -> anyhow::Result<Vec<Foothold>> {
    let mut read: Vec<Foothold> = Vec::new();
    for (text, entrenched) in
        footholds.iter().map(|text| (text, false)).chain(entrenched.iter().map(|text| (text, true)))
    {
        let (name, stated) = split(text);
        let node = find(estate, name)?;
        let probability = stated.unwrap_or(1.0);
        match read.iter_mut().find(|known| known.node == node) {
            Some(known) => {
                known.entrenched |= entrenched;
                known.probability = stated.unwrap_or(known.probability);
            }
            None => read.push(Foothold { node, probability, entrenched }),
        }
    }
    read.sort_by_key(|foothold| foothold.node);
    Ok(read)
}

fn split(text: &str) -> (&str, Option<f64>) {
    let parts = text.rsplit_once('@').and_then(|(name, number)| {
        let number: f64 = number.parse().ok()?;
        (0.0..=1.0).contains(&number).then_some((name, Some(number)))
    });
    parts.unwrap_or((text, None))
}

/// Finds the node of an id or alias.
pub(crate) fn find(estate: &Estate, name: &str) -> anyhow::Result<NodeIx> {
    if let Some(node) = estate.find(name) {
        return Ok(node);
    }
    let indexes = (0..).map(NodeIx).take(estate.nodes().len());
    let known = |node: &NodeIx| {
        let node = estate.node(*node);
        node.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    };
    let found: Vec<NodeIx> = indexes.filter(known).collect();
    match found.as_slice() {
        [node] => Ok(*node),
        [] => Err(bad_input(format!(
            "the estate has no node `{name}`\n    give the id of a node, `kind:name`, or one of its aliases"
        ))),
        [first, second, ..] => Err(bad_input(format!(
            "`{name}` is an alias of `{}` and of `{}`\n    give the id of one of them",
            estate.id(*first),
            estate.id(*second)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_split_off_only_where_it_is_one() {
        for (text, name, probability) in [
            ("user:ann", "user:ann", None),
            ("user:ann@0.7", "user:ann", Some(0.7)),
            ("user:ann@north.example", "user:ann@north.example", None),
            ("user:ann@north.example@1", "user:ann@north.example", Some(1.0)),
            ("user:ann@2", "user:ann@2", None),
            ("user:ann@-0.1", "user:ann@-0.1", None),
        ] {
            assert_eq!(split(text), (name, probability), "{text}");
        }
    }
}
