#!/usr/bin/env python3
"""Make vendors.bin (who was given which MAC addresses) and ports.tsv (names of ports) from their registries.

usage: make.py vendors FOLDER    FOLDER holds IEEE's oui.csv, mam.csv (or oui28.csv), oui36.csv, iab.csv
       make.py ports CSV         CSV is IANA's service-names-port-numbers.csv

The CSV files are what https://standards-oui.ieee.org/ and https://www.iana.org/assignments/service-names-port-numbers/
offer. Copies of IEEE's: Debian package `ieee-data` in /usr/share/ieee-data, crate `oui-data` in data/.

vendors.bin is a zlib stream of: the names, one a line, UTF-8, a zero byte; then for each of the lengths 24, 28, 36 the number of
rows (varint), then the rows in order of prefixes: what was added to the prefix before (varint), which name (varint).
"""
import csv, os, sys, zlib

# What says nothing of who made the card: blocks that are divided further, owners who do not want to be named.
NOBODY = {"IEEE Registration Authority", "Private", "PRIVATE", ""}


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return out


def vendors(folder):
    rows = {24: {}, 28: {}, 36: {}}
    for file in ("oui.csv", "mam.csv", "oui28.csv", "oui36.csv", "iab.csv"):
        path = os.path.join(folder, file)
        if not os.path.exists(path): continue
        for row in csv.DictReader(open(path, encoding="utf-8")):
            prefix, name = row["Assignment"].strip(), " ".join(row["Organization Name"].split())
            if name not in NOBODY: rows[len(prefix) * 4].setdefault(int(prefix, 16), name)
    # In order of prefixes of the largest list, so that neighbours have small numbers; what was met first stays first.
    names = {}
    for bits in rows:
        for prefix in sorted(rows[bits]): names.setdefault(rows[bits][prefix], 0)
    for number, name in enumerate(sorted(names)): names[name] = number
    out = bytearray("\n".join(sorted(names)).encode() + b"\0")
    for bits in (24, 28, 36):
        out += varint(len(rows[bits]))
        before = 0
        for prefix in sorted(rows[bits]):
            out += varint(prefix - before) + varint(names[rows[bits][prefix]])
            before = prefix
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vendors.bin")
    packed = zlib.compress(bytes(out), 9)
    open(here, "wb").write(packed)
    print("%d prefixes, %d names, %d bytes, packed %d" % (sum(map(len, rows.values())), len(names), len(out), len(packed)))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "vendors": vendors(sys.argv[2])
    else: sys.exit(__doc__)
