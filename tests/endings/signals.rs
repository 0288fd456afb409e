//! Signals, closed pipes and terminals that are gone: each run cleans up, has its documented exit code, and leaves nothing
//! green.

use std::{
    fs::OpenOptions,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::steadfast::{
    PROGRAM, Served, assert_red, code, configure, is_green, stderr, steadfast, wait_until_said,
};

pub(crate) fn signal(process: &Child, name: &str) {
    signal_to(process.id(), name);
}

fn signal_to(process: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().unwrap();
    assert!(status.success(), "kill -{name} {process}");
}

/// What is still in the cluster, as `cleanup` sees it.
fn left_in(served: &Served) -> String {
    let mut look = steadfast(&["cleanup", "--dry-run", "--include-live", "--kubeconfig"]);
    let output = look.arg(served.kubeconfig()).output().unwrap();
    assert_eq!(code(&output), 0, "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn assert_nothing_left(served: &Served) {
    let left = left_in(served);
    assert!(left.starts_with("there is nothing"), "{left}");
}

/// The rest of what a process says, and how it ends.
fn ends(mut process: Child, said: std::io::BufReader<std::process::ChildStderr>) -> std::process::Output {
    process.stderr = Some(said.into_inner());
    process.wait_with_output().unwrap()
}

#[test]
fn each_signal_cleans_up_and_has_its_code() {
    let served = Served::start();
    for (name, expected) in [("INT", 130), ("TERM", 143), ("HUP", 129), ("PIPE", 141)] {
        let folder = tempfile::tempdir().unwrap();
        let mut process = served.run(folder.path(), &[]);
        let said = wait_until_said(&mut process, "begins    first-start");
        signal(&process, name);
        let output = ends(process, said);
        assert_eq!(code(&output), expected, "SIG{name}: {output:?}");
        assert_red(folder.path(), "stopped");
        let replayed = steadfast(&["replay", folder.path().to_str().unwrap(), "-q"]).output().unwrap();
        assert_eq!(code(&replayed), expected, "the replay of SIG{name}: {replayed:?}");
        assert_nothing_left(&served);
    }
}

#[test]
fn a_second_signal_leaves_at_once_and_cleanup_finds_what_is_left() {
    let (served, folder) = (Served::start(), tempfile::tempdir().unwrap());
    let mut process = served.run(folder.path(), &[]);
    let _said = wait_until_said(&mut process, "begins    first-start");
    signal(&process, "INT");
    signal(&process, "TERM");
    let status = process.wait().unwrap();
    assert!([Some(130), Some(143)].contains(&status.code()), "{status}");
    assert_red(folder.path(), "unfinished");
    let mut cleanup = steadfast(&["cleanup", "--include-live", "--kubeconfig"]);
    let output = cleanup.arg(served.kubeconfig()).output().unwrap();
    assert_eq!(code(&output), 0, "{output:?}");
    assert_nothing_left(&served);
}

#[test]
fn a_run_that_is_killed_is_left_alone_until_it_is_known_to_be_dead() {
    let (served, folder) = (Served::start(), tempfile::tempdir().unwrap());
    let mut process = served.run(folder.path(), &[]);
    let _said = wait_until_said(&mut process, "begins    first-start");
    process.kill().unwrap();
    process.wait().unwrap();
    let cleanup = |more: &[&str]| {
        let mut cleanup = steadfast(&["cleanup", "--kubeconfig"]);
        cleanup.arg(served.kubeconfig()).args(more).output().unwrap()
    };
    let first = cleanup(&[]);
    let said = String::from_utf8_lossy(&first.stdout).into_owned();
    assert_eq!(code(&first), 0, "{first:?}");
    assert!(
        said.contains("left alone, because their runs are at work") && said.contains("process "),
        "{said}"
    );
    let all = cleanup(&["--include-live"]);
    assert!(String::from_utf8_lossy(&all.stdout).contains("deleted, and gone"), "{all:?}");
    assert_nothing_left(&served);
}

#[test]
fn three_runs_and_clean_ups_side_by_side_all_pass() {
    let (served, root) = (Served::start(), tempfile::tempdir().unwrap());
    let folders = [0, 1, 2].map(|number| root.path().join(number.to_string()));
    // With one seed, so that they would have the same names if names were the seed's alone.
    let runs: Vec<Child> = folders.iter().map(|folder| served.run(folder, &["--seed", "7"])).collect();
    let mut seen_alive = 0;
    for _ in 0..4 {
        let output = steadfast(&["cleanup", "--kubeconfig"]).arg(served.kubeconfig()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            code(&output) == 0 && said.starts_with("there is nothing that a dead run has left"),
            "{output:?}"
        );
        seen_alive += said.matches("last heard of at").count();
    }
    assert!(seen_alive > 0, "the clean-ups came while runs were at work");
    for (run, folder) in runs.into_iter().zip(&folders) {
        assert_eq!(code(&run.wait_with_output().unwrap()), 0);
        assert!(is_green(&folder.join("junit.xml")));
    }
    assert_nothing_left(&served);
}

#[test]
fn a_hang_up_that_is_ignored_on_purpose_stops_nothing() {
    let (served, folder) = (Served::start(), tempfile::tempdir().unwrap());
    let script = format!(
        "trap '' HUP; exec '{PROGRAM}' --select ordered-creation --kubeconfig '{}' --out '{}'",
        served.kubeconfig().display(),
        folder.path().display()
    );
    let mut command = Command::new("bash");
    configure(&mut command);
    command.args(["-c", &script]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let said = wait_until_said(&mut process, "begins    first-start");
    signal(&process, "HUP");
    let output = ends(process, said);
    assert_eq!(code(&output), 0, "{output:?}");
    assert!(is_green(&folder.path().join("junit.xml")));
}

#[test]
fn progress_that_nobody_reads_any_more_ends_the_run_with_141() {
    let (served, folder) = (Served::start(), tempfile::tempdir().unwrap());
    let mut process = served.run(folder.path(), &[]);
    drop(wait_until_said(&mut process, "begins    preflight")); // `2>&1 | head -3`
    let status = process.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(141), None), "{status}");
    assert_red(folder.path(), "pipe");
    assert_nothing_left(&served);
}

#[test]
fn ctrl_c_on_a_pipeline_is_an_interrupt_and_no_closed_pipe() {
    let (served, folder) = (Served::start(), tempfile::tempdir().unwrap());
    let mut process = served.run(folder.path(), &[]);
    // The terminal's Ctrl-C goes to both ends of `2>&1 | tee log`, and the other end may be gone first.
    drop(wait_until_said(&mut process, "begins    first-start"));
    signal(&process, "INT");
    let status = process.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(130), None), "{status}");
    assert_red(folder.path(), "stopped");
    assert_nothing_left(&served);
}

#[test]
fn standard_error_that_is_full_or_closed_changes_no_verdict() {
    let (served, root) = (Served::start(), tempfile::tempdir().unwrap());
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    for (name, redirection) in [("full", ""), ("closed", "2>&-")] {
        let out = root.path().join(name);
        let script = format!(
            "exec '{PROGRAM}' --select ordered-creation --kubeconfig '{}' --out '{}' {redirection}",
            served.kubeconfig().display(),
            out.display()
        );
        let mut command = Command::new("bash");
        configure(&mut command);
        let output = command.args(["-c", &script]).stderr(full()).output().unwrap();
        assert_eq!(code(&output), 0, "{name}: {output:?}");
        assert!(is_green(&out.join("junit.xml")), "{name}");
    }
    assert_nothing_left(&served);
}

/// A way to a server over which nothing comes any more once it is told so. Connections stay open.
struct Gate {
    address: SocketAddr,
    silent: Arc<AtomicBool>,
}

impl Gate {
    fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, silent) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let told = silent.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(server) else { return };
                for (from, to) in
                    [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
                {
                    let told = told.clone();
                    thread::spawn(move || forward(from, to, &told));
                }
            }
        });
        Self { address, silent }
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, silent: &AtomicBool) {
    let mut buffer = [0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        while silent.load(Ordering::Relaxed) {
            thread::park();
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}

fn kubeconfig_of(gate: &Gate, folder: &Path) -> std::path::PathBuf {
    let path = folder.join("kubeconfig");
    std::fs::write(&path, ::steadfast::embedded::kubeconfig(gate.address)).unwrap();
    path
}

#[test]
fn a_signal_is_obeyed_within_its_bound_though_the_server_has_fallen_silent() {
    let (served, folder) = (Served::start(), tempfile::tempdir().unwrap());
    let text = std::fs::read_to_string(served.kubeconfig()).unwrap();
    let server = text.split("http://").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
    let gate = Gate::before(server);
    let out = folder.path().join("out");
    let mut command = steadfast(&["run", "--select", "ordered-creation", "--timeout-scale", "0.2", "--out"]);
    command.arg(&out).arg("--kubeconfig").arg(kubeconfig_of(&gate, folder.path()));
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let said = wait_until_said(&mut process, "begins    first-start");
    gate.silent.store(true, Ordering::Relaxed);
    let began = Instant::now();
    signal(&process, "INT");
    let output = ends(process, said);
    // A fifth of the 20 s that a clean-up has after a signal, and of what comes before it.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(code(&output), 130, "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("left in the cluster") && said.contains("known"), "{said}");
    assert_red(&out, "stopped");
    assert!(stderr(&output).contains("stopping: cleaning up"), "{output:?}");
}

#[test]
fn a_signal_is_obeyed_before_there_is_an_answer_and_so_is_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, ::steadfast::embedded::kubeconfig(silent.local_addr().unwrap())).unwrap();
    let start = |out: &Path, more: &[&str]| {
        let mut command = steadfast(&["run", "--out"]);
        command.arg(out).arg("--kubeconfig").arg(&kubeconfig).args(more);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let (stopped, over) = (folder.path().join("stopped"), folder.path().join("over"));
    let process = start(&stopped, &[]);
    let (_connection, _) = silent.accept().unwrap();
    let began = Instant::now();
    signal(&process, "TERM");
    let output = process.wait_with_output().unwrap();
    assert_eq!(code(&output), 143, "{output:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_red(&stopped, "stopped");
    let began = Instant::now();
    let output = start(&over, &["--deadline-secs", "4"]).wait_with_output().unwrap();
    assert_eq!(code(&output), 3, "{output:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_red(&over, "(--deadline-secs)");
}
