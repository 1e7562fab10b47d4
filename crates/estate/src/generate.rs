//! The sample estate: its hand-written core, and a generator for the size around it.
//!
//! The core is the folder `estates/retailer`, built into the program. The
//! generator adds stores, funeral homes, staff, their machines and links as the
//! bulk tables that a real organisation would export. It is deterministic: a
//! seed and a scale give the same bytes everywhere, and files that
//! [`crate::parse`] reads like any others.

pub mod collection;

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use crate::Files;
use crate::names::Names;

/// How large the generated estate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Food stores, each with a server, an office machine and three tills.
    pub stores: u32,
    /// Funeral homes, each with one machine.
    pub funeral_homes: u32,
    /// Staff accounts.
    pub staff: u32,
}

impl Scale {
    /// The size of the organisation that the core describes.
    pub const FULL: Self = Self { stores: 2_300, funeral_homes: 800, staff: 60_000 };
    /// A hundredth of it, for tests.
    pub const SMALL: Self = Self { stores: 23, funeral_homes: 8, staff: 600 };
}

/// The files of the hand-written core: name within the configuration folder, and text.
pub const RETAILER_CORE: [(&str, &str); 12] = [
    ("authority.cedar", include_str!("../../../estates/retailer/authority.cedar")),
    ("cordon.toml", include_str!("../../../estates/retailer/cordon.toml")),
    ("estate/access.toml", include_str!("../../../estates/retailer/estate/access.toml")),
    ("estate/data.toml", include_str!("../../../estates/retailer/estate/data.toml")),
    ("estate/estate.toml", include_str!("../../../estates/retailer/estate/estate.toml")),
    ("estate/identity.toml", include_str!("../../../estates/retailer/estate/identity.toml")),
    ("estate/office.toml", include_str!("../../../estates/retailer/estate/office.toml")),
    ("estate/platform.toml", include_str!("../../../estates/retailer/estate/platform.toml")),
    ("estate/services.toml", include_str!("../../../estates/retailer/estate/services.toml")),
    ("estate/trading.toml", include_str!("../../../estates/retailer/estate/trading.toml")),
    ("estate/withdrawals.toml", include_str!("../../../estates/retailer/estate/withdrawals.toml")),
    ("people.toml", include_str!("../../../estates/retailer/people.toml")),
];

/// Makes the files of the sample estate at a scale.
#[must_use]
pub fn retailer(seed: u64, scale: Scale) -> Files {
    let mut files: Files =
        RETAILER_CORE.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect();
    let mut draft = Draft::new(seed, scale);
    draft.stores();
    draft.funeral_homes();
    draft.staff();
    files.insert("estate/nodes.csv".to_owned(), draft.nodes);
    files.insert("estate/links.csv".to_owned(), draft.links);
    files.insert("estate/withdrawals.csv".to_owned(), draft.withdrawals);
    files.insert("estate/sites.toml".to_owned(), sites(scale));
    files
}

/// Writes files into a folder, which is made if it is not there.
///
/// # Errors
/// The first file or folder that cannot be written.
pub fn save(files: &Files, folder: &Path) -> io::Result<()> {
    for (name, text) in files {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

/// The two nodes that say whether enough sites work.
fn sites(scale: Scale) -> String {
    let needs = |prefix: &str, role: &str, zone: &str, count: u32| {
        let site = |at: u32| format!("host:{prefix}{at:04}-{role} and zone:{zone}-{at:04}");
        let of: Vec<String> = (1..=count).map(site).collect();
        format!("{} of ({})", enough(count), of.join(", "))
    };
    let mut text = String::from(
        "# Generated: how many sites must work for the business to count as open, 95 in 100.\n",
    );
    for (id, prefix, role, zone, count) in [
        ("sites:stores", "s", "srv", "store", scale.stores),
        ("sites:funeral-homes", "f", "pc", "home", scale.funeral_homes),
    ] {
        if count > 0 {
            let _ = write!(
                text,
                "\n[[node]]\nid = \"{id}\"\nneeds = \"{}\"\n",
                needs(prefix, role, zone, count)
            );
        }
    }
    text
}

/// 95 in 100, rounded down, at least one.
fn enough(count: u32) -> u32 {
    (count - count / 20).max(1)
}

struct Draft {
    scale: Scale,
    random: Random,
    names: Names,
    nodes: String,
    links: String,
    withdrawals: String,
}

impl Draft {
    fn new(seed: u64, scale: Scale) -> Self {
        Self {
            scale,
            random: Random::new(seed),
            names: Names::default(),
            nodes: "id,kind,name,aliases,tags\n".to_owned(),
            links: "from,to,kind,seconds\n".to_owned(),
            withdrawals: "id,kind,removes,cost,cost_per_hour,stops,enforcer\n".to_owned(),
        }
    }

    fn stores(&mut self) {
        for store in 1..=self.scale.stores {
            // What one of 2,300 stores sells in an hour, and a visit to open it again.
            let zone = self.site("store", store, "zone:stores", "200,390");
            let base = address(64, store);
            let mut hosts = vec![("srv".to_owned(), 2), ("pc".to_owned(), 3)];
            hosts.extend((1..=3).map(|till| (format!("till-{till}"), 10 + till)));
            for (role, last) in hosts {
                let name = format!("s{store:04}-{role}");
                self.host(&name, &format!("{base}.{last}"), &format!("store-{store:04}"));
                self.link(&format!("host:{name}"), &zone, "Reaches", "60");
                self.link("flow:rmm>stores", &format!("host:{name}"), "AdminTo", "300");
            }
        }
    }

    fn funeral_homes(&mut self) {
        for home in 1..=self.scale.funeral_homes {
            let zone = self.site("home", home, "zone:funeral-homes", "100,31");
            let name = format!("f{home:04}-pc");
            let address = format!("{}.3", address(96, home));
            self.host(&name, &address, &format!("funeral-home-{home:04}"));
            self.link(&format!("host:{name}"), &zone, "Reaches", "60");
        }
    }

    /// A site's own network, which leads to those of all sites and can be cut off from them.
    fn site(&mut self, sort: &str, number: u32, all: &str, cost: &str) -> String {
        let zone = format!("zone:{sort}-{number:04}");
        let _ = writeln!(self.nodes, "{zone},zone,,,{sort}-{number:04}");
        self.link(&zone, all, "Reaches", "60");
        let _ = writeln!(self.withdrawals, "isolate-site/{zone},isolate-site,{zone},{cost},true,");
        zone
    }

    fn staff(&mut self) {
        let mut workstation = 0;
        for number in 0..self.scale.staff {
            let login = self.names.next(&mut self.random);
            let user = format!("user:{login}");
            let post = self.post(number);
            let relative = 10_001 + number;
            let _ = writeln!(
                self.nodes,
                "{user},user,,NORTH\\{login};{login}@north.example;S-1-5-21-2718281828-1414213562-577215664-{relative},{}",
                post.tag()
            );
            self.link(&user, post.group(), "MemberOf", "");
            self.link("app:reset-tool", &user, "CanReset", "");
            match post {
                Post::Store { store, manager } => {
                    // A store's office machine is used by its manager and a few others.
                    if manager || self.random.one_in(8) {
                        self.link(&format!("host:s{store:04}-pc"), &user, "HasSession", "");
                    }
                }
                Post::Funeral { home } => {
                    self.link(&format!("host:f{home:04}-pc"), &user, "HasSession", "");
                }
                Post::CallCentre => self.desktop("vdi-cc", 2, &user),
                Post::Office | Post::Payroll | Post::Legal => {
                    workstation += 1;
                    self.workstation(workstation, &user);
                    self.desktop("vdi-ho", 4, &user);
                }
            }
        }
    }

    /// Who works where: in every thousand 58 in offices, 8 in the call centre and 60 in funeral homes.
    fn post(&mut self, number: u32) -> Post {
        let round = number / 1_000;
        match number % 1_000 {
            0 => Post::Payroll,
            1 => Post::Legal,
            2..=59 => Post::Office,
            60..=67 => Post::CallCentre,
            at @ 68..=127 if self.scale.funeral_homes > 0 => {
                Post::Funeral { home: (round * 60 + at - 68) % self.scale.funeral_homes + 1 }
            }
            at if self.scale.stores > 0 => {
                let place = round * 872 + at.saturating_sub(128);
                let store = place % self.scale.stores + 1;
                Post::Store { store, manager: place < self.scale.stores }
            }
            _ => Post::Office,
        }
    }

    fn workstation(&mut self, number: u32, user: &str) {
        let name = format!("ws-{number:05}");
        self.host(&name, &format!("10.32.{}.{}", number / 250, number % 250 + 2), "offices");
        self.link(&format!("host:{name}"), "zone:offices", "Reaches", "60");
        self.link(&format!("host:{name}"), user, "HasSession", "");
    }

    /// One in twenty has a session on a shared desktop host at any moment.
    fn desktop(&mut self, pool: &str, hosts: u32, user: &str) {
        if self.random.one_in(20) {
            let at = self.random.below(hosts) + 1;
            self.link(&format!("host:{pool}-{at:02}"), user, "HasSession", "300");
        }
    }

    fn host(&mut self, name: &str, address: &str, tag: &str) {
        let _ = writeln!(self.nodes, "host:{name},host,,{name}.north.example;{address},{tag}");
    }

    fn link(&mut self, from: &str, to: &str, kind: &str, seconds: &str) {
        let _ = writeln!(self.links, "{from},{to},{kind},{seconds}");
    }
}

/// The first three numbers of a site's network.
fn address(first: u32, site: u32) -> String {
    format!("10.{}.{}", first + site / 256, site % 256)
}

/// What a member of staff does, and where.
#[derive(Clone, Copy)]
enum Post {
    Store { store: u32, manager: bool },
    Funeral { home: u32 },
    CallCentre,
    Office,
    Payroll,
    Legal,
}

impl Post {
    fn group(self) -> &'static str {
        match self {
            Self::Store { manager: true, .. } => "group:store-managers",
            Self::Store { .. } => "group:store-staff",
            Self::Funeral { .. } => "group:funeral-staff",
            Self::CallCentre => "group:call-centre",
            Self::Office => "group:office-staff",
            Self::Payroll => "group:payroll",
            Self::Legal => "group:legal",
        }
    }

    fn tag(self) -> String {
        match self {
            Self::Store { store, .. } => format!("store-{store:04}"),
            Self::Funeral { home } => format!("funeral-home-{home:04}"),
            Self::CallCentre => "call-centre".to_owned(),
            Self::Office => "office".to_owned(),
            Self::Payroll => "payroll".to_owned(),
            Self::Legal => "legal".to_owned(),
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014): small, even, and the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    /// Starts a row of numbers.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// An even choice from 0 up to, without, `limit`.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.next() % u64::from(limit.max(1))).unwrap_or(0)
    }

    fn one_in(&mut self, of: u32) -> bool {
        self.below(of) == 0
    }
}
