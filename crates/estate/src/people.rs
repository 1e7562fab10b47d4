//! Reads `people.toml`: who there is, in which roles, with which key and own nodes.
//!
//! The schema stands in `docs/authority.md`. What a role may do is written in
//! `authority.cedar`; whether a key is a point of its curve, the authority says.

use cordon_model::Person;
use cordon_model::ids::NodeId;

use crate::document::{Document, Entry};
use crate::reader::Reader;

/// Reads the file. Nodes must have been declared.
pub(crate) fn read_people(document: &Document<'_>, reader: &mut Reader) -> Vec<Person> {
    document.check_tables(&["person"], (&[], ""), &mut reader.report);
    let keys = ["name", "roles", "key", "nodes"];
    let mut people: Vec<Person> = Vec::new();
    for entry in document.entries("person", &keys, &mut reader.report) {
        let name = entry.required("name", &mut reader.report);
        let roles = entry.texts("roles", &mut reader.report).unwrap_or_default();
        let key = read_key(&entry, reader);
        let nodes = entry.texts("nodes", &mut reader.report).unwrap_or_default();
        let known: Vec<_> = nodes
            .iter()
            .filter(|node| reader.resolve(node.value, node.spot, "`nodes`").is_some())
            .collect();
        let Some(name) = name else { continue };
        if name.value.chars().any(char::is_control) {
            let what = "the name holds a control character";
            reader.report.problem(name.spot, what, "write it on one line");
        }
        if people.iter().any(|person| person.name == name.value) {
            let what = format!("two people have the name `{}`", name.value);
            reader.report.problem(name.spot, what, "give one of them another name");
        }
        people.push(Person {
            name: name.value.to_owned(),
            roles: roles.iter().map(|role| role.value.to_owned()).collect(),
            key,
            nodes: known.iter().filter_map(|node| NodeId::parse(node.value).ok()).collect(),
        });
    }
    people.sort_by(|a, b| a.name.cmp(&b.name));
    people
}

fn read_key(entry: &Entry<'_, '_>, reader: &mut Reader) -> Option<String> {
    let key = entry.text("key", &mut reader.report)?;
    if key.value.len() != 64 || !key.value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let what = "`key` is not an Ed25519 public key of 64 hexadecimal digits";
        let remedy = "make one with `cordon authority key --person NAME --out FILE`";
        reader.report.problem(key.spot, what, remedy);
        return None;
    }
    Some(key.value.to_ascii_lowercase())
}
