//! Listens for changes of accounts, by the notifications of Active Directory.
//!
//! Has a connection and a thread of its own. After a break it connects again
//! and names every node, because nobody knows what happened in between.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cordon_model::NodeId;
use cordon_model::action::{Trouble, TroubleKind};
use ldap3::controls::RawControl;
use ldap3::{Ldap, Scope};
use tokio::sync::oneshot;

use super::entry::Entry;
use super::resolve::{Found, resolve};
use super::settings::{Dialect, Place};
use super::wire::Wire;
use crate::{Listening, Told};

/// The control that keeps a search open and sends every change (MS-ADTS 3.1.1.3.4.1.9).
const NOTIFICATION: &str = "1.2.840.113556.1.4.528";
/// Time to connect and to ask.
const WITHIN: Duration = Duration::from_secs(10);
/// Waits before connecting again, then [`LASTING`] over and over.
const WAITS: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];
/// A connection that held for longer was a good one: the waits begin anew.
const LASTING: Duration = Duration::from_mins(1);

pub(super) fn listen(
    place: &Place,
    wire: &mut Wire,
    nodes: &[NodeId],
    told: Told,
) -> Result<Option<Listening>, Trouble> {
    if place.dialect != Dialect::ActiveDirectory {
        return Ok(None);
    }
    let end = Instant::now() + WITHIN;
    let ours = |node: &&NodeId| place.node_kinds.iter().any(|kind| kind == node.kind());
    let nodes: Vec<NodeId> = nodes.iter().filter(ours).cloned().collect();
    let found = resolve(place, wire, &nodes, &[], end)?;
    let watched = Watched::new(&nodes, &found);
    let error = |error: std::io::Error| Trouble::new(TroubleKind::Unreachable, error.to_string());
    let mut own = Wire::new(wire.access().clone()).map_err(error)?;
    own.connect(end)?;
    let (stop, stopped) = oneshot::channel();
    let base = place.base_text.clone();
    std::thread::Builder::new()
        .name("directory changes".to_owned())
        .spawn(move || follow(own, &base, &nodes, &watched, &told, stopped))
        .map_err(error)?;
    Ok(Some(Box::new(Stop(Some(stop)))))
}

/// Ends the thread when it is dropped.
struct Stop(Option<oneshot::Sender<()>>);

impl Drop for Stop {
    fn drop(&mut self) {
        if let Some(stop) = self.0.take() {
            // An error means that the thread has ended already.
            let _ended = stop.send(());
        }
    }
}

/// The nodes by what notifications name: the object's identifier and its name.
struct Watched {
    by_guid: HashMap<Vec<u8>, NodeId>,
    by_dn: HashMap<String, NodeId>,
}

impl Watched {
    fn new(nodes: &[NodeId], found: &[Found]) -> Self {
        let (mut by_guid, mut by_dn) = (HashMap::new(), HashMap::new());
        for (node, found) in nodes.iter().zip(found) {
            if let Found::One(entry) = found {
                by_dn.insert(entry.dn.to_lowercase(), node.clone());
                if let Some(guid) = entry.values("objectGUID").first() {
                    by_guid.insert(guid.clone(), node.clone());
                }
            }
        }
        Self { by_guid, by_dn }
    }

    /// The nodes that a changed object is about: itself, or its members if it is a group.
    fn of<'a>(&'a self, entry: &'a Entry) -> impl Iterator<Item = &'a NodeId> {
        let guid = entry.values("objectGUID").first();
        let itself = guid.and_then(|guid| self.by_guid.get(guid));
        let members = entry.ranged("member").filter_map(|dn| self.by_dn.get(&dn.to_lowercase()));
        itself.into_iter().chain(members)
    }
}

fn follow(
    mut wire: Wire,
    base: &str,
    nodes: &[NodeId],
    watched: &Watched,
    told: &Told,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut waits = WAITS.iter();
    // Whoever asked to listen looks for themselves at first.
    let mut missed: &[NodeId] = &[];
    loop {
        let since = Instant::now();
        if let Some(ldap) = wire.ldap() {
            let begun = || missed.iter().for_each(told);
            let heard = |entry: &Entry| watched.of(entry).for_each(told);
            if wire.until(&mut stopped, changes(ldap, base, begun, heard)).is_none() {
                return;
            }
            missed = nodes;
        }
        wire.give_up();
        if since.elapsed() > LASTING {
            waits = WAITS.iter();
        }
        let wait = waits.next().copied().unwrap_or(LASTING);
        if wire.until(&mut stopped, tokio::time::sleep(wait)).is_none() {
            return;
        }
        // Without a connection the next round only waits.
        drop(wire.connect(Instant::now() + WITHIN));
    }
}

/// Hears of changes until the connection ends; says when it begins.
async fn changes(mut ldap: Ldap, base: &str, begun: impl FnOnce(), heard: impl Fn(&Entry)) {
    let control = RawControl { ctype: NOTIFICATION.to_owned(), crit: true, val: None };
    let attributes = vec!["objectGUID", "member"];
    let search = ldap
        .with_controls(control)
        .streaming_search(base, Scope::Subtree, "(objectClass=*)", attributes)
        .await;
    let Ok(mut search) = search else { return };
    begun();
    while let Ok(Some(entry)) = search.next().await {
        if let Some(entry) = Entry::parse(entry.0) {
            heard(&entry);
        }
    }
}
