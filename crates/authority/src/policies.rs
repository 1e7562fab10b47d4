//! Reads and checks policies: Cedar text in, validated policies or every problem out.
//!
//! All or nothing: a file with one problem gives no policies at all. Problems
//! carry line, column and remedy. Policies are held against the schema
//! strictly, so a misspelt attribute or action is found here and not at night.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{
    Effect, EntityUid, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator,
};
use cordon_model::signal::Problem;
use miette::Diagnostic;

use crate::decision::Rule;

/// The schema of policies, in Cedar's own language.
pub const SCHEMA: &str = include_str!("schema.cedarschema");

/// Where the schema is explained.
const EXPLAINED: &str = "docs/authority.md lists what a policy may speak of";

/// Policies that fit the schema.
#[derive(Clone, Debug)]
pub struct Policies {
    pub(crate) set: PolicySet,
    pub(crate) schema: Schema,
    /// By id: its place in the file, and its words.
    rules: BTreeMap<PolicyId, (usize, Rule)>,
    /// Roles that a policy names.
    pub(crate) roles: BTreeSet<String>,
    /// Whether a policy names single withdrawals, so that no two are alike to it.
    pub(crate) name_withdrawals: bool,
    /// What is probably not meant.
    pub warnings: Vec<Problem>,
}

impl Policies {
    /// Reads policies; `file` is how problems name the text.
    ///
    /// # Errors
    /// Every problem, in the order of the text.
    pub fn read(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let desk = Desk { file, text };
        let schema = Schema::from_cedarschema_str(SCHEMA)
            .map_err(|error| vec![desk.whole(&format!("Cordon's own schema: {error}"))])?
            .0;
        let parsed = match text.parse::<PolicySet>() {
            Ok(set) => set,
            Err(errors) => return Err(errors.iter().map(|error| desk.syntax(error)).collect()),
        };
        let mut problems: Vec<Problem> = parsed
            .templates()
            .map(|template| desk.at_policy(&template.to_string(), TEMPLATE.0, TEMPLATE.1))
            .collect();
        let named = named(&desk, &parsed, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let result = Validator::new(schema.clone()).validate(&named.set, ValidationMode::Strict);
        let errors = result.validation_errors();
        problems.extend(errors.map(|error| desk.diagnosed(error, EXPLAINED)));
        desk.sort(&mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let remedy = "see whether the policy says what you mean";
        let told = result.validation_warnings().map(|warning| desk.diagnosed(warning, remedy));
        let mut warnings: Vec<Problem> = named.warnings.into_iter().chain(told).collect();
        desk.sort(&mut warnings);
        let literals: Vec<EntityUid> =
            named.set.policies().flat_map(Policy::entity_literals).collect();
        let of_type = |name: &str| -> BTreeSet<String> {
            let of = literals.iter().filter(|uid| uid.type_name().to_string() == name);
            of.map(|uid| uid.id().unescaped().to_owned()).collect()
        };
        Ok(Self {
            roles: of_type("Role"),
            name_withdrawals: !of_type("Withdrawal").is_empty(),
            set: named.set,
            schema,
            rules: named.rules,
            warnings,
        })
    }

    /// The rules of policies, in the order of the file.
    pub(crate) fn rules<'a>(&self, ids: impl Iterator<Item = &'a PolicyId>) -> Vec<Rule> {
        let mut rules: Vec<&(usize, Rule)> = ids.filter_map(|id| self.rules.get(id)).collect();
        rules.sort();
        rules.into_iter().map(|(_, rule)| rule.clone()).collect()
    }
}

const TEMPLATE: (&str, &str) =
    ("a template is never used here", "write the principal or resource instead of the `?` slot");

struct Named {
    set: PolicySet,
    rules: BTreeMap<PolicyId, (usize, Rule)>,
    warnings: Vec<Problem>,
}

/// Gives every policy its `@id` as its id, and notes its words.
fn named(desk: &Desk<'_>, parsed: &PolicySet, problems: &mut Vec<Problem>) -> Named {
    let mut policies: Vec<&Policy> = parsed.policies().collect();
    // Cedar numbers them as they stand: `policy0`, `policy1`.
    let number = |policy: &Policy| policy.id().to_string().trim_start_matches("policy").parse();
    policies.sort_by_key(|policy| number(policy).unwrap_or(usize::MAX));
    let mut read = 0;
    let mut named = Named { set: PolicySet::new(), rules: BTreeMap::new(), warnings: Vec::new() };
    for (place, policy) in policies.into_iter().enumerate() {
        let written = policy.to_string();
        let rest = desk.text.get(read..).unwrap_or_default();
        let offset = read + rest.find(&written).unwrap_or(0);
        read = offset + written.len();
        let line = desk.line(offset);
        let id = policy.annotation("id").map_or_else(|| format!("line-{line}"), str::to_owned);
        if id.starts_with("guard.") || id.trim().is_empty() {
            let what = format!("the id `{id}` is kept for Cordon's own guards");
            problems.push(desk.at(offset, &what, "give the policy another `@id`"));
            continue;
        }
        let because = policy.annotation("because").map_or_else(
            || {
                let effect = if policy.effect() == Effect::Permit { "permits" } else { "forbids" };
                format!("the policy on line {line} {effect} it")
            },
            str::to_owned,
        );
        for (annotation, use_of_it) in [
            ("id", "so that decisions can name the policy"),
            ("because", "so that decisions can say why"),
        ] {
            if policy.annotation(annotation).is_none_or(|text| text.trim().is_empty()) {
                let what = format!("the policy has no `@{annotation}(\"..\")`");
                named.warnings.push(desk.at(offset, &what, &format!("write one, {use_of_it}")));
            }
        }
        let renamed = policy.new_id(PolicyId::new(&id));
        if named.set.add(renamed).is_err() {
            let what = format!("two policies have the id `{id}`");
            problems.push(desk.at(offset, &what, "give one of them another `@id`"));
        }
        named.rules.insert(PolicyId::new(&id), (place, Rule { id, because }));
    }
    named
}

/// The file at hand, to tell where in it something is wrong.
struct Desk<'a> {
    file: &'a str,
    text: &'a str,
}

impl Desk<'_> {
    fn whole(&self, what: &str) -> Problem {
        Problem {
            file: self.file.to_owned(),
            place: String::new(),
            what: what.to_owned(),
            remedy: EXPLAINED.to_owned(),
        }
    }

    fn at(&self, offset: usize, what: &str, remedy: &str) -> Problem {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        let place = format!("line {}, column {column}", self.line(offset));
        Problem { place, remedy: remedy.to_owned(), ..self.whole(what) }
    }

    fn at_policy(&self, policy: &str, what: &str, remedy: &str) -> Problem {
        self.at(self.offset_of(policy), what, remedy)
    }

    /// Where a policy, printed as it was written, stands in the file.
    fn offset_of(&self, policy: &str) -> usize {
        self.text.find(policy).unwrap_or(0)
    }

    fn line(&self, offset: usize) -> usize {
        self.text.get(..offset).unwrap_or(self.text).matches('\n').count() + 1
    }

    fn syntax(&self, error: &cedar_policy::ParseError) -> Problem {
        self.diagnosed(error, "mend the text; docs/authority.md has examples")
    }

    /// What Cedar says, in its words without the policy's number, at its place.
    fn diagnosed(&self, error: &dyn Diagnostic, otherwise: &str) -> Problem {
        let said = error.to_string();
        let what = match said.strip_prefix("for policy `").and_then(|rest| rest.split_once("`, ")) {
            Some((_, what)) => what.to_owned(),
            None => said,
        };
        let label = error.labels().into_iter().flatten().next();
        let expected = label.as_ref().and_then(|label| label.label().map(str::to_owned));
        let helps = [error.help().map(|help| help.to_string()), expected];
        let remedy = helps.into_iter().flatten().next().unwrap_or_else(|| otherwise.to_owned());
        match label {
            Some(label) => self.at(label.offset(), &what, &remedy),
            None => Problem { remedy, ..self.whole(&what) },
        }
    }

    /// Brings problems into the order of the text.
    fn sort(&self, problems: &mut Vec<Problem>) {
        let numbers = |problem: &Problem| -> Vec<u64> {
            let digits = problem.place.split(|c: char| !c.is_ascii_digit());
            digits.filter_map(|digits| digits.parse().ok()).collect()
        };
        problems.sort_by_key(|problem| (numbers(problem), problem.what.clone()));
        problems.dedup();
    }
}
