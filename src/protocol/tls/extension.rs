//! Extensions of TLS handshake messages.
//!
//! RFC 8446 section 4.2 (most of 1.3's), RFC 6066 (server_name, max_fragment_length, status_request), RFC 7301 (ALPN), RFC 8422
//! (supported_groups, ec_point_formats), RFC 5077 (session_ticket), RFC 7627 (extended_master_secret), RFC 7366 (encrypt_then_mac),
//! RFC 5746 (renegotiation_info), RFC 6962 (certificate timestamps), RFC 7685 (padding), RFC 8449 (record_size_limit), RFC 8879
//! (compress_certificate), RFC 6961 (status_request_v2), RFC 6520 (heartbeat), RFC 9146 (connection_id), RFC 8701 (GREASE).
//! In drafts of TLS 1.3 up to 22 key_share had the number 40. Others are opaque: their length is told, and their name where the registry has one.

use super::{TRAILING, vector8, vector16, vector24};
use crate::protocol::x509;
use crate::wire::{Cursor, Field, Malformed, Recorder};

static LENGTH: Field = Field::new("tls.handshake.extensions_length");
static EXTENSION: Field = Field::new("tls.handshake.extension");
static TYPE: Field = Field::new("tls.handshake.extension.type");
static LEN: Field = Field::new("tls.handshake.extension.len");
static DATA: Field = Field::new("tls.handshake.extension.data");
static NAME_LIST_LEN: Field = Field::new("tls.handshake.extensions_server_name_list_len");
static NAME_TYPE: Field = Field::new("tls.handshake.extensions_server_name_type");
static NAME_LEN: Field = Field::new("tls.handshake.extensions_server_name_len");
static NAME: Field = Field::new("tls.handshake.extensions_server_name");
static GROUPS_LEN: Field = Field::new("tls.handshake.extensions_supported_groups_length");
static GROUP: Field = Field::hex("tls.handshake.extensions_supported_group", 4);
static FORMATS_LEN: Field = Field::new("tls.handshake.extensions_ec_point_formats_length");
static FORMAT: Field = Field::new("tls.handshake.extensions_ec_point_format");
static SIGNATURES_LEN: Field = Field::new("tls.handshake.sig_hash_alg_len");
pub(super) static SIGNATURE: Field = Field::hex("tls.handshake.sig_hash_alg", 4);
static ALPN_LEN: Field = Field::new("tls.handshake.extensions_alpn_len");
static ALPN_STR_LEN: Field = Field::new("tls.handshake.extensions_alpn_str_len");
static ALPN_STR: Field = Field::new("tls.handshake.extensions_alpn_str");
static ALPS_LEN: Field = Field::new("tls.handshake.extensions_alps_len");
static ALPS_STR_LEN: Field = Field::new("tls.handshake.extensions_alps_alpn_str_len");
static ALPS_STR: Field = Field::new("tls.handshake.extensions_alps_alpn_str");
static NPN_LEN: Field = Field::new("tls.handshake.extensions_npn_str_len");
static NPN: Field = Field::new("tls.handshake.extensions_npn");
static VERSIONS_LEN: Field = Field::new("tls.handshake.extensions.supported_versions_len");
static VERSION: Field = Field::hex("tls.handshake.extensions.supported_version", 4);
static SHARES_LEN: Field = Field::new("tls.handshake.extensions_key_share_client_length");
static SHARE: Field = Field::new("tls.handshake.extensions_key_share");
static SHARE_GROUP: Field = Field::hex("tls.handshake.extensions_key_share_group", 4);
static SHARE_LEN: Field = Field::new("tls.handshake.extensions_key_share_key_exchange_length");
static SHARE_KEY: Field = Field::new("tls.handshake.extensions_key_share_key_exchange");
static SELECTED_GROUP: Field = Field::hex("tls.handshake.extensions_key_share_selected_group", 4);
static IDENTITIES_LEN: Field = Field::new("tls.handshake.extensions.psk.identities.length");
static IDENTITY_LEN: Field = Field::new("tls.handshake.extensions.psk.identity.identity_length");
static IDENTITY: Field = Field::new("tls.handshake.extensions.psk.identity.identity");
static TICKET_AGE: Field = Field::new("tls.handshake.extensions.psk.identity.obfuscated_ticket_age");
static BINDERS_LEN: Field = Field::new("tls.handshake.extensions.psk.binders_len");
static BINDER_LEN: Field = Field::new("tls.handshake.extensions.psk.binder_len");
static BINDER: Field = Field::new("tls.handshake.extensions.psk.binder");
static SELECTED: Field = Field::new("tls.handshake.extensions.psk.identity.selected");
static MODES_LEN: Field = Field::new("tls.extension.psk_ke_modes_length");
static MODE: Field = Field::new("tls.extension.psk_ke_mode");
static COOKIE_LEN: Field = Field::new("tls.handshake.extensions.cookie_len");
static COOKIE: Field = Field::new("tls.handshake.extensions.cookie");
static MAX_EARLY_DATA: Field = Field::new("tls.early_data.max_early_data_size");
static STATUS_TYPE: Field = Field::new("tls.handshake.extensions_status_request_type");
static STATUS_LEN: Field = Field::new("tls.handshake.extensions_status_request_len");
static STATUS_LIST_LEN: Field = Field::new("tls.handshake.extensions_status_request_list_len");
static RESPONDERS_LEN: Field = Field::new("tls.handshake.extensions_status_request_responder_ids_len");
static RESPONDERS: Field = Field::new("tls.handshake.extensions_status_request_responder_ids");
static STATUS_EXTS_LEN: Field = Field::new("tls.handshake.extensions_status_request_exts_len");
static STATUS_EXTS: Field = Field::new("tls.handshake.extensions_status_request_exts");
static OCSP_LEN: Field = Field::new("tls.handshake.ocsp_response_len");
static OCSP: Field = Field::new("tls.handshake.ocsp_response");
static PADDING: Field = Field::new("tls.handshake.extensions_padding_data");
static RENEGOTIATION_LEN: Field = Field::new("tls.handshake.extensions_reneg_info_len");
static RENEGOTIATION: Field = Field::new("tls.handshake.extensions_reneg_info");
static RECORD_SIZE: Field = Field::new("tls.record_size_limit");
static COMPRESS_LEN: Field = Field::new("tls.compress_certificate.algorithms_length");
pub(super) static COMPRESS: Field = Field::new("tls.compress_certificate.algorithm");
static HEARTBEAT: Field = Field::new("tls.handshake.extension.heartbeat.mode");
static MAX_FRAGMENT: Field = Field::new("tls.handshake.max_fragment_length");
static CONNECTION_ID_LEN: Field = Field::new("tls.connection_id_length");
static CONNECTION_ID: Field = Field::new("tls.connection_id");

/// The message whose extensions are read: some have another form in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// ClientHello.
    Client,
    /// ServerHello.
    Server,
    /// HelloRetryRequest.
    Retry,
    /// EncryptedExtensions.
    Encrypted,
    /// One certificate of TLS 1.3's Certificate message.
    Certificate,
    /// CertificateRequest.
    Request,
    /// NewSessionTicket.
    Ticket,
}

/// What the extensions say that decides how the connection goes on, or that is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extensions {
    /// Types, in order.
    pub types: Vec<u16>,
    /// The host asked for.
    pub server_name: Option<String>,
    /// Application protocols offered, or the one chosen.
    pub alpn: Vec<String>,
    /// Versions offered, or the one chosen.
    pub versions: Vec<u16>,
    /// Groups offered.
    pub groups: Vec<u16>,
    /// Point formats.
    pub point_formats: Vec<u8>,
    /// Signature schemes.
    pub signatures: Vec<u16>,
    /// Groups of the key shares, or the group asked for.
    pub key_shares: Vec<u16>,
    /// Pre-shared keys that are offered.
    pub identities: usize,
    /// Which of them was chosen.
    pub selected_identity: Option<u16>,
    /// Data before the handshake ends.
    pub early_data: bool,
    /// Length of a session ticket.
    pub ticket: Option<usize>,
    /// RFC 7627.
    pub extended_master_secret: bool,
    /// RFC 7366.
    pub encrypt_then_mac: bool,
}

/// Reads a list of extensions with its length before. What is wrong in one hides none of the others.
///
/// # Errors
/// [`Malformed`] where the list, or one of its members, is longer than what there is.
pub fn list<R: Recorder>(c: &mut Cursor<'_, '_, R>, place: Place) -> Result<Extensions, Malformed> {
    let mut said = Extensions::default();
    vector16(c, &LENGTH, |c| {
        while c.left() > 0 {
            c.group(&EXTENSION, |c| {
                let kind = c.u16(&TYPE)?;
                let length = usize::from(c.u16(&LEN)?);
                said.types.push(kind);
                // Trouble inside is visible as what is left over; the next one begins where the length says.
                let _ = c.region_as_captured(length, &TRAILING, |c| one(c, kind, place, &mut said))?;
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(said)
}

fn all<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    mut item: impl FnMut(&mut Cursor<'_, '_, R>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    while c.left() > 0 {
        item(c)?;
    }
    Ok(())
}

fn string(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn one<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    kind: u16,
    place: Place,
    said: &mut Extensions,
) -> Result<(), Malformed> {
    match (kind, place) {
        (0, Place::Client) => vector16(c, &NAME_LIST_LEN, |c| {
            all(c, |c| {
                c.u8(&NAME_TYPE)?;
                let length = c.u16(&NAME_LEN)?;
                let name = c.text(&NAME, length.into())?;
                said.server_name.get_or_insert_with(|| string(name));
                Ok(())
            })
        }),
        (1, _) => c.u8(&MAX_FRAGMENT).map(drop),
        (5, Place::Client | Place::Request) if c.left() > 0 => {
            c.u8(&STATUS_TYPE)?;
            let length = c.u16(&RESPONDERS_LEN)?;
            c.bytes(&RESPONDERS, length.into())?;
            let length = c.u16(&STATUS_EXTS_LEN)?;
            c.bytes(&STATUS_EXTS, length.into()).map(drop)
        }
        (5, Place::Certificate) => status(c),
        (17, Place::Client) => vector16(c, &STATUS_LIST_LEN, |c| {
            all(c, |c| {
                c.u8(&STATUS_TYPE)?;
                vector16(c, &STATUS_LEN, |c| {
                    let length = c.u16(&RESPONDERS_LEN)?;
                    c.bytes(&RESPONDERS, length.into())?;
                    let length = c.u16(&STATUS_EXTS_LEN)?;
                    c.bytes(&STATUS_EXTS, length.into()).map(drop)
                })
            })
        }),
        (10, _) => vector16(c, &GROUPS_LEN, |c| all(c, |c| c.u16(&GROUP).map(|g| said.groups.push(g)))),
        (11, _) => {
            vector8(c, &FORMATS_LEN, |c| all(c, |c| c.u8(&FORMAT).map(|f| said.point_formats.push(f))))
        }
        (13 | 34 | 50, _) => vector16(c, &SIGNATURES_LEN, |c| {
            all(c, |c| {
                let scheme = c.u16(&SIGNATURE)?;
                if kind == 13 {
                    said.signatures.push(scheme);
                }
                Ok(())
            })
        }),
        (15, _) => c.u8(&HEARTBEAT).map(drop),
        (16, _) => vector16(c, &ALPN_LEN, |c| {
            all(c, |c| text(c, &ALPN_STR_LEN, &ALPN_STR).map(|p| said.alpn.push(p)))
        }),
        (18, Place::Server | Place::Certificate) => x509::timestamps(c),
        (21, _) => {
            c.rest(&PADDING);
            Ok(())
        }
        (22, _) => {
            said.encrypt_then_mac = true;
            Ok(())
        }
        (23, _) => {
            said.extended_master_secret = true;
            Ok(())
        }
        (27, _) => vector8(c, &COMPRESS_LEN, |c| all(c, |c| c.u16(&COMPRESS).map(drop))),
        (28, _) => c.u16(&RECORD_SIZE).map(drop),
        (35, _) => {
            said.ticket = Some(c.left());
            c.rest(&DATA);
            Ok(())
        }
        (41, Place::Client) => {
            vector16(c, &IDENTITIES_LEN, |c| {
                all(c, |c| {
                    let length = c.u16(&IDENTITY_LEN)?;
                    c.bytes(&IDENTITY, length.into())?;
                    c.u32(&TICKET_AGE)?;
                    said.identities += 1;
                    Ok(())
                })
            })?;
            vector16(c, &BINDERS_LEN, |c| {
                all(c, |c| {
                    let length = c.u8(&BINDER_LEN)?;
                    c.bytes(&BINDER, length.into()).map(drop)
                })
            })
        }
        (41, _) => c.u16(&SELECTED).map(|n| said.selected_identity = Some(n)),
        (42, Place::Ticket) => c.u32(&MAX_EARLY_DATA).map(drop),
        (42, _) => {
            said.early_data = true;
            Ok(())
        }
        (43, Place::Client) => {
            vector8(c, &VERSIONS_LEN, |c| all(c, |c| c.u16(&VERSION).map(|v| said.versions.push(v))))
        }
        (43, _) => c.u16(&VERSION).map(|v| said.versions.push(v)),
        (44, _) => vector16(c, &COOKIE_LEN, |c| {
            c.rest(&COOKIE);
            Ok(())
        }),
        (45, _) => vector8(c, &MODES_LEN, |c| all(c, |c| c.u8(&MODE).map(drop))),
        (47, _) => super::handshake::names(c),
        (40 | 51, Place::Client) => vector16(c, &SHARES_LEN, |c| all(c, |c| share(c, said))),
        (40 | 51, Place::Retry) => c.u16(&SELECTED_GROUP).map(|g| said.key_shares.push(g)),
        (40 | 51, _) => share(c, said),
        (54, _) => vector8(c, &CONNECTION_ID_LEN, |c| {
            c.rest(&CONNECTION_ID);
            Ok(())
        }),
        (13172, Place::Server) => all(c, |c| text(c, &NPN_LEN, &NPN).map(drop)),
        (17513, Place::Client) => {
            vector16(c, &ALPS_LEN, |c| all(c, |c| text(c, &ALPS_STR_LEN, &ALPS_STR).map(drop)))
        }
        (0xff01, _) => vector8(c, &RENEGOTIATION_LEN, |c| {
            c.rest(&RENEGOTIATION);
            Ok(())
        }),
        _ => {
            c.rest(&DATA);
            Ok(())
        }
    }
}

fn text<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    length: &'static Field,
    field: &'static Field,
) -> Result<String, Malformed> {
    let length = c.u8(length)?;
    c.text(field, length.into()).map(string)
}

/// RFC 8446 section 4.2.8.
fn share<R: Recorder>(c: &mut Cursor<'_, '_, R>, said: &mut Extensions) -> Result<(), Malformed> {
    c.group(&SHARE, |c| {
        said.key_shares.push(c.u16(&SHARE_GROUP)?);
        let length = c.u16(&SHARE_LEN)?;
        c.bytes(&SHARE_KEY, length.into()).map(drop)
    })
}

/// A certificate's status: the authority's own signed word that it is not revoked (RFC 6066 section 8).
pub(super) fn status<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    c.u8(&STATUS_TYPE)?;
    vector24(c, &OCSP_LEN, |c| {
        c.rest(&OCSP);
        Ok(())
    })
}
