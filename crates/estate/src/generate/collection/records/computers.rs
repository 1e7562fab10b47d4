//! Computers: who is signed in, who gets in.

use std::fmt::Write as _;

use super::Principal;
use crate::generate::collection::Version;
use crate::generate::collection::objects::{
    CONTROLLERS, DEPARTMENT, DOMAIN, DOMAIN_ADMINS, DOMAIN_COMPUTERS, Directory, SID, Team,
    computer, group, team, unit, user,
};

/// Writes a controller, a server or a workstation.
pub(super) fn write(directory: &mut Directory, at: u32) {
    let (controller, server) = (at < directory.controllers(), directory.is_server(at));
    let (sort, place) = match (controller, server) {
        (true, _) => ("DC", 0),
        (false, true) => ("SRV", 1),
        (false, false) => ("WS", 3 + directory.department(at)),
    };
    let name = format!("{sort}{at:06}");
    let managed = !controller && at.is_multiple_of(3);
    let unconstrained = at % 4_000 == 901;
    directory.start(
        &computer(at),
        &format!("{name}.{DOMAIN}"),
        &format!(
            "\"samaccountname\":\"{name}$\",\"haslaps\":{managed},\"enabled\":true,\
             \"unconstraineddelegation\":{},\"operatingsystem\":\"Windows\"",
            controller || unconstrained
        ),
    );
    if controller || unconstrained {
        directory.stated.add(if controller { "DCFor" } else { "CoerceToTGT" }, 1);
    }
    if directory.version == Version::V6 {
        let _ = write!(directory.text, ",\"IsDC\":{controller},\"DomainSID\":\"{SID}\"");
    }
    directory.primary_group(if controller { CONTROLLERS } else { DOMAIN_COMPUTERS });
    let admins = group(team(directory.department(at), Team::Administrators));
    let reads = ((admins.clone(), "Group"), "ReadLAPSPassword");
    directory.rights(if managed { std::slice::from_ref(&reads) } else { &[] });
    write_sessions(directory, at, controller, server);
    write_local_groups(directory, at, controller, &admins);
    let act = if at % 2_500 == 77 { vec![(computer(at / 2), "Computer")] } else { vec![] };
    directory.list("AllowedToAct", "AllowedToAct", &act);
    directory.push(",\"DumpSMSAPassword\":[],\"HasSIDHistory\":[],\"AllowedToDelegate\":[]");
    directory.push(",\"Status\":null");
    directory.end(Some((unit(place), "OU")));
}

/// People at their workstations, and administrators who forgot to sign out.
fn write_sessions(directory: &mut Directory, at: u32, controller: bool, server: bool) {
    let people = directory.users;
    let mut there: Vec<u32> = Vec::new();
    if !controller && !server {
        there.push(at % people);
        if directory.pick(50) == 0 {
            // The first of a department is at its help desk.
            there.push(directory.department(at) * DEPARTMENT % people);
        }
    }
    if server && directory.pick(200) == 0 {
        there.push(people - 1 - directory.pick(3));
    }
    let id = computer(at);
    let sessions: Vec<String> = there
        .iter()
        .map(|&at| format!("{{\"UserSID\":\"{}\",\"ComputerSID\":\"{id}\"}}", user(at)))
        .collect();
    directory.stated.add("HasSession", sessions.len() as u64);
    let sessions = sessions.join(",");
    let _ = write!(
        directory.text,
        ",\"Sessions\":{{\"Results\":[],\"Collected\":true,\"FailureReason\":null}}\
         ,\"PrivilegedSessions\":{{\"Results\":[{sessions}],\"Collected\":true,\"FailureReason\":null}}\
         ,\"RegistrySessions\":{{\"Results\":[],\"Collected\":false,\"FailureReason\":\"off\"}}"
    );
}

fn write_local_groups(directory: &mut Directory, at: u32, controller: bool, admins: &str) {
    if controller {
        return;
    }
    let local = [(group(DOMAIN_ADMINS), "Group"), (admins.to_owned(), "Group")];
    let remote: Vec<Principal> =
        if at % 20 == 4 { vec![(user(at % directory.users), "User")] } else { vec![] };
    match directory.version {
        Version::V5 => {
            for (name, kind, members) in [
                ("LocalAdmins", "AdminTo", &local[..]),
                ("RemoteDesktopUsers", "CanRDP", &remote),
                ("DcomUsers", "ExecuteDCOM", &[]),
                ("PSRemoteUsers", "CanPSRemote", &[]),
            ] {
                let _ = write!(directory.text, ",\"{name}\":{{\"Collected\":true,\"Results\":");
                directory.members(members);
                directory.push(",\"FailureReason\":null}");
                directory.stated.add(kind, members.len() as u64);
            }
        }
        Version::V6 => write_groups(directory, at, &local, &remote),
    }
}

fn write_groups(directory: &mut Directory, at: u32, local: &[Principal], remote: &[Principal]) {
    let id = computer(at);
    directory.push(",\"LocalGroups\":[");
    for (end, kind, members) in
        [(544, "AdminTo", local), (555, "CanRDP", remote), (551, "MemberOfLocalGroup", remote)]
    {
        let comma = if end == 544 { "" } else { "," };
        let _ = write!(
            directory.text,
            "{comma}{{\"Name\":\"GROUP {end}@{id}\",\"ObjectIdentifier\":\"{id}-{end}\",\
             \"LocalNames\":[],\"Collected\":true,\"FailureReason\":null,\"Results\":"
        );
        directory.members(members);
        directory.push("}");
        directory.stated.add(kind, members.len() as u64);
        if end == 551 && !members.is_empty() {
            directory.stated.add("LocalToComputer", 1);
        }
    }
    directory.push("],\"UserRights\":[");
    if !remote.is_empty() {
        directory.push("{\"Privilege\":\"SeRemoteInteractiveLogonRight\",\"Results\":");
        directory.members(remote);
        directory.push(",\"LocalNames\":[],\"Collected\":true}");
        directory.stated.add("RemoteInteractiveLogonRight", remote.len() as u64);
    }
    directory.push("]");
}
