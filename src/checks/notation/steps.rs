//! Statements about the driver's steps and about the watches themselves.

use serde_json::{Value, json};

use super::{CLAIM_TEMPLATE, Notes, SERVICE, SET, is_delivery};
use crate::history::{
    AbortCause, Answered, ApiErrorSeen, Event, ListSeen, Observation, Observer, ReadSeen, Requested,
    Resource, Span, Step, Verb, Version, Wait, Watch,
};

impl Notes {
    /// One statement, word by word. Says whether it reads.
    pub(super) fn statement(&mut self, words: &[&str]) -> bool {
        match words {
            ["wait", time] => self.wait(time),
            ["dated"] => self.dates = true,
            ["in", namespace] => self.enter(namespace),
            ["gap" | "error" | "opened" | "bookmark" | "list", resource] => self.of_watch(words[0], resource),
            ["scale", replicas] => self.scale(replicas),
            ["delete", what] => self.delete(what),
            ["again"] => self.again(),
            ["answered", code] => self.answered(code),
            ["quiet", name] => {
                self.step(Step::QuietBegan { name: (*name).to_owned(), wait_secs: 30.0 });
            }
            ["quiet-over", name] => {
                self.step(Step::QuietEnded { name: (*name).to_owned() });
            }
            ["timed-out", wait @ ..] => {
                let (wait, missing) = (condition(wait), "it did not happen".to_owned());
                self.step(Step::TimedOut { wait, bound_secs: 120.0, missing });
            }
            ["waited", wait @ ..] => {
                self.step(Step::Waited { wait: condition(wait), ended_by: None });
            }
            ["read", path, "->", code] => self.read(path, code),
            ["completed"] => self.completed(),
            ["aborted"] => {
                self.step(Step::Aborted {
                    reason: "it could not go on".to_owned(),
                    cause: AbortCause::Cluster,
                });
            }
            ["set", fields @ ..] => self.set(fields),
            ["service", what @ ..] => self.service(what),
            ["slice", endpoints @ ..] => self.slice("IPv4", endpoints),
            ["slice6", endpoints @ ..] => self.slice("IPv6", endpoints),
            ["endpoints", addresses @ ..] => self.endpoints(addresses),
            ["dns", asked, kind, name, "->", answer @ ..] => self.dns(asked, kind, name, answer),
            ["exec", pod, what, "->", output @ ..] => return self.exec(pod, what, &output.join(" ")),
            ["token", pod, place, token] => self.token(pod, place, token),
            ["tokens", pod, place, "->", found @ ..] => self.tokens(pod, place, &found.join(" ")),
            ["connect", pod, "->", answer @ ..] => self.connect(pod, answer),
            [name, what, rest @ ..] if is_claim(name) => return self.claim(name, what, rest),
            [name, what, rest @ ..] => return self.pod(name, what, rest),
            _ => return false,
        }
        true
    }

    fn wait(&mut self, time: &str) {
        let (number, unit_us) = match time.strip_suffix("ms") {
            Some(number) => (number, 1e3),
            None => (time.strip_suffix('s').expect("a time ends in s or ms"), 1e6),
        };
        self.clock_us += (number.parse::<f64>().expect("a number of seconds") * unit_us) as u64;
    }

    /// What follows is in that namespace, which is watched from now on if it was not before.
    fn enter(&mut self, name: &str) {
        let Observation::Step(Step::Started(started)) = &mut self.history.events[0].seen else {
            unreachable!("a history begins with its start")
        };
        let all = std::iter::once(&started.namespace).chain(&started.other_namespaces);
        let known = all.into_iter().position(|known| known == name);
        if known.is_none() {
            started.other_namespaces.push(name.to_owned());
        }
        let place = known.unwrap_or(started.other_namespaces.len());
        self.namespace = u8::try_from(place).expect("a few namespaces");
        if known.is_none() {
            self.open_watches();
        }
    }

    fn of_watch(&mut self, what: &str, plural: &str) {
        let resource = *Resource::ALL.iter().find(|r| r.plural() == plural).expect("a plural name");
        let watch = Watch { resource, namespace: self.namespace };
        let seen = match what {
            "gap" => Observation::WatchGap { resource, reason: "410 Gone".to_owned() },
            "opened" => Observation::WatchOpened { resource, revision: self.revision.to_string() },
            "bookmark" => Observation::Bookmark { resource, revision: self.revision.to_string() },
            "list" => return self.list(resource),
            _ => Observation::ApiError(ApiErrorSeen {
                request: format!("WATCH /api/v1/namespaces/ns/{plural}"),
                code: 0,
                reason: "reset".to_owned(),
                attempt: 1,
            }),
        };
        debug_assert!(!matches!(seen, Observation::Object(_)) && (what == "bookmark") == is_delivery(&seen));
        self.see(Observer::Watch(watch), seen);
    }

    /// Records a list of what exists.
    pub(super) fn list(&mut self, resource: Resource) {
        let of = Watch { resource, namespace: self.namespace };
        let own =
            self.objects.iter().filter(|((r, namespace, _), _)| (*r, *namespace) == (resource, of.namespace));
        let text = |raw: &Value, key: &str| raw["metadata"][key].as_str().unwrap_or_default().to_owned();
        let version = |raw: &Value| Version {
            name: text(raw, "name"),
            uid: text(raw, "uid"),
            revision: text(raw, "resourceVersion"),
        };
        let objects = own.map(|(_, raw)| version(raw)).collect();
        let list = ListSeen { of, revision: self.revision.to_string(), objects };
        self.see(Observer::Reader, Observation::List(list.into()));
    }

    /// The end of a scenario: all that was watched is listed first, in no time.
    fn completed(&mut self) {
        let (clock_us, now) = (self.clock_us, self.namespace);
        for namespace in 0..=self.history.started().other_namespaces.len() {
            self.namespace = u8::try_from(namespace).expect("a few namespaces");
            for resource in Resource::ALL {
                self.clock_us = clock_us;
                self.list(*resource);
                self.history.events.last_mut().expect("the list").span = Span::at(clock_us);
            }
        }
        (self.clock_us, self.namespace) = (clock_us, now);
        self.step(Step::Completed);
    }

    fn scale(&mut self, replicas: &str) {
        let replicas: i64 = replicas.parse().expect("a number of replicas");
        let body = json!({"spec": {"replicas": replicas}});
        let sts = Resource::StatefulSets.plural();
        let request = Requested::new(Verb::Patch, sts, Some(SET.to_owned()), body);
        self.requested(Requested { subresource: Some("scale".to_owned()), ..request });
    }

    fn delete(&mut self, what: &str) {
        match what {
            "all" => {
                let selector = json!({"labelSelector": "app=nginx"});
                self.request(Verb::DeleteCollection, Resource::Pods, None, None, selector);
            }
            claim if is_claim(claim) => {
                let claims = Resource::PersistentVolumeClaims;
                let uid = self.present(claims, claim)["metadata"]["uid"].as_str().map(str::to_owned);
                self.request(Verb::Delete, claims, Some(claim), uid, json!({}));
            }
            pod => {
                let uid = self.present(Resource::Pods, pod)["metadata"]["uid"].as_str().map(str::to_owned);
                self.request(Verb::Delete, Resource::Pods, Some(pod), uid, json!({}));
            }
        }
    }

    /// The last request, sent again.
    fn again(&mut self) {
        let last = self.history.events.iter().rev().find_map(|event| match &event.seen {
            Observation::Step(Step::Requested(request)) => Some(Requested::clone(request)),
            _ => None,
        });
        let last = last.expect("a request");
        self.requested(Requested { attempt: last.attempt + 1, ..last });
    }

    /// The answer to the last request.
    fn answered(&mut self, code: &str) {
        let is_request = |event: &&Event| matches!(event.seen, Observation::Step(Step::Requested(_)));
        let request = self.history.events.iter().rfind(is_request).expect("a request").seq;
        let code = code.parse().expect("an HTTP status");
        let message = (code >= 400).then(|| "refused".to_owned());
        self.step(Step::Answered(Answered { request, code, message, version: None, body: None }.into()));
    }

    fn read(&mut self, path: &str, code: &str) {
        let path = format!("/api/v1/namespaces/{}/{path}", self.namespace_name());
        let code = code.parse().expect("an HTTP status");
        self.see(Observer::Reader, Observation::Read(ReadSeen { path, code, body: Value::Null }));
    }
}

fn is_claim(name: &str) -> bool {
    name.strip_prefix(CLAIM_TEMPLATE).is_some_and(|rest| rest.starts_with('-')) || name.contains("-web-")
}

/// The wait that these words say. Brackets and commas between ordinals are allowed: `pods-ready [0, 1]`.
pub fn condition(words: &[&str]) -> Wait {
    let bare = |word: &&str| word.trim_matches(['[', ']', ',']).to_owned();
    let rest: Vec<String> = words[1..].iter().map(bare).filter(|word| !word.is_empty()).collect();
    let name = |word: &String| match word.parse::<u32>() {
        Ok(ordinal) => format!("{SET}-{ordinal}"),
        Err(_) => word.clone(),
    };
    let pods = || rest.iter().map(name).collect();
    match words[0] {
        "pods-running" => Wait::PodsRunning(pods()),
        "pods-ready" => Wait::PodsReady(pods()),
        "pods-unready" => Wait::PodsUnready(pods()),
        "pods-gone" => Wait::PodsGone(pods()),
        "pod-ready" => Wait::PodReady(rest.concat()),
        "claim-bound" => Wait::ClaimBound(rest.concat()),
        "status-settled" => {
            let replicas = rest.last().and_then(|n| n.parse().ok()).expect("a number of replicas");
            Wait::StatusSettled { set: SET.to_owned(), replicas }
        }
        "endpoints-settled" => Wait::EndpointsSettled(SERVICE.to_owned()),
        "dns-settled" => Wait::DnsSettled,
        other => panic!("the notation does not know the wait `{other}`"),
    }
}
