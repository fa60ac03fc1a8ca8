//! Which header field has which name; all others are `http.unknown_header`.
//!
//! Names are Wireshark's where it has one. Field names of HTTP are compared without case (RFC 9110 section 5.1).

use crate::wire::Field;

macro_rules! headers {
    ($($header:literal $name:literal;)*) => {
        static TABLE: &[(&str, Field)] = &[$(($header, Field::new($name)),)*];
    };
}

headers! {
    "host" "http.host";
    "user-agent" "http.user_agent";
    "accept" "http.accept";
    "accept-language" "http.accept_language";
    "accept-encoding" "http.accept_encoding";
    "connection" "http.connection";
    "content-type" "http.content_type";
    "content-length" "http.content_length_header";
    "content-encoding" "http.content_encoding";
    "transfer-encoding" "http.transfer_encoding";
    "date" "http.date";
    "server" "http.server";
    "last-modified" "http.last_modified";
    "cache-control" "http.cache_control";
    "location" "http.location";
    "referer" "http.referer";
    "cookie" "http.cookie";
    "set-cookie" "http.set_cookie";
    "authorization" "http.authorization";
    "www-authenticate" "http.www_authenticate";
    "proxy-authenticate" "http.proxy_authenticate";
    "proxy-authorization" "http.proxy_authorization";
    "upgrade" "http.upgrade";
    "x-forwarded-for" "http.x_forwarded_for";
    "http2-settings" "http.http2_settings";
    "sec-websocket-accept" "http.sec_websocket_accept";
    "sec-websocket-extensions" "http.sec_websocket_extensions";
    "sec-websocket-key" "http.sec_websocket_key";
    "sec-websocket-protocol" "http.sec_websocket_protocol";
    "sec-websocket-version" "http.sec_websocket_version";
}

static UNKNOWN: Field = Field::new("http.unknown_header");

/// The field that holds the value of this header.
pub fn field_of(header: &[u8]) -> &'static Field {
    TABLE
        .iter()
        .find(|(known, _)| header.eq_ignore_ascii_case(known.as_bytes()))
        .map_or(&UNKNOWN, |(_, field)| field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter() {
        assert_eq!(field_of(b"HOST").name, "http.host");
        assert_eq!(field_of(b"X-Powered-By").name, "http.unknown_header");
    }
}
