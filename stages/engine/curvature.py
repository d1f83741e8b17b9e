"""How curved the loss is: the largest eigenvalue of its Hessian, from products with vectors."""

from collections.abc import Sequence
from math import nan

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from stages.core.sampling import SHARPNESS_EPOCHS, SHARPNESS_LAYERS
from stages.engine.optimizers import GradientDescent, Optimizer

_TOLERANCE = 0.01
"""Relative error of the eigenvalue; one of 1 % is 0.004 decades."""

_KRYLOV, _RESTARTS = 8, 20
"""Vectors that Lanczos' method keeps, and how often it starts over with the best of them."""


def tells_sharpness(optimizer: Optimizer, layers: int, epoch: int) -> bool:
    """Whether it is measured: of gradient descent, in few layers, early on."""
    return (
        isinstance(optimizer, GradientDescent)
        and layers <= SHARPNESS_LAYERS
        and epoch in SHARPNESS_EPOCHS
    )


def sharpness(loss: Tensor, parameters: Sequence[Tensor]) -> float:
    """The largest eigenvalue of the Hessian of the scalar `loss` by `parameters`, to 1 %.

    By Lanczos' method with restarts (ARPACK), which needs fewer products of the Hessian with a
    vector than power iteration; each is one more way back through the gradient (Pearlmutter 1994,
    "Fast exact multiplication by the Hessian"). NaN where the loss overflows, has no second
    derivative, or the method does not settle.
    """
    from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh  # a run by Adam needs none

    try:
        gradients = torch.autograd.grad(loss, parameters, create_graph=True, materialize_grads=True)
    except RuntimeError:
        return nan
    gradient = torch.cat([of.flatten() for of in gradients])
    size = len(gradient)

    def product(vector: NDArray[np.float32]) -> NDArray[np.float32]:
        # a number: to take a vector's part in a gradient, torch would load SymPy, in half a second
        slope = gradient @ torch.from_numpy(vector.ravel()).to(gradient)
        products = torch.autograd.grad(slope, parameters, retain_graph=True, materialize_grads=True)
        result = torch.cat([p.flatten() for p in products])
        if not result.isfinite().all():
            raise OverflowError
        return result.cpu().numpy()

    hessian = LinearOperator((size, size), matvec=product, dtype=np.float32)
    start = np.random.default_rng(0).standard_normal(size, np.float32)
    try:
        # with several threads it adds in an order that depends on the number of cores
        with threadpool_limits(1, user_api="blas"):
            [largest] = eigsh(
                hessian,
                k=1,
                which="LA",
                v0=start,
                ncv=min(_KRYLOV, size),
                maxiter=_RESTARTS,
                tol=_TOLERANCE,
                return_eigenvectors=False,
            )
    except (ArpackError, OverflowError, RuntimeError):
        return nan
    return float(largest)
