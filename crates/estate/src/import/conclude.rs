//! Links that only several statements together justify.
//!
//! Two halves of a right may reach somebody through different groups, so the
//! question is always the same: who is, however deep, among the holders of each
//! of several rights? [`Memberships::of_all`] answers it. The rules are those of
//! BloodHound's documentation; `docs/import.md` lists which are drawn and which
//! are not.

use std::io;

use super::class::Class;
use super::edges::EdgeKind;
use super::objects::{Flag, ObjectIx};
use super::reading::{Reading, Replication};
use super::record::{Certificates, Right};

/// Draws all of them.
///
/// # Errors
/// The links on disk cannot be read back.
pub(crate) fn conclude(reading: &mut Reading) -> io::Result<()> {
    special_identities(reading);
    if reading.facts.replication.is_empty() && reading.facts.certificates.is_empty() {
        return Ok(());
    }
    let mut memberships = Memberships::read(reading)?;
    replication(reading, &mut memberships);
    certificates(reading, &mut memberships);
    Ok(())
}

/// Whoever signs in is an authenticated user; no directory lists these memberships.
fn special_identities(reading: &mut Reading) {
    let kind = reading.edges.kind("ClaimSpecialIdentity");
    for domain in reading.objects.domains().to_vec() {
        let of_domain = |end: &str| reading.objects.find(&format!("{}-{end}", domain.sid));
        let special = |end: &str| reading.objects.find(&format!("{}-S-1-{end}", domain.name));
        let (signed_in, everybody) = (special("5-11"), special("1-0"));
        let mut found = Vec::new();
        for members in [of_domain("513"), of_domain("515")] {
            found.push((members, signed_in.or(everybody)));
        }
        found.push((of_domain("514"), everybody));
        found.push((signed_in, everybody));
        for (from, to) in found {
            if let (Some(from), Some(to)) = (from, to) {
                reading.conclude(from, to, kind);
            }
        }
    }
}

/// Draws `DCSync` and `SyncLAPSPassword` where the halves of the right come together.
fn replication(reading: &mut Reading, memberships: &mut Memberships) {
    let rights = std::mem::take(&mut reading.facts.replication);
    let mut domains: Vec<ObjectIx> = rights.iter().map(|&(domain, ..)| domain).collect();
    domains.sort_unstable();
    domains.dedup();
    let (sync, laps) = (reading.edges.kind("DCSync"), reading.edges.kind("SyncLAPSPassword"));
    for domain in domains {
        let holders = |which| -> Vec<ObjectIx> {
            let of_right = rights.iter().filter(|(of, right, _)| (*of, *right) == (domain, which));
            of_right.map(|&(.., principal)| principal).collect()
        };
        let changes = holders(Replication::Changes);
        let all = memberships.of_all(&[&changes, &holders(Replication::Secrets)]);
        for &principal in &all {
            reading.conclude(principal, domain, sync);
        }
        let mut some = memberships.of_all(&[&changes, &holders(Replication::Filtered)]);
        // Whoever can replicate everything needs no more links.
        some.retain(|principal| !all.contains(principal));
        if !some.is_empty() {
            for computer in computers_with_managed_password(reading, domain) {
                for &principal in &some {
                    reading.conclude(principal, computer, laps);
                }
            }
        }
    }
}

fn computers_with_managed_password(reading: &Reading, domain: ObjectIx) -> Vec<ObjectIx> {
    let of = reading.objects.get(domain).map_or(0, |domain| domain.domain);
    let objects = reading.objects.all().iter().zip((0..).map(ObjectIx));
    let found =
        objects.filter(|(object, _)| object.domain == of && object.is(Flag::ManagedPassword));
    found.map(|(_, at)| at).collect()
}

/// One certificate authority whose certificates sign in somewhere.
struct Authority<'f> {
    facts: &'f Certificates,
    domain: ObjectIx,
    enrol: Vec<ObjectIx>,
}

/// One template with the rights on it.
struct Template<'f> {
    at: ObjectIx,
    facts: &'f Certificates,
    rights: &'f [Right],
}

fn certificates(reading: &mut Reading, memberships: &mut Memberships) {
    let facts = std::mem::take(&mut reading.facts.certificates);
    let enrol = reading.edges.kind("Enroll");
    let golden = reading.edges.kind("GoldenCert");
    let mut links = Vec::new();
    for authority in authorities(reading, &facts, enrol) {
        if let Some(host) = authority.facts.host {
            links.push((host, authority.domain, golden));
        }
        let offered = facts.iter().filter(|(at, ..)| authority.facts.templates.contains(at));
        for (at, template, rights) in offered {
            let template = Template { at: *at, facts: template, rights };
            misused(reading, memberships, &authority, &template, &facts, &mut links);
        }
    }
    // Several templates may lead the same way.
    links.sort_unstable();
    links.dedup();
    for (from, to, kind) in links {
        reading.conclude(from, to, kind);
    }
    name_domains(reading, &facts);
}

/// Roots and lists of authorities name their domain; what they are shows only now.
fn name_domains(reading: &mut Reading, facts: &[(ObjectIx, Certificates, Vec<Right>)]) {
    for &(at, ..) in facts {
        let Some(object) = reading.objects.get(at) else { continue };
        let class = reading.objects.class(object);
        let kinds = [(Class::RootAuthority, "RootCAFor"), (Class::NtAuthStore, "NTAuthStoreFor")];
        let Some((_, kind)) = kinds.into_iter().find(|(of, _)| *of == class) else { continue };
        let sid = reading.objects.domain_of(object).map(|domain| domain.sid.clone());
        if let Some(domain) = sid.and_then(|sid| reading.objects.find(&sid)) {
            let kind = reading.edges.kind(kind);
            reading.state(at, domain, kind);
        }
    }
}

/// The authorities that a domain's list trusts to sign people in.
fn authorities<'f>(
    reading: &Reading,
    facts: &'f [(ObjectIx, Certificates, Vec<Right>)],
    enrol: EdgeKind,
) -> Vec<Authority<'f>> {
    let class = |at: ObjectIx| {
        reading.objects.get(at).map_or(Class::Unknown, |object| reading.objects.class(object))
    };
    let of_class = |wanted: Class| facts.iter().filter(move |(at, ..)| class(*at) == wanted);
    let stores: Vec<&Certificates> =
        of_class(Class::NtAuthStore).map(|(_, store, _)| store).collect();
    let roots: Vec<&str> =
        of_class(Class::RootAuthority).map(|(_, root, _)| root.thumbprint.as_str()).collect();
    let signs_in = |authority: &Certificates| {
        let listed = stores.iter().any(|store| store.thumbprints.contains(&authority.thumbprint));
        let chained = authority.chain.iter().any(|link| roots.contains(&link.as_str()));
        // What was not collected cannot rule an authority out.
        (stores.is_empty() || listed) && (roots.is_empty() || authority.chain.is_empty() || chained)
    };
    let mut found = Vec::new();
    for (at, authority, rights) in of_class(Class::Authority) {
        let object = reading.objects.get(*at);
        let sid = object.and_then(|object| reading.objects.domain_of(object)).map(|of| &of.sid);
        if let Some(domain) = sid.and_then(|sid| reading.objects.find(sid))
            && signs_in(authority)
        {
            let enrol = holders(rights, &[enrol]);
            found.push(Authority { facts: authority, domain, enrol });
        }
    }
    found
}

/// Draws what a template that an authority offers can be misused for.
fn misused(
    reading: &mut Reading,
    memberships: &mut Memberships,
    authority: &Authority<'_>,
    template: &Template<'_>,
    facts: &[(ObjectIx, Certificates, Vec<Right>)],
    links: &mut Vec<(ObjectIx, ObjectIx, EdgeKind)>,
) {
    let mut kinds = |names: &[&str]| -> Vec<EdgeKind> {
        names.iter().map(|name| reading.edges.kind(name)).collect()
    };
    let may_enrol = kinds(&["Enroll", "AllExtendedRights", "GenericAll"]);
    let may_rewrite = kinds(&["GenericAll", "WriteDacl", "WriteOwner", "Owns"]);
    let may_write = kinds(&["GenericWrite"]);
    let enrol = holders(template.rights, &may_enrol);
    let to_all = [&*enrol, &authority.enrol];
    let facts_of = template.facts;
    let unguarded = facts_of.needs_approval != Some(true)
        && (facts_of.schema == Some(1) || facts_of.signatures.unwrap_or(0) == 0);
    let signs_in = unguarded && facts_of.signs_in == Some(true);
    if signs_in && facts_of.supplies_subject == Some(true) {
        let kind = reading.edges.kind("ADCSESC1");
        let found = memberships.of_all(&to_all);
        links.extend(found.into_iter().map(|from| (from, authority.domain, kind)));
    }
    let kind = reading.edges.kind("ADCSESC4");
    let rewrites = memberships.of_all(&[&holders(template.rights, &may_rewrite), &authority.enrol]);
    let writes =
        memberships.of_all(&[&holders(template.rights, &may_write), &enrol, &authority.enrol]);
    let found = rewrites.into_iter().chain(writes);
    links.extend(found.map(|from| (from, authority.domain, kind)));
    if signs_in {
        let kind = reading.edges.kind("ADCSESC13");
        for policy in &facts_of.policies {
            let stands_for = facts.iter().find(|(at, of, _)| {
                *at != template.at && of.group.is_some() && of.policy == *policy
            });
            if let Some(group) = stands_for.and_then(|(_, of, _)| of.group) {
                let found = memberships.of_all(&to_all);
                links.extend(found.into_iter().map(|from| (from, group, kind)));
            }
        }
    }
}

fn holders(rights: &[Right], kinds: &[EdgeKind]) -> Vec<ObjectIx> {
    let wanted = rights.iter().filter(|right| !right.for_owners && kinds.contains(&right.kind));
    let mut found: Vec<ObjectIx> = wanted.map(|right| right.principal).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Who is directly a member of each group.
struct Memberships {
    /// Where each object's members start in `members`; one more at the end.
    starts: Vec<u32>,
    members: Vec<ObjectIx>,
    /// One bit per set of holders, by object.
    marks: Vec<u8>,
    /// What every account is among: a right of these limits nobody.
    everybody: Vec<ObjectIx>,
}

impl Memberships {
    fn read(reading: &mut Reading) -> io::Result<Self> {
        let kinds = ["MemberOf", "ClaimSpecialIdentity"].map(|kind| reading.edges.kind(kind));
        let objects = reading.objects.all().len();
        let mut starts = vec![0_u32; objects + 2];
        reading.links.each(|link| {
            if kinds.contains(&link.kind)
                && let Some(count) = starts.get_mut(link.to.0 as usize + 2)
            {
                *count += 1;
            }
        })?;
        let mut total = 0;
        for start in &mut starts {
            total += *start;
            *start = total;
        }
        let mut members = vec![ObjectIx(0); total as usize];
        reading.links.each(|link| {
            if kinds.contains(&link.kind)
                && let Some(next) = starts.get_mut(link.to.0 as usize + 1)
                && let Some(slot) = members.get_mut(*next as usize)
            {
                *slot = link.from;
                *next += 1;
            }
        })?;
        let everybody = reading.objects.everybody();
        Ok(Self { starts, members, marks: vec![0; objects], everybody })
    }

    fn members(&self, group: ObjectIx) -> &[ObjectIx] {
        let at = group.0 as usize;
        let bounds = self.starts.get(at).zip(self.starts.get(at + 1));
        bounds
            .and_then(|(&start, &end)| self.members.get(start as usize..end as usize))
            .unwrap_or(&[])
    }

    /// The topmost principals that are, however deep, among the holders of every right.
    ///
    /// Everybody who is among all of them is one of the answer or a member, however deep, of
    /// one: go up from them over groups that hold one of the rights; the last one that holds
    /// all is in the answer, because it is a holder itself or a group above it holds fewer.
    fn of_all(&mut self, rights: &[&[ObjectIx]]) -> Vec<ObjectIx> {
        let is_limit =
            |right: &&&[ObjectIx]| !right.iter().any(|holder| self.everybody.contains(holder));
        let limits: Vec<&[ObjectIx]> = rights.iter().filter(is_limit).copied().collect();
        let rights = if limits.is_empty() { rights } else { &limits };
        let wanted = u8::try_from((1_u32 << rights.len().min(8)) - 1).unwrap_or(u8::MAX);
        let mut touched = Vec::new();
        for (holders, bit) in rights.iter().zip(0..8) {
            self.mark(holders, 1 << bit, &mut touched);
        }
        let mark = |marks: &[u8], at: ObjectIx| marks.get(at.0 as usize).copied().unwrap_or(0);
        let mut found: Vec<ObjectIx> = rights.concat();
        for &group in touched.iter().filter(|group| mark(&self.marks, **group) != wanted) {
            found.extend(self.members(group));
        }
        found.retain(|at| mark(&self.marks, *at) == wanted);
        found.sort_unstable();
        found.dedup();
        for at in touched {
            if let Some(mark) = self.marks.get_mut(at.0 as usize) {
                *mark = 0;
            }
        }
        found
    }

    fn mark(&mut self, holders: &[ObjectIx], bit: u8, touched: &mut Vec<ObjectIx>) {
        let mut open = holders.to_vec();
        while let Some(at) = open.pop() {
            let Some(mark) = self.marks.get_mut(at.0 as usize) else { continue };
            if *mark & bit != 0 {
                continue;
            }
            if *mark == 0 {
                touched.push(at);
            }
            *mark |= bit;
            open.extend(self.members(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups as `group: members`; who is under all of the lists of holders.
    fn check(groups: &[(u32, &[u32])], rights: &[&[u32]], expect: &[u32]) {
        let (mut starts, mut members) = (vec![0], Vec::new());
        for group in 0..12 {
            let of = groups.iter().filter(|(at, _)| *at == group);
            members.extend(of.flat_map(|(_, members)| members.iter().map(|&at| ObjectIx(at))));
            starts.push(u32::try_from(members.len()).unwrap());
        }
        let everybody = vec![ObjectIx(8)];
        let mut memberships = Memberships { starts, members, marks: vec![0; 12], everybody };
        let rights: Vec<Vec<ObjectIx>> =
            rights.iter().map(|right| right.iter().map(|&at| ObjectIx(at)).collect()).collect();
        let rights: Vec<&[ObjectIx]> = rights.iter().map(Vec::as_slice).collect();
        for _ in 0..2 {
            let found: Vec<u32> = memberships.of_all(&rights).iter().map(|at| at.0).collect();
            assert_eq!(found, expect);
        }
    }

    #[test]
    fn rights_come_together_through_groups() {
        // 1 holds both itself; 2 is in both groups; 3 is in one only.
        check(&[(10, &[2, 3]), (11, &[2])], &[&[1, 10], &[1, 11]], &[1, 2]);
        // A group below one holder that holds the other right: the group, not each member.
        check(&[(10, &[9]), (9, &[1, 2, 3])], &[&[10], &[9]], &[9]);
        // A circle of groups below both.
        check(&[(10, &[5]), (11, &[6]), (5, &[6]), (6, &[5, 1])], &[&[10], &[11]], &[5, 6]);
        check(&[(10, &[1]), (11, &[2])], &[&[10], &[11]], &[]);
        check(&[(10, &[1])], &[&[10], &[]], &[]);
        // A right of everybody leaves the other's holders as they are.
        check(&[(10, &[1])], &[&[10], &[8, 3]], &[10]);
        check(&[(10, &[1])], &[&[8], &[8]], &[8]);
    }
}
