//! A model of a Kubernetes cluster in one process.
