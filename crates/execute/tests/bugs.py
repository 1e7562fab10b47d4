#!/usr/bin/env python3
"""Plants the bugs of bugs.toml, one at a time, into a copy of the workspace; the simulation must find each.

`bugs.py [SEEDS] [WORDS]`: so many seeds for each bug (default 150), only bugs whose description holds WORDS.
The unchanged copy must pass. One target folder serves all, so that each bug costs one crate's rebuild.
"""
import os, re, shutil, subprocess, sys, tomllib
from pathlib import Path

here = Path(__file__).resolve().parent
root = here.parents[2]
seeds = sys.argv[1] if len(sys.argv) > 1 else "150"
words = sys.argv[2] if len(sys.argv) > 2 else ""
# Never the workspace's own target folder: cargo would take a planted bug's library for the real one.
copy = Path(os.environ.get("CARGO_TARGET_DIR", root / "target")).resolve() / "bugs"
target = copy.with_name("bugs-target")
environment = dict(os.environ, CARGO_TARGET_DIR=str(target), SEEDS=seeds, RUST_BACKTRACE="0", SEED="0")


def simulate():
    """Runs the simulation; whether it built, whether it passed, and the first complaint."""
    test = ["cargo", "test", "--quiet", "--locked", "-p", "cordon-execute", "--test", "sim"]
    built = subprocess.run(test + ["--no-run"], cwd=copy, env=environment, capture_output=True, text=True)
    if built.returncode:
        sys.exit(f"a planted bug does not compile:\n{built.stderr[-3000:]}")
    try:
        ran = subprocess.run(test, cwd=copy, env=environment, capture_output=True, text=True, timeout=900)
    except subprocess.TimeoutExpired:
        return False, "it goes on for ever"
    said = re.search(r"panicked at [^\n]*\n([^\n]*)", ran.stdout + ran.stderr)
    return ran.returncode == 0, said.group(1)[:110] if said else ""


shutil.rmtree(copy, ignore_errors=True)
skip = shutil.ignore_patterns("target", ".git", "bugs", "bugs-target")
shutil.copytree(root, copy, ignore=skip)
missed = []
if not words:
    passed, said = simulate()
    if not passed:
        sys.exit(f"the simulation fails without any bug: {said}")
    print("without a bug: passes", flush=True)
bugs = [bug for bug in tomllib.loads((here / "bugs.toml").read_text())["bug"] if words in bug["what"]]
for bug in bugs:
    file = copy / "crates/execute" / bug["file"]
    sound = file.read_text()
    if sound.count(bug["find"]) != 1:
        sys.exit(f"`{bug['what']}`: its text stands {sound.count(bug['find'])} times in {bug['file']}")
    file.write_text(sound.replace(bug["find"], bug["replace"]))
    passed, said = simulate()
    file.write_text(sound)
    print(f"{'MISSED' if passed else 'caught'}: {bug['what']}" + ("" if passed else f" ({said})"), flush=True)
    if passed:
        missed.append(bug["what"])
print(f"{len(bugs) - len(missed)} of {len(bugs)} planted bugs are caught")
sys.exit(bool(missed))
