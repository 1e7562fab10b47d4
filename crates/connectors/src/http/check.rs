//! Reads a definition and finds what is wrong with it before anything is sent.
//!
//! What TOML cannot say is checked here: a path that starts at nothing, a secret
//! outside `[auth]`, a look that would change something, a refusal that could
//! not be given back. Each error names file, key and remedy.

use std::collections::BTreeSet;

use cordon_model::Mode;

use super::definition::{AuthPart, Definition, Request, Withdrawal};
use super::template::Template;
use super::value::Expression;

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
