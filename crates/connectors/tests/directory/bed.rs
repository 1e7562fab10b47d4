//! A domain controller with a few accounts and groups, and a service account with the least
//! rights of `docs/connectors/directory.md`.

use cordon_connectors::Site;
use cordon_model::action::Json;
use cordon_testbed::samba::{self, BASE, PASSWORD, Right, Samba};
use serde_json::json;

use crate::directory::{Cut, secret, site};

/// What changes by itself whenever an object is written to, and back.
pub(crate) const VOLATILE: [&str; 3] = ["uSNChanged", "whenChanged", "replPropertyMetaData"];
/// What every sign-in changes of the account that signs in.
pub(crate) const OF_SIGN_INS: [&str; 5] =
    ["lastLogon", "lastLogonTimestamp", "logonCount", "badPasswordTime", "badPwdCount"];

/// A domain controller, and the settings of a connector to it.
pub(crate) struct Bed {
    pub(crate) samba: Samba,
    pub(crate) settings: Json,
}

const NODES: [(&str, &[&str]); 7] = [
    ("user:ann", &["ANN@CORDON.TEST"]),
    ("user:bob", &["CORDON\\bob"]),
    ("user:cat", &["CN=cat,OU=Staff,DC=cordon,DC=test"]),
    ("user:eve", &["eve@cordon.test"]),
    ("user:gone", &["gone@cordon.test"]),
    ("user:stranger", &["P Stranger"]),
    ("user:two", &["ann@cordon.test", "CORDON\\bob"]),
];

impl Bed {
    /// None where the machine has no Samba.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let samba = match samba::start() {
            Ok(samba) => samba,
            Err(samba::Failed::Missing(missing)) => {
                println!("skipped: {test} ({missing})");
                return None;
            }
            Err(samba::Failed::Io(error)) => panic!("{error}"),
        };
        let staff = samba.add_unit("Staff").unwrap();
        let other = samba.add_unit("Other").unwrap();
        samba.add_users(&other, &["svc", "eve"]).unwrap();
        samba.grant("svc", &staff, Right::Disable).unwrap();
        samba.grant("svc", &staff, Right::Expire).unwrap();
        samba.add_users(&staff, &["ann", "bob", "cat"]).unwrap();
        let finance = samba.add_group(&staff, "Finance", &["ann", "bob"]).unwrap();
        let tills = samba.add_group(&staff, "Tills", &["ann"]).unwrap();
        let marker = samba.add_group(&staff, "Removed", &[]).unwrap();
        samba.add_group(&staff, "Harmless", &["ann"]).unwrap();
        for group in [&finance, &tills, &marker] {
            samba.grant("svc", group, Right::Members).unwrap();
        }
        secret(samba.folder(), "secret", PASSWORD);
        let settings = json!({
            "urls": [format!("ldaps://{}", samba.ip())],
            "base": BASE,
            "domain": "CORDON",
            "scope": [staff],
            "bind_user": "svc@cordon.test",
            "secret": "file:secret",
            "ca_file": "ca.pem",
            "groups": [finance, tills],
            "marker": marker,
        });
        Some(Self { samba, settings })
    }

    pub(crate) fn site(&self) -> Site {
        self.with(|_| {})
    }

    pub(crate) fn with(&self, change: impl FnOnce(&mut Json)) -> Site {
        let mut settings = self.settings.clone();
        change(&mut settings);
        site(self.samba.folder(), settings, &NODES)
    }

    pub(crate) fn cut(&self, kind: &'static str, targets: &[&str]) -> Cut {
        Cut::new(&self.site(), kind, targets)
    }

    pub(crate) fn set(&self, user: &str, attribute: &str, value: &str) {
        let ldif = format!(
            "dn: CN={user},OU=Staff,{BASE}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"
        );
        self.samba.ldif(&ldif).unwrap();
    }
}
