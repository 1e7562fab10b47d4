//! Sigma rules: loading, and one engine per logsource.
//!
//! A rule applies to records whose logsource has every part that the rule
//! names. Rules with the same logsource share an engine, so a record meets only
//! the engines of its own logsources and rules of other products never see it.
//! Correlation rules live in one engine of their own, fed with the detections
//! of all the others; its clock counts microseconds instead of seconds, so that
//! events within one second keep their order.
//!
//! What does not parse or compile is told with file and line, and left out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cordon_model::signal::{Level, Problem, Rule};
use rsigma_eval::{CorrelationAction, CorrelationConfig, CorrelationEngine, Engine};
use rsigma_parser::{CorrelationRule, FilterRule, FilterRuleTarget, SigmaRule, Timespan};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::class::LogSource;
use crate::problem::{problem, unreadable};

/// Rule files above this size are not read.
const FILE_BYTES: u64 = 4 << 20;

/// Correlation state: groups over all rules, and entries per group.
const GROUPS: usize = 100_000;
const ENTRIES_PER_GROUP: usize = 10_000;

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

/// Sigma rules, ready to be matched.
pub struct Rules {
    pub(crate) engines: Vec<(LogSource, Engine)>,
    pub(crate) correlation: CorrelationEngine,
    /// Rules that count only as parts of a correlation.
    pub(crate) silent: FxHashSet<String>,
    /// Rules that a correlation refers to.
    pub(crate) parts: FxHashSet<String>,
    known: FxHashMap<String, Arc<Rule>>,
}

/// Documents of all files, with the name of the file that each came from.
#[derive(Default)]
struct Documents {
    rules: Vec<(SigmaRule, Arc<str>)>,
    correlations: Vec<(CorrelationRule, Arc<str>)>,
    filters: Vec<(FilterRule, Arc<str>)>,
    problems: Vec<Problem>,
}

impl Rules {
    /// Loads rules. Of two rules with one id the first counts.
    pub fn load(sources: &[RuleSource]) -> (Self, Vec<Problem>) {
        let mut documents = Documents::default();
        for source in sources {
            match source {
                RuleSource::Text { name, yaml } => documents.add(name, yaml),
                RuleSource::Path(path) => documents.add_path(path),
            }
        }
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
            correlation: CorrelationEngine::new(CorrelationConfig {
                max_state_entries: GROUPS,
                max_group_entries: Some(ENTRIES_PER_GROUP),
                action_on_match: CorrelationAction::Alert,
                ..CorrelationConfig::default()
            }),
            silent: FxHashSet::default(),
            parts: FxHashSet::default(),
            known: FxHashMap::default(),
        }
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
            .filter(|(_, (of_rule, _))| {
                logsources.iter().any(|of_record| applies(of_rule, of_record))
            })
            .map(|(number, _)| number)
            .collect()
    }

    fn add_detections(&mut self, rules: Vec<(SigmaRule, Arc<str>)>, problems: &mut Vec<Problem>) {
        let mut groups: BTreeMap<LogSource, Vec<(SigmaRule, Arc<str>)>> = BTreeMap::new();
        for (mut rule, file) in rules {
            let id = rule.id.get_or_insert_with(|| name_of(&file, &rule.title)).clone();
            let meaning = meaning(&id, &rule.title, rule.level, &rule.tags);
            if !self.know(id, meaning, &file, problems) {
                continue;
            }
            groups.entry(logsource(&rule)).or_default().push((rule, file));
        }
        for (logsource, group) in groups {
            let mut engine = Engine::new();
            for (number, error) in engine.add_rules(group.iter().map(|(rule, _)| rule)) {
                if let Some((rule, file)) = group.get(number) {
                    self.known.remove(rule.id.as_deref().unwrap_or_default());
                    problems.push(problem(
                        file,
                        "line 1",
                        format!("rule `{}` cannot be used: {error}", rule.title),
                        "rewrite the part that is not supported; the rule is left out",
                    ));
                }
            }
            self.engines.push((logsource, engine));
        }
    }

    /// Enters a rule under its id. False if the id is taken.
    fn know(&mut self, id: String, rule: Rule, file: &str, problems: &mut Vec<Problem>) -> bool {
        if let Some(other) = self.known.get(&id) {
            problems.push(problem(
                file,
                "",
                format!(
                    "rule `{}` has the id `{id}` of `{}`, which is loaded already",
                    rule.title, other.title
                ),
                "give it an id of its own, or load one of the two",
            ));
            return false;
        }
        self.known.insert(id, Arc::new(rule));
        true
    }

    fn add_filters(&mut self, filters: &[(FilterRule, Arc<str>)], problems: &mut Vec<Problem>) {
        for (filter, file) in filters {
            if let FilterRuleTarget::Specific(names) = &filter.rules
                && !names.iter().any(|name| self.knows(name))
            {
                problems.push(problem(
                    file,
                    "",
                    format!("filter `{}` is for rules that are not loaded", filter.title),
                    "load them too, or take the filter away",
                ));
                continue;
            }
            for (_, engine) in &mut self.engines {
                if let Err(error) = engine.apply_filter(filter) {
                    problems.push(problem(
                        file,
                        "",
                        format!("filter `{}` cannot be used: {error}", filter.title),
                        "rewrite the part that is not supported",
                    ));
                    break;
                }
            }
        }
    }

    fn knows(&self, id_or_title: &str) -> bool {
        self.known.contains_key(id_or_title)
            || self.known.values().any(|rule| rule.title == id_or_title)
    }

    fn add_correlations(
        &mut self,
        correlations: Vec<(CorrelationRule, Arc<str>)>,
        problems: &mut Vec<Problem>,
    ) {
        for (mut rule, file) in correlations {
            let id = rule.id.get_or_insert_with(|| name_of(&file, &rule.title)).clone();
            let meaning = meaning(&id, &rule.title, rule.level, &rule.tags);
            if !self.know(id.clone(), meaning, &file, problems) {
                continue;
            }
            let silences = !rule.generate;
            in_ticks(&mut rule);
            if let Err(error) = self.correlation.add_correlation(&rule) {
                self.known.remove(&id);
                problems.push(problem(
                    &file,
                    "",
                    format!("correlation `{}` cannot be used: {error}", rule.title),
                    "rewrite the part that is not supported; the rule is left out",
                ));
                continue;
            }
            for part in rule.rules {
                if silences {
                    self.silent.insert(part.clone());
                }
                self.parts.insert(part);
            }
        }
    }
}

impl Documents {
    fn add_path(&mut self, path: &std::path::Path) {
        let (files, unreadable_folders) = crate::files::below(path);
        self.problems.extend(unreadable_folders);
        for file in files {
            let is_rule = file.extension().is_some_and(|ext| {
                ext.eq_ignore_ascii_case("yml") || ext.eq_ignore_ascii_case("yaml")
            });
            if !is_rule && file != path {
                continue;
            }
            let name = file.display().to_string();
            match read_small(&file) {
                Ok(text) => self.add(&name, &text),
                Err(error) => self.problems.push(unreadable(&name, &error)),
            }
        }
    }

    fn add(&mut self, name: &str, yaml: &str) {
        let file: Arc<str> = name.into();
        match rsigma_parser::parse_sigma_yaml(yaml) {
            Err(error) => self.problem(&file, yaml, &error.to_string()),
            Ok(collection) => {
                for error in &collection.errors {
                    self.problem(&file, yaml, error);
                }
                let own = |file: &Arc<str>| Arc::clone(file);
                self.rules.extend(collection.rules.into_iter().map(|r| (r, own(&file))));
                self.correlations
                    .extend(collection.correlations.into_iter().map(|r| (r, own(&file))));
                self.filters.extend(collection.filters.into_iter().map(|r| (r, own(&file))));
            }
        }
    }

    fn problem(&mut self, file: &str, yaml: &str, error: &str) {
        self.problems.push(problem(
            file,
            format!("line {}", line_of(yaml, error)),
            format!("no usable Sigma rule: {}", lower_first(error)),
            "mend the rule; it is left out until then",
        ));
    }
}

fn read_small(path: &std::path::Path) -> std::io::Result<String> {
    if std::fs::metadata(path)?.len() > FILE_BYTES {
        return Err(std::io::Error::other("larger than any rule file (4 MiB)"));
    }
    std::fs::read_to_string(path)
}

/// Finds the line that an error message means: the one it names, else that of
/// the first key of a rule that it mentions, else the first.
fn line_of(yaml: &str, error: &str) -> usize {
    let named = error
        .split("line ")
        .nth(1)
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>())
        .and_then(|digits| digits.parse().ok());
    let key = ["condition", "logsource", "detection", "correlation", "timespan", "level", "title"]
        .into_iter()
        .find(|key| error.to_lowercase().contains(key));
    named
        .or_else(|| {
            let key = key?;
            yaml.lines()
                .position(|line| line.trim_start().starts_with(key))
                .map(|number| number + 1)
        })
        .unwrap_or(1)
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
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

/// Turns the spans of a correlation from seconds to ticks; after it fired for a
/// group it rests for one span, so that one burst makes one detection.
fn in_ticks(rule: &mut CorrelationRule) {
    let ticks = TICKS.unsigned_abs();
    let scale = |span: &mut Timespan| span.seconds = span.seconds.saturating_mul(ticks);
    scale(&mut rule.timespan);
    if let Some(gap) = &mut rule.gap {
        scale(gap);
    }
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
    tag.strip_prefix('t').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
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
