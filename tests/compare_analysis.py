#!/usr/bin/env python3
"""Compare labels of TCP segments (tcp.analysis.*) with tshark's, over a folder of captures.

usage: compare_analysis.py --bin PCAPLAIN FOLDER

With `--compat wireshark` pcaplain gives the labels that Wireshark gives: those must be equal, but for the files that are
named below with the reason. Its own labels go by evidence and differ on purpose: how often is shown, and why is told in
docs/differences.md.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

KINDS = ["retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order", "lost_segment",
         "ack_lost_segment", "duplicate_ack", "keep_alive", "keep_alive_ack", "zero_window", "zero_window_probe",
         "zero_window_probe_ack", "window_full", "window_update", "reused_ports"]
SPECIAL = {"fast_retransmission", "spurious_retransmission"}
# Where tshark does not analyse what pcaplain follows, or the reverse.
EXPLAINED = {
    "cisco-fabric-path.pcap": "tshark cuts 4 bytes off as a frame check sequence and calls the segments short",
    "rst-inject-rae.pcap": "tshark keeps the conversation and says of its SYN+ACK that ports are reused; here it is a new one",
}
LEAST = 0.999


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=300, check=False)
    return done.stdout.splitlines()


def tsharks(path):
    fields = [word for kind in KINDS for word in ("-e", f"tcp.analysis.{kind}")]
    lines = run(["tshark", "-n", "-r", path, "-Y", "tcp.analysis.flags", "-T", "fields", "-e", "frame.number", *fields])
    found = set()
    for line in lines:
        number, *values = line.split("\t")
        # A frame with two segments (in a tunnel, say) has each label as often; once is enough here.
        found |= {(int(number), kind) for kind, value in zip(KINDS, values) if value}
    return without_doubles(found)


def ours(binary, path, *options):
    lines = run([binary, "annotate", "--format", "json", "--records", "event", *options, path])
    events = [event for event in map(json.loads, lines) if event["record"] == "event"]
    return without_doubles({(event["packet"], event["kind"].removeprefix("tcp.analysis.")) for event in events
                            if event["kind"].startswith("tcp.analysis.")})


def without_doubles(labels):
    """tshark calls a fast or spurious retransmission a retransmission besides."""
    special = {number for number, kind in labels if kind in SPECIAL}
    return {(number, kind) for number, kind in labels if kind != "retransmission" or number not in special}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--bin", required=True)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    files = sorted(path for path in options.folder.rglob("*") if path.is_file())

    def look(path):
        return path, tsharks(path), ours(options.bin, path, "--compat", "wireshark"), ours(options.bin, path)

    equal, different, examples, own = Counter(), Counter(), [], Counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, theirs, compat, mine in pool.map(look, files):
            own.update(("both", kind) for _, kind in theirs & mine)
            own.update(("tshark", kind) for _, kind in theirs - mine)
            own.update(("pcaplain", kind) for _, kind in mine - theirs)
            if path.name in EXPLAINED:
                continue
            equal.update(kind for _, kind in theirs & compat)
            different.update(kind for _, kind in theirs ^ compat)
            examples += [f"{path.relative_to(options.folder)} #{number} {kind}: "
                         f"{'tshark' if (number, kind) in theirs else 'pcaplain'} only"
                         for number, kind in sorted(theirs ^ compat)]
    print(f"{'label':24} {'--compat wireshark':>20} {'own labels':>42}")
    print(f"{'':24} {'equal':>10} {'not':>9} {'as tshark':>14} {'tshark only':>13} {'pcaplain only':>13}")
    for kind in KINDS:
        print(f"{kind:24} {equal[kind]:10} {different[kind]:9} {own['both', kind]:14} {own['tshark', kind]:13} "
              f"{own['pcaplain', kind]:13}")
    for example in examples[:20]:
        print(example)
    if not equal:
        print("no label was compared", file=sys.stderr)
        return 1
    share = sum(equal.values()) / (sum(equal.values()) + sum(different.values()))
    print(f"--compat wireshark: {sum(equal.values())} labels equal, {sum(different.values())} not: {share:.4%}")
    return 0 if share >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
