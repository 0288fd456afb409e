//! The columns of each kind. Those that `wide` makes are printed with `-o wide` only.

use super::age::since;
use super::cells::{
    self, count, int_or_text, labels, node_address, node_info, of_containers, or_none, selector, subjects,
};
use super::{Row, network, pod, storage, text_or};
use crate::json::{self, text};
use crate::kind::Kind;
use serde_json::{Value, json};

/// A column: its name, and how its cells come about.
pub(super) struct Column {
    name: &'static str,
    /// What the head calls its cells, which is not always what they are.
    of: &'static str,
    priority: u8,
    cell: Cell,
}

enum Cell {
    Text(fn(&Row<'_>) -> String),
    Number(fn(&Row<'_>) -> i64),
}

impl Column {
    /// What the table's head says of it.
    pub(super) fn definition(&self) -> Value {
        let format = if self.name == "Name" { "name" } else { "" };
        json!({"name": self.name, "type": self.of, "format": format, "description": "", "priority": self.priority})
    }

    /// Its cell in a row.
    pub(super) fn cell(&self, row: &Row<'_>) -> Value {
        match self.cell {
            Cell::Text(cell) => cell(row).into(),
            Cell::Number(cell) => cell(row).into(),
        }
    }
}

const fn column(name: &'static str, cell: fn(&Row<'_>) -> String) -> Column {
    Column { name, of: "string", priority: 0, cell: Cell::Text(cell) }
}

const fn wide(name: &'static str, cell: fn(&Row<'_>) -> String) -> Column {
    Column { name, of: "string", priority: 1, cell: Cell::Text(cell) }
}

const fn number(name: &'static str, cell: fn(&Row<'_>) -> i64) -> Column {
    Column { name, of: "integer", priority: 0, cell: Cell::Number(cell) }
}

/// Numbers in a column that the head calls text, as the API server (1.37) has some.
const fn count_as_text(name: &'static str, cell: fn(&Row<'_>) -> i64) -> Column {
    Column { name, of: "string", priority: 0, cell: Cell::Number(cell) }
}

/// The columns of a kind.
pub(super) fn of(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::Namespace => NAMESPACE,
        Kind::Node => NODE,
        Kind::Pod => POD,
        Kind::Service => SERVICE,
        Kind::Endpoints => &[NAME, ENDPOINTS, AGE],
        Kind::ServiceAccount => &[NAME, AGE],
        Kind::ConfigMap => &[NAME, DATA, AGE],
        Kind::Secret => &[NAME, SECRET_TYPE, DATA, AGE],
        Kind::Event => EVENT,
        Kind::PersistentVolume => PERSISTENT_VOLUME,
        Kind::PersistentVolumeClaim => PERSISTENT_VOLUME_CLAIM,
        Kind::StatefulSet => &[NAME, READY_REPLICAS, AGE, CONTAINERS, IMAGES],
        Kind::Deployment => DEPLOYMENT,
        Kind::ReplicaSet => REPLICA_SET,
        Kind::ControllerRevision => CONTROLLER_REVISION,
        Kind::EndpointSlice => ENDPOINT_SLICE,
        Kind::StorageClass => STORAGE_CLASS,
        Kind::Lease => &[NAME, HOLDER, AGE],
        Kind::Role | Kind::ClusterRole => &[NAME, CREATED_AT],
        Kind::RoleBinding | Kind::ClusterRoleBinding => ROLE_BINDING,
        Kind::NetworkPolicy => &[NAME, POD_SELECTOR, AGE],
        Kind::PodDisruptionBudget => POD_DISRUPTION_BUDGET,
        Kind::ResourceQuota => &[NAME, AGE],
    }
}

const NAME: Column = column("Name", |row| json::name(row.object).to_owned());
const AGE: Column = column("Age", |row| since(text(row.object, "/metadata/creationTimestamp"), row.now_secs));
const CREATED_AT: Column = Column {
    of: "date",
    ..column("Created At", |row| text(row.object, "/metadata/creationTimestamp").to_owned())
};
const DATA: Column = count_as_text("Data", cells::entries);
const SECRET_TYPE: Column = column("Type", |row| text(row.object, "/type").to_owned());
const HOLDER: Column = column("Holder", |row| text(row.object, "/spec/holderIdentity").to_owned());
const ENDPOINTS: Column = column("Endpoints", network::endpoints);
const POD_SELECTOR: Column = column("Pod-Selector", |row| selector(&row.object["spec"]["podSelector"]));
const SELECTOR: Column = wide("Selector", |row| selector(&row.object["spec"]["selector"]));
const CONTAINERS: Column = wide("Containers", |row| of_containers(row, "/name"));
const IMAGES: Column = wide("Images", |row| of_containers(row, "/image"));
const READY_REPLICAS: Column = column("Ready", |row| {
    format!("{}/{}", count(row, "/status/readyReplicas"), count(row, "/spec/replicas"))
});

const NAMESPACE: &[Column] =
    &[NAME, column("Status", |row| text(row.object, "/status/phase").to_owned()), AGE];

const NODE: &[Column] = &[
    NAME,
    column("Status", cells::node_status),
    column("Roles", cells::node_roles),
    AGE,
    column("Version", |row| text(row.object, "/status/nodeInfo/kubeletVersion").to_owned()),
    wide("Internal-IP", |row| node_address(row, "InternalIP")),
    wide("External-IP", |row| node_address(row, "ExternalIP")),
    wide("OS-Image", |row| node_info(row, "osImage")),
    wide("Kernel-Version", |row| node_info(row, "kernelVersion")),
    wide("Container-Runtime", |row| node_info(row, "containerRuntimeVersion")),
];

const POD: &[Column] = &[
    NAME,
    column("Ready", pod::ready),
    column("Status", pod::status),
    column("Restarts", pod::restarts),
    AGE,
    wide("IP", |row| or_none(row, "/status/podIP")),
    wide("Node", |row| or_none(row, "/spec/nodeName")),
    wide("Nominated Node", |row| or_none(row, "/status/nominatedNodeName")),
    wide("Readiness Gates", pod::readiness_gates),
];

const SERVICE: &[Column] = &[
    NAME,
    column("Type", |row| text(row.object, "/spec/type").to_owned()),
    column("Cluster-IP", |row| or_none(row, "/spec/clusterIP")),
    column("External-IP", network::external_ip),
    column("Port(s)", network::service_ports),
    AGE,
    wide("Selector", |row| labels(&row.object["spec"]["selector"])),
];

const EVENT: &[Column] = &[
    column("Last Seen", cells::last_seen),
    column("Type", |row| text(row.object, "/type").to_owned()),
    column("Reason", |row| text(row.object, "/reason").to_owned()),
    column("Object", cells::event_object),
    wide("Subobject", |row| text(row.object, "/involvedObject/fieldPath").to_owned()),
    wide("Source", cells::event_source),
    column("Message", |row| text(row.object, "/message").trim().to_owned()),
    wide("First Seen", cells::first_seen),
    wide("Count", |row| count(row, "/count").to_string()),
    wide("Name", |row| json::name(row.object).to_owned()),
];

const PERSISTENT_VOLUME: &[Column] = &[
    NAME,
    column("Capacity", storage::volume_capacity),
    column("Access Modes", storage::volume_modes),
    column("Reclaim Policy", |row| text(row.object, "/spec/persistentVolumeReclaimPolicy").to_owned()),
    column("Status", storage::status),
    column("Claim", storage::claim),
    column("StorageClass", storage::class),
    column("VolumeAttributesClass", storage::attributes_class),
    column("Reason", |row| text(row.object, "/status/reason").to_owned()),
    AGE,
    wide("VolumeMode", storage::volume_mode),
];

const PERSISTENT_VOLUME_CLAIM: &[Column] = &[
    NAME,
    column("Status", storage::status),
    column("Volume", |row| text(row.object, "/spec/volumeName").to_owned()),
    column("Capacity", storage::claim_capacity),
    column("Access Modes", storage::claim_modes),
    column("StorageClass", storage::class),
    column("VolumeAttributesClass", storage::attributes_class),
    AGE,
    wide("VolumeMode", storage::volume_mode),
];

const DEPLOYMENT: &[Column] = &[
    NAME,
    READY_REPLICAS,
    count_as_text("Up-to-date", |row| count(row, "/status/updatedReplicas")),
    count_as_text("Available", |row| count(row, "/status/availableReplicas")),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

const REPLICA_SET: &[Column] = &[
    NAME,
    number("Desired", |row| count(row, "/spec/replicas")),
    number("Current", |row| count(row, "/status/replicas")),
    number("Ready", |row| count(row, "/status/readyReplicas")),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

const CONTROLLER_REVISION: &[Column] = &[
    NAME,
    column("Controller", cells::owner),
    count_as_text("Revision", |row| count(row, "/revision")),
    AGE,
];

const ENDPOINT_SLICE: &[Column] = &[
    NAME,
    column("AddressType", |row| text(row.object, "/addressType").to_owned()),
    column("Ports", network::slice_ports),
    column("Endpoints", network::slice_addresses),
    AGE,
];

const STORAGE_CLASS: &[Column] = &[
    column("Name", storage::class_name),
    column("Provisioner", |row| text(row.object, "/provisioner").to_owned()),
    column("ReclaimPolicy", |row| text_or(row.object, "/reclaimPolicy", "Delete").to_owned()),
    column("VolumeBindingMode", |row| text_or(row.object, "/volumeBindingMode", "Immediate").to_owned()),
    column("AllowVolumeExpansion", |row| (row.object["allowVolumeExpansion"] == true).to_string()),
    AGE,
];

const ROLE_BINDING: &[Column] = &[
    NAME,
    column("Role", |row| {
        format!("{}/{}", text(row.object, "/roleRef/kind"), text(row.object, "/roleRef/name"))
    }),
    AGE,
    wide("Users", |row| subjects(row, "User")),
    wide("Groups", |row| subjects(row, "Group")),
    wide("ServiceAccounts", |row| subjects(row, "ServiceAccount")),
];

const POD_DISRUPTION_BUDGET: &[Column] = &[
    NAME,
    column("Min Available", |row| int_or_text(&row.object["spec"]["minAvailable"])),
    column("Max Unavailable", |row| int_or_text(&row.object["spec"]["maxUnavailable"])),
    number("Allowed Disruptions", |row| count(row, "/status/disruptionsAllowed")),
    AGE,
];
