//! Collections as they come, and what becomes of them.

mod documentation;
mod generated;
mod refusals;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{ImportError, Imported, import};

const SID: &str = "S-1-5-21-1-2-3";

/// Writes files, imports them all and gives the folder with the estate.
fn imported(files: &[(&str, &str)]) -> (TempDir, Imported) {
    let root = tempfile::tempdir().unwrap();
    let source = root.path().join("source");
    fs::create_dir(&source).unwrap();
    for (name, text) in files {
        fs::write(source.join(name), text).unwrap();
    }
    let done = import(&[source], &estate(&root), &mut |_| ()).unwrap();
    (root, done)
}

fn estate(root: &TempDir) -> PathBuf {
    root.path().join("config")
}

fn read(root: &TempDir, name: &str) -> String {
    fs::read_to_string(estate(root).join(name)).unwrap()
}

/// The links that were written, without the table's head.
fn links(root: &TempDir) -> Vec<String> {
    read(root, "estate/links.csv").lines().skip(1).map(str::to_owned).collect()
}

fn nodes(root: &TempDir) -> Vec<String> {
    read(root, "estate/nodes.csv").lines().skip(1).map(str::to_owned).collect()
}

/// A file of records of one type, written with `'` for quotes and `#` for the domain's SID.
fn file(kind: &str, records: &[&str]) -> String {
    let (count, records) = (records.len(), records.join(","));
    let text =
        format!("{{'data':[{records}],'meta':{{'type':'{kind}','count':{count},'version':6}}}}");
    text.replace('#', SID).replace('\'', "\"")
}

/// Imports one file for each type and compares all links.
#[track_caller]
fn check(files: &[(&str, &[&str])], expect: &[&str]) -> Imported {
    let files: Vec<(String, String)> =
        files.iter().map(|(kind, records)| (format!("{kind}.json"), file(kind, records))).collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let (root, done) = imported(&files);
    assert_eq!(done.problems, []);
    assert_eq!(links(&root), expect);
    let loaded = crate::read(&estate(&root)).unwrap();
    assert_eq!(loaded.estate.links().len(), expect.len());
    assert_eq!(loaded.warnings, []);
    done
}

const NORTH: &str = "{'ObjectIdentifier':'#','Properties':{'name':'NORTH.EXAMPLE','domain':'NORTH.EXAMPLE','domainsid':'#'},'Trusts':[]}";

#[test]
fn memberships_sessions_and_local_groups_lead_where_control_leads() {
    let done = check(
        &[
            (
                "computers",
                &["{'ObjectIdentifier':'#-2001','PrimaryGroupSID':'#-515',
                   'Properties':{'name':'WS1.NORTH.EXAMPLE','domain':'NORTH.EXAMPLE','domainsid':'#'},
                   'Sessions':{'Collected':true,'Results':[{'UserSID':'#-1001','ComputerSID':'#-2001'}]},
                   'PrivilegedSessions':{'Results':[{'UserSID':'#-1001','ComputerSID':'#-2001'}]},
                   'LocalGroups':[
                     {'ObjectIdentifier':'#-2001-544','Name':'ADMINISTRATORS@WS1','Results':[
                        {'ObjectIdentifier':'#-1001','ObjectType':'User'},
                        {'ObjectIdentifier':'#-2001-1000','ObjectType':'LocalGroup'}]},
                     {'ObjectIdentifier':'#-2001-1000','Name':'TOOLS@WS1','Results':[
                        {'ObjectIdentifier':'#-1002','ObjectType':'User'}]},
                     {'ObjectIdentifier':'#-2001-555','Name':'RDP@WS1','Results':[]}],
                   'UserRights':[{'Privilege':'SeRemoteInteractiveLogonRight',
                        'Results':[{'ObjectIdentifier':'#-1002','ObjectType':'User'}]}]}"],
            ),
            (
                "groups",
                &["{'ObjectIdentifier':'#-515','Properties':{'name':'DOMAIN COMPUTERS@NORTH.EXAMPLE'},'Members':null}"],
            ),
            (
                "users",
                &[
                    "{'ObjectIdentifier':'#-1001','Properties':{'name':'ANN@NORTH.EXAMPLE'},
                    'HasSIDHistory':[{'ObjectIdentifier':'S-1-5-21-9-9-9-7','ObjectType':'User'}],
                    'AllowedToDelegate':['#-2001'],
                    'SPNTargets':[{'ComputerSID':'#-2001','Port':1433,'Service':'SQLAdmin'}]}",
                    "{'ObjectIdentifier':'#-1002','Properties':{'name':'BEN@NORTH.EXAMPLE'},
                    'ContainedBy':{'ObjectIdentifier':'8a2b-guid','ObjectType':'OU'}}",
                ],
            ),
        ],
        &[
            "host:ws1.north.example,group:domain%20computers@north.example,MemberOf",
            "host:ws1.north.example,user:ann@north.example,HasSession",
            "local-group:tools@ws1,host:ws1.north.example,AdminTo",
            "local-group:tools@ws1,host:ws1.north.example,LocalToComputer",
            "ou:8a2b-guid,user:ben@north.example,Contains",
            "user:ann@north.example,host:ws1.north.example,AdminTo",
            "user:ann@north.example,host:ws1.north.example,AllowedToDelegate",
            "user:ann@north.example,host:ws1.north.example,SQLAdmin",
            "user:ann@north.example,user:s-1-5-21-9-9-9-7,HasSIDHistory",
            // Through the local group that is itself an administrator.
            "user:ben@north.example,host:ws1.north.example,AdminTo",
            "user:ben@north.example,host:ws1.north.example,RemoteInteractiveLogonRight",
            "user:ben@north.example,local-group:tools@ws1,MemberOfLocalGroup",
        ],
    );
    let sessions = &done.edges["HasSession"];
    assert_eq!((sessions.stated, sessions.written), (2, 1), "two lists tell of one session");
    assert_eq!((done.edges["AdminTo"].stated, done.edges["AdminTo"].concluded), (2, 1));
    assert!(!done.edges["LocalToComputer"].used);
    assert_eq!(done.provisional.values().sum::<u64>(), 2);
}

#[test]
fn older_lists_of_administrators_are_read() {
    check(
        &[(
            "computers",
            &["{'ObjectIdentifier':'#-2001','Properties':{'name':'WS1.NORTH.EXAMPLE'},
               'LocalAdmins':{'Collected':true,'Results':[{'ObjectIdentifier':'#-1001','ObjectType':'User'}]},
               'PSRemoteUsers':[{'ObjectIdentifier':'#-1001','ObjectType':'User'}],
               'DcomUsers':{'Results':[],'FailureReason':'off'},
               'AllowedToAct':[{'ObjectIdentifier':'#-1002','ObjectType':'User'}]}"],
        )],
        &[
            "user:s-1-5-21-1-2-3-1001,host:ws1.north.example,AdminTo",
            "user:s-1-5-21-1-2-3-1001,host:ws1.north.example,CanPSRemote",
            "user:s-1-5-21-1-2-3-1002,host:ws1.north.example,AllowedToAct",
        ],
    );
}

#[test]
fn policies_containers_and_trusts_have_their_direction() {
    check(
        &[
            (
                "domains",
                &["{'ObjectIdentifier':'#','Properties':{'name':'NORTH.EXAMPLE'},
                   'ChildObjects':[{'ObjectIdentifier':'OU-1','ObjectType':'OU'}],
                   'Links':[{'GUID':'gpo-1','IsEnforced':true}],
                   'Trusts':[
                     {'TargetDomainSid':'S-1-5-21-7-7-7','TargetDomainName':'SUB.NORTH.EXAMPLE',
                      'TrustDirection':'Bidirectional','TrustType':'ParentChild','SidFilteringEnabled':false},
                     {'TargetDomainSid':'S-1-5-21-8-8-8','TargetDomainName':'SOUTH.EXAMPLE',
                      'TrustDirection':2,'TrustType':2,'SidFilteringEnabled':false}]}"],
            ),
            ("gpos", &["{'ObjectIdentifier':'GPO-1','Properties':{'name':'BASE@NORTH.EXAMPLE'}}"]),
            (
                "ous",
                &["{'ObjectIdentifier':'OU-1','Properties':{'name':'SALES@NORTH.EXAMPLE'},
                   'Links':[],'ChildObjects':[{'ObjectIdentifier':'#-1001','ObjectType':'User'}],
                   'GPOChanges':{'AffectedComputers':[{'ObjectIdentifier':'#-2001','ObjectType':'Computer'}],
                     'LocalAdmins':[{'ObjectIdentifier':'#-1001','ObjectType':'User'}]}}"],
            ),
        ],
        &[
            "domain:north.example,domain:south.example,CrossForestTrust",
            "domain:north.example,domain:sub.north.example,SameForestTrust",
            "domain:north.example,ou:sales@north.example,Contains",
            // Forged identities of the trusted domain count in the trusting one.
            "domain:south.example,domain:north.example,SpoofSIDHistory",
            "domain:sub.north.example,domain:north.example,SameForestTrust",
            "gpo:base@north.example,domain:north.example,GPLink",
            "ou:sales@north.example,user:s-1-5-21-1-2-3-1001,Contains",
            "user:s-1-5-21-1-2-3-1001,host:s-1-5-21-1-2-3-2001,AdminTo",
        ],
    );
}

#[test]
fn rights_of_owners_limit_ownership() {
    let aces = |more: &str| {
        format!(
            "{{'ObjectIdentifier':'#-1002','Properties':{{'name':'BEN@NORTH.EXAMPLE'}},'Aces':[
               {{'PrincipalSID':'#-1001','PrincipalType':'User','RightName':'Owns','IsInherited':false}},
               {{'PrincipalSID':'#-1003','PrincipalType':'User','RightName':'WriteOwner','IsInherited':false}},
               {{'PrincipalSID':'#-1002','PrincipalType':'User','RightName':'GenericAll','IsInherited':false}}{more}]}}"
        )
    };
    let row =
        |from: u32, kind: &str| format!("user:s-1-5-21-1-2-3-{from},user:ben@north.example,{kind}");
    for (more, owns, becomes) in [
        ("", "Owns", "WriteOwner"),
        (
            ",{'PrincipalSID':'NORTH.EXAMPLE-S-1-3-4','RightName':'GenericWrite','IsInherited':false}",
            "OwnsLimitedRights",
            "WriteOwner",
        ),
        (
            ",{'PrincipalSID':'S-1-3-4','RightName':'GenericWrite','IsInherited':true}",
            "OwnsLimitedRights",
            "WriteOwnerLimitedRights",
        ),
    ] {
        let (root, done) = imported(&[("users.json", &file("users", &[&aces(more)]))]);
        assert_eq!(links(&root), [row(1001, owns), row(1003, becomes)], "{more}");
        assert_eq!(done.to_itself, 1);
        assert_eq!(done.for_owners, u64::from(!more.is_empty()));
    }
}

#[test]
fn halves_of_replication_come_together() {
    let ace = |who: &str, right: &str| {
        format!(
            "{{'PrincipalSID':'{who}','PrincipalType':'Group','RightName':'{right}','IsInherited':false}}"
        )
    };
    let aces = [
        ace("#-3001", "GetChanges"),
        ace("#-3002", "GetChangesAll"),
        ace("#-3003", "GetChanges"),
        ace("#-3003", "GetChangesInFilteredSet"),
    ];
    let domain = NORTH.replace("'Trusts':[]", &format!("'Aces':[{}]", aces.join(",")));
    let group = |id: u32, members: &str| {
        format!(
            "{{'ObjectIdentifier':'#-{id}','Properties':{{'name':'G{id}'}},'Members':[{members}]}}"
        )
    };
    let ann = "{'ObjectIdentifier':'#-1001','ObjectType':'User'}";
    let done = check(
        &[
            (
                "computers",
                &[
                    "{'ObjectIdentifier':'#-2001','Properties':{'name':'WS1','domain':'NORTH.EXAMPLE','domainsid':'#','haslaps':true}}",
                ],
            ),
            ("domains", &[&domain]),
            ("groups", &[&group(3001, ann), &group(3002, ann), &group(3003, "")]),
        ],
        &[
            "group:g3001,domain:north.example,GetChanges",
            "group:g3002,domain:north.example,GetChangesAll",
            "group:g3003,domain:north.example,GetChanges",
            "group:g3003,domain:north.example,GetChangesInFilteredSet",
            "group:g3003,host:ws1,SyncLAPSPassword",
            "user:s-1-5-21-1-2-3-1001,domain:north.example,DCSync",
            "user:s-1-5-21-1-2-3-1001,group:g3001,MemberOf",
            "user:s-1-5-21-1-2-3-1001,group:g3002,MemberOf",
        ],
    );
    assert_eq!((done.edges["DCSync"].stated, done.edges["DCSync"].concluded), (0, 1));
    assert!(done.edges["DCSync"].used && !done.edges["GetChangesAll"].used);
}

#[test]
fn names_are_readable_and_one_node_each() {
    let unit = |id: &str| {
        format!(
            "{{'ObjectIdentifier':'{id}','Properties':{{'name':'SALES, NORTH@NORTH.EXAMPLE'}}}}"
        )
    };
    let (root, done) = imported(&[
        (
            "domains.json",
            &file("domains", &[&NORTH.replace("'domainsid'", "'netbios':'NTH','domainsid'")]),
        ),
        (
            "users.json",
            &file(
                "users",
                &[
                    "{'ObjectIdentifier':'#-1001','Properties':{'name':'ANN@NORTH.EXAMPLE','domain':'north.example',
                      'samaccountname':'ann','displayname':'Ann; of \\'North\\'','email':'ann@north.example',
                      'userprincipalname':'a.smith@north.example','enabled':false}}",
                    "{'ObjectIdentifier':'#-1002','Properties':{'name':'SVC-BACKUP@NORTH.EXAMPLE','hasspn':true}}",
                    "{'ObjectIdentifier':'#-502','Properties':{'name':'KRBTGT@NORTH.EXAMPLE','hasspn':true}}",
                ],
            ),
        ),
        (
            "groups.json",
            &file(
                "groups",
                &["{'ObjectIdentifier':'#-512','Properties':{'name':'DOMAIN ADMINS@NORTH.EXAMPLE','samaccountname':'Domain Admins'},
                   'Members':[{'ObjectIdentifier':'NORTH.EXAMPLE-S-1-5-11','ObjectType':'Group'},
                              {'ObjectIdentifier':'#-519','ObjectType':'Group'}]}"],
            ),
        ),
        ("ous.json", &file("ous", &[&unit("OU-1"), &unit("OU-2")])),
    ]);
    assert_eq!(done.problems, []);
    assert_eq!(
        nodes(&root),
        [
            "domain:north.example,domain,,S-1-5-21-1-2-3;NTH,tier-zero",
            "group:authenticated%20users@north.example,group,Authenticated Users,NORTH.EXAMPLE-S-1-5-11,provisional",
            "group:domain%20admins@north.example,group,Domain Admins,S-1-5-21-1-2-3-512,tier-zero",
            "group:enterprise%20admins@north.example,group,Enterprise Admins,S-1-5-21-1-2-3-519,tier-zero;provisional",
            "ou:sales%2c%20north@north.example~ou-1,ou,,OU-1,",
            "ou:sales%2c%20north@north.example~ou-2,ou,,OU-2,",
            "service-account:svc-backup@north.example,service-account,,S-1-5-21-1-2-3-1002,",
            "user:ann@north.example,user,\"Ann; of \"\"North\"\"\",S-1-5-21-1-2-3-1001;NTH\\ann;a.smith@north.example,disabled",
            "user:krbtgt@north.example,user,,S-1-5-21-1-2-3-502,never-touch",
        ]
    );
    let loaded = crate::read(&estate(&root)).unwrap();
    assert_eq!(loaded.warnings, []);
    let assets: Vec<&str> =
        loaded.estate.assets().iter().map(|asset| loaded.estate.id(asset.node).as_str()).collect();
    assert_eq!(
        assets,
        [
            "domain:north.example",
            "group:domain%20admins@north.example",
            "group:enterprise%20admins@north.example",
        ]
    );
}

#[test]
fn the_generic_form_of_bloodhound_is_read() {
    let graph = "{'metadata':{'source_kind':'Base'},'graph':{
        'nodes':[{'id':'#-1001','kinds':['User','Base'],'properties':{'name':'ANN@NORTH.EXAMPLE'}},
                 {'id':'db-1','kinds':['MSSQL_Server'],'properties':{'name':'DB1'}}],
        'edges':[{'kind':'AdminTo','start':{'value':'#-1001'},'end':{'value':'#-2001','match_by':'id'}},
                 {'kind':'MSSQL_Connect','start':{'value':'#-1001'},'end':{'value':'DB-1'}},
                 {'kind':'AdminTo','start':{'value':'ANN','match_by':'name'},'end':{'value':'#-2001'}}]}}";
    let (root, done) = imported(&[("own.json", &graph.replace('#', SID).replace('\'', "\""))]);
    assert_eq!(
        links(&root),
        [
            "user:ann@north.example,principal:db1,MSSQL_Connect",
            "user:ann@north.example,principal:s-1-5-21-1-2-3-2001,AdminTo",
        ]
    );
    let told: Vec<&str> = done.problems.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(
        told,
        [
            "1 values are not of the expected form",
            "`MSSQL_Connect` is not a known kind of link, so it gives control",
        ]
    );
}
