"""JAX on the CPU: an epoch is one compiled program, lax.scan over steps and vmap over networks.

Adam is written out, as JAX has none.
"""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from benchmarks.module import initial_values
from benchmarks.work import Outcome
from stages.core.dataset import Dataset
from stages.core.seeding import batch_order
from stages.core.trial import Trial

_BETAS, _EPSILON = (0.9, 0.999), 1e-8


class _State(NamedTuple):
    """Parameters by name, each (K, …), with Adam's moments and the number of steps."""

    parameters: Any
    exp_avg: Any
    exp_avg_sq: Any
    step: Any


def train(trials: Sequence[Trial], dataset: Dataset) -> Outcome:
    """Train all trials at once; they differ in sigma only. Overhead is the time to compile."""
    jax.config.update("jax_platforms", "cpu")
    jax.devices()  # starts the runtime, which counts as little as its import
    start = time.perf_counter()
    first = trials[0]
    samples = len(dataset.train_labels)
    data = _arrays(dataset)
    state = _initial_state(trials)
    orders = [
        batch_order(samples, first.seed, first.replicate, epoch).numpy().astype(np.int32)
        for epoch in range(1, first.epochs + 1)
    ]
    before = time.perf_counter()
    epoch = _compile(first, state, data, orders[0])
    overhead = time.perf_counter() - before
    correct: Any = None
    for order in orders:
        state, correct = epoch(state, data, order)
    accuracies = [count / len(dataset.test_labels) for count in correct.tolist()]
    return Outcome(accuracies, time.perf_counter() - start, overhead)


def _compile(trial: Trial, *example: Any) -> Any:
    """The program of one epoch with its evaluation, compiled for arguments like `example`."""
    batch_size, learning_rate = trial.batch_size, trial.learning_rate
    layers = len(trial.network.layers)

    def logits(parameters: Any, inputs: Any) -> Any:
        for i in range(1, layers + 1):
            inputs = inputs @ parameters[f"fc{i}.weight"].T + parameters[f"fc{i}.bias"]
            inputs = jax.nn.relu(inputs) if i < layers else inputs
        return inputs

    def loss(parameters: Any, inputs: Any, labels: Any) -> Any:
        scores = jax.nn.log_softmax(logits(parameters, inputs))
        return -jnp.take_along_axis(scores, labels[:, None], 1).mean()

    gradients_of_all = jax.vmap(jax.grad(loss), in_axes=(0, None, None))
    logits_of_all = jax.vmap(logits, in_axes=(0, None))

    def epoch(state: _State, data: Any, order: Any) -> Any:
        def step(state: _State, index: Any) -> Any:
            inputs, labels = data["train_inputs"][index], data["train_labels"][index]
            gradients = gradients_of_all(state.parameters, inputs, labels)
            return _adam(state, gradients, learning_rate), None

        whole = len(order) // batch_size * batch_size
        state, _ = jax.lax.scan(step, state, order[:whole].reshape(-1, batch_size))
        if whole < len(order):  # the short last batch is kept
            state, _ = step(state, order[whole:])
        answers = logits_of_all(state.parameters, data["test_inputs"]).argmax(2)
        return state, (answers == data["test_labels"]).sum(1)

    return jax.jit(epoch, donate_argnums=0).lower(*example).compile()


def _adam(state: _State, gradients: Any, learning_rate: float) -> _State:
    """One step of Adam (Kingma & Ba 2015, algorithm 1)."""
    step = state.step + 1
    b1, b2 = _BETAS
    exp_avg = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.exp_avg, gradients)
    exp_avg_sq = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, state.exp_avg_sq, gradients)

    def moved(p: Any, m: Any, v: Any) -> Any:
        return p - learning_rate * (m / (1 - b1**step)) / (jnp.sqrt(v / (1 - b2**step)) + _EPSILON)

    parameters = jax.tree.map(moved, state.parameters, exp_avg, exp_avg_sq)
    return _State(parameters, exp_avg, exp_avg_sq, step)


def _initial_state(trials: Sequence[Trial]) -> _State:
    initial = [initial_values(trial) for trial in trials]
    parameters = {name: np.stack([p[name].numpy() for p in initial]) for name in initial[0]}
    exp_avg, exp_avg_sq = (
        {name: np.zeros_like(stack) for name, stack in parameters.items()} for _ in range(2)
    )
    state = _State(parameters, exp_avg, exp_avg_sq, np.float32(0))
    return cast(_State, jax.device_put(state))


def _arrays(dataset: Dataset) -> dict[str, Any]:
    """Inputs normalised float32 (n, 784), labels int32 (n,)."""

    def inputs(images: NDArray[np.uint8]) -> Any:
        normalised = images.astype(np.float32)
        normalised /= 255
        normalised -= dataset.mean
        normalised /= dataset.std
        return jnp.asarray(normalised)

    return {
        "train_inputs": inputs(dataset.train_images),
        "train_labels": jnp.asarray(dataset.train_labels.astype(np.int32)),
        "test_inputs": inputs(dataset.test_images),
        "test_labels": jnp.asarray(dataset.test_labels.astype(np.int32)),
    }
