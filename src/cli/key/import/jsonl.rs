//! Lines of JSON, an object each.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::domain::import::{Field, Refused};

use super::record::{Given, Record};

/// What a line says; `null` is as if the field were not there.
pub(super) fn read(line: &str) -> Result<Record, Refused> {
    // What serde_json has to say of a line may quote it.
    let object: Object = serde_json::from_str(line).map_err(|_| Refused::line("it is no JSON object"))?;
    object.0
}

/// The first thing that is wrong with an object that is JSON, or what it says.
struct Object(Result<Record, Refused>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Fields).map(Self)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Result<Record, Refused>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut record = Ok(Record::default());
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            let Some(field) = Field::named(&name) else {
                map.next_value::<IgnoredAny>()?;
                record = record.and(Err(Refused::line("it has a field that is none of a key's")));
                continue;
            };
            let value = map.next_value()?;
            record = record.and_then(|mut record| {
                if let Some(given) = given(field, value)? {
                    record.give(field, given)?;
                }
                Ok(record)
            });
        }
        Ok(record)
    }
}

fn given(field: Field, value: Value) -> Result<Option<Given>, Refused> {
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::String(text) => Given::Text(Zeroizing::new(text)),
        Value::Bool(flag) => Given::Flag(flag),
        Value::Number(number) => {
            Given::Number(number.as_i64().ok_or(field.refused("it is no whole number"))?)
        }
        Value::Array(items) => {
            let text = |item| match item {
                Value::String(text) => Ok(Zeroizing::new(text)),
                _ => Err(field.refused("it is a list of something else than texts")),
            };
            Given::List(items.into_iter().map(text).collect::<Result<_, _>>()?)
        }
        Value::Object(_) => return Err(field.refused("it is an object")),
    }))
}
