"""The house: which room may import which, what each module offers, and the names that users rely on."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import judges
import papillon
import papillon.results
from papillon.profile import ROOT

#: Room by room, what its modules may import of the project.
MAY_IMPORT = {
    "papillon": {"papillon"},
    "judges": {"judges", "papillon"},
    "evals": {"evals", "judges", "papillon"},
}
#: Wiring, which may reach up inside its functions: the command line, and what pytest loads.
WIRING = "papillon/__main__.py"
WIRED = (WIRING, "papillon/pytest_entry.py")
ROOMS = {*MAY_IMPORT, "tests", "conftest"}

MODULES = sorted(path.relative_to(ROOT).as_posix() for room in MAY_IMPORT for path in (ROOT / room).rglob("*.py"))

#: The packages that say where in them what stands.
MAPS = [m for m in MODULES if m.endswith("__init__.py") and "One room per matter" in (ROOT / m).read_text("utf-8")]


@cache
def tree(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"), module)


def imported(node: ast.AST) -> Iterator[str]:
    """The top package of every import below a node, also of those inside functions and for type checkers."""
    for each in ast.walk(node):
        if isinstance(each, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in each.names)
        elif isinstance(each, ast.ImportFrom):
            assert each.level == 0, "imports are absolute here"
            assert each.module is not None
            yield each.module.partition(".")[0]


def defined(module: ast.Module) -> set[str]:
    """The names that a module binds at its top level, also under a condition."""
    names = set()
    nodes: list[ast.AST] = [*module.body]
    while nodes:
        node = nodes.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name for alias in aliases}
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case _:
                nodes.extend(ast.iter_child_nodes(node))
    return names


def offered(module: ast.Module) -> list[str] | None:
    """A module's ``__all__``, None where it has none."""
    for node in module.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                names: list[str] = ast.literal_eval(value)
                return names
    return None


class TestRooms:
    def test_there_are_modules_to_look_at(self) -> None:
        assert {module.partition("/")[0] for module in MODULES} == set(MAY_IMPORT)
        assert {WIRING, "judges/llm.py", "evals/harness/plugin.py", "evals/test_gates.py"} <= set(MODULES)

    def test_imports_run_one_way(self) -> None:
        for module in MODULES:
            allowed = MAY_IMPORT[module.partition("/")[0]]
            if module in WIRED:
                body = ast.Module([node for node in tree(module).body if not isinstance(node, ast.FunctionDef)], [])
                assert set(imported(body)) & ROOMS <= allowed, module
                allowed = {"papillon", "judges", "evals"}
            assert set(imported(tree(module))) & ROOMS <= allowed, module

    def test_an_import_inside_a_function_or_for_a_type_checker_counts(self) -> None:
        source = "if TYPE_CHECKING:\n    import evals.x\ndef f():\n    from judges import y\n"
        assert set(imported(ast.parse(source))) == {"evals", "judges"}

    def test_models_know_nothing_of_training(self) -> None:
        models = [module for module in MODULES if module.startswith(("papillon/models/", "papillon/quiet.py"))]
        nodes = [(module, node) for module in models for node in ast.walk(tree(module))]
        source = [(module, node.module or "") for module, node in nodes if isinstance(node, ast.ImportFrom)]
        assert source
        assert not [(module, name) for module, name in source if name.startswith("papillon.training")]

    def test_the_command_line_alone_is_pythons_entry(self) -> None:
        mains = [module for module in MODULES if module.endswith("__main__.py")]
        assert mains == [WIRING]

    def test_papillon_works_without_pytest(self) -> None:
        assert not [
            module for module in MODULES if module.startswith("papillon/") and "pytest" in imported(tree(module))
        ]


HARNESS = "evals.harness"
#: The floors of the harness, the lowest first: each may import what stands on it and below.
FLOORS = (
    ("causes", "verdicts", "reports"),
    ("evaluation",),
    (
        *(
            "interrupt",
            "stopped",
            "marks",
            "option_group",
            "option_values",
            "options",
            "command_line",
            "protocol",
            "items",
            "properties",
        ),
        *(
            "baseline_files",
            "labelled_splits",
            "labels",
            "plan",
            "selection",
            "showing",
            "needs",
            "row_cache",
            "leaving",
            "split_verdicts",
        ),
    ),
    ("run",),
    (
        "remarks",
        "run_result",
        "accepting",
        "pull_request",
        "outputs",
        "progress",
        "next_command",
        "training",
        "comparing",
        "listing",
        "pages",
    ),
    ("session", "workers"),
    ("plugin",),
)
#: What the pure rooms may not import, by the beginnings of modules' names.
NEVER = {
    "evals/harness/verdicts/": (
        *("pytest", "dspy", "papillon.models", "papillon.store"),
        *(f"{HARNESS}.{room}" for room in ("run", "session", "reports", "evaluation", "plan")),
    ),
    "evals/harness/reports/": (
        *("pytest", "dspy", "papillon.models", "papillon.store"),
        *(f"{HARNESS}.{room}" for room in ("run", "session", "evaluation", "plan", "options", "verdicts")),
    ),
    "papillon/results/": ("pytest", "dspy", "judges", "evals", "papillon.models", "papillon.program"),
}


def modules_imported(module: str) -> set[str]:
    """The modules that a file imports, by their whole names; of a package each name that is taken from it."""
    found = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if is_module(name) else node.module for name in names}
    return found


def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or path.is_dir()


def within(name: str, beginning: str) -> bool:
    return name == beginning or name.startswith(f"{beginning}.")


IN_HARNESS = [module for module in MODULES if module.startswith("evals/harness/") and tree(module).body]


class TestHarness:
    """Arrows run down, and the rooms that decide and that tell know nothing of a run under way."""

    def floor(self, name: str) -> int:
        for number, rooms in enumerate(FLOORS):
            if any(within(name, f"{HARNESS}.{room}") for room in rooms):
                return number
        raise AssertionError(f"{name} stands on no floor: add it to FLOORS")

    def test_arrows_run_down(self) -> None:
        for module in IN_HARNESS:
            name = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            below = {each for each in modules_imported(module) if within(each, HARNESS) and each != HARNESS}
            assert {each for each in below if self.floor(each) > self.floor(name)} == set(), module

    def test_no_import_goes_round(self) -> None:
        above: dict[str, set[str]] = {}
        for module in IN_HARNESS:
            name = module.removesuffix(".py").replace("/", ".")
            above[name] = {each for each in modules_imported(module) if within(each, HARNESS)}
        while free := {name for name, needs in above.items() if not needs & above.keys()}:
            above = {name: needs for name, needs in above.items() if name not in free}
        assert not above, "these import each other, or what does"

    @pytest.mark.parametrize("room", NEVER)
    def test_a_pure_room_imports_nothing_that_acts(self, room: str) -> None:
        own = [module for module in MODULES if module.startswith(room)]
        assert own
        found = {(module, each) for module in own for each in modules_imported(module)}
        assert {(module, each) for module, each in found if any(within(each, never) for never in NEVER[room])} == set()

    @pytest.mark.parametrize("room", ["verdicts", "reports"])
    def test_each_of_their_modules_has_a_test_file(self, room: str) -> None:
        own = {Path(module).stem for module in IN_HARNESS if f"/{room}/" in module} - {"__init__"}
        there = {path.stem.removeprefix("test_") for path in (ROOT / "tests/harness" / room).rglob("test_*.py")}
        assert own <= there

    def test_a_result_is_read_without_dspy_pytest_pandas_and_the_judges(self) -> None:
        rooms = {"dspy", "pytest", "judges", "evals", "pandas"}
        code = f"import sys, papillon.results; print({rooms} & {{*sys.modules}})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        assert done.stdout == "set()\n"


class TestModules:
    def test_a_module_says_what_it_is_for(self) -> None:
        assert not [module for module in MODULES if tree(module).body and not ast.get_docstring(tree(module))]

    def test_what_a_module_offers_exists_and_is_named_once(self) -> None:
        for module in MODULES:
            names = offered(tree(module))
            if names is None:
                # Suites, and what pytest finds by the names of its hooks.
                assert Path(module).name.startswith("test_") or module.endswith(("plugin.py", "__init__.py")), module
            else:
                assert set(names) <= defined(tree(module)), module
                assert len(set(names)) == len(names), module

    def test_a_module_fits_in_the_head(self) -> None:
        lines = {module: len((ROOT / module).read_text(encoding="utf-8").splitlines()) for module in MODULES}
        assert not {module: count for module, count in lines.items() if count > 400}

    @pytest.mark.parametrize("package", MAPS)
    def test_a_map_names_each_room_of_its_package(self, package: str) -> None:
        named = {
            name
            for group in re.findall(r"\(([^()]+)\)", ast.get_docstring(tree(package)) or "")
            for name in re.findall(r"\w+", group)
        }
        folder = (ROOT / package).parent
        rooms = {each.stem for each in folder.iterdir() if each.suffix == ".py" or any(each.glob("*.py"))}
        assert not rooms - {"__init__", *named}, f"{package} has no word on them"

    def test_no_module_is_named_for_nothing(self) -> None:
        nothing = {"utils", "util", "helpers", "helper", "common", "misc", "core", "manager"}
        assert not [module for module in MODULES if nothing & {*Path(module).with_suffix("").parts}]


class TestPublicNames:
    """Other people's code relies on these: a name is added freely, and none is renamed or dropped."""

    def test_of_papillon(self) -> None:
        assert papillon.__all__ == [
            "PAPILLON",
            "CraftRedactedRequest",
            "Dataset",
            "Profile",
            "PupaRow",
            "RespondToQuery",
            "load",
            "load_profile",
            "load_program",
            "response_text",
            "save_program",
            "to_dspy",
        ]

    def test_of_judges(self) -> None:
        assert judges.__all__ == [
            "Judge",
            "LLMJudge",
            "Leakage",
            "LexicalJudge",
            "Metrics",
            "Quality",
            "compute_fidelity",
            "compute_leakage",
            "compute_metrics",
            "compute_overall_score",
            "compute_quality",
            "compute_usefulness",
            "feedback_metric",
            "llm_judge",
            "make_judge",
            "metric",
        ]

    def test_of_results(self) -> None:
        assert papillon.results.__all__ == [
            "Agreement",
            "ControlResult",
            "Flip",
            "Frames",
            "Gain",
            "GateResult",
            "JudgeReport",
            "Measure",
            "Row",
            "RunInfo",
            "RunResult",
            "SplitInfo",
            "load",
            "read_result",
        ]

    @pytest.mark.parametrize("package", [papillon, judges, papillon.results], ids=lambda package: package.__name__)
    def test_each_can_be_had_and_an_unknown_one_is_refused_by_name(self, package: object) -> None:
        for name in package.__all__:  # type: ignore[attr-defined]
            assert getattr(package, name) is not None
        with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
            package.nonsense  # type: ignore[attr-defined]  # noqa: B018
