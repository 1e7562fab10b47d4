//! Tests of the planner as a whole: known optima, and trying all subsets.

mod bound;
mod exhaustive;
mod instances;
mod monolith;
mod random;
mod slow;
mod timing;
