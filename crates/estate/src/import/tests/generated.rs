//! Generated collections of both versions: what is written is what the source states.

use std::collections::BTreeMap;
use std::io::Cursor;

use super::*;
use crate::generate::collection::{Collection, Stated, Version, collection};

fn generated(objects: u32, version: Version, seed: u64) -> (TempDir, Stated, Imported) {
    let mut archive = Cursor::new(Vec::new());
    let stated = collection(Collection { objects, version, seed }, &mut archive).unwrap();
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("collection.zip");
    fs::write(&path, archive.into_inner()).unwrap();
    let done = import(&[path], &estate(&root), &mut |_| ()).unwrap();
    (root, stated, done)
}

#[test]
fn counts_are_those_of_the_source() {
    for (objects, version) in [(200, Version::V5), (5_000, Version::V5), (5_000, Version::V6)] {
        let (root, stated, done) = generated(objects, version, 1);
        assert_eq!(done.problems, [], "{objects} {version:?}");
        assert_eq!(done.records, stated.records);
        assert_eq!(stated.records.values().sum::<u64>(), u64::from(objects));
        let counted: BTreeMap<String, u64> = done
            .edges
            .iter()
            .filter(|(_, edge)| edge.stated > 0)
            .map(|(kind, edge)| (kind.clone(), edge.stated))
            .collect();
        assert_eq!(counted, stated.edges, "{version:?}");
        let loaded = crate::read(&estate(&root)).unwrap();
        let written: u64 = done.edges.values().map(|edge| edge.written).sum();
        assert_eq!(loaded.estate.links().len() as u64, written);
        assert_eq!(loaded.estate.nodes().len() as u64, done.nodes.values().sum::<u64>());
        assert_eq!(loaded.warnings, []);
        assert!(loaded.estate.assets().len() >= 5);
        in_order_of_the_estate(&root, &loaded.estate);
    }
}

/// Tables in the estate's own order are loaded without sorting.
fn in_order_of_the_estate(root: &TempDir, estate: &cordon_model::Estate) {
    let ids = nodes(root);
    let ids = ids.iter().map(|line| line.split(',').next().unwrap());
    assert!(ids.eq(estate.nodes().iter().map(|node| node.id.as_str())));
    let line = |link| {
        let link: &cordon_model::estate::Link = link;
        let (from, to) = (estate.id(link.from), estate.id(link.to));
        format!("{from},{to},{}", estate.kind_of(link).name)
    };
    assert!(links(root).into_iter().eq(estate.links().iter().map(line)));
}

#[test]
fn conclusions_are_drawn_from_the_generated_directory() {
    let (root, _, done) = generated(5_000, Version::V6, 1);
    for (kind, least) in [
        ("DCSync", 2),
        ("GoldenCert", 1),
        ("ADCSESC1", 1),
        ("ADCSESC4", 1),
        ("ClaimSpecialIdentity", 2),
    ] {
        assert!(done.edges.get(kind).is_some_and(|edge| edge.concluded >= least), "{kind}");
    }
    let links = links(&root);
    for link in [
        "group:administrators@north.example,domain:north.example,DCSync",
        "host:srv000002.north.example,domain:north.example,GoldenCert",
        "group:team%20000009@north.example,domain:north.example,ADCSESC1",
        "group:domain%20users@north.example,group:authenticated%20users@north.example,ClaimSpecialIdentity",
    ] {
        assert!(links.iter().any(|written| written == link), "{link}");
    }
}

#[test]
fn the_same_source_gives_the_same_bytes_in_any_order_of_files() {
    let (first, ..) = generated(1_000, Version::V6, 7);
    let (second, ..) = generated(1_000, Version::V6, 7);
    let archive = fs::File::open(first.path().join("collection.zip")).unwrap();
    let mut archive = zip::ZipArchive::new(archive).unwrap();
    let unpacked = first.path().join("unpacked");
    fs::create_dir(&unpacked).unwrap();
    let names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    for (at, name) in names.iter().enumerate() {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut archive.by_name(name).unwrap(), &mut text).unwrap();
        let kind = name.rsplit('_').next().unwrap();
        fs::write(unpacked.join(format!("{:02}_{kind}", names.len() - at)), text).unwrap();
    }
    let third = tempfile::tempdir().unwrap();
    import(&[unpacked], &estate(&third), &mut |_| ()).unwrap();
    for table in ["estate/nodes.csv", "estate/links.csv"] {
        assert_eq!(read(&first, table), read(&second, table), "{table}");
        assert_eq!(read(&first, table), read(&third, table), "{table}");
    }
}
