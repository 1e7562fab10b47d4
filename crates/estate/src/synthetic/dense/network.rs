//! Zones, flows, sessions and shared passwords of the dense shape.
//!
//! A machine reaches its zone, a zone other zones through flows, and a zone's
//! open ports its machines. A machine keeps the sessions of whoever works on
//! it: one session per account, on as many machines as he uses.

use cordon_model::NodeIx;
use rustc_hash::FxHashMap;

use super::{Core, Site};
use crate::synthetic::draft::Draft;

/// Share of the servers in each zone of the core, in percent.
const ZONES: [usize; 5] = [70, 10, 5, 5, 10];
/// Zones of the core that flows lead into.
const OPEN_ZONES: [usize; 4] = [0, 1, 3, 4];

/// The two sides of a zone: what its machines can leave by, and how they can be reached.
struct Zone {
    out: NodeIx,
    into: NodeIx,
    site: usize,
}

/// Draws zones, flows and sessions; returns the flows.
pub(super) fn draw(
    draft: &mut Draft,
    sites: &[Site],
    core: &Core,
    admins: &[NodeIx],
) -> Vec<NodeIx> {
    let zones = zones(draft, sites.len() + ZONES.len() + 1);
    let (of_sites, of_core) = zones.split_at(sites.len());
    for (site, zone) in sites.iter().zip(of_sites) {
        let machines = [&*site.workstations, &*site.tills].concat();
        draft.link_from(&machines, zone.out, "Reaches");
        ports(draft, zone, &site.workstations, 3);
        ports(draft, zone, &site.tills, 9);
        draft.withdrawal("isolate-site", 25_000, &[zone.out, zone.into]);
    }
    let mut rest = &*core.servers;
    for (zone, share) in of_core.iter().zip(ZONES) {
        let (servers, others) = rest.split_at((core.servers.len() * share / 100).min(rest.len()));
        rest = others;
        draft.link_from(servers, zone.out, "Reaches");
        ports(draft, zone, servers, 25);
    }
    if let Some(zone) = of_core.last() {
        let hosts: Vec<NodeIx> = core.pools.iter().flat_map(|pool| pool.hosts.clone()).collect();
        draft.link_from(&hosts, zone.out, "Reaches");
        draft.link_from(rest, zone.out, "Reaches");
    }
    let flows = flows(draft, of_sites, of_core);
    shared_passwords(draft, sites);
    sessions(draft, sites, core, admins);
    flows
}

fn zones(draft: &mut Draft, count: usize) -> Vec<Zone> {
    let zone = |site| Zone {
        out: draft.node("zoneout", Some(site)),
        into: draft.node("zonein", Some(site)),
        site,
    };
    (0..count).map(zone).collect()
}

/// Opens a port to each machine of a zone in `percent` of cases.
fn ports(draft: &mut Draft, zone: &Zone, machines: &[NodeIx], percent: u32) {
    for &machine in machines {
        if draft.chance(percent) {
            let port = draft.node("port", Some(zone.site));
            draft.link(zone.into, port, "Reaches");
            draft.link(port, machine, "Reaches");
        }
    }
}

fn flows(draft: &mut Draft, of_sites: &[Zone], of_core: &[Zone]) -> Vec<NodeIx> {
    let any_site = |draft: &mut Draft, count: u32| -> Vec<NodeIx> {
        let into: Vec<NodeIx> = of_sites.iter().map(|zone| zone.into).collect();
        draft.picks(&into, count)
    };
    let core = |at: usize| of_core.get(at).map(|zone| zone.into);
    let mut flows = Vec::new();
    for zone in of_sites {
        let mut to = vec![zone.into];
        to.extend(core(0));
        to.extend(core(1).filter(|_| draft.chance(30)));
        to.extend(core(4).filter(|_| draft.chance(30)));
        to.extend(any_site(draft, 2));
        join(draft, zone, &to, &mut flows);
    }
    for (at, zone) in of_core.iter().enumerate() {
        let open = OPEN_ZONES.into_iter().filter(|&other| other != at);
        let mut to: Vec<NodeIx> = open.filter_map(core).filter(|_| draft.chance(50)).collect();
        let count = 2 + draft.below(7);
        to.extend(any_site(draft, count));
        join(draft, zone, &to, &mut flows);
    }
    draft.withdrawals("block-flow", 4_000, &flows);
    flows
}

fn join(draft: &mut Draft, from: &Zone, to: &[NodeIx], flows: &mut Vec<NodeIx>) {
    for &into in to {
        let flow = draft.node("flow", Some(from.site));
        draft.link(from.out, flow, "Reaches");
        draft.link(flow, into, "Reaches");
        flows.push(flow);
    }
}

/// Nearly every second site has one administrator's password on all its workstations.
fn shared_passwords(draft: &mut Draft, sites: &[Site]) {
    for (number, site) in sites.iter().enumerate() {
        if draft.chance(45) {
            let password = draft.node("sharedcred", Some(number));
            draft.link_from(&site.workstations, password, "StoresCredentialOf");
            draft.link_all(password, &site.workstations, "AdminTo");
            draft.withdrawal("rotate-shared-credential", 3_500, &[password]);
        }
    }
}

fn sessions(draft: &mut Draft, sites: &[Site], core: &Core, admins: &[NodeIx]) {
    let mut known = FxHashMap::default();
    for site in sites {
        // Some sign in on many machines: half of the sessions are a quarter's of the staff.
        let (busy, _) = site.users.split_at(site.users.len() / 4);
        for &workstation in &site.workstations {
            let count = match draft.below(100) {
                0..21 => 0,
                21..66 => 1,
                66..93 => 2,
                _ => 3,
            };
            for _ in 0..count {
                let from = if draft.chance(50) { busy } else { &site.users };
                draft.pick(from).into_iter().for_each(|user| {
                    session(draft, &mut known, workstation, user);
                });
            }
        }
    }
    let users: Vec<NodeIx> = sites.iter().flat_map(|site| site.users.clone()).collect();
    for pool in &core.pools {
        draft.link_all(pool.pool, &pool.hosts, "Contains");
        for &host in &pool.hosts {
            for user in draft.picks(&users, 8) {
                session(draft, &mut known, host, user);
            }
        }
    }
    for &server in &core.servers {
        if let Some(admin) = draft.pick(admins).filter(|_| draft.chance(40)) {
            session(draft, &mut known, server, admin);
        }
    }
}

/// Leaves the session of an account on a host.
fn session(draft: &mut Draft, known: &mut FxHashMap<NodeIx, NodeIx>, host: NodeIx, user: NodeIx) {
    let session = *known.entry(user).or_insert_with(|| {
        let session = draft.node("session", None);
        draft.link(session, user, "Controls");
        draft.withdrawal("end-sessions", 100, &[session]);
        session
    });
    draft.link(host, session, "HasSession");
}
