//! The one file that knows `serde_yaml`. The crate is no longer developed; when it has to go, this is what changes.

use anyhow::{Result, anyhow, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Reads one YAML document, in which an enum is a map of one key (`await: …`) and not a YAML tag. The error begins with `path:line:column` where the parser knows it.
pub(super) fn parse<T: DeserializeOwned>(path: &str, text: &str) -> Result<T> {
    is_shallow(path, text)?;
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
    is_shallow(path, text)?;
    serde_yaml::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).map_err(|error| located(path, &error)))
        .filter(|document| !matches!(document, Ok(Value::Null)))
        .collect()
}

/// How many brackets may be open, or list items begun on one line. The parser's time grows with the square of this and more.
const OPEN_MOST: usize = 64;

/// Refuses what is nested deeper than anything that a person writes, before the parser begins with it. Brackets in texts are
/// counted too: they are closed there, or few.
fn is_shallow(path: &str, text: &str) -> Result<()> {
    let mut open = 0_usize;
    for (index, line) in text.lines().enumerate() {
        let begun =
            line.split(' ').take_while(|word| ["", "-", "?", ":"].contains(word)).filter(|w| !w.is_empty());
        let begun = begun.count();
        for byte in line.bytes() {
            match byte {
                b'[' | b'{' => open += 1,
                b']' | b'}' => open = open.saturating_sub(1),
                _ => {}
            }
            if open > OPEN_MOST || begun > OPEN_MOST {
                bail!("{path}:{}: it is nested more than {OPEN_MOST} deep", index + 1);
            }
        }
    }
    Ok(())
}

/// The line of a key at the top of a document, and of a value below it; the first line where there is no such key.
pub(super) fn line_of(text: &str, key: &str, value: Option<&str>) -> usize {
    let is_key = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
    let at = text.lines().position(is_key).unwrap_or(0);
    let below = |value: &str| {
        let mut lines = text.lines().skip(at).take_while({
            let mut first = true;
            move |line| std::mem::take(&mut first) || line.starts_with([' ', '-', '#']) || line.is_empty()
        });
        lines.position(|line| line.contains(value)).map(|offset| at + offset)
    };
    1 + value.and_then(below).unwrap_or(at)
}

/// The line of the n-th item, from 1, of the list of that key at the top of a document.
pub(super) fn line_of_item(text: &str, key: &str, number: usize) -> usize {
    let at = line_of(text, key, None);
    let indent = |line: &str| line.find("- ").filter(|indent| line[..*indent].trim().is_empty());
    let mut items =
        text.lines().enumerate().skip(at).filter_map(|(index, line)| Some((index, indent(line)?)));
    let Some((first, own)) = items.next() else { return at };
    let later = items.filter(|(_, indent)| *indent == own).map(|(index, _)| index + 1);
    std::iter::once(first + 1).chain(later).nth(number.saturating_sub(1)).unwrap_or(at)
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
    fn what_is_nested_without_end_is_refused_at_once() {
        for text in
            ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000), "a: [\n".repeat(1_000)]
        {
            for error in
                [parse::<Scenario>("x.yaml", &text).unwrap_err(), to_json("x.yaml", &text).unwrap_err()]
            {
                assert!(error.to_string().contains("nested more than 64 deep"), "{error}");
            }
        }
    }

    #[test]
    fn a_key_and_what_stands_below_it_have_a_line() {
        let text = "title: a\nneeds:\n- b\n- c\nsince: b\nlimits: [d, e]\n";
        assert_eq!((line_of(text, "needs", None), line_of(text, "needs", Some("c"))), (2, 4));
        assert_eq!((line_of(text, "limits", Some("e")), line_of(text, "since", Some("b"))), (6, 5));
        assert_eq!((line_of(text, "needs", Some("x")), line_of(text, "no", None)), (2, 1));
        let steps = "pods: 1\nsteps:\n- apply:\n    manifest: x\n# about it\n- scale: 3\n";
        assert_eq!([1, 2, 3].map(|step| line_of_item(steps, "steps", step)), [3, 6, 2]);
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
