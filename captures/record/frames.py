"""Frames built by hand: for link layers that this kernel has no interface for, and for what no program here sends.

Each function puts the header of its standard around what it is given, octet by octet. The capture's link types are
those of https://www.tcpdump.org/linktypes.html.
"""

import socket
import struct
import zlib

SLIP, PPP, FDDI, RADIOTAP = 8, 9, 10, 127
IPV4, ARP, RARP, VLAN = 0x0800, 0x0806, 0x8035, 0x8100
ETHERNET_HARDWARE, IEEE_802_HARDWARE = 1, 6
BROADCAST = b"\xff" * 6


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def snap(kind, content):
    """What IEEE 802.2 puts before a protocol that has an EtherType: LLC (SAP 0xAA twice, UI), then SNAP."""
    return struct.pack("!BBB3xH", 0xAA, 0xAA, 3, kind) + content


def ethernet(destination, source, kind, content):
    """Ethernet II: behind the addresses stands an EtherType."""
    return destination + source + struct.pack("!H", kind) + content


def ieee_802_3(destination, source, content):
    """IEEE 802.3: the same place holds the content's length, at most 1500; then LLC. Padded to the shortest length."""
    return ethernet(destination, source, len(content), content).ljust(60, b"\0")


def vlan_tag(identifier, priority, kind, content):
    """IEEE 802.1Q: what follows EtherType 0x8100: priority, VLAN, and the EtherType that stood there before."""
    return struct.pack("!HH", priority << 13 | identifier, kind) + content


def arp(operation, sender, sender_ip, target, target_ip, hardware=ETHERNET_HARDWARE):
    """RFC 826 (ARP, operations 1 and 2) and RFC 903 (RARP, 3 and 4)."""
    head = struct.pack("!HHBBH", hardware, IPV4, 6, 4, operation)
    return head + sender + socket.inet_aton(sender_ip) + target + socket.inet_aton(target_ip)


def wifi(kind, addresses, flags=0, duration=0, number=None, body=b"", rate=2, signal=-50):
    """IEEE 802.11-2020 clause 9.2.3 (`kind`: subtype and type as in the first octet; a sequence number where frames of
    the kind have one), with its check sequence, behind what the radio tells of the reception (radiotap.org): "check
    sequence included", rate in 500 kbit/s, channel 6, strength of signal and noise in dBm."""
    frame = struct.pack("<BBH", kind, flags, duration) + b"".join(addresses)
    if number is not None:
        frame += struct.pack("<H", number << 4)
    frame += body
    frame += struct.pack("<I", zlib.crc32(frame))
    return struct.pack("<BxHIBBHHbb", 0, 16, 0x6E, 0x10, rate, 2437, 0x00A0, signal, -95) + frame


def beacon(network, channel=6):
    """The body of a beacon, IEEE 802.11-2020 clause 9.3.3.2: clock, interval, capabilities, name, rates, channel."""
    name = network.encode()
    return (struct.pack("<QHH", 0, 100, 0x0001) + bytes([0, len(name)]) + name
            + bytes([1, 4, 0x82, 0x84, 0x8B, 0x96]) + bytes([3, 1, channel]))


def ppp(protocol, content):
    """RFC 1661 in the framing of RFC 1662 (address 0xFF, control 0x03), without the flags and the check sequence."""
    return struct.pack("!BBH", 0xFF, 0x03, protocol) + content


def control(code, identifier, options=b""):
    """A packet of PPP's control protocols, RFC 1661 section 5: 1 request, 2 yes, 3 "not so", 5 end, 6 ended."""
    return struct.pack("!BBH", code, identifier, 4 + len(options)) + options


def slip(packet, sent):
    """RFC 1055 has no header; a capture puts the direction in front, and 15 octets where a compressed header would be:
    the packet's own first ones if nothing is compressed."""
    return bytes([sent]) + packet[:15] + packet


def fddi(destination, source, content):
    """FDDI (ISO 9314-2): frame control 0x50 (LLC, asynchronous), and addresses with each octet's bits reversed."""
    return b"\x50" + _mirrored(destination) + _mirrored(source) + content


def _mirrored(octets):
    return bytes(int(f"{octet:08b}"[::-1], 2) for octet in octets)
