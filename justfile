# The chores. `just` lists them; CI runs the same ones through .ci/run.

# Lists the chores
default:
    @just --list

# Everything that needs no cluster, in the order in which it fails soonest
check: fmt-check clippy test

# Formats
fmt:
    cargo fmt --all

# Complains about formatting
fmt-check:
    cargo fmt --all --check

# Lints; a warning is an error
clippy:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# All tests that need no cluster, even where KUBECONFIG is set
test *args:
    env -u KUBECONFIG cargo test --workspace {{args}}

# Rewrites what tests/cli/*.trycmd expect; read the difference
test-cli-accept:
    env -u KUBECONFIG TRYCMD=overwrite cargo test --test cli

# The main job, on the cluster in KUBECONFIG
run *args:
    cargo run --release -- {{args}}

# The main job on the model cluster in the binary
embedded *args:
    cargo run --release -- --embedded {{args}}

# Proves that every check can fail
selftest *args:
    cargo run --release -- selftest {{args}}

# Each requirement as a test of the cluster in KUBECONFIG
conformance *args:
    cargo test --release --test conformance -- {{args}}

# Tries 150 ways to connect, with this kubectl beside; prints what each makes of them
connect kubectl="kubectl":
    KUBECTL=$(command -v {{kubectl}}) cargo test --test connect -- --nocapture table

# Compares the cluster in KUBECONFIG, and the records of others, with the model
parity *args:
    cargo test --release --test parity -- {{args}}

# Keeps a run's record as it is, with its seal, for parity on every build
keep-history dir name:
    gzip --best --no-name --stdout {{dir}}/history.jsonl > tests/histories/{{name}}.jsonl.gz

# Judges a recorded run again
replay dir:
    cargo run --release -- replay {{dir}}

# Measures: how long judging takes and how much memory, and how fast the model is
bench *args:
    cargo bench --workspace --bench '*' -- {{args}}

# Changes every check and every query of a history, one at a time, and sees that a test notices; needs cargo-mutants
mutants *args:
    cargo mutants {{args}}

# Stops so many runs at seeded moments, in every way, on a served model (or INTERRUPT_KUBECONFIG)
interrupt count="200":
    INTERRUPTIONS={{count}} cargo test --test interrupt

# Tries inputs of any kind on each fuzz target, for so many seconds each; needs cargo-fuzz and a nightly toolchain
fuzz secs="180" *targets="record specs manifests junit dns":
    for target in {{targets}}; do \
        mkdir -p fuzz/corpus/$target && \
        cargo +nightly fuzz run $target fuzz/corpus/$target fuzz/seeds/$target -- \
            -max_total_time={{secs}} -timeout=10 -rss_limit_mb=2048 || exit 1; \
    done

# Licences, advisories and sources of the dependencies; needs cargo-deny
deny:
    cargo deny check

# What CI runs, real clusters included where there is a way to start them
ci:
    .ci/run
