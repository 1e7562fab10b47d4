//! Collects what is wrong with a plan, in the words of the person who must act on it.
//!
//! A code is for programs, the text for people; the text names the thing, what
//! the plan says of it, and what is so.

use cordon_model::plan::{AlternativeName, Objection, Verdict};
use cordon_model::{Estate, NodeIx};

/// The objections so far, and the alternative that the next ones are about.
#[derive(Debug, Default)]
pub(crate) struct Objections {
    alternative: &'static str,
    all: Vec<Objection>,
}

impl Objections {
    /// Makes the next objections be about an alternative.
    pub(crate) fn of(&mut self, name: AlternativeName) -> &mut Self {
        self.alternative = name.as_str();
        self
    }

    /// Objects.
    pub(crate) fn object(&mut self, code: &str, what: String) {
        let alternative = self.alternative.to_owned();
        self.all.push(Objection { code: code.to_owned(), alternative, what });
    }

    /// Objects unless `fine`; the text is only made when needed.
    pub(crate) fn unless(&mut self, fine: bool, code: &str, what: impl FnOnce() -> String) {
        if !fine {
            self.object(code, what());
        }
    }

    /// Closes the list.
    pub(crate) fn verdict(self) -> Verdict {
        Verdict { accepted: self.all.is_empty(), objections: self.all }
    }
}

/// Writes a path for people: `user:ann → host:till-3 → db:members`, long ones shortened.
pub(crate) fn path_text(estate: &Estate, path: &[NodeIx]) -> String {
    let ids = |nodes: &[NodeIx]| {
        nodes.iter().map(|&node| estate.id(node).as_str()).collect::<Vec<_>>().join(" → ")
    };
    match path {
        [a, b, c, .., x, y] if path.len() > 8 => {
            format!("{} → … ({} more) → {}", ids(&[*a, *b, *c]), path.len() - 5, ids(&[*x, *y]))
        }
        short => ids(short),
    }
}
