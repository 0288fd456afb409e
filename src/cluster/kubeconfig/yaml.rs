//! From the bytes of a kubeconfig to JSON values, as kubectl reads them: the first document, and of a key that is written
//! twice the last. The parser's own errors quote the file, so that only their place is told.

use serde_json::Value;
use serde_saphyr::{DuplicateKeyPolicy, options};

/// The first document of a file; null where there is none. The error is the place where it stops to be YAML.
pub(in crate::cluster) fn read(bytes: &[u8]) -> Result<Value, String> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| format!("byte {} is no UTF-8", error.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // JSON with tabs is no YAML to every parser, and kubectl takes it.
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    let options = options! { duplicate_keys: DuplicateKeyPolicy::LastWins };
    let mut bytes = text.as_bytes();
    let mut documents = serde_saphyr::read_with_options::<_, Value>(&mut bytes, options);
    documents.next().unwrap_or(Ok(Value::Null)).map_err(|error| match error.location() {
        Some(at) => format!("it is no valid YAML at line {} column {}", at.line(), at.column()),
        None => "it is no valid YAML".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_of_two_equal_keys_wins() {
        assert_eq!(read(b"a: 1\nb: {c: 1, c: 2}\na: 3\n").unwrap(), json!({"a": 3, "b": {"c": 2}}));
        assert_eq!(read(b"{\"a\": 1, \"a\": 2}").unwrap(), json!({"a": 2}));
    }

    #[test]
    fn only_the_first_document_counts() {
        assert_eq!(read(b"---\na: 1\n---\nb: 2\n").unwrap(), json!({"a": 1}));
    }

    #[test]
    fn an_empty_file_is_null() {
        for text in ["", "\n", "# nothing\n", "---\n"] {
            assert_eq!(read(text.as_bytes()).unwrap(), Value::Null, "{text:?}");
        }
    }

    #[test]
    fn byte_order_marks_line_ends_tabs_and_anchors_are_read() {
        assert_eq!(read("\u{feff}a: 1\r\nb: x\r\n".as_bytes()).unwrap(), json!({"a": 1, "b": "x"}));
        assert_eq!(read(b"{\n\t\"a\": 1\n}").unwrap(), json!({"a": 1}));
        assert_eq!(read(b"a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\n").unwrap()["d"], json!({"b": 1, "e": 2}));
    }

    #[test]
    fn an_error_quotes_nothing() {
        let said = read(b"users:\n- name: a\n  user:\n    token: canary\n   bad: canary\n").unwrap_err();
        assert!(said.contains("at line ") && !said.contains("canary"), "{said}");
        let said = read(b"token: \xff\n").unwrap_err();
        assert_eq!(said, "byte 7 is no UTF-8");
    }
}
