"""Program class: a program of the user's own, named ``module:Class``: found without running it, made by importing it.

To import is to run, so such a name is taken from the command line and from the project's pyproject.toml alone.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from papillon.errors import UsageError, one_line, place_of
from papillon.project import ROOT
from papillon.spelling import did_you_mean

__all__ = ["ProgramClass", "awaited", "named_program"]

#: What a program's package is made of: code, and the texts that code reads.
_READ = frozenset(
    (".py", ".txt", ".md", ".json", ".jsonl", ".toml", ".yaml", ".yml", ".csv", ".j2", ".jinja", ".jinja2")
)


def named_program(text: str) -> ProgramClass | Path:
    """What a user means by a program: ``module:Class`` where it reads like one, else a path."""
    module, colon, name = text.partition(":")
    if colon and name.isidentifier() and all(part.isidentifier() for part in module.split(".")):
        return ProgramClass(module, name)
    return Path(text)


@dataclass(frozen=True)
class ProgramClass:
    """A DSPy module class by its module and name, imported from the environment, the current folder or the root."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"

    def require(self, where: str) -> None:
        """Raise UsageError, which begins with ``where`` it is named, unless its module can be found; none is run."""
        try:
            self._spec()
        except UsageError as error:
            raise UsageError(f"{where}{error}") from None

    @property
    def files(self) -> tuple[Path, ...]:
        """The source files of its package, and of what these import from beside it; none is run. Sorted.

        What an environment has installed beside it is not followed. Raises UsageError where there is no such module.
        """
        return tuple(sorted(_sources(self._spec())))

    @property
    def fingerprint(self) -> str:
        """sha256 over its name and its source files; raises UsageError where there is no such module."""
        hashed = hashlib.sha256(str(self).encode())
        files = self.files
        for file in files:
            name = file.relative_to(_beside(self._spec())).as_posix()
            hashed.update(b"\0" + name.encode() + b"\0" + file.read_bytes())
        return hashed.hexdigest()

    def load(self) -> type[Any]:
        """The class itself; raises UsageError, in one sentence, for what cannot be imported or is no program."""
        for folder in _folders():
            if str(folder) not in sys.path:
                sys.path.append(str(folder))  # last: nothing in it hides what is installed
        self._spec()
        try:
            module = importlib.import_module(self.module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise self._wrong(f"a module {self.module} that can be imported", self._said(error)) from None
        found = getattr(module, self.name, None)
        import dspy

        if found is None:
            classes = [name for name, each in vars(module).items() if _is_program(each, dspy.Module)]
            there = f"there it has {', '.join(classes) or 'no DSPy module'}."
            raise UsageError(
                f"{self}: expected a class {self.name} in {module.__file__}, got none; "
                f"{did_you_mean(self.name, classes, there)}"
            )
        if not _is_program(found, dspy.Module):
            raise self._wrong("a class derived from dspy.Module", f"{_described(found)} in {module.__file__}")
        self._check(found)
        cls: type[Any] = found
        return cls

    def made(self, untrusted_model: Any) -> Any:
        """A new object of the class over an untrusted model; raises UsageError where it cannot be made."""
        cls = self.load()
        try:
            return cls(untrusted_model=untrusted_model)
        except Exception as error:
            raise self._wrong(f"a program of {self.name}(untrusted_model=…)", self._said(error)) from None

    def place(self, error: BaseException) -> str:
        """Where in its own files an exception came from, else where at all: ``mine.py, line 12``."""
        return place_of(error, {str(file) for file in self.files})

    def _said(self, error: BaseException) -> str:
        # No row is at hand yet, so its text is none of a row's.
        text = one_line(error)
        said = f"{type(error).__name__}{f': {text}' if text else ''}"
        return f"{said} ({self.place(error)})"

    def _check(self, cls: type[Any]) -> None:
        if not _takes(cls.__init__, None, untrusted_model=None):
            came = f"{self.name}{_signature(cls.__init__)}"
            raise self._wrong(f"a class made as {self.name}(untrusted_model=…)", came)
        method = _way_in(cls)
        if method is None:
            raise self._wrong("a class that has forward or aforward", "neither")
        if not _takes(getattr(cls, method), None, user_query=""):
            came = f"{method}{_signature(getattr(cls, method))}"
            raise self._wrong(f"a class whose {method} is called with user_query=", came)

    def _wrong(self, expected: str, came: str) -> UsageError:
        return UsageError(f"{self}: expected {expected}, got {came.rstrip('.')}; mend it, or name another.")

    def _spec(self) -> ModuleSpec:
        top = self.module.partition(".")[0]
        folders = [str(folder) for folder in _folders()]
        try:
            spec = importlib.util.find_spec(top)
        except ValueError:  # a module that was made by hand
            spec = None
        spec = spec or PathFinder.find_spec(top, folders)
        if spec is None:
            hint = f" (name it without .py, {self.module[:-3]}:{self.name})" if self.module.endswith(".py") else ""
            raise UsageError(
                f"{self}: expected a module {top}, got none in the environment or in {' or '.join(folders)}; "
                f"check its spelling{hint}."
            )
        return spec


def awaited(cls: type[Any]) -> bool:
    """Whether a program of that class is awaited (``aforward``) or blocks (``forward``), by what is nearest to it."""
    return _way_in(cls) == "aforward"


def _folders() -> list[Path]:
    return list(dict.fromkeys((Path.cwd(), ROOT)))


def _is_program(value: Any, base: type) -> bool:
    return inspect.isclass(value) and issubclass(value, base)


def _described(value: Any) -> str:
    kind = "the class" if inspect.isclass(value) else f"a {type(value).__name__}"
    return f"{kind} {getattr(value, '__name__', '')}".rstrip()


def _way_in(cls: type[Any]) -> str | None:
    # Who derives from a program and writes a forward of his own does not mean the inherited aforward.
    for each in cls.__mro__:
        for method in ("aforward", "forward"):
            if callable(vars(each).get(method)):
                return method
    return None


def _takes(called: Any, /, *given: Any, **named: Any) -> bool:
    try:
        inspect.signature(called).bind(*given, **named)
    except TypeError:
        return False
    except ValueError:
        pass  # it has no signature to ask
    return True


def _signature(called: Any) -> str:
    names = [name for name in inspect.signature(called).parameters if name != "self"]
    return f"({', '.join(names)})"


def _beside(spec: ModuleSpec) -> Path:
    """The folder in which a top module or package stands."""
    if spec.submodule_search_locations is not None:
        return Path(next(iter(spec.submodule_search_locations))).resolve().parent
    return Path(spec.origin or "").resolve().parent


def _sources(spec: ModuleSpec) -> set[Path]:
    beside = _beside(spec)
    # What is installed is made of releases, and the standard library of Python's own.
    follows = not {"site-packages", "dist-packages"} & {*beside.parts} and beside != Path(ast.__file__).parent
    found: set[Path] = set()
    seen: set[str] = set()
    waiting = [spec.name]
    while waiting:
        if (name := waiting.pop()) in seen:
            continue
        seen.add(name)
        for file in _files(beside, name):
            found.add(file)
            if follows and file.suffix == ".py":
                waiting.extend(_imported(file))
    return found


def _files(beside: Path, name: str) -> Iterator[Path]:
    if (module := beside / f"{name}.py").is_file():
        yield module
    for file in (beside / name).rglob("*") if (beside / name).is_dir() else ():
        hidden = any(part.startswith(".") or part == "__pycache__" for part in file.relative_to(beside).parts)
        if file.suffix in _READ and not hidden and file.is_file():
            yield file


def _imported(file: Path) -> Iterator[str]:
    """The top names of every import in a file; none where it cannot be read, which its import will say."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
