"""Markdown as both reports write it: tables, text of other programs, where networks come from."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from stages.analysis.setting import Setting
from stages.analysis.wording import data
from stages.core.trial import Provenance


class Origin(NamedTuple):
    """Where a network comes from."""

    provenance: Provenance
    data: str  # digest


def document(*paragraphs: str) -> str:
    """A whole file."""
    return "\n\n".join(paragraphs) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(findings: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {finding}" for finding in findings)


def machine(networks: Mapping[Origin, int]) -> list[str]:
    """Where the networks come from, and a warning if not all come from the same."""
    rows = [
        [
            f"{count}",
            *map(plain, (p.device_model, p.device, p.torch)),
            *(f"`{plain(digest[:12])}`" for digest in (p.code, data, p.kernels)),
        ]
        for (p, data), count in networks.items()
    ]
    header = ["networks", "processor", "device", "torch", "training code", "data", "rounding"]
    different = len({origin.provenance for origin in networks})
    mixed = [
        f"The networks come from {different} different combinations of machine, versions and code:"
        " differences between them need not come from σ."
    ]
    return [*(mixed if different > 1 else []), table(header, rows)]


def name_of_data(setting: Setting) -> str:
    """The data set, which may be a path of the user."""
    return plain(data(setting))


def plain(text: str) -> str:
    """Text of other programs as Markdown and HTML that shows it and means nothing else."""
    one_line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return re.sub(r"[\\`*_\[\]<>&|~!$:]", lambda match: f"&#{ord(match[0])};", one_line)
