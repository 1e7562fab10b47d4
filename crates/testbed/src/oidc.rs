//! An OpenID provider: npm's `oidc-provider` with a small administration API of our own.
//!
//! Its people are ann, bob and carol (`u1` to `u3`), its clients `shop` (secret
//! `shop-secret`) and `cordon` (`cordon-secret`, may introspect and revoke).
//! Access tokens are kept by it, those for a `resource` are signed and are not.

use std::process::{Child, Command, Stdio};

use crate::{Missing, cache, free_port, wait_for};

/// What the packages are called, with their versions.
pub const PACKAGES: [&str; 1] = ["oidc-provider@9.13.3"];
/// The token of the administrator.
pub const ADMINISTRATOR: &str = "administrator-of-tests";
/// The token of somebody who may only read.
pub const READER: &str = "reader-of-tests";

/// A running provider; it ends when this is dropped.
#[derive(Debug)]
pub struct Oidc {
    /// What it calls itself.
    pub issuer: String,
    /// Its port on 127.0.0.1.
    pub port: u16,
    process: Child,
    folder: tempfile::TempDir,
}

/// Starts a provider.
///
/// # Errors
/// When Node or the packages are missing, or it does not come up.
pub fn start() -> Result<Oidc, Missing> {
    let packages = cache::node(&PACKAGES)?;
    let failed = |error: std::io::Error| Missing(format!("oidc-provider does not start: {error}"));
    let folder = tempfile::tempdir().map_err(failed)?;
    let modules = folder.path().join("node_modules");
    std::os::unix::fs::symlink(packages.join("node_modules"), modules).map_err(failed)?;
    let script = folder.path().join("provider.mjs");
    std::fs::write(&script, include_str!("oidc/provider.mjs")).map_err(failed)?;
    let port = free_port().map_err(failed)?;
    let log = std::fs::File::create(folder.path().join("log")).map_err(failed)?;
    let process = Command::new("node")
        .arg(&script)
        .args([&port.to_string(), ADMINISTRATOR, READER])
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(failed)?;
    let oidc = Oidc { issuer: format!("http://127.0.0.1:{port}"), port, process, folder };
    let is_up = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    match wait_for("the OpenID provider", 30, is_up) {
        Ok(()) => Ok(oidc),
        Err(error) => Err(Missing(format!("{error}: {}", oidc.log()))),
    }
}

impl Oidc {
    /// What it has complained of.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Oidc {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
