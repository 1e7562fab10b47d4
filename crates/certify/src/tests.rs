//! The checker against honest plans of another tool, and against every change of them.
//!
//! That tool is [`planner`]: it tries all subsets of withdrawals, leaning on
//! `model::reach` and `model::outage`, and proves bounds with [`dual`], which
//! knows the rows of a certificate by their definition alone.

mod changes;
mod codes;
mod dual;
mod fixture;
mod honest;
mod mutate;
mod planned;
mod planner;
mod settled;
