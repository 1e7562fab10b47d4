//! Packages of other languages, installed once and kept: `pip` and `npm` at given versions.
//!
//! They lie in `$CORDON_TESTBED_CACHE`, else in `~/.cache/cordon-testbed`, and
//! are put in place by one rename, so that several tests may ask at once.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Missing, need, run};

fn folder() -> PathBuf {
    let own = std::env::var_os("CORDON_TESTBED_CACHE").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    own.or_else(|| home.map(|cache| cache.join("cordon-testbed")))
        .unwrap_or_else(|| std::env::temp_dir().join("cordon-testbed"))
}

/// The folder that holds Python packages, for `PYTHONPATH`.
///
/// # Errors
/// When there is no Python, or the packages cannot be had.
pub(crate) fn python(packages: &[&str]) -> Result<PathBuf, Missing> {
    need(&[("python3", "python3")])?;
    once(&format!("python-{}", packages.join("-")), |folder| {
        let venv = folder.with_extension("venv");
        let made = run(Command::new("python3").args(["-m", "venv"]).arg(&venv)).and_then(|_| {
            let mut pip = Command::new(venv.join("bin/pip"));
            pip.args(["install", "--quiet", "--disable-pip-version-check", "--target"]);
            run(pip.arg(folder).args(packages))
        });
        drop(std::fs::remove_dir_all(&venv));
        made.map(drop)
    })
}

/// The folder in which `node_modules` holds npm packages.
///
/// # Errors
/// When there is no Node, or the packages cannot be had.
pub(crate) fn node(packages: &[&str]) -> Result<PathBuf, Missing> {
    need(&[("node", "nodejs"), ("npm", "npm")])?;
    once(&format!("node-{}", packages.join("-")), |folder| {
        std::fs::write(folder.join("package.json"), "{ \"private\": true }")?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]);
        run(npm.args(packages).current_dir(folder)).map(drop)
    })
}

/// Makes a folder unless it is there, whole or not at all.
fn once(name: &str, make: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<PathBuf, Missing> {
    let cache = folder();
    let done = cache.join(name.replace(['/', '@', '='], "-"));
    if done.is_dir() {
        return Ok(done);
    }
    let missing = |error: std::io::Error| Missing(format!("{name} cannot be installed: {error}"));
    std::fs::create_dir_all(&cache).map_err(missing)?;
    let work = tempfile::tempdir_in(&cache).map_err(missing)?;
    let folder = work.path().join("packages");
    std::fs::create_dir(&folder).map_err(missing)?;
    make(&folder).map_err(missing)?;
    match std::fs::rename(&folder, &done) {
        Ok(()) => Ok(done),
        // Another test was quicker.
        Err(_) if done.is_dir() => Ok(done),
        Err(error) => Err(missing(error)),
    }
}
