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
    "accept-charset" "http.accept_charset";
    "accept-ranges" "http.accept_ranges";
    "access-control-allow-credentials" "http.access_control_allow_credentials";
    "access-control-allow-headers" "http.access_control_allow_headers";
    "access-control-allow-methods" "http.access_control_allow_methods";
    "access-control-allow-origin" "http.access_control_allow_origin";
    "access-control-expose-headers" "http.access_control_expose_headers";
    "access-control-max-age" "http.access_control_max_age";
    "access-control-request-headers" "http.access_control_request_headers";
    "access-control-request-method" "http.access_control_request_method";
    "age" "http.age";
    "allow" "http.allow";
    "alt-svc" "http.alt_svc";
    "content-disposition" "http.content_disposition";
    "content-language" "http.content_language";
    "content-location" "http.content_location";
    "content-range" "http.content_range";
    "content-security-policy" "http.content_security_policy";
    "dnt" "http.dnt";
    "etag" "http.etag";
    "expect" "http.expect";
    "expires" "http.expires";
    "forwarded" "http.forwarded";
    "from" "http.from";
    "if-match" "http.if_match";
    "if-modified-since" "http.if_modified_since";
    "if-none-match" "http.if_none_match";
    "if-range" "http.if_range";
    "if-unmodified-since" "http.if_unmodified_since";
    "keep-alive" "http.keep_alive";
    "link" "http.link";
    "max-forwards" "http.max_forwards";
    "origin" "http.origin";
    "p3p" "http.p3p";
    "pragma" "http.pragma";
    "priority" "http.priority";
    "proxy-connection" "http.proxy_connection";
    "range" "http.range";
    "referrer-policy" "http.referrer_policy";
    "retry-after" "http.retry_after";
    "sec-fetch-dest" "http.sec_fetch_dest";
    "sec-fetch-mode" "http.sec_fetch_mode";
    "sec-fetch-site" "http.sec_fetch_site";
    "sec-fetch-user" "http.sec_fetch_user";
    "strict-transport-security" "http.strict_transport_security";
    "te" "http.te";
    "trailer" "http.trailer_header";
    "upgrade-insecure-requests" "http.upgrade_insecure_requests";
    "vary" "http.vary";
    "via" "http.via";
    "warning" "http.warning";
    "x-cache" "http.x_cache";
    "x-content-type-options" "http.x_content_type_options";
    "x-forwarded-host" "http.x_forwarded_host";
    "x-forwarded-proto" "http.x_forwarded_proto";
    "x-frame-options" "http.x_frame_options";
    "x-powered-by" "http.x_powered_by";
    "x-real-ip" "http.x_real_ip";
    "x-requested-with" "http.x_requested_with";
    "x-xss-protection" "http.x_xss_protection";
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
        assert_eq!(field_of(b"X-Unheard-Of").name, "http.unknown_header");
    }
}
