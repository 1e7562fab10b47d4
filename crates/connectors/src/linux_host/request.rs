//! The lines that go to `cordon-host` and come back from it.

use cordon_model::action::{Answer, CORDON, Call, Trouble, TroubleKind};
use cordon_model::{Mode, NodeId};

use crate::bound::Said;

/// What of a host a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Account,
    Key,
    Sessions,
}

impl What {
    pub(super) fn of(call: &Call) -> Result<Self, Trouble> {
        match (call.order.kind.as_str(), call.order.mode) {
            ("disable-account", Mode::Refuse) => Ok(Self::Account),
            ("revoke", Mode::Refuse) => Ok(Self::Key),
            ("end-sessions", Mode::End) => Ok(Self::Sessions),
            (kind, _) => {
                let why = format!(
                    "a Linux host does not do `{kind}` in this mode; it does `disable-account` \
                     and, for keys, `revoke` (refuse), and `end-sessions` (end)"
                );
                Err(Trouble::new(TroubleKind::Unsupported, why))
            }
        }
    }

    pub(super) fn look(self) -> &'static str {
        match self {
            Self::Account => "look-account",
            Self::Key => "look-key",
            Self::Sessions => "look-sessions",
        }
    }

    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Account | Self::Sessions => "account",
            Self::Key => "fingerprint (as in `SHA256:...`)",
        }
    }

    /// Whether a spelling could be the name of such a thing.
    pub(super) fn fits(self, name: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        match self {
            Self::Account | Self::Sessions => {
                !name.is_empty() && !name.starts_with('-') && name.chars().all(plain)
            }
            Self::Key => name.starts_with("SHA256:"),
        }
    }
}

/// How an act ended.
pub(super) fn answer(said: &Said, node: &NodeId, place: &str) -> Answer {
    match said.word() {
        "done" => Answer::Done,
        "absent" => Answer::AlreadySo { by: None },
        "already" => {
            let by = (said.field(1) == CORDON).then(|| CORDON.to_owned());
            Answer::AlreadySo { by }
        }
        _ => Answer::Failed(trouble(said, node, place)),
    }
}

/// What stands in the way.
pub(super) fn trouble(said: &Said, node: &NodeId, place: &str) -> Trouble {
    let first = said.field(1);
    let second = said.field(2);
    let (kind, why) = match said.word() {
        "ambiguous" => (
            TroubleKind::Unsupported,
            format!(
                "`{node}` could be the account `{first}` or `{second}` of {place}; name one in `names`"
            ),
        ),
        "unlisted" => (
            TroubleKind::Denied,
            format!(
                "the account `{first}` of {place} is not listed for Cordon, or is root; if \
                 Cordon may touch it, say there: usermod -aG {second} {first}"
            ),
        ),
        "unlisted key" => (
            TroubleKind::Denied,
            format!(
                "the key of `{node}` lets in accounts of {place} that are not listed for Cordon; \
                 add them to the group {first} there"
            ),
        ),
        "elsewhere" => (
            TroubleKind::Unsupported,
            format!("`{first}` comes to {place} from a directory; withdraw it there"),
        ),
        "changed" => (
            TroubleKind::Changed,
            format!("somebody changed `{first}` of {place} since it was looked at"),
        ),
        "not ours" => (
            TroubleKind::Denied,
            format!(
                "{place} knows nothing that Cordon took from `{first}`; if it is to be used \
                 again, an administrator says there: usermod -e '' {first}"
            ),
        ),
        "failed" => (TroubleKind::Denied, format!("{place} did not do it to `{node}`: {first}")),
        "unsupported" => (TroubleKind::Unsupported, format!("{place}: {first}")),
        other => (TroubleKind::Unsupported, format!("{place} answered `{other}` about `{node}`")),
    };
    Trouble::new(kind, why)
}
