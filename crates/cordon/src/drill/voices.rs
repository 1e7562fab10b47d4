//! How the systems of the sample estate write their logs.
//!
//! One function per kind of record, each giving a line in the real format of
//! the product: Windows channels as a collector forwards them, the Okta System
//! Log, CloudTrail, and PostgreSQL's jsonlog with pgAudit. Nothing here knows
//! whether the intruder or an ordinary member of staff is speaking.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// A line of a log, as it would arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// When it was written.
    pub(crate) time: Timestamp,
    /// Name of the log source.
    pub(crate) source: String,
    /// The raw line.
    pub(crate) text: String,
}

/// A person's or service's account, as logs spell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// NetBIOS domain: `NORTH`.
    pub(crate) domain: String,
    /// Account name: `ann.bell`.
    pub(crate) login: String,
    /// Sign-in name: `ann.bell@north.example`.
    pub(crate) mail: String,
    /// Security identifier.
    pub(crate) sid: String,
}

impl Account {
    /// The machine's own account, under which services run.
    pub(crate) fn system() -> Self {
        Self {
            domain: "NT AUTHORITY".to_owned(),
            login: "SYSTEM".to_owned(),
            mail: String::new(),
            sid: "S-1-5-18".to_owned(),
        }
    }
}

/// A computer, as logs spell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Full name: `ws-0042.north.example`.
    pub(crate) name: String,
    /// Address.
    pub(crate) address: String,
}

/// Writes a record of a Windows channel as a flat JSON object.
pub(crate) fn windows(
    time: Timestamp,
    channel: &str,
    provider: &str,
    id: u32,
    at: &Machine,
    fields: &[(&str, &str)],
) -> Line {
    let mut record = Map::new();
    record.insert("@timestamp".into(), json!(time.to_string()));
    record.insert("EventTime".into(), json!(time.strftime("%Y-%m-%d %H:%M:%S").to_string()));
    record.insert("Hostname".into(), json!(at.name));
    record.insert("Channel".into(), json!(channel));
    record.insert("SourceName".into(), json!(provider));
    record.insert("EventID".into(), json!(id));
    for (name, value) in fields {
        record.insert((*name).into(), json!(value));
    }
    let source = if channel == "Security" { "windows:security" } else { "windows:sysmon" };
    Line { time, source: source.into(), text: Value::Object(record).to_string() }
}

/// Writes a record of the Security channel.
pub(crate) fn security(time: Timestamp, id: u32, at: &Machine, fields: &[(&str, &str)]) -> Line {
    windows(time, "Security", "Microsoft-Windows-Security-Auditing", id, at, fields)
}

/// Writes a record of Sysmon.
pub(crate) fn sysmon(time: Timestamp, id: u32, at: &Machine, fields: &[(&str, &str)]) -> Line {
    let channel = "Microsoft-Windows-Sysmon/Operational";
    windows(time, channel, "Microsoft-Windows-Sysmon", id, at, fields)
}

/// Windows logon types that the drill uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogonType {
    /// At the machine itself.
    Interactive,
    /// Over the network: shares, services.
    Network,
    /// Remote desktop.
    RemoteInteractive,
}

/// A successful logon, written by the machine that was logged on to.
pub(crate) fn logon(
    time: Timestamp,
    who: &Account,
    from: &str,
    to: &Machine,
    how: LogonType,
) -> Line {
    let (number, process) = match how {
        LogonType::Interactive => ("2", "User32"),
        LogonType::Network => ("3", "Kerberos"),
        LogonType::RemoteInteractive => ("10", "User32"),
    };
    let id = logon_id(time, who);
    let fields = [
        ("SubjectUserSid", "S-1-0-0"),
        ("SubjectUserName", "-"),
        ("SubjectDomainName", "-"),
        ("TargetUserSid", who.sid.as_str()),
        ("TargetUserName", who.login.as_str()),
        ("TargetDomainName", who.domain.as_str()),
        ("TargetLogonId", id.as_str()),
        ("LogonType", number),
        ("LogonProcessName", process),
        ("AuthenticationPackageName", if number == "3" { "Kerberos" } else { "Negotiate" }),
        ("IpAddress", if how == LogonType::Interactive { "127.0.0.1" } else { from }),
        ("WorkstationName", "-"),
        ("ElevatedToken", "%%1843"),
    ];
    security(time, 4624, to, &fields)
}

/// A refused logon.
pub(crate) fn refused_logon(time: Timestamp, who: &Account, from: &str, to: &Machine) -> Line {
    let fields = [
        ("SubjectUserSid", "S-1-0-0"),
        ("SubjectUserName", "-"),
        ("SubjectDomainName", "-"),
        ("TargetUserSid", "S-1-0-0"),
        ("TargetUserName", who.login.as_str()),
        ("TargetDomainName", who.domain.as_str()),
        ("Status", "0xc000006e"),
        ("SubStatus", "0xc0000072"),
        ("LogonType", "3"),
        ("IpAddress", from),
        ("WorkstationName", "-"),
    ];
    security(time, 4625, to, &fields)
}

/// A process that somebody started.
pub(crate) fn process(
    time: Timestamp,
    who: &Account,
    at: &Machine,
    parent: &str,
    image: &str,
    command: &str,
) -> Line {
    let user = format!("{}\\{}", who.domain, who.login);
    let id = logon_id(time, who);
    let original = image.rsplit('\\').next().unwrap_or(image);
    let utc = time.strftime("%Y-%m-%d %H:%M:%S.%3f").to_string();
    let fields = [
        ("UtcTime", utc.as_str()),
        ("Image", image),
        ("OriginalFileName", original),
        ("CommandLine", command),
        ("CurrentDirectory", "C:\\Windows\\System32\\"),
        ("User", user.as_str()),
        ("LogonId", id.as_str()),
        ("IntegrityLevel", "High"),
        ("ParentImage", parent),
        ("ParentCommandLine", parent),
    ];
    sysmon(time, 1, at, &fields)
}

/// A process that opened another one's memory.
pub(crate) fn process_access(
    time: Timestamp,
    who: &Account,
    at: &Machine,
    source: &str,
    target: &str,
    access: &str,
) -> Line {
    let user = format!("{}\\{}", who.domain, who.login);
    let fields = [
        ("SourceImage", source),
        ("TargetImage", target),
        ("GrantedAccess", access),
        ("SourceUser", user.as_str()),
        ("TargetUser", "NT AUTHORITY\\SYSTEM"),
        (
            "CallTrace",
            "C:\\Windows\\SYSTEM32\\ntdll.dll+9d4e4|C:\\Windows\\System32\\KERNELBASE.dll+2bcbe|UNKNOWN(00007FF8A1B2C3D4)",
        ),
    ];
    sysmon(time, 10, at, &fields)
}

/// A service installed on a machine by somebody.
pub(crate) fn service_installed(
    time: Timestamp,
    who: &Account,
    at: &Machine,
    name: &str,
    command: &str,
) -> Line {
    let id = logon_id(time, who);
    let fields = [
        ("SubjectUserSid", who.sid.as_str()),
        ("SubjectUserName", who.login.as_str()),
        ("SubjectDomainName", who.domain.as_str()),
        ("SubjectLogonId", id.as_str()),
        ("ServiceName", name),
        ("ServiceFileName", command),
        ("ServiceType", "0x10"),
        ("ServiceStartType", "3"),
        ("ServiceAccount", "LocalSystem"),
    ];
    security(time, 4697, at, &fields)
}

/// A directory replication right used on a domain controller.
pub(crate) fn replication(time: Timestamp, who: &Account, at: &Machine) -> Line {
    let id = logon_id(time, who);
    let fields = [
        ("SubjectUserSid", who.sid.as_str()),
        ("SubjectUserName", who.login.as_str()),
        ("SubjectDomainName", who.domain.as_str()),
        ("SubjectLogonId", id.as_str()),
        ("ObjectServer", "DS"),
        ("ObjectType", "%{19195a5b-6da0-11d0-afd3-00c04fd930c9}"),
        ("OperationType", "Object Access"),
        ("AccessList", "%%7688"),
        ("AccessMask", "0x100"),
        (
            "Properties",
            "%%7688 {1131f6ad-9c07-11d1-f79f-00c04fc2dcd2} {19195a5b-6da0-11d0-afd3-00c04fd930c9}",
        ),
    ];
    security(time, 4662, at, &fields)
}

/// A member added to a security group.
pub(crate) fn member_added(
    time: Timestamp,
    who: &Account,
    member: &Account,
    group: &str,
    at: &Machine,
) -> Line {
    let distinguished = format!("CN={},OU=Staff,DC=north,DC=example", member.login);
    let fields = [
        ("SubjectUserSid", who.sid.as_str()),
        ("SubjectUserName", who.login.as_str()),
        ("SubjectDomainName", who.domain.as_str()),
        ("MemberSid", member.sid.as_str()),
        ("MemberName", distinguished.as_str()),
        ("TargetUserName", group),
        ("TargetDomainName", who.domain.as_str()),
    ];
    security(time, 4728, at, &fields)
}

/// A record of the Okta System Log.
pub(crate) fn okta(
    time: Timestamp,
    event: &str,
    actor: &Account,
    target: Option<&Account>,
    address: &str,
    new_device: bool,
) -> Line {
    let person = |account: &Account| {
        json!({
            "id": format!("00u{:0>17}", account.sid.rsplit('-').next().unwrap_or("0")),
            "type": "User",
            "alternateId": account.mail,
            "displayName": account.login,
        })
    };
    let agent = if new_device {
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/124.0"
    } else {
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Edg/124.0"
    };
    let behaviours = if new_device {
        "{New Geo-Location=POSITIVE, New Device=POSITIVE, New IP=POSITIVE, New State=POSITIVE, New Country=POSITIVE, Velocity=NEGATIVE, New City=POSITIVE}"
    } else {
        "{New Geo-Location=NEGATIVE, New Device=NEGATIVE, New IP=NEGATIVE, New State=NEGATIVE, New Country=NEGATIVE, Velocity=NEGATIVE, New City=NEGATIVE}"
    };
    let record = json!({
        "uuid": format!("{:x}", time.as_nanosecond()),
        "published": time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "eventType": event,
        "version": "0",
        "severity": "INFO",
        "displayMessage": event,
        "actor": person(actor),
        "client": {
            "userAgent": {"rawUserAgent": agent, "os": if new_device { "Linux" } else { "Windows" }, "browser": "CHROME"},
            "zone": "null",
            "device": "Computer",
            "ipAddress": address,
        },
        "outcome": {"result": "SUCCESS", "reason": null},
        "target": target.map_or_else(|| json!([]), |target| json!([person(target)])),
        "debugContext": {"debugData": {"behaviors": behaviours, "requestUri": "/api/v1/authn"}},
        "request": {"ipChain": [{"ip": address, "version": "V4"}]},
        "securityContext": {"isProxy": new_device},
        "authenticationContext": {"externalSessionId": format!("102{}", actor.sid.rsplit('-').next().unwrap_or("0"))},
    });
    Line { time, source: "okta:system-log".into(), text: record.to_string() }
}

/// Who calls the cloud's interface, as CloudTrail spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CloudCaller {
    /// Resource name of the user or role.
    pub(crate) arn: String,
    /// User name.
    pub(crate) name: String,
    /// Access key that signed the call.
    pub(crate) key: String,
}

/// A call of the cloud's interface.
pub(crate) fn cloudtrail(
    time: Timestamp,
    caller: &CloudCaller,
    service: &str,
    call: &str,
    address: &str,
    request: &Value,
    response: &Value,
) -> Line {
    let account = caller.arn.split(':').nth(4).unwrap_or_default();
    let record = json!({
        "eventVersion": "1.08",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": format!("AIDA{}", caller.key.get(4..).unwrap_or_default()),
            "arn": caller.arn,
            "accountId": account,
            "accessKeyId": caller.key,
            "userName": caller.name,
        },
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": call,
        "awsRegion": "eu-west-2",
        "sourceIPAddress": address,
        "userAgent": "aws-cli/2.15.30 Python/3.11.8",
        "requestParameters": request,
        "responseElements": response,
        "requestID": format!("{:x}", time.as_nanosecond()),
        "eventID": format!("{:x}", time.as_nanosecond()),
        "readOnly": matches!(call, "GetObject" | "ListObjects" | "ListBuckets" | "GetCallerIdentity"),
        "eventType": "AwsApiCall",
        "managementEvent": call != "GetObject",
        "recipientAccountId": account,
    });
    Line { time, source: "cloudtrail".into(), text: record.to_string() }
}

/// A statement that pgAudit recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement<'a> {
    /// Database role that ran it.
    pub(crate) role: &'a str,
    /// Address that it came from.
    pub(crate) address: &'a str,
    /// Program that sent it.
    pub(crate) program: &'a str,
    /// pgAudit's class: `READ`, `WRITE`.
    pub(crate) class: &'a str,
    /// Command tag: `SELECT`, `COPY`.
    pub(crate) command: &'a str,
    /// Table.
    pub(crate) table: &'a str,
    /// The statement.
    pub(crate) text: &'a str,
    /// Rows that it returned or changed.
    pub(crate) rows: u64,
}

/// A line of PostgreSQL's jsonlog that pgAudit wrote.
pub(crate) fn pgaudit(time: Timestamp, database: &str, statement: &Statement<'_>) -> Line {
    let Statement { role, address, program, class, command, table, text, rows } = statement;
    let quoted = text.replace('"', "\"\"");
    let message = format!(
        "AUDIT: SESSION,1,1,{class},{command},TABLE,{table},\"{quoted}\",<not logged>,{rows}"
    );
    let record = json!({
        "timestamp": time.strftime("%Y-%m-%d %H:%M:%S.%3f UTC").to_string(),
        "user": role,
        "dbname": database,
        "pid": 4242,
        "remote_host": address,
        "remote_port": 50_112,
        "session_id": format!("{:x}.1092", time.as_second()),
        "line_num": 1,
        "ps": command,
        "session_start": time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        "vxid": "3/12",
        "txid": 0,
        "error_severity": "LOG",
        "message": message,
        "application_name": program,
        "backend_type": "client backend",
        "query_id": 0,
    });
    Line { time, source: format!("pgaudit:{database}"), text: record.to_string() }
}

fn logon_id(time: Timestamp, who: &Account) -> String {
    let number = who.sid.bytes().fold(time.as_second().unsigned_abs() / 3600, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    format!("{:#x}", number & 0xff_ffff)
}
