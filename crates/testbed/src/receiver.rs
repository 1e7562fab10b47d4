//! A receiver of Security Event Tokens that verifies and signs with npm's `jose`.

use std::process::{Child, Command, Stdio};

use crate::{Missing, cache, free_port, wait_for};

/// What the packages are called, with their versions.
pub const PACKAGES: [&str; 1] = ["jose@6.2.17"];

/// A running receiver; it ends when this is dropped.
#[derive(Debug)]
pub struct Receiver {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    process: Child,
    _folder: tempfile::TempDir,
}

/// Starts a receiver that takes events of an issuer for an audience, signed by keys (a JWKS),
/// with a bearer token.
///
/// # Errors
/// When Node or the packages are missing, or it does not come up.
pub fn start(issuer: &str, audience: &str, keys: &str, token: &str) -> Result<Receiver, Missing> {
    let packages = cache::node(&PACKAGES)?;
    let failed = |error: std::io::Error| Missing(format!("the receiver does not start: {error}"));
    let folder = tempfile::tempdir().map_err(failed)?;
    let modules = folder.path().join("node_modules");
    std::os::unix::fs::symlink(packages.join("node_modules"), modules).map_err(failed)?;
    let script = folder.path().join("receiver.mjs");
    std::fs::write(&script, include_str!("receiver.mjs")).map_err(failed)?;
    let port = free_port().map_err(failed)?;
    let process = Command::new("node")
        .arg(&script)
        .args([&port.to_string(), issuer, audience, keys, token])
        .stdout(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let url = format!("http://127.0.0.1:{port}");
    let receiver = Receiver { url, process, _folder: folder };
    let is_up = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    wait_for("the receiver", 30, is_up).map_err(failed)?;
    Ok(receiver)
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
