"""What GitHub Pages shows, made by `make site` on real MNIST."""

from html.parser import HTMLParser
from pathlib import Path

from tests.conftest import replace_in
from tests.pipeline.conftest import Clone


class Links(HTMLParser):
    """What a page refers to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value for name, value in attrs if name in ("href", "src") and value}


def test_the_site_holds_pages_and_reports_and_no_link_leads_nowhere(clone: Clone) -> None:
    for made in ("plots/explore.html", "metrics/report.md"):  # which `make repro` makes again
        (clone.path / made).unlink()
    study = clone.path / "studies/optimisers/params.yaml"
    replace_in(study, "epochs: 10", "epochs: 1")
    replace_in(study, "num_points: 25", "num_points: 2")
    replace_in(study, "replicates: 5", "replicates: 1")
    named = study.read_text().partition("initializers:")[2].partition("report:")[0]
    replace_in(study, named, " []\n\n")
    clone.run("make", "--old-file=install", "site")
    site = clone.path / "site"
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    inside = ["", "studies/optimisers/"]
    assert pages == {
        "index.html",
        *(
            f"{folder}{page}"
            for folder in inside
            for page in ("plots/explore.html", "metrics/report.html")
        ),
    }
    for page in pages:
        here = site / page
        links = {link for link in Links(here).found if not link.startswith("data:")}
        assert all((here.parent / link.partition("#")[0]).is_file() for link in links), links
    assert (site / "index.html").read_text().count("studies/optimisers/metrics/report.html") == 1
    report = (site / "metrics/report.html").read_text()
    assert '<img src="../plots/signals.png"' in report
    assert report.count("<table>") == 3
    assert "**" not in report
    assert "site" not in clone.run("git", "status", "--porcelain")
