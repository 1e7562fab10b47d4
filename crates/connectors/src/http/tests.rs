//! Definitions as values: what is found when they are read.

use super::*;

#[test]
fn every_definition_that_comes_along_reads() {
    for (name, text) in BUILTIN {
        let definition = Definition::read(name, text).unwrap();
        assert_eq!(definition.name, name);
    }
}
