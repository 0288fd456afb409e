//! Errors as the API server words them: `Status` objects with a code, a reason and details.
//!
//! Follows `k8s.io/apimachinery/pkg/api/errors/errors.go`.

use crate::kind::Kind;
use serde_json::{Value, json};

/// A request that the API server refuses.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    details: Value,
    pub(crate) retry_after_secs: Option<u64>,
}

/// One field that is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    reason: &'static str,
    field: String,
    message: String,
}

impl Cause {
    /// The field that is wrong.
    pub(crate) fn field(&self) -> &str {
        &self.field
    }

    pub(crate) fn required(field: impl Into<String>, detail: &str) -> Self {
        Self::new("FieldValueRequired", field, "Required value", detail)
    }

    pub(crate) fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self::new("FieldValueInvalid", field, &format!("Invalid value: {value}"), detail)
    }

    /// As [`Self::invalid`], with the value as it is to be written.
    pub(crate) fn invalid_as(field: impl Into<String>, value: &str, detail: &str) -> Self {
        Self::new("FieldValueInvalid", field, &format!("Invalid value: {value}"), detail)
    }

    pub(crate) fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::new("FieldValueDuplicate", field, &format!("Duplicate value: {value}"), "")
    }

    pub(crate) fn not_found(field: impl Into<String>, value: &Value) -> Self {
        Self::new("FieldValueNotFound", field, &format!("Not found: {value}"), "")
    }

    pub(crate) fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::new("FieldValueForbidden", field, "Forbidden", detail)
    }

    pub(crate) fn unsupported(field: impl Into<String>, value: &Value, supported: &[&str]) -> Self {
        let quoted: Vec<_> = supported.iter().map(|value| format!("{value:?}")).collect();
        let detail = format!("supported values: {}", quoted.join(", "));
        Self::new("FieldValueNotSupported", field, &format!("Unsupported value: {value}"), &detail)
    }

    fn new(reason: &'static str, field: impl Into<String>, head: &str, detail: &str) -> Self {
        let message = if detail.is_empty() { head.to_owned() } else { format!("{head}: {detail}") };
        Self { reason, field: field.into(), message }
    }
}

impl Status {
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: json!({}), retry_after_secs: None }
    }

    /// An error of a controller, which is no answer of the API.
    pub(crate) fn plain(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    fn about(mut self, kind: Kind, name: &str) -> Self {
        let info = kind.info();
        self.details = json!({"name": name, "kind": info.plural});
        if !info.group.is_empty() {
            self.details["group"] = info.group.into();
        }
        self
    }

    pub(crate) fn not_found(kind: Kind, name: &str) -> Self {
        let message = format!("{} {name:?} not found", kind.qualified_plural());
        Self::new(404, "NotFound", message).about(kind, name)
    }

    /// The path leads nowhere.
    pub(crate) fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    pub(crate) fn already_exists(kind: Kind, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", kind.qualified_plural());
        Self::new(409, "AlreadyExists", message).about(kind, name)
    }

    pub(crate) fn conflict(kind: Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", kind.qualified_plural());
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// The object that is to be deleted is another one than was meant.
    pub(crate) fn other_uid(kind: Kind, name: &str, wanted: &str, actual: &str) -> Self {
        let kind_name = kind.qualified_name();
        let message = format!(
            "Operation cannot be fulfilled on {kind_name} {name:?}: the UID in the precondition ({wanted}) does not match the UID in record ({actual}). The object might have been deleted and then recreated"
        );
        let mut status = Self::new(409, "Conflict", message).about(kind, name);
        status.details["kind"] = kind.info().name.into();
        status
    }

    pub(crate) fn stale(kind: Kind, name: &str) -> Self {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, why)
    }

    /// Server-side apply met fields of other managers: `(field, manager)`.
    pub(crate) fn apply_conflict(fields: &[(String, String)]) -> Self {
        let each: Vec<_> =
            fields.iter().map(|(field, owner)| format!("conflict with {owner:?}: {field}")).collect();
        let plural = if fields.len() == 1 { "conflict" } else { "conflicts" };
        let message = format!("Apply failed with {} {plural}: {}", fields.len(), each.join(", "));
        let mut status = Self::new(409, "Conflict", message);
        let cause = |(field, owner): &(String, String)| json!({"reason": "FieldManagerConflict", "message": format!("conflict with {owner:?}"), "field": field});
        status.details = json!({"causes": fields.iter().map(cause).collect::<Vec<_>>()});
        status
    }

    pub(crate) fn invalid(kind: Kind, name: &str, causes: Vec<Cause>) -> Self {
        let each: Vec<_> = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
        let list = if each.len() == 1 { each.concat() } else { format!("[{}]", each.join(", ")) };
        let message = format!("{} {name:?} is invalid: {list}", kind.qualified_name());
        let mut status = Self::new(422, "Invalid", message).about(kind, name);
        status.details["kind"] = kind.info().name.into();
        status.details["causes"] = causes
            .iter()
            .map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}))
            .collect();
        status
    }

    /// The replicas in a scale are negative.
    pub(crate) fn invalid_scale(name: &str, cause: Cause) -> Self {
        let mut status = Self::invalid(Kind::StatefulSet, name, vec![cause]);
        status.message = status.message.replacen("StatefulSet.apps", "Scale.autoscaling", 1);
        status.details["kind"] = "Scale".into();
        status.details["group"] = "autoscaling".into();
        status
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn forbidden(kind: Kind, name: &str, why: &str) -> Self {
        let message = format!("{} {name:?} is forbidden: {why}", kind.qualified_plural());
        Self::new(403, "Forbidden", message).about(kind, name)
    }

    /// The revision asked for is compacted.
    pub(crate) fn expired(asked: u64, oldest: u64) -> Self {
        Self::new(410, "Expired", format!("too old resource version: {asked} ({oldest})"))
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message)
    }

    /// Adds a cause that is about no field.
    pub(crate) fn because(mut self, reason: &str, message: &str) -> Self {
        self.details["causes"] = json!([{"reason": reason, "message": message}]);
        self
    }

    pub(crate) fn retry_after(mut self, secs: u64) -> Self {
        self.retry_after_secs = Some(secs);
        self.details["retryAfterSeconds"] = secs.into();
        self
    }

    /// The `Status` object that goes over the wire.
    pub(crate) fn body(&self) -> Value {
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "details": self.details, "code": self.code,
        })
    }
}
