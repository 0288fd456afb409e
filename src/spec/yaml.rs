//! The one file that knows `serde_yaml`. The crate is no longer developed; when it has to go, this is what changes.

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Reads one YAML document, in which an enum is a map of one key (`await: …`) and not a YAML tag. The error begins with `path:line:column` where the parser knows it.
pub(super) fn parse<T: DeserializeOwned>(path: &str, text: &str) -> Result<T> {
    let document = serde_yaml::Deserializer::from_str(text);
    serde_yaml::with::singleton_map_recursive::deserialize(document).map_err(|error| located(path, &error))
}

/// Writes a document in the form in which [`parse`] reads it.
pub(super) fn to_text<T: Serialize>(value: &T) -> String {
    let mut text = Vec::new();
    let mut document = serde_yaml::Serializer::new(&mut text);
    serde_yaml::with::singleton_map_recursive::serialize(value, &mut document).expect("plain data");
    String::from_utf8(text).expect("YAML is text")
}

/// Reads every document of a manifest as JSON.
pub fn to_json(path: &str, text: &str) -> Result<Vec<Value>> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).map_err(|error| located(path, &error)))
        .filter(|document| !matches!(document, Ok(Value::Null)))
        .collect()
}

fn located(path: &str, error: &serde_yaml::Error) -> anyhow::Error {
    let text = error.to_string();
    match error.location() {
        Some(at) => {
            let suffix = format!(" at line {} column {}", at.line(), at.column());
            anyhow!("{path}:{}:{}: {}", at.line(), at.column(), text.replace(&suffix, ""))
        }
        None => anyhow!("{path}: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Scenario;

    #[test]
    fn what_is_written_is_read_again() {
        let text = "title: t\nwhy: w\npods: 1\nsteps:\n- scale: 3\n- await: {pods-ready: [0, db-1]}\n- delete-all-pods\n";
        let scenario = parse::<Scenario>("x.yaml", text).unwrap();
        assert_eq!(parse::<Scenario>("x.yaml", &to_text(&scenario)).unwrap(), scenario);
    }

    #[test]
    fn an_error_names_the_line_and_what_is_allowed() {
        let text = "title: t\nwhy: w\npods: 1\nsteps:\n- scale: 3\n- swim: 4\n";
        let error = parse::<Scenario>("specs/scenarios/x.yaml", text).unwrap_err().to_string();
        assert!(error.starts_with("specs/scenarios/x.yaml:6:"), "{error}");
        assert!(
            error.contains("swim") && error.contains("expected one of") && error.contains("scale"),
            "{error}"
        );
    }
}
