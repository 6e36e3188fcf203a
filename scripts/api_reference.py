#!/usr/bin/env python3
"""Write docs/api.md from include/lumicrop/lumicrop.h: every section, comment and declaration, in the header's order.

With --check it writes nothing and fails where docs/api.md is not what the header says.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "include/lumicrop/lumicrop.h"
REFERENCE = ROOT / "docs/api.md"


def plain(comment):
    """The text of a C comment, without its stars."""
    lines = [re.sub(r"^\s*\*? ?", "", line) for line in re.sub(r"^/\*+ ?|\s*\*/$", "", comment.strip()).splitlines()]
    return "\n".join(lines).strip()


def indented_as_code(text):
    """Lines that the header indents are tables of arguments: keep their columns."""
    out, block = [], []
    for line in text.splitlines() + [""]:
        if line.startswith(" "):
            block.append(line)
            continue
        if block:
            out += ["```text", *block, "```"]
            block = []
        out.append(line)
    return "\n".join(out).strip()


def reference(header):
    body = header[header.index("/* lumicrop"):]
    introduction, body = body[: body.index("#ifndef LUMICROP_LUMICROP_H")], body[body.index("/* ----"):]
    out = ["# The C ABI", "", "Made from `include/lumicrop/lumicrop.h` by `scripts/api_reference.py`; the header is the manual.", ""]
    for line in plain(introduction).splitlines():
        heading = re.fullmatch(r"[A-Z][a-z]+( and [a-z]+)?", line)
        out.append(f"\n**{line}**\n" if heading else line.strip())
    for section in re.split(r"(?=/\* -{20,} )", body)[1:]:
        title, rest = re.match(r"/\* -+ (.*?) \*/(.*)", section, re.S).groups()
        out += ["", f"## {title[0].upper()}{title[1:]}", ""]
        rest = re.sub(r"#ifdef __cplusplus.*", "", rest, flags=re.S)
        for piece in re.split(r"\n(?=/\*\* )", rest):
            piece = piece.strip()
            if not piece:
                continue
            match = re.match(r"(/\*\*.*?\*/)\n(.*)", piece, re.S)
            comment, declaration = match.groups() if match else ("", piece)
            name = re.search(r"\b(lumicrop_\w+)(?=\()|typedef (?:struct )?(?:\w+ )?(lumicrop_\w+)", declaration)
            if name:
                out += [f"### `{next(filter(None, name.groups()))}`", ""]
            if comment:
                out += [indented_as_code(plain(comment)), ""]
            out += ["```c", declaration.replace("LUMICROP_API ", "").strip(), "```", ""]
    return "\n".join(out).rstrip() + "\n"


def main():
    text = reference(HEADER.read_text())
    if sys.argv[1:] == ["--check"]:
        if not REFERENCE.exists() or REFERENCE.read_text() != text:
            sys.exit("docs/api.md is not what the header says: run scripts/api_reference.py")
        return
    REFERENCE.write_text(text)


if __name__ == "__main__":
    main()
