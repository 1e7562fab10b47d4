# `make demo` runs the main job, `make test` every test that needs no outside system.
# Both install what they need: a C++ compiler chain for the MILP solver.

SHELL := /bin/bash
CARGO ?= cargo
NEED := cmake clang zstd

SEEDS ?= 1000
BUG_SEEDS ?= 150

.PHONY: demo test sim sim-bugs bench check setup install

demo: setup
	@$(CARGO) build --quiet --release -p cordon
	@target/release/cordon demo

test: setup
	@bash .ci/test

# The executor and its ledger in a simulated world: more seeds than `make test` runs.
sim: setup
	SEEDS=$(SEEDS) $(CARGO) test -p cordon-execute --release --test sim --locked

# Plants bugs into a copy of the executor, one at a time; the simulation must find each.
sim-bugs: setup
	@python3 crates/execute/tests/bugs.py $(BUG_SEEDS)

# How fast estates of several sizes are planned, the small ones beside a general solver.
bench: setup
	@$(CARGO) build --quiet --release -p cordon
	@target/release/cordon bench plan --shape all --nodes 1k,10k --peers
	@target/release/cordon bench plan --nodes 100k,1M

# Formatting, lints and documentation, as a change should pass them.
check: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet

install: setup
	$(CARGO) install --locked --path crates/cordon

# Installs the Debian packages that the build needs and this machine lacks.
setup:
	@missing=""; for p in $(NEED); do \
	  dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	dpkg -s libclang-dev >/dev/null 2>&1 || missing="$$missing libclang-dev"; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing:$$missing"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	  else echo "missing Debian packages:$$missing (install them as root with apt-get)" >&2; exit 1; fi; fi
