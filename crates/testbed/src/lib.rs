//! Starts real outside systems for tests: on loopback, in folders of their own, or in network
//! namespaces.
//!
//! Nothing here is part of the program. Each module starts one system and stops
//! it when the value is dropped; what the machine lacks is a [`Missing`] with one
//! line that says what to install, so that a test can skip just that part.

mod cache;
pub mod libvirt;
pub mod meddler;
pub mod netns;
pub mod oidc;
pub mod openldap;
pub mod postgres;
pub mod receiver;
pub mod samba;
pub mod scim;
pub mod sshd;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// What a system needs that this machine lacks, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Missing(pub String);

/// Asks for programs before a system is started.
///
/// # Errors
/// Names the first that is not there, and the Debian package that brings it.
pub fn need(programs: &[(&str, &str)]) -> Result<(), Missing> {
    for (program, package) in programs {
        if find(program).is_none() {
            return Err(Missing(format!(
                "`{program}` is missing; install the package `{package}`"
            )));
        }
    }
    Ok(())
}

/// The path of a program, system folders included.
#[must_use]
pub fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(std::path::PathBuf::from);
    let mut folders = std::env::split_paths(&path).chain(system);
    folders.find_map(|folder| Some(folder.join(program)).filter(|file| file.is_file()))
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be started or fails, with what it printed.
pub fn run(command: &mut Command) -> std::io::Result<String> {
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(std::io::Error::other(format!("{command:?}: {}\n{text}{errors}", output.status)))
}

/// Waits until something is so, for at most `seconds`.
///
/// # Errors
/// When it never was.
pub fn wait_for(what: &str, seconds: u64, mut done: impl FnMut() -> bool) -> std::io::Result<()> {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
    while !done() {
        if std::time::Instant::now() > end {
            return Err(std::io::Error::other(format!("{what} did not come within {seconds} s")));
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Ok(())
}

/// A port of 127.0.0.1 that nobody uses now.
///
/// # Errors
/// When the system has none.
pub fn free_port() -> std::io::Result<u16> {
    // Tests of one process ask at the same time: each port is given away once.
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        if GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(port) {
            return Ok(port);
        }
    }
}

/// Kills a process by the number in its pid file.
pub fn kill(pid_file: &Path) {
    if let Ok(pid) = std::fs::read_to_string(pid_file) {
        let pid = pid.lines().next().unwrap_or_default().trim().to_owned();
        drop(Command::new("kill").args(["-9", &pid]).status());
    }
}
