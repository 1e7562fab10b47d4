//! Stretches of time: union, gaps, and how much of a window they fill.
//!
//! A [`Span`] holds both its ends. Coverage is asked of closed stretches, so
//! that even a path that stood open for one instant must lie in a heard one.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A stretch of time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// First moment.
    pub from: Timestamp,
    /// Last moment; not before `from`.
    pub to: Timestamp,
}

impl Span {
    /// Makes a stretch; ends that are the wrong way round become one instant.
    #[must_use]
    pub fn new(from: Timestamp, to: Timestamp) -> Self {
        Self { from, to: to.max(from) }
    }

    /// Tells whether a moment lies in it.
    #[must_use]
    pub fn contains(self, time: Timestamp) -> bool {
        self.from <= time && time <= self.to
    }

    /// The part that lies in both.
    #[must_use]
    pub fn within(self, other: Self) -> Option<Self> {
        let (from, to) = (self.from.max(other.from), self.to.min(other.to));
        (from <= to).then_some(Self { from, to })
    }

    fn nanoseconds(self) -> i128 {
        self.to.as_nanosecond() - self.from.as_nanosecond()
    }

    /// The stretch in words: `2026-03-01 02:13:00 to 02:40:07 UTC`.
    #[must_use]
    pub(crate) fn words(self) -> String {
        let (from, to) = (moment(self.from), moment(self.to));
        match (from.split_once(' '), to.split_once(' ')) {
            _ if from == to => from,
            (Some((day, start)), Some((same, end))) if day == same => {
                format!("{day} {} to {end}", start.trim_end_matches(" UTC"))
            }
            _ => format!("{} to {to}", from.trim_end_matches(" UTC")),
        }
    }
}

/// A moment in words, to the second: `2026-03-01 02:13:00 UTC`.
pub(crate) fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A length of time in words, largest unit first, at most two: `2 h 5 min`.
pub(crate) fn length(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")];
    let Some(first) = parts.iter().position(|(count, _)| *count > 0) else {
        return "0 s".to_owned();
    };
    let shown = parts.iter().skip(first).take(2).filter(|(count, _)| *count > 0);
    shown.map(|(count, unit)| format!("{count} {unit}")).collect::<Vec<_>>().join(" ")
}

/// Merges stretches that overlap or touch, in order of time.
pub(crate) fn union(spans: impl IntoIterator<Item = Span>) -> Vec<Span> {
    let mut spans: Vec<Span> = spans.into_iter().collect();
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
            _ => merged.push(span),
        }
    }
    merged
}

/// The parts of `window` that merged stretches leave out.
pub(crate) fn gaps(window: Span, merged: &[Span]) -> Vec<Span> {
    let inside: Vec<Span> = merged.iter().filter_map(|span| span.within(window)).collect();
    if inside.is_empty() {
        return vec![window];
    }
    let mut gaps = Vec::new();
    let mut from = window.from;
    for span in inside {
        if span.from > from {
            gaps.push(Span { from, to: span.from });
        }
        from = from.max(span.to);
    }
    if from < window.to {
        gaps.push(Span { from, to: window.to });
    }
    gaps
}

/// The share of `window` that merged stretches fill, 0 to 1, rounded down to four decimals.
pub(crate) fn share(window: Span, merged: &[Span]) -> f64 {
    let whole = window.nanoseconds();
    if whole == 0 {
        return if merged.iter().any(|span| span.contains(window.from)) { 1.0 } else { 0.0 };
    }
    let filled: i128 =
        merged.iter().filter_map(|span| span.within(window)).map(Span::nanoseconds).sum();
    let parts = u16::try_from(filled.saturating_mul(10_000) / whole).unwrap_or(10_000);
    f64::from(parts) / 10_000.0
}

/// The parts of time that lie in both lists of merged stretches.
pub(crate) fn intersection(a: &[Span], b: &[Span]) -> Vec<Span> {
    let pairs = a.iter().flat_map(|x| b.iter().filter_map(|y| x.within(*y)));
    union(pairs)
}

/// Takes stretches out of merged ones.
pub(crate) fn without(merged: &[Span], taken: &[Span]) -> Vec<Span> {
    let taken = union(taken.iter().copied());
    merged.iter().flat_map(|span| gaps(*span, &taken)).collect()
}

/// Turns the times of a source's events into the stretches in which it was heard.
///
/// A silence of at most `patience_seconds` is taken for the source's ordinary
/// rhythm, also before its first and after its last event; a longer one is a
/// gap from event to event, since nobody knows when in it the log died.
#[must_use]
pub fn heard_spans(times: impl IntoIterator<Item = Timestamp>, patience_seconds: u32) -> Vec<Span> {
    let spans = times.into_iter().map(|time| Span { from: time, to: time });
    patient(spans, patience_seconds)
}

/// Merges stretches over silences of at most the patience, and widens the outer ends by it.
pub(crate) fn patient(spans: impl IntoIterator<Item = Span>, patience_seconds: u32) -> Vec<Span> {
    let patience = SignedDuration::from_secs(i64::from(patience_seconds));
    let later = |time: Timestamp| time.checked_add(patience).unwrap_or(time);
    let mut merged: Vec<Span> = Vec::new();
    for span in union(spans) {
        match merged.last_mut() {
            Some(last) if span.from <= later(last.to) => last.to = last.to.max(span.to),
            _ => merged.push(span),
        }
    }
    if let Some(first) = merged.first_mut() {
        first.from = first.from.checked_sub(patience).unwrap_or(first.from);
    }
    if let Some(last) = merged.last_mut() {
        last.to = later(last.to);
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_772_330_400 + minute * 60).unwrap()
    }

    fn span(from: i64, to: i64) -> Span {
        Span::new(at(from), at(to))
    }

    #[test]
    fn gaps_and_shares_add_up() {
        let window = span(0, 60);
        for (heard, missing, filled) in [
            (vec![], vec![span(0, 60)], 0.0),
            (vec![span(0, 60)], vec![], 1.0),
            (vec![span(-5, 70)], vec![], 1.0),
            (vec![span(0, 30)], vec![span(30, 60)], 0.5),
            (vec![span(15, 30), span(45, 90)], vec![span(0, 15), span(30, 45)], 0.5),
            (vec![span(-9, -1)], vec![span(0, 60)], 0.0),
            (vec![span(70, 90)], vec![span(0, 60)], 0.0),
            (vec![span(-9, 0), span(60, 61)], vec![span(0, 60)], 0.0),
        ] {
            let merged = union(heard.clone());
            assert_eq!(gaps(window, &merged), missing, "{heard:?}");
            assert!((share(window, &merged) - filled).abs() < 1e-9, "{heard:?}");
        }
        assert_eq!(gaps(span(5, 5), &[span(0, 10)]), []);
        assert_eq!(gaps(span(5, 5), &[span(6, 10)]), [span(5, 5)]);
        assert_eq!(without(&[span(0, 60)], &[span(10, 20)]), [span(0, 10), span(20, 60)]);
    }

    #[test]
    fn short_silences_are_rhythm_and_long_ones_are_gaps() {
        let heard = heard_spans([at(0), at(10), at(40)], 600);
        assert_eq!(heard, [span(-10, 10), span(40, 50)]);
    }

    #[test]
    fn stretches_read_as_words() {
        assert_eq!(span(0, 5).words(), "2026-03-01 02:00:00 to 02:05:00 UTC");
        assert_eq!(span(0, 1440).words(), "2026-03-01 02:00:00 to 2026-03-02 02:00:00 UTC");
        assert_eq!(span(3, 3).words(), "2026-03-01 02:03:00 UTC");
        assert_eq!([length(0), length(7500), length(90_061)], ["0 s", "2 h 5 min", "1 d 1 h"]);
    }
}
