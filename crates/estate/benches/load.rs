//! How long it takes to read an estate of CSV tables, and to generate one.

#![expect(clippy::unwrap_used, reason = "a benchmark of a broken estate may end at once")]

use std::hint::black_box;

use cordon_estate::synthetic::{Shape, generate};
use cordon_estate::{Config, parse_files, to_files};
use criterion::{Criterion, Throughput};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let files =
        to_files(&generate(Shape::Dense, 1, 10_000, 10).unwrap().estate, &Config::default());
    let bytes: usize = files.values().map(String::len).sum();
    let mut group = criterion.benchmark_group("dense 10000");
    group.sample_size(10);
    group.bench_function("generate", |bench| {
        bench.iter(|| generate(black_box(Shape::Dense), 1, 10_000, 10));
    });
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("read CSV", |bench| bench.iter(|| parse_files(black_box(&files))));
    group.finish();
    criterion.final_summary();
}
