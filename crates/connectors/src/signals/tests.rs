//! Events in the shapes that the specifications show, and hostile ones.

use cordon_model::Timestamp;
use cordon_model::signal::{ChangeKind, FactKind, MentionKind, Role};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

const NOW: i64 = 1_615_305_200;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
}

/// A signer of each sort, and the set of their public keys.
fn keys() -> (Signer, Signer, Json) {
    let random = SystemRandom::new();
    let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let ed_pair = Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap();
    let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let ec_pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random).unwrap();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let point = ec_pair.public_key().as_ref();
    let jwks = json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": text(ed_pair.public_key().as_ref()) },
        { "kty": "EC", "crv": "P-256", "kid": "ec", "use": "sig",
          "x": text(&point[1..33]), "y": text(&point[33..]) },
        { "kty": "oct", "kid": "shared", "k": "c2VjcmV0" },
    ] });
    let signer = |der: &[u8], id| Signer::from_pem(&pem(der), id).unwrap();
    (signer(ed.as_ref(), "ed"), signer(ec.as_ref(), "ec"), jwks)
}

fn expected(jwks: &Json) -> Expected {
    Expected {
        issuer: "https://idp.north.example/7/".to_owned(),
        audience: "https://cordon.north.example/".to_owned(),
        keys: Keys::from_jwks(jwks).unwrap(),
    }
}

fn claims(kind: &str, subject: &Json, event: &Json) -> Json {
    json!({
        "iss": "https://idp.north.example/7/", "aud": "https://cordon.north.example/",
        "jti": "9f1c", "iat": NOW - 40, "txn": "8675", "sub_id": subject, "events": { kind: event },
    })
}

fn told(claims: &Json) -> Result<Received, Rejected> {
    let (_, signer, jwks) = keys();
    receive(&signer.sign(claims).unwrap(), &expected(&jwks), |_| false, now())
}

fn named(received: &Received) -> Vec<(MentionKind, Vec<String>)> {
    let mentions = received.facts.iter().flat_map(|fact| fact.mentions.iter());
    mentions
        .map(|m| (m.kind, m.spellings.iter().map(|s| String::from(s.clone())).collect()))
        .collect()
}

#[test]
fn a_revoked_session_is_read_in_every_shape() {
    let user = || (MentionKind::User, vec!["ann@north.example".to_owned()]);
    let session = |id: &str| (MentionKind::Session, vec![id.to_owned()]);
    let cases = [
        (json!({ "format": "opaque", "id": "s|16" }), vec![session("s|16")]),
        (json!({ "format": "email", "email": "ann@north.example" }), vec![user()]),
        (json!({ "format": "account", "uri": "acct:ann@north.example" }), vec![user()]),
        (
            json!({ "format": "complex",
                "session": { "format": "opaque", "id": "s|16" },
                "user": { "format": "iss_sub", "iss": "https://idp.example/", "sub": "ann@north.example" },
                "device": { "format": "iss_sub", "iss": "https://mdm.example/", "sub": "e9297990" },
                "tenant": { "format": "opaque", "id": "123" } }),
            vec![user(), session("s|16"), (MentionKind::Host, vec!["e9297990".to_owned()])],
        ),
        (
            json!({ "format": "aliases", "identifiers": [
                { "format": "email", "email": "ann@north.example" },
                { "format": "phone_number", "phone_number": "+12065550100" } ] }),
            vec![(
                MentionKind::User,
                vec!["ann@north.example".to_owned(), "+12065550100".to_owned()],
            )],
        ),
        (
            json!({ "format": "jwt_id", "iss": "https://idp.example/", "jti": "B70B" }),
            vec![session("B70B")],
        ),
        (
            json!({ "format": "saml_assertion_id", "issuer": "https://idp.example/", "assertion_id": "_8e87" }),
            vec![session("_8e87")],
        ),
        (json!({ "format": "something-new", "id": "1" }), vec![]),
        (json!("nobody"), vec![]),
    ];
    for (subject, expected) in cases {
        let event = json!({ "event_timestamp": NOW - 60, "initiating_entity": "policy" });
        let received = told(&claims(SESSION_REVOKED, &subject, &event)).unwrap();
        assert_eq!(received.statement, Statement::SessionRevoked);
        assert_eq!(named(&received), expected, "{subject}");
        assert_eq!(received.time.as_second(), NOW - 60);
        for fact in &received.facts {
            assert_eq!(fact.kind, FactKind::Change { change: ChangeKind::RemovedKey });
            assert!(fact.mentions.iter().all(|mention| mention.role == Role::Target));
        }
    }
    // Drafts wrote the time in milliseconds and the subject into the event.
    let event = json!({ "event_timestamp": (NOW - 60) * 1000 + 643,
        "subject": { "format": "email", "email": "ann@north.example" } });
    let mut old = claims(SESSION_REVOKED, &Json::Null, &event);
    old.as_object_mut().unwrap().remove("sub_id");
    let received = told(&old).unwrap();
    assert_eq!((received.time.as_second(), named(&received)), (NOW - 60, vec![user()]));
}

#[test]
fn a_changed_credential_says_what_became_of_it() {
    let cases = [
        ("password", "update", ChangeKind::PasswordReset),
        ("password", "revoke", ChangeKind::RemovedKey),
        ("fido2-roaming", "create", ChangeKind::NewFactor),
        ("phone-sms", "delete", ChangeKind::RemovedFactor),
        ("x509", "create", ChangeKind::NewKey),
        ("a-new-sort", "revoke", ChangeKind::RemovedKey),
    ];
    let subject = json!({ "format": "email", "email": "ann@north.example" });
    for (sort, change, expected) in cases {
        let event =
            json!({ "credential_type": sort, "change_type": change, "x509_serial": "4711" });
        let received = told(&claims(CREDENTIAL_CHANGE, &subject, &event)).unwrap();
        assert_eq!(received.statement, Statement::CredentialChange(expected), "{sort} {change}");
        assert_eq!(received.facts[0].kind, FactKind::Change { change: expected });
        assert_eq!(named(&received)[1], (MentionKind::Key, vec!["4711".to_owned()]));
    }
    for event in [json!({ "change_type": "revoke" }), json!({ "credential_type": "app" })] {
        let refused = told(&claims(CREDENTIAL_CHANGE, &subject, &event)).unwrap_err();
        assert_eq!(refused.code(), Some("invalid_request"), "{refused}");
    }
}

#[test]
fn others_are_read_and_mean_nothing() {
    let stream = json!({ "format": "opaque", "id": "stream-1" });
    let received = told(&claims(VERIFICATION, &stream, &json!({ "state": "x" }))).unwrap();
    assert_eq!(received.statement, Statement::Verification(Some("x".to_owned())));
    let received = told(&claims("https://example/new", &stream, &json!({}))).unwrap();
    assert_eq!(received.statement, Statement::Other("https://example/new".to_owned()));
    assert_eq!(received.facts, []);
}

#[test]
fn hostile_tokens_are_refused_with_the_right_code() {
    let (ed, ec, jwks) = keys();
    let expected = expected(&jwks);
    let good = claims(SESSION_REVOKED, &json!({ "format": "opaque", "id": "s" }), &json!({}));
    let with = |key: &str, value: Json| {
        let mut claims = good.clone();
        claims[key] = value;
        ec.sign(&claims).unwrap()
    };
    let token = ec.sign(&good).unwrap();
    let [header, body, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let part = |json: Json| URL_SAFE_NO_PAD.encode(json.to_string());
    let head = |json: Json| format!("{}.{body}.{signature}", part(json));
    let (mine, _, _) = keys();
    let (request, key) = (Some("invalid_request"), Some("invalid_key"));
    let cases = [
        ("good", token.clone(), Ok(())),
        ("good, by the other key", ed.sign(&good).unwrap(), Ok(())),
        (
            "alg none",
            format!("{}.{body}.", part(json!({ "alg": "none", "typ": "secevent+jwt" }))),
            Err(key),
        ),
        (
            "alg HS256",
            head(json!({ "alg": "HS256", "typ": "secevent+jwt", "kid": "shared" })),
            Err(key),
        ),
        (
            "alg of another key",
            head(json!({ "alg": "EdDSA", "typ": "secevent+jwt", "kid": "ec" })),
            Err(key),
        ),
        ("an ID token", head(json!({ "alg": "ES256", "typ": "JWT", "kid": "ec" })), Err(request)),
        (
            "critical extension",
            head(json!({ "alg": "ES256", "typ": "secevent+jwt", "crit": ["b64"] })),
            Err(request),
        ),
        ("a stranger's key", mine.sign(&good).unwrap(), Err(key)),
        ("changed claims", format!("{header}.{}.{signature}", part(with_issuer(&good))), Err(key)),
        ("no signature", format!("{header}.{body}."), Err(key)),
        (
            "another issuer",
            with("iss", json!("https://evil.example/")),
            Err(Some("invalid_issuer")),
        ),
        (
            "another audience",
            with("aud", json!("https://other.example/")),
            Err(Some("invalid_audience")),
        ),
        ("several audiences", with("aud", json!(["x", "https://cordon.north.example/"])), Ok(())),
        ("from the future", with("iat", json!(NOW + 3600)), Err(request)),
        ("too old", with("iat", json!(NOW - 30 * 86400)), Err(request)),
        ("expired", with("exp", json!(NOW - 1)), Err(request)),
        ("iat is huge", with("iat", json!(1e300)), Err(request)),
        ("no jti", with("jti", json!("")), Err(request)),
        ("two events", with("events", json!({ "a": {}, "b": {} })), Err(request)),
        ("no event", with("events", json!({})), Err(request)),
        ("events is a list", with("events", json!(["a"])), Err(request)),
        ("oversize", with("txn", json!("x".repeat(100_000))), Err(request)),
    ];
    for (what, token, outcome) in cases {
        let received = receive(&token, &expected, |_| false, now());
        let code = received.map(|_| ()).map_err(|refused| refused.code());
        assert_eq!(code, outcome, "{what}");
    }
}

#[test]
fn nonsense_repeats_and_depths_are_told() {
    let (_, ec, jwks) = keys();
    let expected = expected(&jwks);
    let good = claims(SESSION_REVOKED, &json!({ "format": "opaque", "id": "s" }), &json!({}));
    let token = ec.sign(&good).unwrap();
    for nonsense in ["", "rubbish", "!.!.!", &format!("{token}.x")] {
        let refused = receive(nonsense, &expected, |_| false, now()).unwrap_err();
        assert_eq!(refused.code(), Some("invalid_request"), "{nonsense}");
    }
    // Whatever character is changed, it is not believed any more.
    for at in 0..token.len() {
        let mut changed = token.clone();
        let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
        changed.replace_range(at..=at, other);
        assert!(receive(&changed, &expected, |_| false, now()).is_err(), "{at}");
    }
    let replayed = receive(&token, &expected, |jti| jti == "9f1c", now());
    assert_eq!(replayed, Err(Rejected::Replayed));
    assert_eq!(Rejected::Replayed.code(), None, "the sender is told that it was taken");
    // Identifiers within identifiers end somewhere.
    let mut deep = json!({ "format": "email", "email": "deep@north.example" });
    for _ in 0..50 {
        deep = json!({ "format": "aliases", "identifiers": [deep] });
    }
    let received = told(&claims(SESSION_REVOKED, &deep, &json!({}))).unwrap();
    assert_eq!(received.facts, []);
}

fn with_issuer(claims: &Json) -> Json {
    let mut claims = claims.clone();
    claims["sub_id"] = json!({ "format": "opaque", "id": "another" });
    claims
}

#[test]
fn keys_that_are_none_are_told() {
    assert!(matches!(Signer::from_pem("hush", "k"), Err(KeyError::Form)));
    assert!(matches!(Signer::from_pem(&pem(b"hush"), "k"), Err(KeyError::Sort)));
    for set in
        [json!({}), json!({ "keys": [] }), json!({ "keys": [{ "kty": "oct", "k": "c2Vj" }] })]
    {
        assert!(matches!(Keys::from_jwks(&set), Err(KeyError::Set)), "{set}");
    }
}
