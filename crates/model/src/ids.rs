//! The ids that run through every crate: one list of types.
//!
//! Outside text becomes an id once, at the edge, through [`NodeId::parse`] or a
//! plain `From`. Inside a loaded estate nodes are dense indexes, [`NodeIx`];
//! text is looked up only to speak with people and files.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// A node's id: `kind:name`, lower case, NFC, without white space, `;`, `,` or parentheses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(Box<str>);

/// Why a text is not a node id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeIdError {
    /// There is no `:` with text on both sides.
    #[error("`{0}` is not of the form `kind:name`")]
    Shape(String),
    /// A character that ids may not hold.
    #[error("`{text}` holds the character {character:?}; write it percent-encoded")]
    Character {
        /// The text that was given.
        text: String,
        /// The first such character.
        character: char,
    },
    /// Upper case or not in Unicode normal form C.
    #[error("`{0}` is not in lower case and Unicode normal form C")]
    Form(String),
}

impl NodeId {
    /// Reads an id exactly as written.
    ///
    /// # Errors
    /// Says which rule of the form the text breaks; see [`NodeIdError`].
    pub fn parse(text: &str) -> Result<Self, NodeIdError> {
        let shape = || NodeIdError::Shape(text.to_owned());
        let (kind, name) = text.split_once(':').ok_or_else(shape)?;
        if kind.is_empty() || name.is_empty() {
            return Err(shape());
        }
        if let Some(character) = text.chars().find(|&c| is_forbidden(c)) {
            return Err(NodeIdError::Character { text: text.to_owned(), character });
        }
        if !is_nfc(text) || text.chars().flat_map(char::to_lowercase).ne(text.chars()) {
            return Err(NodeIdError::Form(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// Makes an id from any kind and name, bringing both into the form.
    #[must_use]
    pub fn from_parts(kind: &str, name: &str) -> Self {
        let mut text = String::with_capacity(kind.len() + name.len() + 1);
        push_normal(&mut text, kind);
        text.push(':');
        push_normal(&mut text, name);
        Self(text.into())
    }

    /// The part before the first `:`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.0.split_once(':').map_or("", |(kind, _)| kind)
    }

    /// The part after the first `:`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, name)| name)
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_forbidden(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, ';' | ',' | '(' | ')')
}

fn push_normal(out: &mut String, text: &str) {
    for c in text.trim().nfc().flat_map(char::to_lowercase).nfc() {
        if is_forbidden(c) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{byte:02x}"));
            }
        } else {
            out.push(c);
        }
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for NodeId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id!(/// A service's id: `tills`.
    ServiceId);
text_id!(/// A withdrawal's id: `close-desktops`, or by default `KIND/NODE`.
    WithdrawalId);
text_id!(/// An incident's id: `inc-7`.
    IncidentId);
text_id!(/// A raised cordon's id: `c3`.
    CordonId);
text_id!(/// A plan's short id: `p3`.
    PlanId);

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The index as a position in a slice.
            #[must_use]
            pub fn at(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index!(/// Position of a node in its estate.
    NodeIx);
index!(/// Position of a service in its estate.
    ServiceIx);
index!(/// Position of a withdrawal in its estate.
    WithdrawalIx);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_checked_and_normalised() {
        for (text, good) in [
            ("user:ann", true),
            ("flow:tills>acquirer-a", true),
            ("db:a:b", true),
            ("user", false),
            (":ann", false),
            ("user:", false),
            ("user:Ann", false),
            ("user:a b", false),
            ("user:a;b", false),
            ("user:(a)", false),
            ("user:e\u{301}", false),
        ] {
            assert_eq!(NodeId::parse(text).is_ok(), good, "{text}");
        }
        let id = NodeId::from_parts("User", "NORTH\\Ann (tmp)");
        assert_eq!(id.as_str(), "user:north\\ann%20%28tmp%29");
        assert_eq!(NodeId::parse(id.as_str()), Ok(id));
    }
}
