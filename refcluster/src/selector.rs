//! Label and field selectors, as query parameters and as objects hold them.
//!
//! Follows `k8s.io/apimachinery/pkg/labels/selector.go` and `.../pkg/fields/selector.go`.

use crate::json::{items, text, texts};
use crate::status::Status;
use serde_json::Value;

#[derive(Clone, Debug)]
enum Test {
    Equals(String, String),
    Differs(String, String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Test {
    fn holds(&self, value: impl Fn(&str) -> Option<String>) -> bool {
        match self {
            Self::Equals(key, wanted) => value(key).as_ref() == Some(wanted),
            Self::Differs(key, unwanted) => value(key).as_ref() != Some(unwanted),
            Self::In(key, wanted) => value(key).is_some_and(|value| wanted.contains(&value)),
            Self::NotIn(key, unwanted) => value(key).is_none_or(|value| !unwanted.contains(&value)),
            Self::Exists(key) => value(key).is_some(),
            Self::Absent(key) => value(key).is_none(),
        }
    }
}

/// Which objects a list or a watch concerns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    labels: Vec<Test>,
    fields: Vec<Test>,
}

impl Selector {
    /// Reads `labelSelector` and `fieldSelector`.
    pub(crate) fn parse(labels: &str, fields: &str) -> Result<Self, Status> {
        let fields = split(fields).map(parse_term).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { labels: split(labels).map(parse_term).collect::<Result<_, _>>()?, fields })
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        let field = |path: &str| Some(field_value(object, path));
        let label = |key: &str| crate::json::label(object, key).map(str::to_owned);
        self.labels.iter().all(|test| test.holds(label)) && self.fields.iter().all(|test| test.holds(field))
    }
}

/// Whether a `LabelSelector` object matches the labels of an object.
pub(crate) fn label_selector_matches(selector: &Value, labels: &Value) -> bool {
    let equal = texts(selector, "/matchLabels").all(|(key, value)| labels[key] == value);
    equal && items(selector, "/matchExpressions").iter().all(|term| expression_holds(term, labels))
}

/// Whether a plain map of labels, as Services have them, matches the labels of an object.
pub(crate) fn map_matches(selector: &Value, labels: &Value) -> bool {
    texts(selector, "").all(|(key, value)| labels[key] == value)
}

/// A `LabelSelector` in the notation of a query parameter.
pub(crate) fn label_selector_text(selector: &Value) -> String {
    let labels = texts(selector, "/matchLabels").map(|(key, value)| format!("{key}={value}"));
    let expressions = items(selector, "/matchExpressions").iter().map(expression_text);
    labels.chain(expressions).collect::<Vec<_>>().join(",")
}

fn expression_text(term: &Value) -> String {
    let key = text(term, "/key");
    let values: Vec<_> = items(term, "/values").iter().filter_map(Value::as_str).collect();
    match text(term, "/operator") {
        "In" => format!("{key} in ({})", values.join(",")),
        "NotIn" => format!("{key} notin ({})", values.join(",")),
        "Exists" => key.to_owned(),
        _ => format!("!{key}"),
    }
}

fn expression_holds(term: &Value, labels: &Value) -> bool {
    let key = text(term, "/key").to_owned();
    let values =
        items(term, "/values").iter().filter_map(|value| value.as_str().map(str::to_owned)).collect();
    let test = match text(term, "/operator") {
        "In" => Test::In(key, values),
        "NotIn" => Test::NotIn(key, values),
        "Exists" => Test::Exists(key),
        _ => Test::Absent(key),
    };
    test.holds(|key| labels[key].as_str().map(str::to_owned))
}

fn field_value(object: &Value, path: &str) -> String {
    match object.pointer(&format!("/{}", path.replace('.', "/"))) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// Splits at commas that are not between parentheses.
fn split(selector: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    let at_comma = move |c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    };
    selector.split(at_comma).map(str::trim).filter(|term| !term.is_empty())
}

fn parse_term(term: &str) -> Result<Test, Status> {
    let pair = |(key, value): (&str, &str)| (key.trim().to_owned(), value.trim().to_owned());
    if let Some((head, set)) = term.split_once('(') {
        return parse_set(head, set, term);
    }
    let test = if let Some((key, value)) = term.split_once("!=").map(pair) {
        Test::Differs(key, value)
    } else if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')).map(pair) {
        Test::Equals(key, value)
    } else if let Some(key) = term.strip_prefix('!') {
        Test::Absent(key.trim().to_owned())
    } else {
        Test::Exists(term.to_owned())
    };
    Ok(test)
}

fn parse_set(head: &str, set: &str, term: &str) -> Result<Test, Status> {
    let values =
        set.trim_end().trim_end_matches(')').split(',').map(|value| value.trim().to_owned()).collect();
    match head.split_whitespace().collect::<Vec<_>>()[..] {
        [key, "in"] => Ok(Test::In(key.to_owned(), values)),
        [key, "notin"] => Ok(Test::NotIn(key.to_owned(), values)),
        _ => Err(Status::bad_request(format!("unable to parse requirement: {term:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_operator_of_a_label_selector() {
        let pod = json!({"metadata": {"name": "web-0", "labels": {"app": "nginx", "tier": "a"}}});
        let matches = |labels: &str| Selector::parse(labels, "").unwrap().matches(&pod);
        assert!(matches("app=nginx,tier in (a, b),!x,app"));
        assert!(!matches("app!=nginx") && !matches("tier notin (a)") && !matches("x"));
        assert!(Selector::parse("", "metadata.name=web-0").unwrap().matches(&pod));
    }

    #[test]
    fn a_label_selector_in_writing_selects_the_same() {
        let pod = json!({"metadata": {"labels": {"app": "nginx", "tier": "a"}}});
        let terms = json!([
            {"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "x", "operator": "DoesNotExist"},
        ]);
        let selector = json!({"matchLabels": {"app": "nginx"}, "matchExpressions": terms});
        let text = label_selector_text(&selector);
        assert_eq!(text, "app=nginx,tier in (a,b),!x");
        assert!(Selector::parse(&text, "").unwrap().matches(&pod));
    }
}
