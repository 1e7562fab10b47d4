//! From a node to exactly one object, by the spellings that the estate knows.
//!
//! Some spellings name one object of the domain for sure (an identifier, a name
//! in the tree, `DOMAIN\name`, `name@the.domain`), others may mean somebody else
//! elsewhere (`ann`). What is sure goes first; two objects are trouble; *not
//! there* is only said of a sure spelling, because a misspelt account that
//! counts as gone would be an open door that nobody looks at.

use std::time::Instant;

use cordon_model::NodeId;
use cordon_model::action::{Trouble, TroubleKind};
use ldap3::{Scope, ldap_escape};

use super::dn::Dn;
use super::entry::{Entry, sid};
use super::settings::{Dialect, Place};
use super::wire::{Ask, Wire};

/// Terms in one filter; servers answer a few hundred in milliseconds and refuse thousands.
const TERMS: usize = 150;

/// What the directory has under a node's spellings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// One object in the scope.
    One(Entry),
    /// Surely nothing.
    Nobody,
    /// Several, one out of scope, or nothing that could be told for sure.
    Unclear(Trouble),
}

impl Found {
    /// The name of the object, where there is one.
    pub(super) fn dn(&self) -> Option<&str> {
        match self {
            Self::One(entry) => Some(&entry.dn),
            Self::Nobody | Self::Unclear(_) => None,
        }
    }
}

/// One way to name an account.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Spelling {
    Sid(String),
    Dn(Dn, String),
    /// `name@domain`, with the name where the domain is this one.
    Principal(String, Option<String>),
    /// The account name, and whether it surely means this domain.
    Account(String, bool),
}

/// The objects of nodes, in their order.
///
/// # Errors
/// When the directory could not be asked.
pub(super) fn resolve(
    place: &Place,
    wire: &mut Wire,
    nodes: &[NodeId],
    attributes: &[&str],
    end: Instant,
) -> Result<Vec<Found>, Trouble> {
    let spellings: Vec<Vec<Spelling>> = nodes.iter().map(|node| place.spellings(node)).collect();
    let mut asked: Vec<&str> = place.naming().to_vec();
    asked.extend(attributes);
    let asks = filters(place, &spellings).into_iter().map(|filter| Ask {
        base: place.base_text.clone(),
        scope: Scope::Subtree,
        filter,
        attributes: asked.iter().map(|name| (*name).to_owned()).collect(),
        limit: None,
    });
    let mut entries = Vec::new();
    for found in wire.search_all(asks.collect(), end) {
        let found = found.map_err(|failure| failure.trouble("read the accounts"))?;
        entries.extend(found);
    }
    entries.sort_by(|a, b| a.dn.cmp(&b.dn));
    entries.dedup_by(|a, b| a.dn == b.dn);
    let known: Vec<Known<'_>> = entries.iter().map(|entry| place.known(entry)).collect();
    let pairs = nodes.iter().zip(&spellings);
    Ok(pairs.map(|(node, spellings)| place.choose(node, spellings, &known)).collect())
}

/// Filters of bounded size that together name every account.
fn filters(place: &Place, spellings: &[Vec<Spelling>]) -> Vec<String> {
    let terms: Vec<String> = spellings.iter().flatten().map(|s| place.term(s)).collect();
    let filter = |terms: &[String]| match place.dialect {
        Dialect::ActiveDirectory => format!("(&(objectClass=user)(|{}))", terms.concat()),
        Dialect::Openldap => format!("(|{})", terms.concat()),
    };
    terms.chunks(TERMS).map(filter).collect()
}

/// An entry with its names in comparable form.
struct Known<'a> {
    entry: &'a Entry,
    dn: Option<Dn>,
    sid: Option<String>,
    principal: Option<String>,
    account: Option<String>,
}

impl Place {
    /// The attribute that holds the account name.
    pub(super) fn account_attribute(&self) -> &'static str {
        match self.dialect {
            Dialect::ActiveDirectory => "sAMAccountName",
            Dialect::Openldap => "uid",
        }
    }

    fn naming(&self) -> &'static [&'static str] {
        match self.dialect {
            Dialect::ActiveDirectory => {
                &["objectGUID", "objectSid", "userPrincipalName", "sAMAccountName"]
            }
            Dialect::Openldap => &["entryUUID", "uid"],
        }
    }

    /// Every way to name a node here; a name in the settings stands alone.
    fn spellings(&self, node: &NodeId) -> Vec<Spelling> {
        if let Some(name) = self.names.get(node) {
            return self.spelling(name).map(Spelling::made_sure).into_iter().collect();
        }
        self.site.spellings(node).iter().filter_map(|text| self.spelling(text)).collect()
    }

    /// Whether a text can be the name of an account here.
    pub(super) fn can_mean(&self, text: &str) -> bool {
        self.spelling(text).is_some()
    }

    /// What a text could mean here; none when it belongs elsewhere.
    fn spelling(&self, text: &str) -> Option<Spelling> {
        let text = text.trim();
        if text.is_empty() || text.len() > 1024 {
            return None;
        }
        if self.dialect == Dialect::ActiveDirectory {
            let upper = text.to_uppercase();
            if upper.starts_with("S-1-") {
                let digits = upper.split('-').skip(1).all(|part| part.parse::<u64>().is_ok());
                return digits.then_some(Spelling::Sid(upper));
            }
            if let Some((domain, name)) = text.split_once('\\').filter(|_| !text.contains('=')) {
                let ours = self.domain.as_deref().is_some_and(|d| d.eq_ignore_ascii_case(domain));
                return ours.then(|| Spelling::Account(name.to_lowercase(), true));
            }
        }
        if text.contains('=') {
            let dn = Dn::parse(text).filter(|dn| dn.is_under(&self.base));
            return dn.map(|dn| Spelling::Dn(dn, text.to_owned()));
        }
        if let Some((name, domain)) = text.rsplit_once('@') {
            let ours = domain.eq_ignore_ascii_case(&self.base.domain());
            let account = ours.then(|| name.to_lowercase());
            return match self.dialect {
                Dialect::ActiveDirectory => Some(Spelling::Principal(text.to_lowercase(), account)),
                Dialect::Openldap => account.map(|name| Spelling::Account(name, false)),
            };
        }
        Some(Spelling::Account(text.to_lowercase(), false))
    }

    /// The part of a filter that finds a spelling.
    fn term(&self, spelling: &Spelling) -> String {
        let account = |name: &str| format!("({}={})", self.account_attribute(), ldap_escape(name));
        match spelling {
            Spelling::Sid(sid) => format!("(objectSid={sid})"),
            Spelling::Dn(_, text) => {
                let attribute = match self.dialect {
                    Dialect::ActiveDirectory => "distinguishedName",
                    Dialect::Openldap => "entryDN",
                };
                format!("({attribute}={})", ldap_escape(text.as_str()))
            }
            Spelling::Principal(text, name) => {
                let own = name.as_deref().map(account).unwrap_or_default();
                format!("(userPrincipalName={}){own}", ldap_escape(text.as_str()))
            }
            Spelling::Account(name, _) => account(name),
        }
    }

    fn known<'a>(&self, entry: &'a Entry) -> Known<'a> {
        Known {
            entry,
            dn: Dn::parse(&entry.dn),
            sid: entry.values("objectSid").first().and_then(|bytes| sid(bytes)),
            principal: entry.text("userPrincipalName").map(str::to_lowercase),
            account: entry.text(self.account_attribute()).map(str::to_lowercase),
        }
    }

    fn choose(&self, node: &NodeId, spellings: &[Spelling], known: &[Known<'_>]) -> Found {
        let by = |sure: bool| -> Vec<&Known<'_>> {
            let meant = |known: &&Known<'_>| {
                spellings.iter().any(|s| s.identifies() == sure && s.is_of(known))
            };
            known.iter().filter(meant).collect()
        };
        let sure = by(true);
        let meant = if sure.is_empty() { by(false) } else { sure };
        let unclear = |kind, why: String| Found::Unclear(Trouble::new(kind, why));
        match meant.as_slice() {
            [] if spellings.iter().any(Spelling::proves_absence) => Found::Nobody,
            [] => unclear(
                TroubleKind::Unknown,
                format!(
                    "no account of the directory is called as `{node}` is, which does not prove that \
                     there is none; give the node its SID or `name@domain` as a spelling, or name \
                     the account in `names` of the connector `{}`",
                    self.site.name
                ),
            ),
            [one] => match self.is_in_scope(one) {
                true => Found::One(one.entry.clone()),
                false => unclear(
                    TroubleKind::Unsupported,
                    format!(
                        "`{node}` is `{}`, which is outside the scope of the connector `{}`; it was \
                         not touched",
                        one.entry.dn, self.site.name
                    ),
                ),
            },
            several => {
                let names: Vec<&str> =
                    several.iter().map(|known| known.entry.dn.as_str()).collect();
                unclear(
                    TroubleKind::Unsupported,
                    format!(
                        "`{node}` could be any of {}; none was touched; name the right one in `names` \
                         of the connector `{}`",
                        names.join(" and "),
                        self.site.name
                    ),
                )
            }
        }
    }

    #[cfg(test)]
    pub(super) fn choose_among(&self, node: &NodeId, entries: &[Entry]) -> Found {
        let known: Vec<Known<'_>> = entries.iter().map(|entry| self.known(entry)).collect();
        self.choose(node, &self.spellings(node), &known)
    }

    fn is_in_scope(&self, known: &Known<'_>) -> bool {
        let within = |dn: &Dn| self.scope.iter().any(|(_, above)| dn.is_under(above));
        known.dn.as_ref().is_some_and(within)
    }
}

impl Spelling {
    /// The same, by the word of whoever wrote the settings.
    fn made_sure(self) -> Self {
        if let Self::Account(name, _) = self { Self::Account(name, true) } else { self }
    }

    /// Whether it names one object of this domain and no other.
    fn identifies(&self) -> bool {
        matches!(self, Self::Sid(_) | Self::Dn(..) | Self::Principal(..) | Self::Account(_, true))
    }

    /// Whether finding nothing means that there is nothing.
    fn proves_absence(&self) -> bool {
        self.identifies() && !matches!(self, Self::Principal(_, None))
    }

    fn is_of(&self, known: &Known<'_>) -> bool {
        let same = |a: &Option<String>, b: &str| a.as_deref() == Some(b);
        match self {
            Self::Sid(sid) => same(&known.sid, sid),
            Self::Dn(dn, _) => known.dn.as_ref() == Some(dn),
            Self::Principal(text, name) => {
                same(&known.principal, text)
                    || name.as_deref().is_some_and(|name| same(&known.account, name))
            }
            Self::Account(name, _) => same(&known.account, name),
        }
    }
}
