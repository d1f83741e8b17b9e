"""The show door: opens plots/explore.html in a browser, or prints where it is."""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.show")
    from stages.process.door import enter

    enter("stages.show", takes_folder=True)

import webbrowser
from pathlib import Path

from stages.explore import PAGE
from stages.process.door import InputError


def main(folder: Path) -> None:
    """Show the page of `folder`."""
    page = (folder / PAGE).resolve()
    if not page.exists():
        raise InputError(f"{folder / PAGE}: no such file; `make explore` makes it")
    if not webbrowser.open(page.as_uri()):
        print(page)
