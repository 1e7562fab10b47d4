//! The authority of a folder, put together from its files; and the one of the range.

use cordon_authority::Authority;

use crate::failure;

/// The built-in authority of the range.
pub(crate) fn of_the_range() -> anyhow::Result<Authority> {
    Authority::of_the_range().map_err(|problems| failure::problems(&problems))
}
