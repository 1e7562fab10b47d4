//! A crate boundary exists to forbid a dependency: this test compares the
//! dependencies that cargo sees with the table in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

#[test]
fn crates_depend_only_as_the_architecture_allows() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    let allowed = allowed_arrows(include_str!("../../../ARCHITECTURE.md"));
    let mut seen = BTreeSet::new();
    for package in metadata.packages {
        let name = package.name.trim_start_matches("cordon-").to_owned();
        let row = allowed.get(&name).unwrap_or_else(|| panic!("`{name}` has no row in the table"));
        seen.insert(name.clone());
        for dependency in package.dependencies {
            let Some(other) = dependency.name.strip_prefix("cordon-") else { continue };
            if dependency.kind == DependencyKind::Normal {
                let permitted = row.contains(other) || row.contains("all");
                assert!(permitted, "`{name}` must not use `{other}`");
            }
        }
    }
    let rows: BTreeSet<_> = allowed.into_keys().collect();
    assert_eq!(seen, rows, "crates and rows of the table differ");
}

/// Reads the rows `| \`crate\` | purpose | may use |` of the table.
fn allowed_arrows(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let name = cells.next()?.trim_end_matches('`').to_owned();
        let uses = cells.nth(1)?.split([',', ' ']).filter(|word| !word.is_empty() && *word != "–");
        Some((name, uses.map(str::to_owned).collect()))
    });
    rows.collect()
}
