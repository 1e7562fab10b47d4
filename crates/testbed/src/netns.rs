//! A router and hosts, each in a network namespace of its own, with traffic between them.
//!
//! The router has the filter of an ordinary estate: what is established is
//! accepted, what the estate begins is too, the rest is dropped. Addresses are
//! the same in every network (`10.77.N.2` and `fd77:N::2` for the host N);
//! names of namespaces are not, so several may run at once. Needs root.

use std::io::{BufRead as _, BufReader, Error, Result, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value as Json;

use crate::{Missing, need, run};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Tells whether this machine can run such a network.
///
/// # Errors
/// Says what is missing.
pub fn available() -> std::result::Result<(), Missing> {
    need(&[("ip", "iproute2"), ("nft", "nftables"), ("conntrack", "conntrack")])?;
    need(&[("python3", "python3"), ("bash", "bash"), ("timeout", "coreutils")])?;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("cordon{}-try{count}", std::process::id());
    let made = run(Command::new("ip").args(["netns", "add", &name]));
    drop(run(Command::new("ip").args(["netns", "del", &name])));
    made.map(drop).map_err(|_| Missing("network namespaces cannot be made; run as root".to_owned()))
}

/// A running network; everything goes when it is dropped.
pub struct Network {
    name: String,
    hosts: Vec<String>,
}

const ESTATE: &str = "table inet estate {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    ip saddr 10.77.0.0/16 accept
    ip6 saddr fd77::/16 accept
    meta l4proto ipv6-icmp accept
  }
}
";

impl Network {
    /// Starts a router with a host for each name.
    ///
    /// # Errors
    /// When a command of the set-up fails.
    pub fn start(hosts: &[&str]) -> Result<Self> {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("cordon{}-{count}", std::process::id());
        let network = Self { name, hosts: hosts.iter().map(|host| (*host).to_owned()).collect() };
        network.make("router")?;
        let forward = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"];
        network.on("router", &["sysctl", "-qw", forward[0], forward[1]])?;
        for host in hosts {
            network.make(host)?;
            network.connect(host)?;
        }
        let mut nft = network.command("router", &["nft", "-f", "-"]);
        let mut child = nft.stdin(Stdio::piped()).spawn()?;
        child.stdin.take().ok_or_else(|| Error::other("no input"))?.write_all(ESTATE.as_bytes())?;
        child.wait()?;
        Ok(network)
    }

    fn make(&self, host: &str) -> Result<()> {
        run(Command::new("ip").args(["netns", "add", &self.namespace(host)]))?;
        self.on(host, &["ip", "link", "set", "lo", "up"]).map(drop)
    }

    fn connect(&self, host: &str) -> Result<()> {
        let (near, far) = (self.namespace(host), self.namespace("router"));
        let n = self.number(host);
        let veth = ["link", "add", "veth0", "netns", &near, "type", "veth", "peer", "name"];
        let peer = format!("v-{n}");
        run(Command::new("ip").args(veth).args([&peer, "netns", &far]))?;
        for (place, link, last) in [("router", peer.as_str(), 1), (host, "veth0", 2)] {
            let (four, six) = (format!("10.77.{n}.{last}/24"), format!("fd77:{n}::{last}/64"));
            self.on(place, &["ip", "addr", "add", &four, "dev", link])?;
            self.on(place, &["ip", "addr", "add", &six, "dev", link, "nodad"])?;
            self.on(place, &["ip", "link", "set", link, "up"])?;
        }
        let (four, six) = (format!("10.77.{n}.1"), format!("fd77:{n}::1"));
        self.on(host, &["ip", "route", "add", "default", "via", &four])?;
        self.on(host, &["ip", "-6", "route", "add", "default", "via", &six]).map(drop)
    }

    fn number(&self, host: &str) -> usize {
        self.hosts.iter().position(|name| name == host).map_or(0, |index| index + 1)
    }

    fn namespace(&self, host: &str) -> String {
        format!("{}-{host}", self.name)
    }

    /// The words before a command that is to run on a host, or on the `router`.
    #[must_use]
    pub fn prefix(&self, host: &str) -> Vec<String> {
        ["ip", "netns", "exec", &self.namespace(host)].map(str::to_owned).to_vec()
    }

    /// The address of a host.
    #[must_use]
    pub fn address(&self, host: &str) -> String {
        format!("10.77.{}.2", self.number(host))
    }

    /// The IPv6 address of a host.
    #[must_use]
    pub fn address6(&self, host: &str) -> String {
        format!("fd77:{}::2", self.number(host))
    }

    /// A command on a host, or on the `router`.
    #[must_use]
    pub fn command(&self, host: &str, argv: &[&str]) -> Command {
        let prefix = self.prefix(host);
        let mut command = Command::new("ip");
        command.args(prefix.iter().skip(1)).args(argv);
        command
    }

    /// Runs a command on a host, or on the `router`, to its end.
    ///
    /// # Errors
    /// When it fails.
    pub fn on(&self, host: &str, argv: &[&str]) -> Result<String> {
        run(&mut self.command(host, argv))
    }

    /// The whole state of the router's filter, but for packet counts and the time that elements
    /// have left.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn ruleset(&self) -> Result<String> {
        self.on("router", &["nft", "-j", "list", "ruleset"])
    }

    /// Starts traffic on a host: `echo PORT`, `stream ADDRESS PORT`, `sink PORT`,
    /// `source ADDRESS PORT`. The first two are TCP, the others UDP.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn traffic(&self, host: &str, args: &[&str]) -> Result<Traffic> {
        let mut command = self.command(host, &["python3", "-c", TRAFFIC]);
        let mut child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let ends = child.stdin.take().zip(child.stdout.take());
        let (ask, answers) = ends.ok_or_else(|| Error::other("no pipes"))?;
        let mut traffic = Traffic { child, ask, answers: BufReader::new(answers) };
        traffic.told()?;
        Ok(traffic)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in self.hosts.iter().map(String::as_str).chain(["router"]) {
            drop(run(Command::new("ip").args(["netns", "del", &self.namespace(host)])));
        }
    }
}

/// One end of traffic; it stops when dropped.
pub struct Traffic {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Traffic {
    /// What it has counted so far: `n`, `retransmits`, seconds since the last (`age`), `error`.
    ///
    /// # Errors
    /// When it has died.
    pub fn told(&mut self) -> Result<Json> {
        self.ask.write_all(b"\n")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).map_err(Error::other)
    }

    /// How many messages came (or, of a source, went).
    ///
    /// # Errors
    /// When it has died.
    pub fn count(&mut self) -> Result<u64> {
        Ok(self.told()?.get("n").and_then(Json::as_u64).unwrap_or_default())
    }

    /// Tells a source to stop sending.
    ///
    /// # Errors
    /// When it has died.
    pub fn stop(&mut self) -> Result<Json> {
        self.ask.write_all(b"stop\n")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).map_err(Error::other)
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const TRAFFIC: &str = r#"
import json, socket, struct, sys, threading, time
s = {"n": 0, "error": None, "retransmits": 0}
state = {"last": time.monotonic(), "go": True}
role, args = sys.argv[1], sys.argv[2:]
def family(address): return socket.AF_INET6 if ":" in address else socket.AF_INET
def count():
    s["n"] += 1
    state["last"] = time.monotonic()
def serve(c):
    try:
        while True:
            d = c.recv(4096)
            if not d: return
            c.sendall(d)
    except OSError: pass
def echo(port):
    l = socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True)
    def accept():
        while True:
            c, _ = l.accept()
            count()
            threading.Thread(target=serve, args=(c,), daemon=True).start()
    return accept
def stream(address, port):
    c = socket.create_connection((address, int(port)), timeout=10)
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    c.settimeout(600)
    def talk():
        try:
            while True:
                c.sendall(b"12345678")
                b = b""
                while len(b) < 8:
                    r = c.recv(8 - len(b))
                    if not r: raise OSError("closed")
                    b += r
                count()
                s["retransmits"] = struct.unpack_from("I", c.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192), 100)[0]
                time.sleep(0.001)
        except OSError as e: s["error"] = str(e)
    return talk
def sink(port):
    c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    c.bind(("0.0.0.0", int(port)))
    def take():
        while True:
            c.recv(64)
            count()
    return take
def source(address, port):
    c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    def send():
        while state["go"]:
            try:
                c.sendto(b"x", (address, int(port)))
                count()
            except OSError as e: s["error"] = str(e)
            time.sleep(0.0005)
        state["stopped"] = True
    return send
run = {"echo": echo, "stream": stream, "sink": sink, "source": source}[role](*args)
t = threading.Thread(target=run, daemon=True)
t.start()
for line in sys.stdin:
    if line.strip() == "stop":
        state["go"] = False
        t.join(5)
    s["age"] = time.monotonic() - state["last"]
    print(json.dumps(s), flush=True)
"#;
