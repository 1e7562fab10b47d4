//! Which log would have shown an access, and when it was heard.
//!
//! Each place (a holding's node, each copy) has its own sources: the audit log
//! of a primary says nothing about reads of its backup. Several sources of one
//! place help each other: a moment is covered if any of them was heard.

use std::collections::BTreeMap;

use cordon_model::{Estate, NodeIx};

use crate::evidence::Evidence;
use crate::exposure::{Because, SourceCoverage};
use crate::spans::{Span, gaps, share, union};

/// What was heard of the sources of every place.
pub(crate) struct Coverage<'a> {
    estate: &'a Estate,
    window: Span,
    heard: BTreeMap<&'a str, Vec<Span>>,
}

impl<'a> Coverage<'a> {
    pub(crate) fn new(estate: &'a Estate, evidence: &'a Evidence) -> Self {
        let mut heard: BTreeMap<&str, Vec<Span>> = BTreeMap::new();
        for source in &evidence.sources {
            heard.entry(&source.name).or_default().extend(source.heard.iter().copied());
        }
        let heard = heard.into_iter().map(|(name, spans)| (name, union(spans))).collect();
        Self { estate, window: evidence.window, heard }
    }

    fn sources(&self, place: NodeIx) -> impl Iterator<Item = &'a str> {
        let estate = self.estate;
        estate.coverage().iter().filter(move |c| c.holding == place).map(|c| &*c.source)
    }

    fn heard(&self, source: &str) -> &[Span] {
        self.heard.get(source).map_or(&[], Vec::as_slice)
    }

    /// When at least one source of a place was heard, merged.
    pub(crate) fn covered(&self, place: NodeIx) -> Vec<Span> {
        union(self.sources(place).flat_map(|source| self.heard(source).iter().copied()))
    }

    /// Every declared source of a place with its share of the window and its gaps.
    pub(crate) fn of_sources(&self, place: NodeIx) -> Vec<SourceCoverage> {
        let of = |source: &str| SourceCoverage {
            source: source.to_owned(),
            place: self.estate.id(place).clone(),
            share: share(self.window, self.heard(source)),
            gaps: gaps(self.window, self.heard(source)),
        };
        self.sources(place).map(of).collect()
    }

    /// Why an access to a place in one of these stretches could have gone unseen; empty if it could not.
    pub(crate) fn holes(&self, place: NodeIx, needed: &[Span]) -> Vec<Because> {
        let covered = self.covered(place);
        let open: Vec<Span> = needed.iter().flat_map(|span| gaps(*span, &covered)).collect();
        let (Some(first), Some(last)) = (open.first(), open.last()) else { return Vec::new() };
        let id = self.estate.id(place);
        let sources: Vec<&str> = self.sources(place).collect();
        if sources.is_empty() {
            let words = format!(
                "no log is declared that would show an access to `{id}`: there is no `[[coverage]]` with holding = \"{id}\""
            );
            return vec![Because {
                from: Some(first.from),
                to: Some(last.to),
                ..Because::words(words)
            }];
        }
        let of = |source: &&str| {
            let within = |span: &Span| span.within(self.window).is_some();
            let heard = self.heard(source);
            let words = if heard.iter().any(within) {
                let shown: Vec<String> = open.iter().take(3).map(|gap| gap.words()).collect();
                let more = open.len().saturating_sub(shown.len());
                let more = if more > 0 { format!(" and {more} more gaps") } else { String::new() };
                format!("the log `{source}` of `{id}` is missing for {}{more}", shown.join(", "))
            } else {
                format!("the log `{source}`, which would show an access to `{id}`, was never heard")
            };
            let (from, to) = (Some(first.from), Some(last.to));
            Because { source: Some((*source).to_owned()), from, to, ..Because::words(words) }
        };
        sources.iter().map(of).collect()
    }
}
