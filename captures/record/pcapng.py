"""Capture files: read what tcpdump writes (pcap), write what the project keeps (pcapng).

pcapng because it carries what a bare pcap cannot: a comment on what the file shows, the names of the
interfaces, and several capture points in one file. The format: draft-ietf-opsawg-pcapng.
"""

import struct

SECTION, INTERFACE, PACKET = 0x0A0D0D0A, 1, 6
ETHERNET = 1
SNAPLEN = 262144


def read_pcap(raw):
    """The packets of a little-endian nanosecond pcap, as (time in ns, length on the wire, bytes)."""
    magic, _, _, _, _, _, link_type = struct.unpack_from("<IHHiIII", raw)
    if magic != 0xA1B23C4D or link_type != ETHERNET:
        raise ValueError("not a nanosecond Ethernet pcap of this machine's byte order")
    packets, at = [], 24
    while at < len(raw):
        seconds, nanoseconds, captured, length = struct.unpack_from("<IIII", raw, at)
        at += 16
        packets.append((seconds * 10**9 + nanoseconds, length, raw[at:at + captured]))
        at += captured
    return packets


def _option(code, value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _block(kind, body):
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def write(path, comment, system, application, interfaces, packets):
    """Write one section. `interfaces`: [(name, description)]; `packets`: [(ns, interface, length, bytes)] in order."""
    end = _option(0, "")
    options = _option(1, comment) + _option(3, system) + _option(4, application) + end
    blocks = [_block(SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + options)]
    for name, description in interfaces:
        nanoseconds = _option(9, bytes([9]))  # if_tsresol: stamps count 10^-9 s
        options = _option(2, name) + _option(3, description) + nanoseconds + end
        blocks.append(_block(INTERFACE, struct.pack("<HHI", ETHERNET, 0, SNAPLEN) + options))
    for time, interface, length, data in packets:
        head = struct.pack("<IIIII", interface, time >> 32, time & 0xFFFFFFFF, len(data), length)
        blocks.append(_block(PACKET, head + data + bytes(-len(data) % 4)))
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
