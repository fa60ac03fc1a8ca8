"""TCP where the cable loses or damages segments: how the ends notice, and how they make good."""

from . import scenario
from .tcp import OPENING
from .tcp_transfer import CLOSING, far_apart, finish, opened, transfer


def at(host, filter_):
    """A display filter for what was captured at `host`."""
    return f'frame.interface_name == "{host}-eth0" && {filter_}'


@scenario("tcp-loss", "Segments lost on the way, seen from both ends: fast retransmission, SACK, timeouts",
          expect=[*OPENING, "tcp.analysis.duplicate_ack", "tcp.analysis.fast_retransmission",
                  "tcp.analysis.retransmission", "tcp.analysis.spurious_retransmission", *CLOSING],
          shows=[("tcp.len > 0", 414), ("tcp.options.sack.count == 2", 28),
                 *[(at("client", f"tcp.dstport == 7001 && tcp.len == 524 && tcp.seq == {seq}"), times)
                   for seq, times in ((15197, 2), (36157, 2), (37729, 2), (51877, 3), (67597, 4), (68121, 2))],
                 *[(at("server", f"tcp.dstport == 7001 && tcp.len == 524 && tcp.seq == {seq}"), times)
                   for seq, times in ((15197, 1), (36157, 1), (37729, 1), (51877, 1), (67597, 1), (68121, 2))],
                 (at("server", "tcp.srcport == 7001 && tcp.ack == 7861"), 1),
                 (at("client", "tcp.srcport == 7001 && tcp.ack == 7861"), 0),
                 (at("server", "tcp.srcport == 7001 && tcp.options.sack_le == 68121"), 1),
                 ("tcp.port == 7002 && tcp.flags.syn == 1 && !tcp.options.sack_perm", 4),
                 (at("server", "tcp.srcport == 7002 && tcp.seq == 7337 && tcp.len == 524"), 2),
                 (at("server", "tcp.srcport == 7002 && tcp.seq == 8909 && tcp.len == 524"), 2),
                 (at("server", "tcp.srcport == 7003 && tcp.seq == 7337 && tcp.len == 524"), 1),
                 (at("client", "tcp.srcport == 50003 && tcp.options.sack_le == 7861"), 2)])
def tcp_loss(lab):
    """client (10.0.0.1) and server (10.0.0.2) on a cable of 16.5 ms each way, captured at both ends. The cable (a
    relay) carries frames of up to 576 octets, so that a full segment has 524 octets of data, takes 3 ms for each, and
    loses what it is told to: what is lost is seen at the sender and not at the receiver. Both ends use Reno. (1) Port
    7001: the client sends 130 segments. Segment 30 is lost: three duplicate acknowledgments, and it is sent again. 70
    and 73 are lost: SACK tells of both gaps, and both are sent again within a round trip. 100 is lost, and its
    repetition too: it is sent a third time. One acknowledgment is lost, the one after segment 15: no matter, the next
    covers it. Segment 130, the last, is lost three times. No duplicate acknowledgment can follow, so only time helps:
    a probe after 0.32 s, then the timer after 0.25 s and, doubled, 0.5 s. After a pause the client sends one segment
    more. It arrives, but its acknowledgment is lost: it is sent again for nothing, and the server says so (a SACK
    below the acknowledgment). (2) Port 7002: the server sends 40 segments; the client did not permit SACK. 15 and 18
    are lost: one is sent again in each round trip. (3) Port 7003: the server sends 30 segments. 15 is held back for
    6.75 ms, and two overtake it: two duplicate acknowledgments are no loss, nothing is sent again."""
    client, server, at_client, at_server, cable = far_apart(lab, 0.0165, 0.003, mtu=576)
    lab.record(at_client, at_server)

    ours, theirs = opened(client, server, 7001)
    cable.lose = {30: 1, 70: 1, 73: 1, 100: 2, 130: 3}
    cable.lose_ack = [15, 131]
    transfer(lab, ours, theirs, 130 * 524, 2)
    transfer(lab, ours, theirs, 524, 0.5)
    finish(lab, ours, theirs)

    client.sysctl({"net.ipv4.tcp_sack": 0})
    ours, theirs = opened(client, server, 7002)
    cable.lose = {15: 1, 18: 1}
    transfer(lab, theirs, ours, 40 * 524, 0.5)
    finish(lab, ours, theirs)
    client.sysctl({"net.ipv4.tcp_sack": 1})

    ours, theirs = opened(client, server, 7003)
    cable.hold = {15: 0.00675}
    transfer(lab, theirs, ours, 30 * 524, 0.5)
    finish(lab, ours, theirs)


def inverted(at):
    """A change of a frame: the octet at `at` (from the end if negative) with all its bits the other way."""
    def change(frame):
        octets = bytearray(frame)
        octets[at] ^= 0xFF
        return bytes(octets)
    return change


def exchanged(frame):
    """In the data, the second and the third pair of octets change places: the sum of all pairs stays the same."""
    return frame[:70] + frame[72:74] + frame[70:72] + frame[74:]


@scenario("tcp-damaged", "Segments damaged on the way: dropped without a word, sent again; and one unnoticed",
          expect=[*OPENING, "tcp.analysis.duplicate_ack", "tcp.analysis.fast_retransmission",
                  "tcp.analysis.retransmission", *CLOSING],
          shows=[*[(at(host, "tcp.dstport == 7001 && tcp.seq == 10137 && tcp.len == 1448"), 2)
                   for host in ("client", "server")],
                 (at("server", "tcp.dstport == 7002 && tcp.flags.syn == 1"), 2), ("ip.ttl == 191", 1),
                 (at("server", "tcp.dstport == 7003 && tcp.len == 64"), 2),
                 ("tcp.srcport == 7001 && tcp.options.sack_le == 11585", 24),
                 (at("client", 'tcp.payload contains "pay 1200"'), 1),
                 (at("server", 'tcp.dstport == 7004 && tcp.payload contains "pay 0012"'), 1)])
def tcp_damaged(lab):
    """client (10.0.0.1) and server (10.0.0.2) with 10.5 ms each way between them, captured at both ends. In between a
    relay damages single frames, as a router or switch with bad memory might (the check sequence of Ethernet finds
    what is damaged on a cable). (1) Port 7001: 20 segments; in the eighth the last octet is inverted. Its checksum
    does not fit, the server drops it without a word. Segments behind it arrive: duplicate acknowledgments, and it is
    sent again. (2) Port 7002: the SYN, in its sequence number. No answer; the client repeats it after a second. (3)
    Port 7003: 64 octets of data, damaged in the TTL: now the checksum of the IP header does not fit. Nothing comes
    back, and after 0.2 s the client sends it again. (4) Port 7004: two pairs of octets of the data change places. The
    sum is the same, so the checksum fits, nobody notices, and instead of "pay 1200 euros" the server reads "pay 0012
    euros"."""
    client, server, at_client, at_server, cable = far_apart(lab, 0.0105, 0.003)
    lab.record(at_client, at_server)

    ours, theirs = opened(client, server, 7001)
    cable.damage = {8: inverted(-1)}
    transfer(lab, ours, theirs, 20 * 1448, 0.3)
    finish(lab, ours, theirs)

    cable.damage = {0: inverted(39)}
    ours, theirs = opened(client, server, 7002)
    finish(lab, ours, theirs)

    ours, theirs = opened(client, server, 7003)
    cable.damage = {1: inverted(22)}
    transfer(lab, ours, theirs, 64, 0.5)
    finish(lab, ours, theirs)

    ours, theirs = opened(client, server, 7004)
    cable.damage = {1: exchanged}
    ours.sendall(b"pay 1200 euros to the shop\n")
    lab.wait(0.1)
    theirs.sendall(b"done: " + theirs.recv(100))
    lab.wait(0.1)
    ours.recv(100)
    finish(lab, ours, theirs)
