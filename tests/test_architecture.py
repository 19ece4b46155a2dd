"""The house: which room may import which, what each module offers, and the names that users rely on."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import judges
import papillon
from papillon.profile import ROOT

#: Room by room, what its modules may import of the project.
MAY_IMPORT = {
    "papillon": {"papillon"},
    "judges": {"judges", "papillon"},
    "evals": {"evals", "judges", "papillon"},
}
#: Wiring, which may reach up inside its commands.
WIRING = "papillon/__main__.py"
ROOMS = {*MAY_IMPORT, "tests", "conftest"}

MODULES = sorted(path.relative_to(ROOT).as_posix() for room in MAY_IMPORT for path in (ROOT / room).rglob("*.py"))


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

    @pytest.mark.parametrize("module", MODULES)
    def test_imports_run_one_way(self, module: str) -> None:
        allowed = MAY_IMPORT[module.partition("/")[0]]
        if module == WIRING:
            body = ast.Module([node for node in tree(module).body if not isinstance(node, ast.FunctionDef)], [])
            assert set(imported(body)) & ROOMS <= allowed
            allowed = {"papillon", "judges", "evals"}
        assert set(imported(tree(module))) & ROOMS <= allowed

    def test_an_import_inside_a_function_or_for_a_type_checker_counts(self) -> None:
        source = "if TYPE_CHECKING:\n    import evals.x\ndef f():\n    from judges import y\n"
        assert set(imported(ast.parse(source))) == {"evals", "judges"}

    @pytest.mark.parametrize(
        "module", [module for module in MODULES if module.startswith(("papillon/models/", "papillon/quiet.py"))]
    )
    def test_models_know_nothing_of_training(self, module: str) -> None:
        source = [node.module for node in ast.walk(tree(module)) if isinstance(node, ast.ImportFrom)]
        assert not [name for name in source if name and name.startswith("papillon.training")]

    def test_the_command_line_alone_is_pythons_entry(self) -> None:
        mains = [module for module in MODULES if module.endswith("__main__.py")]
        assert mains == [WIRING]

    def test_papillon_works_without_pytest(self) -> None:
        assert not [
            module for module in MODULES if module.startswith("papillon/") and "pytest" in imported(tree(module))
        ]


class TestModules:
    @pytest.mark.parametrize("module", MODULES)
    def test_a_module_says_what_it_is_for(self, module: str) -> None:
        if tree(module).body:
            assert ast.get_docstring(tree(module)), f"{module} has no docstring"

    @pytest.mark.parametrize("module", MODULES)
    def test_what_a_module_offers_exists_and_is_named_once(self, module: str) -> None:
        names = offered(tree(module))
        if names is None:
            # Suites, and what pytest finds by the names of its hooks.
            assert Path(module).name.startswith("test_") or module.endswith(("plugin.py", "__init__.py"))
            return
        assert set(names) <= defined(tree(module))
        assert len(set(names)) == len(names)

    @pytest.mark.parametrize("module", MODULES)
    def test_a_module_fits_in_the_head(self, module: str) -> None:
        assert len((ROOT / module).read_text(encoding="utf-8").splitlines()) <= 400

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

    @pytest.mark.parametrize("package", [papillon, judges], ids=lambda package: package.__name__)
    def test_each_can_be_had_and_an_unknown_one_is_refused_by_name(self, package: object) -> None:
        for name in package.__all__:  # type: ignore[attr-defined]
            assert getattr(package, name) is not None
        with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
            package.nonsense  # type: ignore[attr-defined]  # noqa: B018
