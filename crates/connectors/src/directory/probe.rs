//! Tries whether an account is let in, at every domain controller of the settings.
//!
//! Two doors that need no password: Kerberos, which on Windows tells a closed
//! account before it asks for a password, and the locator (the question that
//! clients ask to find where to sign in, MS-ADTS section 6.3), for Samba, whose
//! Kerberos asks for the password first. Both are asked without the bind user.
//! Every controller has to refuse, because an intruder picks the slowest one.

use std::time::Instant;

use cordon_model::action::Finding;
use ldap3::ldap_escape;

use super::entry::Entry;
use super::kerberos::{Said, ask};
use super::resolve::Found;
use super::settings::{Access, Dialect, Place, Server};
use super::switch::Switch;
use super::wire::{Ask, Outcome, Wire};

/// Where domain controllers answer Kerberos.
const KERBEROS: u16 = 88;

/// One door for each domain controller, used without the bind user. OpenLDAP has none: it counts
/// every try with a wrong password, and knows no other.
pub(super) fn doors(dialect: Dialect, access: &Access) -> std::io::Result<Vec<Wire>> {
    if dialect == Dialect::Openldap {
        return Ok(Vec::new());
    }
    let door =
        |server: &Server| Access { servers: vec![server.clone()], bind: None, ..access.clone() };
    access.servers.iter().map(|server| Wire::new(door(server))).collect()
}

/// One finding for each account: closed only where every controller says so.
pub(super) fn sign_in(
    place: &Place,
    guests: &mut [Wire],
    found: &[Found],
    switch: Switch,
    end: Instant,
) -> Vec<Finding> {
    let accounts: Vec<String> = found.iter().filter_map(|found| place.account(found)).collect();
    let first = if guests.is_empty() { Finding::Untried } else { Finding::Holds };
    let mut findings = vec![first; accounts.len()];
    let mut left = u32::try_from(guests.len()).unwrap_or(u32::MAX);
    for guest in guests {
        // A controller that says nothing must not take the time of the others.
        let share = end.saturating_duration_since(Instant::now()) / left;
        left -= 1;
        let of_one = at_one(place, guest, &accounts, switch, Instant::now() + share);
        for (finding, new) in findings.iter_mut().zip(of_one) {
            *finding = worse(*finding, new);
        }
    }
    let mut findings = findings.into_iter();
    let told = |found: &Found| match found {
        Found::One(_) => findings.next().unwrap_or(Finding::Untried),
        Found::Nobody => Finding::Holds,
        Found::Unclear(_) => Finding::Untried,
    };
    found.iter().map(told).collect()
}

/// A leak at one controller is a leak; one that was not tried proves nothing.
fn worse(a: Finding, b: Finding) -> Finding {
    match (a, b) {
        (Finding::Leaks, _) | (_, Finding::Leaks) => Finding::Leaks,
        (Finding::Untried, _) | (_, Finding::Untried) => Finding::Untried,
        (Finding::Holds, Finding::Holds) => Finding::Holds,
    }
}

fn at_one(
    place: &Place,
    guest: &mut Wire,
    accounts: &[String],
    switch: Switch,
    end: Instant,
) -> Vec<Finding> {
    let realm = place.base.domain().to_uppercase();
    let host = guest.access().servers.first().map(|server| server.host.clone()).unwrap_or_default();
    let asked = vec![(host, realm)];
    let said = guest.concurrently(asked, 1, end, |(host, realm)| {
        ask((host, KERBEROS), realm, accounts.to_vec())
    });
    let said = said.into_iter().next().and_then(Outcome::answer);
    let said = said.unwrap_or_else(|| vec![Said::Nothing; accounts.len()]);
    let doubts: Vec<String> = said
        .iter()
        .zip(accounts)
        .filter(|(said, _)| **said == Said::Welcome)
        .map(|(_, account)| account.clone())
        .collect();
    let mut located = match doubts.is_empty() {
        true => Vec::new(),
        false => locate(place, guest, &doubts, switch, end),
    }
    .into_iter();
    let finding = |said| match said {
        Said::Revoked => Finding::Holds,
        Said::Welcome => located.next().unwrap_or(Finding::Untried),
        Said::Stranger | Said::Other(_) | Said::Nothing => Finding::Untried,
    };
    said.into_iter().map(finding).collect()
}

/// What it means that Kerberos asks for a password: on Windows that the account is open, on
/// Samba nothing yet, so there the locator is asked whether it would sign the account in.
fn locate(
    place: &Place,
    guest: &mut Wire,
    accounts: &[String],
    switch: Switch,
    end: Instant,
) -> Vec<Finding> {
    let untried = vec![Finding::Untried; accounts.len()];
    let Ok(root) = guest.search(Ask::one("", &["vendorName"]), end) else { return untried };
    let is_samba = root.iter().any(|entry| entry.text("vendorName").is_some());
    match (is_samba, switch) {
        (false, _) => vec![Finding::Leaks; accounts.len()],
        (true, Switch::Disabled) => {
            let asks = accounts.iter().map(|account| whereabouts(place, account)).collect();
            let answers = guest.search_all(asks, end).into_iter();
            answers.map(|answer| located(answer.unwrap_or_default().first())).collect()
        }
        // It does not look at the date.
        (true, Switch::Expired | Switch::Locked) => untried,
    }
}

/// The question of a client that looks for a controller to sign a normal account in.
fn whereabouts(place: &Place, account: &str) -> Ask {
    let domain = place.base.domain();
    let filter = format!(
        "(&(DnsDomain={})(User={})(AAC=\\10\\00\\00\\00)(NtVer=\\06\\00\\00\\00))",
        ldap_escape(domain.as_str()),
        ldap_escape(account)
    );
    Ask { filter, ..Ask::one("", &["Netlogon"]) }
}

/// LOGON_SAM_LOGON_RESPONSE_EX is 23, LOGON_SAM_USER_UNKNOWN_EX, said of disabled accounts too, 25.
fn located(entry: Option<&Entry>) -> Finding {
    let value = entry.and_then(|entry| entry.values("Netlogon").first());
    match value.map(Vec::as_slice) {
        Some([23, 0, ..]) => Finding::Leaks,
        Some([25, 0, ..]) => Finding::Holds,
        _ => Finding::Untried,
    }
}

impl Place {
    /// The name that an object signs in with.
    fn account(&self, found: &Found) -> Option<String> {
        match found {
            Found::One(entry) => {
                Some(entry.text(self.account_attribute()).unwrap_or_default().to_owned())
            }
            Found::Nobody | Found::Unclear(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_controller_that_was_not_tried_proves_nothing() {
        use Finding::{Holds, Leaks, Untried};
        for (a, b, both) in [
            (Holds, Holds, Holds),
            (Holds, Untried, Untried),
            (Untried, Leaks, Leaks),
            (Leaks, Holds, Leaks),
        ] {
            assert_eq!(worse(a, b), both);
        }
    }
}
