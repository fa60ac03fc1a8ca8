#!/usr/bin/env python3
"""Check that every claim of a ledger has a capture named for it, or a reason why no packet can show it.

usage: claims_have_captures.py LEDGER.toml

Which capture serves which claim stands in captures/syllabus.toml, the reasons in docs/notes.
"""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CAPTURES = ROOT / "captures"


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    claims = {claim["id"] for claim in tomllib.loads(Path(sys.argv[1]).read_text())["claim"]}
    syllabus = tomllib.loads((CAPTURES / "syllabus.toml").read_text())
    recorded = {name: served for name, served in syllabus["claims"].items() if (CAPTURES / f"{name}.pcapng").exists()}
    served = {claim for served in recorded.values() for claim in served}
    notes = [claim for file in (ROOT / "docs/notes").glob("*.toml") for claim in tomllib.loads(file.read_text())["claim"]]
    reasoned = {claim["id"] for claim in notes if "unobservable_en" in claim}
    complaints = [f"no capture and no reason: {claim}" for claim in sorted(claims - served - reasoned)]
    complaints += [f"a capture, and a reason why there is none: {claim}" for claim in sorted(served & reasoned)]
    complaints += [f"no such claim in the ledger: {claim}" for claim in sorted((served | reasoned) - claims)]
    print(f"{len(claims)} claims: {len(claims & served)} in {len(recorded)} captures, {len(claims & reasoned)} that no packet or no capture shows")
    for complaint in complaints:
        print(complaint)
    return 1 if complaints or not claims else 0


if __name__ == "__main__":
    sys.exit(main())
