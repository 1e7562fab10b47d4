//! The dense shape: a retailer whose staff, machines and servers hang together.
//!
//! Sites hold staff, workstations, tills and groups; the core holds servers,
//! service accounts, roles, data, hypervisors and the directory. Nine nodes of
//! ten lie between an ordinary account and an asset: groups reset passwords,
//! machines keep sessions, zones reach each other through flows. The network
//! and the sessions are in [`network`], who may do what is in [`rights`].

mod network;
mod rights;

use cordon_model::NodeIx;
use rustc_hash::FxHashSet;

use super::Ordinary;
use super::draft::Draft;
use super::services::{self, Parts};

/// One place of work.
struct Site {
    users: Vec<NodeIx>,
    workstations: Vec<NodeIx>,
    tills: Vec<NodeIx>,
}

/// A pool of virtual desktops and the hosts that carry it.
struct Pool {
    pool: NodeIx,
    hosts: Vec<NodeIx>,
}

/// What belongs to no site.
struct Core {
    servers: Vec<NodeIx>,
    accounts: Vec<NodeIx>,
    apps: Vec<NodeIx>,
    data: Vec<NodeIx>,
    roles: Vec<NodeIx>,
    hypervisors: Vec<NodeIx>,
    backups: Vec<NodeIx>,
    controllers: Vec<NodeIx>,
    domain: NodeIx,
    pools: Vec<Pool>,
}

/// Servers that one hypervisor carries.
const SERVERS_PER_HYPERVISOR: usize = 20;
/// Accounts that one order to disable a department disables.
const DEPARTMENT: usize = 50;

/// Draws the estate; ordinary are users without an administrator's group, workstations, desktops' hosts.
///
/// Where services are `tied`, the roles that they need are those that lead to
/// the data that matters, so that no cut there is free.
pub(super) fn build(draft: &mut Draft, tied: bool) -> Ordinary {
    let sites = sites(draft);
    let core = core(draft);
    // Every hundredth account or so administers something; they come first in their sites.
    let admins = draft.thousandths(10).max(10) as usize;
    let by_turn = |turn| sites.iter().filter_map(move |site| site.users.get(turn).copied());
    let admins: Vec<NodeIx> = (0..admins).flat_map(by_turn).take(admins).collect();
    carry(draft, &core);
    rights::draw(draft, &sites, &core, &admins);
    let flows = network::draw(draft, &sites, &core, &admins);
    withdrawals(draft, &sites, &core);
    let vital = assets(draft, &core);
    let roles = if tied { &vital } else { &core.roles };
    let needed = [&core.servers, &core.accounts, &core.apps, roles, &flows];
    let redundant: Vec<NodeIx> = core.pools.iter().map(|pool| pool.pool).collect();
    let redundant = [&*core.servers, &*redundant.repeat(core.servers.len() / 8)].concat();
    let tills: Vec<Vec<NodeIx>> = sites.iter().map(|site| site.tills.clone()).collect();
    let parts = Parts { needed: &needed.map(|v| &**v), redundant: &redundant, every: &tills };
    services::add(draft, 12 + draft.size / 3_000, &parts);
    let admins: FxHashSet<NodeIx> = admins.into_iter().collect();
    let mut all = Ordinary(Vec::new(), Vec::new(), Vec::new());
    for site in sites {
        all.0.extend(site.users.into_iter().filter(|user| !admins.contains(user)));
        all.1.extend(site.workstations);
    }
    all.2.extend(core.pools.into_iter().flat_map(|pool| pool.hosts));
    all
}

fn sites(draft: &mut Draft) -> Vec<Site> {
    let count = (draft.size / 1_000).max(4);
    let new = |_| Site { users: Vec::new(), workstations: Vec::new(), tills: Vec::new() };
    let mut sites: Vec<Site> = (0..count).map(new).collect();
    for at in 0..draft.thousandths(420) {
        let at = (at % count) as usize;
        let user = draft.node("user", Some(at));
        sites.get_mut(at).into_iter().for_each(|site| site.users.push(user));
    }
    for _ in 0..draft.thousandths(220) {
        let at = draft.below(count) as usize;
        let workstation = draft.node("workstation", Some(at));
        sites.get_mut(at).into_iter().for_each(|site| site.workstations.push(workstation));
    }
    for _ in 0..draft.thousandths(30) {
        let at = draft.below(count) as usize;
        let till = draft.node("till", Some(at));
        sites.get_mut(at).into_iter().for_each(|site| site.tills.push(till));
    }
    sites
}

fn core(draft: &mut Draft) -> Core {
    let hosts = if draft.size < 5_000 { 20 } else { 40 };
    let pools = (0..(draft.size / 10_000).max(2)).map(|_| {
        let pool = draft.node("vdipool", None);
        Pool { pool, hosts: draft.nodes("vdihost", hosts) }
    });
    let pools = pools.collect();
    let mut share = |kind, thousandths| draft.nodes(kind, draft.thousandths(thousandths).max(5));
    Core {
        servers: share("server", 40),
        accounts: share("svcacct", 20),
        apps: share("app", 10),
        data: share("datastore", 5),
        roles: share("role", 10),
        hypervisors: draft.nodes("hypervisor", draft.thousandths(2).max(2)),
        backups: draft.nodes("backup", 2),
        controllers: draft.nodes("dc", 4),
        domain: draft.node("domain", None),
        pools,
    }
}

/// What the core's parts carry, keep and run as.
fn carry(draft: &mut Draft, core: &Core) {
    draft.link_from(&core.controllers, core.domain, "DCSync");
    for (&hypervisor, &controller) in core.hypervisors.iter().zip(&core.controllers).take(2) {
        draft.link(hypervisor, controller, "Manages");
    }
    let racks = core.servers.chunks(SERVERS_PER_HYPERVISOR);
    for (&hypervisor, servers) in core.hypervisors.iter().zip(racks) {
        draft.link_all(hypervisor, servers, "Manages");
    }
    for (at, &role) in core.roles.iter().enumerate() {
        if let Some(&data) = core.data.get(at % core.data.len().max(1)) {
            draft.link(role, data, "SQLAdmin");
        }
    }
    for &app in &core.apps {
        let (role, account) = (draft.pick(&core.roles), draft.pick(&core.accounts));
        role.into_iter().for_each(|role| draft.link(app, role, "MemberOf"));
        account.into_iter().for_each(|account| draft.link(app, account, "StoresCredentialOf"));
    }
    for &account in &core.accounts {
        for role in draft.picks(&core.roles, 2) {
            draft.link(account, role, "MemberOf");
        }
        let count = if draft.chance(14) { 3 } else { 0 };
        for server in draft.picks(&core.servers, count) {
            draft.link(account, server, "AdminTo");
        }
    }
    for &server in &core.servers {
        for account in draft.picks(&core.accounts, 2) {
            draft.link(server, account, "StoresCredentialOf");
        }
        if let Some(app) = draft.pick(&core.apps).filter(|_| draft.chance(30)) {
            draft.link(server, app, "Controls");
        }
    }
    if let Some(server) = draft.pick(&core.servers) {
        draft.link_all(server, &core.backups, "Manages");
    }
}

fn withdrawals(draft: &mut Draft, sites: &[Site], core: &Core) {
    for site in sites {
        draft.withdrawals("disable-account", 200, &site.users);
        draft.withdrawals("isolate-host", 400, &site.workstations);
        draft.withdrawals("isolate-host", 800, &site.tills);
        for department in site.users.chunks(DEPARTMENT).filter(|some| some.len() > 1) {
            draft.withdrawal("disable-department", 6_000, department);
        }
    }
    draft.withdrawals("isolate-host", 3_000, &core.servers);
    draft.withdrawals("disable-service-account", 3_000, &core.accounts);
    draft.withdrawals("revoke-tokens", 2_000, &core.apps);
    draft.withdrawals("datastore-offline", 40_000, &core.data);
    draft.withdrawals("revoke-role", 1_500, &core.roles);
    for pool in &core.pools {
        draft.withdrawals("isolate-host", 300, &pool.hosts);
        draft.withdrawal("close-desktops", 8_000, &[&[pool.pool], &*pool.hosts].concat());
    }
    let racks = core.servers.chunks(SERVERS_PER_HYPERVISOR);
    for (&hypervisor, servers) in core.hypervisors.iter().zip(racks) {
        draft.withdrawal("stop-hypervisor", 20_000, &[&[hypervisor], servers].concat());
    }
    draft.cap("disable-account", 500);
    draft.cap("isolate-site", 20);
}

/// Says what matters; returns the roles that lead to the data that does.
fn assets(draft: &mut Draft, core: &Core) -> Vec<NodeIx> {
    draft.asset(core.domain, 10_000_000, true);
    core.backups.iter().for_each(|&backup| draft.asset(backup, 5_000_000, true));
    for &hypervisor in &core.hypervisors {
        let hundreds = 3_000 + draft.below(9_000);
        draft.asset(hypervisor, hundreds * 100, false);
    }
    let (hard, rest) = core.data.split_at(core.data.len().min(5));
    for (&data, millions) in hard.iter().zip([3, 3, 2, 2, 2]) {
        draft.asset(data, millions * 1_000_000, true);
    }
    for &data in rest.iter().step_by(20) {
        let hundreds = 1_500 + draft.below(3_500);
        draft.asset(data, hundreds * 100, false);
    }
    let of = |at: usize| at % core.data.len().max(1);
    let vital = |at: usize| of(at) < hard.len() || (of(at) - hard.len()).is_multiple_of(20);
    core.roles.iter().enumerate().filter(|&(at, _)| vital(at)).map(|(_, &role)| role).collect()
}
