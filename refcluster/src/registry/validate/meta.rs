//! Names, labels, selectors.

use crate::json::{self, items, texts};
use crate::kind::Kind;
use crate::release::Release;
use crate::status::Cause;
use serde_json::{Value, json};

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// What holds of the metadata of every object. The name of an old one is as it is.
pub(super) fn check(release: &Release, kind: Kind, old: Option<&Value>, object: &Value) -> Vec<Cause> {
    let name = json::name(object);
    let mut causes = match kind {
        _ if old.is_some() => Vec::new(),
        Kind::StatefulSet if !release.since(27) => check_subdomain(name, "metadata.name"),
        Kind::StatefulSet | Kind::Namespace | Kind::Service => check_label(name, "metadata.name", release),
        Kind::ClusterRole | Kind::ClusterRoleBinding | Kind::Role | Kind::RoleBinding => Vec::new(),
        _ => check_subdomain(name, "metadata.name"),
    };
    causes.extend(check_labels(&object["metadata"]["labels"], "metadata.labels", release));
    causes.extend(old.and_then(|old| check_finalizers(old, object)));
    causes
}

/// What is on its way out gets no more finalizers.
fn check_finalizers(old: &Value, new: &Value) -> Option<Cause> {
    if !json::terminating(old) {
        return None;
    }
    let before = items(old, "/metadata/finalizers");
    let added: Vec<_> = items(new, "/metadata/finalizers")
        .iter()
        .filter(|finalizer| !before.contains(finalizer))
        .map(Value::to_string)
        .collect();
    let detail = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
        added.join(", ")
    );
    (!added.is_empty()).then(|| Cause::forbidden("metadata.finalizers", &detail))
}

/// An RFC 1123 label.
pub(super) fn check_label(name: &str, field: &str, release: &Release) -> Vec<Cause> {
    let too_long = too_long(name, field, 63, "characters");
    let detail = if release.since(37) && name.contains('.') { "must not contain dots" } else { LABEL };
    let wrong = (!is_label(name)).then(|| Cause::invalid(field, &json!(name), detail));
    too_long.into_iter().chain(wrong).collect()
}

/// An RFC 1123 subdomain.
pub(super) fn check_subdomain(name: &str, field: &str) -> Vec<Cause> {
    let too_long = too_long(name, field, 253, "characters");
    let wrong = (!name.split('.').all(is_label)).then(|| Cause::invalid(field, &json!(name), SUBDOMAIN));
    too_long.into_iter().chain(wrong).collect()
}

/// A map of labels.
pub(super) fn check_labels(labels: &Value, field: &str, release: &Release) -> Vec<Cause> {
    texts(labels, "").flat_map(|(_, value)| check_label_value(value, field, release)).collect()
}

/// A `LabelSelector`.
pub(super) fn check_selector(selector: &Value, field: &str, release: &Release) -> Vec<Cause> {
    let mut causes = check_labels(&selector["matchLabels"], &format!("{field}.matchLabels"), release);
    for (index, term) in items(selector, "/matchExpressions").iter().enumerate() {
        let operator = json::text(term, "/operator");
        if !matches!(operator, "In" | "NotIn" | "Exists" | "DoesNotExist") {
            let field = format!("{field}.matchExpressions[{index}].operator");
            causes.push(Cause::invalid(field, &json!(operator), "not a valid selector operator"));
        }
    }
    causes
}

fn check_label_value(value: &str, field: &str, release: &Release) -> Vec<Cause> {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let ends = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    let well_formed = value.bytes().all(inner) && ends(value.bytes().next()) && ends(value.bytes().last());
    let wrong = (!well_formed).then(|| Cause::invalid(field, &json!(value), LABEL_VALUE));
    let unit = if release.since(36) { "bytes" } else { "characters" };
    too_long(value, field, 63, unit).into_iter().chain(wrong).collect()
}

fn too_long(value: &str, field: &str, most: usize, unit: &str) -> Option<Cause> {
    let detail = format!("must be no more than {most} {unit}");
    (value.len() > most).then(|| Cause::invalid(field, &json!(value), &detail))
}

fn is_label(name: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !name.is_empty()
        && name.bytes().all(|byte| alphanumeric(byte) || byte == b'-')
        && name.bytes().next().is_some_and(alphanumeric)
        && name.bytes().last().is_some_and(alphanumeric)
}
