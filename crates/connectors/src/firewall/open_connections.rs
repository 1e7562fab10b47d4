//! Ending what is open: the kernel forgets the connections of a target, and resets them for a while.

use std::time::Instant;

use cordon_model::action::{Access, Answer, Json, Observed, Outcome, Trouble, TroubleKind};

use super::tracked::{self, Connection};
use super::{Firewall, Resolved, Table, denied, failed, unknown};

/// How long a packet of an ended connection is answered with a reset. Both sides send again
/// within it, for a cut packet is repeated after parts of a second, then twice as late each time.
const RESET_SECONDS: u64 = 60;

impl Firewall {
    /// Reads every tracked connection.
    pub(super) fn connections(&self, by: Instant) -> Result<Vec<Connection>, Trouble> {
        let listing = self.conntrack(&["-L", "-o", "extended"], "", by)?;
        Ok(tracked::read(&listing))
    }

    fn conntrack(&self, args: &[&str], input: &str, by: Instant) -> Result<String, Trouble> {
        let argv: Vec<&str> = std::iter::once("conntrack").chain(args.iter().copied()).collect();
        let ran = self.way.run(&argv, input, by.saturating_duration_since(Instant::now()))?;
        if let Some(trouble) = denied(&ran, &self.way.place()) {
            return Err(trouble);
        }
        if ran.is_ok() {
            return Ok(ran.stdout);
        }
        let why = format!(
            "the connections on {} cannot be read or ended: {}",
            self.way.place(),
            ran.complaint()
        );
        Err(Trouble::new(TroubleKind::Unknown, why))
    }

    pub(super) fn look_at_connections(
        &self,
        resolved: &[Resolved<'_>],
        by: Instant,
    ) -> Result<Vec<Observed>, Trouble> {
        let all = self.connections(by)?;
        let look = |(node, elements): &Resolved<'_>| {
            let Ok(elements) = elements else { return unknown(node) };
            let of = |connection: &&Connection| elements.iter().any(|e| connection.is_of(e));
            let open = u32::try_from(all.iter().filter(of).count()).unwrap_or(u32::MAX);
            Observed {
                target: (*node).clone(),
                access: if open > 0 { Access::Open } else { Access::Refused },
                owner: None,
                state: Json::Null,
                open,
                residual_seconds: None,
            }
        };
        Ok(resolved.iter().map(look).collect())
    }

    pub(super) fn end_connections(
        &mut self,
        resolved: &[Resolved<'_>],
        by: Instant,
    ) -> Result<Vec<Outcome>, Trouble> {
        let all = self.connections(by)?;
        let found: Vec<Vec<&Connection>> = resolved.iter().map(|one| of(one, &all)).collect();
        let mut open: Vec<&Connection> = found.iter().flatten().copied().collect();
        open.dedup();
        if !open.is_empty() {
            self.reset(&open, by)?;
            let lines: String = open.iter().map(|connection| connection.forget()).collect();
            self.conntrack(&["-R", "-"], &lines, by)?;
        }
        let outcomes =
            resolved.iter().zip(&found).map(|((node, elements), found)| match elements {
                Err(trouble) => failed(node, trouble.clone()),
                Ok(_) if found.is_empty() => {
                    Outcome { target: (*node).clone(), answer: Answer::AlreadySo { by: None } }
                }
                Ok(_) => Outcome { target: (*node).clone(), answer: Answer::Done },
            });
        Ok(outcomes.collect())
    }

    /// The lines that would make the kernel forget what is open.
    pub(super) fn rehearse_end(
        &self,
        resolved: &[Resolved<'_>],
        by: Instant,
    ) -> Result<Vec<String>, Trouble> {
        let all = self.connections(by)?;
        let open = resolved.iter().flat_map(|one| of(one, &all));
        Ok(open.map(|connection| format!("conntrack {}", connection.forget().trim_end())).collect())
    }

    fn reset(&mut self, open: &[&Connection], by: Instant) -> Result<(), Trouble> {
        self.transact(by, Table::Made, |firewall, _| {
            let commands = ["ended4", "ended6"].into_iter().filter_map(|set| {
                let of_set = open.iter().filter_map(|c| c.reset()).filter(|(name, _)| *name == set);
                let mut tuples: Vec<Json> = of_set.map(|(_, tuple)| tuple).collect();
                tuples.sort_by_key(Json::to_string);
                tuples.dedup();
                (!tuples.is_empty()).then(|| firewall.rules.reset(set, &tuples, RESET_SECONDS))
            });
            (commands.collect(), Vec::new())
        })
        .map(drop)
    }
}

/// The open connections of a target.
fn of<'a>((_, elements): &Resolved<'_>, all: &'a [Connection]) -> Vec<&'a Connection> {
    let elements = elements.as_deref().unwrap_or_default();
    all.iter().filter(|c| elements.iter().any(|e| c.is_of(e))).collect()
}
