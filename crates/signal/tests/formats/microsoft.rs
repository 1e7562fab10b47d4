//! Entra and Microsoft 365.

use super::support::check;

#[test]
fn sign_ins_come_in_three_dresses() {
    let expect = |ip: &str| {
        format!(
            "entra-sign-in entra-sign-in:t1 2024-05-01T08:15:02Z
            fact logon remote
            is product: azure, service: signinlogs
            source Address: {ip}
            target App: Payroll
            actor User: ann@north.example = u1"
        )
    };
    check(
        r#"{"time":"2024-05-01T08:16:00Z","category":"SignInLogs","resultType":"0","callerIpAddress":"192.0.2.1","tenantId":"t1","properties":{"createdDateTime":"2024-05-01T08:15:02Z","userPrincipalName":"ann@north.example","userId":"u1","appDisplayName":"Payroll","ipAddress":"192.0.2.14","status":{"errorCode":0}}}"#,
        &expect("192.0.2.14"),
    );
    check(
        r#"{"value":[{"createdDateTime":"2024-05-01T08:15:02Z","homeTenantId":"t1","userPrincipalName":"ann@north.example","userId":"u1","appDisplayName":"Payroll","ipAddress":"2001:db8::1","status":{"errorCode":0}}]}"#,
        &expect("2001:db8::1"),
    );
    check(
        "TenantId,TimeGenerated [UTC],UserPrincipalName,UserId,IPAddress,ResultType,AppDisplayName\nt1,\"5/1/2024, 8:15:02.000 AM\",ann@north.example,u1,192.0.2.14,0,Payroll\n",
        &expect("192.0.2.14"),
    );
}

#[test]
fn a_failed_sign_in_only_names_the_account() {
    check(
        r#"{"category":"SignInLogs","resultType":"50126","tenantId":"t1","properties":{"createdDateTime":"2024-05-01T08:15:02Z","userPrincipalName":"ann@north.example","userId":"u1","appDisplayName":"Payroll","ipAddress":"192.0.2.14","status":{"errorCode":50126}}}"#,
        "entra-sign-in entra-sign-in:t1 2024-05-01T08:15:02Z
        fact logon remote failed
        is product: azure, service: signinlogs
        source Address: 192.0.2.14
        target App: Payroll
        target User: ann@north.example = u1",
    );
}

#[test]
fn role_grants_are_changes() {
    check(
        r#"{"time":"2024-05-01T08:15:02Z","operationName":"Add member to role","category":"AuditLogs","tenantId":"t1","properties":{"activityDisplayName":"Add member to role","result":"success","initiatedBy":{"user":{"id":"u9","userPrincipalName":"desk@north.example","ipAddress":"192.0.2.14"}},"targetResources":[{"type":"User","id":"u1","userPrincipalName":"ann@north.example"},{"type":"Role","id":"r1","displayName":"Global Administrator"}]}}"#,
        "entra-audit entra-audit:t1 2024-05-01T08:15:02Z
        fact granted
        is product: azure, service: auditlogs
        actor User: desk@north.example = u9
        source Address: 192.0.2.14
        target User: ann@north.example = u1
        target Group: Global Administrator = r1",
    );
}

#[test]
fn downloads_are_accesses() {
    check(
        r#"{"CreationTime":"2024-05-01T08:15:02","Id":"1","Operation":"FileDownloaded","OrganizationId":"o1","Workload":"SharePoint","UserId":"ann@north.example","UserKey":"k1","ClientIP":"192.0.2.14:51111","SiteUrl":"https://north.example/sites/members/","ObjectId":"https://north.example/sites/members/all.csv"}"#,
        "m365-audit m365:o1 2024-05-01T08:15:02Z
        fact read 1 objects
        is product: m365, service: audit
        source Address: 192.0.2.14
        actor User: ann@north.example = k1
        target Data: https://north.example/sites/members/",
    );
}
