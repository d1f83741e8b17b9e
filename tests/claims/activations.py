"""studies/activations/README.md."""

from collections.abc import Iterator

from tests.claims.metrics import percent, short, sizes, sweeps, word

GIVEN = {"biases from 0": "a setting that has no number in params.yaml"}


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    study = sweeps("studies/activations")
    relu, tanh, sigmoid, linear = (study[n] for n in ("relu", "tanh", "sigmoid", "linear"))
    like_relu = [study[name] for name in ("relu", "leaky-relu", "gelu", "silu")]
    yield f"{word(len(study)).capitalize()} activations"
    yield f"the main experiment, {sizes(relu.setting)}"
    yield f"trained by Adam for {relu.setting.length}"
    yield f"σ = {relu.points[0].label}, a hundredth"
    at_end = [of.points[-1] for of in like_relu]
    spread = max(p.test_accuracy for p in at_end) - min(p.test_accuracy for p in at_end)
    yield (
        f"at σ = {relu.points[-1].label} tanh ends at {percent(tanh.points[-1])} and sigmoid at "
        f"{percent(sigmoid.points[-1])}"
    )
    yield f"end within {100 * spread:.1f} points of each other at {percent(*at_end[:1])}"
    yield f"and linear at {percent(linear.points[-1])}"
    large = sigmoid.at(4.6)
    lost = sorted(
        100 * (of.best.test_accuracy - of.at(4.6).test_accuracy) for of in [tanh, *like_relu]
    )
    yield f"σ = {short(large)} costs it half a point"
    yield f"the four like ReLU {lost[0]:.1f} to {lost[-1]:.1f} points of their best"
    reach = [of.best for of in [tanh, *like_relu]]
    yield f"{word(len(reach)).capitalize()} of them reach {percent(*reach)} at their best σ"
    yield f"reaches {percent(linear.best)}"
