//! The linux-host connector against a real sshd: accounts expire, keys are revoked, sessions end,
//! and the key of the connector can do nothing else. The firewall over SSH stands here too.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking, and tells what it skips and measures"
)]

mod hosts;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cordon_connectors::{Connector, Readiness, linux_host::PROGRAM};
use cordon_model::Mode;
use cordon_model::action::{Access, Act, Answer, CORDON, Finding, Json, TroubleKind};
use cordon_testbed::netns::{self, Network};
use cordon_testbed::sshd::{self, Sshd};
use cordon_testbed::{run, wait_for};
use hosts::{
    DEADLINE, acted, call, done, expect, figures, look, node, opened, probed, site, trouble,
};
use serde_json::json;

struct Bed {
    server: Sshd,
}

fn bed() -> Option<Bed> {
    if let Err(missing) = sshd::available() {
        println!("skipped: linux-host ({missing})");
        return None;
    }
    let server = Sshd::start(3, 1).unwrap();
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
    let bed = Bed { server };
    let forced = format!(
        "restrict,command=\"CORDON_HOST_CONFIG={} {}\" {}",
        bed.server.path("host.conf").display(),
        program.display(),
        std::fs::read_to_string(bed.server.path("connector.pub")).unwrap()
    );
    bed.server.authorise("root", &forced).unwrap();
    Some(bed)
}

impl Bed {
    fn way(&self, user: &str, key: &str, hosts: &str) -> Json {
        let identity = format!("file:{}", self.server.path(key).display());
        json!({"ssh": {"host": "127.0.0.1", "port": self.server.port, "user": user,
            "identity": identity, "known_hosts": self.server.path(hosts)}})
    }

    fn settings(&self) -> Json {
        let ann = self.server.account(0);
        json!({
            "run": self.way("root", "connector", "known_hosts"),
            "names": {"user:ann": ann, "user:gone": "gone-from-here"},
            "probe": {
                "user:ann": self.way(&ann, &ann, "known_hosts"),
                "key:ann": self.way(&ann, &ann, "known_hosts"),
            },
        })
    }

    fn with(&self, changes: &Json) -> Box<dyn Connector> {
        let mut settings = self.settings();
        for (key, value) in changes.as_object().unwrap() {
            settings[key] = value.clone();
        }
        let (bob, cat, out) =
            (self.server.account(1), self.server.account(2), self.server.account(3));
        let print = |index| self.server.fingerprint(&self.server.account(index)).unwrap();
        let (ann_key, bob_key, out_key) = (print(0), print(1), print(3));
        let nodes: [(&str, &[&str]); 12] = [
            ("user:ann", &["NORTH\\ann"]),
            ("user:bob", &[&bob, "bob@north.example"]),
            ("user:cat", &[&cat]),
            ("user:out", &[&out]),
            ("user:both", &[&bob, &cat]),
            ("user:gone", &[]),
            ("user:misspelt", &["gone-from-here"]),
            ("key:nobodys", &["SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]),
            ("user:root", &[]),
            ("key:ann", &[&ann_key]),
            ("key:bob", &[&bob_key]),
            ("key:out", &[&out_key]),
        ];
        opened(&site("linux-host", self.server.path("").as_path(), settings, &nodes))
    }

    fn connector(&self) -> Box<dyn Connector> {
        self.with(&json!({}))
    }

    fn gets_in(&self, index: usize) -> bool {
        let account = self.server.account(index);
        run(&mut self.server.ssh(&account, &account, &["true"])).is_ok()
    }

    fn session(&self, index: usize) -> Child {
        let account = self.server.account(index);
        let mut ssh = self.server.ssh(&account, &account, &["sleep", "600"]);
        ssh.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }
}

#[test]
fn an_account_expires_its_session_ends_and_both_are_given_back() {
    let Some(bed) = bed() else { return };
    let mut host = bed.connector();
    for check in host.preflight(DEADLINE) {
        assert_eq!(check.finding, Readiness::Able, "{check:?}");
    }
    // One has a last day already: it comes back exactly.
    run(Command::new("usermod").args(["-e", "2031-05-01", &bed.server.account(1)])).unwrap();
    let before = bed.server.state().unwrap();
    let cut = call("disable-account", Mode::Refuse, &["user:ann", "user:bob"]);
    let end = call("end-sessions", Mode::End, &["user:ann"]);
    let mut session = bed.session(0);
    wait_for("the session", 10, || look(&mut *host, &end)[0].open > 0).unwrap();
    let mut other = bed.session(2);

    let prior = look(&mut *host, &cut);
    assert_eq!(prior[0].state["expiry"], "-");
    assert_eq!(prior[1].state["expiry"], "22400");
    assert_eq!(probed(&mut *host, &cut), [Finding::Leaks, Finding::Untried]);
    let said = host.rehearse(&cut, DEADLINE).unwrap().join("\n");
    assert!(said.contains("refuse-account") && said.contains("22400"), "{said}");
    assert_eq!(bed.server.state().unwrap(), before);
    let start = Instant::now();
    done(&acted(&mut *host, Act::Refuse, &cut, &prior));
    println!("two accounts refused over SSH in {:?}", start.elapsed());
    let now = look(&mut *host, &cut);
    assert!(now.iter().all(|seen| seen.access == Access::Refused));
    assert_eq!(now[0].owner.as_deref(), Some(CORDON));
    assert_eq!(probed(&mut *host, &cut)[0], Finding::Holds);
    assert!(!bed.gets_in(0) && !bed.gets_in(1) && bed.gets_in(2));
    let again = acted(&mut *host, Act::Refuse, &cut, &prior);
    assert_eq!(again, vec![Answer::AlreadySo { by: Some(CORDON.to_owned()) }; 2]);

    assert!(session.try_wait().unwrap().is_none(), "expiry alone ends no session");
    done(&acted(&mut *host, Act::End, &end, &[]));
    wait_for("the end of the session", 10, || session.try_wait().unwrap().is_some()).unwrap();
    wait_for("the end", 10, || look(&mut *host, &end)[0].access == Access::Refused).unwrap();
    assert_eq!(acted(&mut *host, Act::End, &end, &[]), [Answer::AlreadySo { by: None }]);
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();

    done(&acted(&mut *host, Act::Restore, &cut, &prior));
    assert_eq!(acted(&mut *host, Act::Restore, &cut, &prior)[0], Answer::AlreadySo { by: None });
    assert!(bed.gets_in(0) && bed.gets_in(1));
    let back = look(&mut *host, &cut);
    assert_eq!((&back[0].state, &back[1].state), (&prior[0].state, &prior[1].state));
    assert_eq!(bed.server.state().unwrap(), before);
    let mut raises = Vec::new();
    for _ in 0..20 {
        let start = Instant::now();
        done(&acted(&mut *host, Act::Refuse, &cut, &prior));
        raises.push(start.elapsed());
        done(&acted(&mut *host, Act::Restore, &cut, &prior));
    }
    figures("linux-host raise of 2 accounts over SSH", &mut raises);
    assert_eq!(bed.server.state().unwrap(), before);
}

#[test]
fn one_key_is_revoked_and_the_file_comes_back_byte_for_byte() {
    let Some(bed) = bed() else { return };
    let mut host = bed.connector();
    let before = bed.server.state().unwrap();
    let ann = call("revoke", Mode::Refuse, &["key:ann"]);
    let bob = call("revoke", Mode::Refuse, &["key:bob"]);
    let (ann_prior, bob_prior) = (look(&mut *host, &ann), look(&mut *host, &bob));
    assert_eq!(ann_prior[0].access, Access::Open);
    done(&acted(&mut *host, Act::Refuse, &ann, &ann_prior));
    done(&acted(&mut *host, Act::Refuse, &bob, &bob_prior));
    assert!(!bed.gets_in(0) && !bed.gets_in(1) && bed.gets_in(2));
    assert_eq!(probed(&mut *host, &ann), [Finding::Holds]);
    let seen = look(&mut *host, &ann);
    assert_eq!((seen[0].access, seen[0].owner.as_deref()), (Access::Refused, Some(CORDON)));
    let again = acted(&mut *host, Act::Refuse, &ann, &ann_prior);
    assert_eq!(again, [Answer::AlreadySo { by: Some(CORDON.to_owned()) }]);
    // A key whose line is gone from the account is still ours to give back.
    let keys = bed.server.path("keys").join(bed.server.account(0));
    let held = std::fs::read(&keys).unwrap();
    std::fs::write(&keys, "").unwrap();
    assert_eq!(look(&mut *host, &ann)[0].access, Access::Refused);
    std::fs::write(&keys, held).unwrap();
    // Lifted in the order in which they were raised.
    done(&acted(&mut *host, Act::Restore, &ann, &ann_prior));
    assert!(bed.gets_in(0) && !bed.gets_in(1));
    done(&acted(&mut *host, Act::Restore, &bob, &bob_prior));
    assert_eq!(look(&mut *host, &ann), ann_prior);
    assert_eq!(bed.server.state().unwrap(), before);
    // What an administrator has revoked is left.
    let public =
        std::fs::read_to_string(bed.server.path(&format!("{}.pub", bed.server.account(0))));
    std::fs::write(bed.server.path("revoked"), public.unwrap()).unwrap();
    assert_eq!(acted(&mut *host, Act::Refuse, &ann, &ann_prior), [Answer::AlreadySo { by: None }]);
    assert_eq!(acted(&mut *host, Act::Restore, &ann, &ann_prior), [Answer::AlreadySo { by: None }]);
    assert!(!bed.gets_in(0));
}

#[test]
fn the_key_of_the_connector_can_do_nothing_else() {
    let Some(bed) = bed() else { return };
    let before = bed.server.state().unwrap();
    let marker = bed.server.path("marker");
    let touch = format!("touch {}", marker.display());
    for words in [touch.as_str(), "bash", "cat /etc/shadow"] {
        let mut ssh = bed.server.ssh("root", "connector", &[words]);
        let said = run(ssh.stdin(Stdio::null())).unwrap();
        assert_eq!(said, "", "{words}");
    }
    assert!(!marker.exists());
    let mut forward = bed.server.ssh("root", "connector", &[]);
    forward.args(["-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1"]);
    assert!(run(&mut forward).is_err());
    let ask = |line: String| {
        let mut ssh = bed.server.ssh("root", "connector", &["x"]);
        let mut child = ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), line.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    };
    let out = bed.server.account(3);
    for verb in ["refuse-account", "restore-account", "end-sessions", "look-account"] {
        assert!(ask(format!("{verb}\t{out}\t-\tx\n")).starts_with("unlisted"), "{verb}");
        assert!(ask(format!("{verb}\troot\t-\tx\n")).starts_with("unlisted"), "{verb}");
        let inject = format!("{verb}\t$(touch {0})`touch {0}`;touch {0}\t-\tx\n", marker.display());
        assert_eq!(ask(inject), "absent", "{verb}");
    }
    let note = format!("refuse-account\t{}\t-\t$(touch {0})`id`\n", bed.server.account(0));
    assert_eq!(ask(note), "done");
    assert_eq!(ask(format!("restore-account\t{}\tx\n", bed.server.account(0))), "done");
    let key = bed.server.fingerprint(&out).unwrap();
    assert!(ask(format!("refuse-key\t{key}\tx\n")).starts_with("unlisted key"));
    assert!(ask("sh\n".to_owned()).starts_with("unsupported"));
    assert!(!marker.exists());
    assert_eq!(bed.server.state().unwrap(), before);
    // What an administrator has disabled, the key cannot enable.
    let ann = bed.server.account(0);
    run(Command::new("usermod").args(["-e", "1", &ann])).unwrap();
    assert!(ask(format!("restore-account\t{ann}\tx\n")).starts_with("not ours"));
    // A key that opens a root shell is told before an incident.
    let public = std::fs::read_to_string(bed.server.path("connector.pub")).unwrap();
    let loose = format!("command=\"eval \\\"$SSH_ORIGINAL_COMMAND\\\"\" {public}");
    std::fs::write(bed.server.path("keys/root"), loose).unwrap();
    let mut host = bed.with(&json!({"program": bed.server.path("cordon-host")}));
    let checks = host.preflight(DEADLINE);
    assert!(matches!(checks[0].finding, Readiness::Excessive(_)), "{checks:?}");
}

#[test]
fn troubles_are_told_by_their_kind() {
    let Some(bed) = bed() else { return };
    let soon = Duration::from_secs(3);
    let cut = call("disable-account", Mode::Refuse, &["user:ann"]);
    let unreachable = TroubleKind::Unreachable;
    let with = |change: &dyn Fn(&mut Json)| {
        let mut way = bed.way("root", "connector", "known_hosts");
        change(&mut way["ssh"]);
        bed.with(&json!({ "run": way }))
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut offline = with(&|ssh| ssh["port"] = json!(free));
    expect(&trouble(&mut *offline, Act::Look, &cut, soon), unreachable, &["refused"]);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut slow = with(&|ssh| ssh["port"] = json!(silent.local_addr().unwrap().port()));
    let start = Instant::now();
    expect(&trouble(&mut *slow, Act::Look, &cut, soon), unreachable, &["127.0.0.1"]);
    assert!(start.elapsed() < soon * 2);
    let mut stranger = with(&|ssh| ssh["known_hosts"] = json!(bed.server.path("wrong_hosts")));
    let words = ["host key", "nothing was sent"];
    expect(&trouble(&mut *stranger, Act::Look, &cut, soon), unreachable, &words);
    let other = format!("file:{}", bed.server.path(&bed.server.account(1)).display());
    let mut denied = with(&|ssh| ssh["identity"] = json!(other));
    expect(&trouble(&mut *denied, Act::Look, &cut, soon), TroubleKind::Denied, &["key"]);
    // Let in, but the program does not come to an end: it may have been done.
    let public = std::fs::read_to_string(bed.server.path("connector.pub")).unwrap();
    let held = std::fs::read_to_string(bed.server.path("keys/root")).unwrap();
    let hang = format!("restrict,command=\"sleep 60\" {public}");
    std::fs::write(bed.server.path("keys/root"), hang).unwrap();
    let mut hangs = bed.connector();
    expect(&trouble(&mut *hangs, Act::Look, &cut, soon), TroubleKind::NoReply, &["look again"]);
    let gone = format!("restrict,command=\"/usr/local/sbin/no-cordon-host\" {public}");
    std::fs::write(bed.server.path("keys/root"), gone).unwrap();
    let mut bare = bed.connector();
    let why = trouble(&mut *bare, Act::Look, &cut, soon);
    expect(&why, TroubleKind::Unsupported, &["no program"]);
    std::fs::write(bed.server.path("keys/root"), held).unwrap();
    // Not root: the program itself says so.
    let prefix = json!({"prefix": ["runuser", "-u", "nobody", "--"]});
    let mut nobody = bed.with(&json!({"run": prefix, "program": bed.server.path("cordon-host")}));
    expect(&trouble(&mut *nobody, Act::Look, &cut, soon), TroubleKind::Denied, &["root"]);

    let mut host = bed.connector();
    let mut refused = |kind, mode, target, trouble_kind, words: &[&str]| {
        let call = call(kind, mode, &[target]);
        let act = if mode == Mode::End { Act::End } else { Act::Look };
        expect(&trouble(&mut *host, act, &call, soon), trouble_kind, words);
    };
    let (refuse, denied, out) = (Mode::Refuse, TroubleKind::Denied, TroubleKind::Unsupported);
    refused("disable-account", refuse, "user:out", denied, &["usermod -aG"]);
    refused("disable-account", refuse, "user:root", denied, &["root"]);
    refused("disable-account", refuse, "user:both", out, &["names"]);
    refused("end-sessions", Mode::End, "user:out", denied, &["not listed"]);
    let unknown = TroubleKind::Unknown;
    refused("disable-account", refuse, "user:misspelt", unknown, &["no account", "names"]);
    refused("revoke", refuse, "key:out", denied, &["not listed"]);
    refused("revoke", refuse, "user:ann", out, &["not one key"]);
    refused("isolate-host", refuse, "user:ann", out, &["disable-account"]);
    let nobodys = call("revoke", refuse, &["key:nobodys"]);
    assert_eq!(look(&mut *host, &nobodys)[0].access, Access::Absent);
}

#[test]
fn half_permitted_and_changed_meanwhile_has_an_answer_for_each() {
    let Some(bed) = bed() else { return };
    let (mut host, refuse) = (bed.connector(), Mode::Refuse);
    let mixed = call("disable-account", refuse, &["user:bob", "user:cat", "user:gone", "user:out"]);
    let seen = look(&mut *host, &mixed);
    let access: Vec<Access> = seen.iter().map(|seen| seen.access).collect();
    assert_eq!(access, [Access::Open, Access::Open, Access::Absent, Access::Unknown]);
    run(Command::new("usermod").args(["-e", "2040-01-01", &bed.server.account(2)])).unwrap();
    let answers = acted(&mut *host, Act::Refuse, &mixed, &seen);
    assert_eq!(answers[0], Answer::Done);
    assert!(matches!(&answers[1], Answer::Failed(t) if t.kind == TroubleKind::Changed));
    assert_eq!(answers[2], Answer::AlreadySo { by: None });
    assert!(matches!(&answers[3], Answer::Failed(t) if t.kind == TroubleKind::Denied));
    // Somebody has enabled it again: there is nothing to give back, and their day is left.
    run(Command::new("usermod").args(["-e", "2041-01-01", &bed.server.account(1)])).unwrap();
    let bob = call("disable-account", refuse, &["user:bob"]);
    assert_eq!(look(&mut *host, &bob)[0].access, Access::Open);
    assert_eq!(acted(&mut *host, Act::Restore, &bob, &seen[..1]), [Answer::AlreadySo { by: None }]);
    assert_eq!(look(&mut *host, &bob)[0].target, node("user:bob"));
    assert_ne!(look(&mut *host, &bob)[0].state["expiry"], "-");
}

#[test]
fn a_firewall_is_reached_over_ssh_and_our_own_way_is_kept() {
    let Some(bed) = bed() else { return };
    if let Err(missing) = netns::available() {
        println!("skipped: firewall over SSH ({missing})");
        return;
    }
    let network = Network::start(&["till", "victim"]).unwrap();
    let public = std::fs::read_to_string(bed.server.path("connector.pub")).unwrap();
    let loose = format!("command=\"eval \\\"$SSH_ORIGINAL_COMMAND\\\"\" {public}");
    std::fs::write(bed.server.path("keys/root"), loose).unwrap();
    let mut run = bed.way("root", "connector", "known_hosts");
    run["prefix"] = json!(network.prefix("router"));
    let settings = json!({"run": run, "keep": []});
    let nodes: [(&str, &[&str]); 2] =
        [("host:victim", &["10.77.2.2"]), ("host:console", &["127.0.0.1"])];
    let folder = bed.server.path("");
    let mut firewall = opened(&site("firewall", &folder, settings, &nodes));
    let checks = firewall.preflight(DEADLINE);
    assert!(matches!(checks[0].finding, Readiness::Excessive(_)), "{checks:?}");
    let before = network.ruleset().unwrap();
    assert!(before.contains("127.0.0.1"), "the address that we come from is kept: {before}");
    let own = call("isolate-host", Mode::Refuse, &["host:console"]);
    expect(
        &trouble(&mut *firewall, Act::Refuse, &own, DEADLINE),
        TroubleKind::Withheld,
        &["own way"],
    );
    let cut = call("isolate-host", Mode::Refuse, &["host:victim"]);
    let prior = look(&mut *firewall, &cut);
    let start = Instant::now();
    done(&acted(&mut *firewall, Act::Refuse, &cut, &prior));
    println!("a host isolated over SSH in {:?}", start.elapsed());
    assert_eq!(look(&mut *firewall, &cut)[0].access, Access::Refused);
    done(&acted(&mut *firewall, Act::Restore, &cut, &prior));
    assert_eq!(network.ruleset().unwrap(), before);
}
