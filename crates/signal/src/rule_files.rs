//! Reads Sigma files: rules, correlations and filters with where they stood.
//!
//! A file that is no YAML, or no Sigma, is a problem with a line; the other
//! documents of the file are kept. What the rules mean is for [`crate::rules`].

use std::path::Path;
use std::sync::Arc;

use cordon_model::signal::Problem;
use rsigma_parser::{CorrelationRule, FilterRule, SigmaRule};

use crate::problem::{problem, unreadable};
use crate::rules::RuleSource;

/// Keys of a rule that messages are likely to mention, the inner ones first.
const KEYS: &[&str] =
    &["condition", "logsource", "detection", "correlation", "timespan", "level", "title"];

/// Rule files above this size are not read.
const FILE_BYTES: u64 = 4 << 20;

/// Where a rule stands.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) file: Arc<str>,
    /// The line of its `detection`, `correlation` or `filter`.
    line: usize,
}

impl Origin {
    /// Makes a problem of something that cannot be used.
    pub(crate) fn problem(&self, what: String, remedy: &str) -> Problem {
        problem(&self.file, format!("line {}", self.line), what, remedy)
    }
}

/// The documents of all files.
#[derive(Default)]
pub(crate) struct Documents {
    pub(crate) rules: Vec<(SigmaRule, Origin)>,
    pub(crate) correlations: Vec<(CorrelationRule, Origin)>,
    pub(crate) filters: Vec<(FilterRule, Origin)>,
    pub(crate) problems: Vec<Problem>,
}

impl Documents {
    /// Reads everything that the sources name, in their order.
    pub(crate) fn read(sources: &[RuleSource]) -> Self {
        let mut documents = Self::default();
        for source in sources {
            match source {
                RuleSource::Text { name, yaml } => documents.add(name, yaml),
                RuleSource::Path(path) => documents.add_path(path),
            }
        }
        documents
    }

    fn add_path(&mut self, path: &Path) {
        let (files, unreadable_folders) = crate::files::below(path);
        self.problems.extend(unreadable_folders);
        for file in files {
            if !is_yaml(&file) && file != path {
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
        let yaml = yaml.trim_end();
        let yaml = yaml.strip_suffix("\n---").unwrap_or(yaml);
        let collection = match rsigma_parser::parse_sigma_yaml(yaml) {
            Ok(collection) => collection,
            Err(error) => return self.unusable(&file, yaml, &error.to_string()),
        };
        for error in &collection.errors {
            self.unusable(&file, yaml, error);
        }
        self.rules.extend(with_origins(collection.rules, &file, yaml, "detection:"));
        self.correlations.extend(with_origins(
            collection.correlations,
            &file,
            yaml,
            "correlation:",
        ));
        self.filters.extend(with_origins(collection.filters, &file, yaml, "filter:"));
    }

    fn unusable(&mut self, file: &str, yaml: &str, error: &str) {
        self.problems.push(problem(
            file,
            format!("line {}", line_of(yaml, error)),
            format!("no usable Sigma rule: {}", lower_first(error)),
            "mend the rule; it is left out until then",
        ));
    }
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ext| ext.eq_ignore_ascii_case("yml") || ext.eq_ignore_ascii_case("yaml"))
}

fn read_small(path: &Path) -> std::io::Result<String> {
    if std::fs::metadata(path)?.len() > FILE_BYTES {
        return Err(std::io::Error::other("larger than any rule file (4 MiB)"));
    }
    std::fs::read_to_string(path)
}

/// Gives the n-th document of a kind the line of the n-th `key` of the file.
fn with_origins<T>(
    documents: Vec<T>,
    file: &Arc<str>,
    yaml: &str,
    key: &str,
) -> impl Iterator<Item = (T, Origin)> {
    let mut lines = yaml
        .lines()
        .zip(1..)
        .filter(|(line, _)| line.starts_with(key))
        .map(|(_, number)| number)
        .collect::<Vec<usize>>()
        .into_iter();
    let file = Arc::clone(file);
    documents.into_iter().map(move |document| {
        let origin = Origin { file: Arc::clone(&file), line: lines.next().unwrap_or(1) };
        (document, origin)
    })
}

/// Finds the line that an error message means: the one it names, else the first
/// that has what it quotes, else that of the first key of a rule that it
/// mentions, else the first.
fn line_of(yaml: &str, error: &str) -> usize {
    let starting =
        |wanted: &str| yaml.lines().position(|line| line.trim_start().starts_with(wanted));
    let named = error.split("line ").nth(1).and_then(|rest| {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok()
    });
    let quoted = error
        .split(['\'', '`', '"'])
        .nth(1)
        .filter(|text| text.len() > 2)
        .and_then(|text| yaml.lines().position(|line| line.contains(text)));
    let lower = error.to_lowercase();
    let key = KEYS.iter().find(|key| lower.contains(**key)).and_then(|key| starting(key));
    named.or(quoted.map(|at| at + 1)).or(key.map(|at| at + 1)).unwrap_or(1)
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}
