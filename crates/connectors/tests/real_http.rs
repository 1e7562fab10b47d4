//! The http connector over TLS: only a server whose certificate was issued by the
//! authority of the settings, for the name of the settings, is spoken to.
//!
//! OpenSSL's `s_server` stands for the vendor and serves one file.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a fixture that fails is a failed test")]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use cordon_connectors::{Site, open};
use cordon_model::action::{Access, Act, Call, Order, Reply, TroubleKind};
use cordon_model::{EstateBuilder, Mode, NodeId};
use cordon_testbed::{need, run, wait_for};
use serde_json::json;

const DEFINITION: &str = r#"
name = "doors"
title = "the door controllers"
base = "{settings.url}"
[settings]
url = { what = "the address" }
token = { what = "a token", secret = true }
[[auth]]
kind = "header"
name = "Authorization"
value = "Bearer {settings.token}"
[[withdrawal]]
kind = "disable-account"
mode = "refuse"
nodes = ["user"]
find = [{ spelling = "b2" }]
look = [{ as = "badge", get = "/badge-{object.id}" }]
state = { id = "object.id" }
access = [{ is = "open", when = { "badge.valid" = true } }]
raise = [{ post = "/none" }]
restore = [{ post = "/none" }]
"#;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn openssl(folder: &Path, line: &str) {
    run(Command::new("openssl").args(line.split(' ')).current_dir(folder)).unwrap();
}

/// An authority `NAME.pem`, and a certificate of it for one address.
fn authority(folder: &Path, name: &str, address: &str) {
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(
        folder,
        &format!("req -x509 {new} -subj /CN={name} -keyout {name}.key -out {name}.pem"),
    );
    openssl(folder, &format!("req {new} -subj /CN=server -keyout s-{name}.key -out s-{name}.csr"));
    std::fs::write(folder.join("san"), format!("subjectAltName=IP:{address}\n")).unwrap();
    openssl(
        folder,
        &format!(
            "x509 -req -in s-{name}.csr -CA {name}.pem -CAkey {name}.key -CAcreateserial -days 2 -extfile san -out s-{name}.pem"
        ),
    );
}

fn serve(folder: &Path, name: &str) -> (Server, String) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let line =
        format!("s_server -quiet -accept {address} -cert s-{name}.pem -key s-{name}.key -WWW");
    let mut command = Command::new("openssl");
    command.args(line.split(' ')).current_dir(folder).stdin(Stdio::null());
    let server = Server(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for("the server", 10, || std::net::TcpStream::connect(&address).is_ok()).unwrap();
    (server, address)
}

fn look(folder: &Path, address: &str, ca: Option<&str>) -> Reply {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(folder.join("doors.toml"), DEFINITION).unwrap();
    std::fs::write(folder.join("token"), "hush").unwrap();
    std::fs::set_permissions(folder.join("token"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let settings = json!({
        "definition": "doors.toml", "url": format!("https://{address}"), "token": "file:token",
        "ca": ca, "names": { "user:bob": "b2" },
    });
    let site = Site {
        name: "doors".to_owned(),
        kind: "http".to_owned(),
        settings,
        estate: Arc::new(EstateBuilder::new("North", "GBP").finish().unwrap()),
        folder: folder.to_owned(),
        range: None,
    };
    let targets = vec![NodeId::parse("user:bob").unwrap()];
    let order = Order {
        withdrawal: "disable-account/user:bob".into(),
        kind: "disable-account".to_owned(),
        mode: Mode::Refuse,
        targets: targets.clone(),
        connector: None,
        enforcer: None,
        order: 1,
        lift_order: 1,
        ttl_seconds: 60,
        services: Vec::new(),
        note: String::new(),
    };
    let call = Call { act: Act::Look, order, targets, prior: Vec::new(), attempt: 0 };
    open(&site).unwrap().perform(&call, Duration::from_secs(10))
}

#[test]
fn only_the_right_certificate_is_spoken_to() {
    if let Err(missing) = need(&[("openssl", "openssl")]) {
        eprintln!("skipped: real_http ({missing})");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    authority(folder, "ours", "127.0.0.1");
    authority(folder, "elsewhere", "127.0.0.9");
    std::fs::write(folder.join("badge-b2"), json!({ "valid": true }).to_string()).unwrap();
    let (_server, address) = serve(folder, "ours");
    let reply = look(folder, &address, Some("ours.pem"));
    let Reply::Seen { targets } = &reply else { panic!("{reply:?}") };
    assert_eq!(targets.first().unwrap().access, Access::Open);
    // The public authorities, another one, and another name: nothing is sent.
    let (_other, misnamed) = serve(folder, "elsewhere");
    for (address, ca) in
        [(&address, None), (&address, Some("elsewhere.pem")), (&misnamed, Some("elsewhere.pem"))]
    {
        let reply = look(folder, address, ca);
        let Reply::Trouble(trouble) = &reply else { panic!("{reply:?}") };
        assert_eq!(trouble.kind, TroubleKind::Unreachable, "{}", trouble.why);
        assert!(trouble.why.contains("certificate"), "{}", trouble.why);
    }
}
