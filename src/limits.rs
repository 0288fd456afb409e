//! Every wait and bound of the harness: its name, its unit, its value and the reason for it.
//!
//! Nothing else in the crate may hold a duration. What a cluster may take at most is decided here once, so that
//! `explain` can print it and `--timeout-scale` can stretch it.

use std::time::Duration;

/// One bound: how long something may take before the harness gives up on it or calls it a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The name that messages and `explain` use.
    pub name: &'static str,
    /// The bound in milliseconds, before `--timeout-scale`.
    pub wait_millis: u64,
    /// Why it is that long, and what exceeding it means.
    pub reason: &'static str,
}

impl Limit {
    /// The bound as a duration, unscaled.
    pub const fn duration(&self) -> Duration {
        Duration::from_millis(self.wait_millis)
    }

    /// The bound in seconds, unscaled.
    pub fn wait_secs(&self) -> f64 {
        self.duration().as_secs_f64()
    }

    /// The bound in microseconds, the unit of a history's clock.
    pub const fn wait_us(&self) -> u64 {
        self.wait_millis * 1_000
    }
}

macro_rules! limits {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $millis:expr, $reason:literal;)+) => {
        $($(#[$doc])* pub const $constant: Limit = Limit { name: $name, wait_millis: $millis, reason: $reason };)+
        /// Every limit, in the order of this file.
        pub const ALL: &[Limit] = &[$($constant),+];
    };
}

/// How large something may be that comes from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// The name.
    pub name: &'static str,
    /// The bound in bytes.
    pub bytes: usize,
    /// Why it is that much.
    pub reason: &'static str,
}

/// One answer of the API server, and one line of a watch.
pub const ANSWER: Size = Size {
    name: "answer",
    bytes: 64 << 20,
    reason: "a page of 500 objects of the greatest size that etcd takes by default (1.5 MiB) is larger and is not seen; what is real stays below 10 MiB, and a server gone wrong must not fill the memory",
};

/// What a command in a container prints.
pub const PRINTED: Size = Size {
    name: "printed",
    bytes: 4 << 20,
    reason: "what the harness asks for is some lines; a command gone wrong must fill neither the memory nor the record",
};

/// A kubeconfig, and each file that one names.
pub const KUBECONFIG: Size = Size {
    name: "kubeconfig",
    bytes: 16 << 20,
    reason: "some thousand clusters with their certificates; a device or a pipe without an end is told from it",
};

/// What a credential plugin prints.
pub const PLUGIN_OUTPUT: Size = Size {
    name: "plugin-output",
    bytes: 1 << 20,
    reason: "a token, a certificate and a key are some kilobytes; a plugin gone wrong must not fill the memory",
};

limits! {
    /// How long the controller may act on a readiness that the API server has already taken back.
    READINESS_LAG = "readiness-lag", 5_000,
        "the controller acts on its own cache (kubernetes#41889): a pod that stopped being ready less than this before its successor was created proves nothing";
    /// How long the controller may leave something undone that nothing stands in the way of.
    CONTROLLER_ACTS = "controller-acts", 30_000,
        "a sync takes milliseconds and follows each event; half a minute in which nothing is done, and nothing refused, means that it does not come";
    /// How much later than another watch a watch may deliver what happened at the same time.
    WATCH_LAG = "watch-lag", 5_000,
        "each resource has its own cache and stream in the API server: between two watches, deliveries closer than this prove no order";
    /// How close together deliveries of one watch come that were held up together.
    WATCH_BURST = "watch-burst", 50,
        "what a stalled stream held back arrives in one piece: the first of it, and with it all the rest, may have happened right after the delivery before";
    /// How long after its reopening a watch may still deliver what happened while it was down.
    WATCH_CAUGHT_UP = "watch-caught-up", 2_000,
        "the API server sends at once what a reopened watch has missed, and a slow connection takes its time; until then, what is delivered may be old";
    /// From the request that asks for a pod to the pod being Ready.
    POD_READY = "pod-ready", 120_000,
        "scheduling, volume provisioning and image pull on a slow node; beyond it the wait is given up";
    /// From the request that deletes a pod to its removal, beyond its grace period.
    POD_GONE = "pod-gone", 90_000,
        "the grace period of 30 s, the kubelet's own delays, and a volume's unmount";
    /// Until the set's status counters agree with its pods.
    STATUS_SETTLED = "status-settled", 60_000,
        "the controller writes its status after each sync; an update that takes longer was lost";
    /// Until EndpointSlices and Endpoints list what the pods say.
    ENDPOINTS_SETTLED = "endpoints-settled", 60_000,
        "the endpoint controllers batch by at most a few seconds; a minute means that they do not follow";
    /// How long the driver waits for EndpointSlices and Endpoints.
    ENDPOINTS_AWAITED = "endpoints-awaited", 75_000,
        "longer than they may take, and than caches may hold what they said before, so that the names can be judged as well";
    /// By how much two observers may learn of one change at different times.
    OBSERVER_SLACK = "observer-slack", 5_000,
        "a DNS backend, a kubelet and the harness each have a watch of their own, and a busy machine delivers late; spans of different observers are compared with this to spare";
    /// Old DNS answers that are worth a remark.
    DNS_STALE_SOFT = "dns-stale-soft", 30_000,
        "the TTL and cache time that kubeadm configures; longer is reported as a number";
    /// Old DNS answers that break the promise.
    DNS_STALE_HARD = "dns-stale-hard", 60_000,
        "TTL 30 s, a cache of 30 s in front of it, and no more; `--dns-stale-secs` changes it for a cluster that documents another time";
    /// Between two questions of a DNS follower to the same backend.
    DNS_FOLLOW_INTERVAL = "dns-follow-interval", 500,
        "fine enough to measure a switch to half a second, and a few dozen questions a second in all";
    /// One DNS question and its answer.
    DNS_ANSWER = "dns-answer", 5_000,
        "the resolver's own default; a backend that needs longer did not answer";
    /// How long a connection to a nameserver may have been idle and still be used.
    DNS_IDLE = "dns-idle", 4_000,
        "nameservers close idle connections, CoreDNS after 10 s; a question into a closed one gets no answer";
    /// A command in a container.
    EXEC = "exec", 20_000,
        "every command that the harness runs ends at once; more than this is a broken stream";
    /// One request to the API server, watches excepted.
    REQUEST = "request", 30_000,
        "kubectl's own patience; several attempts share it; `--request-timeout` changes it";
    /// Between the beginnings of two watches of one resource, and what each failure in a row adds to the wait for the next.
    WATCH_AGAIN = "watch-again", 100,
        "a server, or a proxy before it, that ends each watch at once is not flooded; nothing is lost, since a watch goes on where the last one ended";
    /// Until a watch is open.
    WATCH_OPEN = "watch-open", 10_000,
        "the headers of a watch come at once, even where nothing happens; a server that accepts it and never answers is asked again";
    /// Between two lists that show what a watch should have delivered.
    WATCH_COMPARED = "watch-compared", 15_000,
        "a watch that tells nothing more without an error is found out in time for the scenario to go on, and the lists are no load";
    /// How long a watch may be behind what a list shows.
    CATCH_UP = "catch-up", 10_000,
        "a watch is fed from a cache that is milliseconds behind, on a busy server seconds; one that is ten seconds behind lost something";
    /// The shortest quiet period that a `nothing happens` promise needs.
    QUIET = "quiet", 30_000,
        "three times what upstream waits (10 s): a controller that goes on after eleven seconds must be seen";
    /// How long a pod is kept from being ready only to make an order visible.
    ORDER_VISIBLE = "order-visible", 2_000,
        "long enough that a successor which does not wait is certainly created in it";
    /// How long the API server may be silent before a scenario gives up.
    SERVER_SILENT = "server-silent", 20_000,
        "longer than a control plane's failover; a record with a longer hole proves nothing anyway";
    /// What a first contact with the API server may take.
    CONNECT = "connect", 10_000,
        "a server that does not accept in this time is down for a test's purposes";
    /// A kubeconfig, or a file that one names.
    READ = "read", 10_000,
        "files are read at once; a pipe is given the time that a program needs to write a kubeconfig to it";
    /// A credential plugin that asks nobody.
    PLUGIN = "plugin", 60_000,
        "one that asks a cloud takes a second or two; one that takes a minute hangs";
    /// A credential plugin that may ask a person.
    PLUGIN_INTERACTIVE = "plugin-interactive", 300_000,
        "a person who logs in through a browser needs a minute or two";
    /// How long what a credential plugin gave, or failed with, stands before it is run again.
    LOGIN_AGAIN = "login-again", 10_000,
        "credentials that are refused when they are new, or that are over when they come, would have the plugin run for each request";
    /// How old a token may be that was read from a file.
    TOKEN_AGAIN = "token-again", 10_000,
        "kubelets renew tokens minutes before they end; one that is refused is read again at once";
    /// From when on a person who waits for a connection is told for what.
    WAITING_TOLD = "waiting-told", 2_000,
        "what takes longer than that looks like a program that hangs";
    /// One request where --request-timeout says that it has no bound of its own.
    UNBOUNDED = "unbounded", 86_400_000,
        "a day: the deadline of the run ends it long before";
    /// All of the clean-up after Ctrl-C, SIGTERM or the deadline, of which it is the last part (half of it, at most).
    CLEANUP_INTERRUPTED = "cleanup-interrupted", 20_000,
        "deletes are sent in the first second; the rest is waiting for the namespaces to go";
    /// How long a pod on a node that is not ready is waited for.
    STRANDED = "stranded", 10_000,
        "a node that only lost touch for a moment is back by then; on one without a kubelet no pod ever goes";
    /// One look at whether the run's namespaces are still its own.
    NAMESPACES_LOOK = "namespaces-look", 2_000,
        "one short list; a server that does not answer it in this time does not end the scenario later for it";
    /// Between two renewals of a run's lease, and between two looks at whether its namespaces are still its own.
    LEASE_RENEW = "lease-renew", 10_000,
        "as often as kubelets renew theirs: one small request each, and a dead run is known as such within a minute";
    /// How long a run whose lease is not renewed any more is taken to be alive.
    LEASE_HELD = "lease-held", 40_000,
        "four renewals: a server that is busy for half a minute does not make a live run look dead";
    /// How long `cleanup` watches the lease of a run that looks dead before it deletes anything of it.
    LEASE_WATCHED = "lease-watched", 12_000,
        "longer than from one renewal to the next: clocks may differ between hosts, and a lease that changes is held";
    /// What a server that asks to be left alone is waited for at most, before the next attempt.
    RETRY_AFTER = "retry-after", 5_000,
        "API servers say one second, and mean it; one that says a day would be waited for until the deadline";
    /// The clean-up at the end of a run.
    CLEANUP = "cleanup", 120_000,
        "a namespace goes when its pods have: grace periods and volume teardown included";
    /// Until a namespace's pods, claims and Services have gone, before it is deleted with whatever is left in it.
    EMPTIED = "emptied", 60_000,
        "each pod is given a second to stop, and old kubelets report it late; what hangs is left to the namespace's own deletion";
    /// How long a pod that is being cleaned up may take before its kubelet is made to look at it again.
    STIR = "stir", 3_000,
        "a pod that was given a second to stop is gone by then, unless its kubelet waits for its next look, a minute later";
    /// Between two looks at what is being cleaned up.
    LOOK_AGAIN = "look-again", 300,
        "often enough not to be what is waited for, seldom enough not to be a load";
    /// Between two heartbeats where there is no terminal.
    HEARTBEAT = "heartbeat", 15_000,
        "well below what CI systems take for a hang";
    /// Between two looks at whether the record on the disk is still the run's own.
    RECORD_LOOK = "record-look", 500,
        "one look at a file; what cannot be written any more ends the run before it takes much of the cluster's time";
    /// Until somebody begins to read a pipe that a report is to be written into.
    REPORT_READER = "report-reader", 30_000,
        "whoever has made the pipe reads it already; beyond it the report is one that could not be written";
    /// The whole run, from the first connection to the last delete.
    RUN = "run", 1_200_000,
        "ten times what a run takes; a run that is still going is stuck";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_a_reason() {
        for size in [ANSWER, PRINTED, KUBECONFIG, PLUGIN_OUTPUT] {
            assert!(size.bytes > 0 && size.reason.len() > 20, "{}", size.name);
        }
    }

    #[test]
    fn names_are_unique_and_every_limit_has_a_reason() {
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|limit| limit.name).collect();
        assert_eq!(names.len(), ALL.len());
        assert!(ALL.iter().all(|limit| limit.wait_millis > 0 && limit.reason.len() > 20));
    }
}
