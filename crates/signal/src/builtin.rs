//! The format files that are part of the program.

/// File names and texts of the built-in formats.
pub(crate) const FORMATS: &[(&str, &str)] = &[
    ("aws-cloudtrail.toml", include_str!("../formats/aws-cloudtrail.toml")),
    ("aws-s3-access.toml", include_str!("../formats/aws-s3-access.toml")),
    ("aws-vpc-flow.toml", include_str!("../formats/aws-vpc-flow.toml")),
    ("azure-syslog.toml", include_str!("../formats/azure-syslog.toml")),
    ("azure-vm-connection.toml", include_str!("../formats/azure-vm-connection.toml")),
    ("cisco-ios.toml", include_str!("../formats/cisco-ios.toml")),
    ("entra-audit.toml", include_str!("../formats/entra-audit.toml")),
    ("entra-sign-in.toml", include_str!("../formats/entra-sign-in.toml")),
    ("m365-audit.toml", include_str!("../formats/m365-audit.toml")),
    ("okta.toml", include_str!("../formats/okta.toml")),
    ("postgresql.toml", include_str!("../formats/postgresql.toml")),
    ("windows.toml", include_str!("../formats/windows.toml")),
    ("windows-beats.toml", include_str!("../formats/windows-beats.toml")),
    ("windows-beats-6.toml", include_str!("../formats/windows-beats-6.toml")),
    ("windows-event.toml", include_str!("../formats/windows-event.toml")),
    ("windows-flat.toml", include_str!("../formats/windows-flat.toml")),
    ("windows-xml.toml", include_str!("../formats/windows-xml.toml")),
];
