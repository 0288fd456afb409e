//! What is said while the run goes on: one line for each change of state, with counts, on standard error.

use std::{
    io::IsTerminal,
    sync::{Arc, Mutex},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    judge::{Judged, Verdict},
    limits,
    options::{Progress as Wanted, Voice},
    plain::for_terminal,
    recorder::Clock,
};

/// Tells how far the run is.
#[derive(Clone)]
pub(super) struct Progress {
    clock: Clock,
    /// A live line at the bottom, where there is a terminal.
    live: Option<ProgressBar>,
    silent: bool,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    running: Vec<String>,
    waiting: usize,
    counts: String,
}

impl Progress {
    pub(super) fn new(clock: Clock, voice: &Voice) -> Self {
        let is_live = voice.progress == Wanted::Auto && std::io::stderr().is_terminal();
        let live = is_live.then(|| {
            let style = ProgressStyle::with_template("{spinner} {wide_msg}").expect("the template is right");
            let bar = ProgressBar::new_spinner().with_style(style);
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { clock, live, silent: voice.progress == Wanted::None, state: Arc::default() }
    }

    /// So many scenarios are to be run.
    pub(super) fn planned(&self, scenarios: usize) {
        self.state.lock().expect("no holder panics").waiting = scenarios;
    }

    /// Something happened that is worth a line.
    pub(super) fn say(&self, what: &str) {
        if self.silent {
            return;
        }
        let line = format!("[{}] {what}", self.time());
        match &self.live {
            Some(bar) => bar.println(for_terminal(&line)),
            None => super::say(&line),
        }
        self.refresh();
    }

    pub(super) fn began(&self, scenario: &str, namespace: &str) {
        {
            let mut state = self.state.lock().expect("no holder panics");
            state.waiting = state.waiting.saturating_sub(1);
            state.running.push(scenario.to_owned());
        }
        self.say(&format!("begins    {scenario} in {namespace}"));
    }

    pub(super) fn ended(&self, scenario: &str, how: &str, judged: &[Judged]) {
        let counts = counts(judged);
        {
            let mut state = self.state.lock().expect("no holder panics");
            state.running.retain(|running| running != scenario);
            state.counts.clone_from(&counts);
        }
        self.say(&format!("{how:<9} {scenario} | {counts}"));
    }

    /// Says every few seconds that the run goes on, where there is no terminal to see it on.
    pub(super) async fn beat(self) {
        let mut ticks = tokio::time::interval(limits::HEARTBEAT.duration());
        ticks.tick().await;
        loop {
            ticks.tick().await;
            if self.live.is_none() {
                let now = self.now();
                self.say(&now);
            }
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.live {
            bar.finish_and_clear();
        }
    }

    fn refresh(&self) {
        if let Some(bar) = &self.live {
            bar.set_message(for_terminal(&self.now()).into_owned());
        }
    }

    fn now(&self) -> String {
        let state = self.state.lock().expect("no holder panics");
        let running =
            if state.running.is_empty() { "cleaning up".to_owned() } else { state.running.join(", ") };
        let waiting =
            if state.waiting > 0 { format!(" and {} to come", state.waiting) } else { String::new() };
        format!("running {running}{waiting} | {}", state.counts)
    }

    fn time(&self) -> String {
        let secs = self.clock.now_us() / 1_000_000;
        format!("{:02}:{:02}", secs / 60, secs % 60)
    }
}

/// `12/36  pass 11  fail 1 …`: judged of planned, and how often each verdict was given.
fn counts(judged: &[Judged]) -> String {
    let count = |is: fn(&Verdict) -> bool| judged.iter().filter(|j| is(&j.verdict)).count();
    let waiting = count(|v| matches!(v, Verdict::NotRun { interrupted: true, .. }));
    format!(
        "{}/{}  pass {}  fail {}  inconclusive {}  n/a {}",
        judged.len() - waiting,
        judged.len(),
        count(|v| matches!(v, Verdict::Pass { .. })),
        count(|v| matches!(v, Verdict::Fail)),
        count(|v| matches!(v, Verdict::Inconclusive { .. })),
        count(|v| matches!(v, Verdict::NotApplicable { .. }))
    )
}
