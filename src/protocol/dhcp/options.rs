//! The options of DHCP: what each number means, and the plain forms their data have.
//!
//! RFC 2132 (most of them), 2241 and 2610 (left as bytes), 3004 (77), 3011 (118), 3046 (82), 3118 (90), 3397
//! (119), 3442 (121), 3925 (124, 125), 4039 (80), 4388 (91, 92), 4578 (93, 94, 97), 4702 (81), 4833 (100, 101), 5859 (150),
//! 8910 (114), 8925 (108); 249 and 252 as Microsoft uses them.
//! Leaves out: all other numbers, and what vendors put into 43; their data are one field of bytes.

use super::pieces::Piece;
use super::{Walk, parts, zero_ended};
use crate::wire::{Cursor, Field, Malformed, NodeKind, Off, Problem, Recorder, Tree, Value};

static OPTION: Field = Field::new("dhcp.option");
static TYPE: Field = Field::new("dhcp.option.type");
static LENGTH: Field = Field::new("dhcp.option.length");
/// Data that have no form known here, and what is left over of the others.
pub(super) static VALUE: Field = Field::new("dhcp.option.value");
/// Data of an option that are a part of a value.
static PIECE: Field = Field::new("dhcp.option.piece");
pub(super) static PADDING: Field = Field::new("dhcp.option.padding");
static END_OPTION: Field = Field::new("dhcp.option.end");

/// Fills up; no length follows.
pub(super) const PAD: u8 = 0;
/// The last option; no length follows.
pub(super) const END: u8 = 255;
/// Tells that the fields for names hold options.
pub(super) const OVERLOAD: u8 = 52;

/// What an option's data look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One address.
    Address,
    /// Addresses up to the end.
    Addresses,
    /// Pairs of addresses; the field of the second.
    Pairs(&'static Field),
    Text,
    Flag,
    U8,
    /// Numbers of one byte up to the end.
    U8s,
    U16,
    U16s,
    U32,
    /// A number with a sign, four bytes.
    I32,
    Bytes,
    /// See [`parts`].
    Part,
}

macro_rules! options {
    ($($code:literal $name:literal $form:ident $(($second:literal))?;)*) => {
        /// The field and the form of an option's data.
        fn known(code: u8) -> Option<(&'static Field, Form)> {
            Some(match code {
                $($code => {
                    static F: Field = Field::new(concat!("dhcp.option.", $name));
                    (&F, Form::$form $(({ static S: Field = Field::new(concat!("dhcp.option.", $second)); &S }))?)
                })*
                _ => return None,
            })
        }
    };
}

options! {
    1 "subnet_mask" Address;
    2 "time_offset" I32;
    3 "router" Addresses;
    4 "time_server" Addresses;
    5 "name_server" Addresses;
    6 "domain_name_server" Addresses;
    7 "log_server" Addresses;
    8 "quotes_server" Addresses;
    9 "lpr_server" Addresses;
    10 "impress_server" Addresses;
    11 "resource_location_server" Addresses;
    12 "hostname" Text;
    13 "boot_file_size" U16;
    14 "merit_dump_file" Text;
    15 "domain_name" Text;
    16 "swap_server" Address;
    17 "root_path" Text;
    18 "extension_path" Text;
    19 "ip_forwarding" Flag;
    20 "non_local_source_routing" Flag;
    21 "policy_filter.ip" Pairs("policy_filter.subnet_mask");
    22 "max_datagram_reassembly_size" U16;
    23 "default_ip_ttl" U8;
    24 "path_mtu_aging_timeout" U32;
    25 "path_mtu_plateau_table_item" U16s;
    26 "interface_mtu" U16;
    27 "all_subnets_are_local" Flag;
    28 "broadcast_address" Address;
    29 "perform_mask_discovery" Flag;
    30 "mask_supplier" Flag;
    31 "perform_router_discover" Flag;
    32 "router_solicitation_address" Address;
    33 "static_route.ip" Pairs("static_route.router");
    34 "trailer_encapsulation" Flag;
    35 "arp_cache_timeout" U32;
    36 "ethernet_encapsulation" Flag;
    37 "tcp_default_ttl" U8;
    38 "tcp_keepalive_interval" U32;
    39 "tcp_keepalive_garbage" Flag;
    40 "nis_domain" Text;
    41 "nis_server" Addresses;
    42 "ntp_server" Addresses;
    43 "vendor.value" Bytes;
    44 "netbios_over_tcpip_name_server" Addresses;
    45 "netbios_over_tcpip_dd_name_server" Addresses;
    46 "netbios_over_tcpip_node_type" U8;
    47 "netbios_over_tcpip_scope" Text;
    48 "xwindows_system_font_server" Addresses;
    49 "xwindows_system_display_manager" Addresses;
    50 "requested_ip_address" Address;
    51 "ip_address_lease_time" U32;
    52 "option_overload" U8;
    53 "dhcp" U8;
    54 "dhcp_server_id" Address;
    55 "request_list_item" U8s;
    56 "message" Text;
    57 "dhcp_max_message_size" U16;
    58 "renewal_time_value" U32;
    59 "rebinding_time_value" U32;
    60 "vendor_class_id" Text;
    61 "client_id" Part;
    64 "nis_plus_domain" Text;
    65 "nis_plus_server" Addresses;
    66 "tftp_server_name" Text;
    67 "bootfile_name" Text;
    68 "mobile_ip_home_agent" Addresses;
    69 "smtp_server" Addresses;
    70 "pop3_server" Addresses;
    71 "nntp_server" Addresses;
    72 "default_www_server" Addresses;
    73 "default_finger_server" Addresses;
    74 "default_irc_server" Addresses;
    77 "user_class" Part;
    81 "fqdn" Part;
    82 "agent_information_option" Part;
    90 "dhcp_authentication" Part;
    91 "client_last_transaction_time" U32;
    92 "associated_ip_option" Addresses;
    93 "client_system_architecture" U16s;
    94 "client_network_id" Part;
    97 "uuid" Part;
    100 "tz_pcode" Text;
    101 "tz_tcode" Text;
    108 "ipv6_only_preferred" U32;
    114 "captive_portal" Text;
    116 "dhcp_auto_configuration" U8;
    118 "subnet_selection_option" Address;
    119 "dhcp_dns_domain_search_list_fqdn" Part;
    121 "classless_static_route" Part;
    124 "vi_class" Part;
    125 "vi" Part;
    150 "tftp_server_address" Addresses;
    249 "classless_static_route" Part;
    252 "private_proxy_autodiscovery" Text;
}

/// Options up to the one that ends them, and the filling behind it.
pub(super) fn list<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>, w: &mut Walk<'a>) -> Result<(), Malformed> {
    while let Some(code) = c.peek_u8() {
        match code {
            PAD => {
                let zeros = c.peek().iter().take_while(|b| **b == PAD).count();
                c.bytes(&PADDING, zeros)?;
            }
            END => {
                c.u8(&TYPE)?;
                c.derived(&END_OPTION, || Value::Uint(END.into()));
                c.rest(&PADDING);
            }
            _ => c.group(&OPTION, |c| option(c, w))?,
        }
    }
    Ok(())
}

fn option<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>, w: &mut Walk<'a>) -> Result<(), Malformed> {
    let code = c.u8(&TYPE)?;
    let length = usize::from(c.u8(&LENGTH)?);
    let (at, have) = (c.at(), c.left());
    let read = c.region(length.min(have), &VALUE, |c| match w.pieces.next(code) {
        None => data(c, w, code, length),
        Some(piece) => {
            c.rest(&PIECE);
            if let Piece::Last(value) = piece { joined(c, w, code, &value) } else { Ok(()) }
        }
    })?;
    if have < length {
        return Err(Malformed { field: VALUE.name, at, need: length, have, problem: Problem::Cut });
    }
    if let Err(bad) = read {
        w.note(bad);
    }
    Ok(())
}

/// Whether several options of this number are one value (RFC 3396 section 7): not where the first of them already has all
/// that a value of fixed length can have.
pub(super) fn is_split(code: u8, first: usize) -> bool {
    known(code).is_some_and(|(_, form)| match form {
        Form::Bytes => false,
        Form::Address | Form::U32 | Form::I32 => first != 4,
        Form::U16 => first != 2,
        Form::Flag | Form::U8 => first != 1,
        _ => true,
    })
}

/// A value that was put together, behind the last of its pieces: what it says owns no bytes, since the pieces do.
fn joined<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    w: &mut Walk<'_>,
    code: u8,
    value: &[u8],
) -> Result<(), Malformed> {
    let mut own = Walk::default();
    let length = value.len();
    let read = if R::ON {
        let mut tree = Tree::default();
        let read = data(&mut Cursor::new(value, 0, length, &mut tree), &mut own, code, length);
        let told = |kind| matches!(kind, NodeKind::Leaf | NodeKind::Derived);
        for node in tree.nodes.into_iter().filter(|node| told(node.kind) && node.value != Value::Bytes) {
            c.derived(node.field, || node.value);
        }
        read
    } else {
        data(&mut Cursor::new(value, 0, length, &mut Off), &mut own, code, length)
    };
    w.said.learn(own.said);
    let at = c.at();
    read.map_err(|bad| Malformed { at, ..bad })
}

/// The data of an option, which the cursor spans; what is left becomes bytes.
fn data<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    w: &mut Walk<'a>,
    code: u8,
    length: usize,
) -> Result<(), Malformed> {
    let Some((field, form)) = known(code) else { return Ok(()) };
    match form {
        Form::Address => {
            let address = c.ipv4(field)?;
            keep_address(w, code, address);
        }
        Form::Addresses => {
            while c.left() > 0 {
                let address = c.ipv4(field)?;
                keep_address(w, code, address);
            }
        }
        Form::Pairs(second) => {
            while c.left() > 0 {
                c.ipv4(field)?;
                c.ipv4(second)?;
            }
        }
        Form::Text => {
            let text = zero_ended(c, field, c.left())?;
            match code {
                12 => w.said.host = text.into(),
                15 => w.said.domain = text.into(),
                56 => w.said.text = text.into(),
                60 => w.said.vendor = text.into(),
                _ => {}
            }
        }
        Form::Flag => match c.peek_u8() {
            Some(byte) => c.told(field, 1, || Value::Flag(byte != 0)),
            None => drop(c.u8(field)?),
        },
        Form::U8 => {
            let number = c.u8(field)?;
            if code == 53 {
                w.said.kind.get_or_insert(number);
            }
        }
        Form::U8s => {
            while c.left() > 0 {
                c.u8(field)?;
            }
        }
        Form::U16 => drop(c.u16(field)?),
        Form::U16s => {
            while c.left() > 0 {
                c.u16(field)?;
            }
        }
        Form::U32 => {
            let number = c.u32(field)?;
            match code {
                51 => w.said.lease = Some(number),
                58 => w.said.renewal = Some(number),
                59 => w.said.rebinding = Some(number),
                _ => {}
            }
        }
        Form::I32 => match c.peek().first_chunk::<4>() {
            Some(bytes) => c.told(field, 4, || Value::Int(i32::from_be_bytes(*bytes).into())),
            None => drop(c.u32(field)?),
        },
        Form::Bytes => drop(c.rest(field)),
        Form::Part => parts::data(c, w, code, length)?,
    }
    Ok(())
}

fn keep_address(w: &mut Walk<'_>, code: u8, address: [u8; 4]) {
    // Where a list is longer than what is kept of it, the first ones are those that are tried first.
    match code {
        1 => w.said.mask = Some(address),
        3 => drop(w.said.routers.try_push(address)),
        6 => drop(w.said.dns.try_push(address)),
        50 => w.said.requested = Some(address),
        54 => w.said.server_id = Some(address),
        _ => {}
    }
}
