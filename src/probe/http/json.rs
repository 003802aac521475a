//! A body as JSON: what stands at a pointer (RFC 6901).

use serde_json::Value;

use crate::model::check::Scalar;

/// Longest value that is told.
const SHOWN: usize = 48;

/// Whether `body` is JSON and holds `equals` at `pointer`, or anything at all when that is `None`.
///
/// # Errors
///
/// A sentence.
pub(super) fn judge(body: &[u8], pointer: &str, equals: Option<&Scalar>) -> Result<(), String> {
    if body.is_empty() {
        return Err("body is empty, it is not JSON".to_owned());
    }
    let whole: Value = serde_json::from_slice(body).map_err(|error| format!("body is not JSON: {error}"))?;
    let found = whole
        .pointer(pointer)
        .ok_or_else(|| format!("body has nothing at `{pointer}`"))?;
    let Some(wanted) = equals else {
        return Ok(());
    };
    if same(found, wanted) {
        return Ok(());
    }
    Err(format!(
        "`{pointer}` is {}, expected {}",
        short(found),
        match wanted {
            Scalar::Text(text) => short(&Value::from(text.as_str())),
            Scalar::Integer(number) => number.to_string(),
            Scalar::Number(number) => number.to_string(),
            Scalar::Boolean(yes) => yes.to_string(),
        }
    ))
}

/// JSON knows one kind of number: 1 and 1.0 are the same.
fn same(found: &Value, wanted: &Scalar) -> bool {
    match wanted {
        Scalar::Text(text) => found.as_str() == Some(text),
        Scalar::Boolean(yes) => found.as_bool() == Some(*yes),
        Scalar::Number(number) => found.as_f64() == Some(*number),
        Scalar::Integer(number) => match found.as_i64() {
            Some(found) => found == *number,
            None => found.as_f64() == Some(*number as f64),
        },
    }
}

fn short(value: &Value) -> String {
    let text = match value {
        Value::Object(_) => return "an object".to_owned(),
        Value::Array(_) => return "a list".to_owned(),
        other => other.to_string(),
    };
    let cut: String = text.chars().take(SHOWN).collect();
    if cut.len() < text.len() {
        format!("{cut}…")
    } else {
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"status": "ok", "n": 1, "x": 1.0, "yes": true, "a/b": [null, {"~": 2}], "big": 9007199254740993}"#;

    #[test]
    fn values_are_found_by_pointer_and_compared_as_json_does() {
        let text = |text: &str| Some(Scalar::Text(text.to_owned()));
        for (pointer, equals) in [
            ("/status", text("ok")),
            ("/status", None),
            ("/a~1b/0", None),
            ("/a~1b/1/~0", Some(Scalar::Integer(2))),
            ("/n", Some(Scalar::Number(1.0))),
            ("/x", Some(Scalar::Integer(1))),
            ("/yes", Some(Scalar::Boolean(true))),
            ("/big", Some(Scalar::Integer(9_007_199_254_740_993))),
        ] {
            assert_eq!(judge(BODY, pointer, equals.as_ref()), Ok(()), "{pointer}");
        }
        for (pointer, equals, told) in [
            ("/nothing", None, "body has nothing at `/nothing`"),
            ("/status", text("up"), "`/status` is \"ok\", expected \"up\""),
            ("/yes", text("true"), "`/yes` is true, expected \"true\""),
            ("/a~1b", Some(Scalar::Integer(1)), "`/a~1b` is a list, expected 1"),
            (
                "/a~1b/0",
                Some(Scalar::Boolean(false)),
                "`/a~1b/0` is null, expected false",
            ),
            (
                "/big",
                Some(Scalar::Integer(9_007_199_254_740_992)),
                "`/big` is 9007199254740993, expected 9007199254740992",
            ),
        ] {
            assert_eq!(judge(BODY, pointer, equals.as_ref()), Err(told.to_owned()));
        }
        assert!(judge(b"", "/a", None).unwrap_err().contains("empty"));
        assert!(
            judge(b"{\"a\": 1", "/a", None)
                .unwrap_err()
                .starts_with("body is not JSON: EOF")
        );
    }
}
