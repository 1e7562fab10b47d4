//! Which node each object becomes: its kind, its id, its spellings and its tags.
//!
//! A node is called what the directory calls its object, because people read
//! plans; where two objects of a kind share a name, both carry their object id
//! behind it. Nodes stand in order of kind and name, so that one directory gives
//! one table, in whichever order its files were read.

use std::cmp::Ordering;

use cordon_model::NodeId;

use super::class::{Class, well_known};
use super::objects::{Description, Flag, Object, ObjectIx, Objects};

/// What is written of one node.
pub(crate) struct NodeRow {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) label: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) tags: Vec<&'static str>,
}

/// All nodes in order.
pub(crate) struct Nodes {
    /// Objects in the order of the table.
    order: Vec<u32>,
    /// Position of each object in `order`.
    place: Vec<u32>,
}

impl Nodes {
    /// Gives every object a name and an order: that of the ids, byte for byte, as an estate has it.
    pub(crate) fn settle(objects: &mut Objects) -> Self {
        name_the_nameless(objects);
        let mut order: Vec<u32> = (0..).take(objects.all().len()).collect();
        let same = |objects: &Objects, a: u32, b: u32| {
            let key = |at: u32| {
                let object = objects.get(ObjectIx(at))?;
                Some((kind(objects, object), objects.name_of(object)))
            };
            key(a) == key(b)
        };
        order.sort_unstable_by(|&a, &b| by_name(objects, a, b));
        for pair in order.windows(2) {
            if let &[a, b] = pair
                && same(objects, a, b)
            {
                objects.set(ObjectIx(a), Flag::SharesName);
                objects.set(ObjectIx(b), Flag::SharesName);
            }
        }
        // What stands behind a shared name may move it by a few places.
        order.sort_by(|&a, &b| by_id(objects, a, b));
        let mut place = vec![0; order.len()];
        for (&object, at) in order.iter().zip(0..) {
            if let Some(slot) = place.get_mut(object as usize) {
                *slot = at;
            }
        }
        Self { order, place }
    }

    /// All objects in the order of the table.
    pub(crate) fn order(&self) -> impl Iterator<Item = ObjectIx> + '_ {
        self.order.iter().copied().map(ObjectIx)
    }

    /// The place of an object, as an index of its own.
    pub(crate) fn place(&self, object: ObjectIx) -> ObjectIx {
        ObjectIx(self.place.get(object.0 as usize).copied().unwrap_or(0))
    }

    /// Writes the id of the node at a place.
    pub(crate) fn push_id(&self, objects: &Objects, place: ObjectIx, out: &mut String) {
        let object = self.order.get(place.0 as usize);
        let Some(object) = object.and_then(|&at| objects.get(ObjectIx(at))) else { return };
        out.push_str(kind(objects, object));
        out.push(':');
        out.push_str(objects.name_of(object).unwrap_or(""));
        if object.is(Flag::SharesName) {
            out.push('~');
            out.push_str(NodeId::from_parts("", objects.id(object)).name());
        }
    }

    /// Everything that the table says of an object.
    pub(crate) fn row(&self, objects: &Objects, object: ObjectIx, what: &Description) -> NodeRow {
        let mut id = String::new();
        self.push_id(objects, self.place(object), &mut id);
        let Some(object) = objects.get(object) else {
            return NodeRow { id, kind: "", label: String::new(), aliases: vec![], tags: vec![] };
        };
        NodeRow {
            kind: kind(objects, object),
            label: label(objects, object, what),
            aliases: aliases(objects, object, what, &id),
            tags: tags(objects, object),
            id,
        }
    }
}

/// Kind, name and object id of two objects compared.
fn by_name(objects: &Objects, a: u32, b: u32) -> Ordering {
    let key = |at: u32| {
        let object = objects.get(ObjectIx(at))?;
        Some((kind(objects, object), objects.name_of(object), objects.id(object)))
    };
    key(a).cmp(&key(b))
}

/// Two ids of nodes compared as they are written.
fn by_id(objects: &Objects, a: u32, b: u32) -> Ordering {
    let bytes = |at: u32| {
        objects.get(ObjectIx(at)).into_iter().flat_map(|object| {
            let behind = if object.is(Flag::SharesName) { objects.id(object) } else { "" };
            let between = if behind.is_empty() { "" } else { "~" };
            let name = objects.name_of(object).unwrap_or("");
            let behind = behind.bytes().map(|byte| byte.to_ascii_lowercase());
            let front = kind(objects, object).bytes().chain([b':']).chain(name.bytes());
            front.chain(between.bytes()).chain(behind)
        })
    };
    bytes(a).cmp(bytes(b))
}

/// The kind of node of an object.
pub(crate) fn kind(objects: &Objects, object: &Object) -> &'static str {
    let class = objects.class(object);
    let serves = class == Class::User && object.is(Flag::Service);
    if serves && !is_built_in(objects.id(object)) { "service-account" } else { class.kind() }
}

/// `krbtgt` and `Administrator` have service names of their own, but serve no program.
fn is_built_in(id: &str) -> bool {
    well_known(id).is_some_and(|known| known.class == Class::User)
}

/// Whether a principal is known by name alone: something refers to it, no record describes it.
pub(crate) fn is_provisional(object: &Object) -> bool {
    object.file == 0 && !object.is(Flag::Named)
}

/// Well-known principals get their names, others without one are called by their ids.
fn name_the_nameless(objects: &mut Objects) {
    for at in (0..).take(objects.all().len()).map(ObjectIx) {
        let Some(&object) = objects.get(at) else { continue };
        if objects.name_of(&object).is_none() {
            let id = objects.id(&object).to_owned();
            let known = well_known(&id).and_then(|known| {
                domain_of_id(objects, &id).map(|domain| format!("{}@{domain}", known.name))
            });
            objects.name(at, &known.unwrap_or(id));
        }
    }
}

/// The domain in an id: its name in `NORTH.EXAMPLE-S-1-5-11`, its SID in `S-1-5-21-…-512`.
fn domain_of_id(objects: &Objects, id: &str) -> Option<String> {
    if let Some((domain, _)) = id.split_once("-S-1-") {
        return Some(domain.to_owned());
    }
    let (sid, _) = id.rsplit_once('-')?;
    objects.domains().iter().find(|domain| domain.sid == sid).map(|domain| domain.name.clone())
}

fn label(objects: &Objects, object: &Object, what: &Description) -> String {
    let known = || well_known(objects.id(object)).map(|known| known.name.to_owned());
    if objects.class(object) == Class::Group && !what.account.is_empty() {
        what.account.clone()
    } else if object.file == 0 {
        known().unwrap_or_default()
    } else {
        what.label.clone()
    }
}

fn aliases(objects: &Objects, object: &Object, what: &Description, id: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let name = id.split_once(':').map_or(id, |(_, name)| name);
    let mut add = |alias: &str| {
        let alias = alias.trim();
        let fits = !alias.is_empty() && !alias.contains(';') && !alias.eq_ignore_ascii_case(name);
        if fits && !found.iter().any(|other| other.eq_ignore_ascii_case(alias)) {
            found.push(alias.to_owned());
        }
    };
    add(objects.id(object));
    let short = objects.domain_of(object).map_or("", |domain| domain.short());
    let account = what.account.as_str();
    let class = objects.class(object);
    if class == Class::Computer {
        add(account.trim_end_matches('$'));
    } else if class == Class::Domain {
        add(short);
    } else if !account.is_empty() && !short.is_empty() {
        add(&format!("{short}\\{account}"));
    }
    add(&what.principal);
    add(&what.mail);
    found
}

fn tags(objects: &Objects, object: &Object) -> Vec<&'static str> {
    let id = objects.id(object);
    let mut tags = Vec::new();
    for (flag, tag) in [
        (Flag::Controller, "domain-controller"),
        (Flag::Disabled, "disabled"),
        (Flag::Deleted, "deleted"),
    ] {
        if object.is(flag) {
            tags.push(tag);
        }
    }
    if tier_zero(objects, object).is_some() {
        tags.push("tier-zero");
    }
    // The account that signs every ticket is always disabled; there is nothing to withdraw.
    if well_known(id).is_some_and(|known| known.name == "krbtgt") {
        tags.push("never-touch");
    }
    if is_provisional(object) {
        tags.push("provisional");
    }
    tags
}

/// What an object is, if whoever controls it controls a domain.
pub(crate) fn tier_zero(objects: &Objects, object: &Object) -> Option<&'static str> {
    if objects.class(object) == Class::Domain {
        return Some("domain").filter(|_| object.file != 0);
    }
    let known = well_known(objects.id(object)).filter(|known| known.tier_zero);
    known.map(|known| known.name)
}
