//! Okta System Log, plain and in envelopes.

use super::support::check;

const RESET: &str = r#"{"uuid":"1","published":"2024-05-01T08:15:02.250Z","eventType":"user.mfa.factor.reset_all","actor":{"id":"00u1","type":"User","alternateId":"desk@north.example","displayName":"Desk"},"client":{"ipAddress":"192.0.2.14"},"outcome":{"result":"SUCCESS"},"target":[{"id":"00u2","type":"User","alternateId":"ann@north.example","displayName":"Ann"}],"authenticationContext":{"externalSessionId":"102xyz"}}"#;

const EXPECT: &str = r"
    okta okta 2024-05-01T08:15:02.25Z
    fact removedfactor
    is product: okta, service: okta
    actor User: desk@north.example = 00u1
    source Address: 192.0.2.14
    actor Session: 102xyz
    target User: ann@north.example = 00u2
    ";

#[test]
fn a_reset_has_an_actor_and_a_target() {
    check(RESET, EXPECT);
}

#[test]
fn envelopes_of_collectors_are_opened() {
    check(&format!(r#"{{"json":{RESET},"_index":"x"}}"#), EXPECT);
    let quoted = serde_json::to_string(RESET).unwrap();
    check(&format!(r#"{{"@timestamp":"2024-05-02T00:00:00Z","message":{quoted}}}"#), EXPECT);
}

#[test]
fn elastics_own_spelling_is_understood() {
    check(
        r#"{"@timestamp":"2024-05-01T08:15:02.250Z","client":{"ip":"192.0.2.14"},"okta":{"event_type":"user.mfa.factor.reset_all","actor":{"id":"00u1","type":"User","alternate_id":"desk@north.example"},"client":{"ip":"192.0.2.14"},"outcome":{"result":"SUCCESS"},"target":[{"id":"00u2","type":"User","alternate_id":"ann@north.example"}],"authentication_context":{"external_session_id":"102xyz"}}}"#,
        EXPECT,
    );
}

#[test]
fn whoever_fails_to_sign_in_is_not_the_account() {
    let sign_in = |result: &str| {
        format!(
            r#"{{"published":"2024-05-01T08:15:02Z","eventType":"user.session.start","actor":{{"id":"00u2","type":"User","alternateId":"ann@north.example"}},"client":{{"ipAddress":"203.0.113.5"}},"outcome":{{"result":"{result}"}},"authenticationContext":{{"externalSessionId":"unknown"}}}}"#
        )
    };
    check(
        &sign_in("FAILURE"),
        "okta okta 2024-05-01T08:15:02Z
        fact logon remote failed
        is product: okta, service: okta
        source Address: 203.0.113.5
        target User: ann@north.example",
    );
    check(
        &sign_in("SUCCESS"),
        "okta okta 2024-05-01T08:15:02Z
        fact logon remote
        is product: okta, service: okta
        actor User: ann@north.example = 00u2
        source Address: 203.0.113.5",
    );
}
