//! Who is at the other end of a socket, by the system's own word.

use std::io;
use std::os::unix::net::UnixStream;

/// The number of the user of this process.
#[must_use]
pub fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The number of the user who has connected.
///
/// # Errors
/// When the system does not say.
pub fn user_of(stream: &UnixStream) -> io::Result<u32> {
    Ok(rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw())
}
