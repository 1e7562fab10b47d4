//! What each built-in format makes of a record: one line of log, and all that
//! is read from it. Names and addresses are invented.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built is a broken test")]

#[path = "formats/aws.rs"]
mod aws;
#[path = "formats/database.rs"]
mod database;
#[path = "formats/microsoft.rs"]
mod microsoft;
#[path = "formats/okta.rs"]
mod okta;
#[path = "formats/support.rs"]
mod support;
#[path = "formats/windows.rs"]
mod windows;
