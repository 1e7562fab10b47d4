//! What a firewall holds: addresses, networks and flows, and how nodes are brought to them.
//!
//! Everything is written as text in one form (`10.1.0.5`,
//! `10.1.0.0/16>10.2.0.9:tcp/8443`), which is what settings and spellings say,
//! what a prior state keeps and what messages show. Names are never resolved
//! here: an address comes from the estate or from the settings.

use std::fmt;
use std::net::IpAddr;

use serde_json::{Value as Json, json};

/// An address, or a network of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Net {
    addr: IpAddr,
    len: u8,
}

impl Net {
    pub(super) fn of(addr: IpAddr) -> Self {
        Self { addr, len: if addr.is_ipv4() { 32 } else { 128 } }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (addr, len) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let addr: IpAddr = addr.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
        let whole = Self::of(addr);
        let len = len.map_or(Some(whole.len), |len| len.parse().ok())?;
        let net = Self { addr, len };
        // A network with bits behind its prefix would be read back differently.
        (len <= whole.len && net.bits() & !net.mask() == 0).then_some(net)
    }

    pub(super) fn is_v4(self) -> bool {
        self.addr.is_ipv4()
    }

    /// The one address that it is.
    pub(super) fn single(self) -> Option<IpAddr> {
        (self == Self::of(self.addr)).then_some(self.addr)
    }

    /// How many leading bits its addresses share.
    pub(super) fn len(self) -> u8 {
        self.len
    }

    /// Whether some address is in both.
    pub(super) fn overlaps(self, other: Self) -> bool {
        let mask = if self.len < other.len { self.mask() } else { other.mask() };
        self.is_v4() == other.is_v4() && self.bits() & mask == other.bits() & mask
    }

    fn bits(self) -> u128 {
        match self.addr {
            IpAddr::V4(addr) => u128::from(addr.to_bits()) << 96,
            IpAddr::V6(addr) => addr.to_bits(),
        }
    }

    fn mask(self) -> u128 {
        u128::MAX.checked_shl(128 - u32::from(self.len)).unwrap_or(0)
    }

    pub(super) fn json(self) -> Json {
        match self.single() {
            Some(addr) => json!(addr.to_string()),
            None => json!({"prefix": {"addr": self.addr.to_string(), "len": self.len}}),
        }
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.single() {
            Some(addr) => write!(f, "{addr}"),
            None => write!(f, "{}/{}", self.addr, self.len),
        }
    }
}

/// A protocol with ports, and the ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ports {
    pub(super) protocol: Protocol,
    first: u16,
    last: u16,
}

/// A protocol that has ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

impl Ports {
    fn parse(text: &str) -> Option<Self> {
        let (name, ports) = text.split_once('/')?;
        let protocol = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp]
            .into_iter()
            .find(|protocol| protocol.name() == name)?;
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last).then_some(Self { protocol, first, last })
    }

    /// The one port that it is.
    pub(super) fn single(&self) -> Option<u16> {
        (self.first == self.last).then_some(self.first)
    }

    pub(super) fn holds(&self, protocol: &str, port: u16) -> bool {
        self.protocol.name() == protocol && (self.first..=self.last).contains(&port)
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.protocol == other.protocol && self.first <= other.last && other.first <= self.last
    }
}

/// What one element of a set is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Element {
    /// All traffic of one address, both ways.
    Host(IpAddr),
    /// Everything between two networks, or connections from the first to ports of the second.
    Flow { from: Net, to: Net, ports: Option<Ports> },
}

impl Element {
    pub(super) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::Host).or_else(|| Self::parse_flow(text))
    }

    /// Reads `FROM>TO` or `FROM>TO:tcp/PORT`, with networks and `FIRST-LAST` where wanted.
    pub(super) fn parse_flow(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('>')?;
        let with_ports = to.rsplit_once(':').and_then(|(to, ports)| {
            let (to, ports) = (Net::parse(to)?, Ports::parse(ports)?);
            Some((to, Some(ports)))
        });
        let (to, ports) = with_ports.or_else(|| Some((Net::parse(to)?, None)))?;
        let from = Net::parse(from)?;
        (from.is_v4() == to.is_v4()).then_some(Self::Flow { from, to, ports })
    }

    /// The set that it belongs to.
    pub(super) fn set(&self) -> &'static str {
        match (self, self.is_v4()) {
            (Self::Host(_), true) => "isolated4",
            (Self::Host(_), false) => "isolated6",
            (Self::Flow { ports: None, .. }, true) => "pairs4",
            (Self::Flow { ports: None, .. }, false) => "pairs6",
            (Self::Flow { ports: Some(_), .. }, true) => "flows4",
            (Self::Flow { ports: Some(_), .. }, false) => "flows6",
        }
    }

    pub(super) fn is_v4(&self) -> bool {
        match self {
            Self::Host(addr) => addr.is_ipv4(),
            Self::Flow { from, .. } => from.is_v4(),
        }
    }

    /// As nftables writes it.
    pub(super) fn json(&self) -> Json {
        match self {
            Self::Host(addr) => json!(addr.to_string()),
            Self::Flow { from, to, ports: None } => json!({"concat": [from.json(), to.json()]}),
            Self::Flow { from, to, ports: Some(ports) } => {
                let range = json!({"range": [ports.first, ports.last]});
                let port = ports.single().map_or(range, |port| json!(port));
                json!({"concat": [from.json(), to.json(), ports.protocol.name(), port]})
            }
        }
    }

    /// Whether traffic of one could be traffic of the network.
    pub(super) fn touches(&self, net: Net) -> bool {
        match self {
            Self::Host(addr) => Net::of(*addr).overlaps(net),
            Self::Flow { from, to, .. } => from.overlaps(net) || to.overlaps(net),
        }
    }

    /// Whether some connection is of both flows.
    pub(super) fn shares_with(&self, other: &Self) -> bool {
        let (
            Self::Flow { from, to, ports },
            Self::Flow { from: other_from, to: other_to, ports: other_ports },
        ) = (self, other)
        else {
            return false;
        };
        let ways = from.overlaps(*other_from) && to.overlaps(*other_to);
        let back = from.overlaps(*other_to) && to.overlaps(*other_from);
        match (ports, other_ports) {
            (Some(ports), Some(other)) => ways && ports.overlaps(other),
            (None, _) | (_, None) => ways || back,
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(addr) => write!(f, "{addr}"),
            Self::Flow { from, to, ports: None } => write!(f, "{from}>{to}"),
            Self::Flow { from, to, ports: Some(Ports { protocol, first, last }) } => {
                write!(f, "{from}>{to}:{}/{first}", protocol.name())?;
                if first == last { Ok(()) } else { write!(f, "-{last}") }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_of_text_there_and_back() {
        for text in [
            "10.1.0.5",
            "fd00::5",
            "10.1.0.5>10.2.0.9",
            "10.1.0.0/16>10.2.0.9:tcp/8443",
            "10.1.0.5>10.2.0.0/24:udp/5000-5010",
            "fd00::1>fd00::2:tcp/443",
            "fd00::/64>fd00::2",
        ] {
            assert_eq!(Element::parse(text).unwrap().to_string(), text);
        }
        for wrong in ["h1", "10.1.0.5/16", "10.1.0.5>h", "10.1.0.5>fd00::1", "a>b", "10.1.0.5>"] {
            assert_eq!(Element::parse(wrong), None, "{wrong}");
        }
        for wrong in ["10.1.0.5>10.2.0.9:tcp/9-8", "10.1.0.5>10.2.0.9:gre/1", "10.1.0.1/24"] {
            assert_eq!(Element::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn overlaps_are_found() {
        let net = |text| Net::parse(text).unwrap();
        assert!(net("10.1.0.0/16").overlaps(net("10.1.2.3")));
        assert!(!net("10.1.0.0/16").overlaps(net("10.2.0.0/16")));
        assert!(net("0.0.0.0/0").overlaps(net("10.2.0.0/16")));
        assert!(!net("0.0.0.0/0").overlaps(net("::/0")));
        let flow = |text| Element::parse_flow(text).unwrap();
        let till = flow("10.1.0.0/24>10.2.0.9:tcp/443");
        assert!(till.shares_with(&flow("10.1.0.7>10.2.0.9:tcp/1-1000")));
        assert!(till.shares_with(&flow("10.2.0.9>10.1.0.7")));
        assert!(!till.shares_with(&flow("10.1.0.7>10.2.0.9:udp/443")));
        assert!(!till.shares_with(&flow("10.2.0.9>10.1.0.7:tcp/443")));
    }
}
