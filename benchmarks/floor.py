"""The floor: no program that multiplies all images by all weights trains these networks sooner.

It is the arithmetic of training at the rate of a large matrix product, measured in the same run.
Ours does 7 % less arithmetic: of the weights from pixels that are always black it trains a few.
"""

import platform
import time
from importlib.metadata import version
from importlib.util import find_spec
from itertools import pairwise
from math import prod
from typing import Final

_SIZE: Final = 2048
_SECONDS: Final = 1.5


def training_flops(sizes: tuple[int, ...], images: int) -> int:
    """Floating-point operations to train a perceptron with `sizes` units on so many images, once.

    Each product of a batch with a layer's weights costs 2 for each weight and image. A layer has
    three: forward, gradient of the weights, gradient of its inputs; the first needs no gradient of
    its inputs. Biases, ReLU, loss, Adam and evaluation are not counted.
    """
    weights = [prod(pair) for pair in pairwise(sizes)]
    return 2 * images * (3 * sum(weights) - weights[0])


def sgemm_rate() -> float:
    """Best rate of a 2048³ float32 product on all of torch's threads, in FLOP/s."""
    import torch  # here, as the main process counts without it

    a, b = torch.randn(_SIZE, _SIZE), torch.randn(_SIZE, _SIZE)
    out, best = torch.empty(_SIZE, _SIZE), float("inf")
    end = time.perf_counter() + _SECONDS
    while (start := time.perf_counter()) < end:
        torch.mm(a, b, out=out)
        best = min(best, time.perf_counter() - start)
    return 2 * _SIZE**3 / best


def machine() -> dict[str, str | int]:
    """What the numbers depend on; `jax` only where it is installed."""
    import torch

    from stages.engine.cores import available_cores
    from stages.engine.device import device_model

    facts: dict[str, str | int] = {
        "cpu": device_model(torch.device("cpu")),
        "cores": available_cores(),
        "torch_threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": version("torch"),
    }
    if find_spec("jax"):
        facts["jax"] = version("jax")
    return facts
