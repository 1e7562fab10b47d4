//! Who is who in the logs: the names under which the estate's nodes speak.
//!
//! An estate lists aliases without saying what each is; their shapes tell:
//! `NORTH\ann`, `ann@north.example`, `S-1-5-21-…`, `ws-1.north.example`,
//! `10.1.2.3`, `arn:…`, `AKIA…`.

use std::net::IpAddr;

use cordon_model::{Estate, NodeIx};

use super::voices::{Account, CloudCaller, Machine};

/// Returns the account that a node is, as logs spell it.
pub(crate) fn account(estate: &Estate, node: NodeIx) -> Account {
    let own = estate.id(node).name();
    let alias = |is: fn(&str) -> bool| alias(estate, node, is);
    let (domain, login) = alias(|a| a.contains('\\') && !a.starts_with('\\'))
        .and_then(|name| name.split_once('\\'))
        .unwrap_or(("NORTH", own));
    Account {
        domain: domain.to_owned(),
        login: login.to_owned(),
        mail: alias(|a| a.contains('@'))
            .map_or_else(|| format!("{own}@north.example"), str::to_owned),
        sid: alias(|a| a.starts_with("S-1-"))
            .map_or_else(|| format!("S-1-5-21-30-20-10-{}", 500_000 + node.0), str::to_owned),
    }
}

/// Returns the computer that a node is, as logs spell it.
pub(crate) fn machine(estate: &Estate, node: NodeIx) -> Machine {
    let own = estate.id(node).name();
    let is_address = |a: &str| a.parse::<IpAddr>().is_ok();
    let address = alias(estate, node, is_address);
    let name = alias(estate, node, |a| {
        a.contains('.') && !a.contains(['@', '\\', ':', '/']) && a.parse::<IpAddr>().is_err()
    });
    Machine {
        name: name.map_or_else(|| format!("{own}.north.example"), str::to_owned),
        address: address.map_or_else(|| invented_address(node), str::to_owned),
    }
}

/// Returns the caller of the cloud's interface that a node is: a key or a user.
pub(crate) fn cloud_caller(estate: &Estate, node: NodeIx) -> CloudCaller {
    let arn = alias(estate, node, |a| a.starts_with("arn:"));
    let key = alias(estate, node, |a| a.starts_with("AKIA") || a.starts_with("ASIA"));
    let name = arn.and_then(|arn| arn.rsplit('/').next()).unwrap_or(estate.id(node).name());
    CloudCaller {
        arn: arn.map_or_else(|| format!("arn:aws:iam::000000000000:user/{name}"), str::to_owned),
        name: name.to_owned(),
        key: key.map_or_else(|| format!("AKIA{:0>16}", node.0), str::to_owned),
    }
}

/// The first alias of a node that has some shape.
pub(crate) fn alias(estate: &Estate, node: NodeIx, is: impl Fn(&str) -> bool) -> Option<&str> {
    estate.node(node).aliases.iter().map(|alias| &**alias).find(|alias| is(alias))
}

/// An address for a machine that the estate gives none, always the same.
fn invented_address(node: NodeIx) -> String {
    let [_, a, b, c] = node.0.to_be_bytes();
    format!("10.{}.{b}.{c}", 200 + a % 50)
}
