# SPDX-License-Identifier: GPL-2.0-only
"""Which small mistakes can be made in a file. sites.cocci finds the places."""

import dataclasses
import difflib
import hashlib
import os
import random
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = os.path.join(HERE, "sites.cocci")

BINARY = {
    "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"),
    "==": ("!=",), "!=": ("==",), "&&": ("||",), "||": ("&&",),
    "+": ("-",), "-": ("+",), "*": ("+",), "/": ("*",), "%": ("/",),
    "&": ("|",), "|": ("&",), "^": ("|",), "<<": (">>",), ">>": ("<<",),
    "+=": ("-=",), "-=": ("+=",), "|=": ("&=",), "&=": ("|=",), "*=": ("+=",),
    "/=": ("*=",), "%=": ("/=",), "<<=": (">>=",), ">>=": ("<<=",),
}
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
LOCK = re.compile(r"(\w+_)?(un)?lock(_\w+)?\(|synchronize_\w+\(")
NUMBER = re.compile(r"(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)$")
# Flags, and what is no number: one more of it is no mistake that anybody makes.
NO_NUMBER = re.compile(r"(GFP|S_I|MT_FLAGS)\w*$|NULL$|.*[\"']", re.S)


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One mistake: edits are (from, to, text), of positions in the file's text."""
    file: str
    kind: str
    line: int
    edits: tuple
    text: str = dataclasses.field(repr=False)

    def mutated(self):
        text = self.text
        for start, end, new in sorted(self.edits, reverse=True):
            # What follows stays on its line.
            newlines = "".join(re.findall(r"\\?\n", text[start:end])[new.count("\n"):])
            text = text[:start] + new + newlines + text[end:]
        return text

    def changed(self):
        """The lines that differ, as they were and as they are."""
        old, new = self.text.splitlines(), self.mutated().splitlines()
        return (tuple(a for a, b in zip(old, new) if a != b),
                tuple(b for a, b in zip(old, new) if a != b))

    def key(self):
        """What results are kept by: where, and what is there instead."""
        return " ".join([self.kind] + [f"{a}-{b}:{new}" for a, b, new in self.edits])

    def patch(self):
        return "".join(difflib.unified_diff(
            self.text.splitlines(True), self.mutated().splitlines(True),
            "a/" + self.file, "b/" + self.file))


def digest(*texts):
    return hashlib.sha1("\0".join(texts).encode()).hexdigest()[:16]


def found_sites(path, cache):
    """What sites.cocci says of a file; kept, since that takes a second."""
    with open(path, encoding="utf-8") as f, open(RULES, encoding="utf-8") as r:
        kept = os.path.join(cache, digest(f.read(), r.read()))
    if not os.path.exists(kept):
        out = subprocess.run(
            ["spatch", "--very-quiet", "--iso-file", "/dev/null", "--cocci-file", RULES, path],
            check=True, capture_output=True, text=True).stdout
        os.makedirs(cache, exist_ok=True)
        with open(kept + ".new", "w", encoding="utf-8") as f:
            f.write(out)
        os.rename(kept + ".new", kept)
    with open(kept, encoding="utf-8") as f:
        return f.read()


def parse_sites(text, listing):
    """[(kind, [(from, to)...])...] of what sites.cocci has printed."""
    begin = [0]
    for line in text.splitlines(True):
        begin.append(begin[-1] + len(line))
    sites = set()
    for line in listing.splitlines():
        words = line.split()
        if len(words) not in (6, 10):
            continue
        n = [int(w) for w in words[2:]]
        sites.add((words[0], tuple(
            (begin[n[i] - 1] + n[i + 1], begin[n[i + 2] - 1] + n[i + 3])
            for i in range(0, len(n), 4))))
    return sorted(sites)


def of_binary(text, place):
    old = text[slice(*place)]
    kind = "comparison" if old in COMPARISONS else "operator"
    for new in BINARY.get(old, ()):
        yield kind, ((*place, new),)


def of_unary(text, place):
    old = text[slice(*place)]
    if old[:2] in ("++", "--"):
        yield "operator", ((*place, ("--" if old[0] == "+" else "++") + old[2:]),)
    elif old[-2:] in ("++", "--"):
        yield "operator", ((*place, old[:-2] + ("--" if old[-1] == "+" else "++")),)
    elif old[0] in "!~-":
        yield "condition" if old[0] == "!" else "operator", ((*place, old[1:].lstrip()),)


def of_constant(text, place):
    old = text[slice(*place)]
    if text[place[1]] == "(":  # the name of a macro with arguments
        return
    number = NUMBER.match(old)
    if old in ("true", "false"):
        yield "constant", ((*place, "false" if old == "true" else "true"),)
    elif number:
        value = int(number[1], 8 if re.match(r"0\d", number[1]) else 0)
        for n in sorted({value + 1, value - 1, 0} - {value}):
            new = f"{n}{number[2]}" if n >= 0 else f"({n})"
            yield "constant", ((*place, new),)
    elif not NO_NUMBER.match(old):
        yield "constant", ((*place, f"({old} + 1)"),)
        yield "constant", ((*place, f"({old} - 1)"),)


def of_condition(text, place):
    yield "condition", ((*place, f"!({text[slice(*place)]})"),)


def of_statement(text, place):
    kind = "lock" if LOCK.match(text[slice(*place)]) else "statement"
    yield kind, ((*place, "(void)0"),)


def of_leave(text, first, last):
    # The last statement of a function is no early return.
    if not re.match(r"\s*\n}", text[last[1]:]):
        yield "leave", ((first[0], last[1], ";"),)


def of_arguments(text, first, second):
    a, b = text[slice(*first)], text[slice(*second)]
    if a != b:
        yield "arguments", ((*first, b), (*second, a))


MISTAKES = {
    "binary": of_binary, "assignment": of_binary, "unary": of_unary,
    "constant": of_constant, "condition": of_condition, "statement": of_statement,
    "leave": of_leave, "arguments": of_arguments,
}


def mutants_in(file, text, listing):
    """All mistakes of one file, in the order of its text."""
    seen = set()
    sites = parse_sites(text, listing)
    for site, places in sites:
        # "!x" negated is "x", and that is there already.
        if site == "condition" and ("unary", places) in sites:
            continue
        for kind, edits in MISTAKES[site](text, *places):
            if edits not in seen:
                seen.add(edits)
                yield Mutant(file, kind, text.count("\n", 0, edits[0][0]) + 1, edits, text)


def drawn(mutants, seed, file):
    """All of them in the order of the seed, each kind in its turn: a file has more
    constants than locks."""
    rng = random.Random(f"{seed} {file}")
    kinds = {}
    for m in mutants:
        kinds.setdefault(m.kind, []).append(m)
    turns = list(kinds.values())
    rng.shuffle(turns)
    for those in turns:
        rng.shuffle(those)
    while turns:
        for those in turns:
            yield those.pop()
        turns = [those for those in turns if those]
