//! Definitions of vendors' interfaces against servers that check every request.
//!
//! Each server is built from a description of the vendor's published interface
//! (`vendors/*.toml`) and behaves as the vendor says: state, pages, tokens,
//! throttling, lost answers. Nothing outside this machine is asked.

#[path = "vendors/aws.rs"]
mod aws;
#[path = "vendors/conform.rs"]
mod conform;
#[path = "vendors/description.rs"]
mod description;
#[path = "vendors/doors.rs"]
mod doors;
#[path = "vendors/entra.rs"]
mod entra;
#[path = "vendors/jira.rs"]
mod jira;
#[path = "vendors/okta.rs"]
mod okta;
#[path = "vendors/server.rs"]
mod server;
#[path = "vendors/tactical.rs"]
mod tactical;
