"""YAML as plain values, read only where every reader reads the same.

Readers of YAML 1.1 (PyYAML) and 1.2 (DVC) differ: 010 is 8 to one and 10 to the other, 1e-05 a text
or a number. Whatever two could take for different values, and what parameters need not have
(anchors, tags, depth, size), is refused. Values are made from the parser's events, never by a
constructor, so nothing in the text can make an object, take long or raise something unforeseen.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

import yaml

from stages.process.door import InputError

Value: TypeAlias = "dict[str, Value] | list[Value] | str | float | bool | None"
_Path: TypeAlias = tuple[str | int, ...]

LARGEST_FILE: Final = 64 * 1024
"""Bytes; the shipped params.yaml has 1,300."""

_DEEPEST: Final = 8
_LONGEST_NUMBER: Final = 100
_SHOWN: Final = 60

_WHOLE: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL: Final = re.compile(
    r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?([eE][-+]?[0-9]+)?|\.[0-9]+([eE][-+][0-9]+)?)"
)
_CONSTANTS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}
_BOOLEAN: Final = re.compile(r"true|false|yes|no|on|off", re.IGNORECASE)
_WORD: Final = re.compile(r"(?!null$)[a-z].*|.*/.*", re.IGNORECASE)
"""Text to every reader; so is a path, since no number, date or constant has a slash."""

_UNFIT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
"""Control characters, and those that break a line for some readers only."""


def read(path: Path) -> Value:
    """The content of a YAML file; InputError says in one short line why it is refused."""
    try:
        if path.exists() and not path.is_file():  # reading a pipe would wait, a device never end
            raise InputError(f"{path}: is not a file")
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run this in the folder that holds it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return parse(content)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def parse(content: bytes) -> Value:
    """The value that `content` shows; InputError says in one short line why it is refused."""
    text = _text_of(content)
    try:
        return _document(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"line {line}: not valid YAML: {shorten(str(error.problem))}") from None
    except (yaml.YAMLError, ValueError, OverflowError):  # "\UFFFFFFFF", %YAML 1.99999…
        raise InputError("not valid YAML: an escape or version that does not exist") from None


def number(text: str) -> float | None:
    """The int or float that `text` shows to every reader, None where there is no such number."""
    if len(text) > _LONGEST_NUMBER:
        return None
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else None


def shorten(text: str) -> str:
    """`text` for a message: one short line, in which nothing moves a cursor."""
    printable = text[:_SHOWN] if text.isprintable() else repr(text[:_SHOWN])[1:-1]
    return printable if max(len(text), len(printable)) <= _SHOWN else f"{printable[: _SHOWN - 1]}…"


def _text_of(content: bytes) -> str:
    if len(content) > LARGEST_FILE:
        raise InputError(f"is larger than {LARGEST_FILE // 1024} KiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"line {line} is not UTF-8; save the file in that encoding") from None
    if unfit := _UNFIT.search(text):
        line = text.count("\n", 0, unfit.start()) + 1
        raise InputError(f"line {line} holds the control character {unfit[0]!a}; remove it")
    return text


def _document(events: Iterator[yaml.Event]) -> Value:
    next(events)  # the start of the stream
    start = next(events)
    if not isinstance(start, yaml.DocumentStartEvent):
        raise InputError("is empty")
    if start.version or start.tags:
        raise InputError("line 1: lines that begin with % are not understood; remove them")
    value = _node(next(events), events, ())
    next(events)  # the end of the document
    if not isinstance(next(events), yaml.StreamEndEvent):
        raise InputError("holds a second document after a line of --- or ...; remove it")
    return value


def _node(event: yaml.Event, events: Iterator[yaml.Event], path: _Path) -> Value:
    if getattr(event, "anchor", None) or getattr(event, "tag", None):  # an alias has an anchor too
        raise _mistake(event, path, ": write the value itself, without alias, anchor or tag (*&!)")
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event, path)
    if len(path) == _DEEPEST:
        raise _mistake(event, path, f" is nested more than {_DEEPEST} deep")
    if isinstance(event, yaml.SequenceStartEvent):
        return _sequence(events, path)
    return _mapping(events, path)


def _sequence(events: Iterator[yaml.Event], path: _Path) -> list[Value]:
    items: list[Value] = []
    while not isinstance(event := next(events), yaml.SequenceEndEvent):
        items.append(_node(event, events, (*path, len(items))))
    return items


def _mapping(events: Iterator[yaml.Event], path: _Path) -> dict[str, Value]:
    values: dict[str, Value] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _node(event, events, path) if isinstance(event, yaml.ScalarEvent) else None
        if not isinstance(key, str):
            raise _mistake(event, path, ": the name before a colon must be a word")
        if key in values:
            raise _mistake(event, (*path, key), " stands here a second time; remove one")
        values[key] = _node(next(events), events, (*path, key))
    return values


def _scalar(event: yaml.ScalarEvent, path: _Path) -> Value:
    text = event.value
    if not text.isprintable():
        raise _mistake(event, path, f" = {shorten(text)}: must be text of one line")
    if event.style or (_WORD.fullmatch(text) and not _BOOLEAN.fullmatch(text)):
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    value = number(text)
    if value is None:
        forms = "a decimal number such as 10, 0.5 or 1e-05, a word or a text in quotes"
        if _BOOLEAN.fullmatch(text):
            forms = "true or false, or a text in quotes"
        what = f" = {shorten(text)}: must be {forms}; programs differ on other forms"
        raise _mistake(event, path, what)
    return value


def _mistake(event: yaml.Event, path: _Path, what: str) -> InputError:
    name = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).removeprefix(".")
    line = event.start_mark.line + 1 if event.start_mark else 1
    return InputError(f"line {line}: {shorten(name) or 'content'}{what}")
