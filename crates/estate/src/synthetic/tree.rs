//! The tree shape: one directory, with regions, departments, nested groups and few links across.
//!
//! Units contain units, and a department's staff and machines; a department's
//! group is in its region's group, and that in everybody's. Each region's
//! administrators have rights over its unit, and now and then sign in on its
//! machines, which is how an intruder climbs.

use cordon_model::NodeIx;

use super::Ordinary;
use super::draft::Draft;
use super::services::{self, Parts};

/// Nodes of the directory per department.
const PER_DEPARTMENT: u32 = 250;
/// Departments of one region.
const PER_REGION: u32 = 20;

/// One department.
struct Department {
    users: Vec<NodeIx>,
    machines: Vec<NodeIx>,
}

/// The top of the directory.
struct Top {
    domain: NodeIx,
    administrators: NodeIx,
    everybody: NodeIx,
    accounts: Vec<NodeIx>,
}

/// One region's unit and groups.
struct Region {
    unit: NodeIx,
    staff: NodeIx,
    admins: Vec<NodeIx>,
}

/// Draws the estate; ordinary are users, machines, and users once more.
pub(super) fn build(draft: &mut Draft) -> Ordinary {
    let top = top(draft);
    let departments = (draft.size / PER_DEPARTMENT).max(4);
    let per_region = PER_REGION.min(departments / 2);
    let mut all: Vec<Department> = Vec::new();
    let mut groups = Vec::new();
    for first in (0..departments).step_by(per_region as usize) {
        let region = region(draft, &top);
        for _ in first..(first + per_region).min(departments) {
            let (department, group) = department(draft, &region, all.len());
            all.push(department);
            groups.push(group);
        }
    }
    across(draft, &top, &all, &groups);
    assets(draft, &all);
    let machines: Vec<NodeIx> = all.iter().flat_map(|d| d.machines.clone()).collect();
    let users: Vec<NodeIx> = all.iter().flat_map(|d| d.users.clone()).collect();
    let few = |d: &Department| d.users.iter().take(2).copied().collect::<Vec<_>>();
    let every: Vec<Vec<NodeIx>> = all.iter().map(few).collect();
    let parts =
        Parts { needed: &[&users, &machines, &groups], redundant: &machines, every: &every };
    services::add(draft, 12 + draft.size / 3_000, &parts);
    Ordinary(users, machines, Vec::new())
}

fn top(draft: &mut Draft) -> Top {
    let domain = draft.node("domain", None);
    let administrators = draft.node("group", None);
    let everybody = draft.node("group", None);
    let controllers = draft.nodes("dc", 3);
    draft.link(administrators, domain, "GenericAll");
    draft.link_all(administrators, &controllers, "AdminTo");
    draft.link_from(&controllers, domain, "DCSync");
    draft.asset(domain, 10_000_000, true);
    controllers.iter().for_each(|&controller| draft.asset(controller, 10_000_000, true));
    let accounts = draft.nodes("user", 4);
    draft.link_from(&accounts, administrators, "MemberOf");
    draft.withdrawals("disable-account", 200, &accounts);
    Top { domain, administrators, everybody, accounts }
}

fn unit(draft: &mut Draft, above: NodeIx) -> NodeIx {
    let unit = draft.node("ou", None);
    draft.link(above, unit, "Contains");
    draft.withdrawal("block-policy", 6_000, &[unit]);
    unit
}

fn group(draft: &mut Draft, above: Option<NodeIx>) -> NodeIx {
    let group = draft.node("group", None);
    above.into_iter().for_each(|above| draft.link(group, above, "MemberOf"));
    draft.withdrawal("strip-group", 2_500, &[group]);
    group
}

/// A region: its unit, everybody in it, and its administrators, who may do anything there.
fn region(draft: &mut Draft, top: &Top) -> Region {
    let unit = unit(draft, top.domain);
    let staff = group(draft, Some(top.everybody));
    let admins = draft.nodes("user", 5);
    draft.withdrawals("disable-account", 200, &admins);
    let rights = group(draft, None);
    draft.link(rights, unit, "GenericAll");
    draft.link_from(&admins, rights, "MemberOf");
    draft.link_from(&admins, staff, "MemberOf");
    // Two of the directory's administrators look after each region and sign in there.
    Region { unit, staff, admins: [admins, draft.picks(&top.accounts, 2)].concat() }
}

fn department(draft: &mut Draft, region: &Region, number: usize) -> (Department, NodeIx) {
    let above = unit(draft, region.unit);
    let (people, machines_unit) = (unit(draft, above), unit(draft, above));
    let group = group(draft, Some(region.staff));
    draft.link(above, group, "Contains");
    let users: Vec<NodeIx> = (0..130).map(|_| draft.node("user", Some(number))).collect();
    let machines: Vec<NodeIx> = (0..40).map(|_| draft.node("workstation", Some(number))).collect();
    draft.link_all(people, &users, "Contains");
    draft.link_all(machines_unit, &machines, "Contains");
    draft.link_from(&users, group, "MemberOf");
    draft.withdrawals("disable-account", 200, &users);
    draft.withdrawals("isolate-host", 400, &machines);
    draft.withdrawal("disable-department", 6_000, &users);
    // Everybody may use the first two machines, and their sessions stay there.
    let (shared, _) = machines.split_at(machines.len().min(2));
    draft.link_all(group, shared, "CanRDP");
    for (at, &user) in users.iter().enumerate().take(65) {
        let Some(&own) = machines.get(at % machines.len().max(1)) else { continue };
        draft.link(user, own, "CanRDP");
        let kept = draft.pick(shared).filter(|_| draft.chance(30));
        session(draft, number, user, &[&[own], kept.as_slice()].concat());
    }
    // The region's administrators have signed in on some machines, on the shared ones too.
    for _ in 0..3 {
        let on = [draft.pick(shared).filter(|_| draft.chance(30)), draft.pick(&machines)];
        if let Some(admin) = draft.pick(&region.admins) {
            session(draft, number, admin, &on.into_iter().flatten().collect::<Vec<_>>());
        }
    }
    (Department { users, machines }, group)
}

/// Leaves the session of an account on some machines.
fn session(draft: &mut Draft, department: usize, user: NodeIx, on: &[NodeIx]) {
    let session = draft.node("session", Some(department));
    draft.link(session, user, "Controls");
    draft.link_from(on, session, "HasSession");
    draft.withdrawal("end-sessions", 100, &[session]);
}

/// The few links that do not follow the tree.
fn across(draft: &mut Draft, top: &Top, all: &[Department], groups: &[NodeIx]) {
    let everyone: Vec<NodeIx> = all.iter().flat_map(|d| d.users.clone()).collect();
    for department in all {
        for _ in 0..3 {
            let helper = draft.pick(&everyone);
            let machines = draft.picks(&department.machines, 5);
            helper.into_iter().for_each(|helper| draft.link_all(helper, &machines, "AdminTo"));
        }
        if let (Some(group), Some(machine)) = (draft.pick(groups), draft.pick(&department.machines))
        {
            draft.link(group, machine, "CanRDP");
        }
    }
    let shared = all.iter().take(4).filter_map(|d| d.machines.first());
    shared.for_each(|&machine| draft.link(top.everybody, machine, "CanRDP"));
    draft.asset(top.administrators, 10_000_000, true);
}

/// Machines with something on them that is worth a loss.
fn assets(draft: &mut Draft, all: &[Department]) {
    let machines: Vec<NodeIx> = all.iter().filter_map(|d| d.machines.last().copied()).collect();
    for &machine in machines.iter().step_by(machines.len().div_ceil(28)) {
        let hundreds = 800 + draft.below(4_000);
        draft.asset(machine, hundreds * 100, false);
    }
}
