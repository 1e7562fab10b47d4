//! A new password: outside plans, because it cannot be undone.

use std::time::Instant;

use cordon_model::NodeId;
use cordon_model::action::{Trouble, TroubleKind};

use super::resolve::{Found, resolve};
use super::settings::{Dialect, Place};
use super::wire::{Change, Failure, Step, Wire};

pub(super) fn reset(
    place: &Place,
    wire: &mut Wire,
    node: &NodeId,
    password: &str,
    end: Instant,
) -> Result<(), Trouble> {
    if place.dialect != Dialect::ActiveDirectory {
        let why = "passwords are reset in Active Directory only; nothing was sent";
        return Err(Trouble::new(TroubleKind::Unsupported, why));
    }
    let found = resolve(place, wire, std::slice::from_ref(node), &[], end)?.pop();
    let entry = match found {
        Some(Found::One(entry)) => entry,
        Some(Found::Unclear(trouble)) => return Err(trouble),
        Some(Found::Nobody) | None => {
            let why = format!("the directory has no account for `{node}`");
            return Err(Trouble::new(TroubleKind::Unsupported, why));
        }
    };
    // The directory wants it in quotation marks and UTF-16.
    let quoted: Vec<u8> =
        format!("\"{password}\"").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let change = Change { dn: entry.dn.clone(), steps: vec![Step::Replace("unicodePwd", quoted)] };
    let done = wire.change_all(vec![change], end).pop().unwrap_or(Err(Failure::Late));
    done.map_err(|failure| failure.trouble(&format!("set a new password of `{}`", entry.dn)))
}
