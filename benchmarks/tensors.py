"""A tensor-resident loop: MNIST normalised once, autograd, fused Adam, one network at a time."""

import time
from collections.abc import Sequence

import torch
from torch.nn.functional import cross_entropy

from benchmarks.module import Tensors, as_tensors, initial_network
from benchmarks.work import Outcome
from stages.core.dataset import Dataset
from stages.core.seeding import batch_order
from stages.core.trial import Trial


def train(trials: Sequence[Trial], dataset: Dataset) -> Outcome:
    """Train in a loop over trials, all threads on one network."""
    torch.set_flush_denormal(True)
    start = time.perf_counter()
    data = as_tensors(dataset)
    accuracies = [_train_one(trial, data) for trial in trials]
    return Outcome(accuracies, time.perf_counter() - start, overhead=0.0)


def _train_one(trial: Trial, data: Tensors) -> float:
    network = initial_network(trial)
    optimizer = torch.optim.Adam(network.parameters(), lr=trial.learning_rate, fused=True)
    accuracy = 0.0
    for epoch in range(1, trial.epochs + 1):
        order = batch_order(len(data.train_labels), trial.seed, trial.replicate, epoch)
        for index in order.split(trial.batch_size):
            optimizer.zero_grad()
            loss = cross_entropy(network(data.train_inputs[index]), data.train_labels[index])
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            correct = network(data.test_inputs).argmax(1) == data.test_labels
        accuracy = correct.double().mean().item()
    return accuracy
