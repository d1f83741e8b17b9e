"""What pictures and sentences about a sweep say of it besides its numbers: metrics/facts.json."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil, prod, sqrt
from typing import TYPE_CHECKING, Any

from stages.analysis.holdout import Holdout
from stages.analysis.textbook import Textbook
from stages.core.activations import ACTIVATIONS
from stages.core.facts import Facts
from stages.core.networks import Perceptron
from stages.core.starts import bias_deviation
from stages.core.trial import sweep_trials
from stages.process.pace import counted

if TYPE_CHECKING:
    from stages.core.params import Params  # loads pydantic, which plot does without

Values = Mapping[str, Mapping[str, Any]]
"""Parameters, by section and name."""


@dataclass(frozen=True)
class Layer:
    """A layer with a weight matrix or kernel; both fans as torch.nn.init counts them."""

    name: str
    fan_in: int
    fan_out: int


@dataclass(frozen=True)
class Data:
    """A data set, as far as it is judged and named."""

    name: str  # as data.name has it
    train_images: int
    test_images: int
    classes: int
    chance: float  # share of the commonest class among the test images


@dataclass(frozen=True)
class Setting:
    """One sweep: that of a variant, or the only one."""

    variant: str  # its name; "" for the only sweep
    params: Values  # all of params.yaml that determines a number, its overrides applied
    data: Data
    sizes: tuple[int, ...]  # units of all layers of a perceptron; () of a module
    layers: tuple[Layer, ...]

    @classmethod
    def of(cls, variant: str, params: "Params", facts: Facts) -> "Setting":
        """What `params` of one sweep say, with the facts that training learned."""
        data = facts.data[params.data.name]
        network = sweep_trials(params, facts)[0].network
        perceptron = isinstance(network, Perceptron)
        return cls(
            variant=variant,
            params=determining(params),
            data=Data(data.name, data.train_images, data.test_images, data.classes, data.chance),
            sizes=network.sizes if isinstance(network, Perceptron) else (),
            layers=tuple(
                _layer(f"layer {number}" if perceptron else name, network.shapes[name])
                for number, name in enumerate(network.layers, start=1)
            ),
        )

    @property
    def holdout(self) -> Holdout:
        """What its accuracies are judged against."""
        return Holdout(self.data.test_images, self.data.chance)

    @property
    def keeps_weights(self) -> bool:
        """Whether weights are there to be looked at, and not records alone."""
        return bool(self.params["sweep"]["keep_weights"])

    @property
    def has_theory(self) -> bool:
        """Whether signals are predicted: of perceptrons, where one looks inside networks.

        A prediction for hundreds of deep ones takes minutes.
        """
        return bool(self.sizes) and self.keeps_weights

    @property
    def activation(self) -> str:
        """Of a perceptron; of a module the one whose gain named schemes take."""
        return str(self.params["model"]["activation"])

    @property
    def deviation_of_biases(self) -> float | None:
        """Standard deviation that biases are drawn with; None: that of their layer's weights."""
        return bias_deviation(self.params["sweep"]["biases"])

    @property
    def steps_per_epoch(self) -> int:
        """The last batch of an epoch may be short."""
        return ceil(self.data.train_images / int(self.params["train"]["batch_size"]))

    @property
    def records(self) -> int:
        """How often each network is measured while it trains, the last time at its end."""
        train = self.params["train"]
        if train["steps"] is None:
            return int(train["epochs"])
        return ceil(int(train["steps"]) / self.steps_per_epoch)

    def moment(self, record: int) -> str:
        """When a network is measured for the `record`-th time, counted from 1."""
        steps = self.params["train"]["steps"]
        if steps is not None and record * self.steps_per_epoch > steps:
            return f"step {steps}"
        return f"epoch {record}"

    @property
    def length(self) -> str:
        """How long each network trains, in words."""
        train = self.params["train"]
        if train["steps"] is None:
            return counted(train["epochs"], "epoch")
        return counted(train["steps"], "step")

    @property
    def fan_in_scale(self) -> bool:
        """Whether σ is divided by the root of a layer's fan-in."""
        return bool(self.params["sweep"]["scale"] == "fan_in")

    def glorot(self, layer: Layer) -> float:
        """The σ that balances activations and gradients of `layer`: Glorot & Bengio 2010
        ("Understanding the difficulty of training deep feedforward neural networks", eq. 12)."""
        return self.sigma_of(layer, sqrt(2 / (layer.fan_in + layer.fan_out)))

    def he(self, layer: Layer) -> float:
        """The σ that holds activations behind a ReLU: He et al. 2015 (arXiv 1502.01852, eq. 10).

        For other activations with their gain, as in `torch.nn.init.kaiming_normal_`.
        """
        return self.sigma_of(layer, ACTIVATIONS[self.activation].gain / sqrt(layer.fan_in))

    def sigma_of(self, layer: Layer, deviation: float) -> float:
        """The σ with which the weights of `layer` have this standard deviation."""
        return deviation * sqrt(layer.fan_in) if self.fan_in_scale else deviation

    def deviation_of(self, layer: Layer, sigma: float) -> float:
        """The standard deviation of the weights of `layer` where they start from this σ."""
        return sigma / sqrt(layer.fan_in) if self.fan_in_scale else sigma

    @property
    def textbook(self) -> Textbook:
        """Where a textbook expects this network to learn."""
        return Textbook.around(
            [usual(layer) for layer in self.layers for usual in (self.glorot, self.he)]
        )


def _layer(name: str, shape: Sequence[int]) -> Layer:
    """Of a weight (out, in), or a kernel (out, in, ...), whose places count in both fans."""
    fan_out, fan_in, *kernel = shape
    places = prod(kernel)
    return Layer(name.removesuffix(".weight"), fan_in * places, fan_out * places)


def determining(params: "Params") -> Values:
    """All of params.yaml that determines a number of one sweep, as JSON has it."""
    of_all: Values = params.model_dump(mode="json", exclude={"runtime", "variants"})
    return of_all


def settings_to_json(settings: Sequence[Setting]) -> dict[str, Any]:
    """The content of facts.json: the settings by the names of their variants, in order."""
    return {setting.variant: asdict(setting) for setting in settings}


def settings_from_json(content: Mapping[str, Mapping[str, Any]]) -> list[Setting]:
    """The inverse; raises KeyError or TypeError where it is not such content."""
    return [
        Setting(
            variant=variant,
            params=fields["params"],
            data=Data(**fields["data"]),
            sizes=tuple(fields["sizes"]),
            layers=tuple(Layer(**layer) for layer in fields["layers"]),
        )
        for variant, fields in content.items()
    ]


def differences(settings: Sequence[Setting]) -> dict[str, tuple[Any, ...]]:
    """The parameters in which settings differ, by section.name: their values, in order.

    Whether weights are kept, and which named initialisers stand beside, sets no networks apart.
    """
    values = {
        f"{section}.{name}": tuple(setting.params[section][name] for setting in settings)
        for section, named in settings[0].params.items()
        for name in named
        if name not in ("keep_weights", "initializers")
    }
    return {name: of for name, of in values.items() if any(value != of[0] for value in of)}
