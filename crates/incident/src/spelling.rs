//! One spelling of one name: what it is, and the form in which spellings compare.
//!
//! A [`Key`] is a spelling in normal form together with its class: an account
//! of a domain, an address for mail or Kerberos, a SID, a full host name, a
//! bare word. The class decides how far a name reaches: `NORTH\ann` means one
//! account wherever it stands, the bare `ann` only where nobody else is called
//! so. Joining keys to nodes is the work of [`crate::names`].

use std::net::IpAddr;

use cordon_model::signal::MentionKind;

/// How far a spelling reaches, and what it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Class {
    /// `domain\user`; the domain may turn out to be a host, the account local.
    Account,
    /// `user@dns.domain`: a user principal name, a Kerberos name or a mail address.
    Principal,
    /// A Windows security identifier of a domain or machine account.
    Sid,
    /// An Amazon resource name, of an account or role without its session.
    Arn,
    /// A full host name.
    FullHost,
    /// A host's first label, or its NetBIOS name.
    ShortHost,
    /// A network address.
    Ip,
    /// A name that is unique in itself: an access key, a token, an application id.
    Exact,
    /// A bare word for a user, which anybody else may bear too.
    Bare,
}

/// A spelling in normal form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// What sort of thing it names; a machine account names its host.
    pub(crate) kind: MentionKind,
    pub(crate) class: Class,
    pub(crate) text: Box<str>,
}

impl Key {
    pub(crate) fn new(kind: MentionKind, class: Class, text: impl Into<Box<str>>) -> Self {
        Self { kind, class, text: text.into() }
    }

    /// Tells whether the spelling means the same thing wherever it stands.
    pub(crate) fn is_global(&self) -> bool {
        !matches!(self.class, Class::Bare | Class::ShortHost | Class::Ip)
    }

    /// Splits `domain\user` or `user@domain` into domain and user.
    pub(crate) fn domain_and_user(&self) -> Option<(&str, &str)> {
        match self.class {
            Class::Account => self.text.split_once('\\'),
            Class::Principal => self.text.rsplit_once('@').map(|(user, domain)| (domain, user)),
            Class::Sid
            | Class::Arn
            | Class::FullHost
            | Class::ShortHost
            | Class::Ip
            | Class::Exact
            | Class::Bare => None,
        }
    }

    /// The short name that this spelling shares with bare ones, if it has one.
    pub(crate) fn short(&self) -> Option<&str> {
        match self.class {
            Class::Account | Class::Principal => self.domain_and_user().map(|(_, user)| user),
            Class::Arn => self.text.rsplit(['/', ':']).next(),
            Class::FullHost => self.text.split('.').next(),
            Class::ShortHost | Class::Bare => Some(&self.text),
            Class::Sid | Class::Ip | Class::Exact => None,
        }
    }
}

/// What a spelling is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It names something.
    Names(Key),
    /// It is the operating system itself, or nothing; never a node.
    Nobody,
}

/// Reads one spelling as a log gave it.
pub(crate) fn read(kind: MentionKind, raw: &str) -> Reading {
    let text = raw.trim().trim_matches('"').to_lowercase();
    if is_nothing(&text) {
        return Reading::Nobody;
    }
    match kind {
        MentionKind::User => read_user(&text),
        MentionKind::Host => read_host(&text),
        MentionKind::Address => read_address(&text),
        MentionKind::App if text.starts_with("arn:") => read_arn(&text),
        MentionKind::Key
        | MentionKind::App
        | MentionKind::Database
        | MentionKind::Data
        | MentionKind::Session
        | MentionKind::Group => Reading::Names(Key::new(kind, Class::Exact, text)),
    }
}

fn is_nothing(text: &str) -> bool {
    const NOTHING: &[&str] = &[
        "",
        "-",
        "--",
        "n/a",
        "null",
        "none",
        "unknown",
        "(null)",
        "<unknown>",
        "*",
        "\\",
        "-\\-",
    ];
    NOTHING.contains(&text)
}

fn read_user(text: &str) -> Reading {
    if text.starts_with("s-1-") {
        return read_sid(text);
    }
    if text.starts_with("arn:") {
        return read_arn(text);
    }
    let (domain, user) =
        text.rsplit_once('\\').map_or((None, text), |(d, u)| (Some(d.trim()), u.trim()));
    let domain = domain.filter(|domain| !is_nothing(domain));
    if is_system(domain, user) {
        return Reading::Nobody;
    }
    if let Some((name, at)) =
        user.rsplit_once('@').filter(|(name, at)| !name.is_empty() && !at.is_empty())
    {
        return read_principal(name, at);
    }
    if let Some(machine) = user.strip_suffix('$').filter(|machine| !machine.is_empty()) {
        return Reading::Names(Key::new(MentionKind::Host, Class::ShortHost, machine));
    }
    let key = match domain {
        Some(dns) if dns.contains('.') && dns != "." => {
            Key::new(MentionKind::User, Class::Principal, format!("{user}@{dns}"))
        }
        Some(".") | None => Key::new(MentionKind::User, Class::Bare, user),
        Some(domain) => Key::new(MentionKind::User, Class::Account, format!("{domain}\\{user}")),
    };
    Reading::Names(key)
}

fn read_principal(name: &str, domain: &str) -> Reading {
    if is_system(None, name) {
        return Reading::Nobody;
    }
    if let Some(machine) = name.strip_suffix('$') {
        return Reading::Names(Key::new(MentionKind::Host, Class::ShortHost, machine));
    }
    let key = if domain.contains('.') {
        Key::new(MentionKind::User, Class::Principal, format!("{name}@{domain}"))
    } else {
        Key::new(MentionKind::User, Class::Account, format!("{domain}\\{name}"))
    };
    Reading::Names(key)
}

fn read_sid(text: &str) -> Reading {
    // Only identifiers that an authority issued (domain, machine, Entra) name an
    // account; the rest are well-known parts of the system.
    if text.starts_with("s-1-5-21-") || text.starts_with("s-1-12-1-") {
        Reading::Names(Key::new(MentionKind::User, Class::Sid, text))
    } else {
        Reading::Nobody
    }
}

/// Reads `arn:aws:sts::1:assumed-role/ROLE/SESSION` as the role: sessions are never nodes.
fn read_arn(text: &str) -> Reading {
    let Some((head, role)) = text.split_once(":assumed-role/") else {
        let kind = if text.contains(":role/") { MentionKind::App } else { MentionKind::User };
        // Some records call the owner of the account by a user's name.
        let text = text
            .strip_suffix(":user/root")
            .map_or_else(|| text.to_owned(), |head| format!("{head}:root"));
        return Reading::Names(Key::new(kind, Class::Arn, text));
    };
    let role = role.split('/').next().unwrap_or(role);
    let head = head.replacen(":sts:", ":iam:", 1);
    Reading::Names(Key::new(MentionKind::App, Class::Arn, format!("{head}:role/{role}")))
}

fn read_host(text: &str) -> Reading {
    let text = text.trim_start_matches('\\').trim_end_matches('.');
    if text == "localhost" || text.starts_with("localhost.") {
        return Reading::Nobody;
    }
    if let Some(address) = parse_address(text) {
        return address;
    }
    if text.starts_with("s-1-5-21-") {
        return Reading::Names(Key::new(MentionKind::Host, Class::Sid, text));
    }
    let text = text.rsplit('\\').next().unwrap_or(text);
    let (name, domain) = text.split_once('@').unwrap_or((text, ""));
    let name = name.strip_suffix('$').unwrap_or(name);
    if name.is_empty() {
        return Reading::Nobody;
    }
    // `host/ws5.north.example` and `cifs/ws5` are service names of the host.
    let name = match name.split_once('/') {
        Some((_, host)) if !host.is_empty() && domain.is_empty() => {
            host.split([':', '/']).next().unwrap_or(host)
        }
        _ => name,
    };
    if name.starts_with("arn:") || name.starts_with("i-") && name.len() > 9 {
        return Reading::Names(Key::new(MentionKind::Host, Class::Exact, name));
    }
    let class = if name.contains('.') { Class::FullHost } else { Class::ShortHost };
    Reading::Names(Key::new(MentionKind::Host, class, name))
}

fn read_address(text: &str) -> Reading {
    // A source that is called an address may be a name after all (rhost=ws5).
    parse_address(text).unwrap_or_else(|| read_host(text))
}

/// Returns the reading of a text that is an address, with or without a port.
fn parse_address(text: &str) -> Option<Reading> {
    let bare = text.trim_start_matches('[');
    let bare = bare.split(']').next().unwrap_or(bare);
    let bare = bare.split('%').next().unwrap_or(bare);
    let host_of_pair = || bare.rsplit_once(':').map(|(host, _)| host);
    let address: IpAddr = bare.parse().ok().or_else(|| host_of_pair()?.parse().ok())?;
    let address = address.to_canonical();
    let local = match address {
        IpAddr::V4(v4) => {
            v4.is_loopback()
                || v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_link_local()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
        }
    };
    if local {
        return Some(Reading::Nobody);
    }
    Some(Reading::Names(Key::new(MentionKind::Address, Class::Ip, address.to_string())))
}

/// Tells whether an account is a part of the operating system or of a cloud itself.
fn is_system(domain: Option<&str>, user: &str) -> bool {
    const DOMAINS: &[&str] = &[
        "nt authority",
        "nt service",
        "window manager",
        "font driver host",
        "nt virtual machine",
        "iis apppool",
        "builtin",
        "autorite nt",
        "nt-autorität",
    ];
    const USERS: &[&str] = &[
        "system",
        "local system",
        "localsystem",
        "local service",
        "localservice",
        "network service",
        "networkservice",
        "anonymous logon",
        "everyone",
        "null sid",
        "nobody",
    ];
    is_nothing(user)
        || domain.is_some_and(|domain| DOMAINS.contains(&domain))
        || USERS.contains(&user)
        || numbered(user, "dwm-")
        || numbered(user, "umfd-")
        || user.ends_with(".amazonaws.com")
}

fn numbered(user: &str, prefix: &str) -> bool {
    user.strip_prefix(prefix)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}

/// Accounts that every machine has under the same name: without a domain they belong to the machine.
pub(crate) fn is_local_by_custom(user: &str) -> bool {
    const LOCAL: &[&str] = &[
        "administrator",
        "admin",
        "guest",
        "defaultaccount",
        "wdagutilityaccount",
        "root",
        "ubuntu",
        "ec2-user",
        "debian",
        "vagrant",
        "azureuser",
        "postgres",
        "www-data",
        "oracle",
        "daemon",
    ];
    LOCAL.contains(&user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_read_for_what_they_are() {
        use MentionKind::{Address, App, Host, Key as Credential, User};
        for (kind, raw, expect) in [
            (User, "NORTH\\Ann", "User Account north\\ann"),
            (User, "Ann@North.Example", "User Principal ann@north.example"),
            (User, "north.example\\ann", "User Principal ann@north.example"),
            (User, "NORTH.EXAMPLE\\ann@NORTH.EXAMPLE", "User Principal ann@north.example"),
            (User, "ann", "User Bare ann"),
            (User, ".\\ann", "User Bare ann"),
            (User, "S-1-5-21-1-2-3-1104", "User Sid s-1-5-21-1-2-3-1104"),
            (User, "S-1-5-18", "nobody"),
            (User, "NT AUTHORITY\\SYSTEM", "nobody"),
            (User, "NORTH\\SYSTEM", "nobody"),
            (User, "DWM-3", "nobody"),
            (User, "-\\-", "nobody"),
            (User, "NORTH\\WS5$", "Host ShortHost ws5"),
            (User, "WS5$@NORTH.EXAMPLE", "Host ShortHost ws5"),
            (User, "arn:aws:iam::1:user/Ann", "User Arn arn:aws:iam::1:user/ann"),
            (User, "arn:aws:sts::1:assumed-role/Reader/i-1", "App Arn arn:aws:iam::1:role/reader"),
            (User, "arn:aws:iam::1:user/Root", "User Arn arn:aws:iam::1:root"),
            (App, "arn:aws:iam::1:role/Reader", "App Arn arn:aws:iam::1:role/reader"),
            (Host, "WS5.north.example.", "Host FullHost ws5.north.example"),
            (Host, "\\\\WS5", "Host ShortHost ws5"),
            (Host, "10.0.0.5", "Address Ip 10.0.0.5"),
            (Host, "cifs/ws5.north.example", "Host FullHost ws5.north.example"),
            (Host, "S-1-5-21-1-2-3-1000", "Host Sid s-1-5-21-1-2-3-1000"),
            (Host, "localhost", "nobody"),
            (Address, "::ffff:10.0.0.5", "Address Ip 10.0.0.5"),
            (Address, "10.0.0.5:443", "Address Ip 10.0.0.5"),
            (Address, "127.0.0.1", "nobody"),
            (Address, "::1", "nobody"),
            (Credential, "AKIA0000EXAMPLE", "Key Exact akia0000example"),
        ] {
            let got = match read(kind, raw) {
                Reading::Nobody => "nobody".to_owned(),
                Reading::Names(key) => format!("{:?} {:?} {}", key.kind, key.class, key.text),
            };
            assert_eq!(got, expect, "{raw}");
        }
    }
}
