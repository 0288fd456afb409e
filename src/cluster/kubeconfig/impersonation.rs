//! Whom the client acts for (Kubernetes, "User impersonation"; client-go, `transport/round_trippers.go`).

use http::{HeaderName, HeaderValue};

use super::{
    Unusable,
    choose::{Chosen, override_user},
    usable::Places,
};
use crate::options::Target;

/// The headers of what the flags alone say.
pub(super) fn by_flags(target: &Target) -> Result<Vec<(HeaderName, HeaderValue)>, Unusable> {
    let mut chosen = Chosen::default();
    override_user(&mut chosen.user, target);
    impersonation(&Places { chosen: &chosen, target })
}

/// The headers of impersonation (authentication, "User impersonation").
pub(super) fn impersonation(place: &Places<'_>) -> Result<Vec<(HeaderName, HeaderValue)>, Unusable> {
    let user = &place.chosen.user;
    let at = |flag: bool, name: &str, field: &str| place.flag_or(flag, name, place.user(field));
    let Some(name) = &user.impersonate else {
        let more = [
            (user.impersonate_uid.is_some(), place.target.impersonate_uid.is_some(), "--as-uid", "as-uid"),
            (
                !user.impersonate_groups.is_empty(),
                !place.target.impersonate_groups.is_empty(),
                "--as-group",
                "as-groups",
            ),
            (!user.impersonate_extra.is_empty(), false, "", "as-user-extra"),
        ];
        return match more.iter().find(|(given, ..)| *given) {
            Some((_, flag, name, field)) => {
                let hint = "name one with --as, or in `as`";
                Err(Unusable::new(at(*flag, name, field), "there is no user to impersonate", hint))
            }
            None => Ok(Vec::new()),
        };
    };
    let mut headers = Vec::new();
    let mut add = |key: &str, value: &str, place: String| {
        let name = HeaderName::from_bytes(key.as_bytes()).ok();
        let pair = name.zip(HeaderValue::from_str(value).ok());
        let pair = pair
            .ok_or_else(|| Unusable::new(place, "it has a character that no header has", "leave it out"))?;
        headers.push(pair);
        Ok(())
    };
    add("impersonate-user", name, at(place.target.impersonate.is_some(), "--as", "as"))?;
    if let Some(uid) = &user.impersonate_uid {
        add("impersonate-uid", uid, at(place.target.impersonate_uid.is_some(), "--as-uid", "as-uid"))?;
    }
    for group in &user.impersonate_groups {
        add(
            "impersonate-group",
            group,
            at(!place.target.impersonate_groups.is_empty(), "--as-group", "as-groups"),
        )?;
    }
    for (key, values) in &user.impersonate_extra {
        for value in values {
            add(&format!("impersonate-extra-{}", escaped(key)), value, place.user("as-user-extra"))?;
        }
    }
    Ok(headers)
}

/// A key as a part of a header's name: what no such name has is percent-encoded.
fn escaped(key: &str) -> String {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte);
    key.bytes()
        .map(|byte| if is_token(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_extra_are_escaped() {
        assert_eq!(escaped("example.com/a b%"), "example.com%2Fa%20b%25");
    }
}
