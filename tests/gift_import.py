#!/usr/bin/env python3
"""Quizzes as other programs take them in: GIFT read back by the rules of the format, Markdown as a renderer reads it.

    python3 tests/gift_import.py --bin target/release/pcaplain [--count 50] [--seed 1] [--lang en] FILES...

The questions of `--format json` are the measure. What GIFT gives for them, read by a parser that follows Moodle's (its escapes,
titles, formats, weights, feedback, comments, and what it takes for another type of question), has the same stems, options, right
answers and feedback. A Markdown sheet with `--key FILE` has all options and no answer; the key has all answers. The same seed
gives the same bytes. Ends with 1 where something differs."""

import argparse, json, os, re, subprocess, sys, tempfile

ESCAPED = {"\\\\": "\\", "\\~": "~", "\\=": "=", "\\#": "#", "\\{": "{", "\\}": "}", "\\:": ":", "\\n": "\n"}


class Wrong(Exception):
    pass


def hide(text):
    """Escapes become signs of the private area, so that they part nothing; an unknown escape is an error here."""
    out, at = [], 0
    while at < len(text):
        if text[at] == "\\":
            pair = text[at:at + 2]
            if pair not in ESCAPED:
                raise Wrong(f"escape {pair!r}")
            out.append(chr(0xE000 + list(ESCAPED).index(pair)))
            at += 2
        else:
            out.append(text[at])
            at += 1
    return "".join(out)


def reveal(text):
    return "".join(list(ESCAPED.values())[ord(c) - 0xE000] if 0xE000 <= ord(c) < 0xE000 + len(ESCAPED) else c for c in text).strip()


def answer(text):
    """An answer: its weight, its text, its feedback. What begins an answer with another meaning is refused."""
    text, _, feedback = text.partition("#")
    text = text.strip()
    weight = None
    found = re.match(r"%(-?\d{1,3}(?:\.\d+)?)%", text)
    if found:
        weight, text = float(found[1]), text[found.end():]
    if text.startswith("[plain]"):
        text = text[len("[plain]"):]
    elif re.match(r"\[(html|plain|moodle|markdown)\]", text):
        raise Wrong("an answer that begins as a format does")
    if re.match(r"\[(html|plain|moodle|markdown)\]", feedback.strip()):
        raise Wrong("feedback that begins as a format does")
    if "->" in text:
        raise Wrong("an answer that is taken for a pair to match")
    return weight, reveal(text), reveal(feedback)


def gift(text):
    """All questions of a file: title, stem, options as (right, text, feedback), general feedback."""
    lines = [line for line in text.split("\n") if not line.strip().startswith("//")]
    for block in re.split(r"\n\s*\n", "\n".join(lines)):
        if not block.strip():
            continue
        block = hide(block.strip())
        found = re.fullmatch(r"::([^:]*)::\[plain\]([^{}]*)\{([^{}]*)\}", block, re.S)
        if not found:
            raise Wrong("no question: " + block[:80])
        title, stem, inner = found.groups()
        inner, _, general = inner.partition("####")
        if inner.lstrip().startswith("#"):
            raise Wrong("taken for a number")
        parts = re.split(r"([=~])", inner)
        if parts[0].strip():
            raise Wrong("text before the answers: " + parts[0])
        options = []
        for mark, body in zip(parts[1::2], parts[2::2]):
            weight, body, feedback = answer(body)
            if (weight or 0) > 0 and mark == "~" or weight not in (None, 100) and mark == "=":
                raise Wrong("a weight that makes a wrong answer right")
            options.append((mark == "=", body, feedback))
        yield reveal(title), reveal(stem), options, reveal(general)


def run(args, path, *more):
    command = [args.bin, "quiz", path, "--count", str(args.count), "--seed", str(args.seed), "--lang", args.lang, *more]
    return subprocess.run(command, capture_output=True, check=False).stdout.decode()


def plain(text):
    """A line of Markdown as it is read: escapes and entities undone."""
    text = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def squeeze(text):
    return re.sub(r"\s+", "", text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default="target/release/pcaplain")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lang", default="en")
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    total, faults = 0, []
    for path in args.files:
        name = os.path.basename(path)
        questions = [json.loads(line) for line in run(args, path, "--format", "json").splitlines()]
        text = run(args, path, "--format", "gift")
        if text != run(args, path, "--format", "gift"):
            faults.append((name, "the same seed, another quiz"))
        try:
            read = list(gift(text))
        except Wrong as error:
            faults.append((name, "GIFT", str(error)))
            continue
        if len(read) != len(questions):
            faults.append((name, "GIFT", len(read), len(questions)))
        for q, (title, stem, options, general) in zip(questions, read):
            at = (name, q["packet"], q["kind"])
            total += 1
            if title != f'{q["kind"]} #{q["packet"]}' or not stem.startswith(q["stem"].strip()):
                faults.append(at + ("stem", stem, q["stem"]))
            mine = [(o["right"], o["text"].strip(), o.get("why_not", "")) for o in q["options"]]
            said = [(right, body.replace("→", "->") if "->" in m[1] else body, why) for (right, body, why), m in zip(options, mine)]
            if said != mine:
                faults.append(at + ("options", options, mine))
            if not general.startswith(q["reason"].strip()):
                faults.append(at + ("feedback", general, q["reason"]))
        if not questions:
            continue
        with tempfile.TemporaryDirectory() as folder:
            key_file = os.path.join(folder, "key.md")
            sheet = run(args, path, "--format", "md", "--key", key_file)
            with open(key_file, encoding="utf-8") as file:
                key = file.read()
        for q in questions:
            at = (name, q["packet"], q["kind"])
            if squeeze(q["reason"]) in squeeze(plain(sheet)):
                faults.append(at + ("the answer is on the sheet",))
            if squeeze(q["reason"]) not in squeeze(plain(key)):
                faults.append(at + ("no reason in the key", q["reason"]))
            for o in q["options"]:
                if squeeze(o["text"]) not in squeeze(plain(sheet)):
                    faults.append(at + ("no such option on the sheet", o["text"]))
    for fault in faults[:60]:
        print(*fault, sep="\t")
    print(f"{total} questions read back; {len(faults)} faults")
    return 1 if faults else 0


sys.exit(main())
