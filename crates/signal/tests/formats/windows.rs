//! Windows events in their four dresses.

use super::support::check;

#[test]
fn sysmon_process_creation_belongs_to_two_logsources() {
    check(
        r#"{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Hostname":"TILL-7.north.example","SourceName":"Microsoft-Windows-Sysmon","@timestamp":"2024-05-01T08:15:02.117Z","EventTime":"2024-05-01 10:15:02","UtcTime":"2024-05-01 08:15:02.101","Image":"C:\\Windows\\System32\\whoami.exe","CommandLine":"whoami ","User":"NORTH\\ann","LogonId":"0x51f2a","ProcessGuid":"{AA-1}"}"#,
        r"
        windows-flat sysmon:till-7.north.example 2024-05-01T08:15:02.117Z
        is product: windows, category: process_creation
        is product: windows, service: sysmon
        place Host: TILL-7.north.example
        actor User: NORTH\ann
        actor Session: till-7.north.example/0x51f2a
        ",
    );
}

#[test]
fn security_4688_is_process_creation_too() {
    check(
        r#"{"EventID":4688,"Channel":"Security","Hostname":"TILL-7","@timestamp":"2024-05-01T08:15:02Z","SubjectUserSid":"S-1-5-21-1-2-3-1104","SubjectUserName":"ann","SubjectDomainName":"NORTH","SubjectLogonId":"0x51F2A","NewProcessName":"C:\\Windows\\System32\\cmd.exe","NewProcessId":"0x1a4","ProcessId":"0x88","CommandLine":"cmd /c dir","TargetUserName":"-","TargetDomainName":"-","TargetUserSid":"S-1-0-0"}"#,
        r"
        windows-flat security:till-7 2024-05-01T08:15:02Z
        is product: windows, category: process_creation
        is product: windows, service: security
        place Host: TILL-7
        actor User: NORTH\ann = S-1-5-21-1-2-3-1104
        actor Session: till-7/0x51f2a
        ",
    );
}

#[test]
fn a_network_logon_names_account_address_and_session() {
    check(
        r#"{"EventID":4624,"Channel":"Security","Hostname":"DC1.north.example","@timestamp":"2024-05-01T08:15:02Z","SubjectUserName":"-","SubjectUserSid":"S-1-0-0","TargetUserSid":"S-1-5-21-1-2-3-1104","TargetUserName":"ann","TargetDomainName":"NORTH","TargetLogonId":"0x9A1","LogonType":"3","WorkstationName":"DESK-4","IpAddress":"::ffff:192.0.2.14","IpPort":"50112"}"#,
        r"
        windows-flat security:dc1.north.example 2024-05-01T08:15:02Z
        fact logon remote
        is product: windows, service: security
        place Host: DC1.north.example
        actor User: NORTH\ann = S-1-5-21-1-2-3-1104
        source Address: 192.0.2.14
        source Host: DESK-4
        created Session: dc1.north.example/0x9a1
        ",
    );
}

#[test]
fn the_system_and_the_loopback_are_nobody() {
    check(
        r#"{"EventID":4624,"Channel":"Security","Hostname":"DC1","@timestamp":"2024-05-01T08:15:02Z","SubjectUserName":"DC1$","SubjectDomainName":"NORTH","TargetUserSid":"S-1-5-18","TargetUserName":"SYSTEM","TargetDomainName":"NT AUTHORITY","TargetLogonId":"0x3e7","LogonType":"5","WorkstationName":"-","IpAddress":"127.0.0.1"}"#,
        r"
        windows-flat security:dc1 2024-05-01T08:15:02Z
        is product: windows, service: security
        place Host: DC1
        ",
    );
}

#[test]
fn a_name_with_a_dollar_is_the_computer() {
    check(
        r#"{"EventID":4624,"Channel":"Security","Hostname":"DC1","@timestamp":"2024-05-01T08:15:02Z","TargetUserSid":"S-1-5-21-1-2-3-1107","TargetUserName":"TILL-7$","TargetDomainName":"NORTH.EXAMPLE","LogonType":3,"IpAddress":"192.0.2.7"}"#,
        r"
        windows-flat security:dc1 2024-05-01T08:15:02Z
        fact logon remote
        is product: windows, service: security
        place Host: DC1
        actor Host: TILL-7 = NORTH.EXAMPLE\TILL-7$ = S-1-5-21-1-2-3-1107
        source Address: 192.0.2.7
        ",
    );
}

#[test]
fn a_failed_logon_only_names_the_account() {
    check(
        r#"{"EventID":4625,"Channel":"Security","Hostname":"DC1","@timestamp":"2024-05-01T08:15:02Z","SubjectUserName":"DC1$","SubjectDomainName":"NORTH","TargetUserSid":"S-1-0-0","TargetUserName":"ann","TargetDomainName":"NORTH","LogonType":"3","IpAddress":"192.0.2.66","WorkstationName":"-"}"#,
        r"
        windows-flat security:dc1 2024-05-01T08:15:02Z
        fact logon remote failed
        is product: windows, service: security
        place Host: DC1
        target User: NORTH\ann
        source Address: 192.0.2.66
        ",
    );
}

#[test]
fn tickets_lead_from_an_address_to_a_service() {
    check(
        r#"{"EventID":4769,"Channel":"Security","Hostname":"DC1","@timestamp":"2024-05-01T08:15:02Z","TargetUserName":"ann@NORTH.EXAMPLE","TargetDomainName":"NORTH.EXAMPLE","ServiceName":"FILES-2$","ServiceSid":"S-1-5-21-1-2-3-1200","IpAddress":"::ffff:192.0.2.14","Status":"0x0"}"#,
        r"
        windows-flat security:dc1 2024-05-01T08:15:02Z
        fact logon remote
        is product: windows, service: security
        place Host: DC1
        actor User: ann@NORTH.EXAMPLE = NORTH.EXAMPLE\ann
        target Host: FILES-2 = FILES-2$ = S-1-5-21-1-2-3-1200
        source Address: 192.0.2.14
        ",
    );
}

#[test]
fn new_accounts_and_memberships_are_changes() {
    check(
        r#"{"EventID":4720,"Channel":"Security","Hostname":"DC1","@timestamp":"2024-05-01T08:15:02Z","SubjectUserName":"bob","SubjectDomainName":"NORTH","SubjectUserSid":"S-1-5-21-1-2-3-1110","TargetUserName":"svc-x","TargetDomainName":"NORTH","TargetSid":"S-1-5-21-1-2-3-1300"}"#,
        r"
        windows-flat security:dc1 2024-05-01T08:15:02Z
        fact newaccount
        is product: windows, service: security
        place Host: DC1
        actor User: NORTH\bob = S-1-5-21-1-2-3-1110
        created User: NORTH\svc-x = S-1-5-21-1-2-3-1300
        ",
    );
    check(
        r#"{"EventID":4728,"Channel":"Security","Hostname":"DC1","@timestamp":"2024-05-01T08:15:02Z","SubjectUserName":"bob","SubjectDomainName":"NORTH","SubjectUserSid":"S-1-5-21-1-2-3-1110","MemberName":"CN=svc-x,OU=Staff,DC=north,DC=example","MemberSid":"S-1-5-21-1-2-3-1300","TargetUserName":"Domain Admins","TargetDomainName":"NORTH","TargetSid":"S-1-5-21-1-2-3-512"}"#,
        r"
        windows-flat security:dc1 2024-05-01T08:15:02Z
        fact granted
        is product: windows, service: security
        place Host: DC1
        actor User: NORTH\bob = S-1-5-21-1-2-3-1110
        target User: CN=svc-x,OU=Staff,DC=north,DC=example = S-1-5-21-1-2-3-1300
        target Group: NORTH\Domain Admins = S-1-5-21-1-2-3-512
        ",
    );
}

#[test]
fn a_connection_has_its_process_account_from_the_start_of_the_process() {
    check(
        r#"
{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Hostname":"TILL-7","@timestamp":"2024-05-01T08:15:02Z","User":"NORTH\\ann","ProcessGuid":"{AA-1}"}
---
{"EventID":3,"Channel":"Microsoft-Windows-Sysmon/Operational","Hostname":"TILL-7","@timestamp":"2024-05-01T08:16:02Z","ProcessGuid":"{aa-1}","Initiated":"true","SourceIp":"192.0.2.7","DestinationIp":"203.0.113.9","DestinationHostname":"-","DestinationPort":"443"}
"#,
        r"
        windows-flat sysmon:till-7 2024-05-01T08:16:02Z
        is product: windows, category: network_connection
        is product: windows, service: sysmon
        place Host: TILL-7
        actor User: NORTH\ann
        source Host: TILL-7 = 192.0.2.7
        target Address: 203.0.113.9
        ",
    );
}

#[test]
fn a_created_and_a_deleted_key_go_to_different_rules() {
    let record = |kind: &str| {
        format!(
            r#"{{"EventID":12,"Channel":"Microsoft-Windows-Sysmon/Operational","Hostname":"TILL-7","@timestamp":"2024-05-01T08:15:02Z","EventType":"{kind}","TargetObject":"HKLM\\Software\\X"}}"#
        )
    };
    let expect = |category: &str| {
        format!(
            "windows-flat sysmon:till-7 2024-05-01T08:15:02Z
            is product: windows, category: registry_event
            is product: windows, service: sysmon
            is product: windows, category: {category}
            place Host: TILL-7"
        )
    };
    check(&record("CreateKey"), &expect("registry_add"));
    check(&record("DeleteValue"), &expect("registry_delete"));
}

#[test]
fn winlogbeat_brings_the_same_fields() {
    check(
        r#"{"@timestamp":"2024-05-01T08:15:02.500Z","message":"...","winlog":{"channel":"Microsoft-Windows-PowerShell/Operational","event_id":4104,"computer_name":"DESK-4.north.example","provider_name":"Microsoft-Windows-PowerShell","user":{"domain":"NORTH","name":"ann","identifier":"S-1-5-21-1-2-3-1104"},"event_data":{"ScriptBlockText":"Get-Process"}}}"#,
        r"
        windows-beats microsoft-windows-powershell/operational:desk-4.north.example 2024-05-01T08:15:02.5Z
        is product: windows, category: ps_script
        is product: windows, service: powershell
        place Host: DESK-4.north.example
        actor User: NORTH\ann = S-1-5-21-1-2-3-1104
        ",
    );
    check(
        r#"{"_source":{"@timestamp":"2024-05-01T08:15:02Z","log_name":"Security","event_id":4634,"computer_name":"DC1","source_name":"Microsoft-Windows-Security-Auditing","event_data":{"TargetUserName":"ann"}}}"#,
        "windows-beats-6 security:dc1 2024-05-01T08:15:02Z
        is product: windows, service: security
        place Host: DC1",
    );
}

#[test]
fn the_events_own_structure_is_flattened() {
    check(
        r##"{"Event":{"#attributes":{"xmlns":"x"},"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Eventlog"}},"EventID":{"#attributes":{"Qualifiers":0},"#text":104},"TimeCreated":{"#attributes":{"SystemTime":"2024-05-01T08:15:02.123456Z"}},"Channel":"System","Computer":"DESK-4","Security":{"#attributes":{"UserID":"S-1-5-21-1-2-3-1104"}}},"UserData":{"LogFileCleared":{"SubjectUserName":"ann","SubjectDomainName":"NORTH","Channel":"Application"}}}}"##,
        r"
        windows-event system:desk-4 2024-05-01T08:15:02.123456Z
        is product: windows, service: system
        place Host: DESK-4
        actor User: NORTH\ann = S-1-5-21-1-2-3-1104
        ",
    );
    check(
        r#"{"Event":{"System":{"Provider_attributes":{"Name":"PowerShell"},"EventID":400,"TimeCreated_attributes":{"SystemTime":"2024-05-01T08:15:02Z"},"Channel":"Windows PowerShell","Computer":"DESK-4"},"EventData":{"Data":["Available","None","HostApplication=powershell"]}}}"#,
        "windows-event windows powershell:desk-4 2024-05-01T08:15:02Z
        is product: windows, category: ps_classic_start
        place Host: DESK-4",
    );
}

#[test]
fn defender_findings_are_antivirus_events() {
    check(
        r#"{"EventID":1116,"Channel":"Microsoft-Windows-Windows Defender/Operational","Hostname":"DESK-4","@timestamp":"2024-05-01T08:15:02Z","Threat Name":"HackTool:X","Detection User":"NORTH\\ann"}"#,
        r"
        windows-flat microsoft-windows-windows defender/operational:desk-4 2024-05-01T08:15:02Z
        is category: antivirus
        is product: windows, service: windefend
        place Host: DESK-4
        actor User: NORTH\ann
        ",
    );
}

#[test]
fn azure_keeps_event_data_as_xml() {
    check(
        r#"{"TimeGenerated":"2024-05-01T08:15:02.21Z","Computer":"DESK-4","EventSourceName":"Microsoft-Windows-Security-Auditing","Channel":"Security","EventID":4724,"EventData":"<EventData>\r\n <Data Name=\"TargetUserName\">ann</Data>\r\n <Data Name=\"TargetDomainName\">R&amp;D</Data>\r\n <Data Name=\"SubjectUserName\">help</Data>\r\n <Data Name=\"SubjectDomainName\">NORTH</Data>\r\n</EventData>"}"#,
        r"
        windows-flat security:desk-4 2024-05-01T08:15:02.21Z
        fact passwordreset
        is product: windows, service: security
        place Host: DESK-4
        actor User: NORTH\help
        target User: R&D\ann
        ",
    );
}

#[test]
fn xml_lines_bring_the_same_fields() {
    check(
        r"<Event xmlns='x'><System><Provider Name='Microsoft-Windows-Security-Auditing' Guid='{1}'/><EventID>4724</EventID><Level>0</Level><TimeCreated SystemTime='2024-05-01T08:15:02.304606400Z'/><Execution ProcessID='4' ThreadID='1'/><Channel>Security</Channel><Computer>DC1</Computer><Security/></System><EventData><Data Name='TargetUserName'>ann</Data><Data Name='TargetDomainName'>R&amp;D</Data><Data Name='SubjectUserName'>help</Data><Data Name='SubjectDomainName'>NORTH</Data></EventData></Event>",
        r"
        windows-xml security:dc1 2024-05-01T08:15:02.3046064Z
        fact passwordreset
        is product: windows, service: security
        place Host: DC1
        actor User: NORTH\help
        target User: R&D\ann
        ",
    );
}
