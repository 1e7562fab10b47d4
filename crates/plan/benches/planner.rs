//! How long the layout of an estate and a cold plan take.
//!
//! Small sizes, for a look before and after a change; `cordon bench plan` does the large ones.

#![expect(clippy::unwrap_used, reason = "a benchmark of a broken estate may end at once")]

use std::hint::black_box;

use cordon_estate::synthetic::{Shape, generate};
use cordon_model::plan::AlternativeName;
use cordon_plan::{Foothold, Planner, Request};
use criterion::{BatchSize, Criterion};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for nodes in [1_000, 10_000] {
        plans(&mut criterion, nodes);
    }
    criterion.final_summary();
}

fn plans(criterion: &mut Criterion, nodes: u32) {
    let made = generate(Shape::Dense, 1, nodes, 10).unwrap();
    let mut group = criterion.benchmark_group(format!("dense {nodes}"));
    group.sample_size(10);
    group.bench_function("layout", |bench| bench.iter(|| Planner::new(black_box(&made.estate))));
    for (name, entrenched) in [("near", false), ("entrenched", true)] {
        let ids = made.footholds.iter().filter_map(|id| made.estate.find(id.as_str()));
        let footholds = ids.map(|node| Foothold { entrenched, ..Foothold::certain(node) });
        let request = Request::new(footholds.collect());
        group.bench_function(format!("cold plan, {name}"), |bench| {
            bench.iter_batched_ref(
                || Planner::new(&made.estate),
                |planner| planner.alternative(&request, AlternativeName::Balanced),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}
