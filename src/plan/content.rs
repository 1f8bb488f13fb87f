//! Text and binary bodies: what `contentHandling` and `binaryMediaTypes` make of one.
//!
//! The tables are the guide's, `api-gateway-payload-encodings-workflow`. An API that has neither converts nothing and
//! does not look into its bodies; there AWS takes them for UTF-8 and replaces what is not.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

/// An API's `binaryMediaTypes`, sorted by what they match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BinaryMediaTypes {
    /// `*/*`
    all: bool,
    /// `image` of `image/*`, in lower case.
    kinds: Vec<Box<str>>,
    /// `image/png`, in lower case.
    types: Vec<Box<str>>,
}

/// An entry of `binaryMediaTypes` that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMediaType;

impl BinaryMediaTypes {
    /// # Errors
    /// [`NoMediaType`] for what is not `type/subtype`.
    pub fn insert(&mut self, media_type: &str) -> Result<(), NoMediaType> {
        let (kind, subtype) = media_type.split_once('/').ok_or(NoMediaType)?;
        let token = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic() && !b",;/".contains(&byte))
        };
        if !token(kind) || !token(subtype) || kind == "*" && subtype != "*" {
            return Err(NoMediaType);
        }
        match (kind, subtype) {
            ("*", _) => self.all = true,
            (kind, "*") => self.kinds.push(kind.to_ascii_lowercase().into()),
            _ => self.types.push(media_type.to_ascii_lowercase().into()),
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        !self.all && self.kinds.is_empty() && self.types.is_empty()
    }

    /// Whether a media type without parameters is one of them.
    pub fn contains(&self, media_type: &[u8]) -> bool {
        let kind = media_type.split(|byte| *byte == b'/').next().unwrap_or(media_type);
        self.all
            || self.kinds.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(kind))
            || self.types.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(media_type))
    }
}

/// `contentHandling`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentHandling {
    ConvertToBinary,
    ConvertToText,
}

/// What a body is, for those who read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    Text,
    /// No template can read it.
    Binary,
}

impl Payload {
    pub fn of(is_binary: bool) -> Payload {
        if is_binary { Payload::Binary } else { Payload::Text }
    }
}

/// What is done to a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    None,
    /// What is not UTF-8 becomes U+FFFD.
    Utf8,
    ToBase64,
    FromBase64,
}

/// A request's body on its way to the integration: the conversion, and what comes of it.
pub fn of_request(body: Payload, handling: Option<ContentHandling>) -> (Conversion, Payload) {
    match (body, handling) {
        (Payload::Text, None | Some(ContentHandling::ConvertToText)) => (Conversion::Utf8, Payload::Text),
        (Payload::Text, Some(ContentHandling::ConvertToBinary)) => (Conversion::FromBase64, Payload::Binary),
        (Payload::Binary, None | Some(ContentHandling::ConvertToBinary)) => (Conversion::None, Payload::Binary),
        (Payload::Binary, Some(ContentHandling::ConvertToText)) => (Conversion::ToBase64, Payload::Text),
    }
}

/// An integration's answer on its way to a client that accepts text or binary data.
pub fn of_response(body: Payload, accept: Payload, handling: Option<ContentHandling>) -> (Conversion, Payload) {
    let wanted = match handling {
        Some(ContentHandling::ConvertToBinary) => Payload::Binary,
        Some(ContentHandling::ConvertToText) => Payload::Text,
        None => accept,
    };
    let conversion = match (body, wanted) {
        (Payload::Text, Payload::Text) => Conversion::Utf8,
        (Payload::Text, Payload::Binary) => Conversion::FromBase64,
        (Payload::Binary, Payload::Text) => Conversion::ToBase64,
        (Payload::Binary, Payload::Binary) => Conversion::None,
    };
    (conversion, wanted)
}

/// Text that should become binary data is not base64: AWS answers 500, "an API configuration error".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBase64;

/// As Java's `Base64.getDecoder()` takes it: the padding may be missing, line ends and spaces are none of it.
const DECODER: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Conversion {
    /// # Errors
    /// [`NotBase64`]
    pub fn apply(self, body: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>, NotBase64> {
        match self {
            Conversion::None => Ok(body),
            Conversion::Utf8 if std::str::from_utf8(&body).is_ok() => Ok(body),
            Conversion::Utf8 => Ok(Cow::Owned(String::from_utf8_lossy(&body).into_owned().into_bytes())),
            Conversion::ToBase64 => Ok(Cow::Owned(STANDARD.encode(&body).into_bytes())),
            Conversion::FromBase64 => DECODER.decode(&body).map(Cow::Owned).map_err(|_| NotBase64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ContentHandling::{ConvertToBinary, ConvertToText};
    use super::*;

    #[test]
    fn media_types() {
        #[track_caller]
        fn check(types: &[&str], media_type: &str, expected: bool) {
            let mut known = BinaryMediaTypes::default();
            for media_type in types {
                assert_eq!(known.insert(media_type), Ok(()), "{media_type}");
            }
            assert_eq!(known.contains(media_type.as_bytes()), expected, "{media_type} in {types:?}");
        }
        check(&[], "image/png", false);
        check(&["image/png"], "image/png", true);
        check(&["Image/PNG"], "IMAGE/png", true);
        check(&["image/png"], "image/jpeg", false);
        check(&["image/*"], "image/jpeg", true);
        check(&["image/*"], "image/*", true);
        check(&["image/*"], "imagery/jpeg", false);
        check(&["image/png"], "image/*", false);
        check(&["image/*"], "*/*", false);
        check(&["*/*"], "*/*", true);
        check(&["*/*"], "application/json", true);
        check(&["a/b", "*/*"], "", true);
        check(&["image/*"], "", false);
        for odd in ["", "image", "image/", "/png", "*/png", "image/png; q=1", "a/b/c", "a, b/c", "im age/png"] {
            assert_eq!(BinaryMediaTypes::default().insert(odd), Err(NoMediaType), "{odd:?}");
        }
    }

    /// `gzip` data, its base64, and a text: what AWS's recordings were made with.
    const RAW: &[u8] = b"\x1f\x8b\x08\x00\x14l\xeec";
    const ENCODED: &[u8] = b"H4sIABRs7mM=";
    const TEXT: &[u8] = b"this is a UTF8 text typed object";

    type Outcome = Result<&'static [u8], NotBase64>;
    const REPLACED: Outcome = Ok("\x1f\u{FFFD}\x08\x00\x14l\u{FFFD}c".as_bytes());

    fn applied(conversion: Conversion, bodies: [&[u8]; 3]) -> [Result<Vec<u8>, NotBase64>; 3] {
        bodies.map(|body| conversion.apply(Cow::Borrowed(body)).map(Cow::into_owned))
    }

    #[track_caller]
    fn expect(conversion: Conversion, expected: [Outcome; 3]) {
        assert_eq!(applied(conversion, [RAW, ENCODED, TEXT]), expected.map(|outcome| outcome.map(<[u8]>::to_vec)));
    }

    const FAILS: Outcome = Err(NotBase64);
    const SAME: [Outcome; 3] = [Ok(RAW), Ok(ENCODED), Ok(TEXT)];
    const AS_TEXT: [Outcome; 3] = [REPLACED, Ok(ENCODED), Ok(TEXT)];
    const DECODED: [Outcome; 3] = [FAILS, Ok(RAW), FAILS];
    const IN_BASE64: [Outcome; 3] =
        [Ok(ENCODED), Ok(b"SDRzSUFCUnM3bU09"), Ok(b"dGhpcyBpcyBhIFVURjggdGV4dCB0eXBlZCBvYmplY3Q=")];

    /// The guide's first table, with the outcomes that LocalStack's recordings of the service have.
    #[test]
    fn requests() {
        #[track_caller]
        fn check(body: Payload, handling: Option<ContentHandling>, expected: [Outcome; 3], becomes: Payload) {
            let (conversion, payload) = of_request(body, handling);
            assert_eq!(payload, becomes);
            expect(conversion, expected);
        }
        check(Payload::Text, None, AS_TEXT, Payload::Text);
        check(Payload::Text, Some(ConvertToBinary), DECODED, Payload::Binary);
        check(Payload::Text, Some(ConvertToText), AS_TEXT, Payload::Text);
        check(Payload::Binary, None, SAME, Payload::Binary);
        check(Payload::Binary, Some(ConvertToBinary), SAME, Payload::Binary);
        check(Payload::Binary, Some(ConvertToText), IN_BASE64, Payload::Text);
    }

    /// The guide's second table, likewise.
    #[test]
    fn responses() {
        #[track_caller]
        fn check(body: Payload, accept: Payload, handling: Option<ContentHandling>, expected: [Outcome; 3]) {
            expect(of_response(body, accept, handling).0, expected);
        }
        use Payload::{Binary, Text};
        check(Text, Text, None, AS_TEXT);
        check(Text, Text, Some(ConvertToBinary), DECODED);
        check(Text, Text, Some(ConvertToText), AS_TEXT);
        check(Text, Binary, None, DECODED);
        check(Text, Binary, Some(ConvertToBinary), DECODED);
        check(Text, Binary, Some(ConvertToText), AS_TEXT);
        check(Binary, Text, None, IN_BASE64);
        check(Binary, Text, Some(ConvertToBinary), SAME);
        check(Binary, Text, Some(ConvertToText), IN_BASE64);
        check(Binary, Binary, None, SAME);
        check(Binary, Binary, Some(ConvertToBinary), SAME);
        check(Binary, Binary, Some(ConvertToText), IN_BASE64);
    }

    #[test]
    fn base64_as_java_reads_it() {
        let decoded = |text: &str| Conversion::FromBase64.apply(Cow::Borrowed(text.as_bytes())).map(Cow::into_owned);
        assert_eq!(decoded("YQ=="), Ok(b"a".to_vec()));
        assert_eq!(decoded("YQ"), Ok(b"a".to_vec()));
        assert_eq!(decoded(""), Ok(Vec::new()));
        for odd in ["Y", "YQ==\r\n", "Y Q==", "YQ==YQ==", "_-8="] {
            assert_eq!(decoded(odd), Err(NotBase64), "{odd:?}");
        }
    }
}
