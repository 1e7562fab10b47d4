//! Which kinds of withdrawal a directory serves, and what is asked before anything is sent.

use cordon_model::Mode;
use cordon_model::action::{Call, Trouble, TroubleKind};

use super::settings::{Dialect, Place};
use super::switch::Switch;

/// What a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One attribute says whether anybody can sign in.
    Switch(Switch),
    /// Direct membership in the groups of the settings.
    Groups,
    /// What was opened before and ends by itself.
    Sessions,
}

impl Kind {
    /// The attributes that it is about.
    pub(super) fn attributes(self, dialect: Dialect) -> &'static [&'static str] {
        match (self, dialect) {
            (Self::Switch(Switch::Disabled) | Self::Groups, _) => {
                &["userAccountControl", "uSNChanged"]
            }
            (Self::Switch(Switch::Expired), _) => &["accountExpires", "uSNChanged"],
            (Self::Switch(Switch::Locked), _) => &["pwdAccountLockedTime", "modifiersName"],
            (Self::Sessions, _) => &[
                "userAccountControl",
                "accountExpires",
                "whenChanged",
                "lastLogon",
                "lastLogonTimestamp",
            ],
        }
    }
}

impl Place {
    /// What a call is about, if this connector serves it.
    ///
    /// # Errors
    /// Before anything is sent: a kind or a node that is not this connector's.
    pub(super) fn kind(&self, call: &Call) -> Result<Kind, Trouble> {
        let kind = &call.order.kind;
        let trouble = |why: String| Trouble::new(TroubleKind::Unsupported, why);
        let known = self.named(kind).filter(|_| self.kinds.contains(kind)).ok_or_else(|| {
            trouble(format!(
                "the connector `{}` does not do `{kind}`; nothing was sent",
                self.site.name
            ))
        })?;
        let fits = |mode| (known == Kind::Sessions) == (mode == Mode::End);
        if !fits(call.order.mode) {
            return Err(not_so(call));
        }
        let stranger = call
            .targets
            .iter()
            .find(|node| !self.node_kinds.iter().any(|kind| kind == node.kind()));
        match stranger {
            None => Ok(known),
            Some(node) => Err(trouble(format!(
                "`{node}` is no account; the connector `{}` serves nodes of the kinds {}; \
                 nothing was sent",
                self.site.name,
                self.node_kinds.join(", ")
            ))),
        }
    }

    /// The kind of that name in this dialect.
    pub(super) fn named(&self, kind: &str) -> Option<Kind> {
        match (kind, self.dialect) {
            ("disable-account", Dialect::ActiveDirectory) => Some(Kind::Switch(Switch::Disabled)),
            ("disable-account", Dialect::Openldap) => Some(Kind::Switch(Switch::Locked)),
            ("expire-account", Dialect::ActiveDirectory) => Some(Kind::Switch(Switch::Expired)),
            ("remove-from-groups", Dialect::ActiveDirectory) => Some(Kind::Groups),
            ("end-sessions", Dialect::ActiveDirectory) => Some(Kind::Sessions),
            _ => None,
        }
    }
}

/// The act does not go with the kind.
pub(super) fn not_so(call: &Call) -> Trouble {
    let why = format!(
        "`{}` cannot be done as {:?} in mode {:?}; nothing was sent",
        call.order.kind, call.act, call.order.mode
    );
    Trouble::new(TroubleKind::Unsupported, why)
}
