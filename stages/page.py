"""The page that `dvc plots show` and `dvc plots diff` fill, with Vega inside: it needs no network.

DVC's own page loads Vega from a CDN. `make` runs this module once after installing: it takes Vega
from the installed vl-convert and tells DVC of the page in .dvc/config.local, which is not in git.
"""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.page")
    from stages.process.door import enter

    enter("stages.page")

import json
from pathlib import Path

import vl_convert

from stages.process.dvc import run_dvc
from stages.process.files import write_atomically
from stages.process.templates import filled

DVC = Path(__file__).resolve().parents[1] / ".dvc"
PAGE = Path("plots_page.html")
TEMPLATE = Path(__file__).with_suffix(".html")
VEGA_LITE = "5."
"""Major version of Vega-Lite that our templates, and those of DVC, are written in."""

PICTURES = {
    "accuracy_vs_sigma": (
        "Accuracy, with the named initialisers magnified, or by variant",
        "Test accuracy against sigma, below it named initialisers, or a line for each variant",
    ),
    "map": (
        "Accuracy as a map",
        "Test accuracy over sigma and epoch, or over sigma and variant",
    ),
    "weight_histograms": (
        "Weights after training",
        "Histograms of all weights and biases after training, a curve for each sigma",
    ),
    "signals": (
        "Signals and gradients of each layer",
        "Size of activations and gradients against sigma, before and after training",
    ),
    "before_after": (
        "Weights before and after training",
        "Distributions of each layer's weights before and after training, for some sigmas",
    ),
    "features": (
        "First-layer weights as images",
        "What units of the first layer look for before and after training, for some sigmas",
    ),
}
"""Of the pictures in plots/, by name: a heading and what they show. Others go by their name."""


def main() -> None:
    """Write the page and set `plots.html_template`."""
    write_atomically(DVC / PAGE, page_template())
    setting = ["config", "--local", "plots.html_template", PAGE.as_posix()]
    run_dvc("--cd", str(DVC.parent), *setting)


def page_template() -> str:
    """The page with Vega, Vega-Lite and Vega-Embed in it.

    DVC's placeholders {refresh_tag} and {plot_divs} are left to fill; it would put the CDN where
    {scripts} stands.
    """
    version = [v for v in vl_convert.get_vegalite_versions() if v.startswith(VEGA_LITE)][-1]
    vega = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", version)
    parts = {"pictures": json.dumps(PICTURES), "vega": vega}
    return filled(TEMPLATE.read_text(encoding="utf-8"), parts)
