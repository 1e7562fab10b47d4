//! From nodes to users of a SCIM service: filters with every spelling, many nodes
//! in one request, all pages, and never a guess.

use std::collections::BTreeMap;

use cordon_model::NodeId;
use cordon_model::action::{Json, Trouble, TroubleKind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Scim;
use crate::web::{Ask, Deadline, Told, shortened};

/// The longest encoded filter, in bytes: servers and gateways cut addresses above 2,000 or so.
const LONGEST_FILTER: usize = 1600;
/// How many users are asked for at once.
const PAGE: usize = 100;
/// From how many filters on it is asked whether a list of all users is shorter.
const WORTH_A_LIST: usize = 4;
/// The most pages of one answer that are read; more is a server that ignores the filter.
const PAGES: usize = 50;
/// What stays as it is in a query: the unreserved characters of RFC 3986.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A user as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) id: String,
    /// None where the service gives no value, which leaves the user usable.
    pub(super) active: Option<bool>,
    pub(super) version: Option<String>,
    names: Vec<String>,
    external: Option<String>,
}

/// What was found for each node: a user, nobody, or trouble.
pub(super) type Found = BTreeMap<NodeId, Result<Option<User>, Trouble>>;

impl Scim {
    /// Finds the users of nodes.
    pub(super) fn find(&self, nodes: &[NodeId], deadline: Deadline) -> Result<Found, Trouble> {
        let mut found = Found::new();
        let mut unnamed = Vec::new();
        for node in nodes {
            match self.settings.names.get(node.as_str()) {
                Some(id) => drop(found.insert(node.clone(), self.by_id(id, deadline))),
                None => unnamed.push(node),
            }
        }
        let spellings: Vec<Vec<String>> =
            unnamed.iter().map(|node| self.site.spellings(node)).collect();
        let users = self.candidates(&spellings, deadline)?;
        for (node, spellings) in unnamed.iter().zip(&spellings) {
            let user = only(node, spellings, &users);
            let user = user.and_then(|user| self.surely(node, user));
            found.insert((*node).clone(), user);
        }
        Ok(found)
    }

    fn surely(&self, node: &NodeId, user: Option<User>) -> Result<Option<User>, Trouble> {
        match self.site.may_be_misspelt(node) {
            Some(trouble) if user.is_none() => Err(trouble),
            Some(_) | None => Ok(user),
        }
    }

    /// Every user that one of the nodes could be.
    fn candidates(
        &self,
        spellings: &[Vec<String>],
        deadline: Deadline,
    ) -> Result<Vec<User>, Trouble> {
        let attributes = &self.settings.lookup;
        let many = clauses(attributes, spellings);
        let mut users = self.whole_list(filters(&many).len(), deadline)?.unwrap_or_default();
        // Who was not on a list, or moved between its pages, is asked for by name.
        let is_missing =
            |spellings: &&Vec<String>| !users.iter().any(|user| user.is_called(spellings));
        let missing: Vec<Vec<String>> = spellings.iter().filter(is_missing).cloned().collect();
        users.extend(self.all_that_match(&clauses(attributes, &missing), deadline)?);
        Ok(users)
    }

    /// Lists all users where that takes fewer requests than asking for names.
    fn whole_list(&self, filters: usize, deadline: Deadline) -> Result<Option<Vec<User>>, Trouble> {
        if filters < WORTH_A_LIST {
            return Ok(None);
        }
        self.pages(None, filters, deadline)
    }

    /// Reads one user by its id.
    pub(super) fn by_id(&self, id: &str, deadline: Deadline) -> Result<Option<User>, Trouble> {
        let told = self.web.ask(&Ask::new("GET", user_path(id)).to("read a user"), deadline)?;
        match told.status {
            404 => Ok(None),
            _ if told.is_good() => {
                let mut user = User::read(&told.body)?;
                user.version = told.etag.or(user.version);
                Ok(Some(user))
            }
            _ => Err(told.trouble("read a user")),
        }
    }

    fn all_that_match(&self, clauses: &[String], deadline: Deadline) -> Result<Vec<User>, Trouble> {
        let mut users = Vec::new();
        for filter in filters(clauses) {
            match self.pages(Some(&filter.join(" or ")), PAGES, deadline)? {
                Some(found) => users.extend(found),
                // A service without `or` is asked one by one.
                None => {
                    for clause in filter {
                        let found = self.pages(Some(clause), PAGES, deadline)?;
                        users.extend(found.ok_or_else(|| no_filter(clause))?);
                    }
                }
            }
        }
        Ok(users)
    }

    /// Every user that a filter finds, or every user; none if the service does not take the
    /// filter, or if listing all takes more than `most` pages.
    fn pages(
        &self,
        filter: Option<&str>,
        most: usize,
        deadline: Deadline,
    ) -> Result<Option<Vec<User>>, Trouble> {
        let condition = filter.map_or_else(String::new, |filter| {
            format!("filter={}&", utf8_percent_encode(filter, QUERY))
        });
        let mut users: Vec<User> = Vec::new();
        for _ in 0..most {
            let start = users.len() + 1;
            let path = format!(
                "/Users?{condition}startIndex={start}&count={PAGE}\
                 &attributes=userName,externalId,emails,active,meta"
            );
            let told = self.web.ask(&Ask::new("GET", path).to("find users"), deadline)?;
            if filter.is_some() && (told.status == 400 || told.status == 501) {
                return Ok(None);
            }
            let (total, page) = read_page(&told)?;
            let is_last = page.is_empty();
            users.extend(page);
            if users.len() >= total {
                return Ok(Some(users));
            }
            if is_last {
                let why = format!("of {total} users that match only {} came", users.len());
                return Err(Trouble::new(TroubleKind::Unknown, why));
            }
            if filter.is_none() && total > most * PAGE {
                return Ok(None);
            }
        }
        if filter.is_none() {
            return Ok(None);
        }
        let why = "the service answers a filter with thousands of users; it seems to ignore it";
        Err(Trouble::new(TroubleKind::Unsupported, why))
    }
}

/// How many users there are, and those of this page.
fn read_page(told: &Told) -> Result<(usize, Vec<User>), Trouble> {
    if !told.is_good() {
        return Err(told.trouble("find users"));
    }
    let total = told.body.get("totalResults").and_then(Json::as_u64);
    let total = total.and_then(|total| usize::try_from(total).ok()).ok_or_else(no_list)?;
    let page = told.body.get("Resources").and_then(Json::as_array);
    let page: Result<Vec<User>, Trouble> = page.into_iter().flatten().map(User::read).collect();
    Ok((total, page?))
}

/// The path of a user.
pub(super) fn user_path(id: &str) -> String {
    format!("/Users/{}", utf8_percent_encode(id, QUERY))
}

fn no_list() -> Trouble {
    Trouble::new(TroubleKind::Unsupported, "what `/Users` answers is no SCIM list; correct `url`")
}

fn no_filter(clause: &str) -> Trouble {
    let why = format!("the service does not take the filter `{}`", shortened(clause));
    Trouble::new(TroubleKind::Unsupported, format!("{why}; correct `lookup`"))
}

/// The one user that a node is; two are trouble.
fn only(node: &NodeId, spellings: &[String], users: &[User]) -> Result<Option<User>, Trouble> {
    let mut fits: Vec<&User> = users.iter().filter(|user| user.is_called(spellings)).collect();
    fits.dedup_by(|a, b| a.id == b.id);
    fits.sort_by(|a, b| a.id.cmp(&b.id));
    fits.dedup_by(|a, b| a.id == b.id);
    match &fits[..] {
        [] => Ok(None),
        [user] => Ok(Some((*user).clone())),
        _ => {
            let count = fits.len();
            let why = format!(
                "`{node}` fits {count} users; say which one in `names`, or correct its aliases"
            );
            Err(Trouble::new(TroubleKind::Unknown, why))
        }
    }
}

/// A condition for every spelling and attribute; addresses are only asked for where there is an `@`.
pub(super) fn clauses(attributes: &[String], spellings: &[Vec<String>]) -> Vec<String> {
    let mut all = Vec::new();
    for spellings in spellings {
        for spelling in spellings {
            let sensible =
                |attribute: &&String| !attribute.starts_with("emails") || spelling.contains('@');
            for attribute in attributes.iter().filter(sensible) {
                all.push(format!("{attribute} eq {}", quoted(spelling)));
            }
        }
    }
    all
}

/// A string of a filter: a JSON string (RFC 7644, section 3.4.2.2), so quotes cannot break out.
fn quoted(spelling: &str) -> String {
    Json::String(spelling.to_owned()).to_string()
}

/// Puts as many conditions into one filter as fit, all of one node together or not.
pub(super) fn filters(clauses: &[String]) -> Vec<Vec<&str>> {
    let mut all: Vec<Vec<&str>> = Vec::new();
    let mut length = 0;
    for clause in clauses {
        let own = utf8_percent_encode(clause, QUERY).to_string().len() + "%20or%20".len();
        match all.last_mut() {
            Some(filter) if length + own <= LONGEST_FILTER => {
                filter.push(clause);
                length += own;
            }
            Some(_) | None => {
                all.push(vec![clause]);
                length = own;
            }
        }
    }
    all
}

impl User {
    /// Reads a user resource.
    pub(super) fn read(resource: &Json) -> Result<Self, Trouble> {
        let text =
            |pointer: &str| resource.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
        let nonsense = |what: &str| Trouble::new(TroubleKind::Unknown, format!("a user {what}"));
        let id = text("/id").ok_or_else(|| nonsense("came without `id`"))?;
        let active = match resource.get("active") {
            None | Some(Json::Null) => None,
            Some(Json::Bool(active)) => Some(*active),
            // Some services write it as a string.
            Some(Json::String(word)) if word.eq_ignore_ascii_case("true") => Some(true),
            Some(Json::String(word)) if word.eq_ignore_ascii_case("false") => Some(false),
            Some(_) => {
                return Err(nonsense("came with an `active` that is neither true nor false"));
            }
        };
        let emails = resource.get("emails").and_then(Json::as_array).into_iter().flatten();
        let emails = emails.filter_map(|email| email.get("value").and_then(Json::as_str));
        let mut names: Vec<String> = emails.map(str::to_lowercase).collect();
        names.extend(text("/userName").map(|name| name.to_lowercase()));
        let (version, external) = (text("/meta/version"), text("/externalId"));
        Ok(Self { id, active, version, names, external })
    }

    /// Whether one of the spellings is its name or address (in any case) or its external id.
    fn is_called(&self, spellings: &[String]) -> bool {
        spellings.iter().any(|spelling| {
            self.names.contains(&spelling.to_lowercase())
                || self.external.as_deref() == Some(spelling)
        })
    }
}
