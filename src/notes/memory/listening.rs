//! Ports that were closed for a while and are served again, while an old connection of theirs is in TIME-WAIT at the server.
//!
//! Names, with any segment of a connection to such a port: `listen.wait_packet`, `listen.wait_since`: when the server went into TIME-WAIT last,
//! with a connection of this port; `listen.refused_packet`: a SYN was refused there after that.
//!
//! Bounded: [`MAX_KNOWN`] ports, then all are forgotten.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::Packet;
use crate::flow::{Datum, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Ports remembered.
const MAX_KNOWN: usize = 4_096;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("listen.wait_packet", expression::Kind::Number),
    ("listen.wait_since", expression::Kind::Time),
    ("listen.refused_packet", expression::Kind::Number),
];

#[derive(Debug, Clone, Copy)]
struct Port {
    packet: u64,
    time_ns: i64,
    refused: Option<u64>,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Listening {
    ports: HashMap<(IpAddr, u16), Port, RandomState>,
    now: Option<(Port, i64)>,
}

impl Memory for Listening {
    fn packet(&mut self, frame: &Frame<'_>, _: &Packet<'_>, outcome: &Outcome) {
        self.now = None;
        let Some(flow) = outcome.flow else { return };
        for event in outcome.events.iter().filter(|event| event.flow == Some(flow)) {
            let Some(&Datum::Socket(ip, port)) = event.get("server") else { continue };
            let key = (ip, port);
            match event.kind {
                Kind::TcpTimeWait if event.get("endpoint") == Some(&Datum::Name("server")) => {
                    if self.ports.len() >= MAX_KNOWN {
                        self.ports.clear();
                    }
                    let known = Port { packet: event.packet, time_ns: frame.time_ns, refused: None };
                    self.ports.insert(key, known);
                }
                Kind::TcpRefused if event.packet == frame.number => {
                    if let Some(known) = self.ports.get_mut(&key) {
                        known.refused = Some(frame.number);
                    }
                }
                _ => {}
            }
            self.now = self.ports.get(&key).map(|known| (*known, frame.time_ns));
        }
    }

    fn values(&self, name: &str, _: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        match (name, self.now) {
            ("listen.wait_packet", Some((port, _))) => each(Operand::Int(port.packet.into())),
            ("listen.wait_since", Some((port, now_ns))) => {
                each(Operand::Time((now_ns - port.time_ns).into()))
            }
            ("listen.refused_packet", Some((Port { refused: Some(packet), .. }, _))) => {
                each(Operand::Int(packet.into()));
            }
            _ => {}
        }
    }
}
