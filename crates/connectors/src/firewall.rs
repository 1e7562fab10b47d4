//! A firewall of nftables: hosts are isolated and flows blocked in a table of Cordon's own.
//!
//! The table `inet cordon` stands before the estate's filters. Each withdrawal is
//! a set element with Cordon's note as its comment and a kernel timeout as a
//! second net; many are put in or taken out in one transaction. Elements of
//! others are seen and left. The table is made by the pre-flight or by the first
//! act, and stays, empty, after the last lift: taking it away could race with
//! the next act.

mod address;
mod open_connections;
mod probe;
mod ruleset;
mod scope;
mod seen;
mod tracked;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use cordon_model::action::{
    Access, Act, Answer, Call, Json, Observed, Outcome, Probed, Trouble, TroubleKind,
};
use cordon_model::{Mode, NodeId};
use serde::Deserialize;
use serde_json::json;

use crate::bound::{opens_root_shell, require};
use crate::remote::{Ran, Way, WaySettings};
use crate::site::{SettingsError, Site};
use crate::{Check, Connector, Listening, Readiness, Told};
use address::{Element, Net};
use probe::{Vantage, VantageSettings};
use ruleset::{Entry, Ruleset};
use scope::{Kind, Names, Scope};
use seen::{Holder, Seen};

/// The table `[connector.settings]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Where `nft` and `conntrack` run.
    #[serde(default)]
    run: WaySettings,
    #[serde(default = "table")]
    table: String,
    #[serde(default = "hooks")]
    hooks: Vec<String>,
    /// Addresses and networks that are never cut: the consoles, the hand, the jump hosts.
    keep: Vec<String>,
    /// Flows that are accepted before anything is dropped.
    #[serde(default)]
    protected: Vec<String>,
    /// Addresses and flows of nodes whose spellings do not tell.
    #[serde(default)]
    names: BTreeMap<String, Names>,
    /// Seconds beyond its time to live after which the kernel drops an element by itself.
    #[serde(default = "margin_seconds")]
    margin_seconds: u64,
    #[serde(default)]
    vantage: Vec<VantageSettings>,
    #[serde(default = "probe_ports")]
    probe_ports: Vec<u16>,
    #[serde(default = "probe_ms")]
    probe_ms: u64,
}

fn table() -> String {
    "cordon".to_owned()
}
fn hooks() -> Vec<String> {
    vec!["forward".to_owned()]
}
fn margin_seconds() -> u64 {
    3600
}
fn probe_ports() -> Vec<u16> {
    vec![22, 135, 445, 3389]
}
fn probe_ms() -> u64 {
    1000
}

/// The connector of the kind `firewall`.
pub(crate) struct Firewall {
    way: Way,
    rules: Ruleset,
    scope: Scope,
    margin: u64,
    vantages: Vec<Vantage>,
    probe_ports: Vec<u16>,
    probe_wait: Duration,
    /// Whether the addresses of our own connection have been added to those that are kept.
    knows_own_way: bool,
}

/// Opens the connector; nothing is connected to.
pub(crate) fn open(site: &Site) -> Result<Firewall, SettingsError> {
    let settings: Settings = site.settings()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if settings.table.is_empty() || !settings.table.chars().all(plain) {
        return Err(site.wrong(format!("`{}` is no name for a table", settings.table)));
    }
    let known = ["forward", "input", "output"];
    if let Some(hook) = settings.hooks.iter().find(|hook| !known.contains(&hook.as_str())) {
        return Err(
            site.wrong(format!("there is no hook `{hook}`; known are {}", known.join(", ")))
        );
    }
    let vantages = settings.vantage.iter().map(|vantage| Vantage::new(site, vantage));
    Ok(Firewall {
        way: Way::new(site, &settings.run)?,
        rules: Ruleset {
            table: settings.table,
            hooks: settings.hooks,
            keep: scope::nets(site, &settings.keep)?,
            protected: scope::flows(site, &settings.protected)?,
        },
        scope: Scope::new(site, &settings.names)?,
        margin: settings.margin_seconds,
        vantages: vantages.collect::<Result<_, _>>()?,
        probe_ports: settings.probe_ports,
        probe_wait: Duration::from_millis(settings.probe_ms.max(1)),
        knows_own_way: false,
    })
}

/// Whether a change makes the table where it is missing or not whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Made,
    AsFound,
}

/// What is known of one target before anything is done.
type Resolved<'a> = (&'a NodeId, Result<Vec<Element>, Trouble>);

impl Firewall {
    fn resolve<'a>(&self, call: &'a Call) -> Result<(Kind, Vec<Resolved<'a>>), Trouble> {
        let kind = Kind::of(&call.order.kind, call.order.mode)?;
        let each = call.targets.iter();
        let resolved: Vec<Resolved<'_>> =
            each.map(|node| (node, self.scope.resolve(kind, node, &self.rules))).collect();
        if let Some((_, Err(trouble))) = resolved.first()
            && resolved.iter().all(|(_, elements)| elements.is_err())
        {
            return Err(trouble.clone());
        }
        Ok((kind, resolved))
    }

    fn nft(&self, args: &[&str], input: &str, by: Instant) -> Result<Ran, Trouble> {
        let argv: Vec<&str> = std::iter::once("nft").chain(args.iter().copied()).collect();
        let ran = self.way.run(&argv, input, by.saturating_duration_since(Instant::now()))?;
        denied(&ran, &self.way.place()).map_or(Ok(ran), Err)
    }

    /// Reads the table; none where there is none.
    fn read(&self, by: Instant) -> Result<Seen, Trouble> {
        let ran = self.nft(&["-j", "list", "table", "inet", &self.rules.table], "", by)?;
        if !ran.is_ok() && ran.stderr.contains("No such file or directory") {
            return Ok(Seen::default());
        }
        let unread = || {
            let why = format!("the table on {} cannot be read: {}", self.place(), ran.complaint());
            Trouble::new(TroubleKind::Unknown, why)
        };
        if !ran.is_ok() {
            return Err(unread());
        }
        Seen::read(&ran.stdout, &self.rules).ok_or_else(unread)
    }

    fn place(&self) -> String {
        self.way.place()
    }

    /// Sees to it that our own connection is among what is kept, before anything is dropped.
    fn keep_own_way(&mut self, by: Instant) -> Result<(), Trouble> {
        if self.knows_own_way || !self.way.is_remote() {
            return Ok(());
        }
        let left = by.saturating_duration_since(Instant::now());
        let ran = self.way.bare().run(&["printenv", "SSH_CONNECTION"], "", left)?;
        let words = ran.stdout.split_whitespace();
        let own: Vec<Net> =
            words.filter_map(|word| word.parse::<IpAddr>().ok()).map(Net::of).collect();
        if own.len() != 2 && self.rules.keep.is_empty() {
            let why = format!(
                "{} does not tell where our connection comes from, and `keep` is empty; \
                 add the address of this machine to `keep`",
                self.place()
            );
            return Err(Trouble::new(TroubleKind::Withheld, why));
        }
        self.rules.keep.extend(own);
        scope::widest(&mut self.rules.keep);
        self.knows_own_way = true;
        Ok(())
    }

    /// Changes the table in one transaction, which `of` makes from what is there.
    ///
    /// Elements are made with `create` and taken with `delete`, which fail as a whole when
    /// somebody was quicker; then it is read and tried once more.
    fn transact(
        &mut self,
        by: Instant,
        table: Table,
        of: impl Fn(&Self, &Seen) -> (Vec<Json>, Vec<Outcome>),
    ) -> Result<Vec<Outcome>, Trouble> {
        self.keep_own_way(by)?;
        let mut last = String::new();
        for _ in 0..2 {
            let (commands, outcomes) = self.compose(by, table, &of)?;
            if commands.is_empty() {
                return Ok(outcomes);
            }
            let ran =
                self.nft(&["-j", "-f", "-"], &json!({ "nftables": commands }).to_string(), by)?;
            if ran.is_ok() {
                return Ok(outcomes);
            }
            last = ran.complaint();
            if !last.contains("File exists") && !last.contains("No such file") {
                let why = format!("{} did not take the change: {last}", self.place());
                return Err(Trouble::new(TroubleKind::Unsupported, why));
            }
        }
        let why =
            format!("somebody changes the table on {} at the same time: {last}", self.place());
        Err(Trouble::new(TroubleKind::Changed, why))
    }

    /// What a change would send, and what would then be answered.
    fn compose(
        &self,
        by: Instant,
        table: Table,
        of: impl Fn(&Self, &Seen) -> (Vec<Json>, Vec<Outcome>),
    ) -> Result<(Vec<Json>, Vec<Outcome>), Trouble> {
        let seen = self.read(by)?;
        let (mut commands, outcomes) = of(self, &seen);
        if !seen.stands && (table == Table::Made || !commands.is_empty()) {
            commands.splice(0..0, self.rules.install());
        }
        Ok((commands, outcomes))
    }

    fn observe(&self, node: &NodeId, elements: &[Element], seen: &Seen) -> Observed {
        let mut elements: BTreeSet<Element> = elements.iter().cloned().collect();
        elements.extend(seen.of_node(node.as_str()));
        let holders: Vec<(String, Holder)> =
            elements.iter().map(|e| (e.to_string(), seen.holder(e))).collect();
        let closed = |(_, holder): &(String, Holder)| seen.stands && self.closes(holder);
        let count = holders.iter().filter(|held| closed(held)).count();
        let present = holders.iter().filter(|(_, h)| *h != Holder::Nobody).count();
        let access = match (count, present) {
            (count, _) if count == holders.len() => Access::Refused,
            (0, 0) => Access::Open,
            // Elements without the rules that give them force refuse nothing.
            (_, _) if !seen.stands => Access::Open,
            (_, _) => Access::Partly,
        };
        let ours = holders.iter().find(|(_, h)| matches!(h, Holder::Cordon { .. }));
        let owner = ours.or_else(|| holders.iter().find(|(_, h)| *h != Holder::Nobody));
        let state: serde_json::Map<String, Json> =
            holders.iter().map(|(name, holder)| (name.clone(), holder.state())).collect();
        Observed {
            target: node.clone(),
            access,
            owner: owner.and_then(|(_, holder)| holder.owner()),
            state: Json::Object(state),
            open: 0,
            residual_seconds: None,
        }
    }

    /// An element whose time runs out although its withdrawal is wanted counts as half raised,
    /// so that it is put in anew before the kernel drops it.
    fn closes(&self, holder: &Holder) -> bool {
        match holder {
            Holder::Nobody => false,
            Holder::Other(_) => true,
            Holder::Cordon { expires } => expires.is_none_or(|left| left > self.margin / 2),
        }
    }

    fn put(
        &self,
        call: &Call,
        resolved: &[Resolved<'_>],
        seen: &Seen,
    ) -> (Vec<Json>, Vec<Outcome>) {
        let timeout = u64::from(call.order.ttl_seconds) + self.margin;
        let mut entries = Vec::new();
        let outcomes = resolved.iter().map(|(node, elements)| {
            let elements = match elements {
                Ok(elements) => elements,
                Err(trouble) => return failed(node, trouble.clone()),
            };
            let comment = seen::comment(node.as_str(), &call.order.note);
            let before = entries.len();
            let mut held = None;
            for element in elements {
                let holder = seen.holder(element);
                let is_there = holder != Holder::Nobody;
                if let Holder::Other(who) = holder {
                    held = Some(who);
                    continue;
                }
                let (element, comment) = (element.clone(), comment.clone());
                entries.push(Entry { element, comment, timeout, is_there });
            }
            let ours = entries.get(before..).unwrap_or_default();
            let answer = if ours.is_empty() {
                Answer::AlreadySo { by: held }
            } else if seen.stands && ours.iter().all(|entry| entry.is_there) {
                Answer::AlreadySo { by: Some(cordon_model::action::CORDON.to_owned()) }
            } else {
                Answer::Done
            };
            Outcome { target: (*node).clone(), answer }
        });
        let outcomes = outcomes.collect();
        (self.rules.put(&entries), outcomes)
    }
}

impl Connector for Firewall {
    fn preflight(&mut self, deadline: Duration) -> Vec<Check> {
        let by = Instant::now() + deadline;
        let installed = self.transact(by, Table::Made, |_, _| (Vec::new(), Vec::new()));
        let excess = || opens_root_shell(&self.way, by);
        let able = installed.map_or_else(Readiness::Unable, |_| {
            excess().map_or(Readiness::Able, Readiness::Excessive)
        });
        let tracked = self.connections(by);
        let ending = tracked.map_or_else(Readiness::Unable, |_| able.clone());
        let probing = if self.vantages.is_empty() {
            let why = "no `vantage` is set, so nothing can be tried; add one to the settings";
            Readiness::Unable(Trouble::new(TroubleKind::Unsupported, why))
        } else {
            Readiness::Able
        };
        let mut checks = Vec::new();
        let mut check = |kind: &str, act, finding: &Readiness| {
            checks.push(Check { kind: kind.to_owned(), act, finding: finding.clone() });
        };
        for kind in ["isolate-host", "block-flow"] {
            check(kind, Act::Look, &able);
            check(kind, Act::Refuse, &able);
            check(kind, Act::Restore, &able);
            check(kind, Act::Probe, &probing);
        }
        check("end-flows", Act::Look, &ending);
        check("end-flows", Act::End, &ending);
        checks
    }

    fn look(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Observed>, Trouble> {
        let by = Instant::now() + deadline;
        let (kind, resolved) = self.resolve(call)?;
        if kind == Kind::EndFlows {
            return self.look_at_connections(&resolved, by);
        }
        self.keep_own_way(by)?;
        let seen = self.read(by)?;
        let look = |(node, elements): &Resolved<'_>| match elements {
            Ok(elements) => self.observe(node, elements, &seen),
            Err(_) => unknown(node),
        };
        Ok(resolved.iter().map(look).collect())
    }

    fn refuse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        let by = Instant::now() + deadline;
        let (_, resolved) = self.resolve(call)?;
        require(call, Mode::Refuse)?;
        self.transact(by, Table::Made, |firewall, seen| firewall.put(call, &resolved, seen))
    }

    fn end(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        let by = Instant::now() + deadline;
        let (_, resolved) = self.resolve(call)?;
        require(call, Mode::End)?;
        self.end_connections(&resolved, by)
    }

    fn restore(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        let by = Instant::now() + deadline;
        Kind::of(&call.order.kind, call.order.mode)?;
        require(call, Mode::Refuse)?;
        self.transact(by, Table::AsFound, |firewall, seen| {
            let mut taken = Vec::new();
            let outcomes = call.targets.iter().map(|node| match prior(call, node) {
                Ok(prior) => give_back(node, &prior, seen, &mut taken),
                Err(trouble) => failed(node, trouble),
            });
            let outcomes = outcomes.collect();
            (firewall.rules.remove(&taken.iter().collect::<Vec<_>>()), outcomes)
        })
    }

    fn probe(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Probed>, Trouble> {
        let by = Instant::now() + deadline;
        let (_, resolved) = self.resolve(call)?;
        let attempts: Vec<_> = resolved
            .iter()
            .map(|(_, elements)| {
                let elements = elements.as_deref().unwrap_or_default();
                probe::attempt(&self.vantages, &self.probe_ports, elements)
            })
            .collect();
        let found = probe::find(&attempts, self.probe_wait, by);
        let pairs = resolved.iter().zip(found);
        Ok(pairs.map(|((node, _), finding)| Probed { target: (*node).clone(), finding }).collect())
    }

    fn rehearse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<String>, Trouble> {
        let by = Instant::now() + deadline;
        let (kind, resolved) = self.resolve(call)?;
        if kind == Kind::EndFlows {
            return self.rehearse_end(&resolved, by);
        }
        self.keep_own_way(by)?;
        let put = |firewall: &Self, seen: &Seen| firewall.put(call, &resolved, seen);
        let (commands, _) = self.compose(by, Table::Made, put)?;
        Ok(commands.iter().map(Json::to_string).collect())
    }

    fn listen(&mut self, nodes: &[NodeId], told: Told) -> Result<Option<Listening>, Trouble> {
        let index = self.scope.index(nodes);
        watch::start(&self.way, &self.rules.table, nodes, index, told).map(Some)
    }
}

/// Takes out what stood open before and is Cordon's now.
fn give_back(
    node: &NodeId,
    prior: &[(Element, bool)],
    seen: &Seen,
    taken: &mut Vec<Element>,
) -> Outcome {
    let mut holder = None;
    let before = taken.len();
    for (element, _) in prior.iter().filter(|(_, was_open)| *was_open) {
        match seen.holder(element) {
            Holder::Cordon { .. } => taken.push(element.clone()),
            Holder::Other(who) => holder = Some(who),
            Holder::Nobody => {}
        }
    }
    let done = taken.len() > before;
    let answer = if done { Answer::Done } else { Answer::AlreadySo { by: holder } };
    Outcome { target: node.clone(), answer }
}

/// The elements of the prior state of a target, and whether each stood open.
fn prior(call: &Call, node: &NodeId) -> Result<Vec<(Element, bool)>, Trouble> {
    let prior = call.prior.iter().find(|prior| prior.target == *node);
    let held = prior.and_then(|prior| prior.state.as_object());
    let elements = held.and_then(|held| {
        held.iter().map(|(name, held)| Some((Element::parse(name)?, held.is_null()))).collect()
    });
    elements.ok_or_else(|| {
        let why = format!("no prior state of `{node}` came with the call");
        Trouble::new(TroubleKind::Unsupported, why)
    })
}

fn failed(node: &NodeId, trouble: Trouble) -> Outcome {
    Outcome { target: node.clone(), answer: Answer::Failed(trouble) }
}

fn unknown(node: &NodeId) -> Observed {
    Observed {
        target: node.clone(),
        access: Access::Unknown,
        owner: None,
        state: Json::Null,
        open: 0,
        residual_seconds: None,
    }
}

/// The trouble of a program that was not permitted to do its work.
fn denied(ran: &Ran, place: &str) -> Option<Trouble> {
    let words = ["not permitted", "Permission denied", "be root", "password is required"];
    let is_denied = !ran.is_ok() && words.iter().any(|word| ran.stderr.contains(word));
    is_denied.then(|| {
        let why = format!(
            "{place} does not permit it: {}; give the connector's user the rights of \
             docs/connectors/firewall.md",
            ran.complaint()
        );
        Trouble::new(TroubleKind::Denied, why)
    })
}
