#!/usr/bin/env python3
"""Record bundled captures again, on this kernel, and compare what pcaplain tells of the old and the new.

usage: record_again.py --bin PCAPLAIN --scratch FOLDER NAME...

Times, sequence numbers and IP ids differ from one recording to the next. What must not differ: which events come, in
which order, in which conversation, at which end; and which states both ends go through. Needs root (see
captures/record/run). The repository's own captures are not touched: a copy of the folder is recorded into.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

CAPTURES = Path(__file__).resolve().parent.parent / "captures"


def story(binary, capture):
    """What pcaplain tells of a capture, without what differs each time."""
    command = [binary, "annotate", "--format", "json", "--records", "event,state", str(capture)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{capture.name}: exit status {done.returncode}: {done.stderr.strip()}")
    told = []
    for line in done.stdout.splitlines():
        record = json.loads(line)
        if record["record"] == "event":
            told.append((record["packet"], record["flow"], record["kind"], record["data"].get("endpoint")))
        elif record["record"] == "state":
            told.append((record["packet"], record["flow"], record["endpoint"], record["from"], record["to"],
                         record["basis"]))
    return told


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--bin", required=True)
    parser.add_argument("--scratch", required=True, type=Path)
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()

    copy = options.scratch / "captures"
    shutil.copytree(CAPTURES, copy)
    subprocess.run([copy / "record" / "run", *options.names], check=True)
    failed = 0
    for name in options.names:
        old, new = (story(options.bin, folder / f"{name}.pcapng") for folder in (CAPTURES, copy))
        if not old:
            print(f"{name}: nothing is told of the bundled capture")
            failed += 1
        elif old == new:
            print(f"{name}: the same {len(old)} events and states")
        else:
            at = next((i for i, (a, b) in enumerate(zip(old, new)) if a != b), min(len(old), len(new)))
            print(f"{name}: {len(old)} events and states in the bundled capture, {len(new)} recorded again; "
                  f"they part at number {at + 1}")
            for label, told in (("bundled", old), ("again", new)):
                print(f"  {label:8} {told[at] if at < len(told) else 'nothing more'}")
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
