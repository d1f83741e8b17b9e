"""The weights of the first layer as images: which networks have them, and how smooth they are."""

from itertools import product

import numpy as np
import pytest

from stages.analysis.first_layer import morans_i, smoothness, unit_shape
from stages.core.networks import Network, Perceptron
from tests.models import module_of


def test_morans_i_is_what_moran_defined() -> None:
    image = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    places = list(product(range(4), range(3)))
    z = image.astype(float) - image.astype(float).mean()
    total = weights = 0.0
    for (r, c), (s, d) in product(places, places):
        if abs(r - s) + abs(c - d) == 1:
            total, weights = total + z[r, c] * z[s, d], weights + 1
    expected = len(places) / weights * total / (z**2).sum()
    assert morans_i(image[None]) == pytest.approx([expected])


def test_smooth_images_are_near_one_noise_near_zero_and_checkerboards_at_minus_one() -> None:
    rows, columns = np.indices((28, 28), dtype=np.float32)
    noise = np.random.default_rng(0).normal(size=(500, 28, 28)).astype(np.float32)
    assert morans_i(np.stack([rows + columns, (rows + columns) % 2])) == pytest.approx(
        [1, -1], abs=0.05
    )
    of_noise = smoothness(noise)
    assert of_noise.autocorrelation == pytest.approx(-1 / 783, abs=4 * of_noise.standard_error)
    # Its variance is that of Cliff & Ord 1973 under normality: about 1 / pairs.
    assert of_noise.standard_error == pytest.approx(1 / np.sqrt(2 * 27 * 28 * 500), rel=0.1)


@pytest.mark.parametrize("scale", [1e-40, 1e-20, 1e30])
def test_smoothness_does_not_depend_on_the_scale_of_weights(scale: float) -> None:
    images = np.random.default_rng(0).normal(size=(3, 5, 5)).astype(np.float32).cumsum(axis=1)
    scaled = (images.astype(np.float64) * scale).astype(np.float32)
    assert morans_i(scaled) == pytest.approx(morans_i(images), rel=1e-3)


def test_units_that_overflowed_or_are_constant_are_left_out() -> None:
    images = np.random.default_rng(0).normal(size=(4, 5, 5)).astype(np.float32)
    images[0, 2, 2], images[1, 0, 0], images[2] = np.inf, np.nan, 0.1
    known = np.isfinite(morans_i(images))
    assert known.tolist() == [False, False, False, True]
    assert smoothness(images).autocorrelation == morans_i(images)[3]
    assert np.isnan(smoothness(images).standard_error)
    assert np.isnan(smoothness(images[:3]).autocorrelation)


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (Perceptron((12, 5, 10), "relu"), (3, 4)),
        (module_of((5, 12)), (3, 4)),
        (module_of((5, 1, 2, 2)), (2, 2)),
        (module_of((5, 11)), None),  # reads something else than all pixels
        (module_of((5, 3, 2, 2)), None),  # of three channels
        (module_of((5, 1, 1, 1)), None),
        (module_of((5, 1, 3)), None),  # over a line
    ],
)
def test_units_are_images_where_they_see_one(
    network: Network, shape: tuple[int, int] | None
) -> None:
    assert unit_shape(network, (3, 4)) == shape
