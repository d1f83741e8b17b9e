"""How a process without torch names the tasks of one that has it.

A function crosses to another process by its name: here by a name that can be had without torch.
"""

from importlib import import_module
from typing import Any


def task(name: str, *arguments: Any) -> Any:
    """Call a function of `stages.engine.worker`."""
    return getattr(import_module("stages.engine.worker"), name)(*arguments)
