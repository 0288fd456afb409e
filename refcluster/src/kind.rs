//! The resources that the API server serves, one row each.

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Namespace,
    Node,
    Pod,
    Service,
    Endpoints,
    ServiceAccount,
    ConfigMap,
    Secret,
    Event,
    PersistentVolume,
    PersistentVolumeClaim,
    StatefulSet,
    Deployment,
    ReplicaSet,
    ControllerRevision,
    EndpointSlice,
    StorageClass,
    Lease,
    Role,
    RoleBinding,
    ClusterRole,
    ClusterRoleBinding,
    NetworkPolicy,
    PodDisruptionBudget,
    ResourceQuota,
}

/// What the API tells about a kind.
#[derive(Debug)]
pub(crate) struct Info {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) name: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) short: &'static str,
    pub(crate) namespaced: bool,
    /// `metadata.generation` counts the changes of the spec.
    pub(crate) generation: bool,
    pub(crate) subresources: &'static [&'static str],
}

macro_rules! kinds {
    ($($kind:ident $plural:literal $short:literal $group:literal $version:literal $namespaced:literal $generation:literal [$($sub:literal),*];)*) => {
        impl Kind {
            /// Every kind, in the order of the API's paths.
            pub(crate) const ALL: &'static [Kind] = &[$(Kind::$kind),*];

            pub(crate) fn info(self) -> &'static Info {
                match self {
                    $(Kind::$kind => &Info {
                        group: $group,
                        version: $version,
                        name: stringify!($kind),
                        plural: $plural,
                        short: $short,
                        namespaced: $namespaced,
                        generation: $generation,
                        subresources: &[$($sub),*],
                    },)*
                }
            }
        }
    };
}

kinds! {
    Namespace "namespaces" "ns" "" "v1" false false ["status", "finalize"];
    Node "nodes" "no" "" "v1" false false ["status"];
    Pod "pods" "po" "" "v1" true true ["status", "exec", "portforward", "log", "eviction", "binding", "resize"];
    Service "services" "svc" "" "v1" true false ["status"];
    Endpoints "endpoints" "ep" "" "v1" true false [];
    ServiceAccount "serviceaccounts" "sa" "" "v1" true false [];
    ConfigMap "configmaps" "cm" "" "v1" true false [];
    Secret "secrets" "" "" "v1" true false [];
    ResourceQuota "resourcequotas" "quota" "" "v1" true false ["status"];
    Event "events" "ev" "" "v1" true false [];
    PersistentVolume "persistentvolumes" "pv" "" "v1" false false ["status"];
    PersistentVolumeClaim "persistentvolumeclaims" "pvc" "" "v1" true false ["status"];
    StatefulSet "statefulsets" "sts" "apps" "v1" true true ["status", "scale"];
    Deployment "deployments" "deploy" "apps" "v1" true true ["status", "scale"];
    ReplicaSet "replicasets" "rs" "apps" "v1" true true ["status", "scale"];
    ControllerRevision "controllerrevisions" "" "apps" "v1" true false [];
    EndpointSlice "endpointslices" "" "discovery.k8s.io" "v1" true true [];
    StorageClass "storageclasses" "sc" "storage.k8s.io" "v1" false false [];
    Lease "leases" "" "coordination.k8s.io" "v1" true false [];
    Role "roles" "" "rbac.authorization.k8s.io" "v1" true false [];
    RoleBinding "rolebindings" "" "rbac.authorization.k8s.io" "v1" true false [];
    ClusterRole "clusterroles" "" "rbac.authorization.k8s.io" "v1" false false [];
    ClusterRoleBinding "clusterrolebindings" "" "rbac.authorization.k8s.io" "v1" false false [];
    NetworkPolicy "networkpolicies" "netpol" "networking.k8s.io" "v1" true true [];
    PodDisruptionBudget "poddisruptionbudgets" "pdb" "policy" "v1" true true ["status"];
}

impl Kind {
    /// The kind called `plural` in a group.
    pub(crate) fn called(group: &str, plural: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.info().group == group && kind.info().plural == plural)
    }

    /// `v1`, `apps/v1`.
    pub(crate) fn api_version(self) -> String {
        let info = self.info();
        if info.group.is_empty() {
            info.version.to_owned()
        } else {
            format!("{}/{}", info.group, info.version)
        }
    }

    /// `statefulsets.apps`, as messages name a resource.
    pub(crate) fn qualified_plural(self) -> String {
        qualified(self.info().plural, self.info().group)
    }

    /// `StatefulSet.apps`, as validation messages name a kind.
    pub(crate) fn qualified_name(self) -> String {
        qualified(self.info().name, self.info().group)
    }
}

fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}
