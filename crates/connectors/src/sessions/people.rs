//! Users of a provider by its administration API: who a node is, what it has open, and
//! ending all of it.

use cordon_model::NodeId;
use cordon_model::action::{Access, Answer, Json, Observed, Trouble, TroubleKind};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::{Ask, Deadline, NOBODY, Sessions, blank, seconds_until, unsupported};

/// Puts an id or spelling into a path.
pub(super) fn filled(template: &str, key: &str, value: &str) -> String {
    template.replace(key, &utf8_percent_encode(value, NON_ALPHANUMERIC).to_string())
}

/// What a user has open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Open {
    /// What ends when it is ended.
    revocable: u32,
    /// What goes on until its own end.
    unrevocable: u32,
    /// Seconds until the last of those ends; none where one does not say.
    residual: Option<u64>,
}

impl Sessions {
    /// The user that a node is; two are trouble, none is nobody.
    pub(super) fn user(&self, node: &NodeId, deadline: Deadline) -> Result<Option<Json>, Trouble> {
        let fields = &self.settings.fields;
        if let Some(id) = self.settings.names.get(node.as_str()) {
            return self.thing(&self.settings.paths.user, id, "read a user", deadline);
        }
        let mut found: Vec<(String, Json)> = Vec::new();
        for spelling in self.site.spellings(node) {
            for path in &self.settings.paths.find {
                let path = filled(path, "{spelling}", &spelling);
                let told = self.admin()?.ask(&Ask::new("GET", path).to("find a user"), deadline)?;
                if !told.is_good() {
                    return Err(told.trouble("find a user"));
                }
                let Json::Array(users) = told.body else {
                    return Err(unsupported("`paths.find` answers with no list; correct it"));
                };
                for user in users.into_iter().filter(|user| self.is_called(user, &spelling)) {
                    let id = text(&user, &fields.id).ok_or_else(no_id)?;
                    if found.iter().all(|(other, _)| *other != id) {
                        found.push((id, user));
                    }
                }
            }
        }
        if found.len() > 1 {
            let count = found.len();
            let why = format!("`{node}` fits {count} users; say which one in `names`");
            return Err(Trouble::new(TroubleKind::Unknown, why));
        }
        match (found.pop(), self.site.may_be_misspelt(node)) {
            (Some((_, user)), _) => Ok(Some(user)),
            (None, Some(trouble)) => Err(trouble),
            (None, None) => Ok(None),
        }
    }

    /// Whether a user bears a name: a service that ignores what was asked must not mislead.
    fn is_called(&self, user: &Json, spelling: &str) -> bool {
        let mut names = self.settings.fields.names.iter().filter_map(|at| text(user, at));
        names.any(|name| name.to_lowercase() == spelling.to_lowercase())
    }

    /// A user or client by its id.
    pub(super) fn thing(
        &self,
        template: &str,
        id: &str,
        what: &str,
        deadline: Deadline,
    ) -> Result<Option<Json>, Trouble> {
        let ask = Ask::new("GET", filled(template, "{id}", id)).to(what);
        let told = self.admin()?.ask(&ask, deadline)?;
        match told.status {
            404 => Ok(None),
            _ if told.is_good() && told.body.is_object() => Ok(Some(told.body)),
            _ if told.is_good() => Err(unsupported(format!("could not {what}: that is no object"))),
            _ => Err(told.trouble(what)),
        }
    }

    /// Looks at what a user has open.
    pub(super) fn see_sessions(
        &self,
        node: &NodeId,
        deadline: Deadline,
    ) -> Result<Observed, Trouble> {
        let Some(user) = self.user(node, deadline)? else {
            return Ok(blank(node, Access::Absent));
        };
        let id = text(&user, &self.settings.fields.id).ok_or_else(no_id)?;
        let Some(open) = self.open(&id, &user, deadline)? else {
            return Ok(blank(node, Access::Absent));
        };
        let count = open.revocable.saturating_add(open.unrevocable);
        let access = if count == 0 { Access::Refused } else { Access::Open };
        // While something is left that could be ended, waiting is no answer.
        let residual_seconds = open.residual.filter(|_| open.revocable == 0);
        let state = json!({ "id": id });
        Ok(Observed { state, open: count, residual_seconds, ..blank(node, access) })
    }

    fn open(&self, id: &str, user: &Json, deadline: Deadline) -> Result<Option<Open>, Trouble> {
        let (paths, fields) = (&self.settings.paths, &self.settings.fields);
        let what = "list what a user has open";
        let ask = Ask::new("GET", filled(&paths.sessions, "{id}", id)).to(what);
        let told = self.admin()?.ask(&ask, deadline)?;
        if told.status == 404 {
            return Ok(None);
        }
        if !told.is_good() {
            return Err(told.trouble(what));
        }
        let Json::Array(items) = &told.body else {
            return Err(unsupported("`paths.sessions` answers with no list; correct it"));
        };
        let mut open = Open { residual: Some(0), ..Open::default() };
        for item in items {
            let expires = item.pointer(&fields.expires).and_then(Json::as_u64);
            let left = expires.map(seconds_until);
            match item.pointer(&fields.revocable) {
                _ if left == Some(None) => {}
                Some(Json::Bool(false)) => {
                    open.unrevocable += 1;
                    open.residual = open.residual.zip(left.flatten()).map(|(a, b)| a.max(b));
                }
                Some(_) | None => open.revocable += 1,
            }
        }
        self.add_signed_tokens(&mut open, user);
        Ok(Some(open))
    }

    /// Signed access tokens that nobody lists live on for their usual life after the last end.
    fn add_signed_tokens(&self, open: &mut Open, user: &Json) {
        let ended = user.pointer(&self.settings.fields.not_before).and_then(Json::as_u64);
        let ends = ended.filter(|at| *at > 0).zip(self.settings.access_token_seconds);
        let left = ends.and_then(|(at, life)| seconds_until(at.saturating_add(life)));
        if let Some(left) = left {
            open.unrevocable = open.unrevocable.max(1);
            open.residual = open.residual.map(|residual| residual.max(left));
        }
    }

    /// Ends everything that a user has open.
    pub(super) fn end_sessions(
        &self,
        node: &NodeId,
        deadline: Deadline,
    ) -> Result<Answer, Trouble> {
        let already = Answer::AlreadySo { by: None };
        let Some(user) = self.user(node, deadline)? else { return Ok(already) };
        let id = text(&user, &self.settings.fields.id).ok_or_else(no_id)?;
        match self.open(&id, &user, deadline)? {
            Some(open) if open.revocable > 0 => {}
            Some(_) | None => return Ok(already),
        }
        let what = format!("end what `{node}` has open");
        for ask in self.ends(&id)? {
            let told = self.admin()?.ask(&ask.to(&*what), deadline)?;
            if !told.is_good() && told.status != 404 {
                return Err(told.trouble(&what));
            }
        }
        Ok(Answer::Done)
    }

    fn ends(&self, id: &str) -> Result<Vec<Ask>, Trouble> {
        let ask = |end: &String| {
            let (method, path) = end.split_once(' ').unwrap_or(("DELETE", end));
            let method = match method {
                "DELETE" => "DELETE",
                "POST" => "POST",
                "PUT" => "PUT",
                other => {
                    let why = format!("`paths.end` names `{other}`; it may be DELETE, POST or PUT");
                    return Err(unsupported(why));
                }
            };
            let ask = Ask::new(method, filled(path, "{id}", id));
            Ok(if method == "DELETE" { ask } else { ask.body("application/json", "{}") })
        };
        self.settings.paths.end.iter().map(ask).collect()
    }

    /// What ending would send.
    pub(super) fn ending(
        &self,
        node: &NodeId,
        open: u32,
        deadline: Deadline,
    ) -> Result<String, Trouble> {
        let user = self.user(node, deadline)?.unwrap_or_default();
        let id = text(&user, &self.settings.fields.id).ok_or_else(no_id)?;
        let asks: Vec<String> =
            self.ends(&id)?.iter().map(|ask| format!("{} {}", ask.method, ask.path)).collect();
        Ok(format!("{node}: {} ({open} open)", asks.join(", ")))
    }

    /// Whether users can be found.
    pub(super) fn may_find(&self, deadline: Deadline) -> Result<(), Trouble> {
        for path in &self.settings.paths.find {
            let ask = Ask::new("GET", filled(path, "{spelling}", NOBODY)).to("find a user");
            let told = self.admin()?.ask(&ask, deadline)?;
            if !told.is_good() {
                return Err(told.trouble("find a user"));
            }
            if !told.body.is_array() {
                return Err(unsupported("`paths.find` answers with no list; correct it"));
            }
        }
        Ok(())
    }

    /// Whether sessions could be ended, tried on nobody.
    pub(super) fn may_end(&self, deadline: Deadline) -> Result<(), Trouble> {
        for ask in self.ends(NOBODY)? {
            let told = self.admin()?.ask(&ask.to("try the right to end sessions"), deadline)?;
            if matches!(told.status, 401 | 403 | 405) {
                return Err(told.trouble("try the right to end sessions"));
            }
        }
        Ok(())
    }

    /// Whether it could delete users, tried on nobody.
    pub(super) fn could_delete(&self, deadline: Deadline) -> bool {
        let Ok(admin) = self.admin() else { return false };
        let ask = Ask::new("DELETE", filled(&self.settings.paths.user, "{id}", NOBODY));
        admin.ask(&ask, deadline).is_ok_and(|told| told.status == 404)
    }
}

pub(super) fn no_id() -> Trouble {
    unsupported("a user came without an id; correct `fields.id`")
}

/// Text or a number at a place.
pub(super) fn text(value: &Json, pointer: &str) -> Option<String> {
    match value.pointer(pointer)? {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}
