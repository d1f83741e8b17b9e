"""The site door: pages and reports of the sweep and of the optimisers as a folder to publish.

site/index.html is the page of the optimisers, on which Adam and SGD share a sigma and not its fate.
All else lies as in the checkout, so that links from one file to another hold.
"""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.site")
    from stages.process.door import enter

    enter("stages.site")

import html
import re
import shutil
from pathlib import Path

from markdown_it import MarkdownIt

from stages.process.door import InputError
from stages.process.scratch import ScratchFolder, remove
from stages.process.templates import filled

SITE = Path("site")
OPTIMISERS = Path("studies/optimisers")
TEMPLATE = Path(__file__).with_suffix(".html")

_PAGE, _REPORT = Path("plots/explore.html"), Path("metrics/report.md")
_TO_REPORT = f"../{_REPORT.as_posix()}"
"""As a page names the report beside it."""


def main() -> None:
    """Replace site/ by what `dvc repro` made of the sweep and of studies/optimisers."""
    with ScratchFolder(Path(), f".{SITE}") as scratch:
        fresh = scratch / SITE
        for folder in (Path(), OPTIMISERS):
            copy(folder, fresh)
        (fresh / "index.html").write_text(page(OPTIMISERS, f"{OPTIMISERS.as_posix()}/{_REPORT}"))
        remove(SITE)
        fresh.rename(SITE)


def copy(folder: Path, site: Path) -> None:
    """Bring page, pictures and report of `folder` into the same folder of `site`."""
    for path in (_PAGE, _REPORT):
        (site / folder / path).parent.mkdir(parents=True, exist_ok=True)
    (site / folder / _PAGE).write_text(page(folder, _TO_REPORT))
    report = read(folder / _REPORT)
    (site / folder / _REPORT).with_suffix(".html").write_text(rendered(report, folder))
    for picture in sorted(set(re.findall(r"\]\(\.\./(plots/[^)]+)\)", report))):
        shutil.copy(folder / picture, site / folder / picture)


def page(folder: Path, report: str) -> str:
    """The page to touch of `folder`, whose links to its report lead to `report` as HTML."""
    return read(folder / _PAGE).replace(_TO_REPORT, f"{report.removesuffix('.md')}.html")


def rendered(report: str, folder: Path) -> str:
    """A report in Markdown as HTML, with links to what else is published."""
    top = "../" * len((folder / _REPORT).parent.parts)
    content = MarkdownIt("commonmark", {"html": False}).enable("table").render(report)
    title = re.search("^# (.*)", report, re.MULTILINE)
    fields = {"title": html.escape(title[1]) if title else "", "top": top, "content": content}
    return filled(TEMPLATE.read_text(encoding="utf-8"), fields)


def read(path: Path) -> str:
    """The text of a file that a stage made; InputError where it is missing."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        study = " studies/dvc.yaml:study@optimisers" if path.is_relative_to(OPTIMISERS) else ""
        raise InputError(f"{path}: no such file; `dvc repro{study}` makes it") from None
