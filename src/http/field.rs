//! Field names that mean something to a proxy, and the lists in their values.

/// What a proxy must know of a field by its name. Everything else is [`FieldKind::Other`] and passes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    Connection,
    ContentLength,
    ContentType,
    Date,
    Expect,
    Forwarded,
    Host,
    /// Meant for the next hop only, and dropped: `Keep-Alive`, `Proxy-*`, `Upgrade`, `HTTP2-Settings`.
    HopByHop,
    Te,
    Trailer,
    TransferEncoding,
    UserAgent,
    Via,
    XForwardedFor,
    XForwardedHost,
    XForwardedPort,
    XForwardedProto,
    /// Names that only a gateway may set: `x-amzn-requestid`, `x-amzn-apigateway-*`, `x-amzn-remapped-*`, `x-apigateway-*`.
    GatewayOwned,
    Other,
}

impl FieldKind {
    /// By name, in any case.
    #[inline]
    pub fn of(name: &str) -> FieldKind {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match name.len() {
            2 if is("te") => FieldKind::Te,
            3 if is("via") => FieldKind::Via,
            4 if is("host") => FieldKind::Host,
            4 if is("date") => FieldKind::Date,
            6 if is("expect") => FieldKind::Expect,
            7 if is("upgrade") => FieldKind::HopByHop,
            7 if is("trailer") => FieldKind::Trailer,
            9 if is("forwarded") => FieldKind::Forwarded,
            10 if is("connection") => FieldKind::Connection,
            10 if is("user-agent") => FieldKind::UserAgent,
            10 if is("keep-alive") => FieldKind::HopByHop,
            12 if is("content-type") => FieldKind::ContentType,
            14 if is("content-length") => FieldKind::ContentLength,
            14 if is("http2-settings") => FieldKind::HopByHop,
            15 if is("x-forwarded-for") => FieldKind::XForwardedFor,
            16 if is("proxy-connection") => FieldKind::HopByHop,
            16 if is("x-forwarded-host") => FieldKind::XForwardedHost,
            16 if is("x-forwarded-port") => FieldKind::XForwardedPort,
            17 if is("transfer-encoding") => FieldKind::TransferEncoding,
            17 if is("x-forwarded-proto") => FieldKind::XForwardedProto,
            18 if is("proxy-authenticate") => FieldKind::HopByHop,
            19 if is("proxy-authorization") => FieldKind::HopByHop,
            16.. if is("x-amzn-requestid") || gateway_owned(name) => FieldKind::GatewayOwned,
            _ => FieldKind::Other,
        }
    }
}

fn gateway_owned(name: &str) -> bool {
    ["x-amzn-apigateway-", "x-amzn-remapped-", "x-apigateway-"].iter().any(|prefix| {
        name.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    })
}

/// The members of a comma-separated value, trimmed; empty ones are left out. (RFC 9110, 5.6.1.)
pub fn list_members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

/// A token of RFC 9110, 5.6.2.
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_token_byte(*byte))
}

pub fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether two names are alike but for `-` being spelt `_` or `.`: servers that follow CGI's naming cannot tell
/// such twins apart, so that a client could set what only the gateway may set.
pub fn is_twin(name: &str, gateway_name: &str) -> bool {
    let fold = |byte: u8| if matches!(byte, b'_' | b'.') { b'-' } else { byte.to_ascii_lowercase() };
    name.len() == gateway_name.len()
        && !name.eq_ignore_ascii_case(gateway_name)
        && name.bytes().zip(gateway_name.bytes()).all(|(left, right)| fold(left) == fold(right))
}

/// Whether a field may stand in a trailer section: nothing that frames, routes or authenticates, nor is taken for it by who
/// makes no difference between `_` and `-`. (RFC 9110, 6.5.1.)
pub fn allowed_in_trailer(name: &str) -> bool {
    const REFUSED: [&str; 12] = [
        "authorization",
        "cache-control",
        "content-encoding",
        "content-range",
        "content-type",
        "cookie",
        "max-forwards",
        "range",
        "set-cookie",
        "www-authenticate",
        "x-api-key",
        "x-amz-security-token",
    ];
    let is_plain = FieldKind::of(name) == FieldKind::Other && !name.contains(['_', '.']);
    is_plain && !REFUSED.iter().any(|refused| name.eq_ignore_ascii_case(refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_name() {
        #[track_caller]
        fn check(name: &str, expected: FieldKind) {
            assert_eq!(FieldKind::of(name), expected, "{name}");
        }
        check("HOST", FieldKind::Host);
        check("Transfer-Encoding", FieldKind::TransferEncoding);
        check("upgrade", FieldKind::HopByHop);
        check("X-Amzn-RequestId", FieldKind::GatewayOwned);
        check("x-amzn-apigateway-api-id", FieldKind::GatewayOwned);
        check("X-Amzn-Remapped-Host", FieldKind::GatewayOwned);
        check("X-Amzn-Trace-Id", FieldKind::Other);
        check("x-api-key", FieldKind::Other);
        check("", FieldKind::Other);
    }

    #[test]
    fn twins() {
        assert!(is_twin("X_Forwarded_For", "x-forwarded-for"));
        assert!(is_twin("x.gw", "x-gw"));
        assert!(!is_twin("X-Gw", "x-gw"));
        assert!(!is_twin("x_gv", "x-gw"));
    }

    #[test]
    fn members_of_lists() {
        let members: Vec<_> = list_members(b" a,, b\t,c ").collect();
        assert_eq!(members, [&b"a"[..], b"b", b"c"]);
    }
}
