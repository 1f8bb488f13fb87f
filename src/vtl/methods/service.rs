//! `$input` and `$util`. (Guide, `api-gateway-mapping-template-reference`.)

use crate::jsonpath::Path;

use super::super::encode;
use super::super::evaluate::Evaluator;
use super::super::syntax::Method;
use super::super::value::{Fault, Key, Map, Text, Value};
use super::str_of;

impl<'r> Evaluator<'r> {
    pub(super) fn input_method(&mut self, method: Method, arguments: &[Value<'r>]) -> Result<Value<'r>, Fault> {
        match (method, arguments) {
            (Method::GetBody, []) => Ok(Value::borrowed(self.inputs.body.text())),
            // Constant paths were compiled with the template and never get here.
            (Method::Path | Method::Json, [path]) => {
                let path = self.text_of(path)?.into_owned();
                self.step(100 + path.len())?;
                let path = Path::parse(&path).map_err(|error| {
                    Fault::template(format!(
                        "the JSONPath {path:?} at its character {}: {}",
                        error.offset + 1,
                        error.message
                    ))
                })?;
                self.input_path(&path, method)
            }
            (Method::Params, []) => self.all_parameters(),
            (Method::Params, [_]) => {
                let value = str_of(arguments, 0).and_then(|name| self.inputs.parameters.named(name));
                Ok(value.map_or(Value::Null, Value::borrowed))
            }
            _ => Ok(Value::Null),
        }
    }

    fn all_parameters(&mut self) -> Result<Value<'r>, Fault> {
        let given = self.inputs.parameters;
        let mut all = Map::default();
        for (name, pairs) in [("path", given.path), ("querystring", given.querystring), ("header", given.header)] {
            let pairs = self.pairs(pairs)?;
            all.insert(Key::Text(Text::Borrowed(name)), Value::Object(pairs));
        }
        self.heap.map(all).map(Value::Object)
    }

    pub(super) fn util_method(&mut self, method: Method, arguments: &[Value<'r>]) -> Result<Value<'r>, Fault> {
        let [argument] = arguments else { return Ok(Value::Null) };
        let text = self.text_of(argument)?;
        self.step(text.len() / 16)?;
        let made = match method {
            Method::EscapeJavaScript => encode::escape_java_script(&text),
            Method::UrlEncode => encode::url_encode(&text),
            Method::UrlDecode => {
                encode::url_decode(&text).ok_or_else(|| Fault::template("the text is not URL-encoded"))?
            }
            Method::Base64Encode => encode::base64_encode(&text),
            Method::Base64Decode => {
                encode::base64_decode(&text).ok_or_else(|| Fault::template("the text is not base64"))?
            }
            Method::ParseJson => {
                let json = serde_json::from_str(&text);
                let json = json.map_err(|error| Fault::template(format!("the text is not JSON: {error}")))?;
                return self.heap.adopt(json);
            }
            _ => return Ok(Value::Null),
        };
        self.heap.text(&made)
    }
}
