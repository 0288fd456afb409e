//! The lies that a cluster can be told to tell. Each is one sentence, told at one place of the model.
//!
//! The list is closed, so that a harness can prove over all of it that each lie is found out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

macro_rules! faults {
    ($($(#[doc = $sentence:literal])+ $variant:ident $name:literal;)*) => {
        /// A lie.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Fault {
            $($(#[doc = $sentence])+ $variant,)*
        }

        impl Fault {
            /// Every lie, by the part of the cluster that tells it.
            pub const ALL: &'static [Fault] = &[$(Fault::$variant),*];

            /// The name on command lines and in reports.
            pub fn name(self) -> &'static str {
                match self { $(Fault::$variant => $name,)* }
            }

            /// The lie, in one sentence.
            pub fn sentence(self) -> &'static str {
                match self { $(Fault::$variant => concat!($($sentence),+).trim_ascii(),)* }
            }
        }
    };
}

faults! {
    // The StatefulSet controller: creation.
    /// Creates all pods of an ordered set at once.
    CreatesAllAtOnce "creates-all-at-once";
    /// Keeps the order only until the set was complete for the first time.
    OrderOnlyAtFirstStart "order-only-at-first-start";
    /// Looks only at the nearest predecessor when it decides whether a pod may be created.
    NearestPredecessorOnly "nearest-predecessor-only";
    /// Takes a pod that is Running for one that is Ready when it decides whether to go on.
    WaitsForRunningOnly "waits-for-running-only";
    /// Waits eleven seconds for a pod to become ready and then goes on without it.
    ImpatientAfterElevenSeconds "impatient-after-eleven-seconds";
    /// Creates the next pod at once and only keeps it from being scheduled.
    SuccessorCreatedGated "successor-created-gated";
    /// Keeps one pod more than the set asks for.
    OneOrdinalTooMany "one-ordinal-too-many";
    /// Creates a lost pod again as soon as it is gone, whatever the state of those before it.
    RecreatesAtOnce "recreates-at-once";
    /// Answers the loss of one pod by deleting all others.
    RecreatesWholeSet "recreates-whole-set";
    /// Creates a lost pod again only when all other pods are ready.
    WaitsForAllBeforeCreate "waits-for-all-before-create";
    /// Deletes a pod whose container has been restarted.
    RestartedPodsReplaced "restarted-pods-replaced";
    /// Leaves Failed pods alone.
    FailedPodsKept "failed-pods-kept";
    /// Creates the pods of a Parallel set in order.
    ParallelIgnored "parallel-ignored";
    /// Takes a Parallel set down one pod at a time.
    ParallelScaleDownOrdered "parallel-scale-down-ordered";
    /// Counts ordinals from zero whatever the spec says.
    StartOrdinalIgnored "start-ordinal-ignored";
    /// Takes a pod for available as soon as it is Ready.
    MinReadyIgnored "min-ready-ignored";
    /// Gives pods after the first a variable that their template does not have.
    TemplateDrifts "template-drifts";

    // The StatefulSet controller: identity.
    /// Leaves the subdomain out of pods.
    SubdomainMissing "subdomain-missing";
    /// Leaves the hostname out of pods.
    HostnameFieldMissing "hostname-field-missing";
    /// Leaves blockOwnerDeletion out of the pods' owner references.
    OwnerDoesNotBlock "owner-does-not-block";
    /// Gives the pod-name label to a pod only the first time.
    PodNameLabelLostOnRecreate "pod-name-label-lost-on-recreate";
    /// Gives a pod that is created again only the labels of the selector.
    LabelsLostOnRecreate "labels-lost-on-recreate";
    /// Labels pods with a revision that does not exist.
    RevisionLabelUnknown "revision-label-unknown";
    /// Labels pods with an index that is one too high.
    PodIndexOffByOne "pod-index-off-by-one";
    /// Gives a pod that is created again another hostname.
    HostnameChangesOnRecreate "hostname-changes-on-recreate";
    /// Leaves matching orphans alone.
    OrphansNotAdopted "orphans-not-adopted";
    /// Keeps pods whose labels do not match any more.
    MismatchNotReleased "mismatch-not-released";

    // The StatefulSet controller: claims.
    /// Names claims after the set first and the template second.
    ClaimNameSwapped "claim-name-swapped";
    /// Creates claims without labels.
    ClaimLabelsMissing "claim-labels-missing";
    /// Asks for another size than the template.
    ClaimSizeChanged "claim-size-changed";
    /// Lets a volume of the template win over the claim of the same name.
    TemplateVolumeWins "template-volume-wins";
    /// Creates a pod first and its claims only when it has been pending for three seconds.
    PodBeforeClaim "pod-before-claim";
    /// Creates a pod although its claim is going away.
    PodAgainstDyingClaim "pod-against-dying-claim";
    /// Does not create a claim again that a pending pod lacks.
    MissingClaimForgotten "missing-claim-forgotten";
    /// Takes the labels off a claim that was there before the set.
    PresentClaimOverwritten "present-claim-overwritten";
    /// Deletes a lost pod's claim and makes it again under the same name.
    ClaimRecreatedWithPod "claim-recreated-with-pod";
    /// Deletes the claims of the pods that a scale-down removes.
    ScaleDownDeletesClaims "scale-down-deletes-claims";
    /// Ignores the retention policy for claims.
    RetentionIgnored "retention-ignored";
    /// Lets claims go with the set although they are to be kept.
    SetDeletionTakesClaims "set-deletion-takes-claims";
    /// Lets a claim go with any loss of its pod when it should go with a scale-down only.
    PodLossTakesClaim "pod-loss-takes-claim";

    // The StatefulSet controller: scaling and updates.
    /// Removes the lowest of the surplus ordinals first.
    ScalesDownAscending "scales-down-ascending";
    /// Lets several pods terminate at once, a second apart, so that they still end in the right order.
    OverlappingTerminations "overlapping-terminations";
    /// Scales down although a pod that stays is unready.
    ScaleDownIgnoresHealth "scale-down-ignores-health";
    /// Does not remove a surplus pod that is unready itself.
    ScaleDownNeverRemovesUnready "scale-down-never-removes-unready";
    /// Deletes pods without their grace period.
    DeletesWithoutGrace "deletes-without-grace";
    /// Deletes all pods of the old revision at once.
    UpdatesAllAtOnce "updates-all-at-once";
    /// Updates the lowest ordinal first.
    UpdatesAscending "updates-ascending";
    /// Updates pods below the partition too.
    PartitionIgnored "partition-ignored";
    /// Creates a lost pod below the partition at the new revision.
    RestoresAtUpdateRevision "restores-at-update-revision";
    /// Rolls a set whose strategy is OnDelete.
    OnDeleteRolls "on-delete-rolls";
    /// Lets one pod more be unavailable than maxUnavailable allows.
    MaxUnavailableExceeded "max-unavailable-exceeded";
    /// Deletes the claims of the pods that it updates.
    UpdateReplacesClaims "update-replaces-claims";
    /// Makes a new revision for a template that an old one already has.
    RollbackMakesNewRevision "rollback-makes-new-revision";
    /// Leaves currentRevision as it was when a roll has ended.
    CurrentRevisionNeverAdvances "current-revision-never-advances";
    /// Keeps all revisions for ever.
    HistoryUnbounded "history-unbounded";
    /// Makes a new revision for every change of the set's spec.
    EveryChangeRolls "every-change-rolls";

    // The StatefulSet controller: status and events.
    /// Counts pods as ready that only run.
    StatusCountsUnready "status-counts-unready";
    /// Counts pods that match the selector and belong to others.
    StatusCountsForeignPods "status-counts-foreign-pods";
    /// Leaves observedGeneration at one.
    ObservedGenerationStuck "observed-generation-stuck";
    /// Tells one ready pod too many.
    ReadyReplicasOneTooMany "ready-replicas-one-too-many";
    /// Records no events about sets.
    NoEvents "no-events";

    // Deletion.
    /// Leaves the pod of ordinal zero when its set is deleted.
    DeletionLeaksPods "deletion-leaks-pods";
    /// Goes on creating pods for a set that is being deleted.
    CreatesWhileDeleting "creates-while-deleting";
    /// Deletes pods that their set's deletion should orphan.
    OrphansDeleted "orphans-deleted";

    // The API server.
    /// Lists apps/v1beta1 as served.
    AppsBetaStillListed "apps-beta-still-listed";
    /// Does not list the scale subresource of sets.
    ScaleNotListed "scale-not-listed";
    /// Leaves the selector out of the scale subresource.
    ScaleWithoutSelector "scale-without-selector";
    /// Defaults replicas to zero.
    DefaultReplicasZero "default-replicas-zero";
    /// Defaults podManagementPolicy to Parallel.
    DefaultPolicyParallel "default-policy-parallel";
    /// Defaults revisionHistoryLimit to two.
    DefaultHistoryLimitTwo "default-history-limit-two";
    /// Accepts a set without a selector, or with one that does not match.
    EmptySelectorAccepted "empty-selector-accepted";
    /// Accepts changes of fields that must not change.
    ImmutableFieldsAccepted "immutable-fields-accepted";
    /// Accepts a restartPolicy other than Always in a set.
    RestartPolicyAccepted "restart-policy-accepted";
    /// Accepts negative numbers and unknown policies in a set.
    InvalidValuesAccepted "invalid-values-accepted";
    /// Cuts labels that are too long instead of refusing the pod.
    LongNamesTruncated "long-names-truncated";
    /// Answers writes of a set's status and stores nothing.
    StatusUpdateIgnored "status-update-ignored";
    /// Answers the deletion of a pod that is not first in its set, and keeps the pod.
    PodDeletionIgnored "pod-deletion-ignored";
    /// Gives a headless Service a virtual address.
    HeadlessGetsClusterIp "headless-gets-cluster-ip";

    // Endpoints.
    /// Leaves the pods' hostnames out of EndpointSlices.
    EndpointHostnameMissing "endpoint-hostname-missing";
    /// Refers to pods by a wrong uid in EndpointSlices.
    EndpointOfAnotherUid "endpoint-of-another-uid";
    /// Tells unready pods as ready in EndpointSlices.
    EndpointsIgnoreReadiness "endpoints-ignore-readiness";
    /// Tells terminating pods as ready in EndpointSlices.
    TerminatingStaysReady "terminating-stays-ready";
    /// Keeps the first address that a pod's name had in EndpointSlices.
    EndpointsKeepOldAddress "endpoints-keep-old-address";
    /// Ignores publishNotReadyAddresses.
    PublishNotReadyIgnored "publish-not-ready-ignored";
    /// Publishes no IPv6 addresses.
    SecondFamilyUnpublished "second-family-unpublished";
    /// Gives a Service no endpoints among the pods that were there before it.
    LateServiceIgnored "late-service-ignored";

    // DNS.
    /// Lets no DNS server answer.
    DnsDown "dns-down";
    /// Lets DNS answer over UDP only.
    DnsTcpFiltered "dns-tcp-filtered";
    /// Lets DNS answer over TCP only.
    DnsUdpFiltered "dns-udp-filtered";
    /// Lets one DNS server keep the endpoints that it learned of first.
    OneStaleBackend "one-stale-backend";
    /// Lets DNS servers keep positive answers for an hour.
    AnswersKeptForAnHour "answers-kept-for-an-hour";
    /// Lets DNS servers keep negative answers for an hour.
    NegativeAnswersKept "negative-answers-kept";
    /// Answers a headless Service's name with one address only.
    HeadlessOneAddress "headless-one-address";
    /// Answers the name of a Service with a virtual address by the pods' addresses.
    ServiceNameTellsPods "service-name-tells-pods";
    /// Answers the names of pods that do not exist.
    WildcardAnswers "wildcard-answers";
    /// Answers a pod's name with another pod's address.
    PodNameGivesSibling "pod-name-gives-sibling";
    /// Answers a pod's name with the first address that it had.
    DnsNeverUpdated "dns-never-updated";
    /// Names pods after their addresses only.
    DnsIgnoresHostnames "dns-ignores-hostnames";
    /// Names the targets of SRV records after their addresses.
    SrvTargetsDashed "srv-targets-dashed";
    /// Tells a wrong port in SRV records.
    SrvPortWrong "srv-port-wrong";
    /// Answers no reverse queries.
    PtrMissing "ptr-missing";

    // Nodes.
    /// Gives containers their own id as hostname.
    HostnameIsContainerId "hostname-is-container-id";
    /// Gives init containers their own id as hostname.
    InitHostnameIsContainerId "init-hostname-is-container-id";
    /// Gives containers the short hostname where the pod asks for the full one.
    FqdnHostnameIgnored "fqdn-hostname-ignored";
    /// Gives containers the node's name as hostname.
    HostnameIsNodeName "hostname-is-node-name";
    /// Writes another DNS zone into the hosts file than the cluster has.
    HostsFileOtherZone "hosts-file-other-zone";
    /// Writes the first address that a pod's name had into the hosts file.
    HostsFileStale "hosts-file-stale";
    /// Puts the default namespace first in the DNS search path of every pod.
    SearchesOtherNamespace "searches-other-namespace";
    /// Leaves the Service domains out of the DNS search path.
    SearchPathMissing "search-path-missing";
    /// Kills containers at once when their pod is deleted.
    KilledWithoutSigterm "killed-without-sigterm";
    /// Removes a pod from the API before its containers have ended.
    ObjectGoneBeforeContainer "object-gone-before-container";
    /// Restarts the containers of the other pods of a set when one has crashed.
    CrashRestartsSiblings "crash-restarts-siblings";
    /// Gives a pod another address when its container is restarted.
    CrashChangesAddress "crash-changes-address";
    /// Restarts the containers of the other pods of a set when one is deleted.
    LossRestartsSurvivors "loss-restarts-survivors";
    /// Delivers connections to another pod that listens on the same port.
    ConnectionsReachSibling "connections-reach-sibling";
    /// Keeps the files of containers by the name of their pod.
    ContainerFilesKept "container-files-kept";

    // Storage.
    /// Provisions no volumes.
    ClaimsNeverBound "claims-never-bound";
    /// Gives all claims one directory.
    SharedDirectory "shared-directory";
    /// Empties a volume when it is mounted again.
    DataWipedOnReattach "data-wiped-on-reattach";
    /// Mounts another claim's volume when a pod is created again.
    VolumesSwapped "volumes-swapped";
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        let found = Self::ALL.iter().copied().find(|fault| fault.name() == name);
        found.ok_or_else(|| UnknownFault(name.to_owned()))
    }
}

/// No fault has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFault(pub String);

impl fmt::Display for UnknownFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no fault is called {:?}", self.0)
    }
}

impl std::error::Error for UnknownFault {}

/// The lies of one cluster, and how often it has told each.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    active: BTreeSet<Fault>,
    firings: BTreeMap<Fault, u64>,
}

impl Faults {
    pub(crate) fn new(active: &[Fault]) -> Self {
        Self { active: active.iter().copied().collect(), firings: BTreeMap::new() }
    }

    /// Whether the lie is told here and now; counts it.
    pub(crate) fn tells(&mut self, fault: Fault) -> bool {
        let tells = self.active.contains(&fault);
        if tells {
            *self.firings.entry(fault).or_default() += 1;
        }
        tells
    }

    /// Whether the lie is chosen, without telling it.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.active.contains(&fault)
    }

    /// How often each chosen lie was told.
    pub(crate) fn firings(&self) -> BTreeMap<Fault, u64> {
        self.active.iter().map(|fault| (*fault, self.firings.get(fault).copied().unwrap_or(0))).collect()
    }
}
