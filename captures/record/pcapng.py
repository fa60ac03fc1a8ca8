"""Capture files: read what tcpdump writes (pcap), write what the project keeps (pcapng).

pcapng because it carries what a bare pcap cannot: a comment on what the file shows, the names of the
interfaces, several capture points in one file, how many packets were lost, and the keys of TLS connections. The
format: draft-ietf-opsawg-pcapng.
"""

import struct
from dataclasses import dataclass, field

SECTION, INTERFACE, STATISTICS, PACKET, SECRETS = 0x0A0D0D0A, 1, 5, 6, 0x0A
TLS_KEY_LOG = 0x544C534B
ETHERNET = 1
SNAPLEN = 262144


@dataclass
class Interface:
    """A capture point and what was seen there: `packets` are (time in ns, length on the wire, bytes) in order."""
    name: str
    description: str
    link_type: int = ETHERNET
    snaplen: int = SNAPLEN
    packets: list = field(default_factory=list)
    dropped: int = 0


def read_pcap(raw):
    """The link type and the packets, as (time in ns, length on the wire, bytes), of a little-endian nanosecond pcap."""
    magic, _, _, _, _, _, link_type = struct.unpack_from("<IHHiIII", raw)
    if magic != 0xA1B23C4D:
        raise ValueError("not a nanosecond pcap of this machine's byte order")
    packets, at = [], 24
    while at < len(raw):
        seconds, nanoseconds, captured, length = struct.unpack_from("<IIII", raw, at)
        at += 16
        packets.append((seconds * 10**9 + nanoseconds, length, raw[at:at + captured]))
        at += captured
    return link_type, packets


def _option(code, value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _block(kind, body):
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def write(path, comment, system, application, interfaces, secrets=""):
    """Write one section: `interfaces` with their packets, which are sorted by time over all of them (packets of one
    interface keep their order), and `secrets`, the lines of a TLS key log."""
    end = _option(0, "")
    options = _option(1, comment) + _option(3, system) + _option(4, application) + end
    blocks = [_block(SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + options)]
    for interface in interfaces:
        nanoseconds = _option(9, bytes([9]))  # if_tsresol: stamps count 10^-9 s
        options = _option(2, interface.name) + _option(3, interface.description) + nanoseconds + end
        blocks.append(_block(INTERFACE, struct.pack("<HHI", interface.link_type, 0, interface.snaplen) + options))
    if secrets:
        data = secrets.encode()
        blocks.append(_block(SECRETS, struct.pack("<II", TLS_KEY_LOG, len(data)) + data + bytes(-len(data) % 4)))
    packets = sorted(((time, number, length, data) for number, interface in enumerate(interfaces)
                      for time, length, data in interface.packets), key=lambda packet: packet[0])
    for time, number, length, data in packets:
        head = struct.pack("<IIIII", number, time >> 32, time & 0xFFFFFFFF, len(data), length)
        blocks.append(_block(PACKET, head + data + bytes(-len(data) % 4)))
    for number, interface in enumerate(interfaces):
        last = max((time for time, _, _ in interface.packets), default=0)
        counts = [_option(code, struct.pack("<Q", count))  # isb_ifrecv, isb_ifdrop
                  for code, count in ((4, len(interface.packets) + interface.dropped), (5, interface.dropped))]
        head = struct.pack("<III", number, last >> 32, last & 0xFFFFFFFF)
        blocks.append(_block(STATISTICS, head + b"".join(counts) + end))
    path.write_bytes(b"".join(blocks))


def read(path):
    """(comment, interface names, number of packets) of a file that `write` wrote."""
    raw, at = path.read_bytes(), 0
    comment, interfaces, packets = "", [], 0
    while at < len(raw):
        kind, length = struct.unpack_from("<II", raw, at)
        if kind == SECTION:
            comment = _options(raw[at + 24:at + length - 4]).get(1, b"").decode()
        elif kind == INTERFACE:
            interfaces.append(_options(raw[at + 16:at + length - 4])[2].decode())
        elif kind == PACKET:
            packets += 1
        at += length
    return comment, interfaces, packets


def _options(raw):
    found, at = {}, 0
    while at + 4 <= len(raw):
        code, length = struct.unpack_from("<HH", raw, at)
        found[code] = raw[at + 4:at + 4 + length]
        at += 4 + length + -length % 4
    return found
