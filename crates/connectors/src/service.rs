//! Looks from outside whether a service trades: the estate's `probe`.
//!
//! `tcp://HOST:PORT` trades when a connection is accepted, `http://HOST[:PORT]/PATH`
//! when the answer's status is below 500, and stands as degraded when it is not.
//! A probe that cannot be made at all says *unknown*, never *stopped*.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use cordon_model::action::ServiceState;

/// Probes once; takes at most `deadline` after the name is resolved.
#[must_use]
pub fn probe(probe: &str, deadline: Duration) -> ServiceState {
    if let Some(address) = probe.strip_prefix("tcp://") {
        return match connect(address, deadline) {
            Ok(_) => ServiceState::Trading,
            Err(state) => state,
        };
    }
    let Some(rest) = probe.strip_prefix("http://") else { return ServiceState::Unknown };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    match connect(&address, deadline) {
        Ok(stream) => ask(stream, host, path, deadline),
        Err(state) => state,
    }
}

fn connect(address: &str, deadline: Duration) -> Result<TcpStream, ServiceState> {
    let resolved: Vec<SocketAddr> =
        address.to_socket_addrs().map(Iterator::collect).unwrap_or_default();
    let Some(first) = resolved.first() else { return Err(ServiceState::Unknown) };
    TcpStream::connect_timeout(first, deadline).map_err(|_| ServiceState::Stopped)
}

fn ask(mut stream: TcpStream, host: &str, path: &str, deadline: Duration) -> ServiceState {
    let asked = stream
        .set_read_timeout(Some(deadline))
        .and_then(|()| stream.set_write_timeout(Some(deadline)))
        .and_then(|()| {
            write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        });
    let mut start = [0_u8; 12];
    if asked.and_then(|()| stream.read_exact(&mut start)).is_err() {
        return ServiceState::Stopped;
    }
    match start.get(9) {
        Some(b'1'..=b'4') => ServiceState::Trading,
        Some(_) | None => ServiceState::Degraded,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_service_trades_when_it_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            for status in ["", "204 No Content", "503 Service Unavailable"] {
                let (mut stream, _) = listener.accept().unwrap();
                if !status.is_empty() {
                    let mut asked = BufReader::new(stream.try_clone().unwrap()).lines();
                    while !asked.next().unwrap().unwrap().is_empty() {}
                    write!(stream, "HTTP/1.1 {status}\r\n\r\n").unwrap();
                }
            }
        });
        let short = Duration::from_secs(5);
        assert_eq!(probe(&format!("tcp://{address}"), short), ServiceState::Trading);
        assert_eq!(probe(&format!("http://{address}/health"), short), ServiceState::Trading);
        assert_eq!(probe(&format!("http://{address}"), short), ServiceState::Degraded);
        server.join().unwrap();
        assert_eq!(probe(&format!("tcp://{address}"), short), ServiceState::Stopped);
        for wrong in ["tcp://", "ftp://x", "x", "tcp://no such host:1"] {
            assert_eq!(probe(wrong, short), ServiceState::Unknown, "{wrong}");
        }
    }
}
