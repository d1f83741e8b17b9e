"""The one table that the benchmark prints, with what its columns mean."""

import textwrap
from collections.abc import Sequence

from benchmarks.report import NOTES, Report, Row, Spread
from benchmarks.work import LABELS, LEARNS

_HEADER = (
    ("", "s per epoch", "ratio", "ratio", "overhead", "whole", "ratio", "peak"),
    ("", "and network", "to ours", "to floor", "s", "work, s", "to ours", "MiB"),
)
_WIDTH = 110


def table(report: Report) -> str:
    """What was done on what, a row a way, what the columns mean, and whether all ways agree."""
    rows = [_cells(row, report) for row in report.rows]
    lines = [*_aligned([*_HEADER, *rows, _floor_cells(report)]), *_not_installed(report)]
    return "\n".join([*_what(report), "", *lines, "", *_legend(report), "", *_agreement(report)])


def _what(report: Report) -> list[str]:
    machine, work = report.machine, report.plan.work
    versions = ", ".join(f"{name} {machine[name]}" for name in ("torch", "jax") if name in machine)
    return [
        f"{machine['cores']} cores of {machine['cpu']}; {versions}",
        f"{work.networks} networks, sigma {work.sigma_min:g} to {work.sigma_max:g}, epochs: "
        f"{work.epochs}, each {report.images:,} images in batches of {work.batch_size}",
        f"medians of {report.plan.rounds} rounds (smallest–largest)",
    ]


def _cells(row: Row, report: Report) -> tuple[str, ...]:
    scaled = row.networks < report.plan.work.networks
    return (
        LABELS[row.way] + (" *" if scaled else ""),
        _spread(row.per_epoch_and_network),
        f"{row.to_ours:.1f}",
        f"{row.to_floor:.1f}",
        f"{row.overhead.median:.1f}" if row.overhead.median else "–",
        ("~" if scaled else "") + _spread(row.work),
        f"{row.work_to_ours:.1f}",
        f"{row.peak_mib:,.0f}" if row.peak_mib else "?",
    )


def _floor_cells(report: Report) -> tuple[str, ...]:
    [ours] = [row for row in report.rows if row.way == "ours"]
    whole = report.floor.median * report.plan.work.networks * report.plan.work.epochs
    return (
        f"floor (sgemm, {report.sgemm_gflops.median:.0f} GFLOP/s)",
        _spread(report.floor),
        f"{1 / ours.to_floor:.2f}",
        "1",
        "–",
        _digits(whole),
        f"{whole / ours.work.median:.2f}",
        "–",
    )


def _not_installed(report: Report) -> list[str]:
    return [
        f"{LABELS[way]}  not installed (make bench installs it)" for way in report.not_installed
    ]


def _spread(spread: Spread) -> str:
    return f"{_digits(spread.median)} ({_digits(spread.smallest)}–{_digits(spread.largest)})"


def _digits(seconds: float) -> str:
    """Three digits."""
    return f"{seconds:.0f}" if seconds >= 100 else f"{seconds:#.3g}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first column flush left, the others flush right, a rule below the two lines of header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in rows
    ]
    return [*lines[:2], "-" * max(map(len, lines)), *lines[2:]]


def _legend(report: Report) -> list[str]:
    entries = dict(NOTES)
    networks = report.plan.work.networks
    if fewer := sorted({row.networks for row in report.rows if row.networks < networks}):
        entries["*"] = (
            f"measured on {' or '.join(map(str, fewer))} of the {networks} networks: a loop takes "
            "the same time for each, ~ is scaled up from it"
        )
    return [
        line
        for name, text in entries.items()
        for line in textwrap.wrap(f"{name}: {text}", _WIDTH, subsequent_indent="  ")
    ]


def _agreement(report: Report) -> list[str]:
    within = f"within {100 * report.plan.tolerance:g} points of ours"
    where = f"sigma {LEARNS[0]:g} to {LEARNS[1]:g}"
    if report.disagreements:
        return [f"NOT all learn the same; test accuracies must be {within} ({where}):"] + [
            f"  {line}" for line in report.disagreements
        ]
    return [f"All learn the same: test accuracies are {within} ({where})."]
