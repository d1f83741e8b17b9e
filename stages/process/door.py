"""What all doors share: how they are opened, where they work, how they end when they cannot go on.

It imports nothing heavy: `enter` imports the door itself, where an interrupt and a missing package
end in one line.
"""

import argparse
import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from stages import ACTIVATE
from stages.process import interrupts
from stages.process.streams import use_lasting_streams


class InputError(Exception):
    """A user's mistake or a missing piece; the message is one line that says what to do."""


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with a command line."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2."""
        self.exit(2, f"{self.prog}: {message} ({' '.join(self.format_usage().split())})\n")


def enter(
    module: str,
    on_interrupt: str = "interrupted",
    takes_folder: bool = False,
    parses: bool = False,
) -> NoReturn:
    """Run the door `module` to the end of the process: import it, then call its main().

    `takes_folder`: its command line may name the folder of a study, which main() gets, else that of
    the checkout; `parses`: main() reads the command line.
    """
    parent = os.getppid()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # others would spin while we import
    use_lasting_streams()
    stage = module.rpartition(".")[2].replace("_", " ")
    with clear_exit(stage, on_interrupt), interrupts.interruptible(f"{stage}: {on_interrupt}"):
        arguments = [] if parses else _read_command_line(module, takes_folder)
        if "DVC_ROOT" in os.environ:
            threading.Thread(target=_follow_dvc, args=(parent,), daemon=True).start()
        with importing():
            door = import_module(module)
        door.main(*arguments)
    sys.exit()


def _read_command_line(module: str, takes_folder: bool) -> list[Path]:
    """The arguments of main()."""
    parser = Parser(f"python -m {module}", description=sys.modules["__main__"].__doc__)
    if takes_folder:
        parser.add_argument(
            "folder",
            nargs="?",
            type=_folder,
            default=Path(),
            help="that of a study; default: the main experiment",
        )
    return list(vars(parser.parse_args()).values())


def _folder(name: str) -> Path:
    if not Path(name).is_dir():
        raise argparse.ArgumentTypeError(f"{name}: no such folder")
    return Path(name)


def _follow_dvc(parent: int) -> None:
    with suppress(ModuleNotFoundError):  # the stage's own imports say that packages are missing
        from stages.process.lineage import follow_dvc

        follow_dvc(parent)


@contextmanager
def uncollected() -> Iterator[None]:
    """Do without the garbage collector, which then leaves alone for good what was made inside.

    For what stays until the process ends: the collector would go through all that torch imports, or
    the artists of a figure, again and again, and at exit once more.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def importing() -> Iterator[None]:
    """Around imports that take long: uncollected, and Ctrl-C ends them at once."""
    with uncollected(), interrupts.importing():
        yield


@contextmanager
def clear_exit(stage: str, on_interrupt: str = "interrupted") -> Iterator[None]:
    """End the process in one line, without traceback, where a person can mend the cause.

    Exit code 128 plus the number of the signal that interrupted it (130 after Ctrl-C), 1 after an
    InputError, a missing package, an error of the file system or for want of memory.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        [signal] = interrupt.args or [2]
        interrupts.end(f"{stage}: {on_interrupt}", 128 + signal)
    except InputError as error:
        interrupts.end(f"{stage}: {error}", 1)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("stages", "studies"):
            raise
        interrupts.end(f"{stage}: {sys.executable} has no {package}: {ACTIVATE}", 1)
    except OSError as error:
        where = error.filename or f"in {Path.cwd()}"
        interrupts.end(f"{stage}: {error.strerror or error}: {where}", 1)
    except MemoryError:
        interrupts.end(f"{stage}: there is not enough memory", 1)
