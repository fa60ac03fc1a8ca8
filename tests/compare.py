#!/usr/bin/env python3
"""Compare pcaplain's header fields with tshark's over a folder of captures, and fail below a threshold.

usage: compare.py --bin PCAPLAIN [--threshold 99.9] [--jobs 2] CAPTURE_OR_FOLDER...

tests/compare_tshark.py runs both over each capture and writes, with --json, how many values of each field
are equal, different, missing and extra. This script sums them by protocol, prints the table, and ends with 1

  - where fewer than THRESHOLD percent of the header values of the protocols in FAMILIES are equal,
  - where a capture made pcaplain crash, hang, or write something that is no record,
  - where tests/allow.toml excuses a difference without a reason.

Fields that are worked out and stand in no header (stream numbers, relative sequence numbers, the scaled window)
are listed in rows of their own and do not count.
"""

import argparse
import collections
import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOOL = HERE / "compare_tshark.py"
FAMILIES = ("eth", "vlan", "arp", "ip", "ipv6", "icmp", "icmpv6", "udp", "tcp")
WORKED_OUT = {"udp.stream", "tcp.stream", "tcp.seq", "tcp.ack", "tcp.len", "tcp.window_size", "tcp.completeness"}


def family(field):
    """The row that a field is summed in; None for those of no interest here."""
    protocol = field.split(".")[0]
    if protocol not in FAMILIES:
        return None
    if field in WORKED_OUT or field.startswith("tcp.analysis."):
        return f"({protocol}, worked out)"
    return protocol


def share(row):
    """Percent of a row's values that are equal; of nothing, all are."""
    return 100.0 * row[0] / sum(row) if sum(row) else 100.0


def unexplained(path):
    """The entries of an allow file that give no reason."""
    entries = tomllib.loads(path.read_text())["allow"]
    return [entry for entry in entries if len(entry.get("reason", "")) < 20 or "field" not in entry]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--bin", required=True)
    parser.add_argument("--threshold", type=float, default=99.9)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("captures", nargs="+")
    options = parser.parse_args()

    allow = HERE / "allow.toml"
    failures = [f"{allow.name}: no reason given: {entry}" for entry in unexplained(allow)]
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, str(TOOL), "--bin", options.bin, "--jobs", str(options.jobs),
                   "--json", str(result), "--allow", str(allow), "--show", "40", *options.captures]
        status = subprocess.run(command, check=False).returncode
        if status != 0:
            failures.append(f"{TOOL.name} ended with {status}: a crash, a hang, or no records")
        if not result.exists():
            print("no result was written", file=sys.stderr)
            return 1
        compared = json.loads(result.read_text())

    rows = collections.defaultdict(lambda: [0, 0, 0, 0])
    for field, counts in compared["fields"].items():
        name = family(field)
        if name:
            rows[name] = [a + b for a, b in zip(rows[name], counts)]
    order = [name for name in FAMILIES if name in rows] + sorted(name for name in rows if name.startswith("("))
    print(f"\n{'protocol':24} {'equal':>10} {'different':>10} {'missing':>10} {'extra':>10} {'percent':>9}")
    for name in order:
        below = "  below the threshold" if share(rows[name]) < options.threshold and name in FAMILIES else ""
        print(f"{name:24} {rows[name][0]:10} {rows[name][1]:10} {rows[name][2]:10} {rows[name][3]:10} "
              f"{share(rows[name]):9.4f}{below}")
    total = [sum(column) for column in zip(*(rows[name] for name in FAMILIES if name in rows))] or [0] * 4
    print(f"{'header fields together':24} {total[0]:10} {total[1]:10} {total[2]:10} {total[3]:10} {share(total):9.4f}")

    if not sum(total):
        failures.append("nothing was compared")
    elif share(total) < options.threshold:
        failures.append(f"{share(total):.4f} % of the header values are equal; wanted {options.threshold} %")
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
