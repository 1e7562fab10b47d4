# `make demo` runs the main job, `make test` every test that needs no outside system.
# Both install what they need: a C++ compiler chain for the MILP solver.

SHELL := /bin/bash
CARGO ?= cargo
NEED := cmake clang zstd
# The real systems that `make test-real` starts, each on loopback or in a network namespace.
REAL := samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind krb5-user \
  ldap-utils slapd nftables conntrack iproute2 openssh-server openssh-client postgresql-15 \
  postgresql-15-pgaudit libvirt-daemon libvirt-daemon-system libvirt-clients libvirt-daemon-driver-qemu \
  qemu-system-x86 curl openssl procps python3 python3-venv
# How many times `make test-kill` kills.
KILLS ?= 500

# How many seeds `make sim` runs, and `make sim-bugs` for each planted bug.
SEEDS ?= 1000
BUG_SEEDS ?= 150

.PHONY: demo test sim sim-bugs test-real test-kill bench check setup setup-real install

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

# Raises and lifts through real systems that the tests start by themselves, as root.
test-real: setup setup-real
	@bash .ci/test real

# kill -9 at random moments of raising and lifting over real systems, and then everything as before.
test-kill: setup setup-real
	KILLS=$(KILLS) $(CARGO) test --locked --workspace --features cordon/real,cordon-connectors/real --test kill -- --nocapture

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

# Installs the outside systems that can be had; what cannot is skipped by its tests, which say so.
setup-real:
	@missing=""; for p in $(REAL); do \
	  dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing:$$missing"; apt-get update -qq; \
	    for p in $$missing; do \
	      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$p >/dev/null 2>&1 \
	        || echo "not to be had: $$p" >&2; done; \
	  else echo "missing Debian packages:$$missing (install them as root with apt-get)" >&2; fi; fi
