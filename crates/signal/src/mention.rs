//! The nodes and facts that a record names.
//!
//! Templates of the format give spellings; this file decides what they denote.
//! A name that ends in `$` is a computer, an address in any dress is an
//! address, and what can never be an intruder's (the loopback, `SYSTEM` and
//! whatever else the format ignores) is no node at all.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use cordon_model::signal::{Amount, FactKind, Mention, MentionKind, Outcome, Role};
use smallvec::SmallVec;

use crate::class::{Class, FactDefinition, FactShape, MentionDefinition};
use crate::json::Json;
use crate::recall::Memory;
use crate::template::Template;
use crate::view::View;

/// At most this many mentions of one record are kept.
const MOST: usize = 64;
/// Longer texts are no names (a distinguished name or a URL may be long).
const LONGEST: usize = 2048;

type Lookup<'b, 'a> = dyn Fn(&str) -> Option<Cow<'a, str>> + 'b;

/// Returns everything that the record names, in the order of the format's tables.
pub(crate) fn mentions(class: &Class, view: &View<'_>, memory: &Memory) -> Arc<[Mention]> {
    let field = |path: &str| {
        class
            .unless_blank(view.text(class, path))
            .or_else(|| memory.recall(class, view, path).map(Cow::Borrowed))
    };
    let mut found = Vec::new();
    for (open, definition) in &class.mentions {
        if !open.holds(&field) {
            continue;
        }
        match &definition.each {
            None => add(class, definition, &field, &mut found),
            Some(path) => {
                for element in elements(view.raw(path)) {
                    let inner = |path: &str| class.unless_blank(lookup(element, path));
                    add(class, definition, &inner, &mut found);
                }
            }
        }
    }
    found.into()
}

fn elements<'b, 'a>(value: Option<&'b Json<'a>>) -> &'b [Json<'a>] {
    match value {
        Some(Json::Array(items)) => items,
        Some(object) => std::slice::from_ref(object),
        None => &[],
    }
}

fn lookup<'b>(element: &'b Json<'_>, path: &str) -> Option<Cow<'b, str>> {
    if path == "." {
        return element.text();
    }
    element.at(path).and_then(Json::text)
}

fn add(
    class: &Class,
    definition: &MentionDefinition,
    field: &Lookup<'_, '_>,
    found: &mut Vec<Mention>,
) {
    if found.len() >= MOST || !definition.condition.holds(field) {
        return;
    }
    let texts: Vec<String> = definition
        .spellings
        .iter()
        .filter_map(|alternatives| alternatives.iter().find_map(|t| t.render(field)))
        .collect();
    if let Some((kind, spellings)) = denote(class, definition.kind, &texts) {
        merge(found, Mention { kind, role: definition.role, spellings });
    }
}

/// Decides what a list of spellings denotes; None if nothing that could be a node.
fn denote(
    class: &Class,
    kind: MentionKind,
    texts: &[String],
) -> Option<(MentionKind, SmallVec<[Box<str>; 2]>)> {
    let ignored = |kind: MentionKind| {
        class.shared.ignore.get(&kind).is_some_and(|patterns| {
            texts.iter().any(|text| patterns.iter().any(|pattern| pattern.matches(text)))
        })
    };
    if ignored(kind) {
        return None;
    }
    let mut kind = kind;
    let mut spellings = SmallVec::new();
    for text in texts {
        match kind {
            MentionKind::User => {
                if let Some(host) = computer_name(text) {
                    kind = MentionKind::Host;
                    host.into_iter().for_each(|name| push(&mut spellings, &name));
                }
                push(&mut spellings, text);
            }
            MentionKind::Address | MentionKind::Host => match address(text) {
                Parsed::Address(address) => {
                    if spellings.is_empty() {
                        kind = MentionKind::Address;
                    }
                    push(&mut spellings, &address);
                }
                // A name beside an address is the host that holds it.
                Parsed::Name(name) => {
                    kind = MentionKind::Host;
                    push(&mut spellings, name);
                }
                Parsed::Nothing => {}
            },
            MentionKind::Key
            | MentionKind::App
            | MentionKind::Session
            | MentionKind::Database
            | MentionKind::Data
            | MentionKind::Group => push(&mut spellings, text),
        }
    }
    (!spellings.is_empty() && !ignored(kind)).then_some((kind, spellings))
}

/// `NORTH\TILL-7$` and `TILL-7$@NORTH.EXAMPLE` are the computer TILL-7.
fn computer_name(account: &str) -> Option<Vec<String>> {
    let (name, realm) = match account.split_once('@') {
        Some((name, realm)) => (name, Some(realm)),
        None => (account.rsplit('\\').next()?, None),
    };
    let name = name.strip_suffix('$').filter(|name| !name.is_empty())?;
    let full = realm
        .filter(|realm| realm.contains('.'))
        .map(|realm| format!("{name}.{}", realm.to_lowercase()));
    Some(full.into_iter().chain([name.to_owned()]).collect())
}

enum Parsed<'a> {
    Address(String),
    Name(&'a str),
    Nothing,
}

fn address(text: &str) -> Parsed<'_> {
    let text = text.trim_start_matches(['\\', '/']).trim_end_matches('.');
    let bare = bare_address(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        let address = address.to_canonical();
        let nowhere = address.is_loopback()
            || address.is_unspecified()
            || address.is_multicast()
            || address == IpAddr::from([255, 255, 255, 255]);
        return if nowhere { Parsed::Nothing } else { Parsed::Address(address.to_string()) };
    }
    match text {
        "" | "-" => Parsed::Nothing,
        _ if is_this_machine(text) => Parsed::Nothing,
        _ if text.contains(char::is_whitespace) => Parsed::Nothing,
        _ => Parsed::Name(text),
    }
}

fn is_this_machine(name: &str) -> bool {
    ["localhost", "local", "localhost.localdomain", "[local]"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// Takes port, brackets and zone off: `[2001:db8::1%3]:443`, `192.0.2.7:443`.
fn bare_address(text: &str) -> &str {
    let text = match text.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or(inner),
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => host,
            Some(_) | None => text,
        },
    };
    text.split('%').next().unwrap_or(text)
}

fn push(spellings: &mut SmallVec<[Box<str>; 2]>, text: &str) {
    let is_name = !text.is_empty() && text.len() <= LONGEST;
    if is_name && !spellings.iter().any(|known| known.eq_ignore_ascii_case(text)) {
        spellings.push(text.into());
    }
}

/// Joins the mention to one of the same role and kind that shares a spelling.
fn merge(found: &mut Vec<Mention>, mention: Mention) {
    let same = found.iter_mut().find(|known| {
        known.role == mention.role
            && known.kind == mention.kind
            && known.spellings.iter().any(|spelling| {
                mention.spellings.iter().any(|other| other.eq_ignore_ascii_case(spelling))
            })
    });
    match same {
        Some(known) => {
            mention.spellings.iter().for_each(|spelling| push(&mut known.spellings, spelling))
        }
        None => found.push(mention),
    }
}

/// Tells whether a fact with these mentions is about anybody at all. The work of
/// `SYSTEM` for itself names only the place, and a logon without an account that
/// anybody could be says nothing.
pub(crate) fn name_somebody(kind: &FactKind, mentions: &[Mention]) -> bool {
    let mut others = mentions
        .iter()
        .filter(|mention| mention.role != Role::Place && mention.kind != MentionKind::Session);
    match kind {
        FactKind::Logon { .. } => others.any(|mention| mention.role != Role::Source),
        FactKind::Access { .. } | FactKind::Change { .. } | FactKind::Lease => {
            others.next().is_some()
        }
    }
}

/// Returns which hosts held which addresses.
pub(crate) fn leases(class: &Class, view: &View<'_>) -> SmallVec<[Mention; 1]> {
    let field = |path: &str| class.unless_blank(view.text(class, path));
    let mut told = SmallVec::new();
    for (open, lease) in &class.leases {
        if !open.holds(&field) || !lease.condition.holds(&field) {
            continue;
        }
        let first = |templates: &[Template]| templates.iter().find_map(|t| t.render(&field));
        let (Some(host), Some(address)) = (first(&lease.host), first(&lease.address)) else {
            continue;
        };
        let denoted = |kind, text: &str| {
            denote(class, kind, &[text.to_owned()]).filter(|(denoted, _)| *denoted == kind)
        };
        if let (Some((kind, mut spellings)), Some((_, address))) =
            (denoted(MentionKind::Host, &host), denoted(MentionKind::Address, &address))
        {
            spellings.extend(address);
            told.push(Mention { kind, role: Role::Source, spellings });
        }
    }
    told
}

/// Returns the facts that the record states.
pub(crate) fn facts(class: &Class, view: &View<'_>) -> SmallVec<[(FactKind, Outcome); 2]> {
    let field = |path: &str| view.text(class, path);
    let mut facts: SmallVec<[(FactKind, Outcome); 2]> = SmallVec::new();
    for (open, definition) in &class.facts {
        if !open.holds(&field) || !definition.condition.holds(&field) {
            continue;
        }
        let fact = (
            fact_kind(definition, &field),
            if !definition.failure.is_empty() && definition.failure.holds(&field) {
                Outcome::Failure
            } else {
                Outcome::Success
            },
        );
        if !facts.contains(&fact) {
            facts.push(fact);
        }
    }
    facts
}

fn fact_kind(definition: &FactDefinition, field: &Lookup<'_, '_>) -> FactKind {
    let number = |path: &Option<String>| {
        let path = path.as_deref()?;
        path.parse().ok().or_else(|| field(path)?.trim().parse::<u64>().ok())
    };
    match &definition.shape {
        FactShape::Logon { remote } => FactKind::Logon { remote: *remote },
        FactShape::Access { verb, rows, bytes, objects } => FactKind::Access {
            verb: *verb,
            amount: Amount { rows: number(rows), bytes: number(bytes), objects: number(objects) },
        },
        FactShape::Change(change) => FactKind::Change { change: *change },
    }
}
