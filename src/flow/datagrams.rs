//! Applications over UDP that ask and answer: who follows which protocol, in one place.
//!
//! Leaves out DNS, which TCP carries, too ([`super::dns`]).

use std::net::SocketAddr;

use super::calls::{Calls, Ends, Stamp};
use super::dhcp::DhcpTracker;
use super::dhcpv6::Dhcpv6Tracker;
use super::dns::MessageInfo;
use super::event::Event;
use super::ntp::NtpTracker;
use super::snmp::SnmpTracker;
use crate::protocol::{Protocol, Unit, rpc};

/// The followers of all of them.
#[derive(Debug, Default)]
pub struct Applications {
    dhcp: DhcpTracker,
    dhcpv6: Dhcpv6Tracker,
    ntp: NtpTracker,
    snmp: SnmpTracker,
    rpc: Calls<SocketAddr>,
}

impl Applications {
    /// One message, the whole of a datagram. Whether anybody here follows its protocol; `unit` is set where what was said before
    /// tells more of the message than its own bytes.
    pub fn message(
        &mut self,
        protocol: Protocol,
        info: &MessageInfo,
        bytes: &[u8],
        unit: &mut Option<Unit>,
        events: &mut Vec<Event>,
    ) -> bool {
        match protocol {
            Protocol::Dhcp => self.dhcp.message(info, bytes, events),
            Protocol::Dhcpv6 => self.dhcpv6.message(info, bytes, events),
            Protocol::Ntp => self.ntp.message(info, bytes, events),
            Protocol::Snmp => self.snmp.message(info, bytes, events),
            Protocol::Rpc => {
                let ends = Ends { from: info.from, to: info.to };
                let at = Stamp { packet: info.packet, time_ns: info.time_ns, flow: info.flow };
                let called = self.rpc.tell(ends, bytes, at, events);
                *unit = called.map(|called| Unit::Rpc(rpc::Part::Datagram(Some(called))));
            }
            _ => return false,
        }
        true
    }

    /// Time has stepped far back: another recording begins.
    pub fn back_to(&mut self, now_ns: i64) {
        self.dhcp.back_to(now_ns);
        self.dhcpv6.back_to(now_ns);
        self.ntp.back_to(now_ns);
        self.snmp.back_to(now_ns);
    }

    /// Tells what has been waiting too long at this time.
    pub fn expire(&mut self, now_ns: i64, events: &mut Vec<Event>) {
        self.dhcp.expire(now_ns, events);
        self.dhcpv6.expire(now_ns, events);
        self.ntp.expire(now_ns, events);
        self.snmp.expire(now_ns, events);
    }

    /// The capture has ended: tells what nothing answered.
    pub fn finish(&mut self, events: &mut Vec<Event>) {
        self.dhcp.finish(events);
        self.dhcpv6.finish(events);
        self.ntp.finish(events);
        self.snmp.finish(events);
    }
}
