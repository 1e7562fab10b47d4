//! Tests of the planner as a whole: known optima, and trying all subsets.

mod blame;
mod bound;
mod exhaustive;
mod incremental;
mod instances;
mod monolith;
mod random;
mod slow;
mod timing;
