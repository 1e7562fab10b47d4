//! Definitions and settings as values: what is found when a connector opens.

use std::sync::Arc;

use cordon_model::EstateBuilder;
use serde_json::json;

use super::*;

/// The complete example of the documentation.
fn example() -> String {
    let page = include_str!("../../../../docs/connectors/http.md");
    let from = page.find("name = \"doors\"").unwrap();
    page[from..].split("```").next().unwrap().to_owned()
}

#[test]
fn every_definition_that_comes_along_reads() {
    for (name, text) in BUILTIN {
        let definition = Definition::read(name, text).unwrap();
        assert_eq!(definition.name, name);
    }
    assert_eq!(Definition::read("doors.toml", &example()).unwrap().name, "doors");
}

#[test]
fn errors_name_file_place_and_remedy() {
    let cases = [
        ("lanes = 2", "lains = 2", "unknown field `lains`"),
        ("lanes = 2", "lanes = \"two\"", "lanes = \"two\""),
        ("/badges/{object.id}", "/badges/{objekt.id}", "nothing before it is called `objekt`"),
        ("/badges/{object.id}", "/badges/{object.id", "lone brace"),
        ("{order.note}", "{order.note|shout}", "no conversion `shout`"),
        ("badge.valid\" = true", "badge.valid\" = \"{x|y}\"", "no conversion `y`"),
        ("{order.note}", "{settings.token}", "secrets belong to `[auth]`"),
        ("{order.note}", "{settings.colour}", "declare it as `[settings.colour]`"),
        ("Bearer {settings.token}", "Bearer {settings.tokn}", "declare it in `[settings]`"),
        ("badge.valid\" = true", "badg.valid\" = true", "nothing before it is called `badg`"),
        ("mode = \"refuse\"", "mode = \"end\"", "an `end` has none"),
        ("as = \"badge\", get", "as = \"badge\", post", "`look` would change something"),
        ("list = \"badges\", id = \"id\"", "list = \"badges\"", "each `find` needs"),
        ("as = \"badge\", get", "get = \"/x\", as = \"badge\", put", "exactly one of"),
        ("'[^@\\s]+@[^@\\s]+'", "'[^@'", "regex parse error"),
    ];
    for (from, to, expected) in cases {
        let text = example();
        assert!(text.contains(from), "{from}");
        let error =
            Definition::read("connectors/doors.toml", &text.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(expected), "{to}: {error}");
        assert!(error.starts_with("`connectors/doors.toml`: "), "{error}");
        assert!(error.contains("docs/connectors/http.md"), "{error}");
    }
}

#[test]
fn settings_are_checked_before_anything_is_sent() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("doors.toml"), example()).unwrap();
    std::fs::write(folder.path().join("bad.toml"), "name = 1").unwrap();
    std::fs::write(folder.path().join("s"), "hush").unwrap();
    std::fs::set_permissions(folder.path().join("s"), std::fs::Permissions::from_mode(0o600))
        .unwrap();
    let error = |changes: Json| {
        let mut settings = json!({ "definition": "doors.toml", "url": "https://doors.north.example", "token": "file:s" });
        for (name, value) in changes.as_object().unwrap() {
            settings[name] = value.clone();
            if value.is_null() {
                settings.as_object_mut().unwrap().remove(name);
            }
        }
        let site = Site {
            name: "doors".to_owned(),
            kind: "http".to_owned(),
            settings,
            estate: Arc::new(EstateBuilder::new("North", "GBP").finish().unwrap()),
            folder: folder.path().to_owned(),
            range: None,
        };
        open(&site).err().map(|error| error.to_string())
    };
    assert_eq!(error(json!({})), None);
    assert_eq!(error(json!({ "url": "http://127.0.0.1:8080" })), None);
    let cases = [
        (json!({ "url": null }), "the setting `url` is missing: the address"),
        (json!({ "token": null }), "the setting `token` is missing"),
        (json!({ "token": "hush" }), "names no secret"),
        (json!({ "token": "file:none" }), "cannot be read"),
        (json!({ "tokn": "x" }), "no setting `tokn`; `doors` knows token, url"),
        (json!({ "url": "http://doors.north.example" }), "begins with `https://`"),
        (json!({ "url": "ftp://doors.north.example" }), "begins with `https://`"),
        (json!({ "kinds": ["revoke"] }), "`kinds` names `revoke`"),
        (json!({ "ca": "none.pem" }), "`ca`"),
        (json!({ "ca": "s" }), "no certificate"),
        (json!({ "definition": "windows" }), "or one of aws-iam, entra"),
        (json!({ "definition": "none.toml" }), "cannot be read"),
        (json!({ "definition": "bad.toml" }), "`bad.toml`"),
    ];
    for (changes, expected) in cases {
        let told = error(changes.clone()).unwrap_or_default();
        assert!(told.contains(expected), "{changes}: {told}");
        assert!(!told.contains("hush") || changes["token"] == "hush", "{told}");
    }
}
