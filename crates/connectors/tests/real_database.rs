//! The database connector against a real PostgreSQL with pgaudit: logins, grants and connections
//! are taken and exactly given back, and the connector's role can do nothing else.

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

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use cordon_connectors::{Connector, Readiness, SettingsError, database::RIGHTS, open};
use cordon_model::Mode;
use cordon_model::action::{Access, Act, Answer, CORDON, Finding, Json, TroubleKind};
use cordon_testbed::postgres::{self, Postgres};
use cordon_testbed::wait_for;
use hosts::{
    DEADLINE, acted, call, done, expect, figures, look, node, opened, probed, site, trouble,
};
use serde_json::json;
use tempfile::TempDir;

const ESTATE: &str = "
CREATE DATABASE members;
\\c members
CREATE ROLE app_orders LOGIN PASSWORD 'password' VALID UNTIL '2031-05-01' CONNECTION LIMIT 7;
CREATE ROLE reporting LOGIN PASSWORD 'password';
CREATE ROLE readers NOLOGIN;
CREATE ROLE lender NOLOGIN;
CREATE ROLE other LOGIN PASSWORD 'password';
CREATE ROLE chief LOGIN PASSWORD 'password' CREATEROLE;
CREATE ROLE root2 LOGIN SUPERUSER PASSWORD 'password';
CREATE ROLE owner1 LOGIN PASSWORD 'password';
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id serial PRIMARY KEY, member text, card text);
CREATE TABLE shop.stock (id int, amount int);
CREATE TABLE shop.mine (id int);
ALTER TABLE shop.mine OWNER TO owner1;
CREATE FUNCTION shop.total() RETURNS int LANGUAGE sql AS 'SELECT 1';
GRANT USAGE ON SCHEMA shop TO app_orders, lender, reporting;
GRANT SELECT, INSERT ON shop.orders TO app_orders;
GRANT SELECT ON shop.orders TO lender WITH GRANT OPTION;
GRANT SELECT (member), UPDATE (card) ON shop.orders TO reporting;
GRANT UPDATE (member) ON shop.orders TO app_orders WITH GRANT OPTION;
GRANT ALL ON shop.stock TO app_orders WITH GRANT OPTION;
GRANT USAGE ON SEQUENCE shop.orders_id_seq TO app_orders;
GRANT EXECUTE ON FUNCTION shop.total() TO app_orders;
GRANT CONNECT, TEMPORARY ON DATABASE members TO app_orders;
GRANT readers TO app_orders WITH ADMIN OPTION;
SET ROLE lender;
GRANT SELECT ON shop.orders TO app_orders WITH GRANT OPTION;
RESET ROLE;
INSERT INTO shop.orders (member, card) VALUES ('ann', '1'), ('bob', '2');
";

const NODES: [(&str, &[&str]); 11] = [
    ("role:orders", &["app_orders", "NORTH\\\\orders"]),
    ("role:reporting", &[]),
    ("role:readers", &[]),
    ("role:other", &[]),
    ("role:root2", &[]),
    ("role:gone", &[]),
    ("role:misspelt", &[]),
    ("role:twice", &["app_orders", "reporting"]),
    ("role:owner1", &[]),
    ("user:orders", &["app_orders"]),
    ("role:lender", &[]),
];

struct Bed {
    server: Postgres,
    folder: TempDir,
}

fn bed() -> Option<Bed> {
    if let Err(missing) = postgres::available() {
        println!("skipped: database ({missing})");
        return None;
    }
    let server = Postgres::start().unwrap();
    feed(&server, "postgres", ESTATE);
    feed(&server, "members", RIGHTS);
    let grants = "ALTER ROLE cordon_hand PASSWORD 'password';
        GRANT cordon_scope TO app_orders, reporting, readers, root2, owner1, lender;";
    server.sql("postgres", "members", grants).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "password\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    Some(Bed { server, folder })
}

fn feed(server: &Postgres, database: &str, statements: &str) {
    let mut psql = server.psql("postgres", database);
    let mut child = psql.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(statements.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

impl Bed {
    fn settings(&self) -> Json {
        json!({
            "host": "db.north.example", "address": "127.0.0.1", "port": self.server.port,
            "database": "members", "password": "file:password", "ca": self.server.ca(),
            "names": {"role:gone": "gone"},
            "probe_passwords": {"app_orders": "file:password"},
        })
    }

    fn with(&self, changes: &Json) -> Result<Box<dyn Connector>, SettingsError> {
        let mut settings = self.settings();
        for (key, value) in changes.as_object().unwrap() {
            settings[key] = value.clone();
        }
        open(&site("database", self.folder.path(), settings, &NODES))
    }

    fn connector(&self) -> Box<dyn Connector> {
        opened(&site("database", self.folder.path(), self.settings(), &NODES))
    }

    /// All roles and grants, and the entries of every list of rights in no order: the server
    /// keeps them in the order in which they were granted.
    fn state(&self) -> (String, String) {
        let grants = "SELECT 'class', oid::regclass::text, '', a::text
              FROM pg_class, unnest(relacl) a
            UNION ALL SELECT 'column', attrelid::regclass::text, attname, a::text
              FROM pg_attribute, unnest(attacl) a
            UNION ALL SELECT 'schema', nspname, '', a::text FROM pg_namespace, unnest(nspacl) a
            UNION ALL SELECT 'routine', oid::regprocedure::text, '', a::text
              FROM pg_proc, unnest(proacl) a
            UNION ALL SELECT 'database', datname, '', a::text FROM pg_database, unnest(datacl) a
            UNION ALL SELECT 'member', roleid::regrole::text, member::regrole::text,
              grantor::regrole || ' ' || admin_option FROM pg_auth_members
            ORDER BY 1, 2, 3, 4";
        let sql = |statement| self.server.sql("postgres", "members", statement).unwrap();
        let dump = self.server.dump("members").unwrap();
        let mut lines: Vec<&str> = dump.lines().collect();
        lines.sort_unstable();
        (sql(grants), lines.join("\n"))
    }

    /// An open session of a role that waits for statements.
    fn session(&self, user: &str) -> Session {
        let mut psql = self.server.psql(user, "members");
        psql.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Session(psql.spawn().unwrap())
    }

    fn gets_in(&self, user: &str) -> bool {
        self.server.sql(user, "members", "SELECT 1").is_ok()
    }
}

struct Session(Child);

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn logins_are_taken_and_given_back_and_the_log_tells_only_that() {
    let Some(bed) = bed() else { return };
    let mut database = bed.connector();
    for check in database.preflight(DEADLINE) {
        assert_eq!(check.finding, Readiness::Able, "{check:?}");
    }
    let before = bed.state();
    let cut = call("revoke-role", Mode::Refuse, &["role:orders", "role:reporting"]);
    let end = call("end-connections", Mode::End, &["role:orders"]);
    let _sessions = [bed.session("app_orders"), bed.session("app_orders")];
    let mut other = bed.session("other");
    wait_for("sessions", 10, || look(&mut *database, &end)[0].open == 2).unwrap();

    let prior = look(&mut *database, &cut);
    assert_eq!(prior[0].state["connection_limit"], 7);
    assert_eq!(probed(&mut *database, &cut)[0], Finding::Leaks);
    let said = database.rehearse(&cut, DEADLINE).unwrap().join("\n");
    assert!(said.contains("app_orders") && said.contains("cordon.refuse"), "{said}");
    let start = Instant::now();
    done(&acted(&mut *database, Act::Refuse, &cut, &prior));
    println!("two logins refused in {:?}", start.elapsed());
    let now = look(&mut *database, &cut);
    assert!(now.iter().all(|seen| seen.access == Access::Refused));
    assert_eq!((now[0].owner.as_deref(), now[0].open), (Some(CORDON), 2));
    assert_eq!(probed(&mut *database, &cut), [Finding::Holds, Finding::Untried]);
    assert!(!bed.gets_in("app_orders") && bed.gets_in("other"));
    let again = acted(&mut *database, Act::Refuse, &cut, &prior);
    assert_eq!(again[0], Answer::AlreadySo { by: Some(CORDON.to_owned()) });

    done(&acted(&mut *database, Act::End, &end, &[]));
    wait_for("the end", 10, || look(&mut *database, &end)[0].access == Access::Refused).unwrap();
    assert_eq!(probed(&mut *database, &end), [Finding::Holds]);
    let others = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'other'";
    assert_eq!(bed.server.sql("postgres", "members", others).unwrap().trim(), "1");
    assert!(other.0.try_wait().unwrap().is_none());
    assert_eq!(acted(&mut *database, Act::End, &end, &[]), [Answer::AlreadySo { by: None }]);

    done(&acted(&mut *database, Act::Restore, &cut, &prior));
    assert_eq!(
        acted(&mut *database, Act::Restore, &cut, &prior)[0],
        Answer::AlreadySo { by: None }
    );
    assert!(bed.gets_in("app_orders"));
    let back = look(&mut *database, &cut);
    assert_eq!((&back[0].state, back[0].access), (&prior[0].state, Access::Open));
    assert_eq!(bed.state(), before);
    only_intended(&bed);
}

/// The audit log of Cordon's own role: calls of its functions with the note, and two changes
/// of each role.
fn only_intended(bed: &Bed) {
    let is_ours = |entry: &&Json| entry["user"] == "cordon_hand";
    let audit = bed.server.audit().unwrap();
    let said: Vec<&str> =
        audit.iter().filter(is_ours).map(|entry| entry["message"].as_str().unwrap()).collect();
    assert!(audit.iter().filter(is_ours).all(|entry| entry["application_name"] == "cordon"));
    let changes: Vec<&str> = said.iter().copied().filter(|m| m.contains(",ROLE,")).collect();
    assert_eq!(changes.len(), 4, "{changes:#?}");
    assert!(changes.iter().all(|change| change.contains("ALTER ROLE")), "{changes:#?}");
    let writes: Vec<&str> = said.iter().copied().filter(|m| m.contains(",WRITE,")).collect();
    assert!(writes.iter().all(|write| write.contains("cordon.taken")), "{writes:#?}");
    assert!(!said.iter().any(|m| m.contains("shop.")), "{said:#?}");
    assert!(said.iter().any(|m| m.contains("/* cordon: incident 7, plan 3f2a */")), "{said:#?}");
}

#[test]
fn grants_come_back_by_grantor_option_and_column() {
    let Some(bed) = bed() else { return };
    let mut database = bed.connector();
    let before = bed.state();
    let cut = call("revoke-grants", Mode::Refuse, &["role:orders", "role:reporting"]);
    let prior = look(&mut *database, &cut);
    let held = prior[0].state.as_array().unwrap();
    println!(
        "{} rights of app_orders, by 2 grantors, {} with the option",
        held.len(),
        held.iter().filter(|right| right["again"] == true).count()
    );
    let reads = |user| bed.server.sql(user, "members", "SELECT member FROM shop.orders").is_ok();
    assert!(reads("app_orders") && reads("reporting"));
    done(&acted(&mut *database, Act::Refuse, &cut, &prior));
    let now = look(&mut *database, &cut);
    assert!(now.iter().all(|seen| seen.access == Access::Refused), "{now:?}");
    assert_eq!(now[0].owner.as_deref(), Some(CORDON));
    assert!(!reads("app_orders") && !reads("reporting"));
    // Somebody grants something again: half raised, and refused again it is whole.
    let give = "GRANT SELECT ON shop.stock TO app_orders";
    bed.server.sql("postgres", "members", give).unwrap();
    assert_eq!(look(&mut *database, &cut)[0].access, Access::Partly);
    acted(&mut *database, Act::Refuse, &cut, &prior);
    assert_eq!(look(&mut *database, &cut)[0].access, Access::Refused);
    done(&acted(&mut *database, Act::Restore, &cut, &prior));
    assert_eq!(look(&mut *database, &cut), prior);
    let after = bed.state();
    assert_eq!(after.0, before.0);
    assert_eq!(after.1, before.1);
}

#[test]
fn what_others_changed_is_told_and_left() {
    let Some(bed) = bed() else { return };
    let mut database = bed.connector();
    let cut = call("revoke-role", Mode::Refuse, &["role:orders"]);
    let prior = look(&mut *database, &cut);
    let sql = |statement| bed.server.sql("postgres", "members", statement).unwrap();
    // Somebody was quicker, in another way.
    sql("ALTER ROLE app_orders CONNECTION LIMIT 3");
    let changed = acted(&mut *database, Act::Refuse, &cut, &prior);
    assert!(matches!(&changed[0], Answer::Failed(t) if t.kind == TroubleKind::Changed));
    // Somebody has disabled it: theirs, and not ours to give.
    sql("ALTER ROLE app_orders NOLOGIN");
    assert_eq!(acted(&mut *database, Act::Refuse, &cut, &prior), [Answer::AlreadySo { by: None }]);
    assert_eq!(look(&mut *database, &cut)[0].owner, None);
    let not_ours = Act::Restore;
    let cut_with_prior = cordon_model::action::Call { prior, ..cut.clone() };
    let why = trouble(&mut *database, not_ours, &cut_with_prior, DEADLINE);
    expect(&why, TroubleKind::Denied, &["ALTER ROLE \"app_orders\" LOGIN"]);
    // A server that was restarted meanwhile costs nothing but a new connection.
    bed.server.restart().unwrap();
    assert_eq!(look(&mut *database, &cut)[0].access, Access::Refused);
    sql("ALTER ROLE app_orders LOGIN");
    // Another transaction holds the role.
    let mut holder = bed.session("postgres");
    let begin = b"BEGIN; SELECT 1 FROM pg_authid WHERE rolname = 'app_orders' FOR UPDATE;\n";
    holder.0.stdin.as_mut().unwrap().write_all(begin).unwrap();
    let is_held = "SELECT count(*) FROM pg_locks WHERE relation = 'pg_authid'::regclass
        AND mode = 'RowShareLock'";
    wait_for("the lock", 10, || sql(is_held).trim() == "1").unwrap();
    let prior = look(&mut *database, &cut);
    let changed = acted(&mut *database, Act::Refuse, &cut, &prior);
    assert!(
        matches!(&changed[0], Answer::Failed(t) if t.kind == TroubleKind::Changed),
        "{changed:?}"
    );
    drop(holder);
    wait_for("the lock to go", 10, || sql(is_held).trim() == "0").unwrap();
    done(&acted(&mut *database, Act::Refuse, &cut, &prior));
    done(&acted(&mut *database, Act::Restore, &cut, &prior));
}

#[test]
fn the_role_of_the_connector_can_do_nothing_else() {
    let Some(bed) = bed() else { return };
    let before = bed.state();
    for attempt in [
        "ALTER ROLE app_orders NOLOGIN",
        "ALTER ROLE app_orders PASSWORD 'x'",
        "ALTER ROLE cordon_hand CREATEROLE",
        "CREATE ROLE more",
        "GRANT readers TO cordon_hand",
        "GRANT SELECT ON shop.orders TO cordon_hand",
        "SELECT * FROM shop.orders",
        "SELECT * FROM cordon.taken",
        "INSERT INTO cordon.taken VALUES (1, 'login', '{}', '')",
        "SELECT cordon.take_one('other'::regrole, 'login', NULL, '')",
        "SELECT cordon.give_grants('cordon_hand'::regrole, '[]')",
        "SELECT cordon.as_grantor(10, 10, 'SELECT 1')",
        "CREATE TABLE shop.t (i int)",
        "CREATE FUNCTION cordon.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SET ROLE postgres",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT rolpassword FROM pg_authid",
        "SELECT pg_reload_conf()",
    ] {
        let tried = bed.server.sql("cordon_hand", "members", attempt);
        let why = tried.expect_err(attempt).to_string();
        assert!(
            why.contains("permission denied")
                || why.contains("must be")
                || why.contains("must have")
                || why.contains("not authorized"),
            "{attempt}: {why}"
        );
    }
    let asked = |statement: &str| {
        let said = bed.server.sql("cordon_hand", "members", statement).unwrap();
        said.trim().to_owned()
    };
    for outside in ["other", "postgres", "root2", "cordon_hand", "cordon_scope", "chief", "none"] {
        for what in ["login", "grants"] {
            let call = format!("'{{{outside}}}', '{what}'");
            let refuse = format!("SELECT answer FROM cordon.refuse({call}, '{{}}', '')");
            assert_eq!(asked(&refuse), "unlisted", "{outside}");
            assert_eq!(asked(&format!("SELECT answer FROM cordon.restore({call})")), "unlisted");
        }
        let end = format!("SELECT answer FROM cordon.end_connections('{{{outside}}}')");
        assert_eq!(asked(&end), "unlisted");
    }
    // What an administrator has disabled, Cordon's role cannot enable.
    bed.server.sql("postgres", "members", "ALTER ROLE reporting NOLOGIN").unwrap();
    let give = "SELECT answer FROM cordon.restore('{reporting}', 'login')";
    assert_eq!(asked(give), "not ours");
    bed.server.sql("postgres", "members", "ALTER ROLE reporting LOGIN").unwrap();
    assert_eq!(bed.state(), before);
    // More than it needs is told before an incident.
    bed.server.sql("postgres", "members", "ALTER ROLE cordon_hand CREATEROLE").unwrap();
    let checks = bed.connector().preflight(DEADLINE);
    let excess = "it may create and change roles".to_owned();
    assert_eq!(checks[0].finding, Readiness::Excessive(excess));
}

#[test]
fn troubles_are_told_by_their_kind() {
    let Some(bed) = bed() else { return };
    let soon = Duration::from_secs(2);
    let cut = call("revoke-role", Mode::Refuse, &["role:orders"]);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let with = |changes: Json| bed.with(&changes).unwrap();
    let unreachable = TroubleKind::Unreachable;
    let mut offline = with(json!({"port": free}));
    expect(&trouble(&mut *offline, Act::Refuse, &cut, soon), unreachable, &["nothing was sent"]);
    let mut slow = with(json!({"port": silent.local_addr().unwrap().port()}));
    let start = Instant::now();
    expect(&trouble(&mut *slow, Act::Refuse, &cut, soon), unreachable, &["did not let us in"]);
    assert!(start.elapsed() < soon * 2);
    let mut stranger = with(json!({"host": "other.north.example"}));
    expect(&trouble(&mut *stranger, Act::Look, &cut, soon), unreachable, &["ertificate"]);
    let mut wrong = with(json!({"user": "other"}));
    expect(
        &trouble(&mut *wrong, Act::Look, &cut, soon),
        TroubleKind::Denied,
        &["permission denied"],
    );
    let mut nobody = with(json!({"user": "nobody"}));
    expect(&trouble(&mut *nobody, Act::Look, &cut, soon), TroubleKind::Denied, &["nobody"]);
    let mut bare = with(json!({"database": "postgres"}));
    expect(&trouble(&mut *bare, Act::Look, &cut, soon), TroubleKind::Unsupported, &["rights.sql"]);
    let mut plain = bed.settings();
    plain["host"] = json!("10.1.2.3");
    for key in ["ca", "address"] {
        plain.as_object_mut().unwrap().remove(key);
    }
    let site = site("database", Path::new(bed.folder.path()), plain, &NODES);
    assert!(open(&site).is_err_and(|error| error.to_string().contains("without TLS")));

    let mut database = bed.connector();
    let mut refused = |kind, mode, target, trouble_kind, words: &[&str]| {
        let call = call(kind, mode, &[target]);
        let act = if mode == Mode::End { Act::End } else { Act::Look };
        expect(&trouble(&mut *database, act, &call, soon), trouble_kind, words);
    };
    let (refuse, denied, out) = (Mode::Refuse, TroubleKind::Denied, TroubleKind::Unsupported);
    refused("revoke-role", refuse, "role:other", denied, &["GRANT cordon_scope TO \"other\""]);
    refused("revoke-role", refuse, "role:root2", denied, &["superuser"]);
    let unknown = TroubleKind::Unknown;
    refused("revoke-role", refuse, "role:misspelt", unknown, &["no role", "names"]);
    refused("revoke-role", refuse, "role:twice", out, &["app_orders", "reporting"]);
    refused("revoke-role", refuse, "role:readers", out, &["members"]);
    refused("end-connections", Mode::End, "role:other", denied, &["not listed"]);
    refused("isolate-host", refuse, "role:orders", out, &["revoke-role"]);
    // Half permitted: each target has its own answer.
    let mixed = call("revoke-role", refuse, &["role:gone", "role:orders", "role:other"]);
    let seen = look(&mut *database, &mixed);
    let access: Vec<Access> = seen.iter().map(|seen| seen.access).collect();
    assert_eq!(access, [Access::Absent, Access::Open, Access::Unknown]);
    let answers = acted(&mut *database, Act::Refuse, &mixed, &seen);
    assert_eq!(answers[..2], [Answer::AlreadySo { by: None }, Answer::Done]);
    assert!(matches!(&answers[2], Answer::Failed(t) if t.kind == TroubleKind::Denied));
    done(&acted(
        &mut *database,
        Act::Restore,
        &call("revoke-role", refuse, &["role:orders"]),
        &seen[1..2],
    ));
    let owner = call("revoke-grants", refuse, &["role:owner1"]);
    let why = trouble(&mut *database, Act::Refuse, &owner, soon);
    // An owner without other grants has nothing to revoke and still has its tables.
    assert_eq!(why.kind, out, "{why}");
    let lender = call("revoke-grants", refuse, &["role:lender"]);
    let why = trouble(&mut *database, Act::Refuse, &lender, soon);
    expect(&why, denied, &["dependent"]);
}

#[test]
fn a_thousand_roles_at_once_and_one_at_a_time() {
    let Some(bed) = bed() else { return };
    let make = "DO $$ BEGIN FOR n IN 1..1000 LOOP
        EXECUTE format('CREATE ROLE bulk%s LOGIN IN ROLE cordon_scope', n); END LOOP; END $$";
    bed.server.sql("postgres", "members", make).unwrap();
    let before = bed.state();
    let ids: Vec<String> = (1..=1000).map(|n| format!("role:bulk{n}")).collect();
    let targets: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut database = bed.connector();
    let cut = call("revoke-role", Mode::Refuse, &targets);
    let prior = look(&mut *database, &cut);
    assert_eq!(prior[999].target, node("role:bulk1000"));
    let start = Instant::now();
    done(&acted(&mut *database, Act::Refuse, &cut, &prior));
    let raised = start.elapsed();
    let start = Instant::now();
    done(&acted(&mut *database, Act::Restore, &cut, &prior));
    println!("1,000 roles in one call: raised in {raised:?}, lifted in {:?}", start.elapsed());
    let mut raises = Vec::new();
    for target in &targets[..100] {
        let cut = call("revoke-role", Mode::Refuse, &[target]);
        let prior = look(&mut *database, &cut);
        let start = Instant::now();
        done(&acted(&mut *database, Act::Refuse, &cut, &prior));
        raises.push(start.elapsed());
        done(&acted(&mut *database, Act::Restore, &cut, &prior));
    }
    figures("database raise", &mut raises);
    assert_eq!(bed.state(), before);
}
