#!/usr/bin/env python3
"""Check that every section of an RFC that claims cite exists: its heading stands in the text of that RFC.

usage: cited_sections.py FOLDER

FOLDER has the texts as rfcNUMBER.txt or rfcNUMBER.txt.gz, at any depth (Debian's doc-rfc packages have them). RFCs that are not there are named.
"""

import gzip
import re
import sys
import tomllib
from pathlib import Path

NOTES = Path(__file__).resolve().parent.parent / "docs/notes"
CITED = re.compile(r"RFC (\d+)((?: and)? (?:sections?|appendix|chapter) [^;]*)?")
SECTION = re.compile(r"(?:(?:sections?|appendix|chapter|and) |, )([0-9A-Z](?:\.?[0-9]+)*)\b")


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    texts = {}
    for path in sorted(Path(sys.argv[1]).rglob("rfc*.txt*")):
        if number := re.fullmatch(r"rfc0*(\d+)\.txt(?:\.gz)?", path.name):
            texts.setdefault(number[1], path)
    absent, wrong, found = set(), [], 0
    for file in sorted(NOTES.glob("*.toml")):
        for claim in tomllib.loads(file.read_text())["claim"]:
            for number, sections in (cited for one in claim["authority"] for cited in CITED.findall(one)):
                if number not in texts:
                    absent.add(int(number))
                    continue
                text = texts[number].read_bytes()
                text = (gzip.decompress(text) if texts[number].suffix == ".gz" else text).decode(errors="replace")
                for section in SECTION.findall(re.sub(r"\([^)]*\)", "", sections)):
                    if re.search(rf"(?m)^ {{0,12}}(?:Appendix )?{re.escape(section)}\.? +\S", text):
                        found += 1
                    else:
                        wrong.append(f"{claim['id']}: RFC {number} has no section {section}")
    print(f"{found} citations have their heading; not there: {', '.join(f'RFC {n}' for n in sorted(absent)) or 'none'}")
    print("\n".join(wrong))
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
