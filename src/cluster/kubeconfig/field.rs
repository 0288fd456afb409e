//! A value in a kubeconfig together with where it stands, so that each complaint names file and field, and no content.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::Unusable;
use crate::secret::Secret;

static NULL: Value = Value::Null;

/// A value with its place.
#[derive(Clone)]
pub(super) struct Field<'v> {
    value: &'v Value,
    place: String,
    file: &'v Path,
}

impl<'v> Field<'v> {
    /// The top of a file.
    pub(super) fn top(file: &'v Path, value: &'v Value) -> Self {
        Self { value, place: String::new(), file }
    }

    /// What stands under a key; null where nothing does.
    pub(super) fn get(&self, key: &str) -> Result<Self, Unusable> {
        let dot = if self.place.is_empty() { "" } else { "." };
        let value = match self.value {
            Value::Object(object) => object.get(key).unwrap_or(&NULL),
            Value::Null => &NULL,
            _ => return Err(self.wrong("is no mapping", "write the keys below it, indented")),
        };
        Ok(Self { value, place: format!("{}{dot}{key}", self.place), file: self.file })
    }

    /// The elements of a list; none of one that is null.
    pub(super) fn items(&self) -> Result<Vec<Self>, Unusable> {
        let of = |(n, value)| Self { value, place: format!("{}[{n}]", self.place), file: self.file };
        match self.value {
            Value::Array(items) => Ok(items.iter().enumerate().map(of).collect()),
            Value::Null => Ok(Vec::new()),
            _ => Err(self.wrong("is no list", "write its elements below it, each after a dash")),
        }
    }

    /// The keys and values of a mapping; none of one that is null.
    pub(super) fn entries(&self) -> Result<Vec<(String, Self)>, Unusable> {
        match self.value {
            Value::Object(object) => object.keys().map(|key| Ok((key.clone(), self.get(key)?))).collect(),
            Value::Null => Ok(Vec::new()),
            _ => Err(self.wrong("is no mapping", "write the keys below it, indented")),
        }
    }

    /// A text; none where it is not there, null, or empty, which all mean *unset*.
    pub(super) fn text(&self) -> Result<Option<String>, Unusable> {
        match self.value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            _ => Err(self.wrong("is no text", "put quotes around it")),
        }
    }

    /// A text that must not be shown.
    pub(super) fn secret(&self) -> Result<Option<Secret>, Unusable> {
        Ok(self.text()?.map(Secret::new))
    }

    /// Yes or no; no where it is not there.
    pub(super) fn flag(&self) -> Result<bool, Unusable> {
        match self.value {
            Value::Null => Ok(false),
            Value::Bool(flag) => Ok(*flag),
            // What YAML 1.1 has for them, and so kubectl.
            Value::String(word) if matches!(word.as_str(), "yes" | "Yes" | "YES" | "on" | "On" | "ON") => {
                Ok(true)
            }
            Value::String(word) if matches!(word.as_str(), "no" | "No" | "NO" | "off" | "Off" | "OFF") => {
                Ok(false)
            }
            _ => Err(self.wrong("is neither true nor false", "write one of them, without quotes")),
        }
    }

    /// Bytes in base64, with line ends and blanks of any kind in it.
    pub(super) fn data(&self) -> Result<Option<Vec<u8>>, Unusable> {
        let Some(text) = self.text()? else { return Ok(None) };
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        match STANDARD.decode(compact) {
            Ok(bytes) => Ok(Some(bytes).filter(|bytes| !bytes.is_empty())),
            Err(_) => Err(self.wrong("is no base64", "make it with `base64 -w0 FILE`")),
        }
    }

    /// The value itself.
    pub(super) fn value(&self) -> &'v Value {
        self.value
    }

    /// A complaint about it.
    pub(super) fn wrong(&self, wrong: &str, hint: &str) -> Unusable {
        let file = self.file.display();
        match self.place.as_str() {
            "" => Unusable::new(format!("the kubeconfig {file}"), format!("it {wrong}"), hint),
            place => Unusable::new(format!("{place} of the kubeconfig {file}"), format!("it {wrong}"), hint),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(value: &Value) -> Field<'_> {
        Field::top(Path::new("/home/me/config"), value).get("key").unwrap()
    }

    #[test]
    fn empty_and_null_mean_unset() {
        for value in [json!({}), json!({"key": null}), json!({"key": ""}), Value::Null] {
            assert_eq!(field(&value).text().unwrap(), None);
            assert_eq!(field(&value).data().unwrap(), None);
        }
    }

    #[test]
    fn base64_has_line_ends_of_any_kind() {
        for text in ["YWJj\nZGVm\n", "YWJj\r\nZGVm\r\n", "YWJj ZGVm", "\tYWJjZGVm\r"] {
            assert_eq!(field(&json!({"key": text})).data().unwrap().unwrap(), b"abcdef", "{text:?}");
        }
    }

    #[test]
    fn a_complaint_names_file_and_field_and_no_content() {
        for (value, said) in [
            (field(&json!({"key": 123_456})).text().map(drop), "put quotes around it"),
            (field(&json!({"key": "!canary!"})).data().map(drop), "it is no base64"),
            (field(&json!({"key": "canary"})).flag().map(drop), "neither true nor false"),
            (field(&json!({"key": "canary"})).items().map(drop), "it is no list"),
            (field(&json!({"key": "canary"})).get("x").map(drop), "it is no mapping"),
        ] {
            let error = value.unwrap_err().to_string();
            assert!(error.starts_with("key of the kubeconfig /home/me/config cannot be used: "), "{error}");
            assert!(error.contains(said) && !error.contains("canary") && !error.contains("123"), "{error}");
        }
    }

    #[test]
    fn booleans_are_those_of_yaml_1_1() {
        assert!(
            field(&json!({"key": "yes"})).flag().unwrap() && field(&json!({"key": true})).flag().unwrap()
        );
        assert!(!field(&json!({"key": "off"})).flag().unwrap());
    }
}
