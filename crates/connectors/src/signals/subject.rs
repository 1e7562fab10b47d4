//! Who an event is about: subject identifiers of RFC 9493 and of the Shared Signals
//! Framework, written and read.

use cordon_model::action::Json;
use cordon_model::signal::{Mention, MentionKind, Role};
use serde::Deserialize;
use serde_json::json;

/// The form in which people are named to a receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    /// By mail address.
    #[default]
    Email,
    /// By an `acct:` address.
    Account,
    /// By an issuer and its subject.
    IssSub,
    /// By a name that only both sides understand.
    Opaque,
}

impl Form {
    /// Writes a subject.
    pub(super) fn write(self, name: &str, issuer: &str) -> Json {
        match self {
            Self::Email => json!({ "format": "email", "email": name }),
            Self::Account => {
                let name = name.strip_prefix("acct:").unwrap_or(name);
                json!({ "format": "account", "uri": format!("acct:{name}") })
            }
            Self::IssSub => json!({ "format": "iss_sub", "iss": issuer, "sub": name }),
            Self::Opaque => json!({ "format": "opaque", "id": name }),
        }
    }
}

/// How deep identifiers may stand in one another: `complex`, then `aliases`.
const DEEPEST: u8 = 3;

/// Everything that a subject names, as targets; empty if it names nothing that is understood.
///
/// `opaque` tells what an identifier without a sort is about.
pub(super) fn mentions(subject: &Json, opaque: MentionKind) -> Vec<Mention> {
    let mut all = Vec::new();
    read(subject, opaque, DEEPEST, &mut all);
    all
}

fn read(subject: &Json, opaque: MentionKind, depth: u8, all: &mut Vec<Mention>) {
    let format = subject.get("format").and_then(Json::as_str).unwrap_or_default();
    let Some(depth) = depth.checked_sub(1) else { return };
    if format == "complex" {
        let parts = [
            ("user", MentionKind::User),
            ("session", MentionKind::Session),
            ("device", MentionKind::Host),
            ("application", MentionKind::App),
            ("group", MentionKind::Group),
        ];
        for (part, kind) in parts {
            if let Some(subject) = subject.get(part) {
                read(subject, kind, depth, all);
            }
        }
        return;
    }
    let (kind, spellings) = spellings(subject, format, opaque, depth);
    let spellings: Vec<Box<str>> =
        spellings.into_iter().filter(|s| !s.is_empty()).map(Into::into).collect();
    if !spellings.is_empty() {
        all.push(Mention { kind, role: Role::Target, spellings: spellings.into() });
    }
}

/// The sort of a simple identifier, and its spellings.
fn spellings(
    subject: &Json,
    format: &str,
    kind: MentionKind,
    depth: u8,
) -> (MentionKind, Vec<String>) {
    let text = |key: &str| subject.get(key).and_then(Json::as_str).map(str::to_owned);
    // A part of a complex subject says itself what it is.
    let person = if kind == MentionKind::Session { MentionKind::User } else { kind };
    let one = |kind, text: Option<String>| (kind, text.into_iter().collect());
    match format {
        "email" => one(person, text("email")),
        "phone_number" => one(person, text("phone_number")),
        "iss_sub" => one(person, text("sub")),
        "account" => {
            let uri = text("uri");
            one(person, uri.map(|uri| uri.strip_prefix("acct:").unwrap_or(&uri).to_owned()))
        }
        "did" => one(person, text("url")),
        "uri" => one(kind, text("uri")),
        "opaque" => one(kind, text("id")),
        "jwt_id" => one(MentionKind::Session, text("jti")),
        "saml_assertion_id" => one(MentionKind::Session, text("assertion_id")),
        "ip-addresses" => {
            let addresses = subject.get("ip-addresses").and_then(Json::as_array);
            let addresses = addresses.into_iter().flatten().filter_map(Json::as_str);
            (MentionKind::Address, addresses.map(str::to_owned).collect())
        }
        "aliases" => {
            let mut all = Vec::new();
            let same = subject.get("identifiers").and_then(Json::as_array);
            for identifier in same.into_iter().flatten() {
                read(identifier, kind, depth, &mut all);
            }
            let kind = all.first().map_or(kind, |mention| mention.kind);
            let same = all.into_iter().filter(|mention| mention.kind == kind);
            (kind, same.flat_map(|mention| mention.spellings).map(String::from).collect())
        }
        _ => (kind, Vec::new()),
    }
}
