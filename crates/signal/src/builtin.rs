//! The format files that are part of the program.

/// File names and texts of the built-in formats.
pub(crate) const FORMATS: &[(&str, &str)] = &[
    ("aws-cloudtrail.toml", include_str!("../formats/aws-cloudtrail.toml")),
    ("okta.toml", include_str!("../formats/okta.toml")),
    ("postgresql.toml", include_str!("../formats/postgresql.toml")),
    ("windows.toml", include_str!("../formats/windows.toml")),
    ("windows-beats.toml", include_str!("../formats/windows-beats.toml")),
    ("windows-beats-6.toml", include_str!("../formats/windows-beats-6.toml")),
    ("windows-event.toml", include_str!("../formats/windows-event.toml")),
    ("windows-flat.toml", include_str!("../formats/windows-flat.toml")),
];
