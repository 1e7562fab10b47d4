//! Synthetic estates: same numbers everywhere, the proportions that they promise, no warnings.

use super::*;
use crate::{parse_files, to_files};

fn make(shape: Shape, seed: u64, nodes: u32) -> Synthetic {
    generate(shape, seed, nodes, 10).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_estate_and_another_seed_another() {
    for shape in [Shape::Dense, Shape::Tied, Shape::Tree] {
        let first = make(shape, 1, 1_000);
        assert_eq!(first, make(shape, 1, 1_000));
        assert_ne!(first.estate.links(), make(shape, 2, 1_000).estate.links());
        let more = generate(shape, 1, 1_000, 300).unwrap();
        assert_eq!(more.estate, first.estate);
        assert_eq!(more.footholds.len(), 300);
        assert!(more.footholds.starts_with(&first.footholds));
    }
}

#[test]
fn an_estate_has_the_size_that_was_asked_for() {
    for (shape, nodes, links) in [
        (Shape::Dense, 1_000, 5.0..7.0),
        (Shape::Dense, 10_000, 6.3..7.3),
        (Shape::Tree, 1_000, 2.0..4.0),
        (Shape::Tree, 10_000, 2.0..4.0),
    ] {
        let estate = make(shape, 1, nodes).estate;
        let count = |number: usize| f64::from(u32::try_from(number).unwrap());
        let found = count(estate.nodes().len());
        assert!((0.9..1.4).contains(&(found / f64::from(nodes))), "{shape:?} {nodes}: {found}");
        let per_node = count(estate.links().len()) / found;
        assert!(links.contains(&per_node), "{shape:?} {nodes}: {per_node} links per node");
    }
}

#[test]
fn written_and_read_again_it_is_the_same_without_a_warning() {
    for shape in [Shape::Dense, Shape::Tied, Shape::Tree] {
        let estate = make(shape, 3, 2_000).estate;
        let loaded = parse_files(&to_files(&estate, &crate::Config::default())).unwrap();
        assert_eq!(loaded.warnings, []);
        assert!(loaded.estate == estate);
    }
}
