"""What goes wrong in the user's code, as one line that names file and line."""

import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from stages.process.door import InputError

_LONGEST = 200


def refusal(text: str) -> InputError:
    """An InputError of one line, in which nothing moves a cursor."""
    line = " ".join(text.split())
    return InputError(line if line.isprintable() else repr(line)[1:-1])


@contextmanager
def blaming(line: str, files: Collection[str], expected: str) -> Iterator[None]:
    """Inside runs the user's code, from `files`: whatever it raises becomes an InputError.

    That is `file:line: Error: text; expected`, with the last line of the user's that took part, or
    else `line`. Ctrl-C and a want of memory are none of its doing.
    """
    try:
        yield
    except (InputError, KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # sys.exit too
        frames = traceback.extract_tb(error.__traceback__)
        places = [f"{f.filename}:{f.lineno}" for f in frames if f.filename in files]
        if isinstance(error, SyntaxError) and error.filename in files:
            places.append(f"{error.filename}:{error.lineno}")
        told = [[line, *places][-1], type(error).__name__, _text(error)]
        raise refusal("; ".join(filter(None, [": ".join(filter(None, told)), expected]))) from None


def _text(error: BaseException) -> str:
    """What an error says, shortened."""
    try:
        text = str(error)
    except Exception:
        return ""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
