//! A SCIM 2.0 server: `scim2-server` of the Python package index, on loopback.
//!
//! It keeps users in memory, gives versions and answers a stale `If-Match` with
//! 412. With a certificate it speaks TLS.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::{Missing, cache, free_port, wait_for};

/// What the packages are called, with their versions.
pub const PACKAGES: [&str; 1] = ["scim2-server==0.8.3"];

/// Starts the server with its socket wrapped where a certificate is given.
const LAUNCH: &str = r"
import ssl, sys
from scim2_server.testserver import cli
certificate, key = sys.argv[1:3]
sys.argv = ['scim2-server'] + sys.argv[3:]
class Server(cli.ThreadingWSGIServer):
    request_queue_size = 64
    def server_activate(self):
        super().server_activate()
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self.socket = context.wrap_socket(self.socket, server_side=True)
cli.ThreadingWSGIServer = Server
cli.main()
";

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct Scim {
    /// Where its paths begin.
    pub url: String,
    /// Its port on 127.0.0.1.
    pub port: u16,
    process: Child,
}

/// Starts a server that takes one bearer token; with a certificate and its key (PEM) over TLS.
///
/// # Errors
/// When Python or the packages are missing, or the server does not come up.
pub fn start(token: &str, tls: Option<(&Path, &Path)>) -> Result<Scim, Missing> {
    let packages = cache::python(&PACKAGES)?;
    let failed = |error: std::io::Error| Missing(format!("scim2-server does not start: {error}"));
    let port = free_port().map_err(failed)?;
    let (scheme, certificate, key) = match tls {
        Some((certificate, key)) => ("https", certificate, key),
        None => ("http", Path::new(""), Path::new("")),
    };
    let process = Command::new("python3")
        .args(["-c", LAUNCH])
        .args([certificate, key])
        .args(["--port", &port.to_string(), "--bearer-token", token])
        .env("PYTHONPATH", packages)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let scim = Scim { url: format!("{scheme}://127.0.0.1:{port}/v2"), port, process };
    let is_up = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    wait_for("the SCIM server", 20, is_up).map_err(failed)?;
    Ok(scim)
}

impl Drop for Scim {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
