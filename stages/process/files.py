"""Files that appear whole or not at all."""

from pathlib import Path

from stages.process.scratch import scratch_folder


def write_atomically(path: Path, text: str) -> None:
    """Write `text` as UTF-8, so that a reader finds the old file or the new one."""
    with scratch_folder(path.parent, f".{path.name}") as scratch:
        unfinished = scratch / path.name
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
