//! Bodies in protobuf: kubectl sends the few objects that it makes itself so, since 1.32, and no other form.
//!
//! Follows `k8s.io/apimachinery/pkg/runtime/serializer/protobuf` for the envelope and the `generated.proto` files
//! under `k8s.io/api` and `k8s.io/apimachinery/pkg/apis/meta/v1` for the numbers of the fields. Only what `kubectl`
//! fills in is read; an object of another kind is refused.

use serde_json::{Map, Value, json};

/// What every encoded object begins with.
const MAGIC: &[u8] = b"k8s\0";

/// A field of a message: its number, its name, and what is in it.
type Field = (u64, &'static str, Form);

#[derive(Clone, Copy)]
enum Form {
    Text,
    Number,
    Flag,
    Texts,
    Map,
    Message(&'static [Field]),
}

const OBJECT_META: &[Field] = &[
    (1, "name", Form::Text),
    (2, "generateName", Form::Text),
    (3, "namespace", Form::Text),
    (11, "labels", Form::Map),
    (12, "annotations", Form::Map),
];
const METADATA: Field = (1, "metadata", Form::Message(OBJECT_META));

const PRECONDITIONS: &[Field] = &[(1, "uid", Form::Text), (2, "resourceVersion", Form::Text)];
const DELETE_OPTIONS: &[Field] = &[
    (1, "gracePeriodSeconds", Form::Number),
    (2, "preconditions", Form::Message(PRECONDITIONS)),
    (3, "orphanDependents", Form::Flag),
    (4, "propagationPolicy", Form::Text),
    (5, "dryRun", Form::Texts),
];

const RESOURCE_ATTRIBUTES: &[Field] = &[
    (1, "namespace", Form::Text),
    (2, "verb", Form::Text),
    (3, "group", Form::Text),
    (4, "version", Form::Text),
    (5, "resource", Form::Text),
    (6, "subresource", Form::Text),
    (7, "name", Form::Text),
];
const PATH_ATTRIBUTES: &[Field] = &[(1, "path", Form::Text), (2, "verb", Form::Text)];
const ACCESS_REVIEW: &[Field] = &[
    (1, "resourceAttributes", Form::Message(RESOURCE_ATTRIBUTES)),
    (2, "nonResourceAttributes", Form::Message(PATH_ATTRIBUTES)),
];

/// The kinds that are read.
const KINDS: &[(&str, &[Field])] = &[
    ("ConfigMap", &[METADATA, (2, "data", Form::Map)]),
    ("DeleteOptions", DELETE_OPTIONS),
    ("Eviction", &[METADATA, (2, "deleteOptions", Form::Message(DELETE_OPTIONS))]),
    ("Namespace", &[METADATA]),
    ("SelfSubjectAccessReview", &[METADATA, (2, "spec", Form::Message(ACCESS_REVIEW))]),
    ("SelfSubjectRulesReview", &[METADATA, (2, "spec", Form::Message(&[(1, "namespace", Form::Text)]))]),
    ("ServiceAccount", &[METADATA]),
];

const TYPE_META: &[Field] = &[(1, "apiVersion", Form::Text), (2, "kind", Form::Text)];

/// The object in a body, as JSON would have it, or why it cannot be read.
pub(super) fn decode(body: &[u8]) -> Result<Value, String> {
    const BROKEN: &str = "the body is not valid protobuf";
    let envelope = fields(body.strip_prefix(MAGIC).ok_or(BROKEN)?).ok_or(BROKEN)?;
    let part =
        |number: u64| envelope.iter().find(|(found, _)| *found == number).map(|(_, data)| data.bytes());
    let mut object = message(part(1).unwrap_or_default(), TYPE_META).ok_or(BROKEN)?;
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    let schema = KINDS.iter().find(|(known, _)| *known == kind).map(|(_, schema)| *schema);
    let known: Vec<_> = KINDS.iter().map(|(known, _)| *known).collect();
    let refusal = || {
        format!(
            "the model reads a {kind} as JSON only, and this is protobuf (which it reads of {}); write it to a file \
             with --dry-run=client -o yaml and create it from there",
            known.join(", ")
        )
    };
    let content = message(part(2).unwrap_or_default(), schema.ok_or_else(refusal)?).ok_or(BROKEN)?;
    if let (Value::Object(object), Value::Object(content)) = (&mut object, content) {
        object.extend(content);
    }
    Ok(object)
}

/// Data behind a field's number.
enum Data<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Data<'a> {
    fn bytes(&self) -> &'a [u8] {
        if let Self::Bytes(bytes) = self { bytes } else { &[] }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    fn number(&self) -> u64 {
        if let Self::Number(number) = self { *number } else { 0 }
    }
}

/// A message with the fields that the schema knows. Empty texts are left out, as JSON leaves them out.
fn message(bytes: &[u8], schema: &[Field]) -> Option<Value> {
    let mut object = Map::new();
    for (number, data) in fields(bytes)? {
        let Some((_, name, form)) = schema.iter().find(|(known, _, _)| *known == number) else { continue };
        let entry = object.entry(*name).or_insert(Value::Null);
        match form {
            Form::Text => *entry = data.text().into(),
            Form::Number => *entry = data.number().cast_signed().into(),
            Form::Flag => *entry = (data.number() != 0).into(),
            Form::Message(schema) => *entry = message(data.bytes(), schema)?,
            Form::Texts => match entry {
                Value::Array(texts) => texts.push(data.text().into()),
                _ => *entry = json!([data.text()]),
            },
            Form::Map => {
                let (mut key, mut value) = (String::new(), String::new());
                for (number, data) in fields(data.bytes())? {
                    *(if number == 1 { &mut key } else { &mut value }) = data.text();
                }
                entry[key] = value.into();
            }
        }
    }
    object.retain(|_, value| *value != json!(""));
    Some(object.into())
}

/// The fields of a message by their numbers; nothing if the message is broken.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Data<'_>)>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let data = match tag & 7 {
            0 => Data::Number(varint(&mut bytes)?),
            1 => Data::Bytes(take(&mut bytes, 8)?),
            2 => {
                let length = varint(&mut bytes)?;
                Data::Bytes(take(&mut bytes, length)?)
            }
            5 => Data::Bytes(take(&mut bytes, 4)?),
            _ => return None,
        };
        fields.push((tag >> 3, data));
    }
    Some(fields)
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(taken)
}

/// Seven bits a byte, the least significant first; the eighth says that there are more.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field that has a length.
    fn field(number: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
        let content = content.as_ref();
        [&[number << 3 | 2, content.len() as u8], content].concat()
    }

    fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
        let types = [field(1, api_version), field(2, kind)].concat();
        [MAGIC, &field(1, types), &field(2, raw)].concat()
    }

    #[test]
    fn a_namespace_is_read_with_its_labels_and_without_empty_fields() {
        let label = field(11, [field(1, "team"), field(2, "a")].concat());
        let metadata = field(1, [field(1, "demo"), field(2, ""), field(8, ""), label].concat());
        let read = decode(&envelope("v1", "Namespace", &[metadata, field(2, "")].concat())).unwrap();
        let expected = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "demo", "labels": {"team": "a"}},
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn the_options_of_an_eviction_are_numbers_flags_and_lists() {
        let grace_of_300 = vec![1 << 3, 0xac, 0x02];
        let options = [grace_of_300, vec![3 << 3, 1], field(5, "All")].concat();
        let read = decode(&envelope("policy/v1", "Eviction", &field(2, options))).unwrap();
        let expected = json!({"gracePeriodSeconds": 300, "orphanDependents": true, "dryRun": ["All"]});
        assert_eq!(read["deleteOptions"], expected);
    }

    #[test]
    fn what_cannot_be_read_is_refused_in_words() {
        let refusal = decode(&envelope("apps/v1", "Deployment", &[])).unwrap_err();
        assert!(refusal.contains("a Deployment as JSON only"), "{refusal}");
        for broken in [&b"{}"[..], b"k8s\0\x0a\xff", b"k8s\0\x0a\x05ab", b"k8s\0\x0b"] {
            assert_eq!(decode(broken).unwrap_err(), "the body is not valid protobuf", "{broken:?}");
        }
    }
}
