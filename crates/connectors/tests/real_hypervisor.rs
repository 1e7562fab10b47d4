//! The hypervisor connector against a real libvirt: the virtual desktops of an organisation are
//! closed, shown to be closed, and opened again as they were.

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

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use cordon_connectors::{Connector, Readiness, hypervisor::PROGRAM};
use cordon_model::Mode;
use cordon_model::action::{Access, Act, Answer, CORDON, Finding, Json, TroubleKind};
use cordon_testbed::libvirt::{self, Libvirt};
use cordon_testbed::sshd::{self, Sshd};
use cordon_testbed::wait_for;
use hosts::{
    DEADLINE, acted, call, done, expect, figures, look, node, opened, probed, site, trouble,
};
use serde_json::json;

const NODES: [(&str, &[&str]); 4] = [
    ("desktops:head-office", &[]),
    ("desktops:stores", &[]),
    ("desktops:secret", &[]),
    ("desktops:nowhere", &[]),
];

struct Bed {
    libvirt: Libvirt,
}

fn bed(head_office: usize, stores: usize) -> Option<Bed> {
    if let Err(missing) = libvirt::available() {
        println!("skipped: hypervisor ({missing})");
        return None;
    }
    let libvirt = Libvirt::start().unwrap();
    for n in 1..=head_office {
        libvirt.domain(&format!("vdi-ho-{n:02}")).unwrap();
    }
    for n in 1..=stores {
        libvirt.domain(&format!("vdi-st-{n:02}")).unwrap();
    }
    libvirt.domain("secret-1").unwrap();
    let folder = libvirt.folder();
    let (program, state) = (folder.join("cordon-desktops"), folder.join("state"));
    std::fs::write(&program, PROGRAM).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = format!(
        "POOLS='head-office=vdi-ho-* stores=vdi-st-* empty=none-*'\nURI='{}'\nSTATE={}\n",
        libvirt.uri(),
        state.display()
    );
    std::fs::write(folder.join("desktops.conf"), config).unwrap();
    Some(Bed { libvirt })
}

impl Bed {
    fn prefix(&self) -> Json {
        let config = self.libvirt.folder().join("desktops.conf");
        json!({"prefix": ["env", format!("CORDON_DESKTOPS_CONFIG={}", config.display())]})
    }

    fn with(&self, run: &Json) -> Box<dyn Connector> {
        let settings = json!({
            "run": run,
            "program": self.libvirt.folder().join("cordon-desktops"),
            "pools": {"desktops:head-office": "head-office", "desktops:stores": "stores",
                "desktops:secret": "secret", "desktops:empty": "empty"},
        });
        opened(&site("hypervisor", Path::new("/"), settings, &NODES))
    }

    fn connector(&self) -> Box<dyn Connector> {
        self.with(&self.prefix())
    }
}

#[test]
fn twenty_desktops_of_an_organisation_are_closed_and_opened_as_they_were() {
    let Some(bed) = bed(16, 4) else { return };
    let mut host = bed.connector();
    for check in host.preflight(DEADLINE) {
        assert_eq!(check.finding, Readiness::Able, "{check:?}");
    }
    // One was suspended by somebody else, one is off: both stay as they are.
    bed.libvirt.virsh(&["suspend", "vdi-ho-16"]).unwrap();
    bed.libvirt.virsh(&["destroy", "vdi-ho-15"]).unwrap();
    let before = bed.libvirt.state().unwrap();
    let close = call("close-desktops", Mode::Refuse, &["desktops:head-office", "desktops:stores"]);
    let prior = look(&mut *host, &close);
    assert_eq!((prior[0].access, prior[0].open), (Access::Open, 14));
    assert_eq!(prior[0].state["vdi-ho-16"], "paused");
    assert_eq!(probed(&mut *host, &close), [Finding::Leaks, Finding::Leaks]);
    assert_eq!(host.rehearse(&close, DEADLINE).unwrap().len(), 18);
    let start = Instant::now();
    done(&acted(&mut *host, Act::Refuse, &close, &prior));
    println!("18 running desktops of 2 pools closed in {:?}", start.elapsed());
    let now = look(&mut *host, &close);
    assert!(now.iter().all(|seen| seen.access == Access::Refused && seen.open == 0));
    assert_eq!(now[0].owner.as_deref(), Some(CORDON));
    assert_eq!(probed(&mut *host, &close), [Finding::Holds, Finding::Holds]);
    let running = bed.libvirt.virsh(&["list", "--state-running", "--name"]).unwrap();
    assert_eq!(running.trim(), "secret-1");
    let again = acted(&mut *host, Act::Refuse, &close, &prior);
    assert_eq!(again, vec![Answer::AlreadySo { by: Some(CORDON.to_owned()) }; 2]);

    // Somebody resumes one and starts another: half closed, and closed again.
    bed.libvirt.virsh(&["resume", "vdi-ho-03"]).unwrap();
    bed.libvirt.virsh(&["start", "vdi-ho-15"]).unwrap();
    let seen = look(&mut *host, &close);
    assert_eq!((seen[0].access, seen[0].open), (Access::Partly, 2));
    assert_eq!(seen[1].access, Access::Refused);
    assert_eq!(acted(&mut *host, Act::Refuse, &close, &prior)[0], Answer::Done);
    assert_eq!(look(&mut *host, &close)[0].access, Access::Refused);

    let start = Instant::now();
    done(&acted(&mut *host, Act::Restore, &close, &prior));
    println!("opened again in {:?}", start.elapsed());
    let again = acted(&mut *host, Act::Restore, &close, &prior);
    assert_eq!(again, vec![Answer::AlreadySo { by: None }; 2]);
    let back = look(&mut *host, &close);
    assert_eq!((back[0].access, back[0].open), (Access::Open, 15));
    bed.libvirt.virsh(&["destroy", "vdi-ho-15"]).unwrap();
    assert_eq!(look(&mut *host, &close), prior);
    assert_eq!(bed.libvirt.state().unwrap(), before);
}

#[test]
fn ending_destroys_what_is_open_and_a_lift_still_ends_well() {
    let Some(bed) = bed(1, 2) else { return };
    let mut host = bed.connector();
    let close = call("close-desktops", Mode::Refuse, &["desktops:stores"]);
    let end = call("end-desktops", Mode::End, &["desktops:stores"]);
    let prior = look(&mut *host, &close);
    let (mut raises, mut lifts) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        let start = Instant::now();
        done(&acted(&mut *host, Act::Refuse, &close, &prior));
        raises.push(start.elapsed());
        let start = Instant::now();
        done(&acted(&mut *host, Act::Restore, &close, &prior));
        lifts.push(start.elapsed());
    }
    figures("hypervisor raise of 2 desktops", &mut raises);
    figures("hypervisor lift of 2 desktops", &mut lifts);
    done(&acted(&mut *host, Act::Refuse, &close, &prior));
    assert_eq!(look(&mut *host, &end)[0].open, 2);
    assert_eq!(host.rehearse(&end, DEADLINE).unwrap().len(), 2);
    done(&acted(&mut *host, Act::End, &end, &[]));
    let ended = || look(&mut *host, &end)[0].access == Access::Refused;
    wait_for("the end", 10, ended).unwrap();
    assert_eq!(acted(&mut *host, Act::End, &end, &[]), [Answer::AlreadySo { by: None }]);
    assert_eq!(probed(&mut *host, &end), [Finding::Holds]);
    assert_eq!(look(&mut *host, &close)[0].access, Access::Refused);
    let others = bed.libvirt.virsh(&["list", "--state-running", "--name"]).unwrap();
    assert_eq!(others.split_whitespace().collect::<Vec<_>>(), ["vdi-ho-01", "secret-1"]);
    done(&acted(&mut *host, Act::Restore, &close, &prior));
    // What was ended is off; nothing refuses to start it.
    assert_eq!(look(&mut *host, &close)[0].access, Access::Open);
}

#[test]
fn troubles_are_told_by_their_kind_and_a_bound_key_does_nothing_else() {
    let Some(bed) = bed(1, 1) else { return };
    let soon = Duration::from_secs(5);
    let before = bed.libvirt.state().unwrap();
    let close = call("close-desktops", Mode::Refuse, &["desktops:head-office"]);
    let mut host = bed.connector();
    let mut refused = |kind, mode, target, trouble_kind, words: &[&str]| {
        let call = call(kind, mode, &[target]);
        expect(&trouble(&mut *host, Act::Look, &call, soon), trouble_kind, words);
        let act = Act::raising(mode);
        assert_eq!(trouble(&mut *host, act, &call, soon).kind, trouble_kind);
    };
    let (refuse, out) = (Mode::Refuse, TroubleKind::Unsupported);
    refused("close-desktops", refuse, "desktops:secret", TroubleKind::Denied, &["POOLS"]);
    refused("close-desktops", refuse, "desktops:nowhere", out, &["pools"]);
    refused("end-desktops", Mode::End, "desktops:secret", TroubleKind::Denied, &["POOLS"]);
    refused("isolate-host", refuse, "desktops:stores", out, &["close-desktops"]);
    refused("close-desktops", Mode::End, "desktops:stores", out, &["mode"]);
    let mixed = call("close-desktops", refuse, &["desktops:head-office", "desktops:secret"]);
    let seen = look(&mut *host, &mixed);
    assert_eq!([seen[0].access, seen[1].access], [Access::Open, Access::Unknown]);
    let answers = acted(&mut *host, Act::Refuse, &mixed, &seen);
    assert_eq!(answers[0], Answer::Done);
    assert!(matches!(&answers[1], Answer::Failed(t) if t.kind == TroubleKind::Denied));
    done(&acted(&mut *host, Act::Restore, &close, &seen[..1]));
    let empty = call("close-desktops", refuse, &["desktops:empty"]);
    assert_eq!(look(&mut *host, &empty)[0].access, Access::Absent);
    assert_eq!(look(&mut *host, &empty)[0].target, node("desktops:empty"));

    let config = bed.libvirt.folder().join("desktops.conf");
    let held = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, held.replace("libvirt-sock", "no-such-sock")).unwrap();
    let why = trouble(&mut *host, Act::Refuse, &close, soon);
    expect(&why, TroubleKind::Unreachable, &["libvirt", "nothing was changed"]);
    std::fs::write(&config, held).unwrap();
    let slow = json!({"prefix": ["sh", "-c", "sleep 60"]});
    let why = trouble(&mut *bed.with(&slow), Act::Look, &close, Duration::from_millis(300));
    expect(&why, TroubleKind::NoReply, &["look again"]);
    let nobody = json!({"prefix": ["runuser", "-u", "nobody", "--", "env",
        format!("CORDON_DESKTOPS_CONFIG={}", config.display())]});
    let why = trouble(&mut *bed.with(&nobody), Act::Look, &close, soon);
    expect(&why, TroubleKind::Denied, &["permission denied"]);
    assert_eq!(bed.libvirt.state().unwrap(), before);

    if let Err(missing) = sshd::available() {
        println!("skipped: hypervisor over SSH ({missing})");
        return;
    }
    let server = Sshd::start(0, 0).unwrap();
    let public = std::fs::read_to_string(server.path("connector.pub")).unwrap();
    let forced = format!(
        "restrict,command=\"CORDON_DESKTOPS_CONFIG={} {}\" {public}",
        config.display(),
        bed.libvirt.folder().join("cordon-desktops").display(),
    );
    server.authorise("root", &forced).unwrap();
    let mut remote = bed.with(&json!({"ssh": {"host": "127.0.0.1", "port": server.port,
        "user": "root", "identity": format!("file:{}", server.path("connector").display()),
        "known_hosts": server.path("known_hosts")}}));
    assert!(remote.preflight(DEADLINE).iter().all(|check| check.finding == Readiness::Able));
    let prior = look(&mut *remote, &close);
    done(&acted(&mut *remote, Act::Refuse, &close, &prior));
    assert_eq!(look(&mut *remote, &close)[0].access, Access::Refused);
    done(&acted(&mut *remote, Act::Restore, &close, &prior));
    for words in ["virsh destroy secret-1", "bash"] {
        let said = cordon_testbed::run(&mut server.ssh("root", "connector", &[words])).unwrap();
        assert_eq!(said, "");
    }
    assert_eq!(bed.libvirt.state().unwrap(), before);
}
