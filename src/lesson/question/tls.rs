//! Questions about TLS. RFC 8446, RFC 5246, RFC 6066 section 3.

use super::dice::Dice;
use super::draft::Draft;
use super::facts::Facts;
use crate::flow::{Datum, Event, Kind};

fn hello(p: &Facts, kind: Kind) -> Option<&Event> {
    p.event(kind).filter(|event| event.get("decrypted").is_none())
}

fn name(number: u64) -> Option<&'static str> {
    Some(match number {
        0x0304 => "TLS 1.3",
        0x0303 => "TLS 1.2",
        0x0302 => "TLS 1.1",
        0x0301 => "TLS 1.0",
        _ => return None,
    })
}

/// Which version it is.
pub fn version(p: &Facts, _: &mut Dice) -> Option<Draft> {
    hello(p, Kind::TlsServerHello)?;
    let legacy = p.uint("tls.handshake.version")?;
    let chosen = p.uint("tls.handshake.extensions.supported_version");
    let right = name(chosen.unwrap_or(legacy))?;
    let draft = Draft::new("tls.version", p, &["tls.record.version", "tls.handshake.version"])?;
    let draft = match chosen {
        Some(chosen) => {
            draft.show(p.number, "tls.handshake.extensions.supported_version", format!("0x{chosen:04x}"))
        }
        None => draft.show(p.number, "tls.handshake.extensions.supported_version", "–"),
    };
    let draft = draft.right(right.to_owned());
    Some(if chosen.is_some() {
        draft
            .wrong("TLS 1.2".to_owned(), "version-legacy")
            .wrong("TLS 1.0".to_owned(), "version-record")
            .wrong("TLS 1.1".to_owned(), "version-none")
    } else {
        draft
            .wrong("TLS 1.3".to_owned(), "version-newest")
            .wrong("TLS 1.1".to_owned(), "version-none")
            .wrong("TLS 1.0".to_owned(), "version-none")
    })
}

/// A ClientHello that names its server in clear.
fn named(p: &Facts) -> Option<String> {
    let event = hello(p, Kind::TlsClientHello)?;
    let Some(Datum::Text(_)) = event.get("server_name") else { return None };
    let name = p.text("tls.handshake.extensions_server_name")?;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let encrypted = p.uints("tls.handshake.extension.type").contains(&0xfe0d);
    (!encrypted && !name.is_empty() && name.len() < 60 && name.chars().all(good)).then_some(name)
}

/// What everyone can read.
pub fn readable(p: &Facts, _: &mut Dice) -> Option<Draft> {
    named(p)?;
    let field = ["tls.handshake.extensions_server_name"];
    let draft = Draft::new("tls.readable", p, &field)?;
    Some(draft.is("reads-name").not("reads-path").not("reads-nothing").not("reads-cookies"))
}

/// What the name in a ClientHello is for.
pub fn sni(p: &Facts, _: &mut Dice) -> Option<Draft> {
    named(p)?;
    let field = ["tls.handshake.extensions_server_name"];
    let draft = Draft::new("tls.sni", p, &field)?;
    Some(draft.is("sni-certificate").not("sni-dns").not("sni-proves").not("sni-key"))
}

/// Whether the server's certificate can be read.
pub fn certificate(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let event = hello(p, Kind::TlsServerHello)?;
    if event.get("resumption").is_some() {
        return None;
    }
    let suite = p.text("tls.handshake.ciphersuite")?;
    let Some(Datum::Text(name)) = event.get("suite") else { return None };
    if name.contains("_anon_") || name.contains("PSK") {
        return None;
    }
    let chosen = p.uint("tls.handshake.extensions.supported_version");
    let version = self::name(chosen.or_else(|| p.uint("tls.handshake.version"))?)?;
    let draft = Draft::new("tls.certificate", p, &[])?
        .show(p.number, "tls.handshake.ciphersuite", suite)
        .show(p.number, "version", version);
    Some(if chosen == Some(0x0304) {
        draft.is("cert-hidden").not("cert-clear").not("cert-never-sent").not("cert-by-client")
    } else {
        draft.is("cert-clear").not("cert-hidden").not("cert-never-sent").not("cert-by-client")
    })
}

/// How much of the stream a record takes up.
pub fn record_length(p: &Facts, _: &mut Dice) -> Option<Draft> {
    p.any(&[Kind::TlsClientHello, Kind::TlsServerHello, Kind::TlsData])?;
    if p.count("tls.record.length") != 1 {
        return None;
    }
    let length = p.uint("tls.record.length")?;
    Some(
        Draft::new("tls.record-length", p, &["tls.record.length"])?
            .right(length + 5)
            .wrong(length, "record-header-in")
            .wrong(length.saturating_sub(5), "record-header-out")
            .wrong(length + 20, "record-tcp-header"),
    )
}

/// What of a cipher suite encrypts the data.
pub fn suite(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let event = hello(p, Kind::TlsServerHello)?;
    let Some(Datum::Text(name)) = event.get("suite") else { return None };
    let number = p.text("tls.handshake.ciphersuite")?;
    let (exchange, rest) = match name.strip_prefix("TLS_")?.split_once("_WITH_") {
        Some((exchange, rest)) => (Some(exchange), rest),
        None => (None, name.strip_prefix("TLS_")?),
    };
    let (cipher, hash) = rest.rsplit_once('_')?;
    if !hash.starts_with("SHA") || cipher.contains("NULL") || cipher.contains("EXPORT") {
        return None;
    }
    let draft = Draft::new("tls.suite", p, &[])?
        .show(p.number, "tls.handshake.ciphersuite", number)
        .with("name", name.clone())
        .right(cipher.to_owned());
    let mut parts = exchange.unwrap_or_default().split('_').filter(|part| !part.is_empty()).rev();
    let (sign, agree) = (parts.next(), parts.next());
    let draft = match (agree, sign) {
        (Some(agree), Some(sign)) => {
            draft.wrong(sign.to_owned(), "suite-signs").wrong(agree.to_owned(), "suite-agrees")
        }
        (None, Some(sign)) => draft.wrong(sign.to_owned(), "suite-agrees"),
        _ => draft,
    };
    Some(draft.wrong(hash.to_owned(), "suite-hash"))
}

/// What an alert says.
pub fn alert(p: &Facts, _: &mut Dice) -> Option<Draft> {
    hello(p, Kind::TlsAlert)?;
    if p.count("tls.alert_message.desc") != 1 {
        return None;
    }
    const ALERTS: &[(u64, &str)] = &[
        (48, "alert-issuer"),
        (42, "alert-certificate"),
        (20, "alert-tag"),
        (0, "alert-end"),
        (40, "alert-no-choice"),
        (45, "alert-date"),
        (70, "alert-version"),
        (112, "alert-name"),
    ];
    let desc = p.uint("tls.alert_message.desc")?;
    let (_, right) = ALERTS.iter().find(|(known, _)| *known == desc)?;
    let fields = ["tls.alert_message.level", "tls.alert_message.desc"];
    let draft = Draft::new("tls.alert", p, &fields)?.is(right);
    Some(ALERTS.iter().fold(draft, |draft, (_, id)| draft.not(id)))
}
