"""FILE.py:CLASS as a class, with the digest of all source that it is made of.

Only workers run the user's code. What runs is what was hashed: modules of the file's folder are
compiled from the text that was read for the digest, afresh for each network, and are forgotten
after it. So files of one name in two folders, edits, and what code leaves in its globals make no
difference to others.
"""

import ast
import hashlib
import os
import sys
import sysconfig
import tokenize
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module, metadata
from importlib.abc import ExecutionLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Final

import torch
from torch import nn

from stages.engine.modules.blame import blaming, refusal

_EXPECTED: Final = "model.network must be FILE.py:CLASS, e.g. networks/lenet.py:LeNet"
_OURS: Final = "stages"
"""This package: the code that computes trials is hashed elsewhere."""


@dataclass(frozen=True)
class Source:
    """A user's file and the modules of its folder that it imports, transitively."""

    file: Path
    class_name: str
    package: str  # what absolute imports may call its folder
    texts: dict[str, tuple[Path, str]]  # by module name within the folder
    packages: tuple[str, ...]  # name and version of each installed one that is imported

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) over the code of all, comments and formatting left out.

        Of installed packages it has the versions.
        """
        hasher = hashlib.sha256("".join(self.packages).encode())
        for name, (_, text) in sorted(self.texts.items()):
            hasher.update(f"{name}\n{ast.unparse(ast.parse(text))}\n".encode())
        return hasher.hexdigest()

    @cached_property
    def line(self) -> str:
        """Where the class is defined, as file:line; the first line if that is elsewhere."""
        _, text = self.texts[_module_name(self.file)]
        lines = [
            node.lineno
            for node in ast.parse(text).body
            if isinstance(node, ast.ClassDef) and node.name == self.class_name
        ]
        return f"{self.file}:{lines[-1] if lines else 1}"

    @contextmanager
    def blamed(self, expected: str = "") -> Iterator[None]:
        """Inside runs its code: what that raises becomes an InputError, which ends `expected`."""
        with blaming(self.line, self.files, expected):
            yield

    @cached_property
    def files(self) -> set[str]:
        """Their names."""
        return {str(file) for file, _ in self.texts.values()}


def read_source(path: str, folder: Path) -> Source:
    """Read the source that FILE.py:CLASS is made of, running none of it.

    FILE is relative to `folder`, or absolute; what it imports is looked for beside it, then in
    `folder`. Files below the current folder are named relative to that. Raises InputError (one
    line) if one is missing or no Python.
    """
    name, _, class_name = path.rpartition(":")
    if not name.endswith(".py") or not class_name.isidentifier():
        raise refusal(f"{path}: {_EXPECTED}")
    file = Path(os.path.abspath(folder / name))  # noqa: PTH100  # leaves links as they are
    if file.is_relative_to(Path.cwd()):  # people read its name
        file = file.relative_to(Path.cwd())
    if not file.is_file():
        raise refusal(f"{file}: no such file; {_EXPECTED}")
    _check_name(_module_name(file), file.parent)
    package = _package_name(file.resolve().parent)
    texts: dict[str, tuple[Path, str]] = {}
    imports: set[str] = set()
    to_read = {_module_name(file): file}
    while to_read:
        module, found = to_read.popitem()
        texts[module] = found, _read(found)
        for imported in _imports(texts[module][1], module, found, package):
            imports.add(imported)
            for place in (file.parent, folder):
                if imported not in texts and (there := _resolve(place, imported)):
                    _check_name(imported, place)
                    to_read.setdefault(imported, there)
    return Source(file, class_name, package, texts, _versions(imports - texts.keys()))


def _module_name(file: Path) -> str:
    return file.stem.replace(".", "_")


@contextmanager
def network_class(source: Source) -> Iterator[type[nn.Module]]:
    """The class; inside, imports find the modules of its folder, and after it none of them.

    Raises InputError if there is no such class.
    """
    finder = _Finder(source)
    hidden = finder.take_from(sys.modules)
    loaded = set(sys.modules)
    sys.meta_path.insert(0, finder)
    try:
        with source.blamed():
            module = import_module(f"{finder.package}.{_module_name(source.file)}")
        yield _class_in(vars(module), source)
        _refuse_unseen(source, {*sys.modules} - loaded)
    finally:
        sys.meta_path.remove(finder)
        finder.take_from(sys.modules)
        sys.modules.update(hidden)


def _refuse_unseen(source: Source, loaded: set[str]) -> None:
    """Raise InputError for a module that is neither of the source nor of an installed package.

    The digest does not have it, so that no edit of it would train anything anew.
    """
    for name in sorted(loaded):
        file = getattr(sys.modules[name], "__file__", None)
        if (
            name.partition(".")[0] != _OURS
            and file
            and not {file, os.path.relpath(file)} & source.files
            and not _is_installed(file)
        ):
            raise refusal(
                f"{source.line}: imports {file}, and edits of that would go unseen; expected is an "
                "import statement for a file beside it or of the checkout, or an installed package"
            )


def _is_installed(file: str) -> bool:
    within = {"site-packages", "dist-packages"} & {*Path(file).parts}
    return bool(within) or Path(file).is_relative_to(sysconfig.get_path("stdlib"))


def _class_in(names: dict[str, object], source: Source) -> type[nn.Module]:
    found = names.get(source.class_name)
    if isinstance(found, type) and issubclass(found, nn.Module):
        return found
    classes = sorted(
        name
        for name, value in names.items()
        if isinstance(value, type)
        and issubclass(value, nn.Module)
        and value.__module__ == names["__name__"]
    )
    there_are = f"there is {', '.join(classes)}" if classes else "there is none"
    fault = "no class" if found is None else "not a class of torch.nn.Module:"
    raise refusal(f"{source.line}: {fault} {source.class_name}; of torch.nn.Module {there_are}")


def _read(file: Path) -> str:
    try:
        with tokenize.open(file) as stream:
            text = stream.read()
        ast.unparse(ast.parse(text))
    except SyntaxError as error:
        raise refusal(f"{file}:{error.lineno or 1}: is not Python: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError):  # undecodable, NUL, nested too deep
        raise refusal(f"{file}:1: is not Python") from None
    except OSError as error:
        raise refusal(f"{file}: {error.strerror}") from None
    return text


def _imports(text: str, module: str, file: Path, package: str) -> Iterator[str]:
    """The names, within the folder, of all modules that a module may import from it."""
    within = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = within[: max(0, len(within) - node.level + 1)] if node.level else []
            base += node.module.split(".") if node.module else []
            names = [".".join(base), *(".".join([*base, alias.name]) for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.removeprefix(f"{package}.").split(".")
            if parts[0] != _OURS:
                yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _versions(modules: set[str]) -> tuple[str, ...]:
    """Name and version of the installed packages that have such modules, but for torch."""
    names = {module.partition(".")[0] for module in modules}
    names -= {"", torch.__name__, *sys.stdlib_module_names}
    if not names:
        return ()
    installed = metadata.packages_distributions()
    found = {package for name in names for package in installed.get(name, [])}
    return tuple(f"{package} {metadata.version(package)}\n" for package in sorted(found))


def _resolve(folder: Path, module: str) -> Path | None:
    """The file of a module of `folder`."""
    if not module:
        return None
    place = folder.joinpath(*module.split("."))
    files = (place / "__init__.py", place.parent / f"{place.name}.py")
    return next((file for file in files if file.is_file()), None)


def _package_name(folder: Path) -> str:
    """The name of the folder; empty where `import` means another package by that."""
    spec = _spec(folder.name)
    return "" if spec and spec.origin and Path(spec.origin).parent != folder else folder.name


def _spec(name: str) -> ModuleSpec | None:
    """What `import` would find here, outside a network."""
    try:
        return find_spec(name)
    except (ImportError, ValueError):
        return None


def _check_name(module: str, folder: Path) -> None:
    """Raise InputError for a module that `import` might not mean, as another is called so too."""
    name = module.partition(".")[0]
    file, spec = _resolve(folder, name), _spec(name)
    if file and spec and spec.origin:
        other = Path(spec.origin)
        if not other.is_file() or not other.samefile(file):
            raise refusal(f"{file}:1: Python or a package has a module {name} too; rename this one")


def _parents(module: str) -> Iterator[list[str]]:
    """The parts of the names of all packages that a module lies in."""
    parts = module.split(".")
    return (parts[:end] for end in range(1, len(parts)))


class _Finder(MetaPathFinder):
    """Finds the modules of a source by their names within its folder.

    For relative imports the folder is a package, which absolute ones may call by its name too.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.package = f"folder of {_module_name(source.file)}"
        folders = {".".join(parts) for name in source.texts for parts in _parents(name)}
        self._own = {self.package, source.package} - {""}
        self._packages = (self._own | folders) - source.texts.keys()

    def take_from(self, modules: dict[str, ModuleType]) -> dict[str, ModuleType]:
        """Remove those that it would find, or has found, from `modules`; these."""
        names = [name for name in modules if name in self._packages or self._within(name)]
        return {name: modules.pop(name) for name in names}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """What `import` asks."""
        if module := self._within(name):
            return spec_from_loader(name, _Loader(*self._source.texts[module]))
        if name not in self._packages:
            return None
        folder = ModuleSpec(name, None, is_package=True)
        folder.submodule_search_locations = [str(self._source.file.parent)]
        return folder

    def _within(self, name: str) -> str:
        """The name within the folder; empty for what is not of the source."""
        for package in self._own:
            name = name.removeprefix(f"{package}.")
        return name if name in self._source.texts else ""


class _Loader(ExecutionLoader):
    """Runs a text, without the cache of compiled files: that cannot tell two edits in a second."""

    def __init__(self, file: Path, text: str) -> None:
        self._file, self._text = file, text

    def is_package(self, fullname: str) -> bool:
        """Whether other modules lie in it."""
        return self._file.name == "__init__.py"

    def get_source(self, fullname: str) -> str:
        """What runs."""
        return self._text

    def get_filename(self, fullname: str) -> str:
        """Where that was read."""
        return str(self._file)
