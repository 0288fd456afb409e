//! steadfast judges whether a Kubernetes cluster keeps the promises of a StatefulSet.
