"""The door to the trial cache: its size, and what may leave it.

`python -m stages.trial_cache` tells its size, `prune --older-than DAYS` and `prune --unused` remove
some entries and `clear` empties it, each after asking.
"""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.trial_cache")
    from stages.process.door import enter

    enter("stages.trial_cache", parses=True)

import argparse
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from stages.core.cache import cache_root
from stages.core.pruning import (
    Entry,
    entries,
    kept_data,
    litter,
    remove_entry,
    remove_litter,
    size,
    trials_of_all_revisions,
)
from stages.process.door import InputError, Parser
from stages.process.pace import counted
from stages.process.scratch import remove

DAY = 24 * 60 * 60


def main() -> None:
    """Do what the command line says."""
    arguments = parse(sys.argv[1:])
    root = cache_root()
    held, others, left = entries(root), kept_data(root), litter(root)
    print(f"trial cache: {amount(held)}, in {root}")
    if others:
        print(f"data sets beside them: {megabytes(map(size, others))}; `clear` removes it")
    if left:
        print(f"left by interrupted runs: {megabytes(map(size, left))}; `clear` removes it")
    if arguments.action == "clear":
        drop(held, root, arguments.yes, others, and_litter=bool(left))
    elif arguments.action == "prune":
        drop(choose(held, arguments.older_than, arguments.unused), root, arguments.yes)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser("python -m stages.trial_cache", description=__doc__)
    actions = parser.add_subparsers(dest="action", metavar="prune | clear")
    clear = actions.add_parser("clear", help="remove all entries")
    prune = actions.add_parser("prune", help="remove entries by age or by use")
    which = prune.add_mutually_exclusive_group(required=True)
    which.add_argument("--older-than", type=float, metavar="DAYS", help="not used for so long")
    which.add_argument(
        "--unused", action="store_true", help="in the sweep of no commit, experiment or workspace"
    )
    for action in (clear, prune):
        action.add_argument("--yes", action="store_true", help="do not ask")
    return parser.parse_args(arguments)


def choose(held: Sequence[Entry], older_than: float | None, unused: bool) -> list[Entry]:
    """The entries that `prune` is about."""
    if unused:
        try:
            used = trials_of_all_revisions(Path())
        except (OSError, subprocess.CalledProcessError) as error:
            raise InputError(f"what experiments use is unknown: {error}") from None
        return [entry for entry in held if entry.trial not in used]
    assert older_than is not None
    return [entry for entry in held if time.time() - entry.last_used > older_than * DAY]


def drop(
    chosen: Sequence[Entry],
    root: Path,
    yes: bool,
    others: Sequence[Path] = (),
    and_litter: bool = False,
) -> None:
    """Remove `chosen`, and `others`, if the user agrees; what a run is using now stays."""
    if not chosen and not others and not and_litter:
        print("nothing to remove")
        return
    too = " and data sets" * bool(others) + " and what interrupted runs left" * and_litter
    print(f"this would free {amount(chosen)}{too}; what is needed later is made again")
    if not yes and not agreed():
        print("nothing removed")
        return
    removed = [entry for entry in chosen if remove_entry(root, entry)]
    for path in others:
        remove(path)
    if and_litter:
        remove_litter(root)
        if left := litter(root):
            raise InputError(f"{left[0]} cannot be removed; remove it by hand")
    print(f"removed {amount(removed)}{too}")


def agreed() -> bool:
    """Whether the user says yes; where nobody can be asked, no."""
    try:
        return input("remove? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def amount(held: Sequence[Entry]) -> str:
    """Number and size of entries, for people."""
    sizes = [entry.size for entry in held]
    return f"{counted(len(held), 'trial')}, {megabytes(sizes)}"


def megabytes(sizes: Iterable[int]) -> str:
    """The sum of sizes in bytes, for people."""
    return f"{sum(sizes) / 1e6:.1f} MB"
