//! Connections as the kernel tracks them: which are open, and how they are forgotten and reset.
//!
//! A cut packet does not end a connection: both sides wait, and it would go on
//! after the lift. Ending it means that the kernel forgets it, and that the next
//! packet of it is answered with a reset.

use std::net::IpAddr;

use serde_json::{Value as Json, json};

use super::address::{Element, Net};

/// One tracked connection, as it was begun and as the answers come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Connection {
    family: String,
    protocol: String,
    out: Way,
    back: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    from: IpAddr,
    to: IpAddr,
    ports: Option<(u16, u16)>,
}

/// Reads `conntrack -L -o extended`; lines that are of another kind are left out.
pub(super) fn read(listing: &str) -> Vec<Connection> {
    listing.lines().filter_map(connection).collect()
}

fn connection(line: &str) -> Option<Connection> {
    let mut words = line.split_whitespace();
    let family = words.next()?.to_owned();
    let protocol = words.nth(1)?.to_owned();
    let mut ways = Vec::new();
    let (mut addresses, mut ports) = (Vec::new(), Vec::new());
    for word in words {
        let Some((key, value)) = word.split_once('=') else { continue };
        match key {
            "src" if !addresses.is_empty() => {
                ways.push(way(&addresses, &ports)?);
                (addresses, ports) = (vec![value.parse().ok()?], Vec::new());
            }
            "src" | "dst" => addresses.push(value.parse().ok()?),
            "sport" | "dport" => ports.push(value.parse().ok()?),
            _ => {}
        }
    }
    ways.push(way(&addresses, &ports)?);
    match ways.as_slice() {
        [out, back] => Some(Connection { family, protocol, out: *out, back: *back }),
        _ => None,
    }
}

fn way(addresses: &[IpAddr], ports: &[u16]) -> Option<Way> {
    let [from, to] = addresses else { return None };
    let ports = match ports {
        [near, far] => Some((*near, *far)),
        _ => None,
    };
    Some(Way { from: *from, to: *to, ports })
}

impl Connection {
    /// Whether it is traffic of an element, with addresses translated or not.
    pub(super) fn is_of(&self, element: &Element) -> bool {
        match element {
            Element::Host(addr) => {
                [self.out.from, self.out.to, self.back.from, self.back.to].contains(addr)
            }
            Element::Flow { from, to, ports } => {
                let (client, server) = self.ends();
                let ways = from.overlaps(client) && to.overlaps(server);
                let back = from.overlaps(server) && to.overlaps(client);
                let port = self.back.ports.map(|(server, _)| server);
                match (ports, port) {
                    (None, _) => ways || back,
                    (Some(ports), Some(port)) => ways && ports.holds(&self.protocol, port),
                    (Some(_), None) => false,
                }
            }
        }
    }

    /// Who began it and who answers, as packets carry them between the translations.
    fn ends(&self) -> (Net, Net) {
        (Net::of(self.out.from), Net::of(self.back.from))
    }

    /// The line that makes the kernel forget it, for `conntrack -R -`.
    pub(super) fn forget(&self) -> String {
        let Way { from, to, ports } = self.out;
        let mut line = format!("-D -f {} -p {} -s {from} -d {to}", self.family, self.protocol);
        if let Some((near, far)) = ports {
            line.push_str(&format!(" --sport {near} --dport {far}"));
        }
        line.push('\n');
        line
    }

    /// The set and the element that reset it, if it is one that can be reset.
    pub(super) fn reset(&self) -> Option<(&'static str, Json)> {
        let (near, _) = self.out.ports.filter(|_| self.protocol == "tcp")?;
        let (far, _) = self.back.ports?;
        let set = if self.out.from.is_ipv4() { "ended4" } else { "ended6" };
        let ends = (self.out.from.to_string(), self.back.from.to_string());
        Some((set, json!([ends.0, ends.1, near, far])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "\
ipv4     2 tcp      6 431999 ESTABLISHED src=10.1.0.5 dst=10.9.0.1 sport=1000 dport=80 src=10.2.0.9 dst=10.1.0.5 sport=8080 dport=1000 [ASSURED] mark=0 use=1
ipv4     2 icmp     1 29 src=10.1.0.5 dst=10.2.0.9 type=8 code=0 id=7 src=10.2.0.9 dst=10.1.0.5 type=0 code=0 id=7 mark=0 use=1
ipv6     10 udp      17 29 src=fd00::5 dst=fd00::9 sport=1 dport=53 [UNREPLIED] src=fd00::9 dst=fd00::5 sport=53 dport=1 mark=0 use=1
nonsense
";

    #[test]
    fn connections_are_matched_behind_translation() {
        let all = read(LISTING);
        assert_eq!(all.len(), 3);
        let of = |text: &str| -> Vec<bool> {
            let element = Element::parse(text).unwrap();
            all.iter().map(|connection| connection.is_of(&element)).collect()
        };
        assert_eq!(of("10.1.0.5"), [true, true, false]);
        assert_eq!(of("10.9.0.1"), [true, false, false]);
        assert_eq!(of("10.1.0.0/16>10.2.0.9:tcp/8080"), [true, false, false]);
        assert_eq!(of("10.1.0.0/16>10.2.0.9:tcp/80"), [false, false, false]);
        assert_eq!(of("10.2.0.9>10.1.0.5"), [true, true, false]);
        assert_eq!(of("fd00::5>fd00::9:udp/53"), [false, false, true]);
        let first = all.first().unwrap();
        assert_eq!(first.reset().unwrap().1, json!(["10.1.0.5", "10.2.0.9", 1000, 8080]));
        assert_eq!(
            first.forget(),
            "-D -f ipv4 -p tcp -s 10.1.0.5 -d 10.9.0.1 --sport 1000 --dport 80\n"
        );
    }
}
