//! EAP: whoever wants into a network proves who he is, by a method that both sides agree on. EAPOL carries it over a link.
//!
//! RFC 3748 sections 4 and 5 (EAP), IEEE Std 802.1X clause 11 (EAPOL), IEEE Std 802.11 clause 12.7.2 (keys of wireless
//! networks).
//! Leaves out: what the methods say (TLS and others): bytes; the key data of a handshake, which are mostly encrypted.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static VERSION: Field = Field::new("eapol.version");
static TYPE: Field = Field::new("eapol.type");
static LENGTH: Field = Field::new("eapol.len");
static DESCRIPTOR: Field = Field::new("eapol.keydes.type");
static BODY: Field = Field::new("eapol.keydes.body");
static INFO: Field = Field::hex("wlan_rsna_eapol.keydes.key_info", 4);
static INFO_RESERVED: Field = Field::new("wlan_rsna_eapol.keydes.key_info.reserved");
static INFO_SMK: Field = Field::new("wlan_rsna_eapol.keydes.key_info.smk_message");
static INFO_ENCRYPTED: Field = Field::new("wlan_rsna_eapol.keydes.key_info.encrypted_key_data");
static INFO_REQUEST: Field = Field::new("wlan_rsna_eapol.keydes.key_info.request");
static INFO_ERROR: Field = Field::new("wlan_rsna_eapol.keydes.key_info.error");
static INFO_SECURE: Field = Field::new("wlan_rsna_eapol.keydes.key_info.secure");
static INFO_MIC: Field = Field::new("wlan_rsna_eapol.keydes.key_info.key_mic");
static INFO_ACK: Field = Field::new("wlan_rsna_eapol.keydes.key_info.key_ack");
static INFO_INSTALL: Field = Field::new("wlan_rsna_eapol.keydes.key_info.install");
static INFO_INDEX: Field = Field::new("wlan_rsna_eapol.keydes.key_info.key_index");
static INFO_TYPE: Field = Field::new("wlan_rsna_eapol.keydes.key_info.key_type");
static INFO_VERSION: Field = Field::new("wlan_rsna_eapol.keydes.key_info.keydes_version");
static KEY_LENGTH: Field = Field::new("eapol.keydes.key_len");
static REPLAY: Field = Field::new("eapol.keydes.replay_counter");
static NONCE: Field = Field::new("wlan_rsna_eapol.keydes.nonce");
static IV: Field = Field::new("eapol.keydes.key_iv");
static RSC: Field = Field::new("wlan_rsna_eapol.keydes.rsc");
static ID: Field = Field::new("wlan_rsna_eapol.keydes.id");
static MIC: Field = Field::new("wlan_rsna_eapol.keydes.mic");
static DATA_LENGTH: Field = Field::new("wlan_rsna_eapol.keydes.data_len");
static DATA: Field = Field::new("wlan_rsna_eapol.keydes.data");
static EAPOL_DATA: Field = Field::new("eapol.data");

static CODE: Field = Field::new("eap.code");
static IDENTIFIER: Field = Field::new("eap.id");
static EAP_LENGTH: Field = Field::new("eap.len");
static METHOD: Field = Field::new("eap.type");
static IDENTITY: Field = Field::new("eap.identity");
static NOTIFICATION: Field = Field::new("eap.notification");
static DESIRED: Field = Field::new("eap.desired_type");
static MD5_SIZE: Field = Field::new("eap.md5.value_size");
static MD5_VALUE: Field = Field::new("eap.md5.value");
static MD5_EXTRA: Field = Field::new("eap.md5.extra_data");
static TLS_FLAGS: Field = Field::hex("eap.tls.flags", 2);
static TLS_LENGTH_INCLUDED: Field = Field::new("eap.tls.flags.len_included");
static TLS_MORE: Field = Field::new("eap.tls.flags.more_fragments");
static TLS_START: Field = Field::new("eap.tls.flags.start");
static TLS_RESERVED: Field = Field::new("eap.tls.flags.reserved");
static TLS_VERSION: Field = Field::new("eap.tls.flags.version");
static TLS_LENGTH: Field = Field::new("eap.tls.len");
static METHOD_DATA: Field = Field::new("eap.method_data");

/// Number of EAP in PPP's protocol field, by which EAPOL hands it on, too.
pub const PPP_EAP: u16 = 0xc227;

/// Reads an EAPOL frame; an EAP packet follows where it carries one.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn eapol<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    c.u8(&VERSION)?;
    let kind = c.u8(&TYPE)?;
    let length = usize::from(c.u16(&LENGTH)?);
    if kind == 0 {
        return Ok(Carries { key: Key::Ppp(PPP_EAP), length: Some(length) });
    }
    c.region_as_captured(length, &EAPOL_DATA, |c| if kind == 3 { key(c) } else { Ok(()) })??;
    Ok(Carries { key: Key::End, length: None })
}

/// A message of the handshake by which station and access point agree on keys (802.11 clause 12.7.2).
fn key<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    // 2: IEEE 802.11; 254: the form that WPA had before the standard. Others (RC4) have been given up.
    if !matches!(c.u8(&DESCRIPTOR)?, 2 | 254) {
        c.rest(&BODY);
        return Ok(());
    }
    if let Some(info) = c.peek_u16() {
        c.derived(&INFO, || Value::Uint(info.into()));
    }
    let parts = [
        (&INFO_RESERVED, 2),
        (&INFO_SMK, 1),
        (&INFO_ENCRYPTED, 1),
        (&INFO_REQUEST, 1),
        (&INFO_ERROR, 1),
        (&INFO_SECURE, 1),
        (&INFO_MIC, 1),
        (&INFO_ACK, 1),
        (&INFO_INSTALL, 1),
        (&INFO_INDEX, 2),
        (&INFO_TYPE, 1),
        (&INFO_VERSION, 3),
    ];
    c.bits(2, &parts)?;
    c.u16(&KEY_LENGTH)?;
    c.u64(&REPLAY)?;
    for (field, length) in [(&NONCE, 32), (&IV, 16), (&RSC, 8), (&ID, 8), (&MIC, 16)] {
        c.bytes(field, length)?;
    }
    let length = usize::from(c.u16(&DATA_LENGTH)?);
    c.bytes(&DATA, length).map(drop)
}

/// Reads an EAP packet.
///
/// # Errors
/// [`Malformed`] where it is cut, or its length is below that of its own header.
pub fn eap<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    let code = c.u8(&CODE)?;
    c.u8(&IDENTIFIER)?;
    if c.peek_u16().is_some_and(|length| length < 4) {
        return Err(c.nonsense(&EAP_LENGTH));
    }
    let length = usize::from(c.u16(&EAP_LENGTH)?) - 4;
    c.region_as_captured(length, &METHOD_DATA, |c| {
        if !matches!(code, 1 | 2) {
            return Ok(()); // success and failure are the code alone
        }
        match c.u8(&METHOD)? {
            1 => drop(c.text(&IDENTITY, c.left())?),
            2 => drop(c.text(&NOTIFICATION, c.left())?),
            3 => {
                while c.left() > 0 {
                    c.u8(&DESIRED)?;
                }
            }
            4 => {
                let size = usize::from(c.u8(&MD5_SIZE)?);
                c.bytes(&MD5_VALUE, size)?;
                c.rest(&MD5_EXTRA);
            }
            // TLS, TTLS, PEAP (RFC 5216 section 3.1): flags, and with the first the length of the whole message.
            13 | 21 | 25 => {
                if let Some(flags) = c.peek_u8() {
                    c.derived(&TLS_FLAGS, || Value::Uint(flags.into()));
                }
                let parts = [
                    (&TLS_LENGTH_INCLUDED, 1),
                    (&TLS_MORE, 1),
                    (&TLS_START, 1),
                    (&TLS_RESERVED, 2),
                    (&TLS_VERSION, 3),
                ];
                if c.bits(1, &parts)? & 0x80 != 0 {
                    c.u32(&TLS_LENGTH)?;
                }
            }
            _ => {}
        }
        Ok(())
    })??;
    Ok(Carries { key: Key::End, length: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree};

    #[rustfmt::skip]
    const IDENTITY: &[u8] = &[
        0x02, 0x00, 0x00, 0x07,       // eapol: version 2, an EAP packet of 7 bytes
        0x02, 0x01, 0x00, 0x07, 0x01, // response 1, identity
        b'm', b'e',
    ];

    #[test]
    fn an_identity() {
        let mut tree = Tree::default();
        let mut c = Cursor::new(IDENTITY, 0, IDENTITY.len(), &mut tree);
        let carries = eapol(&mut c).unwrap();
        assert_eq!((carries.key, carries.length), (Key::Ppp(PPP_EAP), Some(7)));
        eap(&mut c).unwrap();
        assert_eq!(tree.find("eap.identity").next().unwrap().value, Value::Text("me".to_owned()));
        let cut = eap(&mut Cursor::new(IDENTITY, 4, 8, &mut Off)).unwrap_err();
        assert_eq!(cut.field, "eap.type");
    }

    #[test]
    fn a_key_message_and_a_cut_one() {
        let mut bytes = vec![2, 3, 0, 95, 2, 0x00, 0x8a];
        bytes.resize(99, 0);
        let mut tree = Tree::default();
        eapol(&mut Cursor::new(&bytes, 0, 99, &mut tree)).unwrap();
        let flag = |name| tree.find(name).next().unwrap().value.clone();
        assert_eq!(flag("wlan_rsna_eapol.keydes.key_info.key_ack"), Value::Flag(true));
        assert_eq!(flag("wlan_rsna_eapol.keydes.key_info.keydes_version"), Value::Uint(2));
        let mut tree = Tree::default();
        assert!(eapol(&mut Cursor::new(&bytes, 0, 20, &mut tree)).is_err());
        assert!(tree.find("eapol.keydes.replay_counter").next().is_some());
    }
}
