"""Where a checkout lies, also when DVC runs an experiment in a temporary copy of it."""

import os
from pathlib import Path


def checkout() -> Path:
    """The folder that the current one is a temporary copy of, else the current one: Path().

    DVC names its repository in DVC_ROOT and copies the git repository around that, of which the
    current folder need not be the root. Elsewhere DVC_ROOT may be of another project, one whose
    stage runs this one's.
    """
    here, repository = Path.cwd(), Path(os.environ.get("DVC_ROOT", "")).resolve()
    experiments = repository / ".dvc" / "tmp" / "exps"
    above = [*reversed(here.parents), here]
    copies = [f for f in above if f.is_relative_to(experiments) and (f / ".git").exists()]
    originals = [f for f in (repository, *repository.parents) if (f / ".git").exists()]
    return originals[0] / here.relative_to(copies[0]) if copies and originals else Path()
