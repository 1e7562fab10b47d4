//! Sigma rules: loading, and grouping by logsource.
//!
//! A rule applies to records whose logsource has every part that the rule
//! names. Rules with the same logsource stand together, so a record meets only
//! those of its own logsources and rules of other products never see it.
//! Correlation rules are counted by a correlator of their own (`rules/correlate.rs`),
//! fed with the detections of all rules; its clock counts microseconds, so
//! that events within one second keep their order.
//!
//! What does not parse or compile is told with file and line, and left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use cordon_model::signal::{Level, Problem, Rule};
use rsigma_eval::{CompiledRule, Engine, compile_rule};
use rsigma_parser::{
    CorrelationCondition, CorrelationRule, FilterRule, FilterRuleTarget, SigmaRule,
};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::class::LogSource;
use crate::rule_files::{Documents, Origin};

mod correlate;

use self::correlate::Correlation;
pub(crate) use self::correlate::Correlator;

/// Ticks of the correlation clock per second.
pub(crate) const TICKS: i64 = 1_000_000;

/// Where rules come from.
#[derive(Clone, Debug)]
pub enum RuleSource {
    /// A file, or a folder whose `.yml` and `.yaml` files are read, however deep.
    Path(PathBuf),
    /// A text, with the name that problems give it.
    Text {
        /// The file name in messages.
        name: String,
        /// One or more Sigma documents.
        yaml: String,
    },
}

/// The rules of one logsource.
pub(crate) struct RuleEngine {
    logsource: LogSource,
    pub(crate) rules: Vec<CompiledRule>,
}

/// Sigma rules, ready to be matched.
pub struct Rules {
    pub(crate) engines: Vec<RuleEngine>,
    pub(crate) correlation: Correlator,
    /// Ids of rules that count only as parts of a correlation.
    pub(crate) silent: FxHashSet<String>,
    /// Ids of rules that a correlation refers to.
    pub(crate) parts: FxHashSet<String>,
    /// Names of the fields that correlations look at.
    pub(crate) asked: BTreeSet<String>,
    known: FxHashMap<String, Arc<Rule>>,
    /// From the `name` of a rule to its id.
    names: FxHashMap<String, String>,
}

impl Rules {
    /// Loads rules. Of two rules with one id the first counts.
    pub fn load(sources: &[RuleSource]) -> (Self, Vec<Problem>) {
        let mut documents = Documents::read(sources);
        let mut rules = Self::empty();
        let mut problems = std::mem::take(&mut documents.problems);
        rules.add_detections(documents.rules, &mut problems);
        rules.add_filters(&documents.filters, &mut problems);
        rules.add_correlations(documents.correlations, &mut problems);
        (rules, problems)
    }

    /// Returns no rules at all.
    pub fn empty() -> Self {
        Self {
            engines: Vec::new(),
            correlation: Correlator::new(),
            silent: FxHashSet::default(),
            parts: FxHashSet::default(),
            asked: BTreeSet::new(),
            known: FxHashMap::default(),
            names: FxHashMap::default(),
        }
    }

    /// Takes the correlator out, to be fed with detections.
    pub(crate) fn take_correlator(&mut self) -> Correlator {
        std::mem::replace(&mut self.correlation, Correlator::new())
    }

    /// Returns how many rules are loaded, correlations included.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Tells whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Returns a loaded rule by its id.
    pub fn rule(&self, id: &str) -> Option<&Arc<Rule>> {
        self.known.get(id)
    }

    /// Returns the engines whose rules apply to records of any of these logsources.
    pub(crate) fn engines_for(&self, logsources: &[LogSource]) -> Vec<usize> {
        self.engines
            .iter()
            .enumerate()
            .filter(|(_, of_rules)| {
                logsources.iter().any(|record| applies(&of_rules.logsource, record))
            })
            .map(|(number, _)| number)
            .collect()
    }

    fn add_detections(&mut self, rules: Vec<(SigmaRule, Origin)>, problems: &mut Vec<Problem>) {
        let mut groups: BTreeMap<LogSource, Vec<(SigmaRule, Origin)>> = BTreeMap::new();
        for (mut rule, origin) in rules {
            let id = rule.id.get_or_insert_with(|| name_of(&origin.file, &rule.title));
            let meaning = meaning(id, &rule.title, rule.level, &rule.tags);
            if self.know(meaning, rule.name.as_ref(), &origin, problems) {
                groups.entry(logsource(&rule)).or_default().push((rule, origin));
            }
        }
        for (logsource, group) in groups {
            let mut compiled = Vec::with_capacity(group.len());
            for (rule, origin) in &group {
                match compile_rule(rule) {
                    Ok(rule) => compiled.push(rule),
                    Err(error) => {
                        self.known.remove(rule.id.as_deref().unwrap_or_default());
                        problems.push(unsupported("rule", &rule.title, &error, origin));
                    }
                }
            }
            self.engines.push(RuleEngine { logsource, rules: compiled });
        }
    }

    /// Enters a rule under its id. False if the id is taken.
    fn know(
        &mut self,
        rule: Rule,
        name: Option<&String>,
        origin: &Origin,
        problems: &mut Vec<Problem>,
    ) -> bool {
        if let Some(other) = self.known.get(&rule.id) {
            let what = format!(
                "rule `{}` has the id `{}` of `{}`, which is loaded already",
                rule.title, rule.id, other.title
            );
            problems.push(origin.problem(what, "give it an id of its own, or load one of the two"));
            return false;
        }
        if let Some(name) = name {
            self.names.insert(name.clone(), rule.id.clone());
        }
        self.known.insert(rule.id.clone(), Arc::new(rule));
        true
    }

    fn add_filters(&mut self, filters: &[(FilterRule, Origin)], problems: &mut Vec<Problem>) {
        let mut usable = Vec::new();
        for (filter, origin) in filters {
            if let FilterRuleTarget::Specific(names) = &filter.rules
                && !names.iter().any(|name| self.knows(name))
            {
                let what = format!("filter `{}` is for rules that are not loaded", filter.title);
                problems.push(origin.problem(what, "load them too, or take the filter away"));
            } else if let Err(error) = Engine::new().apply_filter(filter) {
                problems.push(unsupported("filter", &filter.title, &error, origin));
            } else {
                usable.push(filter);
            }
        }
        if usable.is_empty() {
            return;
        }
        for of_rules in &mut self.engines {
            let mut engine = Engine::new();
            engine.extend_compiled_rules(std::mem::take(&mut of_rules.rules));
            for filter in &usable {
                // Whether it can be used does not depend on the rules.
                let _tried_before = engine.apply_filter(filter);
            }
            of_rules.rules = engine.rules().to_vec();
        }
    }

    fn knows(&self, id_or_title: &str) -> bool {
        self.known.contains_key(id_or_title)
            || self.known.values().any(|rule| rule.title == id_or_title)
    }

    /// Adds correlations, each after the rules and correlations that it builds on.
    fn add_correlations(
        &mut self,
        mut waiting: Vec<(CorrelationRule, Origin)>,
        problems: &mut Vec<Problem>,
    ) {
        loop {
            let (ready, later): (Vec<_>, Vec<_>) = waiting
                .into_iter()
                .partition(|(rule, _)| rule.rules.iter().all(|part| self.id_of(part).is_some()));
            waiting = later;
            if ready.is_empty() {
                break;
            }
            for (rule, origin) in ready {
                self.add_correlation(rule, &origin, problems);
            }
        }
        for (rule, origin) in &waiting {
            let missing = rule.rules.iter().find(|part| self.id_of(part).is_none());
            let what = format!(
                "no rule with the id or name `{}` is loaded before it",
                missing.map_or("", String::as_str)
            );
            problems.push(unsupported("correlation", &rule.title, &what, origin));
        }
    }

    fn add_correlation(
        &mut self,
        mut rule: CorrelationRule,
        origin: &Origin,
        problems: &mut Vec<Problem>,
    ) {
        let id = rule.id.get_or_insert_with(|| name_of(&origin.file, &rule.title)).clone();
        let meaning = meaning(&id, &rule.title, rule.level, &rule.tags);
        if !self.know(meaning, rule.name.as_ref(), origin, problems) {
            return;
        }
        self.asked.extend(asked_by(&rule));
        let parts: Vec<String> = rule.rules.iter().filter_map(|part| self.id_of(part)).collect();
        let id_of = |name: &str| self.id_of(name);
        match Correlation::new(&id, &rule, parts.clone(), TICKS, &id_of) {
            Ok(correlation) => self.correlation.add(correlation),
            Err(error) => {
                self.known.remove(&id);
                problems.push(unsupported("correlation", &rule.title, &error, origin));
                return;
            }
        }
        if !rule.generate {
            self.silent.extend(parts.iter().cloned());
        }
        self.parts.extend(parts);
    }

    fn id_of(&self, id_or_name: &str) -> Option<String> {
        let id = if self.known.contains_key(id_or_name) {
            id_or_name
        } else {
            self.names.get(id_or_name)?
        };
        self.known.contains_key(id).then(|| id.to_owned())
    }
}

/// The fields by which a correlation groups and counts.
fn asked_by(rule: &CorrelationRule) -> Vec<String> {
    let mut fields = rule.group_by.clone();
    fields.extend(rule.aliases.iter().flat_map(|alias| alias.mapping.values().cloned()));
    if let CorrelationCondition::Threshold { field: Some(counted), .. } = &rule.condition {
        fields.extend(counted.iter().cloned());
    }
    fields
}

fn unsupported(kind: &str, title: &str, error: &dyn std::fmt::Display, origin: &Origin) -> Problem {
    origin.problem(
        format!("{kind} `{title}` cannot be used: {error}"),
        "rewrite the part that is not supported; it is left out until then",
    )
}

fn name_of(file: &str, title: &str) -> String {
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    format!("{file}: {title}")
}

fn logsource(rule: &SigmaRule) -> LogSource {
    let lower = |part: &Option<String>| part.as_ref().map(|part| part.to_lowercase());
    LogSource {
        product: lower(&rule.logsource.product),
        category: lower(&rule.logsource.category),
        service: lower(&rule.logsource.service),
    }
}

/// Every part that the rule names is the record's.
fn applies(of_rule: &LogSource, of_record: &LogSource) -> bool {
    let part = |rule: &Option<String>, record: &Option<String>| {
        rule.is_none() || rule.as_deref() == record.as_deref()
    };
    part(&of_rule.product, &of_record.product)
        && part(&of_rule.category, &of_record.category)
        && part(&of_rule.service, &of_record.service)
}

fn meaning(id: &str, title: &str, level: Option<rsigma_parser::Level>, tags: &[String]) -> Rule {
    let attack = tags.iter().filter_map(|tag| tag.strip_prefix("attack."));
    let (techniques, others): (Vec<&str>, Vec<&str>) = attack.partition(|tag| is_technique(tag));
    Rule {
        id: id.to_owned(),
        title: title.to_owned(),
        level: level.map_or(Level::Informational, level_of),
        techniques: techniques.iter().map(|tag| tag.to_uppercase()).collect(),
        tactics: others
            .iter()
            .filter(|tag| !is_group_or_software(tag))
            .map(|tag| tag.replace('_', "-"))
            .collect(),
    }
}

fn is_technique(tag: &str) -> bool {
    tag.strip_prefix(['t', 'T']).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn is_group_or_software(tag: &str) -> bool {
    let mut chars = tag.chars();
    matches!(chars.next(), Some('g' | 's' | 'c')) && chars.all(|c| c.is_ascii_digit())
}

fn level_of(level: rsigma_parser::Level) -> Level {
    match level {
        rsigma_parser::Level::Informational => Level::Informational,
        rsigma_parser::Level::Low => Level::Low,
        rsigma_parser::Level::Medium => Level::Medium,
        rsigma_parser::Level::High => Level::High,
        rsigma_parser::Level::Critical => Level::Critical,
    }
}
