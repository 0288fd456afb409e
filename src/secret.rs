//! What must not be shown: the type that holds tokens, passwords and keys, and the masking of texts that may quote one.

use std::{fmt, sync::Arc, sync::LazyLock};

use regex::{Captures, Regex};

/// What stands where a credential was.
pub const MASKED: &str = "<secret>";

/// A token, a password or a key. It has no `Display`, and `Debug` says `<secret>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes it out of sight.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is the empty string, which in a kubeconfig means *unset*.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASKED)
    }
}

/// The text without these secrets. The longest goes first, so that no rest of it stays.
pub fn without(text: &str, secrets: &[Secret]) -> String {
    let mut secrets: Vec<&str> = secrets.iter().map(Secret::expose).filter(|s| !s.is_empty()).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, MASKED))
}

/// The text without what is a credential by its place: an Authorization header, a password in a URL, a JSON Web Token, the
/// value after `token=`, a private key.
pub fn masked(text: &str) -> String {
    let text = PRIVATE_KEY.replace_all(text, MASKED);
    let text = IN_URL.replace_all(&text, format!("://{MASKED}@"));
    let text =
        AUTHORIZATION.replace_all(&text, |found: &Captures<'_>| format!("{}{MASKED}", &found["before"]));
    let text = SCHEME.replace_all(&text, |found: &Captures<'_>| match is_word(&found["value"]) {
        true => found[0].to_owned(),
        false => format!("{} {MASKED}", &found["scheme"]),
    });
    let text = NAMED.replace_all(&text, |found: &Captures<'_>| format!("{}{MASKED}", &found["before"]));
    JSON_WEB_TOKEN.replace_all(&text, MASKED).into_owned()
}

/// What a foreign program printed, without what is a credential by its place and without each word that looks like one.
pub fn masked_output(text: &str) -> String {
    let text = masked(text);
    WORD.replace_all(&text, |found: &Captures<'_>| match looks_random(&found[0]) {
        true => MASKED.to_owned(),
        false => found[0].to_owned(),
    })
    .into_owned()
}

/// A plain word of a sentence, such as `basic rights` has.
fn is_word(text: &str) -> bool {
    text.len() < 20 && text.trim_end_matches('.').chars().all(|c| c.is_ascii_lowercase())
}

/// Letters and digits mixed as nobody names things: not a version, not `eu-west-1`, not a path of plain words.
fn looks_random(word: &str) -> bool {
    let parts = || word.split(|c: char| !c.is_ascii_alphanumeric());
    word.len() >= 8 && (parts().any(is_mixed) || parts().any(|part| part.len() >= 32))
}

/// A part of a word in which digits stand between or after many letters, such as `s3cr3t` or `9f8e7d6c`.
fn is_mixed(part: &str) -> bool {
    let digits = part.chars().filter(char::is_ascii_digit).count();
    let letters = part.len() - digits;
    let changes =
        part.as_bytes().windows(2).filter(|w| w[0].is_ascii_digit() != w[1].is_ascii_digit()).count();
    (digits >= 1 && letters >= 1 && changes >= 2 && part.len() >= 6) || (digits >= 2 && letters >= 6)
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is right")
}

static PRIVATE_KEY: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*-----|$)"));
static IN_URL: LazyLock<Regex> = LazyLock::new(|| pattern(r"://[^/\s@]+@"));
static AUTHORIZATION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?P<before>authorization[\\"'\]]*\s*[:=]\s*[\\"'\[{(]*\s*(?:(?:bearer|basic|negotiate|digest|token)\s+)?)[^\s\\"',;\]})<]+"#,
    )
});
static SCHEME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b(?P<scheme>bearer|basic)\s+(?P<value>[A-Za-z0-9._~+/=-]{6,})"));
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?P<before>(?:token|secret|passw(?:or)?d|passphrase|credentials?|api[-_ ]?key|access[-_ ]?key(?:[-_ ]?id)?|private[-_ ]?key|cookie)[\\"']*\s*(?:is|[:=])\s*[\\"']*)[^\s\\"',;&<]+"#,
    )
});
static JSON_WEB_TOKEN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}"));
static WORD: LazyLock<Regex> = LazyLock::new(|| pattern(r"[A-Za-z0-9+/=_.~%-]{8,}"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_by_debug() {
        assert_eq!(format!("{:?}", Some(Secret::new("canary"))), "Some(<secret>)");
    }

    #[test]
    fn known_secrets_go_and_the_longest_first() {
        let known = [Secret::new("abc"), Secret::new("abcdef"), Secret::new("")];
        assert_eq!(without("x abcdef y abc", &known), "x <secret> y <secret>");
    }

    #[test]
    fn what_is_a_credential_by_its_place_is_masked() {
        for (text, expected) in [
            (
                "bad header Authorization: Bearer canary-1 here",
                "bad header Authorization: Bearer <secret> here",
            ),
            (r#"{"Authorization":["Bearer canary"]}"#, r#"{"Authorization":["Bearer <secret>"]}"#),
            (r#"{\"authorization\": \"canary\"}"#, r#"{\"authorization\": \"<secret>\"}"#),
            ("authorization=Basic Y2FuYXJ5Og==", "authorization=Basic <secret>"),
            ("Proxy-Authorization: Y2FuYXJ5Og==", "Proxy-Authorization: <secret>"),
            ("sent bearer canary7 to x", "sent bearer <secret> to x"),
            ("via http://user:canary@proxy:3128/", "via http://<secret>@proxy:3128/"),
            ("via socks5://canary@proxy", "via socks5://<secret>@proxy"),
            ("password=canary&x=1", "password=<secret>&x=1"),
            ("the client secret is canary.", "the client secret is <secret>"),
            (r#""id_token": "canary","#, r#""id_token": "<secret>","#),
            ("got eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOi.sig-1", "got <secret>"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest", "<secret>\nrest"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn what_servers_say_stays_readable() {
        for text in [
            r#"pods "web-0" is forbidden: User "system:serviceaccount:a:b" cannot get resource "pods""#,
            "admission webhook \"policy.example.com\" denied the request: label app is missing",
            "the server could not find the requested resource",
            "nodes is forbidden: basic rights are missing",
            "rbac.authorization.k8s.io: authorization failed",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn words_of_a_plugin_that_look_like_credentials_are_masked() {
        for word in [
            "s3cr3t-canary",
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "9f8e7d6c5b4a",
        ] {
            assert_eq!(masked_output(&format!("no: {word}!")), "no: <secret>!", "{word}");
        }
    }

    #[test]
    fn words_of_a_plugin_that_are_plain_stay() {
        for text in [
            "Unable to locate credentials. You can configure credentials by running \"aws configure\".",
            "error: could not connect to sts.eu-west-1.amazonaws.com:443 after 3 attempts",
            "open https://microsoft.com/devicelogin and enter the code ABCDEFGHI",
            "/usr/local/bin/gke-gcloud-auth-plugin: not found, version v1.27.3",
        ] {
            assert_eq!(masked_output(text), text);
        }
    }
}
