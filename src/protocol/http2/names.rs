//! Which header field has which name in the tree.
//!
//! Names are Wireshark's. RFC 9113 section 8.2: names of fields are in small letters; 8.3: those that begin with a colon
//! say what HTTP/1 has in its first line.

use crate::wire::Field;

macro_rules! names {
    ($($header:literal $name:literal;)*) => {
        static TABLE: &[(&str, Field)] = &[$(($header, Field::new($name)),)*];
    };
}

names! {
    ":authority" "http2.headers.authority";
    ":method" "http2.headers.method";
    ":path" "http2.headers.path";
    ":scheme" "http2.headers.scheme";
    ":status" "http2.headers.status";
    "accept" "http2.headers.accept";
    "accept-charset" "http2.headers.accept_charset";
    "accept-encoding" "http2.headers.accept_encoding";
    "accept-language" "http2.headers.accept_language";
    "accept-ranges" "http2.headers.accept_ranges";
    "access-control-allow-origin" "http2.headers.access_control_allow_origin";
    "age" "http2.headers.age";
    "allow" "http2.headers.allow";
    "authorization" "http2.headers.authorization";
    "cache-control" "http2.headers.cache_control";
    "content-disposition" "http2.headers.content_disposition";
    "content-encoding" "http2.headers.content_encoding";
    "content-language" "http2.headers.content_language";
    "content-length" "http2.headers.content_length";
    "content-location" "http2.headers.content_location";
    "content-range" "http2.headers.content_range";
    "content-type" "http2.headers.content_type";
    "cookie" "http2.headers.cookie";
    "date" "http2.headers.date";
    "etag" "http2.headers.etag";
    "expect" "http2.headers.expect";
    "expires" "http2.headers.expires";
    "from" "http2.headers.from";
    "if-match" "http2.headers.if_match";
    "if-modified-since" "http2.headers.if_modified_since";
    "if-none-match" "http2.headers.if_none_match";
    "if-range" "http2.headers.if_range";
    "if-unmodified-since" "http2.headers.if_unmodified_since";
    "last-modified" "http2.headers.last_modified";
    "link" "http2.headers.link";
    "location" "http2.headers.location";
    "max-forwards" "http2.headers.max_forwards";
    "proxy-authenticate" "http2.headers.proxy_authenticate";
    "proxy-authorization" "http2.headers.proxy_authorization";
    "range" "http2.headers.range";
    "referer" "http2.headers.referer";
    "refresh" "http2.headers.refresh";
    "retry-after" "http2.headers.retry_after";
    "server" "http2.headers.server";
    "set-cookie" "http2.headers.set_cookie";
    "strict-transport-security" "http2.headers.strict_transport_security";
    "user-agent" "http2.headers.user_agent";
    "vary" "http2.headers.vary";
    "via" "http2.headers.via";
    "www-authenticate" "http2.headers.www_authenticate";
}

/// The field that holds the value of this header, where it has one of its own.
pub(super) fn field_of(header: &[u8]) -> Option<&'static Field> {
    TABLE.iter().find(|(name, _)| name.as_bytes() == header).map(|(_, field)| field)
}

/// Whether its value is a number.
pub(super) fn is_number(header: &[u8]) -> bool {
    matches!(header, b":status" | b"age" | b"content-length" | b"max-forwards")
}
