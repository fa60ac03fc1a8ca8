//! Questions about HTTP/1. RFC 9110, RFC 9112.
//!
//! Leaves out: HTTP/2, what was decrypted.

use super::dice::Dice;
use super::draft::Draft;
use super::facts::Facts;
use crate::flow::{Datum, Event, Kind};

/// The one request or response of a packet that is to be read by everyone.
pub(super) fn message(p: &Facts, kind: Kind) -> Option<&Event> {
    let mut heads = p.events.iter().filter(|e| matches!(e.kind, Kind::HttpRequest | Kind::HttpResponse));
    let (first, more) = (heads.next()?, heads.next());
    let plain = first.get("decrypted").is_none() && first.get("stream_id").is_none();
    (more.is_none() && first.kind == kind && plain && first.get("ambiguous_length").is_none())
        .then_some(first)
}

/// What kind of news a status is.
pub fn status_class(p: &Facts, _: &mut Dice) -> Option<Draft> {
    message(p, Kind::HttpResponse)?;
    let right = match p.uint("http.response.code")? / 100 {
        2 => "class-success",
        3 => "class-redirect",
        4 => "class-client",
        5 => "class-server",
        _ => return None,
    };
    let draft = Draft::new("http.status-class", p, &["http.response.code"])?.is(right);
    let first = if right == "class-client" { "class-server" } else { "class-client" };
    let all = ["class-success", "class-redirect", "class-client", "class-server"];
    Some(all.into_iter().filter(|id| *id != first).fold(draft.not(first), Draft::not))
}

/// Whether a request may be repeated without asking.
pub fn method_meaning(p: &Facts, _: &mut Dice) -> Option<Draft> {
    message(p, Kind::HttpRequest)?;
    let method = p.text("http.request.method")?;
    let draft = Draft::new("http.method-meaning", p, &["http.request.method"])?;
    Some(match &*method {
        "GET" | "HEAD" | "OPTIONS" => {
            draft.is("method-safe").not("method-idempotent").not("method-neither").not("method-secret")
        }
        "PUT" | "DELETE" => {
            draft.is("method-idempotent").not("method-safe").not("method-neither").not("method-secret")
        }
        "POST" | "PATCH" => {
            draft.is("method-neither").not("method-idempotent").not("method-safe").not("method-secret")
        }
        _ => return None,
    })
}

/// A message with a body whose length its head gives, and the length of the head: it lies in this packet alone.
fn measured(p: &Facts) -> Option<(u64, u64)> {
    let event = message(p, Kind::HttpResponse).or_else(|| message(p, Kind::HttpRequest))?;
    let length = event.uint("content_length").filter(|n| (1..1 << 40).contains(n))?;
    let code = event.uint("code").unwrap_or(200);
    let body = event.text("method") != Some("HEAD") && code >= 200 && code != 204 && code != 304;
    let head = p.head_length()?;
    (body && event.get("chunked") == Some(&Datum::Flag(false)) && event.get("upgrade").is_none())
        .then_some((length, head))
        .filter(|_| event.kind == Kind::HttpRequest || event.get("method").is_some())
}

/// How long the body is.
pub fn body_length(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let (length, head) = measured(p)?;
    let draft = Draft::new("http.body-length", p, &["http.content_length_header"])?
        .show(p.number, "http head bytes", head.to_string())
        .right(length);
    let draft = if length > head { draft.wrong(length - head, "length-counts-head") } else { draft };
    Some(draft.wrong(length + head, "length-plus-head").wrong(p.uint("tcp.len")?, "length-of-segment"))
}

/// How much of the stream a message takes up.
pub fn message_length(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let (length, head) = measured(p)?;
    let header = p.uint("tcp.hdr_len")?;
    Some(
        Draft::new("http.message-length", p, &["http.content_length_header"])?
            .show(p.number, "http head bytes", head.to_string())
            .right(head + length)
            .wrong(length, "length-is-all")
            .wrong(head + length + header, "header-counted")
            .wrong(head + length + 4, "blank-line-twice"),
    )
}

/// Whether the connection goes on.
pub fn connection(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let event = message(p, Kind::HttpResponse)?;
    let version = p.text("http.response.version")?;
    let given = p.text("http.connection").unwrap_or_default();
    let tokens: Vec<String> = given.split(',').map(|token| token.trim().to_ascii_lowercase()).collect();
    let has = |token: &str| tokens.iter().any(|t| t == token);
    let code = event.uint("code")?;
    if event.get("upgrade").is_some()
        || has("upgrade")
        || code < 200
        || event.text("method") == Some("CONNECT")
    {
        return None;
    }
    let until_close = event.get("until_close") == Some(&Datum::Flag(true));
    let draft = Draft::new("http.connection", p, &["http.response.version"])?;
    let draft = if given.is_empty() {
        draft.show(p.number, "http.connection", "–")
    } else {
        draft.show(p.number, "http.connection", given)
    };
    match (&*version, has("close"), has("keep-alive")) {
        ("HTTP/1.1", true, false) => {
            Some(draft.is("conn-close-said").not("conn-stays").not("conn-client-only").not("conn-forever"))
        }
        ("HTTP/1.1", false, _) if !until_close => {
            Some(draft.is("conn-stays").not("conn-close-always").not("conn-close-said").not("conn-forever"))
        }
        ("HTTP/1.0", false, true) if !until_close => {
            Some(draft.is("conn-kept-said").not("conn-old-closes").not("conn-forever").not("conn-close-said"))
        }
        ("HTTP/1.0", _, false) => {
            Some(draft.is("conn-old-closes").not("conn-stays").not("conn-kept-said").not("conn-forever"))
        }
        _ => None,
    }
}

/// A host's name in a request, with the port taken off.
fn host(p: &Facts) -> Option<String> {
    message(p, Kind::HttpRequest)?;
    let host = p.text("http.host").filter(|_| p.count("http.host") == 1)?;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    (!host.is_empty() && host.len() < 60 && host.chars().all(good)).then_some(host)
}

/// The field with the address that a packet goes to.
fn to(p: &Facts) -> &'static str {
    if p.has("ip.dst") { "ip.dst" } else { "ipv6.dst" }
}

/// What Host is for.
pub fn host_for(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let host = host(p)?;
    // An address names no site.
    if !host.chars().any(|c| c.is_ascii_alphabetic()) {
        return None;
    }
    // A proxy is asked with whole addresses, and chooses nothing by the name.
    if !p.text("http.request.uri")?.starts_with('/') {
        return None;
    }
    let draft = Draft::new("http.host", p, &["http.host"])?.show(p.number, to(p), p.text(to(p))?);
    let draft = draft.with("dst", p.text(to(p))?);
    Some(draft.is("host-chooses-site").not("host-for-dns").not("host-for-router").not("host-of-client"))
}

/// Which address the browser shows.
pub fn url(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let host = host(p)?;
    let uri = p.text("http.request.uri").filter(|uri| uri.starts_with('/') && uri.len() < 60)?;
    let (ip, port) = (p.text(to(p))?, p.uint("tcp.dstport")?);
    if p.text("http.request.method")? == "CONNECT" || host == ip || host.starts_with(&format!("{ip}:")) {
        return None;
    }
    let fields = ["http.request.method", "http.request.uri", "http.host", "tcp.dstport"];
    let in_brackets = if ip.contains(':') { format!("[{ip}]") } else { ip.clone() };
    let mut draft = Draft::new("http.url", p, &fields)?
        .show(p.number, to(p), ip)
        .right(format!("http://{host}{uri}"))
        .wrong(format!("http://{in_brackets}{uri}"), "url-by-address")
        .wrong(format!("https://{host}{uri}"), "url-https");
    if uri != "/" {
        draft = draft.wrong(format!("http://{host}/"), "url-without-path");
    }
    if !host.contains(':') && port != 80 {
        draft = draft.wrong(format!("http://{host}:{port}{uri}"), "url-with-tcp-port");
    }
    Some(draft)
}

/// What a client does after a redirect.
pub fn redirect(p: &Facts, _: &mut Dice) -> Option<Draft> {
    message(p, Kind::HttpResponse)?;
    let code = p.uint("http.response.code").filter(|code| matches!(code, 301 | 302 | 303 | 307 | 308))?;
    let location = p.text("http.location").filter(|l| !l.is_empty() && l.len() < 80)?;
    Some(
        Draft::new("http.redirect", p, &["http.response.code", "http.location"])?
            .with("code", code)
            .with("location", location)
            .is("redirect-follow")
            .not("redirect-again")
            .not("redirect-server-fetches")
            .not("redirect-error"),
    )
}
