//! What the ledger means and what to do next. Decides, does not act.
//!
//! A reconciler: what is wanted comes from the ledger's records, what is there
//! from looks at the outside systems, the next steps from [`next()`], a pure
//! function of both and of "now". There is no other memory, so starting again
//! after a crash is: fold the ledger, ask `next`, go on. The program runs
//! [`Reconciler::round`] with its own ledger, connectors and clock; the tests
//! run the same function with theirs and stop it at every write and call.
//! This crate does no I/O and has no clock. Start at [`state`] for what a
//! withdrawal can be, at [`next`](mod@next) for what is done about it.

pub mod approval;
pub mod guard;
pub mod leak;
pub mod limits;
pub mod next;
pub mod observation;
pub mod orders;
pub mod reconcile;
pub mod stage;
pub mod state;
#[cfg(test)]
mod tests;

pub use approval::{Approval, approval};
pub use guard::{Guard, guard};
pub use leak::Leak;
pub use limits::Limits;
pub use next::{Agenda, Setting, Step, next};
pub use observation::Observations;
pub use reconcile::{Heard, Progress, Reconciler, World};
pub use stage::Stage;
pub use state::{Standing, State};
