"""torch.func: the networks stacked, vmap over the gradient of one, fused Adam on the stack."""

import time
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import cross_entropy

from benchmarks.module import as_tensors, initial_network
from benchmarks.work import Outcome
from stages.core.dataset import Dataset
from stages.core.seeding import batch_order
from stages.core.trial import Trial


def train(trials: Sequence[Trial], dataset: Dataset) -> Outcome:
    """Train all trials at once; they differ in sigma only."""
    torch.set_flush_denormal(True)
    start = time.perf_counter()
    first = trials[0]
    data = as_tensors(dataset)
    stacked, _ = stack_module_state([initial_network(trial) for trial in trials])
    parameters = {name: tensor.detach() for name, tensor in stacked.items()}  # (K, …)
    network = initial_network(first).to("meta")

    def logits(parameters: dict[str, Tensor], inputs: Tensor) -> Tensor:
        return cast(Tensor, functional_call(network, parameters, (inputs,)))

    def loss(parameters: dict[str, Tensor], inputs: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(logits(parameters, inputs), labels)

    gradients_of_all = vmap(grad(loss), in_dims=(0, None, None))
    logits_of_all = vmap(logits, in_dims=(0, None))
    optimizer = torch.optim.Adam(parameters.values(), lr=first.learning_rate, fused=True)
    accuracies: list[float] = []
    for epoch in range(1, first.epochs + 1):
        order = batch_order(len(data.train_labels), first.seed, first.replicate, epoch)
        for index in order.split(first.batch_size):
            gradients = gradients_of_all(
                parameters, data.train_inputs[index], data.train_labels[index]
            )
            for name, parameter in parameters.items():
                parameter.grad = gradients[name]
            optimizer.step()
        correct = logits_of_all(parameters, data.test_inputs).argmax(2) == data.test_labels
        accuracies = correct.double().mean(1).tolist()  # (K,)
    return Outcome(accuracies, time.perf_counter() - start, overhead=0.0)
