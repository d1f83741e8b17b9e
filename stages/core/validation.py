"""Values as an instance of a pydantic model, or their mistakes in plain words, a line each."""

import json
from collections.abc import Iterator
from itertools import groupby, islice
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stages.core import strict_yaml
from stages.process.door import InputError

Model = TypeVar("Model", bound=BaseModel)

_MOST_LINES: Final = 10

_WORDS: Final = {  # pydantic's type of mistake -> what is allowed
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "model_type": "must be lines of `name: value`",
}


def validated(model: type[Model], content: Any, file: str, within: str = "") -> Model:
    """`content` as an instance of `model`.

    InputError holds its mistakes, each on a line with the `file` and the key, after `within`.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        lines = list(islice(_explain(error, model, within), _MOST_LINES + 1))
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES] = "there are more mistakes"
    raise InputError("\n".join(f"{file}: {line}" for line in lines))


def _explain(error: ValidationError, model: type[BaseModel], within: str) -> Iterator[str]:
    """The mistakes about each parameter, or item of one, as `key = value: what is allowed`."""
    for key, mistakes in groupby(error.errors(include_url=False), key=_key):
        yield _sentence(f"{within}{key}", list(mistakes), model)


def _key(mistake: ErrorDetails) -> str:
    """A parameter with its section, as in train.lr, or an item, as in model.hidden[1].

    Behind them pydantic names the alternative that failed, as in (runtime, workers, int).
    """
    names = [str(part) for part in mistake["loc"][:2] if isinstance(part, str)]
    items = [f"[{part}]" for part in mistake["loc"] if isinstance(part, int)]
    return ".".join(names) + "".join(items[:1])


def _sentence(key: str, mistakes: list[ErrorDetails], model: type[BaseModel]) -> str:
    first = mistakes[0]
    name = strict_yaml.shorten(key) or "content"
    if first["type"] == "missing":
        return f"{name} is missing"
    if first["type"] == "extra_forbidden":
        names = list(_names(model))
        what = "section" if len(first["loc"]) == 1 and "." in names[0] else "parameter"
        return f"{name} is not a {what}; there are {', '.join(names)}"
    allowed = " or ".join(map(_allowed, mistakes)).replace(" or must be ", " or ")
    value = strict_yaml.shorten(json.dumps(first["input"], ensure_ascii=False))
    return f"{name} = {value}: {allowed}"


def _allowed(mistake: ErrorDetails) -> str:
    context: dict[str, Any] = mistake.get("ctx", {})
    if words := _WORDS.get(mistake["type"]):
        return words.format(**context).replace("'", "")
    return mistake["msg"].removeprefix("Value error, ").replace("Input should", "must")


def _names(model: type[BaseModel]) -> Iterator[str]:
    """The parameters of a model, those of a section as section.name."""
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from (f"{name}.{inner}" for inner in _names(section))
        else:
            yield name
