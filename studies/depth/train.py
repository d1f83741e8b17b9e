"""The train door: data/raw and studies/depth/params.yaml in, trainability.csv out.

Each finished depth is kept in data/cache/depth under a key of everything that determines its bits,
with a SHA-256 by which damage is noticed.
"""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m studies.depth.train")
    from stages.process.door import enter

    enter(
        "studies.depth.train",
        on_interrupt="interrupted; finished depths are kept, the next run goes on",
    )

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from stages.core import dataset as core_dataset
from stages.core import seeding
from stages.core.cache import cache_root, report_and_remove
from stages.core.dataset import read_dataset
from stages.core.records import parse_json
from stages.engine.device import device_model
from stages.engine.forkserver import warm_up
from stages.engine.provenance import source_fingerprint
from stages.engine.rehearsal import rehearse
from stages.process.files import read_bounded, write_atomically
from stages.process.sums import sha256
from studies.depth import networks
from studies.depth.networks import ACTIVATIONS, Group, Score
from studies.depth.params import Params, read_params
from studies.depth.pool import train_groups

RAW, TABLE = Path("data/raw/mnist"), Path("studies/depth/metrics/trainability.csv")
_LARGEST_FILE = 2**20
"""Bytes; the scores of 1000 networks, as many as a group may have, take a fifth."""


def main() -> None:
    """Train what is not kept from an earlier run, then write the table of all."""
    groups = make_groups(read_params())
    warm_up()
    data = read_dataset(RAW)
    store = Store(data.digest)
    found = {group: scores for group in groups if (scores := store.find(group))}
    missing = [group for group in groups if group not in found]
    print(f"{len(groups)} groups: {len(found)} reused, {len(missing)} to train")
    for group, scores in train_groups(missing, data):
        store.keep(group, scores)
        found[group] = scores
    write_atomically(TABLE, table([(group, found[group]) for group in groups]))


def make_groups(params: Params) -> list[Group]:
    """All networks of one activation and depth are a group."""
    return [
        Group(
            activation=activation,
            depth=depth,
            width=params.width,
            sigma_w2s=params.sigma_w2s,
            sigma_b2=params.sigma_b2 if activation == "tanh" else 0.0,
            steps=params.steps,
            batch_size=params.batch_size,
            lr=params.lr,
            seed=params.seed,
        )
        for activation in ACTIVATIONS
        for depth in params.depths
    ]


class Store:
    """Scores of finished groups, a JSON file each, shared by all experiments of a checkout."""

    def __init__(self, data_digest: str) -> None:
        modules = (networks, core_dataset, seeding)
        self._root = cache_root() / "depth"
        self._provenance = {
            "torch": torch.__version__,
            "device_model": device_model(torch.device("cpu")),
            "code": source_fingerprint(modules),
            "data": data_digest,
            "kernels": rehearse(torch.device("cpu")),
        }

    def find(self, group: Group) -> list[Score] | None:
        """The scores of a group; None where there are none or they are damaged.

        A damaged file is reported on stderr and removed; InputError where that is not allowed.
        """
        path = self._path(group)
        try:
            return _scores(parse_json(read_bounded(path, _LARGEST_FILE)), group)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as fault:
            report_and_remove(path, fault)
            return None

    def keep(self, group: Group, scores: Sequence[Score]) -> None:
        """Write the file of a finished group."""
        content = {"group": asdict(group), "scores": [asdict(score) for score in scores]}
        write_atomically(self._path(group), json.dumps({**content, "sha256": _digest(content)}))

    def _path(self, group: Group) -> Path:
        return self._root / f"{_digest([asdict(group), self._provenance])}.json"


def _scores(kept: Any, group: Group) -> list[Score]:
    """The scores of what was kept; ValueError (half a line) if it is not sound or of `group`."""
    if not isinstance(kept, dict) or kept.pop("sha256", None) != _digest(kept):
        raise ValueError("has another SHA-256")
    if kept["group"] != json.loads(json.dumps(asdict(group))):
        raise ValueError("is of another group")
    return [Score(**score) for score in kept["scores"]]


def _digest(content: Any) -> str:
    """The SHA-256 (hexadecimal) of `content` as JSON."""
    return sha256(json.dumps(content, sort_keys=True).encode())


def table(results: Sequence[tuple[Group, list[Score]]]) -> str:
    """CSV with a row for each network; accuracies with 6 decimals."""
    rows = [
        {
            "activation": group.activation,
            "depth": group.depth,
            "sigma_w2": score.sigma_w2,
            "train_accuracy": round(score.train_accuracy, 6),
            "test_accuracy": round(score.test_accuracy, 6),
            "diverged": int(score.diverged),
        }
        for group, scores in results
        for score in scores
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
