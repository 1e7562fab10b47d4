//! The hand on the range.
