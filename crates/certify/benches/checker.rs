//! How long the checker takes over a plan that cuts near the assets.

#![expect(clippy::unwrap_used, reason = "a benchmark of a broken estate may end at once")]

use std::hint::black_box;

use cordon_certify::{Context, check_json};
use cordon_estate::synthetic::{Shape, generate};
use cordon_plan::{Foothold, Planner, Request};
use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("check");
    for nodes in [1_000, 10_000] {
        let made = generate(Shape::Dense, 1, nodes, 10).unwrap();
        let estate = &made.estate;
        let ids = made.footholds.iter().filter_map(|id| estate.find(id.as_str()));
        let footholds = ids.map(|node| Foothold { entrenched: true, ..Foothold::certain(node) });
        let plan = Planner::new(estate).plan(&Request::new(footholds.collect()));
        let text = serde_json::to_string(&plan).unwrap();
        assert!(check_json(estate, &text, &Context::default()).accepted);
        group.bench_function(format!("dense {nodes}, entrenched"), |bench| {
            bench.iter(|| check_json(estate, black_box(&text), &Context::default()));
        });
    }
    group.finish();
    criterion.final_summary();
}
