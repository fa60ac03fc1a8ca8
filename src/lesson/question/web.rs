//! Questions about what the parts of HTTP messages are for: targets, fields, codes, the order of messages. RFC 9110, RFC 9112,
//! RFC 3986 section 3, RFC 6265 section 5.4.
//!
//! RFC 9113 section 5.1.1. Leaves out: lengths, hosts, connections (`http`).

use super::dice::Dice;
use super::draft::Draft;
use super::facts::Facts;
use super::http::message;
use crate::flow::Kind;

/// Texts that stand in options are at most so long.
const LONGEST: usize = 60;

fn plain(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The likeliest mistake, then all others; the one that is right is no mistake whoever calls it one.
fn among(draft: Draft, first: &'static str, all: [&'static str; 4]) -> Draft {
    all.into_iter().filter(|id| *id != first).fold(draft.not(first), Draft::not)
}

/// What of the target is the query.
pub fn query(p: &Facts, _: &mut Dice) -> Option<Draft> {
    message(p, Kind::HttpRequest)?;
    let uri = p.text("http.request.uri").filter(|uri| uri.starts_with('/') && plain(uri))?;
    let (path, query) = uri.split_once('?').filter(|(_, query)| !query.is_empty())?;
    if uri.contains('#') || query.contains('?') {
        return None;
    }
    let draft = Draft::new("http.query", p, &["http.request.method", "http.request.uri"])?
        .right(query.to_owned())
        .wrong(path.to_owned(), "query-is-path")
        .wrong(uri.clone(), "query-is-all");
    Some(match query.split_once('&') {
        Some((first, _)) if !first.is_empty() => draft.wrong(first.to_owned(), "query-first-only"),
        _ => draft,
    })
}

/// What the form of the target tells.
pub fn target(p: &Facts, _: &mut Dice) -> Option<Draft> {
    message(p, Kind::HttpRequest)?;
    let (method, uri) = (p.text("http.request.method")?, p.text("http.request.uri")?);
    let right = match &*uri {
        _ if method == "CONNECT" => "target-tunnel",
        uri if uri.starts_with('/') => "target-path",
        uri if uri.contains("://") => "target-proxy",
        _ => return None,
    };
    if uri.len() > 80 || uri.contains(' ') {
        return None;
    }
    let draft = Draft::new("http.target", p, &["http.request.method", "http.request.uri"])?.is(right);
    let first = if right == "target-path" { "target-proxy" } else { "target-path" };
    Some(among(draft, first, ["target-path", "target-proxy", "target-tunnel", "target-routers"]))
}

/// Who can read a request that nothing encrypts.
pub fn readable(p: &Facts, _: &mut Dice) -> Option<Draft> {
    message(p, Kind::HttpRequest)?;
    let uri = p.text("http.request.uri").filter(|uri| uri.len() <= 80)?;
    // What is asked of a proxy for a tunnel is not what is done in the tunnel.
    if p.text("http.request.method")? == "CONNECT" || uri.is_empty() {
        return None;
    }
    let fields = ["http.request.method", "http.request.uri", "tcp.dstport"];
    let draft = Draft::new("http.readable", p, &fields)?;
    Some(draft.is("read-by-all").not("read-by-server").not("read-with-key").not("read-by-routers"))
}

/// What a client returns of a cookie.
pub fn cookie_back(p: &Facts, _: &mut Dice) -> Option<Draft> {
    message(p, Kind::HttpResponse)?;
    let line = p.text("http.set_cookie").filter(|line| line.len() < 110)?;
    if p.count("http.set_cookie") != 1 {
        return None;
    }
    let (pair, attributes) = line.split_once(';').unwrap_or((&line, ""));
    let (name, value) = pair.trim().split_once('=')?;
    // A cookie for other paths and hosts, for TLS only, or for a time that may be over, need not come back.
    let kept = attributes.split(';').map(str::trim).filter(|a| !a.is_empty()).all(|attribute| {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        match &*name.trim().to_ascii_lowercase() {
            "path" => value.trim() == "/",
            "httponly" | "samesite" => true,
            _ => false,
        }
    });
    if !kept || attributes.is_empty() || !plain(pair.trim()) || name.is_empty() || value.is_empty() {
        return None;
    }
    Some(
        Draft::new("http.cookie-back", p, &["http.set_cookie"])?
            .right(pair.trim().to_owned())
            .wrong(line.clone(), "cookie-with-attributes")
            .wrong(value.to_owned(), "cookie-value-only")
            .wrong(super::draft::say("cookie-stays"), "cookie-stays"),
    )
}

/// How long a part is.
pub fn range_length(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let event = message(p, Kind::HttpResponse)?;
    if event.uint("code") != Some(206) {
        return None;
    }
    let range = event.text("content_range")?;
    let (span, all) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = span.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    if first > last || last > 1 << 40 {
        return None;
    }
    let draft = Draft::new("http.range-length", p, &["http.response.code"])?
        .show(p.number, "http.content_range", range.to_owned())
        .with("first", first)
        .with("last", last)
        .right(last - first + 1)
        .wrong(last - first, "range-end-left-out")
        .wrong(last, "range-is-last");
    Some(match all.parse::<u64>() {
        Ok(all) => draft.wrong(all, "range-is-all"),
        Err(_) => draft,
    })
}

/// What 304 leaves the client with.
pub fn not_modified(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let event = message(p, Kind::HttpResponse)?;
    if event.uint("code") != Some(304) {
        return None;
    }
    let draft = Draft::new("http.not-modified", p, &["http.response.code"])?;
    Some(draft.is("copy-own").not("copy-in-body").not("copy-empty").not("copy-elsewhere"))
}

/// What helps against 401.
pub fn denied(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let event = message(p, Kind::HttpResponse)?;
    if event.uint("code") != Some(401) {
        return None;
    }
    let draft = Draft::new("http.denied", p, &["http.response.code"])?.show(
        p.number,
        "http.www_authenticate",
        event.text("auth_scheme")?.to_owned(),
    );
    Some(draft.is("denied-say-who").not("denied-for-good").not("denied-wait").not("denied-elsewhere"))
}

/// Where an error lies, as its code is meant.
pub fn fault(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let event = message(p, Kind::HttpResponse)?;
    let right = match event.uint("code")? {
        400 | 404 | 405 | 406 | 411 | 412 | 413 | 414 | 415 | 416 | 417 | 422 | 428 | 431 => "fault-request",
        500 | 501 | 503 | 505 => "fault-server",
        502 | 504 => "fault-behind",
        _ => return None,
    };
    let draft = Draft::new("http.fault", p, &["http.response.code"])?.is(right);
    let first = if right == "fault-server" { "fault-behind" } else { "fault-server" };
    Some(among(draft, first, ["fault-request", "fault-server", "fault-behind", "fault-network"]))
}

/// What tells what a body is.
pub fn media_type(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let event = message(p, Kind::HttpResponse)?;
    p.text("http.content_type").filter(|kind| plain(&kind.replace(' ', "")))?;
    if event.uint("code") != Some(200) || p.count("http.content_type") != 1 {
        return None;
    }
    let draft = Draft::new("http.media-type", p, &["http.content_type"])?;
    Some(draft.is("type-by-field").not("type-by-name").not("type-by-accept").not("type-by-length"))
}

/// What comes after a change of protocol.
pub fn upgrade(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let mut heads = p.events.iter().filter(|e| e.kind == Kind::HttpResponse);
    let event = heads.next()?;
    let to = p.text("http.upgrade").filter(|to| to.eq_ignore_ascii_case("websocket"))?;
    if event.uint("code") != Some(101) || event.get("decrypted").is_some() || heads.next().is_some() {
        return None;
    }
    let draft = Draft::new("http.upgrade", p, &["http.response.code"])?.show(p.number, "http.upgrade", to);
    Some(draft.is("upgrade-goes-on").not("upgrade-http").not("upgrade-new").not("upgrade-tls"))
}

/// How an answer finds its request.
pub fn pair(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let event = message(p, Kind::HttpResponse)?;
    let request = event.uint("request_packet")?;
    let code = event.uint("code").filter(|code| *code >= 200)?;
    let at = event.uint("number")?;
    let draft = Draft::new("http.pair", p, &["http.response.code", "tcp.srcport", "tcp.dstport"])?
        .with("request", request)
        .with("at", at)
        .with("code", code);
    Some(draft.is("pair-by-order").not("pair-by-number").not("pair-by-ports").not("pair-by-uri"))
}

/// On which stream of HTTP/2 a response comes.
pub fn stream(p: &Facts, _: &mut Dice) -> Option<Draft> {
    // Of several requests in a packet the last: behind it the next number is free.
    let request = p.events.iter().rfind(|event| event.kind == Kind::HttpRequest)?;
    let stream = request.uint("stream_id").filter(|id| id % 2 == 1)?;
    Some(
        Draft::new("http2.stream", p, &[])?
            .show(p.number, "http2.streamid", stream.to_string())
            .right(stream)
            .wrong(stream + 1, "stream-of-server")
            .wrong(stream + 2, "stream-next")
            .wrong(0u64, "stream-connection"),
    )
}
