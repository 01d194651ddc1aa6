//! acceptance.json: an object whose last key, `sha256`, seals the rest. It knows nothing of what it holds.
//!
//! The seal is the SHA-256 of the object without that key, written with keys in order and no white space. Numbers have four decimals at
//! the most, so that every language writes them alike.

use lungglass::hash::sha256;
use serde::Serialize;
use serde_json::{Map, Number, Value};

/// The key of the seal.
pub const SEAL: &str = "sha256";

/// `content` as an object with its seal, and the seal.
///
/// # Errors
/// When it is no object.
pub fn sealed(content: &impl Serialize) -> Result<(Value, String), String> {
    let value = serde_json::to_value(content).map_err(|error| error.to_string())?;
    let Value::Object(mut object) = rounded(value) else {
        return Err("it is no object".to_string());
    };
    let seal = seal(&object)?;
    object.insert(SEAL.to_string(), Value::String(seal.clone()));
    Ok((Value::Object(object), seal))
}

/// The object of a file, if its seal fits; else what is wrong with it.
pub fn opened(text: &[u8]) -> Result<Map<String, Value>, String> {
    let value: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let Value::Object(mut object) = value else { return Err("it is no acceptance test".to_string()) };
    let Some(Value::String(found)) = object.remove(SEAL) else { return Err("it has no seal".to_string()) };
    match seal(&object) {
        Ok(expected) if expected == found => Ok(object),
        _ => Err("it was changed after it was made: its seal (sha256) does not fit".to_string()),
    }
}

fn seal(object: &Map<String, Value>) -> Result<String, String> {
    let text = serde_json::to_vec(object).map_err(|error| error.to_string())?;
    Ok(sha256(&text))
}

/// The value with four decimals at the most.
fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let exact = number.as_f64().unwrap_or_default();
            let short = (exact * 1e4).round() / 1e4;
            // No -0.0, which not every language writes.
            Number::from_f64(if short == 0.0 { 0.0 } else { short }).map_or(Value::Null, Value::Number)
        }
        Value::Array(values) => values.into_iter().map(rounded).collect(),
        Value::Object(object) => object.into_iter().map(|(key, value)| (key, rounded(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_breaks_the_seal_and_white_space_does_not() {
        let (value, seal) =
            sealed(&json!({ "b": [0.12345, -0.00001, 3], "a": { "text": "ü \"x\"", "none": null } })).unwrap();
        // Python: sha256(json.dumps(object, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
        assert_eq!(seal, sha256("{\"a\":{\"none\":null,\"text\":\"ü \\\"x\\\"\"},\"b\":[0.1235,0.0,3]}".as_bytes()));
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        assert!(opened(pretty.as_bytes()).is_ok());
        assert!(opened(pretty.replace("0.1235", "0.2235").as_bytes()).unwrap_err().contains("changed"));
        assert!(opened(b"{\"a\":1}").unwrap_err().contains("no seal"));
        assert!(opened(b"[]").is_err() && opened(b"{").is_err());
    }
}
