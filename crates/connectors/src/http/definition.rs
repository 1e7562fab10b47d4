//! A definition: what one kind of outside system speaks, as a TOML file says it.
//!
//! It names requests and what their answers mean; it holds no code and decides
//! nothing. Every key that is not known, every path that starts nowhere and
//! every secret outside `[auth]` is found when the file is read, long before a
//! night on which it is needed. The language is described in
//! `docs/connectors/http.md`; what is done with it stands in `target.rs`.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::Mode;
use cordon_model::action::Access;
use regex::Regex;
use serde::Deserialize;

use super::template::{Condition, JsonTemplate, Template};
use super::value::Expression;

/// One outside system.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Definition {
    /// As settings name it: `entra`.
    pub(super) name: String,
    /// As people name it: `Microsoft Entra ID`.
    pub(super) title: String,
    /// Where every path starts.
    pub(super) base: Template,
    /// What settings may say.
    #[serde(default)]
    pub(super) settings: BTreeMap<String, Setting>,
    /// Sent with every request.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Template>,
    /// The first whose settings are all given is used.
    pub(super) auth: Vec<AuthPart>,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) errors: Errors,
    pub(super) paging: Option<Paging>,
    #[serde(default)]
    pub(super) preflight: Preflight,
    #[serde(rename = "withdrawal")]
    pub(super) withdrawals: Vec<Withdrawal>,
}

/// One setting of a definition.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Setting {
    /// What it is, for the one who writes settings.
    pub(super) what: String,
    /// Taken where settings say nothing.
    pub(super) default: Option<Template>,
    /// A reference to a secret; usable in `[auth]` only.
    #[serde(default)]
    pub(super) secret: bool,
    /// May be left out without a default.
    #[serde(default)]
    pub(super) optional: bool,
}

/// How requests prove who sends them.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case")]
pub(super) enum AuthPart {
    /// A header with a token.
    Header { name: String, value: Template },
    /// A user and a password.
    Basic { user: Template, password: Template },
    /// A token for a client's secret or signed assertion (RFC 6749, 7523).
    #[serde(rename = "oauth2", rename_all = "kebab-case")]
    OAuth2 {
        token_url: Template,
        form: BTreeMap<String, Template>,
        #[serde(default)]
        assertion: Option<Assertion>,
    },
    /// AWS Signature Version 4.
    #[serde(rename_all = "kebab-case")]
    Aws {
        access_key: Template,
        secret_key: Template,
        session_token: Option<Template>,
        region: Template,
        service: Template,
    },
}

/// A signed statement in place of a client's secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Assertion {
    /// A private key in PKCS#8 PEM; without it the form's secret is used.
    pub(super) key: Template,
    /// Its name at the other side.
    pub(super) key_id: Template,
    /// Who signs.
    pub(super) client: Template,
}

/// How fast requests may follow each other.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Limits {
    /// Requests in a second.
    pub(super) per_second: u32,
    /// Requests under way at once.
    pub(super) lanes: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_second: 10, lanes: 4 }
    }
}

/// What failing answers say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Errors {
    /// Where the vendor's code stands.
    pub(super) code: Option<Expression>,
    /// Where its words stand.
    pub(super) message: Option<Expression>,
    /// What means "too many requests", besides 429.
    pub(super) throttled: Vec<Code>,
    /// What means "you may not", besides 401 and 403.
    pub(super) denied: Vec<Code>,
    /// What means "changed meanwhile", besides 409 and 412.
    pub(super) changed: Vec<Code>,
    /// A header with the second (Unix time) from which requests are taken again.
    pub(super) reset_header: Option<String>,
}

/// A status, or a code of the vendor's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Code {
    /// A status: `404`.
    Status(u16),
    /// A code: `NoSuchEntity`.
    Name(String),
}

/// How a long list goes on.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case")]
pub(super) enum Paging {
    /// A header `Link: <..>; rel="next"` (RFC 8288).
    LinkHeader,
    /// An address at a path of the answer; `@odata.nextLink` is written `key = ".."`.
    NextUrl { key: String },
    /// A value at a path of the answer, sent back as the parameter `name`.
    Marker { at: Expression, name: String },
}

/// How it is known beforehand what the connector may do.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Preflight {
    /// Asked first.
    pub(super) steps: Vec<Request>,
    /// Where the rights that are held stand, as lists of names.
    pub(super) rights: Vec<Expression>,
    /// Rights that never count as too many.
    pub(super) harmless: Vec<String>,
}

/// One kind of withdrawal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Withdrawal {
    pub(super) kind: String,
    pub(super) mode: Mode,
    /// Kinds of nodes that it knows.
    pub(super) nodes: Vec<String>,
    /// One object serves all targets of an order.
    #[serde(default)]
    pub(super) together: bool,
    /// How a spelling leads to an object.
    #[serde(default)]
    pub(super) find: Vec<Request>,
    #[serde(default)]
    pub(super) look: Vec<Request>,
    /// What is kept as prior state.
    #[serde(default)]
    pub(super) state: BTreeMap<String, Expression>,
    /// Who brought it into this state.
    pub(super) owner: Option<Owner>,
    /// What the looks mean; the first rule that fits counts.
    pub(super) access: Vec<Rule>,
    /// States from which nothing is withdrawn, and why.
    #[serde(default)]
    pub(super) cannot: Vec<Cannot>,
    /// The requests that refuse or end.
    pub(super) raise: Vec<Request>,
    /// When Cordon's change still stands; without it: whenever access is refused.
    #[serde(default)]
    pub(super) stands: Condition,
    #[serde(default)]
    pub(super) restore: Vec<Request>,
    pub(super) probe: Option<Probe>,
}

/// When a state is Cordon's own work.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Owner {
    pub(super) when: Condition,
    /// The name; [`cordon_model::action::CORDON`] for ourselves.
    pub(super) name: Template,
}

/// What a state means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Rule {
    pub(super) is: Access,
    #[serde(default)]
    pub(super) when: Condition,
    #[serde(default)]
    pub(super) unless: Condition,
    /// Only once an attempt was made.
    #[serde(default)]
    pub(super) attempted: bool,
    /// Only until then; the rest is what remains open by itself.
    pub(super) until: Option<Until>,
    /// Only if the first moment is not before the second.
    pub(super) not_before: Option<(Expression, Expression)>,
    /// A list of what is open.
    pub(super) count: Option<Expression>,
}

/// A moment and seconds after it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Until {
    pub(super) at: Expression,
    pub(super) plus: Template,
}

/// A state from which nothing is withdrawn.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cannot {
    #[serde(default)]
    pub(super) when: Condition,
    #[serde(default)]
    pub(super) unless: Condition,
    pub(super) why: Template,
}

/// How the access is tried.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Probe {
    pub(super) steps: Vec<Request>,
    pub(super) holds: Condition,
    pub(super) leaks: Condition,
}

/// One request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Request {
    /// The name under which its answer is known afterwards.
    #[serde(rename = "as")]
    pub(super) name: Option<String>,
    pub(super) get: Option<Template>,
    pub(super) post: Option<Template>,
    pub(super) put: Option<Template>,
    pub(super) patch: Option<Template>,
    pub(super) delete: Option<Template>,
    pub(super) query: BTreeMap<String, Template>,
    pub(super) headers: BTreeMap<String, Template>,
    pub(super) json: Option<JsonTemplate>,
    pub(super) form: BTreeMap<String, Template>,
    pub(super) when: Condition,
    pub(super) unless: Condition,
    /// Where the answer holds a list; all its pages are read.
    pub(super) list: Option<Expression>,
    /// Which elements of the list count.
    #[serde(rename = "where")]
    pub(super) only: Condition,
    /// What means that there is no such thing.
    pub(super) gone: Vec<Code>,
    /// Sent as `If-Match`.
    pub(super) if_match: Option<Template>,
    /// Rights that it needs: `a | b` are equally small, what stands behind `<` would do but is more
    /// than it takes.
    pub(super) needs: Vec<Need>,
    /// It reads, although it is a POST.
    pub(super) reads: bool,
    /// Find only: which spellings it is for.
    pub(super) spelling: Option<Pattern>,
    /// Find only: where an object's name stands.
    pub(super) id: Option<Expression>,
}

/// A right that a request needs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) struct Need {
    /// Any of these is enough.
    pub(super) least: Vec<String>,
    /// Any of these is enough too, and more than it takes.
    pub(super) broader: Vec<String>,
}

impl From<String> for Need {
    fn from(text: String) -> Self {
        let (least, broader) = text.split_once('<').unwrap_or((&text, ""));
        let names = |part: &str| {
            let names = part.split('|').map(str::trim).filter(|name| !name.is_empty());
            names.map(str::to_owned).collect()
        };
        Self { least: names(least), broader: names(broader) }
    }
}

/// A regular expression over a whole spelling.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Pattern(Regex);

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Regex::new(&format!("^(?:{text})$")).map(Self).map_err(|error| error.to_string())
    }
}

impl Pattern {
    pub(super) fn fits(&self, spelling: &str) -> bool {
        self.0.is_match(spelling)
    }
}

/// Names that every scope knows.
const KNOWN: [&str; 10] =
    ["auth", "settings", "order", "node", "spelling", "object", "prior", "now", "attempt", "etag"];

impl Definition {
    /// Reads a definition; `file` is named in errors.
    ///
    /// # Errors
    /// Names file, place and what to do.
    pub(super) fn read(file: &str, text: &str) -> Result<Self, String> {
        let hint = "docs/connectors/http.md lists every key";
        let definition: Self =
            toml::from_str(text).map_err(|error| format!("`{file}`: {error}; {hint}"))?;
        definition.check().map_err(|why| format!("`{file}`: {why}; {hint}"))?;
        Ok(definition)
    }

    fn check(&self) -> Result<(), String> {
        let everywhere = std::iter::once(&self.base).chain(self.headers.values());
        let none = BTreeSet::new();
        for expression in everywhere.flat_map(Template::expressions) {
            self.check_root(expression, &none, "`base` or `headers`")?;
        }
        self.check_auth()?;
        self.check_steps(&self.preflight.steps, &none, "preflight.steps")?;
        let asked = names(&self.preflight.steps);
        for expression in &self.preflight.rights {
            self.check_root(expression, &asked, "preflight.rights")?;
        }
        self.withdrawals.iter().try_for_each(|withdrawal| {
            self.check_withdrawal(withdrawal)
                .map_err(|why| format!("withdrawal `{}`: {why}", withdrawal.kind))
        })
    }

    fn check_auth(&self) -> Result<(), String> {
        for expression in self.auth.iter().flat_map(AuthPart::expressions) {
            let known = expression.root() == Some("settings")
                && expression.second().is_some_and(|name| self.settings.contains_key(name));
            if !known {
                let text = expression.as_str();
                return Err(format!(
                    "`[auth]` uses `{text}`, which is no setting; declare it in `[settings]`"
                ));
            }
        }
        Ok(())
    }

    fn check_withdrawal(&self, withdrawal: &Withdrawal) -> Result<(), String> {
        let none = BTreeSet::new();
        for find in &withdrawal.find {
            let asks = find.methods().next().is_some();
            if find.spelling.is_none() || find.id.is_some() != asks || find.name.is_some() {
                return Err(
                    "each `find` needs `spelling`, a request with an `id` or neither, and no `as`"
                        .to_owned(),
                );
            }
            if asks {
                self.check_request(find, &none, "find")?;
            }
        }
        if withdrawal.find.is_empty() != withdrawal.together {
            return Err("write either `find` or `together = true`".to_owned());
        }
        for step in withdrawal.look.iter().chain(&withdrawal.raise).chain(&withdrawal.restore) {
            if step.spelling.is_some() || step.id.is_some() {
                return Err("`spelling` and `id` belong to `find`".to_owned());
            }
        }
        if (withdrawal.mode == Mode::End) != withdrawal.restore.is_empty() {
            return Err("a `refuse` needs `restore`, an `end` has none".to_owned());
        }
        if let Some(write) = withdrawal.look.iter().find(|step| step.writes()) {
            return Err(format!("`look` would change something: {:?}", write.name));
        }
        self.check_steps(&withdrawal.look, &none, "look")?;
        let mut seen = names(&withdrawal.look);
        self.check_steps(&withdrawal.raise, &seen, "raise")?;
        self.check_steps(&withdrawal.restore, &seen, "restore")?;
        for expression in withdrawal.meanings() {
            self.check_root(expression, &seen, "state, owner, access, cannot or stands")?;
        }
        if let Some(probe) = &withdrawal.probe {
            self.check_steps(&probe.steps, &seen, "probe")?;
            seen.extend(names(&probe.steps));
            for expression in probe.holds.paths().chain(probe.leaks.paths()) {
                self.check_root(expression, &seen, "probe")?;
            }
        }
        Ok(())
    }

    fn check_steps(
        &self,
        steps: &[Request],
        before: &BTreeSet<&str>,
        part: &str,
    ) -> Result<(), String> {
        let mut seen = before.clone();
        for step in steps {
            self.check_request(step, &seen, part)?;
            seen.extend(step.name.as_deref());
        }
        Ok(())
    }

    fn check_request(
        &self,
        request: &Request,
        seen: &BTreeSet<&str>,
        part: &str,
    ) -> Result<(), String> {
        if request.methods().count() != 1 {
            return Err(format!(
                "`{part}`: a request has exactly one of `get`, `post`, `put`, `patch`, `delete`"
            ));
        }
        if request.json.is_some() && !request.form.is_empty() {
            return Err(format!("`{part}`: a request has `json` or `form`, not both"));
        }
        let expressions = request.expressions();
        expressions.into_iter().try_for_each(|expression| self.check_root(expression, seen, part))
    }

    fn check_root(
        &self,
        expression: &Expression,
        seen: &BTreeSet<&str>,
        part: &str,
    ) -> Result<(), String> {
        let text = expression.as_str();
        let root = expression.root().unwrap_or_default();
        if !KNOWN.contains(&root) && !seen.contains(root) {
            return Err(format!(
                "`{part}` uses `{text}`, but nothing before it is called `{root}`; name a request with `as = \"{root}\"`"
            ));
        }
        if root == "settings" {
            let name = expression.second().unwrap_or_default();
            let setting = self.settings.get(name);
            let setting = setting.ok_or_else(|| {
                format!("`{part}` uses `{text}`; declare it as `[settings.{name}]`")
            })?;
            if setting.secret {
                return Err(format!(
                    "`{part}` uses the secret `{text}`; secrets belong to `[auth]`"
                ));
            }
        }
        Ok(())
    }
}

fn names(steps: &[Request]) -> BTreeSet<&str> {
    steps.iter().filter_map(|step| step.name.as_deref()).collect()
}

impl AuthPart {
    /// The settings that it cannot do without.
    pub(super) fn needed(&self) -> Vec<&str> {
        let optional = match self {
            Self::OAuth2 { assertion: Some(part), .. } => part.key_id.expressions().collect(),
            Self::Aws { session_token: Some(token), .. } => token.expressions().collect(),
            Self::OAuth2 { .. } | Self::Aws { .. } | Self::Header { .. } | Self::Basic { .. } => {
                Vec::new()
            }
        };
        let needed = self.expressions().into_iter().filter(|used| !optional.contains(used));
        needed.filter_map(Expression::second).collect()
    }

    /// As definitions name it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Header { .. } => "header",
            Self::Basic { .. } => "basic",
            Self::OAuth2 { .. } => "oauth2",
            Self::Aws { .. } => "aws",
        }
    }

    fn expressions(&self) -> Vec<&Expression> {
        let templates: Vec<&Template> = match self {
            Self::Header { value, .. } => vec![value],
            Self::Basic { user, password } => vec![user, password],
            Self::OAuth2 { token_url, form, assertion } => {
                let assertion = assertion.iter().flat_map(|a| [&a.key, &a.key_id, &a.client]);
                std::iter::once(token_url).chain(form.values()).chain(assertion).collect()
            }
            Self::Aws { access_key, secret_key, session_token, region, service } => {
                let parts = [access_key, secret_key, region, service];
                parts.into_iter().chain(session_token.as_ref()).collect()
            }
        };
        templates.into_iter().flat_map(Template::expressions).collect()
    }
}

impl Withdrawal {
    fn meanings(&self) -> Vec<&Expression> {
        let mut found: Vec<&Expression> = self.state.values().collect();
        for rule in &self.access {
            found.extend(rule.when.paths().chain(rule.unless.paths()));
            found.extend(rule.when.values());
            found.extend(rule.unless.values());
            found.extend(rule.until.iter().map(|until| &until.at));
            found.extend(rule.until.iter().flat_map(|until| until.plus.expressions()));
            found.extend(rule.not_before.iter().flat_map(|(a, b)| [a, b]));
            found.extend(&rule.count);
        }
        for cannot in &self.cannot {
            found.extend(cannot.when.paths().chain(cannot.unless.paths()));
            found.extend(cannot.why.expressions());
        }
        found.extend(self.stands.paths());
        found.extend(self.stands.values());
        if let Some(owner) = &self.owner {
            found.extend(owner.when.paths().chain(owner.name.expressions()));
            found.extend(owner.when.values());
        }
        found
    }
}

impl Request {
    /// Its method and path; exactly one in a definition that was checked.
    pub(super) fn methods(&self) -> impl Iterator<Item = (&'static str, &Template)> {
        let all = [
            ("GET", &self.get),
            ("POST", &self.post),
            ("PUT", &self.put),
            ("PATCH", &self.patch),
            ("DELETE", &self.delete),
        ];
        all.into_iter().filter_map(|(method, path)| Some((method, path.as_ref()?)))
    }

    /// Whether it changes something at the other side.
    pub(super) fn writes(&self) -> bool {
        self.get.is_none() && !self.reads
    }

    fn expressions(&self) -> Vec<&Expression> {
        let paths = self.methods().map(|(_, path)| path);
        let maps = self.query.values().chain(self.headers.values()).chain(self.form.values());
        let templates = paths.chain(maps).chain(&self.if_match);
        let mut found: Vec<&Expression> = templates.flat_map(Template::expressions).collect();
        found.extend(self.json.iter().flat_map(JsonTemplate::expressions));
        found.extend(self.when.paths().chain(self.unless.paths()));
        found.extend(self.when.values());
        found.extend(self.unless.values());
        found.extend(self.only.values());
        found
    }
}
