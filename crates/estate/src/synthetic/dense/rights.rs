//! Groups of the dense shape: who may administer what, and who is in them.
//!
//! A few groups have everything of a kind, each site has its own help desk, and
//! the many others have a handful of accounts or machines. Half of a user's
//! groups belong to his site.

use cordon_model::NodeIx;

use super::{Core, Site};
use crate::synthetic::draft::Draft;

/// Groups without rights of their own to hand out, which anybody may be in.
struct Common {
    of_sites: Vec<Vec<NodeIx>>,
    of_all: Vec<NodeIx>,
}

/// Draws groups, their rights and their members.
pub(super) fn draw(draft: &mut Draft, sites: &[Site], core: &Core, admins: &[NodeIx]) {
    let tiers = tiers(draft, sites, core, admins);
    let desks: u32 = sites.iter().map(|site| help_desks(draft, site, sites)).sum();
    let all = draft.thousandths(80);
    let common = common(draft, sites, all.saturating_sub(desks + tiers).max(10));
    for (at, groups) in common.of_sites.iter().enumerate() {
        let Some(site) = sites.get(at) else { continue };
        for &group in groups {
            rights_at_site(draft, site, core, group);
            if let Some(parent) = draft.pick(&common.of_all).filter(|_| draft.chance(25)) {
                draft.link(group, parent, "MemberOf");
            }
        }
        for &user in &site.users {
            let count = 8 + draft.below(5);
            for group in draft.picks(groups, count / 2) {
                draft.link(user, group, "MemberOf");
            }
            for group in draft.picks(&common.of_all, count - count / 2) {
                draft.link(user, group, "MemberOf");
            }
        }
    }
    for &group in &common.of_all {
        let right = draft.below(100);
        let target = match right {
            0..10 => draft.pick(&core.servers).map(|server| (server, "AdminTo")),
            10..22 => draft.pick(&pools(core)).map(|pool| (pool, "CanRDP")),
            22 => draft.pick(&common.of_all).map(|parent| (parent, "MemberOf")),
            _ => None,
        };
        target.into_iter().for_each(|(to, kind)| draft.link(group, to, kind));
    }
}

fn pools(core: &Core) -> Vec<NodeIx> {
    core.pools.iter().map(|pool| pool.pool).collect()
}

/// The groups that have everything of a kind; returns how many there are.
fn tiers(draft: &mut Draft, sites: &[Site], core: &Core, admins: &[NodeIx]) -> u32 {
    let users: Vec<NodeIx> = sites.iter().flat_map(|site| site.users.clone()).collect();
    let machines = |site: &Site| [&*site.workstations, &*site.tills].concat();
    let machines: Vec<NodeIx> = sites.iter().flat_map(machines).collect();
    let more = draft.size / 6_250;
    let tiers: [(&[NodeIx], &str, u32, u32); 7] = [
        (&core.controllers, "AdminTo", 5, 1),
        (&core.hypervisors, "AdminTo", 5, 0),
        (&core.backups, "AdminTo", 4, 1),
        (&core.servers, "AdminTo", 8, 1 + more),
        (&core.servers, "AdminTo", 8, 0),
        (&machines, "AdminTo", 8, 0),
        (&users, "ForceChangePassword", 6, 0),
    ];
    for (at, (targets, kind, members, accounts)) in tiers.into_iter().enumerate() {
        let group = draft.node("group", None);
        draft.link_all(group, targets, kind);
        let members = draft.picks(admins, members);
        draft.link_from(&members, group, "MemberOf");
        let accounts = draft.picks(&core.accounts, accounts);
        draft.link_from(&accounts, group, "MemberOf");
        if at > 0 {
            draft.withdrawal("strip-group", 15_000, &[group]);
            continue;
        }
        // The directory's own administrators: the group cannot be emptied, two accounts never go.
        for _ in 0..2 {
            let user = draft.node("user", None);
            draft.break_glass(user);
            draft.link(user, group, "MemberOf");
        }
    }
    u32::try_from(tiers.len()).unwrap_or(0)
}

/// A site's three groups for its accounts, machines and desktops; returns how many there are.
fn help_desks(draft: &mut Draft, site: &Site, sites: &[Site]) -> u32 {
    let machines = [&*site.workstations, &*site.tills].concat();
    let desks: [(&[NodeIx], &str); 3] = [
        (&site.users, "ForceChangePassword"),
        (&machines, "AdminTo"),
        (&site.workstations, "AdminTo"),
    ];
    let number = sites.iter().position(|other| std::ptr::eq(other, site));
    for (targets, kind) in desks {
        let group = draft.node("group", number);
        draft.link_all(group, targets, kind);
        let count = 1 + draft.below(5);
        let members = draft.picks(&site.users, count);
        draft.link_from(&members, group, "MemberOf");
        draft.withdrawal("strip-group", 2_500, &[group]);
    }
    u32::try_from(desks.len()).unwrap_or(0)
}

/// Four groups of five belong to a site; half of the others serve the business and are dear.
fn common(draft: &mut Draft, sites: &[Site], count: u32) -> Common {
    let mut common = Common { of_sites: vec![Vec::new(); sites.len()], of_all: Vec::new() };
    for at in 0..count {
        // Counted without those that belong to nobody, so that no site is left out.
        let site = (at % 5 != 0).then_some((at - at / 5) as usize % sites.len().max(1));
        let group = draft.node("group", site);
        let dear = site.is_none() && draft.chance(50);
        draft.withdrawal("strip-group", if dear { 15_000 } else { 2_500 }, &[group]);
        match site.and_then(|site| common.of_sites.get_mut(site)) {
            Some(groups) => groups.push(group),
            None => common.of_all.push(group),
        }
    }
    common
}

fn rights_at_site(draft: &mut Draft, site: &Site, core: &Core, group: NodeIx) {
    if draft.chance(92) {
        let count = 1 + draft.below(8);
        let users = draft.picks(&site.users, count);
        draft.link_all(group, &users, "ForceChangePassword");
    }
    if draft.chance(28) {
        let machines = draft.picks(&site.workstations, 4);
        draft.link_all(group, &machines, "AdminTo");
    }
    if let Some(pool) = draft.pick(&pools(core)).filter(|_| draft.chance(2)) {
        draft.link(group, pool, "CanRDP");
    }
}
