//! Every lie, by the part of the cluster that tells it, in one sentence each.

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
    /// Leaves Succeeded pods alone.
    SucceededPodsKept "succeeded-pods-kept";
    /// Sorts pods by their names as text, so that web-10 comes before web-2.
    NamesSortedAsText "names-sorted-as-text";
    /// Does not create a pod again that was evicted.
    EvictedPodNotRecreated "evicted-pod-not-recreated";
    /// Deletes the pods after one that was evicted, and creates them all again.
    EvictedPodTakesSuccessors "evicted-pod-takes-successors";
    /// Deletes the pods of an unreachable node by force, and creates them elsewhere.
    LostNodePodsReplaced "lost-node-pods-replaced";
    /// Makes the first pod from the old template and labels it with the new revision.
    StaleTemplateForFirst "stale-template-for-first";
    /// Deletes all pods at once whose ordinals a new start leaves out.
    StartOrdinalMovesAtOnce "start-ordinal-moves-at-once";
    /// Creates no pods as long as the governing Service does not exist.
    NoPodsWithoutService "no-pods-without-service";
    /// Creates a lost pod again from a template that was taken back.
    RevertedTemplateStays "reverted-template-stays";
    /// Does not look again at a set when one of its pods becomes available.
    AvailabilityNotRevisited "availability-not-revisited";
    /// Deletes a pod whose resources are not those of its template.
    ResizedPodReplaced "resized-pod-replaced";

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
    /// Deletes matching orphans instead of adopting them.
    OrphansReplaced "orphans-replaced";
    /// Adopts an orphan and then replaces it.
    AdoptedPodsRestarted "adopted-pods-restarted";
    /// Takes over a pod that matches the selector, whatever its name and its controller.
    AdoptsBySelectorOnly "adopts-by-selector-only";
    /// Takes over a pod of another set that names the same Service.
    AdoptsAcrossSets "adopts-across-sets";

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
    /// Takes a claim that was there before the set for an error.
    PresentClaimRefused "present-claim-refused";
    /// Creates claims for the first template only, and empty directories for the others.
    FirstClaimTemplateOnly "first-claim-template-only";
    /// Lets all claim templates of a pod use the first one's claim.
    ClaimTemplatesShareClaim "claim-templates-share-claim";
    /// Exchanges the claims of two templates when a pod is created again.
    ClaimsExchangedOnRecreate "claims-exchanged-on-recreate";
    /// Binds the claim of a pod that is created again to a new volume.
    ClaimReboundOnRecreate "claim-rebound-on-recreate";
    /// Keeps the claims that should go with a scale-down.
    ScaledClaimsKept "scaled-claims-kept";
    /// Makes the set the owner of claims that something else controls.
    ForeignOwnedClaimsTaken "foreign-owned-claims-taken";

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
    /// Deletes pods without their grace period when it scales down, and only then.
    ScaleDownWithoutGrace "scale-down-without-grace";
    /// Deletes all pods of an ordered set at once when it is scaled to zero.
    ScaleToZeroAtOnce "scale-to-zero-at-once";
    /// Deletes pods of others that match its selector when it scales down.
    ForeignPodsDeleted "foreign-pods-deleted";
    /// Goes on with an update as soon as the replaced pod runs.
    UpdateIgnoresReadiness "update-ignores-readiness";
    /// Waits for no readiness after the first pod of an update, and for that of the others.
    FirstUpdateIgnoresReadiness "first-update-ignores-readiness";
    /// Replaces each pod a second time during an update.
    PodsReplacedTwice "pods-replaced-twice";
    /// Keeps to disruption budgets when it updates.
    BudgetBindsUpdates "budget-binds-updates";
    /// Counts the partition from the wrong end, and updates the lowest ordinals.
    PartitionCountsFromEnd "partition-counts-from-end";
    /// Compares the partition with ordinals, where the set does not start at zero.
    PartitionCountsOrdinals "partition-counts-ordinals";
    /// Creates a lost pod at the old revision, also above the partition.
    RestoresAtCurrentRevision "restores-at-current-revision";
    /// Creates a deleted pod of an OnDelete set at the old revision.
    OnDeleteRestoresOld "on-delete-restores-old";
    /// Updates one pod at a time whatever maxUnavailable says.
    MaxUnavailableNeverReached "max-unavailable-never-reached";
    /// Creates pods of the new revision while some of the old one end.
    RecreateCreatesEarly "recreate-creates-early";
    /// Never says that a recreation is complete.
    RecreationNeverCompletes "recreation-never-completes";
    /// Deletes old revisions that pods still have.
    LiveRevisionDeleted "live-revision-deleted";
    /// Uses an old revision again without raising its number.
    RollbackKeepsNumber "rollback-keeps-number";
    /// Stores templates without the mark that they replace another as a whole.
    StoredTemplateMerges "stored-template-merges";
    /// Makes a new revision when an annotation of the set changes.
    MetadataChangeRolls "metadata-change-rolls";

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
    /// Counts pods as available as soon as they are ready.
    AvailableCountsReady "available-counts-ready";
    /// Counts an update as complete one pod too early.
    CompleteTooEarly "complete-too-early";

    // Deletion.
    /// Leaves the pod of ordinal zero when its set is deleted.
    DeletionLeaksPods "deletion-leaks-pods";
    /// Goes on creating pods for a set that is being deleted.
    CreatesWhileDeleting "creates-while-deleting";
    /// Deletes pods that their set's deletion should orphan.
    OrphansDeleted "orphans-deleted";
    /// Lets a set that is deleted in the foreground go before its pods.
    ForegroundSetGoesFirst "foreground-set-goes-first";
    /// Lets claims go that pods still use.
    ClaimProtectionIgnored "claim-protection-ignored";

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
    /// Answers changes of immutable fields with success and drops them.
    ImmutableFieldsDropped "immutable-fields-dropped";
    /// Answers writes of the scale subresource and stores nothing.
    ScaleIgnored "scale-ignored";
    /// Deletes all sets when a selected few are to be deleted.
    DeleteCollectionIgnoresSelector "delete-collection-ignores-selector";
    /// Evicts pods that their disruption budget would keep.
    BudgetIgnored "budget-ignored";

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
    /// Lists the pods of one set only, where a Service selects those of several.
    OneSetUnpublished "one-set-unpublished";
    /// Names pods in the EndpointSlices of every Service that selects them.
    OtherServiceNamesPods "other-service-names-pods";

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
    /// Answers reverse queries with names made of addresses.
    PtrNamesDashed "ptr-names-dashed";
    /// Answers no query that comes from the last node.
    NodeWithoutDns "node-without-dns";
    /// Goes on answering the names of Services that were deleted.
    DeletedServiceAnswers "deleted-service-answers";
    /// Answers names of a Service from another namespace that has one of that name.
    DnsIgnoresNamespace "dns-ignores-namespace";

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
    /// Kills containers when half of their grace is over.
    KilledBeforeGraceEnds "killed-before-grace-ends";
    /// Runs no hooks before containers are stopped.
    PreStopSkipped "pre-stop-skipped";
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
    /// Cuts a full hostname that is too long instead of refusing the sandbox.
    FqdnHostnameCutShort "fqdn-hostname-cut-short";
    /// Restarts a container that is resized in place.
    ResizeRestartsContainer "resize-restarts-container";

    // Storage.
    /// Provisions no volumes.
    ClaimsNeverBound "claims-never-bound";
    /// Gives all claims one directory.
    SharedDirectory "shared-directory";
    /// Empties a volume when it is mounted again.
    DataWipedOnReattach "data-wiped-on-reattach";
    /// Mounts another claim's volume when a pod is created again.
    VolumesSwapped "volumes-swapped";
    /// Binds claims to free volumes of any class.
    ClassIgnoredInBinding "class-ignored-in-binding";
    /// Mounts a volume on the first node only that has used it.
    VolumeDoesNotFollow "volume-does-not-follow";
}
