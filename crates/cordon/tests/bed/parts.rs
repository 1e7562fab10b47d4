//! The real systems, each with its nodes, its connector, and its whole state attribute by attribute.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use cordon_connectors::database::RIGHTS;
use cordon_connectors::hypervisor::PROGRAM as DESKTOPS;
use cordon_connectors::linux_host::PROGRAM;
use cordon_testbed::libvirt::{self, Libvirt};
use cordon_testbed::netns::{self, Network};
use cordon_testbed::oidc;
use cordon_testbed::postgres::{self, Postgres};
use cordon_testbed::samba::{self, BASE, PASSWORD, Right};
use cordon_testbed::scim;
use cordon_testbed::sshd::{self, Sshd};
use cordon_testbed::{Missing, need, run};
use serde_json::{Value as Json, json};

use super::Folders;

/// Attribute and value of everything that a system keeps.
pub(crate) type Attributes = BTreeMap<String, String>;

/// What changes by itself in a directory: change numbers, and the sign-ins of Cordon and of tests.
pub(crate) const VOLATILE: [&str; 8] = [
    "uSNChanged",
    "whenChanged",
    "replPropertyMetaData",
    "lastLogon",
    "lastLogonTimestamp",
    "logonCount",
    "badPasswordTime",
    "badPwdCount",
];

/// One real system.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    kind: &'static str,
    handles: &'static [&'static str],
    settings: Json,
    /// Nodes with their spellings; the first ones are footholds.
    nodes: Vec<(String, Vec<String>)>,
    /// Kinds of withdrawals that are declared for nodes, with this connector: kind, mode, cost.
    declared: Vec<(&'static str, &'static str, u32, String)>,
    secrets: Vec<(&'static str, String)>,
    /// Everything that the system keeps, but for what is written above.
    pub(crate) state: Box<dyn Fn(&Folders) -> Attributes>,
    /// Whether what the plan withdraws is refused now, by the system's own word.
    pub(crate) is_closed: Box<dyn Fn(&Folders) -> bool>,
    /// What the system's own log tells of changes since it was last asked; none keeps no such log.
    pub(crate) audit: Option<Box<dyn Fn() -> Vec<String>>>,
}

impl Part {
    /// The nodes that the intruder has.
    pub(crate) fn footholds(&self) -> Vec<String> {
        self.nodes.iter().map(|(node, _)| node.clone()).collect()
    }
}

/// Writes the configuration of some systems as one estate, all of whose footholds reach one asset.
pub(crate) fn configure(folders: &Folders, parts: &[&Part]) {
    let mut estate = String::from(
        "[estate]\nname = \"North\"\ncurrency = \"GBP\"\n\n[[node]]\nid = \"db:all\"\n\n\
         [[asset]]\nnode = \"db:all\"\nloss = 5000000\nmust_hold = true\n",
    );
    let mut config = String::from(
        "[authority]\narmed = true\nattempts_per_hour = { others = 1000000 }\n\n[hand]\nsettle_seconds = 1\n",
    );
    for part in parts {
        for (node, spellings) in &part.nodes {
            estate += &format!(
                "\n[[node]]\nid = {node:?}\naliases = {}\n\n[[link]]\nfrom = {node:?}\nto = \"db:all\"\nkind = \"Reaches\"\n",
                toml(&json!(spellings))
            );
        }
        for (kind, mode, cost, node) in &part.declared {
            estate += &format!(
                "\n[[withdrawal]]\nid = \"{kind}/{node}\"\nkind = \"{kind}\"\nmode = \"{mode}\"\nremoves = [{node:?}]\n\
                 cost = {cost}\nconnector = \"{}\"\n",
                part.name
            );
        }
        for (name, text) in &part.secrets {
            folders.secret(name, text);
        }
        config += &format!(
            "\n[[connector]]\nname = \"{}\"\nkind = \"{}\"\nhandles = {}\nsettings = {}\n",
            part.name,
            part.kind,
            toml(&json!(part.handles)),
            toml(&part.settings)
        );
    }
    folders.write("estate/estate.toml", &estate);
    folders.write("cordon.toml", &config);
    folders.write(
        "authority.cedar",
        "@id(\"test\") @because(\"the test may do everything\")\npermit (principal, action, resource);\n",
    );
}

/// A value on one line of TOML.
fn toml(value: &Json) -> String {
    match value {
        Json::Object(table) => {
            let pairs = table.iter().map(|(key, value)| format!("{key:?} = {}", toml(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Json::Array(list) => {
            format!("[{}]", list.iter().map(toml).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The lines of a text, each an attribute of its own.
fn lines(text: &str) -> Attributes {
    let mut seen = Attributes::new();
    for line in text.lines() {
        let count = seen.entry(line.to_owned()).or_insert_with(|| "0".to_owned());
        *count = (count.parse::<u32>().unwrap() + 1).to_string();
    }
    seen
}

/// Two accounts of a domain, and a service account with the least rights.
pub(crate) fn directory() -> Result<Part, Missing> {
    let samba = match samba::start() {
        Ok(samba) => std::rc::Rc::new(samba),
        Err(samba::Failed::Missing(missing)) => return Err(missing),
        Err(samba::Failed::Io(error)) => panic!("{error}"),
    };
    let staff = samba.add_unit("Staff").unwrap();
    samba.add_users(&staff, &["ann", "bob"]).unwrap();
    let services = samba.add_unit("Services").unwrap();
    samba.add_users(&services, &["svc"]).unwrap();
    samba.grant("svc", &staff, Right::Disable).unwrap();
    let settings = json!({
        "urls": [format!("ldaps://{}", samba.ip())],
        "base": BASE,
        "domain": "CORDON",
        "scope": [staff],
        "bind_user": "svc@cordon.test",
        "secret": "file:directory.secret",
        "ca_file": samba.folder().join("ca.pem"),
        "kinds": ["disable-account", "end-sessions"],
    });
    let (of_state, of_closed, of_audit) = (samba.clone(), samba.clone(), samba);
    Ok(Part {
        name: "directory",
        kind: "directory",
        handles: &["disable-account", "end-sessions"],
        settings,
        nodes: vec![
            ("user:ann".to_owned(), strings(&["CORDON\\ann"])),
            ("user:bob".to_owned(), strings(&["CORDON\\bob"])),
        ],
        declared: Vec::new(),
        secrets: vec![("directory.secret", PASSWORD.to_owned())],
        state: Box::new(move |_| {
            let mut seen = Attributes::new();
            for (name, attributes) in of_state.dump().unwrap() {
                for (key, values) in
                    attributes.iter().filter(|(k, _)| !VOLATILE.contains(&k.as_str()))
                {
                    seen.insert(format!("{name} {key}"), format!("{values:?}"));
                }
            }
            seen
        }),
        is_closed: Box::new(move |_| {
            ["ann", "bob"]
                .iter()
                .all(|name| !of_closed.binds(name) && of_closed.kinit(name).is_err())
        }),
        audit: Some(Box::new(move || of_audit.audit().unwrap())),
    })
}

/// A role of a database that signs in.
pub(crate) fn database() -> Result<Part, Missing> {
    postgres::available()?;
    let server = std::rc::Rc::new(Postgres::start().unwrap());
    let roles = "CREATE DATABASE members;\n\\c members\n\
        CREATE ROLE app_orders LOGIN PASSWORD 'password' VALID UNTIL '2031-05-01' CONNECTION LIMIT 7;\n\
        CREATE TABLE orders (id int, card text);\n\
        GRANT SELECT ON orders TO app_orders WITH GRANT OPTION;\n";
    feed(&server, "postgres", roles);
    feed(&server, "members", RIGHTS);
    let grants = "ALTER ROLE cordon_hand PASSWORD 'password'; GRANT cordon_scope TO app_orders;";
    server.sql("postgres", "members", grants).unwrap();
    let settings = json!({
        "host": "db.north.example", "address": "127.0.0.1", "port": server.port,
        "database": "members", "password": "file:database.secret", "ca": server.ca(),
        "probe_passwords": {"app_orders": "file:database.secret"},
    });
    let (of_state, of_closed, of_audit) = (server.clone(), server.clone(), server);
    Ok(Part {
        name: "database",
        kind: "database",
        handles: &["revoke-role", "end-connections"],
        settings,
        nodes: vec![("role:orders".to_owned(), strings(&["app_orders"]))],
        declared: Vec::new(),
        secrets: vec![("database.secret", "password".to_owned())],
        state: Box::new(move |_| {
            let grants =
                "SELECT oid::regclass::text, a::text FROM pg_class, unnest(relacl) a ORDER BY 1, 2";
            let grants = of_state.sql("postgres", "members", grants).unwrap();
            lines(&format!("{}{grants}", of_state.dump("members").unwrap()))
        }),
        is_closed: Box::new(move |_| of_closed.sql("app_orders", "members", "SELECT 1").is_err()),
        audit: Some(Box::new(move || {
            of_audit.audit().unwrap().iter().map(ToString::to_string).collect()
        })),
    })
}

fn feed(server: &Postgres, database: &str, statements: &str) {
    let mut child = server.psql("postgres", database).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(statements.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// A host behind a router.
pub(crate) fn firewall() -> Result<Part, Missing> {
    netns::available()?;
    let network = Network::start(&["till", "pay", "victim"]).unwrap();
    let settings = json!({
        "run": {"prefix": network.prefix("router")},
        "keep": [network.address("pay")],
        "protected": [format!("{}>{}:tcp/8443", network.address("till"), network.address("pay"))],
    });
    let victim = network.address("victim");
    let till = network.address("till");
    let network = std::rc::Rc::new(network);
    let (of_state, of_closed) = (network.clone(), network);
    Ok(Part {
        name: "firewall",
        kind: "firewall",
        handles: &["isolate-host"],
        settings,
        nodes: vec![("host:victim".to_owned(), vec![victim])],
        declared: Vec::new(),
        secrets: Vec::new(),
        state: Box::new(move |_| lines(&of_state.ruleset().unwrap().replace("}}, {", "}},\n{"))),
        // Nobody listens there: whoever gets through is told so at once.
        is_closed: Box::new(move |_| {
            let knock = format!("exec 3<>/dev/tcp/{till}/9");
            let told = of_closed.on("victim", &["timeout", "2", "bash", "-c", &knock]);
            told.is_err_and(|error| !error.to_string().contains("refused"))
        }),
        audit: None,
    })
}

/// An account of a Linux host, and a key.
pub(crate) fn linux_host() -> Result<Part, Missing> {
    sshd::available()?;
    let server = std::rc::Rc::new(Sshd::start(2, 0).unwrap());
    let program = server.path("cordon-host");
    std::fs::write(&program, PROGRAM).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = format!(
        "SCOPE_GROUP={}\nSTATE={}\nSSHD_CONFIG={}\n",
        server.group(),
        server.path("state").display(),
        server.config().display()
    );
    std::fs::write(server.path("host.conf"), config).unwrap();
    let forced = format!(
        "restrict,command=\"CORDON_HOST_CONFIG={} {}\" {}",
        server.path("host.conf").display(),
        program.display(),
        std::fs::read_to_string(server.path("connector.pub")).unwrap()
    );
    server.authorise("root", &forced).unwrap();
    let (ann, bob) = (server.account(0), server.account(1));
    let key = server.fingerprint(&bob).unwrap();
    let settings = json!({
        "run": {"ssh": {
            "host": "127.0.0.1", "port": server.port, "user": "root",
            "identity": format!("file:{}", server.path("connector").display()),
            "known_hosts": server.path("known_hosts"),
        }},
        "names": {"account:lin": ann},
    });
    let (of_state, of_closed) = (server.clone(), server);
    Ok(Part {
        name: "linux",
        kind: "linux-host",
        handles: &["revoke"],
        settings,
        nodes: vec![("account:lin".to_owned(), Vec::new()), ("key:bob".to_owned(), vec![key])],
        declared: vec![("disable-account", "refuse", 10, "account:lin".to_owned())],
        secrets: Vec::new(),
        state: Box::new(move |_| lines(&of_state.state().unwrap())),
        is_closed: Box::new(move |_| {
            [&ann, &bob].iter().all(|name| run(&mut of_closed.ssh(name, name, &["true"])).is_err())
        }),
        audit: None,
    })
}

/// A person of a provisioning service.
pub(crate) fn provisioning() -> Result<Part, Missing> {
    need(&[("curl", "curl")])?;
    let server = scim::start("token", None)?;
    let person = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "sam@north.example", "active": true, "displayName": "Sam",
    });
    curl("POST", &format!("{}/Users", server.url), "token", &person.to_string());
    let settings = json!({
        "url": server.url, "token": "file:scim.secret", "kinds": ["person"],
    });
    let server = std::rc::Rc::new(server);
    let people = move || {
        let all = curl("GET", &format!("{}/Users?count=1000", server.url), "token", "");
        let all: Json = serde_json::from_str(&all).unwrap();
        all["Resources"].clone()
    };
    let people = std::rc::Rc::new(people);
    let of_closed = people.clone();
    Ok(Part {
        name: "provisioning",
        kind: "scim",
        handles: &[],
        settings,
        nodes: vec![("person:sam".to_owned(), strings(&["sam@north.example"]))],
        declared: vec![("disable-account", "refuse", 10, "person:sam".to_owned())],
        secrets: vec![("scim.secret", "token".to_owned())],
        state: Box::new(move |_| {
            let mut all = people();
            for person in all.as_array_mut().unwrap() {
                // The server writes these at every change.
                let meta = person["meta"].as_object_mut().unwrap();
                meta.remove("lastModified");
                meta.remove("version");
            }
            leaves(&all)
        }),
        is_closed: Box::new(move |_| of_closed()[0]["active"] == json!(false)),
        audit: None,
    })
}

/// A user of an OpenID provider.
pub(crate) fn provider() -> Result<Part, Missing> {
    need(&[("curl", "curl")])?;
    let server = oidc::start()?;
    let settings = json!({
        "admin": format!("{}/admin", server.issuer), "token": "file:oidc.secret",
        "issuer": server.issuer, "client": "cordon", "client_secret": "file:client.secret",
    });
    let server = std::rc::Rc::new(server);
    let user = server.clone();
    let user = move || {
        let url = format!("{}/admin/users/u3", user.issuer);
        let text = curl("GET", &url, oidc::ADMINISTRATOR, "");
        serde_json::from_str::<Json>(&text).unwrap()
    };
    let user = std::rc::Rc::new(user);
    let of_closed = user.clone();
    Ok(Part {
        name: "sign-in",
        kind: "sessions",
        handles: &[],
        settings,
        nodes: vec![("svcacct:carol".to_owned(), strings(&["carol"]))],
        declared: vec![
            ("disable-account", "refuse", 10, "svcacct:carol".to_owned()),
            ("end-sessions", "end", 1000, "svcacct:carol".to_owned()),
        ],
        secrets: vec![
            ("oidc.secret", oidc::ADMINISTRATOR.to_owned()),
            ("client.secret", "cordon-secret".to_owned()),
        ],
        state: Box::new(move |_| {
            let url = format!("{}/admin/records", server.issuer);
            let records = curl("GET", &url, oidc::ADMINISTRATOR, "");
            let records: Json = serde_json::from_str(&records).unwrap();
            leaves(&json!({"user": user(), "records": records}))
        }),
        is_closed: Box::new(move |_| {
            let user = of_closed();
            user["disabled"] == json!(true) || user["enabled"] == json!(false)
        }),
        audit: None,
    })
}

/// Two virtual desktops of a pool.
pub(crate) fn hypervisor() -> Result<Part, Missing> {
    libvirt::available()?;
    let libvirt = Libvirt::start().unwrap();
    for name in ["vdi-ho-01", "vdi-ho-02"] {
        libvirt.domain(name).unwrap();
    }
    let folder = libvirt.folder();
    let program = folder.join("cordon-desktops");
    std::fs::write(&program, DESKTOPS).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = folder.join("desktops.conf");
    let text = format!(
        "POOLS='head-office=vdi-ho-*'\nURI='{}'\nSTATE={}\n",
        libvirt.uri(),
        folder.join("state").display()
    );
    std::fs::write(&config, text).unwrap();
    let settings = json!({
        "run": {"prefix": ["env", format!("CORDON_DESKTOPS_CONFIG={}", config.display())]},
        "program": program,
        "pools": {"desktops:head-office": "head-office"},
    });
    let libvirt = std::rc::Rc::new(libvirt);
    let of_closed = libvirt.clone();
    Ok(Part {
        name: "desktops",
        kind: "hypervisor",
        handles: &["close-desktops"],
        settings,
        nodes: vec![("desktops:head-office".to_owned(), Vec::new())],
        declared: Vec::new(),
        secrets: Vec::new(),
        state: Box::new(move |_| lines(&libvirt.state().unwrap())),
        is_closed: Box::new(move |_| {
            let running = of_closed.virsh(&["list", "--state-running", "--name"]).unwrap();
            running.trim().is_empty()
        }),
        audit: None,
    })
}

/// A simulated host, for what no real system here does.
pub(crate) fn range() -> Part {
    let file = |folders: &Folders| {
        let text = std::fs::read_to_string(folders.hand().join("range.json")).unwrap_or_default();
        serde_json::from_str::<Json>(&text).unwrap_or(json!({"things": {}}))
    };
    Part {
        name: "range",
        kind: "range",
        handles: &["isolate-workstation"],
        settings: json!({}),
        nodes: vec![("pc:range".to_owned(), Vec::new())],
        declared: vec![("isolate-workstation", "refuse", 10, "pc:range".to_owned())],
        secrets: Vec::new(),
        state: Box::new(move |folders| leaves(&file(folders)["things"])),
        is_closed: Box::new(move |folders| {
            file(folders)["things"].to_string().contains("\"closed\":true")
        }),
        audit: None,
    }
}

fn curl(method: &str, url: &str, token: &str, body: &str) -> String {
    let mut command = Command::new("curl");
    command.args(["-sS", "--fail-with-body", "-X", method, url]);
    command.args(["-H", &format!("authorization: Bearer {token}")]);
    if !body.is_empty() {
        command.args(["-H", "content-type: application/scim+json", "--data-binary", body]);
    }
    run(&mut command).unwrap()
}

/// Every leaf of a value under its path.
fn leaves(value: &Json) -> Attributes {
    fn walk(value: &Json, path: &str, into: &mut Attributes) {
        match value {
            Json::Object(table) => {
                table.iter().for_each(|(key, value)| walk(value, &format!("{path}/{key}"), into));
            }
            Json::Array(list) => {
                list.iter()
                    .zip(0..)
                    .for_each(|(value, at)| walk(value, &format!("{path}/{at}"), into));
            }
            leaf => {
                into.insert(path.to_owned(), leaf.to_string());
            }
        }
    }
    let mut all = Attributes::new();
    walk(value, "", &mut all);
    all
}

/// What differs, attribute by attribute.
pub(crate) fn differences(before: &Attributes, after: &Attributes) -> Vec<String> {
    let keys: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differs = |key: &&&String| before.get(**key) != after.get(**key);
    keys.iter()
        .filter(differs)
        .map(|key| format!("{key}: {:?} -> {:?}", before.get(*key), after.get(*key)))
        .collect()
}
