//! Small texts with fields in them: `{SubjectDomainName}\{SubjectUserName}`.
//!
//! A template gives a text only if every field in it has one. A field may be
//! followed by filters, each after a `|`, that cut the value down:
//! `base` (after the last slash or backslash), `lower`, `before X`, `after X`
//! (at the first X; a value without X passes whole), `words N` (the first N words).

use std::borrow::Cow;

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field { path: String, filters: Vec<Filter> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Filter {
    Base,
    Lower,
    Before(String),
    After(String),
    Words(usize),
}

impl Template {
    /// Parses a template. The error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (field, tail) =
                after.split_once('}').ok_or_else(|| format!("`{{` without `}}` in `{text}`"))?;
            parts.push(parse_field(field)?);
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// Returns the paths of the fields in it.
    pub(crate) fn fields(&self) -> Vec<String> {
        let path = |part: &Part| match part {
            Part::Field { path, .. } => Some(path.clone()),
            Part::Text(_) => None,
        };
        self.0.iter().filter_map(path).collect()
    }

    /// Fills the fields in. None if one is absent or empty.
    pub(crate) fn render<'a>(
        &self,
        field: &dyn Fn(&str) -> Option<Cow<'a, str>>,
    ) -> Option<String> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Field { path, filters } => {
                    let value = field(path)?;
                    let mut value = Cow::Borrowed(value.trim());
                    for filter in filters {
                        value = Cow::Owned(filter.apply(&value));
                    }
                    if value.is_empty() {
                        return None;
                    }
                    out.push_str(&value);
                }
            }
        }
        Some(out)
    }
}

fn parse_field(text: &str) -> Result<Part, String> {
    let mut pieces = text.split('|').map(str::trim);
    let path = pieces.next().unwrap_or_default();
    if path.is_empty() {
        return Err("a field without a name between `{` and `}`".to_owned());
    }
    let filters = pieces.map(parse_filter).collect::<Result<_, _>>()?;
    Ok(Part::Field { path: path.to_owned(), filters })
}

fn parse_filter(text: &str) -> Result<Filter, String> {
    match text.split_once(' ') {
        None if text == "base" => Ok(Filter::Base),
        None if text == "lower" => Ok(Filter::Lower),
        Some(("before", mark)) => Ok(Filter::Before(mark.to_owned())),
        Some(("after", mark)) => Ok(Filter::After(mark.to_owned())),
        Some(("words", count)) => {
            count.parse().map(Filter::Words).map_err(|_| format!("`words {count}`: not a number"))
        }
        None | Some(_) => {
            Err(format!("unknown filter `{text}`; known: base, lower, before X, after X, words N"))
        }
    }
}

impl Filter {
    fn apply(&self, value: &str) -> String {
        match self {
            Self::Base => value.rsplit(['\\', '/']).next().unwrap_or_default().to_owned(),
            Self::Lower => value.to_lowercase(),
            Self::Before(mark) => {
                value.split_once(mark.as_str()).map_or(value, |(before, _)| before).to_owned()
            }
            Self::After(mark) => {
                value.split_once(mark.as_str()).map_or(value, |(_, after)| after).to_owned()
            }
            Self::Words(count) => {
                value.split_whitespace().take(*count).collect::<Vec<_>>().join(" ")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(template: &str, expect: Option<&str>) {
        let field = |path: &str| match path {
            "Domain" => Some(Cow::Borrowed("NORTH")),
            "User" => Some(Cow::Borrowed("ann ")),
            "Path" => Some(Cow::Borrowed(r"\\*\Payroll$")),
            "Mail" => Some(Cow::Borrowed("Ann@North.example")),
            "Text" => Some(Cow::Borrowed("one  two three")),
            _ => None,
        };
        let made = Template::parse(template).unwrap().render(&field);
        assert_eq!(made.as_deref(), expect, "{template}");
    }

    #[test]
    fn fields_are_filled_in_trimmed_and_cut() {
        check(r"{Domain}\{User}", Some(r"NORTH\ann"));
        check("{User}", Some("ann"));
        check("fixed", Some("fixed"));
        check("{Missing}", None);
        check(r"{Domain}\{Missing}", None);
        check(r"\\srv\{Path|base}", Some(r"\\srv\Payroll$"));
        check("{Mail|before @|lower}", Some("ann"));
        check("{Mail|after @}", Some("North.example"));
        check("{Mail|after #}", Some("Ann@North.example"));
        check("{Text|words 2}", Some("one two"));
        check("{Path|after Payroll$}", None);
    }

    #[test]
    fn broken_templates_say_what_is_wrong() {
        for (template, expect) in [
            ("{Open", "without `}`"),
            ("{}", "without a name"),
            ("{A|upper}", "unknown filter `upper`"),
            ("{A|words x}", "not a number"),
        ] {
            let problem = Template::parse(template).unwrap_err();
            assert!(problem.contains(expect), "{template}: {problem}");
        }
    }
}
