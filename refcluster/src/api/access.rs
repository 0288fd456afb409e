//! Questions of clients about their own rights. Everything is allowed that the options do not deny.

use super::request::Request;
use super::response::{self, Response};
use crate::json::{map, text};
use crate::status::Status;
use crate::world::Shared;
use http::Method;
use serde_json::json;

pub(super) fn review(shared: &Shared, kind: &str, request: &Request) -> Result<Response, Status> {
    if request.method != Method::POST {
        return Err(Status::method_not_allowed());
    }
    let mut body = request.json()?;
    let denied = shared.lock().options.denied.clone();
    let status = match kind {
        "selfsubjectaccessreviews" => {
            let asked = &body["spec"]["resourceAttributes"];
            let name = format!("{}/{}", text(asked, "/verb"), text(asked, "/resource"));
            let refused = denied.contains(&name);
            json!({"allowed": !refused, "reason": if refused { "denied by an option" } else { "" }})
        }
        "selfsubjectrulesreviews" => json!({
            "incomplete": false,
            "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        }),
        _ => return Err(Status::no_such_path()),
    };
    *map(&mut body, "status") = status;
    Ok(response::json(201, &body))
}
