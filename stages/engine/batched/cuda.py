"""CUDA graphs: a training step of a hundred small kernels launched as one.

At a few microseconds a launch, launching the kernels one by one would take longer than they do.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_WARM_UPS = 3
"""Libraries choose kernels and allocate their workspaces in the first calls."""


def record_graph(step: Callable[[], None], changing: Sequence[Tensor]) -> Callable[[], None]:
    """Record `step`, and return what replays it.

    `step` must work in place on tensors that stay where they are. Those of `changing` are put back
    to what they were before the warm-up calls.
    """
    before = [tensor.clone() for tensor in changing]
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UPS):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    for tensor, value in zip(changing, before, strict=True):
        tensor.copy_(value)
    return graph.replay
