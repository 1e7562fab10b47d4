//! Kinds of nodes: the withdrawals that each offers by default, and their prices.
//!
//! Kinds are open; an unknown one has no default withdrawal. The prices are
//! rough hours of staff time, so that plans are sensible before anybody has
//! priced an estate; `docs/withdrawals.md` gives the reasons for each figure.

use crate::estate::Mode;
use crate::money::Money;

/// A withdrawal that every node of a kind offers unless the estate declares its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultWithdrawal {
    /// Kind of the withdrawal, `disable-account`.
    pub kind: &'static str,
    /// Whether it refuses new use or ends what is open.
    pub mode: Mode,
    /// Paid once.
    pub cost: Money,
    /// Paid for every hour that it is in force.
    pub cost_per_hour: Money,
}

const fn refuse(kind: &'static str, cost: i64, per_hour: i64) -> DefaultWithdrawal {
    let (cost, cost_per_hour) = (Money::units(cost), Money::units(per_hour));
    DefaultWithdrawal { kind, mode: Mode::Refuse, cost, cost_per_hour }
}

const fn end(kind: &'static str, cost: i64) -> DefaultWithdrawal {
    DefaultWithdrawal {
        kind,
        mode: Mode::End,
        cost: Money::units(cost),
        cost_per_hour: Money::ZERO,
    }
}

// An account: one call to the service desk (50) and a person who waits (25 an hour).
const ACCOUNT: &[DefaultWithdrawal] = &[refuse("disable-account", 50, 25), end("end-sessions", 10)];
// A program's account: several people notice, and somebody must find out why.
const SERVICE_ACCOUNT: &[DefaultWithdrawal] =
    &[refuse("disable-account", 200, 100), end("end-sessions", 20)];
// A machine: a technician looks at it before and after; its user or job waits.
const HOST: &[DefaultWithdrawal] = &[refuse("isolate-host", 200, 50)];
// A pool of desktops: a few hundred people stop, most of whose work can wait.
const DESKTOPS: &[DefaultWithdrawal] = &[refuse("close-desktops", 2000, 5000)];
// A connection between networks: a change of rules, and work that goes another way.
const FLOW: &[DefaultWithdrawal] = &[refuse("block-flow", 100, 50)];
// A role in a database: one application or person loses its data.
const DATABASE_ROLE: &[DefaultWithdrawal] =
    &[refuse("revoke-role", 100, 50), end("end-connections", 20)];
// An application's consent, a key, a token: made anew later.
const REVOKE: &[DefaultWithdrawal] = &[refuse("revoke", 100, 25)];

/// Returns what nodes of `kind` offer by default: a refuse first, an end after it where there is one.
#[must_use]
pub fn default_withdrawals(kind: &str) -> &'static [DefaultWithdrawal] {
    match kind {
        "user" => ACCOUNT,
        "service-account" | "svcacct" => SERVICE_ACCOUNT,
        "host" | "server" | "workstation" => HOST,
        "desktops" => DESKTOPS,
        "flow" => FLOW,
        "database-role" | "role" => DATABASE_ROLE,
        "app" | "key" | "token" => REVOKE,
        _ => &[],
    }
}
