//! The command line as scripts see it: what is printed, where, and with which exit code.
//!
//! The cases are in `tests/cli/*.trycmd`. `TRYCMD=overwrite cargo test --test cli` rewrites what they expect; read the
//! difference before you commit it.

/// Every case, on a small catalogue of its own, so that a new requirement changes none of them.
#[test]
fn commands_print_and_exit_as_documented() {
    trycmd::TestCases::new()
        .env("STEADFAST_SPECS", "tests/cli/catalogue/specs")
        .env("STEADFAST_MANIFESTS", "tests/cli/catalogue/manifests")
        .case("tests/cli/*.trycmd");
}
