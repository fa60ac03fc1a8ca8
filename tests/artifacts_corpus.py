#!/usr/bin/env python3
"""Put what captures do to packets into captures that have no faults, and look for faults that appear.

usage: artifacts_corpus.py --bin PCAPLAIN [--most FRAMES] FOLDER_OR_CAPTURE...

Taken are the captures of Ethernet with TCP in which pcaplain tells no fault of the network. Each is written anew with one
artifact at a time: a mirror that doubles frames, one that delays a direction, one direction only, frames cut short, a late
beginning, frames that the capture dropped, segments joined as a card does. A fault that is told then is one that the network did not
have. Where frames were dropped, what says that bytes were not captured is no fault.
"""

import argparse
import json
import random
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FAULTS = {"tcp.analysis.retransmission", "tcp.analysis.fast_retransmission", "tcp.analysis.spurious_retransmission",
          "tcp.analysis.out_of_order", "tcp.analysis.lost_segment", "tcp.analysis.duplicate_ack", "tcp.analysis.zero_window",
          "tcp.analysis.reused_ports", "tcp.handshake.refused", "arp.conflict", "checksum.bad"}
COPY = "capture.artifact.copy"
NOT_CAPTURED = {"tcp.analysis.lost_segment"}


def run(command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=300, check=False).stdout


def told(binary, path):
    """How often each fault is told, and where first."""
    counts, first = Counter(), {}
    for line in run([binary, "annotate", "--format", "json", "--records", "event", str(path)]).splitlines():
        event = json.loads(line)
        if event.get("kind") == COPY:
            counts[COPY] += 1
        if event.get("kind") in FAULTS:
            counts[event["kind"]] += 1
            first.setdefault(event["kind"], event["packet"])
    return counts, first


def read(path, scratch):
    """Frames as (ns, length on the wire, bytes) of a capture of Ethernet; None for others."""
    plain = scratch / f"{abs(hash(path))}.pcap"
    run(["editcap", "-F", "nsecpcap", str(path), str(plain)])
    if not plain.exists():
        return None
    raw = plain.read_bytes()
    plain.unlink()
    if len(raw) < 24 or struct.unpack_from("<I", raw)[0] != 0xA1B23C4D or struct.unpack_from("<I", raw, 20)[0] & 0xFFFF != 1:
        return None
    frames, at = [], 24
    while at + 16 <= len(raw):
        seconds, nanoseconds, captured, length = struct.unpack_from("<IIII", raw, at)
        frames.append((seconds * 10**9 + nanoseconds, length, raw[at + 16:at + 16 + captured]))
        at += 16 + captured
    return frames


def write(path, frames):
    head = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)
    path.write_bytes(head + b"".join(struct.pack("<IIII", ns // 10**9, ns % 10**9, len(data), length) + data
                                     for ns, length, data in frames))


def ends(data):
    """The sender and the receiver of an IPv4 or IPv6 packet, without a tag; None for others."""
    if data[12:14] == b"\x08\x00" and len(data) >= 34:
        return data[26:30], data[30:34]
    if data[12:14] == b"\x86\xdd" and len(data) >= 54:
        return data[22:38], data[38:54]
    return None


def outward(frame):
    """One of two directions: the lower address is the sender."""
    both = ends(frame[2])
    return both is not None and both[0] < both[1]


def joined(frames):
    """Segments that follow each other from one sender within a millisecond, as one: what a card does to those it receives. The
    checksum is then nobody's, and left to the card: only the sum over the pseudo header."""
    made = []
    for ns, length, data in frames:
        made.append((ns, length, data))
        if len(made) < 2 or not (whole := tcp(data)) or not (before := tcp(made[-2][2])):
            continue
        (start, key, seq, ack, flags, payload, window, options) = before
        (_, key2, seq2, ack2, flags2, payload2, window2, options2) = whole
        fits = key == key2 and ack == ack2 and flags & 0xF7 == flags2 & 0xF7 == 0x10 and payload and payload2
        fits = fits and len(options) == len(options2) and options == options2 and window == window2
        if not fits or (seq + len(payload)) % 2**32 != seq2 or ns - made[-2][0] > 10**6 or len(payload) + len(payload2) > 60000:
            continue
        joint = bytearray(made[-2][2][:start]) + payload + payload2
        size = len(joint) - 14
        joint[16:18] = struct.pack("!H", size)
        joint[24:26] = b"\0\0"
        joint[24:26] = checksum(joint[14:34])
        at = start - 20 - len(options)
        joint[at + 13] |= flags2
        pseudo = joint[26:34] + struct.pack("!HH", 6, size - 20)
        total = int.from_bytes(checksum(pseudo), "big") ^ 0xFFFF
        joint[at + 16:at + 18] = struct.pack("!H", total)
        made[-2:] = [(made[-2][0], len(joint), bytes(joint))]
    return made


def checksum(octets):
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", total ^ 0xFFFF)


def tcp(data):
    """Where the payload begins, the sockets, numbers, flags, payload, window, options of a whole segment over IPv4 without options."""
    if data[12:15] != b"\x08\x00\x45" or data[23] != 6 or len(data) < 54 or data[20:22] not in (b"\0\0", b"\x40\0"):
        return None
    size = struct.unpack_from("!H", data, 16)[0]
    head = (data[46] >> 4) * 4
    if size + 14 > len(data) or head < 20:
        return None
    seq, ack = struct.unpack_from("!II", data, 38)
    start = 34 + head
    return (start, data[26:38], seq, ack, data[47], data[start:14 + size], data[48:50], data[54:start])


def artifacts(frames, seed):
    """Each artifact's name and the frames as they are then."""
    chance = random.Random(seed)
    yield "twice", [copy for ns, length, data in frames for copy in ((ns, length, data), (ns + 2_000, length, data))]
    for late in (300_000, 5_000_000):
        for way in (True, False):
            moved = [(ns + late * (outward((ns, length, data)) == way), length, data) for ns, length, data in frames]
            yield f"late {late // 1000} us", sorted(moved, key=lambda frame: frame[0])
    for way in (True, False):
        yield "one direction", [frame for frame in frames if outward(frame) == way]
    for snaplen in (54, 68, 96, 128):
        yield f"snaplen {snaplen}", [(ns, length, data[:snaplen]) for ns, length, data in frames]
    for _ in range(6):
        yield "late beginning", frames[chance.randrange(1, len(frames)):]
    for share in (0.01, 0.05, 0.2):
        yield f"dropped {share:.0%}", [frame for frame in frames if chance.random() >= share]
    yield "joined", joined(frames)


def examine(job):
    binary, path, most, scratch = job
    frames = read(path, scratch)
    if not frames or not 10 <= len(frames) <= most or sum(frame[2][23:24] == b"\x06" for frame in frames) < 8:
        return None
    trial = scratch / f"{abs(hash(path))}.trial.pcap"
    write(trial, frames)
    plain = told(binary, trial)[0]
    if plain.keys() - {COPY}:
        trial.unlink()
        return None
    found = []
    for name, changed in artifacts(frames, str(path.name)):
        if name == "joined" and plain[COPY]:
            continue  # joined with a copy of the one before
        write(trial, changed)
        counts, first = told(binary, trial)
        for kind in counts.keys() - {COPY} - (NOT_CAPTURED if name.startswith("dropped") else set()):
            found.append((name, kind, counts[kind], first[kind]))
    trial.unlink()
    return path, found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--bin", required=True)
    parser.add_argument("--most", type=int, default=2000)
    parser.add_argument("paths", nargs="+", type=Path)
    options = parser.parse_args()
    files = sorted(file for path in options.paths for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())
    taken, faults = 0, Counter()
    with tempfile.TemporaryDirectory(prefix="pcaplain-artifacts-") as scratch, ThreadPoolExecutor(2) as pool:
        jobs = [(options.bin, path, options.most, Path(scratch)) for path in files]
        for result in pool.map(examine, jobs):
            if result is None:
                continue
            path, found = result
            taken += 1
            for name, kind, count, first in found:
                faults[name, kind] += 1
                print(f"{path.name}: {name}: {kind} {count} times, first in #{first}")
    for (name, kind), count in sorted(faults.items()):
        print(f"{name:16} {kind:40} in {count} captures")
    print(f"{taken} captures without faults, {sum(faults.values())} faults that an artifact made")
    return 0 if taken and not faults else 1


if __name__ == "__main__":
    sys.exit(main())
