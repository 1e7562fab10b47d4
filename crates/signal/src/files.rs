//! Files below a folder, in an order that does not depend on the file system.

use std::path::{Path, PathBuf};

use cordon_model::signal::Problem;

use crate::problem;

/// Folders nested deeper than this are not entered (loops of links).
const DEPTH: usize = 64;

/// Returns the files below `path`, sorted by path, and what could not be read.
/// A file is its own only element.
pub(crate) fn below(path: &Path) -> (Vec<PathBuf>, Vec<Problem>) {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    walk(path, DEPTH, &mut files, &mut problems);
    (files, problems)
}

fn walk(path: &Path, depth: usize, files: &mut Vec<PathBuf>, problems: &mut Vec<Problem>) {
    if !path.is_dir() {
        files.push(path.to_owned());
        return;
    }
    let name = path.display().to_string();
    if depth == 0 {
        problems.push(problem::problem(
            &name,
            "",
            format!("folders nested more than {DEPTH} deep are not read"),
            "name the inner folder itself",
        ));
        return;
    }
    match std::fs::read_dir(path) {
        Err(error) => problems.push(problem::unreadable(&name, &error)),
        Ok(entries) => {
            let mut inner: Vec<PathBuf> = entries
                .filter_map(Result::ok)
                .filter(is_worth_reading)
                .map(|entry| entry.path())
                .collect();
            inner.sort();
            for path in inner {
                walk(&path, depth - 1, files, problems);
            }
        }
    }
}

/// Pipes and devices would wait for ever, a link to a folder may lead in circles.
fn is_worth_reading(entry: &std::fs::DirEntry) -> bool {
    let Ok(kind) = entry.file_type() else {
        return true;
    };
    kind.is_dir() || kind.is_file() || (kind.is_symlink() && !entry.path().is_dir())
}
