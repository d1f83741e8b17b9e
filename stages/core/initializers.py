"""How parameters start: N(0, sigma²) on all of them, or a named scheme of `torch.nn.init`.

All draw from the stream of their seed and replicate. The normal schemes scale the noise that sigma
scales only in the first layer: their biases, which are zero, take no numbers from the stream.
"""

from collections.abc import Callable
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor
from torch.nn import init

from stages.core.seeding import parameter_generator
from stages.core.trial import Trial

Scheme = Callable[[Tensor, torch.Generator], Tensor]

_SCHEMES: dict[str, Scheme] = {
    # Glorot & Bengio 2010, eq. 12 and 16: variance 2 / (fan_in + fan_out)
    "xavier_normal": lambda weight, g: init.xavier_normal_(weight, generator=g),
    "xavier_uniform": lambda weight, g: init.xavier_uniform_(weight, generator=g),
    # He et al. 2015, eq. 10: variance 2 / fan_in
    "kaiming_normal": lambda w, g: init.kaiming_normal_(w, nonlinearity="relu", generator=g),
    "kaiming_uniform": lambda w, g: init.kaiming_uniform_(w, nonlinearity="relu", generator=g),
    # Saxe et al. 2014, gain 1
    "orthogonal": lambda weight, g: init.orthogonal_(weight, generator=g),
    # torch.nn.Linear: uniform, variance 1 / (3 fan_in)
    "pytorch_default": lambda w, g: init.kaiming_uniform_(w, a=sqrt(5), generator=g),
}


def initial_parameters(trial: Trial) -> dict[str, Tensor]:
    """Named weights (out, in) and biases (out,) of a trial before training.

    Biases of a named scheme are zero, but those of pytorch_default, which are uniform within
    1 / sqrt(fan_in).
    """
    generator = parameter_generator(trial.seed, trial.replicate)
    parameters: dict[str, Tensor] = {}
    for number, (fan_in, fan_out) in enumerate(pairwise(trial.sizes), start=1):
        weight, bias = torch.empty(fan_out, fan_in), torch.zeros(fan_out)
        if trial.sigma is not None:
            weight.normal_(generator=generator).mul_(trial.sigma)
            bias.normal_(generator=generator).mul_(trial.sigma)
        else:
            _SCHEMES[trial.initializer](weight, generator)
        if trial.initializer == "pytorch_default":
            bias.uniform_(-1 / sqrt(fan_in), 1 / sqrt(fan_in), generator=generator)
        parameters |= {f"fc{number}.weight": weight, f"fc{number}.bias": bias}
    return parameters
