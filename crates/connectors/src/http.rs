//! Vendors' web interfaces: one engine, and a definition for each of them.
//!
//! A definition (`connectors/*.toml`) says which requests find, look, refuse,
//! end, restore and probe, and what their answers mean; a user's own file does
//! the same for a system that nobody has met yet. This file joins a definition
//! with the settings of one connector and spreads the targets of a call over
//! the lanes that the definition permits. One target is the business of
//! `target.rs`, one request that of `wire.rs`.

mod auth;
mod definition;
mod preflight;
mod sigv4;
mod steps;
mod target;
mod template;
#[cfg(test)]
mod tests;
mod value;
mod wire;
mod xml;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cordon_model::action::{
    Access, Act, Answer, Call, Finding, Json, Observed, Outcome, Probed, Trouble, TroubleKind,
};
use cordon_model::{Mode, NodeId};
use serde::Deserialize;
use serde_json::Map;

use self::auth::Auth;
use self::definition::{AuthPart, Definition, Request, Withdrawal};
use self::steps::Steps;
use self::target::Target;
use self::template::Place;
use self::wire::{Way, Wire, host_and_path};
use crate::secret::Secret;
use crate::site::{SettingsError, Site};
use crate::{Check, Connector};

/// The definitions that come with the program.
const BUILTIN: [(&str, &str); 5] = [
    ("aws-iam", include_str!("../../../connectors/aws-iam.toml")),
    ("entra", include_str!("../../../connectors/entra.toml")),
    ("jira", include_str!("../../../connectors/jira.toml")),
    ("okta", include_str!("../../../connectors/okta.toml")),
    ("tactical-rmm", include_str!("../../../connectors/tactical-rmm.toml")),
];

/// Settings that every definition has.
#[derive(Deserialize)]
struct Common {
    /// A built-in definition, or a file that ends in `.toml`.
    definition: Option<String>,
    /// Nodes, and the one spelling that the system knows each by.
    #[serde(default)]
    names: BTreeMap<String, String>,
    /// Certificates to trust instead of the public ones: a PEM file.
    ca: Option<String>,
    proxy: Option<String>,
    /// Requests in a second, where the vendor permits more or less than the definition says.
    per_second: Option<u32>,
    /// The kinds of withdrawal that it may carry out; without it: all.
    kinds: Option<Vec<String>>,
    /// What the definition asks for.
    #[serde(flatten)]
    own: Map<String, Json>,
}

struct Http {
    site: Site,
    definition: Definition,
    settings: Json,
    names: BTreeMap<String, String>,
    kinds: Option<Vec<String>>,
    wire: Wire,
}

/// Opens a connector over a definition; connects to nothing.
///
/// # Errors
/// When the definition or the settings do not fit.
pub(crate) fn open(site: &Site) -> Result<Box<dyn Connector>, SettingsError> {
    let common: Common = site.settings()?;
    let name = common.definition.as_deref().unwrap_or(&site.kind);
    let definition = definition(site, name)?;
    let (settings, secrets) = values(site, &definition, common.own)?;
    let wrong = |why: String| site.wrong(why);
    let base = definition.base.render(&scope(&settings), Place::Plain).map_err(wrong)?;
    check_address(&base).map_err(wrong)?;
    let part = auth_part(site, &definition, &secrets)?;
    if let AuthPart::OAuth2 { token_url, .. } = part {
        let url = token_url.render(&scope(&secrets), Place::Plain).map_err(wrong)?;
        check_address(&url).map_err(wrong)?;
    }
    if let Some(kind) = common.kinds.iter().flatten().find(|kind| !definition.offers(kind)) {
        return Err(site.wrong(format!("`kinds` names `{kind}`, which `{name}` does not offer")));
    }
    let auth = (Auth::new(part, &scope(&secrets)).map_err(wrong)?, part.kind());
    let authority = match &common.ca {
        Some(file) => Some(
            std::fs::read(site.folder.join(file))
                .map_err(|error| site.wrong(format!("`ca`: {error}")))?,
        ),
        None => None,
    };
    let way = Way { authority: authority.as_deref(), proxy: common.proxy.as_deref() };
    let per_second = common.per_second.unwrap_or(definition.limits.per_second);
    let wire = Wire::new(&definition.title, auth, definition.errors.clone(), per_second, &way);
    let wire = wire.map_err(wrong)?;
    let (names, kinds) = (common.names, common.kinds);
    Ok(Box::new(Http { site: site.clone(), definition, settings, names, kinds, wire }))
}

/// The first way to prove who sends requests for which every setting is given.
fn auth_part<'a>(
    site: &Site,
    definition: &'a Definition,
    secrets: &Json,
) -> Result<&'a AuthPart, SettingsError> {
    let missing = |part: &&AuthPart| {
        let needed = part.needed().into_iter().filter(|name| secrets.get(name).is_none());
        needed.map(|name| format!("`{name}`")).collect::<Vec<_>>()
    };
    definition.auth.iter().find(|part| missing(part).is_empty()).ok_or_else(|| {
        let ways = definition.auth.iter().map(|part| missing(&part).join(" and "));
        let ways: Vec<String> = ways.collect();
        site.wrong(format!("it cannot prove who it is; add {}", ways.join(", or ")))
    })
}

/// Whether a kind of connector is a definition that comes with the program.
pub(crate) fn is_builtin(kind: &str) -> bool {
    BUILTIN.iter().any(|(name, _)| *name == kind)
}

fn definition(site: &Site, name: &str) -> Result<Definition, SettingsError> {
    if let Some((name, text)) = BUILTIN.iter().find(|(known, _)| *known == name) {
        return Definition::read(&format!("{name}.toml"), text).map_err(|why| site.wrong(why));
    }
    if !name.ends_with(".toml") {
        let known: Vec<&str> = BUILTIN.iter().map(|(name, _)| *name).collect();
        return Err(site.wrong(format!(
            "`definition` is `{name}`; write a file that ends in `.toml`, or one of {}",
            known.join(", ")
        )));
    }
    let text = std::fs::read_to_string(site.folder.join(name));
    let text = text.map_err(|error| site.wrong(format!("`{name}` cannot be read: {error}")))?;
    Definition::read(name, &text).map_err(|why| site.wrong(why))
}

/// The settings of a definition: without secrets, and with them.
fn values(
    site: &Site,
    definition: &Definition,
    own: Map<String, Json>,
) -> Result<(Json, Json), SettingsError> {
    if let Some(unknown) = own.keys().find(|key| !definition.settings.contains_key(*key)) {
        let known: Vec<&str> = definition.settings.keys().map(String::as_str).collect();
        return Err(site.wrong(format!(
            "there is no setting `{unknown}`; `{}` knows {}, and every definition `definition`, `names`, `kinds`, `ca`, `proxy`, `per_second`",
            definition.name,
            known.join(", ")
        )));
    }
    let (mut open, mut all) = (Map::new(), Map::new());
    for (name, setting) in &definition.settings {
        match own.get(name) {
            Some(given) if setting.secret => {
                let secret = Secret::deserialize(given)
                    .map_err(|error| site.wrong(format!("`{name}`: {error}")))?;
                let secret = secret.reveal(&site.folder).map_err(|error| site.no_secret(&error))?;
                all.insert(name.clone(), secret.as_str().into());
            }
            Some(given) => {
                open.insert(name.clone(), given.clone());
                all.insert(name.clone(), given.clone());
            }
            None if setting.default.is_some() || setting.optional => {}
            None => {
                let what = &setting.what;
                return Err(site.wrong(format!("the setting `{name}` is missing: {what}")));
            }
        }
    }
    // Defaults may name settings that were given, never secrets.
    let given = scope(&Json::Object(open.clone()));
    for (name, setting) in &definition.settings {
        if let (Some(default), false) = (&setting.default, open.contains_key(name)) {
            let value =
                default.json(&given).map_err(|why| site.wrong(format!("`{name}`: {why}")))?;
            open.insert(name.clone(), value.clone());
            all.insert(name.clone(), value);
        }
    }
    Ok((Json::Object(open), Json::Object(all)))
}

fn scope(settings: &Json) -> Json {
    serde_json::json!({ "settings": settings })
}

/// Tokens and orders travel encrypted, except to this machine itself.
fn check_address(url: &str) -> Result<(), String> {
    let host = host_and_path(url).0;
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let here = name == "localhost" || name == "[::1]" || name.starts_with("127.");
    match url.split_once("://").map(|(scheme, _)| scheme) {
        Some("https") => Ok(()),
        Some("http") if here => Ok(()),
        _ => Err(format!("`{url}` is not encrypted; write an address that begins with `https://`")),
    }
}

impl Definition {
    fn offers(&self, kind: &str) -> bool {
        self.withdrawals.iter().any(|withdrawal| withdrawal.kind == kind)
    }
}

impl Connector for Http {
    fn preflight(&mut self, deadline: Duration) -> Vec<Check> {
        let offered = self.definition.withdrawals.iter();
        let offered: Vec<&Withdrawal> = offered.filter(|w| self.permits(&w.kind)).collect();
        preflight::checks(self.steps(), &offered, Instant::now() + deadline)
    }

    fn look(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Observed>, Trouble> {
        let seen = self.each(call, deadline, |target| target.look().map(|seen| seen.observed));
        let seen: Vec<Result<Observed, Trouble>> =
            seen.into_iter().map(|seen| seen.and_then(|seen| seen)).collect();
        // One target that answers makes the look worth having.
        if let Some(Err(trouble)) = seen.first()
            && seen.iter().all(Result::is_err)
        {
            return Err(trouble.clone());
        }
        let unknown = |node: &NodeId| Observed {
            target: node.clone(),
            access: Access::Unknown,
            owner: None,
            state: Json::Null,
            open: 0,
            residual_seconds: None,
        };
        let pairs = seen.into_iter().zip(&call.targets);
        let named = |(seen, node): (Result<Observed, Trouble>, &NodeId)| {
            let seen = seen.unwrap_or_else(|_| unknown(node));
            Observed { target: node.clone(), ..seen }
        };
        Ok(pairs.map(named).collect())
    }

    fn refuse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        Ok(self.act(call, deadline))
    }

    fn end(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        Ok(self.act(call, deadline))
    }

    fn restore(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        Ok(self.act(call, deadline))
    }

    fn rehearse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<String>, Trouble> {
        let call = Call { act: Act::raising(call.order.mode), ..call.clone() };
        let told = self.each(&call, deadline, |target| target.rehearse());
        let mut lines = Vec::new();
        let mut first = None;
        for (told, node) in told.into_iter().zip(&call.targets) {
            match told.and_then(|told| told) {
                // What serves all targets is told once.
                Ok(told) if lines.ends_with(&told) => {}
                Ok(told) => lines.extend(told),
                Err(trouble) => {
                    lines.push(format!("{} {node}: would fail, {trouble}", call.order.kind));
                    first.get_or_insert(trouble);
                }
            }
        }
        let failed = |line: &String| line.contains(": would fail, ");
        match first {
            Some(trouble) if lines.iter().all(failed) => Err(trouble),
            _ => Ok(lines),
        }
    }

    fn probe(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Probed>, Trouble> {
        let found = self.each(call, deadline, |target| target.probe());
        let pairs = found.into_iter().zip(&call.targets);
        let probed = |(found, node): (Result<Finding, Trouble>, &NodeId)| Probed {
            target: node.clone(),
            finding: found.unwrap_or(Finding::Untried),
        };
        Ok(pairs.map(probed).collect())
    }
}

impl Http {
    fn steps(&self) -> Steps<'_> {
        Steps {
            definition: &self.definition,
            wire: &self.wire,
            settings: &self.settings,
            rehearsal: None,
        }
    }

    fn permits(&self, kind: &str) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|known| known == kind))
    }

    fn act(&self, call: &Call, deadline: Duration) -> Vec<Outcome> {
        let answers = self.each(call, deadline, |target| target.act());
        let pairs = answers.into_iter().zip(&call.targets);
        let outcome = |(answer, node): (Result<Answer, Trouble>, &NodeId)| Outcome {
            target: node.clone(),
            answer: answer.unwrap_or_else(Answer::Failed),
        };
        pairs.map(outcome).collect()
    }

    /// Does something to each target, several at a time; out of scope is trouble without a request.
    fn each<T: Clone + Send>(
        &self,
        call: &Call,
        deadline: Duration,
        work: impl Fn(&Target<'_>) -> T + Sync,
    ) -> Vec<Result<T, Trouble>> {
        let end = Instant::now() + deadline;
        let targets: Vec<Result<Target<'_>, Trouble>> =
            call.targets.iter().map(|node| self.target(call, node, end)).collect();
        let together = matches!(targets.first(), Some(Ok(first)) if first.withdrawal.together);
        let worked = if together { 1 } else { targets.len() };
        let lanes = usize::from(self.definition.limits.lanes.max(1)).min(worked);
        let next = AtomicUsize::new(0);
        let done: Mutex<BTreeMap<usize, Result<T, Trouble>>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..lanes {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(target) = targets.get(index).filter(|_| index < worked) else {
                            break;
                        };
                        let result = target.as_ref().map(&work).map_err(Clone::clone);
                        done.lock().unwrap_or_else(PoisonError::into_inner).insert(index, result);
                    }
                });
            }
        });
        let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        let silent =
            || Err(Trouble::new(TroubleKind::Unsupported, "a lane of the connector broke off"));
        let of = |index| done.get(&index).cloned().unwrap_or_else(silent);
        (0..targets.len()).map(|index| of(if together { 0 } else { index })).collect()
    }

    /// A target within scope: its kind of withdrawal, its kind of node, a spelling that can be found.
    fn target<'a>(
        &'a self,
        call: &'a Call,
        node: &'a NodeId,
        end: Instant,
    ) -> Result<Target<'a>, Trouble> {
        let order = &call.order;
        let unsupported = |why| Err(Trouble::new(TroubleKind::Unsupported, why));
        let title = &self.definition.title;
        let fits = |w: &&Withdrawal| w.kind == order.kind && w.mode == order.mode;
        let offered = self.definition.withdrawals.iter().filter(fits);
        let offered: Vec<&Withdrawal> = offered.filter(|w| self.permits(&w.kind)).collect();
        let mode = match order.mode {
            Mode::Refuse => "refuse",
            Mode::End => "end",
        };
        if offered.is_empty()
            || (call.act == Act::End) != (order.mode == Mode::End) && call.act.withdraws()
        {
            return unsupported(format!(
                "{title}: this connector does not {mode} by `{}`",
                order.kind
            ));
        }
        let known = offered
            .into_iter()
            .filter(|w| w.nodes.iter().any(|kind| kind == node.kind() || kind == "*"));
        let known: Vec<&Withdrawal> = known.collect();
        if known.is_empty() {
            return unsupported(format!(
                "{title}: `{}` is not for a node like `{node}`",
                order.kind
            ));
        }
        let spellings = match self.names.get(node.as_str()) {
            Some(name) => vec![name.clone()],
            None => self.site.spellings(node),
        };
        for withdrawal in known {
            let found = findable(withdrawal, &spellings);
            if withdrawal.together || !found.is_empty() {
                let steps = self.steps();
                return Ok(Target { steps, withdrawal, call, node, spellings: found, end });
            }
        }
        unsupported(format!(
            "{title} knows `{node}` by none of its spellings ({}); add the one that it uses to the estate, or map it under `names` in the settings",
            spellings.join(", ")
        ))
    }
}

fn findable<'a>(withdrawal: &'a Withdrawal, spellings: &[String]) -> Vec<(String, &'a Request)> {
    let fits = |find: &Request, spelling: &String| {
        find.spelling.as_ref().is_some_and(|pattern| pattern.fits(spelling))
    };
    let pairs = spellings.iter().flat_map(|spelling| {
        let finds = withdrawal.find.iter().filter(move |find| fits(find, spelling));
        finds.map(move |find| (spelling.clone(), find))
    });
    pairs.collect()
}
