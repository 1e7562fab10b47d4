//! Kinds of links that an import meets, and how many of each.
//!
//! Kinds keep the names of their source. Those that the model's table lists
//! come first; others are given control, as everywhere in Cordon, and told.

use cordon_model::link::{Direction, LINK_KINDS, link_kind};
use rustc_hash::FxHashMap;

use super::report::EdgeCount;

/// More kinds than this are made up by a broken file; the rest share [`OVERFLOW`].
const MOST_UNKNOWN: usize = 200;
const OVERFLOW: &str = "Controls";
const LONGEST_NAME: usize = 80;

/// Position of a kind in [`Edges`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EdgeKind(pub(crate) u16);

/// One kind and its numbers.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    /// As the source names it.
    pub(crate) name: String,
    /// Whether the model's table lists it.
    pub(crate) known: bool,
    /// Whether an intruder can use it.
    pub(crate) used: bool,
    /// How many the source states.
    pub(crate) stated: u64,
    /// How many Cordon concluded from others.
    pub(crate) concluded: u64,
    /// How many are written.
    pub(crate) written: u64,
}

impl Edge {
    /// Its numbers for people.
    pub(crate) fn count(&self) -> EdgeCount {
        EdgeCount {
            stated: self.stated,
            concluded: self.concluded,
            written: self.written,
            used: self.used,
        }
    }
}

/// All kinds met so far.
#[derive(Debug)]
pub(crate) struct Edges {
    kinds: Vec<Edge>,
    by_name: FxHashMap<Box<str>, EdgeKind>,
}

impl Default for Edges {
    fn default() -> Self {
        let mut edges = Self { kinds: Vec::new(), by_name: FxHashMap::default() };
        for kind in LINK_KINDS {
            edges.add(kind.name, true, gives_control(kind.direction));
        }
        edges
    }
}

/// Whether an intruder can use links of a direction.
pub(crate) fn gives_control(direction: Direction) -> bool {
    match direction {
        Direction::Forward | Direction::BackwardAndNeeds => true,
        Direction::DataOnly | Direction::NoControl => false,
    }
}

impl Edges {
    /// The kind of a name, in any letter case for known ones.
    pub(crate) fn kind(&mut self, name: &str) -> EdgeKind {
        if let Some(&kind) = self.by_name.get(name) {
            return kind;
        }
        let known = link_kind(name).and_then(|known| self.by_name.get(known.name).copied());
        let invented = self.kinds.len().saturating_sub(LINK_KINDS.len());
        let fits = name.len() <= LONGEST_NAME && name.trim() == name && !name.is_empty();
        match known {
            Some(kind) => {
                self.by_name.insert(name.into(), kind);
                kind
            }
            None if fits && invented < MOST_UNKNOWN => self.add(name, false, true),
            None => self.by_name.get(OVERFLOW).copied().unwrap_or(EdgeKind(0)),
        }
    }

    fn add(&mut self, name: &str, known: bool, used: bool) -> EdgeKind {
        let kind = EdgeKind(u16::try_from(self.kinds.len()).unwrap_or(u16::MAX));
        let name = name.to_owned();
        self.by_name.insert(name.as_str().into(), kind);
        self.kinds.push(Edge { name, known, used, stated: 0, concluded: 0, written: 0 });
        kind
    }

    /// The numbers of a kind, to add to.
    pub(crate) fn of(&mut self, kind: EdgeKind) -> Option<&mut Edge> {
        self.kinds.get_mut(kind.0 as usize)
    }

    /// The name of a kind.
    pub(crate) fn name(&self, kind: EdgeKind) -> &str {
        self.kinds.get(kind.0 as usize).map_or("", |edge| edge.name.as_str())
    }

    /// All kinds by name, and each kind's place among them: an estate sorts links so.
    pub(crate) fn by_name(&self) -> (Vec<EdgeKind>, Vec<EdgeKind>) {
        let mut order: Vec<EdgeKind> = (0..).map(EdgeKind).take(self.kinds.len()).collect();
        order.sort_unstable_by(|&a, &b| self.name(a).cmp(self.name(b)));
        let mut place = order.clone();
        for (kind, at) in order.iter().zip(0..) {
            if let Some(slot) = place.get_mut(kind.0 as usize) {
                *slot = EdgeKind(at);
            }
        }
        (order, place)
    }

    /// All kinds, met or not.
    pub(crate) fn all(&self) -> &[Edge] {
        &self.kinds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_kept_and_bounded() {
        let mut edges = Edges::default();
        let dacl = edges.kind("WriteDacl");
        assert_eq!(edges.kind("WriteDACL"), dacl);
        let new = edges.kind("NewRight");
        assert_eq!(edges.kind("NewRight"), new);
        assert_eq!(edges.name(new), "NewRight");
        let used = |edges: &mut Edges, name: &str| {
            let kind = edges.kind(name);
            edges.of(kind).map(|edge| edge.used)
        };
        assert_eq!(used(&mut edges, "NewRight"), Some(true));
        assert_eq!(used(&mut edges, "GetChanges"), Some(false));
        for number in 0..1_000 {
            edges.kind(&format!("Invented{number}"));
        }
        assert_eq!(edges.all().len(), LINK_KINDS.len() + MOST_UNKNOWN);
        let last = edges.kind("Invented999");
        assert_eq!(edges.name(last), OVERFLOW);
    }
}
