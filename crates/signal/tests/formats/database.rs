//! PostgreSQL and pgAudit.

use super::support::check;

fn record(message: &str) -> String {
    let message = serde_json::to_string(message).unwrap();
    format!(
        r#"{{"timestamp":"2024-05-01 08:15:02.117 UTC","user":"app_members","dbname":"members","pid":991,"remote_host":"192.0.2.14","remote_port":51000,"session_id":"6631f0a6.3df","error_severity":"LOG","message":{message}}}"#
    )
}

const WHO: &str = "
    actor User: app_members
    source Address: 192.0.2.14
    place Database: members
    actor Session: members/6631f0a6.3df";

#[test]
fn pgaudit_lines_are_accesses_with_rows() {
    check(
        &record(
            r#"AUDIT: SESSION,4,1,READ,SELECT,TABLE,public.member,"select name, email from member where x = ""a,b""",<none>,6500"#,
        ),
        &format!(
            "postgresql pgaudit:members 2024-05-01T08:15:02.117Z
            fact read 6500 rows
            is category: database
            is product: postgresql, service: pgaudit{WHO}
            target Data: members.public.member
            target Database: members"
        ),
    );
    check(
        &record(
            "AUDIT: SESSION,5,1,READ,COPY TO,TABLE,public.member,copy member to stdout,<not logged>",
        ),
        &format!(
            "postgresql pgaudit:members 2024-05-01T08:15:02.117Z
            fact export
            is category: database
            is product: postgresql, service: pgaudit{WHO}
            target Data: members.public.member
            target Database: members"
        ),
    );
    check(
        &record("AUDIT: SESSION,6,1,ROLE,GRANT,,,grant all on member to eve,<not logged>"),
        &format!(
            "postgresql pgaudit:members 2024-05-01T08:15:02.117Z
            fact granted
            is category: database
            is product: postgresql, service: pgaudit{WHO}
            target Database: members"
        ),
    );
}

#[test]
fn connections_are_logons() {
    check(
        &record("connection authorized: user=app_members database=members"),
        &format!(
            "postgresql postgresql:members 2024-05-01T08:15:02.117Z
            fact logon remote
            is category: database{WHO}"
        ),
    );
    check(
        &record("password authentication failed for user \"postgres\""),
        "postgresql postgresql:members 2024-05-01T08:15:02.117Z
        fact logon remote failed
        is category: database
        target User: postgres
        source Address: 192.0.2.14
        place Database: members
        actor Session: members/6631f0a6.3df",
    );
}
