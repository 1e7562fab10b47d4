//! People and groups.

use std::fmt::Write as _;

use super::Principal;
use crate::generate::collection::objects::{
    ADMINISTRATORS, BUILT_IN, DEPARTMENT, DOMAIN, DOMAIN_ADMINS, DOMAIN_USERS, Directory,
    ENTERPRISE_ADMINS, ENTERPRISE_CONTROLLERS, FOREIGN, TEAMS, Team, computer, container, group,
    team, unit, user,
};

/// Writes a person or, one in forty, an account of programs.
pub(super) fn write_user(directory: &mut Directory, at: u32) {
    let (service, enabled) = (at % 40 == 7, at % 50 != 3);
    directory.start(
        &user(at),
        &format!("U{at:07}@{DOMAIN}"),
        &format!(
            "\"samaccountname\":\"u{at:07}\",\"displayname\":\"Person {at}\",\
             \"email\":\"person.{at}@north.example\",\"enabled\":{enabled},\"hasspn\":{service}"
        ),
    );
    directory.primary_group(DOMAIN_USERS);
    let department = directory.department(at);
    let rights = rights_on(directory, at, department);
    directory.rights(&rights);
    let old = if at % 1_000 == 17 { vec![(format!("{FOREIGN}-{at}"), "User")] } else { vec![] };
    directory.list("HasSIDHistory", "HasSIDHistory", &old);
    if service {
        write_service(directory);
    } else {
        directory.push(",\"AllowedToDelegate\":[],\"SPNTargets\":[]");
    }
    directory.end(Some((unit(3 + department), "OU")));
}

fn rights_on(
    directory: &mut Directory,
    at: u32,
    department: u32,
) -> Vec<(Principal, &'static str)> {
    let desk = group(team(department, Team::HelpDesk));
    let mut rights = vec![((desk, "Group"), "ForceChangePassword")];
    if at % 500 == 11 {
        let any = TEAMS + directory.pick(directory.groups - TEAMS);
        rights.push(((group(any), "Group"), "GenericWrite"));
    }
    if at % 5_000 == 13 {
        // A principal that no record describes.
        rights.push(((format!("{FOREIGN}-{}", 1_000 + at), "Base"), "WriteDacl"));
    }
    rights
}

fn write_service(directory: &mut Directory) {
    let target = directory.pick(directory.computers);
    directory.list("AllowedToDelegate", "AllowedToDelegate", &[(computer(target), "Computer")]);
    let server = computer(directory.controllers() + target % directory.servers());
    let _ = write!(
        directory.text,
        ",\"SPNTargets\":[{{\"ComputerSID\":\"{server}\",\"Port\":1433,\"Service\":\"SQLAdmin\"}}]"
    );
    directory.stated.add("SQLAdmin", 1);
}

/// Writes a group: the built-in ones, three for each department, and groups of groups.
pub(super) fn write_group(directory: &mut Directory, at: u32) {
    let built_in = BUILT_IN.get(at as usize).map(|(_, name)| (*name).to_owned());
    let name = built_in.clone().unwrap_or_else(|| format!("TEAM {at:06}"));
    directory.start(
        &group(at),
        &format!("{name}@{DOMAIN}"),
        &format!("\"samaccountname\":\"{name}\",\"admincount\":{}", built_in.is_some()),
    );
    let people = directory.users;
    let members: Vec<Principal> = match at {
        // The last three people look after the domain.
        DOMAIN_ADMINS => (1..=3).map(|back| (user(people - back), "User")).collect(),
        ENTERPRISE_ADMINS => vec![(user(people - 1), "User")],
        ADMINISTRATORS => {
            [DOMAIN_ADMINS, ENTERPRISE_ADMINS].map(|at| (group(at), "Group")).to_vec()
        }
        ENTERPRISE_CONTROLLERS => {
            (0..directory.controllers()).map(|at| (computer(at), "Computer")).collect()
        }
        _ if built_in.is_some() => vec![],
        _ => members_of_team(directory, at),
    };
    directory.list("Members", "MemberOf", &members);
    directory.rights(&[]);
    directory.end(Some((container(0), "Container")));
}

fn members_of_team(directory: &mut Directory, at: u32) -> Vec<Principal> {
    let people = directory.users;
    let (department, sort) = ((at - TEAMS) / 3, (at - TEAMS) % 3);
    if department >= directory.departments() {
        // A group of groups holds one with a lower number, so that none holds itself.
        return vec![(group(TEAMS + directory.pick(at - TEAMS)), "Group")];
    }
    let of_department = |number: u32| (user((department * DEPARTMENT + number) % people), "User");
    match sort {
        0 => (0..DEPARTMENT.min(people)).map(of_department).collect(),
        1 => (0..3).map(of_department).collect(),
        _ => vec![of_department(0), (group(team(department, Team::HelpDesk)), "Group")],
    }
}
