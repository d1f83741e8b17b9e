"""The slides door: the pictures of metrics/ again, of 16:9 and with large letters, into slides/."""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.slides")
    from stages.process.door import enter

    enter("stages.slides", takes_folder=True)

from pathlib import Path

from stages.analysis.metrics import read_metrics
from stages.analysis.tables import METRICS
from stages.figures.pictures import pictures
from stages.figures.slides import slides
from stages.figures.style import house_style, save
from stages.process.door import uncollected
from stages.process.pace import following
from stages.process.scratch import ScratchFolder, remove

SLIDES = Path("slides")


def main(folder: Path) -> None:
    """Replace `folder`/slides by the pictures of `folder`/metrics as slides."""
    with uncollected(), house_style(slides=True):
        drawn = pictures(read_metrics(folder / METRICS))
        with ScratchFolder(folder, f".{SLIDES}") as scratch:
            fresh = scratch / SLIDES
            fresh.mkdir()
            for name, figure in following(drawn.items(), f"drawing {SLIDES}", len(drawn)):
                for slide, shown in slides(name, figure):
                    save(shown, fresh / f"{slide}.png")
            remove(folder / SLIDES)
            fresh.rename(folder / SLIDES)
    print(f"{len(list((folder / SLIDES).iterdir()))} slides in {folder / SLIDES}/")
