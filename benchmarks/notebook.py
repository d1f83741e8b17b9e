"""The notebook way: one network after the other, images prepared one by one by a DataLoader."""

import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from torchvision import transforms  # type: ignore[import-untyped]
from torchvision.datasets import MNIST  # type: ignore[import-untyped]

from benchmarks.module import initial_network
from benchmarks.work import Outcome
from stages.core.dataset import Dataset
from stages.core.trial import Trial

NUM_WORKERS = 0
_EVALUATION_BATCH = 1000


def train(trials: Sequence[Trial], dataset: Dataset) -> Outcome:
    """Train in a loop over trials; each has the order of batches that its DataLoader shuffles."""
    start = time.perf_counter()
    accuracies = [_train_one(trial, dataset) for trial in trials]
    return Outcome(accuracies, time.perf_counter() - start, overhead=0.0)


def _train_one(trial: Trial, dataset: Dataset) -> float:
    torch.manual_seed(trial.seed)
    return learn(nn.Sequential(nn.Flatten(), initial_network(trial)), trial, dataset)


def learn(network: nn.Module, trial: Trial, dataset: Dataset) -> float:
    """Train a network on images (B, 1, 28, 28) in the manner of notebooks; its test accuracy."""
    train_set = _mnist(dataset, dataset.train_images, dataset.train_labels)
    test_set = _mnist(dataset, dataset.test_images, dataset.test_labels)
    train_loader = DataLoader(train_set, trial.batch_size, shuffle=True, num_workers=NUM_WORKERS)
    test_loader = DataLoader(test_set, _EVALUATION_BATCH, num_workers=NUM_WORKERS)
    optimizer = torch.optim.Adam(network.parameters(), lr=trial.learning_rate)
    accuracy = 0.0
    for _ in range(trial.epochs):
        network.train()
        running_loss = 0.0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = cross_entropy(network(images), labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        accuracy = _evaluate(network, test_loader)
    return accuracy


def _evaluate(network: nn.Module, loader: DataLoader[Any]) -> float:
    network.eval()
    correct = total = 0
    with torch.no_grad():
        for images, labels in loader:
            correct += int((network(images).argmax(1) == labels).sum())
            total += len(labels)
    return correct / total


def _mnist(dataset: Dataset, images: Any, labels: Any) -> Any:
    """torchvision's MNIST with its transforms, given our arrays in place of its own files."""
    mnist = MNIST.__new__(MNIST)
    mnist.data = torch.from_numpy(images).view(-1, *dataset.image_shape)
    mnist.targets = torch.from_numpy(labels).long()
    mnist.transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((dataset.mean,), (dataset.std,))]
    )
    mnist.target_transform = None
    return mnist
