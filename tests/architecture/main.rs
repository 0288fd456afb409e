//! The walls of the design, held by reading the sources: who may use whom, and who may touch the world.
//!
//! When a test here fails, move the code to where the wall allows it. If the wall is in the wrong place, move the wall:
//! change the table below and ARCHITECTURE.md in the same commit, and say why there.

mod sources;

use sources::{Source, sources};

/// The modules of the crate. Each may use itself and some of those above it, and nothing below it.
struct Module {
    name: &'static str,
    uses: &'static [&'static str],
    /// Touches no cluster, no file, no network, no environment and no clock.
    pure: bool,
}

const MODULES: &[Module] = &[
    Module { name: "plain", uses: &[], pure: true },
    Module { name: "limits", uses: &[], pure: true },
    Module { name: "secret", uses: &[], pure: true },
    Module { name: "history", uses: &["limits", "plain"], pure: true },
    Module { name: "views", uses: &["history", "limits"], pure: true },
    Module { name: "spec", uses: &["history", "views", "limits"], pure: true },
    Module { name: "checks", uses: &["history", "views", "limits"], pure: true },
    Module { name: "judge", uses: &["spec", "history", "views", "checks"], pure: true },
    Module { name: "generate", uses: &["history", "spec"], pure: true },
    Module { name: "plan", uses: &["spec", "limits"], pure: true },
    Module { name: "options", uses: &["limits", "secret"], pure: true },
    Module {
        name: "report",
        uses: &["limits", "plain", "history", "views", "spec", "checks", "judge", "plan", "options"],
        pure: true,
    },
    Module { name: "cluster", uses: &["limits", "secret", "history", "options"], pure: false },
    Module { name: "recorder", uses: &["limits", "history", "options", "cluster"], pure: false },
    Module {
        name: "driver",
        uses: &["limits", "history", "spec", "options", "cluster", "recorder"],
        pure: false,
    },
    Module {
        name: "run",
        uses: &[
            "limits", "plain", "history", "spec", "checks", "judge", "plan", "options", "report", "cluster",
            "recorder", "driver",
        ],
        pure: false,
    },
    Module { name: "selftest", uses: &["plain", "history", "views", "spec", "checks", "judge"], pure: true },
    Module {
        name: "embedded",
        uses: &[
            "limits", "history", "views", "spec", "checks", "judge", "generate", "plan", "options",
            "cluster", "run", "selftest",
        ],
        pure: false,
    },
    Module {
        name: "cli",
        uses: &[
            "limits", "plain", "secret", "history", "spec", "checks", "judge", "plan", "options", "report",
            "cluster", "run", "selftest", "embedded",
        ],
        pure: false,
    },
];

/// What reaches out of a process. `std::net` has plain values too (`IpAddr`), which are no harm.
const THE_WORLD: &[&str] = &[
    "tokio",
    "kube",
    "hickory_resolver",
    "rand",
    "tempfile",
    "indicatif",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::io::stdout",
    "std::io::stderr",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
    "std::time::Instant",
    "std::time::SystemTime",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
];

/// Files of pure modules that do touch the world: the file, what it may use, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("src/generate/mod.rs", "rand", "throws dice from a seed: the same seed gives the same scenario"),
    ("src/generate/draft.rs", "rand", "throws dice from a seed: the same seed gives the same scenario"),
    ("src/spec/catalogue.rs", "std::fs", "reads the folders of --specs and --manifests"),
    ("src/spec/folder.rs", "std::fs", "reads the folders of --specs and --manifests"),
    ("src/report/write.rs", "std::fs", "puts the rendered reports on disk"),
    ("src/report/write.rs", "tempfile", "replaces each report in one piece"),
    ("src/report/place.rs", "std::fs", "looks where a report's path leads"),
];

/// Crates that one place alone may know, so that they can be replaced there.
const KEPT_TO: &[(&str, &[&str])] = &[
    ("serde_yaml", &["src/spec/yaml.rs"]),
    ("serde_saphyr", &["src/cluster/kubeconfig/yaml.rs"]),
    ("rustls", &["src/cluster/transport/"]),
    ("tokio_rustls", &["src/cluster/transport/"]),
    ("rustls_native_certs", &["src/cluster/transport/"]),
    ("x509_parser", &["src/cluster/transport/"]),
    ("regex", &["src/secret.rs"]),
    ("junit_report", &["src/report/junit/"]),
    ("askama", &["src/report/", "src/selftest/"]),
    ("hickory_resolver", &["src/cluster/dns/", "src/cluster/dns.rs"]),
    ("clap", &["src/cli/"]),
    ("refcluster", &["src/embedded/", "src/embedded.rs", "src/cli/"]),
];

/// The files that read the wall clock, and what for. None of it is in a verdict: spans are of the run's monotonic clock, the
/// judge is given no time, and a host whose clock steps during a run comes to the same verdicts.
const WALL_CLOCK: &[(&str, &str)] = &[
    ("src/run/mod.rs", "when the run began, for people"),
    ("src/run/cleanup.rs", "how old a namespace and a lease are; a lease that looks old is looked at twice"),
    ("src/cluster/kubeconfig/login.rs", "whether a token that another tool has kept has expired"),
    ("src/cluster/transport/login.rs", "whether a plugin's token or certificate has expired"),
    ("src/cluster/lease.rs", "when the run's lease was renewed"),
    ("src/cli/run.rs", "the run's id"),
    ("src/cli/shared_record.rs", "the run's id"),
    ("src/cli/destination.rs", "when a report was written, for people"),
    ("src/cli/disown.rs", "when a report was written, for people"),
    ("src/embedded/serve.rs", "the model's time, for kubectl"),
];

fn module(name: &str) -> &'static Module {
    MODULES.iter().find(|module| module.name == name).unwrap_or_else(|| {
        panic!(
            "src/{name} is not in the table of modules: add it to MODULES in tests/architecture.rs with what it \
             may use, and to the code map in ARCHITECTURE.md"
        )
    })
}

/// The sources of the modules: all of `src/` but the two roots.
fn module_sources() -> impl Iterator<Item = (Source, &'static Module)> {
    let roots = ["src/lib.rs", "src/main.rs"];
    sources().into_iter().filter(move |source| !roots.contains(&source.path.as_str())).map(|source| {
        let module = module(&source.module[0]);
        (source, module)
    })
}

#[test]
fn modules_use_only_what_lies_above_them() {
    for (source, module) in module_sources() {
        for used in source.paths.iter().filter(|path| path[0] == "crate").filter_map(|path| path.get(1)) {
            let is_module = MODULES.iter().any(|known| known.name == used);
            assert!(
                !is_module || used == module.name || module.uses.contains(&used.as_str()),
                "{} uses crate::{used}, and {} may use only {}.\nMove what it needs into one of those, or hand it \
                 over as a plain value; if the wall is in the wrong place, change MODULES in \
                 tests/architecture.rs and say why in ARCHITECTURE.md",
                source.path,
                module.name,
                if module.uses.is_empty() { "itself".to_owned() } else { module.uses.join(", ") },
            );
        }
    }
}

#[test]
fn pure_modules_do_not_touch_the_world() {
    for (source, _) in module_sources().filter(|(_, module)| module.pure) {
        for path in source.paths.iter().map(|path| path.join("::")) {
            let Some(reaches) = THE_WORLD.iter().find(|world| is_within(&path, world)) else { continue };
            assert!(
                EXCEPTIONS.iter().any(|(file, what, _)| *file == source.path && what == reaches),
                "{} uses {path}, and src/{} is pure: the same input must give the same output, with no cluster.\n\
                 Take the value as an argument and let src/run or src/cli get it",
                source.path,
                source.module[0],
            );
        }
    }
}

#[test]
fn checks_are_plain_functions() {
    for (source, _) in module_sources().filter(|(_, module)| module.name == "checks") {
        assert!(
            !source.words.iter().any(|word| word == "async"),
            "{} says async: a check is a plain function from a history to findings; what it waits for belongs into \
             a scenario's steps",
            source.path
        );
    }
}

#[test]
fn crates_stay_where_they_are_kept() {
    for source in sources() {
        for (name, places) in KEPT_TO {
            let used = source.paths.iter().any(|path| path[0] == *name);
            assert!(
                !used || places.iter().any(|place| source.path.starts_with(place)),
                "{} uses {name}, which only {} may know, so that it can be replaced there.\nAdd a function there \
                 that does what is needed, in the crate's own words",
                source.path,
                places.join(", "),
            );
        }
    }
}

#[test]
fn the_wall_clock_is_read_in_few_places_and_in_no_verdict() {
    for source in sources() {
        let reads = source
            .words
            .windows(3)
            .any(|words| words == ["Timestamp", "::", "now"] || words == ["Zoned", "::", "now"])
            || source.words.iter().any(|word| word == "SystemTime");
        assert!(
            !reads || WALL_CLOCK.iter().any(|(file, _)| *file == source.path),
            "{} reads the wall clock: a host whose clock steps must not change a verdict.\nUse recorder::Clock or tokio's \
             Instant; if it is for people only, say so in WALL_CLOCK",
            source.path
        );
    }
}

#[test]
fn the_table_points_up_only() {
    for (index, module) in MODULES.iter().enumerate() {
        for used in module.uses {
            let above = MODULES[..index].iter().any(|other| other.name == *used);
            assert!(above, "{} uses {used}, which is not above it in MODULES", module.name);
        }
    }
}

fn is_within(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
