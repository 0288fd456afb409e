//! JSON as the objects of a cluster are kept: compact, never changed, and what two versions have in common is there once.
//!
//! One version of a pod differs from the last in a revision and a condition or two. With [`Pool`], a reader of a long
//! record keeps the parts that differ, and a million events fit where the first ten thousand would fill it otherwise.

use std::{
    borrow::Cow,
    collections::HashSet,
    fmt,
    hash::{Hash, Hasher},
    ops::Index,
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};

/// A JSON value. Reads like serde_json's, and a copy costs nothing.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Json {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    Text(Arc<str>),
    List(Arc<[Json]>),
    /// In the order of the keys.
    Map(Arc<[(Arc<str>, Json)]>),
}

static NULL: Json = Json::Null;

impl Json {
    /// The member of that name.
    pub fn get(&self, key: &str) -> Option<&Json> {
        let Json::Map(members) = self else { return None };
        members.iter().find(|(name, _)| **name == *key).map(|(_, value)| value)
    }

    /// The value at a JSON pointer such as `/status/conditions/0`.
    pub fn pointer(&self, pointer: &str) -> Option<&Json> {
        let mut steps = pointer.split('/');
        (steps.next() == Some("")).then_some(())?;
        steps.try_fold(self, |value, step| match value {
            Json::List(items) => items.get(step.parse::<usize>().ok()?),
            _ => value.get(&unescaped(step)),
        })
    }

    /// The text, where it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }

    /// The truth value, where it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Json::Bool(value) = self { Some(*value) } else { None }
    }

    /// The whole number, where it is one.
    pub fn as_i64(&self) -> Option<i64> {
        if let Json::Number(number) = self { number.as_i64() } else { None }
    }

    /// The items of a list.
    pub fn as_array(&self) -> Option<&[Json]> {
        if let Json::List(items) = self { Some(items) } else { None }
    }

    /// The members of an object, in the order of their names; none where it is no object.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Json)> {
        let members = if let Json::Map(members) = self { &members[..] } else { &[] };
        members.iter().map(|(name, value)| (&**name, value))
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        *self == Json::Null
    }
}

/// A step of a pointer, which writes `/` as `~1` and `~` as `~0`.
fn unescaped(step: &str) -> Cow<'_, str> {
    if step.contains('~') { step.replace("~1", "/").replace("~0", "~").into() } else { step.into() }
}

impl Index<&str> for Json {
    type Output = Json;

    /// The member of that name; null where there is none.
    fn index(&self, key: &str) -> &Json {
        self.get(key).unwrap_or(&NULL)
    }
}

impl PartialEq<str> for Json {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Json {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<bool> for Json {
    fn eq(&self, other: &bool) -> bool {
        self.as_bool() == Some(*other)
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(value),
            Value::Number(number) => Json::Number(number),
            Value::String(text) => Json::Text(text.into()),
            Value::Array(items) => Json::List(items.into_iter().map(Json::from).collect()),
            Value::Object(members) => {
                Json::Map(members.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
            }
        }
    }
}

impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => (*value).into(),
            Json::Number(number) => number.clone().into(),
            Json::Text(text) => (**text).into(),
            Json::List(items) => items.iter().map(Value::from).collect(),
            Json::Map(_) => {
                json.members().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
            }
        }
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(value) => serializer.serialize_bool(*value),
            Json::Number(number) => number.serialize(serializer),
            Json::Text(text) => serializer.serialize_str(text),
            Json::List(items) => serializer.collect_seq(items.iter()),
            Json::Map(_) => serializer.collect_map(self.members()),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Json::from)
    }
}

/// JSON text.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Value::from(self))
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a reader has read, so that what is equal is kept once.
#[derive(Default)]
pub(super) struct Pool {
    texts: HashSet<Arc<str>>,
    parts: HashSet<Part>,
}

impl Pool {
    /// The same value, of parts that are in the pool.
    pub(super) fn shared(&mut self, json: &Json) -> Json {
        let own = match json {
            Json::Null | Json::Bool(_) | Json::Number(_) => return json.clone(),
            Json::Text(text) => return Json::Text(self.text(text)),
            Json::List(items) => Json::List(items.iter().map(|item| self.shared(item)).collect()),
            Json::Map(members) => {
                let own = members.iter().map(|(name, value)| (self.text(name), self.shared(value)));
                Json::Map(own.collect())
            }
        };
        keep(&mut self.parts, Part(own)).0
    }

    fn text(&mut self, text: &Arc<str>) -> Arc<str> {
        keep(&mut self.texts, text.clone())
    }
}

/// A value whose own parts are in the pool, so that where they are says what they are.
#[derive(Clone, PartialEq, Eq)]
struct Part(Json);

impl Hash for Part {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Json::List(items) => items.iter().for_each(|item| hash_place(item, state)),
            Json::Map(members) => members.iter().for_each(|(name, value)| {
                Arc::as_ptr(name).hash(state);
                hash_place(value, state);
            }),
            other => other.hash(state),
        }
    }
}

fn hash_place(json: &Json, state: &mut impl Hasher) {
    match json {
        Json::Text(text) => Arc::as_ptr(text).hash(state),
        Json::List(items) => Arc::as_ptr(items).hash(state),
        Json::Map(members) => Arc::as_ptr(members).hash(state),
        other => other.hash(state),
    }
}

/// The one of the set that is equal to this, which may be this.
pub(super) fn keep<T: Clone + Eq + Hash>(known: &mut HashSet<T>, one: T) -> T {
    match known.get(&one) {
        Some(known) => known.clone(),
        None => {
            known.insert(one.clone());
            one
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(revision: &str) -> Json {
        let labels = json!({"app": "nginx", "a/b": "c"});
        json!({"metadata": {"labels": labels, "resourceVersion": revision}, "spec": {"ports": [1, 2.5, null, true]}})
            .into()
    }

    #[test]
    fn it_reads_like_any_json() {
        let pod = pod("7");
        assert_eq!(pod["metadata"]["resourceVersion"], "7");
        assert_eq!(pod.pointer("/metadata/labels/a~1b").and_then(Json::as_str), Some("c"));
        assert_eq!(pod.pointer("/spec/ports/0").and_then(Json::as_i64), Some(1));
        assert!(pod["spec"]["ports"].as_array().is_some_and(|ports| ports[3] == true));
        assert!(pod["status"]["phase"].is_null() && pod.pointer("/status/phase").is_none());
        assert_eq!(pod.pointer("metadata"), None);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = serde_json::to_string(&pod("7")).unwrap();
        assert_eq!(text, pod("7").to_string());
        assert_eq!(serde_json::from_str::<Json>(&text).unwrap(), pod("7"));
    }

    #[test]
    fn two_versions_share_what_is_equal() {
        let mut pool = Pool::default();
        let (one, other) = (pool.shared(&pod("7")), pool.shared(&pod("8")));
        assert_eq!((&one, &other), (&pod("7"), &pod("8")));
        let part = |pod: &Json, pointer| match pod.pointer(pointer) {
            Some(Json::Map(members)) => members.as_ptr(),
            other => panic!("no object: {other:?}"),
        };
        assert_eq!(part(&one, "/metadata/labels"), part(&other, "/metadata/labels"));
        assert_eq!(part(&one, "/spec"), part(&other, "/spec"));
        assert_ne!(part(&one, "/metadata"), part(&other, "/metadata"));
    }
}
