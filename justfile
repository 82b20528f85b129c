# What people run, by name. `just` lists it; `.ci/run` is the whole gate.

_default:
    @just --list

# Formatting, lints and documentation, as the gate checks them
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- --deny warnings
    RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --locked --quiet

# Every test that needs Rust only
test *arguments:
    cargo test --workspace --locked {{ arguments }}

# Rewrite generated tables, invariants and other expected texts
update:
    UPDATE_EXPECT=1 cargo test --workspace --locked --no-fail-fast

# The README's example: one event, and what happened
demo:
    cargo run -- invoke disconnect-source-server events/disconnect-source-server/decommission-requested.json

# Deterministic simulation testing, so many seeds of each function in virtual time
simulate seeds="10000":
    cargo run --profile simulation --package simulation -- --seeds {{ seeds }}

# Plant each bug of bugs/README.md in a copy, and say which tests notice it; hours, and resumable
bugs *arguments:
    cargo run --package bugs -- {{ arguments }}

# Instructions, calls and bytes of an event, against what was recorded; --record writes them anew
counts *arguments:
    benches/counts/run {{ arguments }}

# The functions beside the same jobs in Python, Node and without an SDK; about fifteen minutes
bench *arguments:
    benches/run {{ arguments }}

# Fuzz each target for so many seconds; needs a nightly compiler with cargo-fuzz
fuzz seconds="60":
    fuzz/run {{ seconds }}

# Use the console in a browser, with screenshots in a folder if one is named; needs Node.js and Chromium
console pictures="":
    cargo build
    npm ci --prefix tests/console --no-audit --no-fund --loglevel=error
    node tests/console/check.mjs "${CARGO_TARGET_DIR:-target}/debug/drover" . {{ pictures }}

# Deploy the template on this machine and prove the whole way of an event
e2e *arguments:
    tests/end_to_end/run {{ arguments }}

# Prove the same, and take the picture of the dashboard afterwards; needs Chromium
dashboard picture="docs/dashboard.png" *arguments:
    tests/end_to_end/run --dashboard {{ picture }} {{ arguments }}

# Run the commands of docs/operations.md against the template deployed on this machine
guide *arguments:
    tests/end_to_end/run --guide {{ arguments }}

# Deploy into a sandbox account, prove what happens there, ask what only AWS can tell, remove everything; --help for more
acceptance *arguments:
    tests/acceptance/run {{ arguments }}

# The whole gate
gate:
    .ci/run

# A release of this checkout into dist/: functions, command, templates, SBOMs, notes and checksums
release *arguments:
    release/run {{ arguments }}

# One archive for this machine, with the command and all functions, which runs from any folder
dist:
    cargo build --release --locked --package disconnect-source-server
    cargo build --release --locked --package bootstrap-efs-replication
    cargo build --release --locked --package audit-source-servers
    cargo build --release --locked --package audit-file-systems
    cargo build --release --locked --package cli
    tests/dist/pack "${CARGO_TARGET_DIR:-target}/release" dist
