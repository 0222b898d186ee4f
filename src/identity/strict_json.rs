//! JSON with one reading: an object that names a member twice is refused (RFC 8259 section 4).
//!
//! Parsers differ in which of two values they take, so a checker and a reader could see different
//! claims in the same text.

use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de;
use serde_json::Map;
use serde_json::Value;
use serde_json::error::Category;

/// Why a text was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotStrict {
    /// A member stands twice in one object.
    Twice,
    /// It is not a JSON object.
    NotAnObject,
}

/// Reads an object. Nesting is bounded by the parser (128 levels).
pub(super) fn object(text: &[u8]) -> Result<Map<String, Value>, NotStrict> {
    match serde_json::from_slice::<Strict>(text) {
        Ok(Strict(Value::Object(members))) => Ok(members),
        Ok(_) => Err(NotStrict::NotAnObject),
        Err(error) => match error.classify() {
            // The only error of ours: everything else that JSON can hold is accepted.
            Category::Data => Err(NotStrict::Twice),
            Category::Syntax | Category::Eof | Category::Io => Err(NotStrict::NotAnObject),
        },
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> de::Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if members.insert(name, value).is_some() {
                return Err(de::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_stands_once() {
        let read = |text: &str| object(text.as_bytes());
        assert_eq!(read(r#"{"a":[1,-1,1.5,null,true,"x",{"b":1}]}"#).unwrap().len(), 1);
        assert_eq!(read(r#"{"a":1,"a":1}"#), Err(NotStrict::Twice));
        assert_eq!(read(r#"{"a":1,"\u0061":1}"#), Err(NotStrict::Twice));
        assert_eq!(read(r#"{"a":[{"b":1,"b":2}]}"#), Err(NotStrict::Twice));
        assert_eq!(read("[]"), Err(NotStrict::NotAnObject));
        assert_eq!(read(r#"{"a":1}{}"#), Err(NotStrict::NotAnObject));
        assert_eq!(read(r#"{"a":1e999}"#), Err(NotStrict::NotAnObject));
        assert_eq!(read(&"[".repeat(100_000)), Err(NotStrict::NotAnObject));
    }
}
