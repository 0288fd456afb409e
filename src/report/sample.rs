//! A made-up run for tests and for looking at the reports: six scenarios, once healthy and once with a broken promise of
//! every kind.

use serde_json::json;

use super::{Circumstances, Report};
use crate::{
    checks::{
        Cause, Finding, Findings, Kind, Measurement,
        notation::{Notes, condition},
    },
    history::{
        Answered, Event, History, Observation, Observer, Purpose, ReadSeen, Requested, Resource, Step, Verb,
        file::{ClusterFacts, FORMAT, Header},
    },
    judge::{Judged, Verdict},
    spec::{Answer, Catalogue, Clause, Level, Requirement, Source},
    views::View,
};

/// When the made-up run was judged.
pub const JUDGED_AT: &str = "2026-03-01T02:16:10Z";

/// The made-up run with all that a report borrows.
#[derive(Debug)]
pub struct Sample {
    /// The run.
    pub header: Header,
    /// Its catalogue.
    pub catalogue: Catalogue,
    /// Its histories.
    pub histories: Vec<History>,
    /// Its verdicts.
    pub judged: Vec<Judged>,
}

impl Sample {
    /// Every promise kept.
    pub fn healthy() -> Self {
        Self::new(false)
    }

    /// A pod created too early, a backend that went on telling an old address, and a gap.
    pub fn broken() -> Self {
        Self::new(true)
    }

    fn new(broken: bool) -> Self {
        let histories = vec![
            preflight(),
            documented_start(broken),
            gated_start(broken),
            scale_cycle(broken),
            documented_storage(),
            ip_churn(broken),
        ];
        let judged = verdicts(&histories, broken);
        Self { header: header(), catalogue: catalogue(), histories, judged }
    }

    /// Its report, when nothing else went wrong.
    pub fn report(&self) -> Report<'_> {
        self.report_under(Circumstances::default())
    }

    /// Its report under these circumstances.
    pub fn report_under(&self, circumstances: Circumstances) -> Report<'_> {
        Report::new(&self.header, &self.catalogue, self.judged.clone(), &self.histories, circumstances)
    }
}

/// A verdict without evidence.
pub fn judged(id: &str, verdict: Verdict) -> Judged {
    Judged { verdict, ..Judged::planned(&requirement("topology", id, "something is so"), "", false) }
}

fn header() -> Header {
    let cluster = ClusterFacts {
        server_version: "v1.37.1".to_owned(),
        nodes: ["node-0", "node-1", "node-2"].map(str::to_owned).to_vec(),
        slices_version: "discovery.k8s.io/v1".to_owned(),
        embedded: false,
        storage_class: Some("standard".to_owned()),
        replaced_images: [("k8s.gcr.io/nginx-slim:0.8".to_owned(), "nginx:1.29".to_owned())].into(),
    };
    Header {
        format: FORMAT,
        run_id: "k3v9x".to_owned(),
        started_at: "2026-03-01T02:14:03.250Z".to_owned(),
        recorded_by: "0.1.0".to_owned(),
        cluster,
        seed: 7,
        selected: REQUIREMENTS.iter().map(|(_, id, _)| (*id).to_owned()).collect(),
    }
}

const REQUIREMENTS: &[(&str, &str, &str)] = &[
    (
        "topology",
        "ordered-creation",
        "pods are created in ascending ordinal, each after all lower ones are running and ready",
    ),
    (
        "topology",
        "predecessor-gates-successor",
        "while a pod is not ready, no pod with a higher ordinal is created",
    ),
    ("network-identity", "hostname-equals-pod-name", "a pod's host name is its own name"),
    ("dns", "dns-follows-recreate", "the name of a recreated pod leads to its new address"),
    ("dns", "dns-staleness-bounded", "an old address is no longer told after the documented time"),
    ("dns", "srv-records", "the Service's SRV records name the pods"),
    ("storage", "pvc-naming", "each claim is named after its template and its pod"),
    ("storage", "pvc-reattach", "a recreated pod mounts the claim that it had"),
    ("storage", "pvc-retention-policy", "claims go when the retention policy says so"),
    ("scaling", "scale-down-reverse", "scaling down removes the highest ordinal first"),
    ("api", "api-defaults", "fields that are left out get the documented defaults"),
];

fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::built_in().expect("the built-in catalogue reads");
    catalogue.requirements =
        REQUIREMENTS.iter().map(|(area, id, title)| requirement(area, id, title)).collect();
    catalogue
}

fn requirement(area: &str, id: &str, title: &str) -> Requirement {
    let text = |text: &str| text.to_owned();
    Requirement {
        id: text(id),
        area: text(area),
        level: if id == "api-defaults" { Level::Informational } else { Level::Core },
        title: text(title),
        requirement: format!(
            "Under the pod management policy OrderedReady it holds at all times that {title}.\n"
        ),
        since: text("1.9"),
        until: None,
        reads_back: None,
        judged_on: vec![text(scenario_of(id))],
        clauses: vec![Clause { id: text("sample"), says: text(title), each: Vec::new(), on: Vec::new() }],
        needs: Vec::new(),
        applies_to: None,
        sources: vec![Source { document: text("seed 3"), at: text("line 66") }],
        answers: vec![Answer {
            question: text("Does a StatefulSet do more than give its pods an order to start in?"),
            answer: text("Identity and storage come on top of it."),
        }],
        judged_by: text("In the one watch of pods, in the order of delivery, at each ADDED of a pod.\n"),
        limits: vec![text("readiness-lag"), text("dns-stale-hard")],
        faults: Vec::new(),
        collateral: Vec::new(),
        look: text("kubectl -n {namespace} get pods -w --output-watch-events"),
    }
}

fn scenario_of(id: &str) -> &'static str {
    match id {
        "ordered-creation" | "predecessor-gates-successor" => "gated-start",
        "scale-down-reverse" | "pvc-retention-policy" => "scale-cycle",
        "pvc-naming" | "pvc-reattach" => "documented-storage",
        "srv-records" => "ip-churn",
        "api-defaults" => "preflight",
        _ => "documented-start",
    }
}

fn preflight() -> History {
    let mut notes = notes("preflight");
    for path in ["/version", "/apis", "/apis/apps/v1"] {
        let read = ReadSeen { path: path.to_owned(), code: 200, body: json!({}) };
        notes.see(Observer::Reader, Observation::Read(read));
    }
    let notes = notes.say(
        "wait 2s; dns a A kubernetes.default.svc.cluster.local. -> 10.96.0.1;
         dns b A kubernetes.default.svc.cluster.local. -> 10.96.0.1; completed",
    );
    finished("preflight", 0, notes)
}

fn documented_start(broken: bool) -> History {
    let mut notes = notes("documented-start");
    dry_runs(&mut notes);
    applies(&mut notes, "services", "nginx");
    applies(&mut notes, "statefulsets", "web");
    let mut notes = notes.say(
        "set replicas=2; dns a A web-0 -> nxdomain; dns b A web-0 -> nxdomain; dns a A web-1 -> nxdomain;
         dns b A web-1 -> nxdomain;
         web-0 created; web-0 scheduled; wait 800ms; web-0 running; wait 600ms; web-0 ready; web-1 created;
         web-1 scheduled; wait 1s; web-1 running; wait 400ms; web-1 ready; slice web-0=10.0.0.10 web-1=10.0.0.11",
    );
    has_seen(&mut notes, "pods-ready [0, 1]");
    let mut notes = asks(notes, 8, ["10.0.0.10", "10.0.0.10"], ["10.0.0.11", "10.0.0.11"])
        .say("exec web-0 hostname -> web-0; exec web-1 hostname -> web-1; exec web-0 fqdn -> web-0.nginx.steadfast-documented-start-k3v9x.svc.cluster.local");
    has_seen(&mut notes, "dns-settled");
    let notes = notes.say(
        "delete all; web-0 terminating; web-1 terminating; wait 700ms; web-1 deleted; wait 300ms; web-0 deleted;
         web-0 created; web-0 scheduled; wait 900ms; web-0 address 10.0.0.20; web-0 running; wait 300ms; web-0 ready;
         web-1 created; web-1 scheduled; wait 1s; web-1 address 10.0.0.21; web-1 running; web-1 ready;
         slice web-0=10.0.0.20 web-1=10.0.0.21",
    );
    let notes = asks(notes, 6, ["10.0.0.20", "10.0.0.10"], ["10.0.0.21", "nxdomain"]);
    let late = if broken { 110 } else { 20 };
    let mut notes = asks(notes, late, ["10.0.0.20", "10.0.0.10"], ["10.0.0.21", "10.0.0.21"]);
    notes = asks(notes, 8, ["10.0.0.20", "10.0.0.20"], ["10.0.0.21", "10.0.0.21"]);
    has_seen(&mut notes, "dns-settled");
    finished("documented-start", 2_900_000, notes.say("completed"))
}

fn dry_runs(notes: &mut Notes) {
    let mut ask = |manifest: &str, instead: &str, code, message: &str| {
        let (manifest, instead, message) = (manifest.to_owned(), instead.to_owned(), message.to_owned());
        notes.step(Step::DryRun { manifest, instead, code, message });
    };
    ask("documented/statefulset-web.yaml", "documented/statefulset-web.yaml", 200, "");
    let gone = "no matches for kind \"StatefulSet\" in version \"apps/v1beta1\"";
    ask("documented/statefulset-web-v1beta1.yaml", "documented/statefulset-web-www.yaml", 404, gone);
    let rbd = "PersistentVolume \"pv-volume\" is invalid: spec.rbd.monitors: Invalid value: \"'10.16.154.78:6789'\"";
    ask("documented/volume-pv-volume.yaml", "documented/claim-pv-claim.yaml", 422, rbd);
}

fn applies(notes: &mut Notes, resource: &str, name: &str) {
    let (resource, name) = (resource.to_owned(), Some(name.to_owned()));
    let request = notes.requested(Requested::new(Verb::Apply, resource, name, json!({})));
    let answered = Answered { request, code: 201, message: None, version: None, body: None };
    notes.step(Step::Answered(answered.into()));
}

/// So many rounds in which both backends are asked for both pods.
fn asks(notes: Notes, rounds: usize, web_0: [&str; 2], web_1: [&str; 2]) -> Notes {
    let round = format!(
        "dns a A web-0 -> {}; dns b A web-0 -> {}; dns a A web-1 -> {}; dns b A web-1 -> {}; wait 100ms;",
        web_0[0], web_0[1], web_1[0], web_1[1]
    );
    notes.say(&round.repeat(rounds))
}

fn has_seen(notes: &mut Notes, wait: &str) {
    let wait = condition(&wait.split(' ').collect::<Vec<_>>());
    let waited = notes.step(Step::Waited { wait, ended_by: None });
    notes.step(Step::Reacted { to: waited - 1, reaction_us: 400 + (waited - PREAMBLE) * 3 });
}

fn gated_start(broken: bool) -> History {
    let mut notes =
        notes("gated-start").say("set replicas=3; web-0 created; web-0 scheduled; wait 900ms; web-0 running");
    has_seen(&mut notes, "pods-unready [0]");
    let too_early = if broken { "wait 11s; web-1 created; web-1 scheduled; wait 19s" } else { "wait 30s" };
    let in_order = if broken { "" } else { "web-1 created; web-1 scheduled;" };
    let mut notes = notes.say(&format!("quiet first-unready; {too_early}; quiet-over first-unready"));
    notes.run("web-0", Purpose::OpenGate, "");
    let notes = notes.say(&format!(
        "wait 400ms; web-0 address 10.0.1.10; web-0 ready;
         {in_order} wait 900ms; web-1 running; quiet second-unready; wait 2s; quiet-over second-unready;
         web-1 ready; web-2 created; web-2 scheduled; wait 1s; web-2 running; wait 300ms; web-2 ready;
         set pods=3 ready=3 current=3 updated=3; slice web-0=10.0.1.10 web-1=10.0.0.11 web-2=10.0.0.12"
    ));
    let mut notes = asks(notes, 5, ["10.0.1.10", "10.0.1.10"], ["10.0.0.11", "10.0.0.11"])
        .say("web-1 unready; slice web-0=10.0.1.10 web-1=10.0.0.11! web-2=10.0.0.12");
    has_seen(&mut notes, "pods-unready [1]");
    let notes = asks(notes, 9, ["10.0.1.10", "10.0.1.10"], ["nxdomain", "10.0.0.11"]);
    let notes = asks(notes, 5, ["10.0.1.10", "10.0.1.10"], ["nxdomain", "nxdomain"]);
    finished("gated-start", 2_900_000, notes.say("completed"))
}

fn scale_cycle(broken: bool) -> History {
    let start = |name: &str| {
        format!(
            "{name} created; www-{name} claimed; wait 700ms; www-{name} bound; {name} scheduled; wait 900ms;
             {name} running; {name} ready; set ready=1;"
        )
    };
    let stop = |name: &str| format!("{name} terminating; wait 4s; {name} deleted;");
    let again =
        |name: &str| format!("{name} created; {name} scheduled; wait 900ms; {name} running; {name} ready;");
    let gap = if broken { "gap pods;" } else { "" };
    let notes =
        notes("scale-cycle").say("set replicas=2").say(&start("web-0")).say(&start("web-1")).say("scale 4");
    let notes = notes.say(&start("web-2")).say(&start("web-3")).say("token web-3 volume abc; scale 1");
    let notes = notes.say(&stop("web-3")).say(gap).say(&stop("web-2")).say(&stop("web-1")).say("scale 3");
    let notes =
        notes.say(&again("web-1")).say(&again("web-2")).say("tokens web-1 volume -> web-1 abc; completed");
    finished("scale-cycle", 2_900_000, notes)
}

fn documented_storage() -> History {
    let notes = notes("documented-storage").say(
        "set replicas=2; www-web-0 claimed; web-0 created; wait 1s; www-web-0 bound pvc-81; web-0 scheduled;
         wait 900ms; web-0 running; web-0 ready; www-web-1 claimed; web-1 created; wait 1s;
         www-web-1 bound pvc-82; web-1 scheduled; wait 900ms; web-1 running; web-1 ready;
         token web-0 volume abc; token web-1 volume def; delete all; web-0 terminating; web-1 terminating;
         wait 1s; web-0 deleted; web-1 deleted; web-0 created; web-0 scheduled; wait 1s; web-0 running;
         web-0 ready; web-1 created; web-1 scheduled; wait 1s; web-1 running; web-1 ready;
         tokens web-0 volume -> web-0 abc; tokens web-1 volume -> web-1 def; completed",
    );
    finished("documented-storage", 2_900_000, notes)
}

fn ip_churn(broken: bool) -> History {
    if !broken {
        let notes = Notes::new().say(
            "web-0 created; web-0 scheduled; wait 1s; web-0 running; web-0 ready; delete web-0; web-0 terminating;
             wait 1s; web-0 deleted; web-0 created; web-0 scheduled; wait 1s; web-0 address 10.0.0.44; web-0 running;
             web-0 ready; completed",
        );
        return finished("ip-churn", 31_000_000, notes);
    }
    let step = Step::NotStarted { reason: "stopped by Ctrl-C".to_owned(), interrupted: true };
    let event = Event {
        seq: 0,
        span: crate::history::Span::at(31_000_000),
        observer: Observer::Driver,
        seen: Observation::Step(step),
    };
    History::new("ip-churn", vec![event])
}

fn notes(scenario: &str) -> Notes {
    Notes::in_namespace(&format!("steadfast-{scenario}-k3v9x"))
}

/// The history of that scenario, begun so much later, with each wait ended by the event before it.
fn finished(scenario: &str, began_us: u64, notes: Notes) -> History {
    let mut history = rebased(History { scenario: scenario.to_owned(), ..notes.history() });
    for event in &mut history.events {
        event.span.from_us += began_us;
        event.span.until_us += began_us;
        if let Observation::Step(Step::Waited { ended_by, .. }) = &mut event.seen {
            *ended_by = Some(event.seq - 1);
        }
    }
    history
}

/// How many events of a noted history come before its first statement.
pub(super) const PREAMBLE: u64 = 1 + Resource::ALL.len() as u64;

/// The history with its first statement at a tenth of a second, however many watches were opened before.
pub(super) fn rebased(mut history: History) -> History {
    for event in &mut history.events {
        event.span.from_us = event.span.from_us.saturating_sub(PREAMBLE * 100_000);
        event.span.until_us = event.span.until_us.saturating_sub(PREAMBLE * 100_000);
    }
    history
}

fn verdicts(histories: &[History], broken: bool) -> Vec<Judged> {
    let planned = catalogue();
    planned.requirements.iter().map(|requirement| verdict(requirement, histories, broken)).collect()
}

fn verdict(requirement: &Requirement, histories: &[History], broken: bool) -> Judged {
    let scenario = scenario_of(&requirement.id);
    let history = histories.iter().find(|history| history.scenario == scenario).expect("it is in the sample");
    let planned = Judged::planned(requirement, "", false);
    let findings = findings(&requirement.id, history, broken);
    Judged {
        verdict: decide(&requirement.id, &findings, broken),
        measurements: measurements(&requirement.id, broken),
        findings,
        wall_secs: (history.last().span.until_us - history.events[0].span.from_us) as f64 / 1e6,
        ..planned
    }
}

fn decide(id: &str, findings: &[Finding], broken: bool) -> Verdict {
    let first = |kind| findings.iter().find(|finding| finding.kind == kind);
    if first(Kind::Broken).is_some() {
        return Verdict::Fail;
    }
    match (id, first(Kind::Blind)) {
        ("pvc-retention-policy", _) => Verdict::NotApplicable {
            reason: "promised since Kubernetes 1.39, and the server is v1.37.1".to_owned(),
        },
        ("srv-records", _) if broken => Verdict::NotRun {
            reason: "the scenario ip-churn was not run: stopped by Ctrl-C".to_owned(),
            interrupted: true,
        },
        (_, Some(blind)) => Verdict::Inconclusive { reason: blind.what.clone() },
        _ => Verdict::Pass { held: 7 },
    }
}

fn measurements(id: &str, broken: bool) -> Vec<Measurement> {
    let measure = |name: &str, of: &str, value| Measurement {
        name: name.to_owned(),
        of: of.to_owned(),
        scenario: "documented-start".to_owned(),
        value,
    };
    match id {
        "dns-follows-recreate" => {
            vec![measure("dns_switch_secs", "a web-0", 0.412), measure("dns_switch_secs", "b web-0", 15.9)]
        }
        "dns-staleness-bounded" => {
            vec![
                measure("dns_stale_secs", "a", 0.4),
                measure("dns_stale_secs", "b", if broken { 63.2 } else { 15.9 }),
            ]
        }
        _ => Vec::new(),
    }
}

fn findings(id: &str, history: &History, broken: bool) -> Vec<Finding> {
    let find = |what: fn(&Event, &History) -> bool| {
        history.events.iter().filter(|event| what(event, history)).collect::<Vec<_>>()
    };
    let mut findings = Findings::of(&history.scenario);
    match id {
        "ordered-creation" => {
            let check = crate::checks::find(id).expect("it has a check");
            (check.judge)(&View::of(history), &mut findings);
        }
        "dns-staleness-bounded" if broken => {
            let stale = find(|event, _| says(event, "b was asked A web-0", "10.0.0.10 "));
            let moved = find(|event, _| says(event, "web-0 MODIFIED", "10.0.0.20"));
            let what =
                "b still told 10.0.0.10 for web-0 63.2 s after the pod had 10.0.0.20; 60 s are allowed";
            findings.on("sample").broken(what, &[moved[0], stale.last().expect("it is stale")]);
        }
        "scale-down-reverse" if broken => {
            findings.on("sample").blind(
                Cause::Gap,
                "the watch of pods lost events while web-2 went",
                &[history.gaps(Resource::Pods)[0].shown_by],
            );
        }
        "api-defaults" if broken => {
            findings
                .on("sample")
                .broken("revisionHistoryLimit was 5 where 10 is documented", &[history.last()]);
        }
        _ => findings.on("sample").held("it was seen to be so", &[history.last()]),
    }
    findings.findings
}

fn says(event: &Event, begins: &str, contains: &str) -> bool {
    let what = super::witness::Line::of(event).what;
    what.starts_with(begins) && what.contains(contains)
}
