"""The prose of a Markdown document, and the numbers in it."""

import re
from collections.abc import Iterable, Iterator

NUMBER = r"\d(?:[\d.,]*\d)?(?:e[-+]?\d+)?"
"""Digits, with points, commas and an exponent. Numbers in words are held only by chance."""

_NO_PROSE = (
    r"(?ms)^## Expected before measuring$.*?(?=^## |\Z)",  # stays as it was written
    r"(?ms)^```.*?^```\n?",  # code
    r"`[^`]*`",
    r"(?<=\])\([^)]*\)",  # where a link or a picture leads
    r"N\(0, ",  # a normal distribution
    r"arXiv \d{4}\.\d{5}",
    r"(?<=et al\. )\(?\d{4}\b",  # years of papers: He et al. (2015)
    r"\b[A-Z][\w-]+ \(?(?:19|20)\d\d(?=[),;:.])",  # Szegedy 2015; ICLR 2017
)


def prose(markdown: str) -> str:
    """All text that says something, on one line."""
    for pattern in _NO_PROSE:
        markdown = re.sub(pattern, " ", markdown)
    return " ".join(re.sub(r"\*+|(?m:^ *#+ )", "", markdown).split())


def occurrences(fragment: str, text: str) -> Iterator[slice]:
    """Where `text` has `fragment`, and not as part of longer numbers."""
    pattern = rf"(?<!\d)(?<!\d[.,]){re.escape(fragment)}(?!\d)(?![.,]\d)"
    return (slice(*found.span()) for found in re.finditer(pattern, text))


def otherwise(fragment: str, text: str) -> str:
    """What `text` has in place of `fragment`: the same words around other numbers, or nothing."""
    found = re.search(NUMBER.join(map(re.escape, re.split(NUMBER, fragment))), text)
    return found[0] if found else ""


def unheld(text: str, fragments: Iterable[str]) -> list[str]:
    """The numbers of `text` that lie in none of `fragments`, each with what stands around it."""
    held = [False] * len(text)
    for fragment in fragments:
        for place in occurrences(fragment, text):
            held[place] = [True] * len(fragment)
    return [
        f"{found[0]} in «{text[max(found.start() - 40, 0) : found.end() + 40]}»"
        for found in re.finditer(NUMBER, text)
        if not all(held[found.start() : found.end()])
    ]
