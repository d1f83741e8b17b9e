"""The scale of activations and gradients at initialisation, predicted layer by layer.

The network is a perceptron with ReLU whose weights and biases are all drawn from N(0, σ²). As its
layers get wider, its pre-activations become Gaussian, independent from unit to unit, with a
covariance from image to image that follows from the layer below (Lee et al. 2018,
arXiv 1711.00165). Gradients follow on the way back, if the weights they pass count as drawn anew
(gradient independence; Schoenholz et al. 2017, arXiv 1611.01232).

For one image that is the recursion of variances of He et al. 2015 (arXiv 1502.01852, section 2.2).
The gradient of a mean over images needs all pairs of them, since their gradients partly cancel;
pairs follow the arc-cosine kernels of Cho & Saul 2009 ("Kernel methods for deep learning").

Symbols: B images, b and b' two of them; n_l units in layer l, n_0 inputs; h^l the output of layer
l, h^0 = x; q^l_bb' = E[z_b z_b'] the covariance of a pre-activation z of layer l; t its angle,
cos t = q_bb' / sqrt(q_bb q_b'b'); delta^l the gradient of an image's loss with respect to z^l.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, log10, nan, pi, sqrt
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Draws = NDArray[np.float32]

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


@dataclass(frozen=True)
class LayerScale:
    """The predicted scale of one layer."""

    activation_rms: float  # root mean square over images and units, after ReLU; the last: logits
    gradient_norm: float  # Frobenius norm of the mean cross-entropy's gradient for the weights


class ReferenceStd(NamedTuple):
    """The standard deviations that are usual for the weights of a layer."""

    glorot: float
    he: float


class LogError(NamedTuple):
    """How far predictions are off, in decades."""

    mean: float  # NaN if there is nothing to compare
    compared: int  # pairs that could be compared


def predict_scales(
    inputs: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    sizes: Sequence[int],
    sigmas: Sequence[float],
) -> list[list[LayerScale]]:
    """The scale of each layer, for each of `sigmas`; NaN where it exceeds 64-bit floats.

    `inputs` are normalised images (B, n_0), `labels` (B,) their classes, and `sizes` the units of
    all layers, inputs and outputs included.
    """
    images = inputs.astype(np.float64)
    gram = images @ images.T
    _, *hidden, classes = sizes
    label_gram = (labels[:, None] == labels) - 1 / classes
    rng = np.random.default_rng(NOISE_SEED)
    noise = rng.standard_normal((len(labels), classes, DRAWS), dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        return [_predict(gram, label_gram, noise, hidden, sigma) for sigma in sigmas]


def reference_stds(sizes: Sequence[int]) -> list[ReferenceStd]:
    """For each layer, what Glorot and He would have taken in place of σ.

    Glorot & Bengio 2010 ("Understanding the difficulty of training deep feedforward neural
    networks", eq. 12) balance activations and gradients; He et al. 2015 (arXiv 1502.01852, eq. 10)
    hold activations behind a ReLU.
    """
    return [
        ReferenceStd(glorot=sqrt(2 / (fan_in + fan_out)), he=sqrt(2 / fan_in))
        for fan_in, fan_out in pairwise(sizes)
    ]


def log_error(measured: Sequence[float], predicted: Sequence[float]) -> LogError:
    """Mean of |log10(measured / predicted)| over the pairs that are positive and finite."""
    errors = [
        abs(log10(m) - log10(p))
        for m, p in zip(measured, predicted, strict=True)
        if 0 < m < np.inf and 0 < p < np.inf
    ]
    return LogError(float(np.mean(errors)) if errors else nan, len(errors))


def _predict(
    gram: Matrix, label_gram: Matrix, noise: Draws, hidden: Sequence[int], sigma: float
) -> list[LayerScale]:
    """The scale of each layer for one σ.

    Forward, q^1 = σ² (x_b·x_b' + 1) and q^{l+1} = σ² (n_l K^l + 1), K from `_relu_kernel`: on the
    diagonal He et al. eq. 8 and a bias. Backward, G^l_bb' = E[delta_b·delta_b'] is
    n_l σ² (pi - t) / (2 pi) G^{l+1} (arc-cosine kernel of order 0): on the diagonal He et al.
    eq. 14. The squared norm of a gradient is the mean over pairs of G^l_bb' h^{l-1}_b·h^{l-1}_b'.
    """
    products = [gram]  # h_b·h_b' of what each layer reads
    slopes = []  # n_l σ² (pi - t) / (2 pi) of each hidden layer
    for units in hidden:
        covariance = sigma**2 * (products[-1] + 1)
        angle = np.arccos(_correlation(covariance))
        products.append(units * _relu_kernel(covariance, angle))
        slopes.append(units * sigma**2 * (pi - angle) / (2 * pi))
    logits = sigma**2 * (products[-1] + 1)

    if not np.isfinite(logits).all():
        return [LayerScale(nan, nan)] * (len(hidden) + 1)
    mean_squares = [np.diagonal(p).mean() / n for p, n in zip(products[1:], hidden, strict=True)]
    mean_squares.append(np.diagonal(logits).mean())
    error_gram = _confidence_gram(logits, noise) + label_gram
    squared_norms = [float(np.mean(error_gram * products[-1]))]
    for slope, below in zip(slopes[::-1], products[-2::-1], strict=True):
        error_gram = slope * error_gram
        squared_norms.append(float(np.mean(error_gram * below)))
    return [
        LayerScale(sqrt(mean_square), sqrt(max(squared_norm, 0.0)) if squared_norm < inf else nan)
        for mean_square, squared_norm in zip(mean_squares, squared_norms[::-1], strict=True)
    ]


def _correlation(covariance: Matrix) -> Matrix:
    """cos t (B, B)."""
    deviation = np.sqrt(np.diagonal(covariance))
    cosine: Matrix = np.clip(covariance / np.outer(deviation, deviation), -1, 1)
    return cosine


def _relu_kernel(covariance: Matrix, angle: Matrix) -> Matrix:
    """K_bb' = E[relu(z_b) relu(z_b')] (B, B), for z with that covariance and its angles t.

    sqrt(q_bb q_b'b') (sin t + (pi - t) cos t) / (2 pi), arc-cosine kernel of order 1 (Cho & Saul
    2009, eq. 3 and 6); half q_bb on the diagonal.
    """
    deviation = np.sqrt(np.diagonal(covariance))
    lengths = np.outer(deviation, deviation)
    return (lengths * np.sin(angle) + (pi - angle) * covariance) / (2 * pi)


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
