//! A correlation rule, made ready to be counted.
//!
//! The parser leaves two things to the engine: which field an alias means for
//! which rule, and what a temporal correlation without a condition wants (all
//! its rules). Both are settled here, and what Sigma does not define is refused.

use rsigma_eval::{Event, EventValue};
use rsigma_parser::{
    ConditionExpr, ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType,
    Level, WindowMode,
};

use super::hash_of;

/// A correlation rule, ready to be counted.
pub(crate) struct Correlation {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) level: Option<Level>,
    pub(crate) kind: CorrelationType,
    /// Ids of the rules that it refers to, in their order.
    pub(crate) parts: Vec<String>,
    pub(crate) group_by: Vec<GroupField>,
    /// In ticks.
    pub(crate) span: i64,
    pub(crate) wanted: Wanted,
    /// What is counted or added up.
    fields: Vec<String>,
}

/// A field to group by, with its name in the events of each part.
pub(crate) struct GroupField {
    pub(crate) name: String,
    of_parts: Vec<String>,
}

/// When a window is complete.
pub(crate) enum Wanted {
    /// The count or figure meets all of these.
    Figure(Vec<(ConditionOperator, f64)>, Option<f64>),
    /// Every part occurs.
    All,
    /// So many parts occur.
    Parts(Vec<(ConditionOperator, f64)>),
    /// This holds of the parts that occur; names are part numbers.
    Expression(Expression),
}

/// A boolean expression over the parts of a correlation.
pub(crate) enum Expression {
    Part(usize),
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
}

impl GroupField {
    /// Returns the field's name in the events of a part.
    pub(crate) fn of_part(&self, part: usize) -> &str {
        self.of_parts.get(part).unwrap_or(&self.name)
    }
}

impl Correlation {
    /// Prepares a rule whose parts have these ids, in their order.
    ///
    /// # Errors
    /// In words, what cannot be counted.
    pub(crate) fn new(
        id: &str,
        rule: &CorrelationRule,
        parts: Vec<String>,
        ticks: i64,
        id_of: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        if rule.window != WindowMode::Sliding {
            return Err("only sliding windows are known to Sigma and to Cordon".to_owned());
        }
        if parts.is_empty() {
            return Err("it names no rule".to_owned());
        }
        let span = i64::try_from(rule.timespan.seconds).unwrap_or(i64::MAX).saturating_mul(ticks);
        Ok(Self {
            id: id.to_owned(),
            title: rule.title.clone(),
            level: rule.level,
            kind: rule.correlation_type,
            group_by: group_by(rule, &parts, id_of),
            span: span.min(i64::MAX / 4),
            wanted: wanted(rule, id_of, &parts)?,
            fields: fields(rule)?,
            parts,
        })
    }

    /// Tells whether events are ordered or at least told apart by rule.
    pub(crate) fn is_temporal(&self) -> bool {
        matches!(self.kind, CorrelationType::Temporal | CorrelationType::TemporalOrdered)
    }

    /// Returns what an event adds: a figure's bits, or the hash of the values
    /// to be told apart. None if the event lacks the field.
    pub(crate) fn value_of(&self, event: &impl Event) -> Option<u64> {
        match self.kind {
            CorrelationType::EventCount
            | CorrelationType::Temporal
            | CorrelationType::TemporalOrdered => Some(0),
            CorrelationType::ValueCount => {
                let values: Option<Vec<String>> =
                    self.fields.iter().map(|field| text(&event.get_field(field)?)).collect();
                values.map(|values| hash_of(&values))
            }
            CorrelationType::ValueSum
            | CorrelationType::ValueAvg
            | CorrelationType::ValuePercentile
            | CorrelationType::ValueMedian => {
                let number = event.get_field(self.fields.first()?)?.as_f64()?;
                number.is_finite().then(|| number.to_bits())
            }
        }
    }
}

/// Returns a value as text; of a list the first, as the others only spell it otherwise.
fn text(value: &EventValue<'_>) -> Option<String> {
    match value {
        EventValue::Array(items) => items.first().and_then(text),
        EventValue::Str(_)
        | EventValue::Int(_)
        | EventValue::Float(_)
        | EventValue::Bool(_)
        | EventValue::Null
        | EventValue::Map(_) => value.as_str().map(std::borrow::Cow::into_owned),
    }
}

fn group_by(
    rule: &CorrelationRule,
    parts: &[String],
    id_of: &dyn Fn(&str) -> Option<String>,
) -> Vec<GroupField> {
    let field_of = |name: &String, part: &String| {
        rule.aliases
            .iter()
            .find(|alias| alias.alias == *name)
            .and_then(|alias| {
                let mut of_rules = alias.mapping.iter();
                of_rules.find(|(of_rule, _)| id_of(of_rule).as_ref() == Some(part))
            })
            .map_or_else(|| name.clone(), |(_, field)| field.clone())
    };
    rule.group_by
        .iter()
        .map(|name| GroupField {
            name: name.clone(),
            of_parts: parts.iter().map(|part| field_of(name, part)).collect(),
        })
        .collect()
}

fn fields(rule: &CorrelationRule) -> Result<Vec<String>, String> {
    let fields = match &rule.condition {
        CorrelationCondition::Threshold { field, .. } => field.clone().unwrap_or_default(),
        CorrelationCondition::Extended(_) => Vec::new(),
    };
    let needed = match rule.correlation_type {
        CorrelationType::EventCount
        | CorrelationType::Temporal
        | CorrelationType::TemporalOrdered => return Ok(fields),
        CorrelationType::ValueCount => !fields.is_empty(),
        CorrelationType::ValueSum
        | CorrelationType::ValueAvg
        | CorrelationType::ValuePercentile
        | CorrelationType::ValueMedian => fields.len() == 1,
    };
    let kind = rule.correlation_type.as_str();
    if needed { Ok(fields) } else { Err(format!("`{kind}` needs a `field` in its condition")) }
}

fn wanted(
    rule: &CorrelationRule,
    id_of: &dyn Fn(&str) -> Option<String>,
    parts: &[String],
) -> Result<Wanted, String> {
    let temporal = matches!(
        rule.correlation_type,
        CorrelationType::Temporal | CorrelationType::TemporalOrdered
    );
    match &rule.condition {
        CorrelationCondition::Extended(expression) if temporal => {
            Ok(Wanted::Expression(compile(expression, id_of, parts)?))
        }
        CorrelationCondition::Extended(_) => {
            Err("a condition in words is for temporal correlations".to_owned())
        }
        CorrelationCondition::Threshold { predicates, percentile, .. } => {
            let predicates: Vec<_> =
                predicates.iter().map(|(operator, value)| (*operator, *value as f64)).collect();
            Ok(if !temporal {
                Wanted::Figure(predicates, percentile.map(|rank| rank as f64))
            } else if predicates == [(ConditionOperator::Gte, 1.0)] {
                // The parser writes this where the rule has no condition.
                Wanted::All
            } else {
                Wanted::Parts(predicates)
            })
        }
    }
}

fn compile(
    expression: &ConditionExpr,
    id_of: &dyn Fn(&str) -> Option<String>,
    parts: &[String],
) -> Result<Expression, String> {
    let all = |inner: &[ConditionExpr]| {
        inner.iter().map(|inner| compile(inner, id_of, parts)).collect::<Result<Vec<_>, _>>()
    };
    Ok(match expression {
        ConditionExpr::Identifier(name) => {
            let id = id_of(name).ok_or_else(|| format!("no rule `{name}` is loaded"))?;
            let part = parts.iter().position(|part| *part == id);
            Expression::Part(part.ok_or_else(|| format!("`{name}` is not among its rules"))?)
        }
        ConditionExpr::And(inner) => Expression::And(all(inner)?),
        ConditionExpr::Or(inner) => Expression::Or(all(inner)?),
        ConditionExpr::Not(inner) => Expression::Not(Box::new(compile(inner, id_of, parts)?)),
        ConditionExpr::Selector { .. } => {
            return Err("`of` has no meaning in a correlation's condition".to_owned());
        }
    })
}

impl Expression {
    /// Tells whether it holds if these parts occur.
    pub(crate) fn holds(&self, occurs: &dyn Fn(usize) -> bool) -> bool {
        match self {
            Self::Part(part) => occurs(*part),
            Self::And(inner) => inner.iter().all(|inner| inner.holds(occurs)),
            Self::Or(inner) => inner.iter().any(|inner| inner.holds(occurs)),
            Self::Not(inner) => !inner.holds(occurs),
        }
    }
}

/// Returns the least count that can meet the predicates.
pub(crate) fn least(predicates: &[(ConditionOperator, f64)]) -> f64 {
    predicates.iter().fold(0.0, |least, (operator, limit)| match operator {
        ConditionOperator::Gt | ConditionOperator::Gte | ConditionOperator::Eq => {
            f64::max(least, *limit)
        }
        ConditionOperator::Lt | ConditionOperator::Lte | ConditionOperator::Neq => least,
    })
}

/// Tells whether a figure meets all predicates.
pub(crate) fn meets(predicates: &[(ConditionOperator, f64)], figure: f64) -> bool {
    predicates.iter().all(|(operator, limit)| match operator {
        ConditionOperator::Lt => figure < *limit,
        ConditionOperator::Lte => figure <= *limit,
        ConditionOperator::Gt => figure > *limit,
        ConditionOperator::Gte => figure >= *limit,
        ConditionOperator::Eq => (figure - limit).abs() < f64::EPSILON,
        ConditionOperator::Neq => (figure - limit).abs() >= f64::EPSILON,
    })
}
