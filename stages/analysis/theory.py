"""The scale of activations and gradients at initialisation, predicted layer by layer.

The network is a perceptron whose weights are drawn from N(0, v_l) in layer l, and biases from
N(0, c_l). As its layers get wider, its pre-activations become Gaussian, independent from unit to
unit, with a covariance from image to image that follows from the layer below (Lee et al. 2018,
arXiv 1711.00165). Gradients follow on the way back, if the weights they pass count as drawn anew
(gradient independence; Schoenholz et al. 2017, arXiv 1611.01232).

For one image and ReLU that is the recursion of variances of He et al. 2015 (arXiv 1502.01852,
section 2.2). The gradient of a mean over images needs all pairs of them, since their gradients
partly cancel; `expectations` knows what an activation makes of a pair.

Symbols: B images, b and b' two of them; n_l units in layer l, n_0 inputs; h^l the output of layer
l, h^0 = x; q^l_bb' = E[z_b z_b'] the covariance of a pre-activation z of layer l; delta^l the
gradient of an image's loss with respect to z^l.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, log10, nan, sqrt
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.analysis.expectations import Expectations, expectations

Matrix = NDArray[np.float64]
Draws = NDArray[np.float32]
Scale = Literal["sigma", "fan_in"]

DRAWS: Final = 100
"""Draws of all logits in the only expectation without a closed form.

With 10 classes, gradient norms scatter by 0.01 to 0.02 decades from one noise seed to another; 1000
draws bring that to 0.005, at several times the cost."""

NOISE_SEED: Final = 0
"""Seed of these draws. All σ share them, so that a prediction is smooth in σ."""

JITTER: Final = 1e-9
"""Added to the diagonal of the correlations of logits, to factorise a matrix that is singular where
images coincide or biases rule. It is 3e-5 of a logit's standard deviation, and 30 times the
rounding error of 512 images."""

_SATURATED: Final = 1e30
"""Logits of this size make every softmax 0 or 1; larger ones would overflow 32-bit floats."""


_BLOCK: Final = 4096
"""Pairs of images of which expectations are taken at a time; what they need stays in a cache."""


@dataclass(frozen=True)
class LayerScale:
    """The predicted scale of one layer."""

    activation_rms: float  # root mean square over images and units, of its output; the last: logits
    gradient_norm: float  # Frobenius norm of the mean cross-entropy's gradient for the weights
    cosine: float  # between what it puts out for two images, mean over all pairs


class LogError(NamedTuple):
    """How far predictions are off, in decades."""

    mean: float  # NaN if there is nothing to compare
    compared: int  # pairs that could be compared


def predict_scales(
    inputs: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    sizes: Sequence[int],
    sigmas: Sequence[float],
    *,
    activation: str = "relu",
    scale: Scale = "sigma",
    biases: float | None = None,
) -> list[list[LayerScale]]:
    """The scale of each layer, for each of `sigmas`; NaN where it exceeds 64-bit floats.

    `inputs` are normalised images (B, n_0), `labels` (B,) their classes, and `sizes` the units of
    all layers, inputs and outputs included. With `scale` "fan_in" a layer's sigma is divided by
    the root of its inputs. `biases` is their standard deviation; None: that of their layer's
    weights.
    """
    images = inputs.astype(np.float64)
    gram = images @ images.T
    classes = sizes[-1]
    label_gram = (labels[:, None] == labels) - 1 / classes
    rng = np.random.default_rng(NOISE_SEED)
    noise = rng.standard_normal((len(labels), classes, DRAWS), dtype=np.float32)
    predicted = []
    with np.errstate(over="ignore", invalid="ignore"):
        for sigma in sigmas:
            weights = [sigma**2 / (n if scale == "fan_in" else 1) for n in sizes[:-1]]
            offsets = weights if biases is None else [biases**2] * len(weights)
            layers = [_Layer(*layer) for layer in zip(sizes[1:], weights, offsets, strict=True)]
            predicted.append(_predict(gram, label_gram, noise, layers, activation))
    return predicted


def log_error(measured: Sequence[float], predicted: Sequence[float]) -> LogError:
    """Mean of |log10(measured / predicted)| over the pairs that are positive and finite."""
    errors = [
        abs(log10(m) - log10(p))
        for m, p in zip(measured, predicted, strict=True)
        if 0 < m < np.inf and 0 < p < np.inf
    ]
    return LogError(float(np.mean(errors)) if errors else nan, len(errors))


class _Layer(NamedTuple):
    """Units of a layer, and the variances of each of its weights and biases."""

    units: int
    weight: float
    bias: float


def _predict(
    gram: Matrix, label_gram: Matrix, noise: Draws, layers: Sequence[_Layer], activation: str
) -> list[LayerScale]:
    """The scale of each of `layers`.

    Forward, q^1 = v_1 x_b·x_b' + c_1 and q^{l+1} = v_{l+1} n_l E[φ(z_b) φ(z_b')] + c_{l+1};
    on the diagonal, with ReLU, that is He et al. eq. 8. Backward, G^l_bb' = E[delta_b·delta_b']
    is n_l v_{l+1} E[φ'(z_b) φ'(z_b')] G^{l+1}; there He et al. eq. 14. The squared
    norm of a gradient is the mean over pairs of G^l_bb' h^{l-1}_b·h^{l-1}_b'.
    """
    products = [gram]  # h_b·h_b' of what each layer reads
    slopes = []  # n_l v_{l+1} E[φ'(z_b) φ'(z_b')] of each hidden layer
    for layer, above in pairwise(layers):
        pairs = _of_all_pairs(activation, layer.weight * products[-1] + layer.bias)
        products.append(layer.units * pairs.products)
        slopes.append(layer.units * above.weight * pairs.slopes)
    logits = layers[-1].weight * products[-1] + layers[-1].bias

    if not np.isfinite(logits).all():
        return [LayerScale(nan, nan, nan)] * len(layers)
    mean_squares = [
        np.diagonal(p).mean() / layer.units
        for p, layer in zip(products[1:], layers[:-1], strict=True)
    ]
    mean_squares.append(np.diagonal(logits).mean())
    error_gram = _confidence_gram(logits, noise) + label_gram
    squared_norms = [float(np.mean(error_gram * products[-1]))]
    for slope, below in zip(slopes[::-1], products[-2::-1], strict=True):
        error_gram = slope * error_gram
        squared_norms.append(float(np.mean(error_gram * below)))
    norms = [sqrt(max(square, 0.0)) if square < inf else nan for square in squared_norms[::-1]]
    cosines = [_mean_cosine(covariance) for covariance in (*products[1:], logits)]
    return [
        LayerScale(*scales) for scales in zip(map(sqrt, mean_squares), norms, cosines, strict=True)
    ]


def _mean_cosine(covariance: Matrix) -> float:
    """Over all pairs of two images; NaN of a lone one."""
    cosines = _correlation(covariance)[np.triu_indices_from(covariance, 1)]
    return float(cosines.mean()) if cosines.size else nan


def _correlation(covariance: Matrix) -> Matrix:
    """Of each pair (B, B); 1 on the diagonal, and 0 beside what does not vary."""
    deviation = np.sqrt(np.diagonal(covariance))
    cosine: Matrix = np.clip(covariance / deviation[:, None] / deviation, -1, 1)
    cosine[deviation == 0] = cosine[:, deviation == 0] = 0
    np.fill_diagonal(cosine, 1)
    return cosine


def _of_all_pairs(activation: str, covariance: Matrix) -> Expectations:
    """The expectations of pre-activations with that covariance, each (B, B)."""
    variance, correlation = np.diagonal(covariance), _correlation(covariance)
    products, slopes = np.empty((2, *covariance.shape))
    rows, columns = np.triu_indices_from(covariance)
    for start in range(0, len(rows), _BLOCK):
        b, c = rows[start : start + _BLOCK], columns[start : start + _BLOCK]
        pairs = expectations(activation, variance[b], variance[c], correlation[b, c])
        products[b, c] = products[c, b] = pairs.products
        slopes[b, c] = slopes[c, b] = pairs.slopes
    return Expectations(products, slopes)


def _confidence_gram(covariance: Matrix, noise: Draws) -> Matrix:
    """E[(s_b - 1/C)·(s_b' - 1/C)] (B, B), s the softmax of C logits with that covariance.

    Together with the same of one-hot labels it is the Gram matrix of s - onehot: s does not know
    the labels and favours no class, so that E[s] = 1/C and the products of both are zero on
    average. Estimated from `noise`, standard normal (B, C, draws).
    """
    images, classes, draws = noise.shape
    root = np.linalg.cholesky(_correlation(covariance) + JITTER * np.eye(images))
    root *= np.sqrt(np.diagonal(covariance))[:, None].clip(max=_SATURATED)
    logits = (root.astype(np.float32) @ noise.reshape(images, -1)).reshape(noise.shape)
    logits -= logits.max(axis=1, keepdims=True)
    softmax = np.exp(logits, out=logits)
    softmax /= softmax.sum(axis=1, keepdims=True)
    softmax -= 1 / classes
    vectors = softmax.reshape(images, -1)
    gram: Matrix = (vectors @ vectors.T).astype(np.float64) / draws
    return gram
