//! One run that is stopped, and what is then to be seen of it.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::served::{Cluster, steadfast};

/// What is done to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    Int,
    Term,
    Hup,
    Kill,
    /// Two signals, half a second apart at most.
    Twice,
    /// Nobody reads its progress any more.
    ClosedPipe,
}

impl Way {
    pub(crate) const ALL: [Way; 6] = [Way::Int, Way::Term, Way::Hup, Way::Kill, Way::Twice, Way::ClosedPipe];

    /// The codes that are documented for it; none for one that leaves no choice to the process.
    const fn codes(self) -> &'static [i32] {
        match self {
            Way::Int => &[130],
            Way::Term => &[143],
            Way::Hup => &[129],
            Way::Kill => &[137],
            Way::Twice => &[130, 143],
            Way::ClosedPipe => &[141],
        }
    }

    /// Whether the run is to clean up before it ends.
    const fn cleans_up(self) -> bool {
        !matches!(self, Way::Kill | Way::Twice)
    }
}

/// One run that is to be stopped.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) number: u64,
    pub(crate) way: Way,
    /// After how long it is stopped.
    pub(crate) after: Duration,
    /// After how much more the second signal comes.
    pub(crate) again: Duration,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) attempt: Attempt,
    /// The exit code as a shell has it: 128 and the signal for a process that a signal has ended.
    pub(crate) code: i32,
    /// From the interruption to the end of the process.
    pub(crate) took: Duration,
    /// The colour of each report file.
    pub(crate) colours: Vec<(&'static str, Colour)>,
    /// The namespaces of the run that were there after it.
    pub(crate) left: Vec<String>,
    /// How many of them `cleanup` removed.
    pub(crate) removed: usize,
    /// The exit code of a replay, where there is a record.
    pub(crate) replayed: Option<i32>,
}

/// What whoever looks at a report takes the run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Colour {
    Green,
    Red,
    Unfinished,
    /// It is the older run's: the process had not begun.
    Older,
    Missing,
}

const REPORTS: &[&str] = &["junit.xml", "report.html", "report.json"];

/// The longest that a run may take to end: the bound of an interrupted clean-up and as much again.
const ENDS_WITHIN: Duration = Duration::from_secs(45);

impl Attempt {
    /// Runs, stops, and looks at everything.
    pub(crate) fn run(&self, cluster: &Cluster, template: &Path, folder: PathBuf) -> Outcome {
        copy(template, &folder);
        let mut process =
            cluster.run(&folder).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut stdout = process.stdout.take().expect("a pipe");
        thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        let reading = Reading::of(&mut process);
        pause(self.after);
        let began = Instant::now();
        self.interrupt(&mut process, &reading);
        let status = wait(&mut process);
        let took = began.elapsed();
        let older = fs::read(template.join("report.json")).ok();
        let colours = REPORTS.iter().map(|report| (*report, colour(&folder, report, template))).collect();
        let has_begun = fs::read(folder.join("report.json")).ok() != older;
        let run_id = reading.run_id().or_else(|| run_id_of(&folder).filter(|_| has_begun));
        let left = run_id.as_deref().map(|id| cluster.left(Some(id))).unwrap_or_default();
        let removed = match run_id.as_deref().filter(|_| !left.is_empty()) {
            Some(id) => {
                cluster.cleanup(&["--include-live", "--run-id", id]);
                left.len() - cluster.left(Some(id)).len()
            }
            None => 0,
        };
        let replayed = has_begun.then(|| replay(&folder)).flatten();
        Outcome { attempt: self.clone(), code: code(status), took, colours, left, removed, replayed }
    }

    fn interrupt(&self, process: &mut Child, reading: &Reading) {
        match self.way {
            Way::Int => signal(process, "INT"),
            Way::Term => signal(process, "TERM"),
            Way::Hup => signal(process, "HUP"),
            Way::Kill => signal(process, "KILL"),
            Way::Twice => {
                signal(process, "INT");
                pause(self.again);
                signal(process, "TERM");
            }
            Way::ClosedPipe => reading.close(),
        }
    }
}

impl Outcome {
    /// What is not as it is documented.
    pub(crate) fn problems(&self) -> Vec<String> {
        let Self { attempt, code, colours, left, removed, replayed, took } = self;
        let mut problems = Vec::new();
        let mut problem = |what: String| problems.push(format!("{what} ({attempt:?}, exit {code})"));
        let passed = *code == 0;
        if !passed && !attempt.way.codes().contains(code) {
            problem("an exit code that is not documented for it".to_owned());
        }
        for (report, colour) in colours {
            let is_right = match colour {
                Colour::Green => passed,
                Colour::Red | Colour::Unfinished => !passed,
                // A process that a signal has ended before it could do anything has no report of its own.
                Colour::Older => *code > 128 && attempt.after < Duration::from_millis(500),
                Colour::Missing => false,
            };
            if !is_right {
                problem(format!("{report} is {colour:?}"));
            }
        }
        if attempt.way.cleans_up() && !left.is_empty() {
            problem(format!("left in the cluster: {left:?}"));
        }
        if *removed < left.len() {
            problem(format!("cleanup removed {removed} of {left:?}"));
        }
        // A run that left at once has no seal, unless its clean-up was quicker than the second signal.
        let expected = if attempt.way.cleans_up() || passed { vec![*code] } else { vec![2, *code] };
        if replayed.is_some_and(|replayed| !expected.contains(&replayed)) {
            problem(format!("a replay ends with {replayed:?}, expected {expected:?}"));
        }
        if *took > ENDS_WITHIN {
            problem(format!("it took {took:?} to end"));
        }
        problems
    }
}

/// Reads what a process says, so that it can go on saying it, until nobody is to read it any more.
struct Reading {
    run_id: mpsc::Receiver<String>,
    close: mpsc::Sender<()>,
}

impl Reading {
    fn of(process: &mut Child) -> Self {
        let stderr = process.stderr.take().expect("a pipe");
        let (told, run_id) = mpsc::channel();
        let (close, closed) = mpsc::channel();
        thread::spawn(move || {
            let mut lines = BufReader::new(stderr);
            let mut line = String::new();
            while closed.try_recv() != Ok(()) && lines.read_line(&mut line).is_ok_and(|read| read > 0) {
                if let Some(id) = line.strip_prefix("run ").and_then(|rest| rest.split(',').next()) {
                    // Whoever asks for it may be gone.
                    let _ = told.send(id.to_owned());
                }
                line.clear();
            }
        });
        Self { run_id, close }
    }

    /// The run's id, if it has said it.
    fn run_id(&self) -> Option<String> {
        self.run_id.recv_timeout(Duration::from_millis(100)).ok()
    }

    /// Closes the pipe, after the next line.
    fn close(&self) {
        self.close.send(()).unwrap_or_default();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("a folder").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
    }
}

/// Lets time pass: the moment of an interruption is what is tried here.
fn pause(duration: Duration) {
    let (_open, nothing) = mpsc::channel::<()>();
    nothing.recv_timeout(duration).unwrap_or_default();
}

fn signal(process: &Child, name: &str) {
    // A process that has ended by itself is not there to be signalled.
    let _ = Command::new("kill")
        .args([&format!("-{name}"), &process.id().to_string()])
        .stderr(Stdio::null())
        .status();
}

fn wait(process: &mut Child) -> ExitStatus {
    let began = Instant::now();
    loop {
        match process.try_wait().expect("it is ours") {
            Some(status) => return status,
            None if began.elapsed() > ENDS_WITHIN * 2 => {
                process.kill().expect("it is ours");
                return process.wait().expect("it is ours");
            }
            None => pause(Duration::from_millis(10)),
        }
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).expect("it has ended")
}

fn colour(folder: &Path, report: &'static str, template: &Path) -> Colour {
    let Ok(text) = fs::read_to_string(folder.join(report)) else { return Colour::Missing };
    if fs::read_to_string(template.join(report)).is_ok_and(|older| older == text) {
        return Colour::Older;
    }
    let is_green = match report.rsplit('.').next() {
        Some("xml") => !text.contains("<failure") && !text.contains("<error"),
        Some("html") => text.contains("<title>PASS") || text.contains("<title>MODEL: PASS"),
        _ => text.contains("\"verdict\": \"PASS\""),
    };
    let unfinished =
        ["\"Unfinished\"", "<title>UNFINISHED", "\"UNFINISHED\""].iter().any(|word| text.contains(word));
    match (is_green, unfinished) {
        (true, _) => Colour::Green,
        (false, true) => Colour::Unfinished,
        (false, false) => Colour::Red,
    }
}

/// The id in the header of the record.
fn run_id_of(folder: &Path) -> Option<String> {
    let mut text = String::new();
    fs::File::open(folder.join("history.jsonl")).ok()?.take(4_096).read_to_string(&mut text).ok()?;
    Some(text.split("\"run_id\":\"").nth(1)?.split('"').next()?.to_owned())
}

/// The exit code of a replay into another folder.
fn replay(folder: &Path) -> Option<i32> {
    folder.join("history.jsonl").exists().then_some(())?;
    let mut command = steadfast();
    command.arg("replay").arg(folder).arg("--quiet").arg("--out").arg(folder.with_extension("replayed"));
    command.output().expect("it starts").status.code()
}
