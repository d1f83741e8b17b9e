"""The page that `dvc plots show` and `dvc plots diff` fill, with Vega inside: it needs no network.

DVC's own page loads Vega from a CDN. `make` runs this module once after installing: it takes Vega
from the installed vl-convert and tells DVC of the page in .dvc/config.local, which is not in git.
"""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.page")
    from stages.core.door import enter

    enter("stages.page")

import subprocess
import sys
from pathlib import Path

import vl_convert

from stages.core.files import write_atomically

DVC = Path(__file__).resolve().parents[1] / ".dvc"
PAGE = Path("plots_page.html")
VEGA_LITE = "5."
"""Major version of Vega-Lite that our templates, and those of DVC, are written in."""

# {refresh_tag} and {plot_divs} are DVC's placeholders; it would put the CDN where {scripts} stands.
TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{refresh_tag}
<title>Sigma sweep: dvc plots</title>
<style>
body { margin: 2rem auto; padding: 0 1rem; max-width: 90rem; color: #222; background: white;
  font: 15px/1.5 system-ui, sans-serif; }
header p { max-width: 50rem; color: #555; }
main { display: flex; flex-wrap: wrap; align-items: flex-start; gap: 2.5rem 2rem; }
main > div { max-width: 100%; }
svg.marks, img { max-width: 100%; height: auto; }
.vega-embed { max-width: 100%; }
.vega-bind { margin-top: 0.3rem; font-size: 14px; }
.vega-bind select { font: inherit; }
/* DVC draws each picture in a frame, and those of all revisions in a row that scrolls sideways. */
main > div:has(img) { flex: 1 1 40rem; display: flex; flex-wrap: wrap; gap: 1rem;
  border: 0 !important; text-align: left !important; white-space: normal !important; }
main > div:has(> div + div) { flex-basis: 100%; }
main > div:has(img) > p { flex-basis: 100%; margin: 0; font-weight: bold; }
main > div:has(img) > div { flex: 0 1 42rem; margin: 0 !important; border: 0 !important; }
main > div:has(img) > div > p { margin: 0; }
</style>
<script>
(() => {
{vega}
const draw = window.vegaEmbed;
const actions = { export: true, source: false, compiled: false, editor: false };
window.vegaEmbed = (target, spec) => draw(target, spec, { renderer: "svg", actions });
})();
</script>
</head>
<body>
<header>
<h1>How the scale of initialisation decides whether a network learns</h1>
<p>One network for each &sigma;, the standard deviation of its initial weights and biases. Point at
a mark for its numbers. <code>dvc plots diff</code> with the names of experiments draws them
together.</p>
</header>
<main>
{plot_divs}
</main>
</body>
</html>
"""


def main() -> None:
    """Write the page and set `plots.html_template`."""
    write_atomically(DVC / PAGE, page_template())
    dvc = [sys.executable, "-m", "dvc", "--cd", str(DVC.parent)]
    # In a session of its own: Ctrl-C is for this process to answer.
    setting = ["config", "--local", "plots.html_template", PAGE.as_posix()]
    sys.exit(subprocess.run([*dvc, *setting], check=False, start_new_session=True).returncode)


def page_template() -> str:
    """The page with Vega, Vega-Lite and Vega-Embed in it, and DVC's placeholders left to fill."""
    version = [v for v in vl_convert.get_vegalite_versions() if v.startswith(VEGA_LITE)][-1]
    vega = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", version)
    return TEMPLATE.replace("{vega}", vega)
