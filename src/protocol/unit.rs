//! Units of a stream: what the parts of a TCP payload are, once someone has followed the stream so far.
//!
//! A frame alone does not say where a message begins in it, nor what was agreed on before. The follower of the stream knows
//! (`flow::stream`) and says so with a [`Unit`]; the tree lane then names the unit's bytes with [`describe`]. A unit whose
//! meaning hangs on what came earlier carries that knowledge with it.

use super::{
    Protocol, data, dns, ftp, http, http2, imap, imf, irc, mysql, nbss, pgsql, pop, rpc, rtsp, sip, smtp,
    socks, ssh, telnet, tls, websocket,
};
use crate::wire::{Cursor, Field, Malformed, Tree};

/// What a part of a stream is.
#[derive(Debug, Clone, PartialEq)]
pub enum Unit {
    /// An HTTP head: start line to empty line; with what is known beyond it, where a tree is wanted.
    HttpHead(Option<Box<http::Exchange>>),
    /// Part of an HTTP body.
    HttpBody,
    /// A chunk's size line, the line end after a chunk, or the trailer after the last.
    HttpChunk(http::ChunkPart),
    /// An HTTP body put together, or with a coding undone.
    HttpContent(Box<http::Content>),
    /// A DNS message behind its two bytes of length (RFC 1035 section 4.2.2).
    DnsOverTcp,
    /// The preface of HTTP/2, a frame, or a header block.
    Http2(http2::Part),
    /// A frame of WebSocket, or what is in one.
    Websocket(websocket::Part),
    /// A TLS record, what was in it, or a handshake message.
    Tls(tls::Part),
    /// A line of an FTP control connection.
    Ftp(ftp::Part),
    /// A part of what an FTP data connection carries.
    FtpData(Box<ftp::Setup>),
    /// A line or a text of SMTP.
    Smtp(smtp::Part),
    /// A line or a text of POP3.
    Pop(pop::Part),
    /// A line or a literal of IMAP.
    Imap(imap::Part),
    /// The header of a mail.
    Imf,
    /// A version line, a packet in clear, or ciphertext of SSH.
    Ssh(ssh::Part),
    /// Text or a command of Telnet.
    Telnet(telnet::Part),
    /// A record of ONC RPC.
    Rpc(rpc::Part),
    /// A packet of MySQL.
    Mysql(mysql::Part),
    /// A message of PostgreSQL.
    Pgsql(pgsql::Part),
    /// A message of the NetBIOS session service.
    Nbss(nbss::Part),
    /// A message of RTSP, or binary data between messages.
    Rtsp(rtsp::Part),
    /// A message of SIP.
    Sip,
    /// A message of SOCKS.
    Socks(socks::Part),
    /// A line of IRC.
    Irc(irc::Part),
    /// Bytes that nobody here can name.
    Opaque,
}

static HTTP_BODY: Field = Field::new("http.file_data");

impl Unit {
    /// Whose it is.
    pub fn protocol(&self) -> Protocol {
        match self {
            Unit::HttpHead(_) | Unit::HttpBody | Unit::HttpChunk(_) => Protocol::Http,
            Unit::HttpContent(content) => match content.shape {
                http::Shape::Form => Protocol::UrlencodedForm,
                http::Shape::Multipart(_) => Protocol::Multipart,
                http::Shape::Text(_) => Protocol::TextLines,
                http::Shape::Opaque => Protocol::Media,
            },
            Unit::DnsOverTcp => Protocol::Dns,
            Unit::Http2(_) => Protocol::Http2,
            Unit::Websocket(_) => Protocol::Websocket,
            Unit::Tls(_) => Protocol::Tls,
            Unit::Ftp(_) => Protocol::Ftp,
            Unit::FtpData(_) => Protocol::FtpData,
            Unit::Smtp(_) => Protocol::Smtp,
            Unit::Pop(_) => Protocol::Pop,
            Unit::Imap(_) => Protocol::Imap,
            Unit::Imf => Protocol::Imf,
            Unit::Ssh(_) => Protocol::Ssh,
            Unit::Telnet(_) => Protocol::Telnet,
            Unit::Rpc(_) => Protocol::Rpc,
            Unit::Mysql(_) => Protocol::Mysql,
            Unit::Pgsql(_) => Protocol::Pgsql,
            Unit::Nbss(_) => Protocol::Nbss,
            Unit::Rtsp(_) => Protocol::Rtsp,
            Unit::Sip => Protocol::Sip,
            Unit::Socks(_) => Protocol::Socks,
            Unit::Irc(_) => Protocol::Irc,
            Unit::Opaque => Protocol::Data,
        }
    }

    /// Whether it goes on with what the unit before it began, where that is of the same protocol: then both stand in
    /// one layer.
    pub fn continues(&self) -> bool {
        matches!(
            self,
            Unit::HttpBody
                | Unit::HttpChunk(_)
                | Unit::Websocket(websocket::Part::Payload)
                | Unit::Tls(_)
                | Unit::Ftp(_)
                | Unit::Smtp(_)
                | Unit::Pop(_)
                | Unit::Imap(_)
                | Unit::Irc(_)
                | Unit::Nbss(_)
                | Unit::Pgsql(_)
                | Unit::Mysql(_)
                | Unit::Rpc(_)
                | Unit::Telnet(_)
                | Unit::Ssh(_)
        )
    }
}

/// Names every bit of a unit: the cursor spans just that. What it does not reach the caller gives a leaf of its own.
///
/// # Errors
/// [`Malformed`] where the unit ends before it should, or makes no sense; every field before is recorded.
pub fn describe(unit: &Unit, c: &mut Cursor<'_, '_, Tree>) -> Result<(), Malformed> {
    match unit {
        Unit::HttpHead(exchange) => {
            http::dissect(c)?;
            exchange.iter().for_each(|exchange| exchange.describe(c));
            Ok(())
        }
        Unit::HttpBody => {
            c.rest(&HTTP_BODY);
            Ok(())
        }
        Unit::HttpChunk(part) => http::chunk::describe(*part, c),
        Unit::HttpContent(content) => http::body::describe(content, c),
        Unit::DnsOverTcp => dns::dissect_over_tcp(c).map(drop),
        Unit::Http2(part) => http2::describe(part, c),
        Unit::Websocket(part) => websocket::describe(part, c),
        Unit::Tls(part) => tls::describe(part, c),
        Unit::Ftp(part) => ftp::describe(*part, c),
        Unit::FtpData(setup) => {
            ftp::describe_data(setup, c);
            Ok(())
        }
        Unit::Smtp(part) => smtp::describe(*part, c),
        Unit::Pop(part) => pop::describe(*part, c),
        Unit::Imap(part) => imap::describe(*part, c),
        Unit::Imf => imf::dissect(c).map(drop),
        Unit::Ssh(part) => ssh::describe(*part, c),
        Unit::Telnet(part) => telnet::describe(*part, c),
        Unit::Rpc(part) => rpc::describe(*part, c),
        Unit::Mysql(part) => mysql::describe(*part, c),
        Unit::Pgsql(part) => pgsql::describe(*part, c),
        Unit::Nbss(part) => nbss::describe(*part, c),
        Unit::Rtsp(part) => rtsp::describe(*part, c),
        Unit::Sip => sip::dissect(c),
        Unit::Socks(part) => socks::describe(*part, c),
        Unit::Irc(part) => irc::describe(*part, c),
        Unit::Opaque => data::dissect(c),
    }
}
