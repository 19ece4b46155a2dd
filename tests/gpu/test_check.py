"""The check of a GPU in its tiny form on the CPU, and what it says of parts that cannot run or do not hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the gpu extra (arbor-ai, torch, peft) is not installed")
pytest.importorskip("peft", reason="the gpu extra (arbor-ai, torch, peft) is not installed")

from tests.gpu import __main__ as check
from tests.gpu.batch import conversations
from tests.gpu.bundle import CHECK
from tests.gpu.shapes import SHAPES, tokenizer
from tests.gpu.table import table

ROOT = Path(__file__).parents[2]


def test_every_part_holds_in_its_tiny_form(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.gpu", "--device", "cpu", "--out", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert list(found["parts"]) == ["speed:tiny", "trl:tiny", "arbor:tiny", "numbers:tiny", "learning:tiny"]
    absent = [f"{name}:tiny" for name in ("arbor", "trl") if find_spec(name) is None]
    assert [part for part, result in found["parts"].items() if "skipped" in result] == absent
    for part, result in found["parts"].items():
        if part in absent:
            continue
        assert "error" not in result, part
        assert all(one["holds"] for one in result["checks"]), result["checks"]
    assert found["parts"]["speed:tiny"]["figures"]["learn: tokens a second"] > 0
    assert found["parts"]["numbers:tiny"]["checks"][-1]["value"] == 1.0  # on the CPU a resumed step is the same
    assert (tmp_path / "gpu.txt").read_text().strip() == done.stdout.strip()


@pytest.mark.parametrize("package", ["trl", "arbor"])
def test_a_part_whose_packages_are_not_there_is_skipped_and_says_so(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / f"{package}.py").write_text(f"raise ModuleNotFoundError(\"No module named '{package}'\")\n")
    monkeypatch.setenv("PYTHONPATH", str(hidden))
    monkeypatch.setattr(check, "BUNDLE", hidden)
    monkeypatch.chdir(ROOT)
    result = check.apart(f"{package}:tiny", "cpu", tmp_path, tiny=True)
    assert result["skipped"] == f"ModuleNotFoundError: No module named '{package}'"


def test_a_part_that_fails_is_an_error_with_its_last_line(tmp_path: Path) -> None:
    result = check.apart("numbers:nothing", "cpu", tmp_path, tiny=True)
    assert result["error"] == "KeyError: 'nothing'"


@pytest.mark.parametrize(("part", "code"), [("trl:tiny", 0), ("speed:tiny", 1)])
def test_what_trl_cannot_do_is_shown_and_fails_nothing(
    part: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def apart(name: str, *_: object, **__: object) -> dict[str, object]:
        return {"seconds": 1.0, **({"error": "CUDA error"} if name == part else {"figures": {}})}

    monkeypatch.setattr(check, "apart", apart)
    monkeypatch.setattr(sys, "argv", ["tests.gpu", "--device", "cpu", "--out", str(tmp_path)])
    assert check.main() == code
    assert "error: CUDA error" in capsys.readouterr().out


def test_of_an_error_of_the_devices_the_line_that_names_it_is_told() -> None:
    log = "Traceback …\n  …\ntorch.AcceleratorError: CUDA error: assert\nCompile with DSA for more.\n"
    assert check._cause(log) == "torch.AcceleratorError: CUDA error: assert"
    assert check._cause("Killed\n") == "Killed"


def test_the_table_tells_what_holds_from_what_does_not() -> None:
    checks = [
        {"name": "cosine", "value": 0.5, "bar": 0.9, "more": True, "holds": False},
        {"name": "error", "value": 0.01, "bar": 0.1, "more": False, "holds": True},
    ]
    parts = {
        "numbers:a": {"seconds": 1.0, "checks": checks, "figures": {"peak memory": 2**31, "rewards": [0.25, 0.5]}},
        "trl:a": {"seconds": 2.0, "skipped": "No module named 'trl'"},
    }
    lines = [line.split() for line in "\n".join(table({"machine": {"device": "A"}, "parts": parts})).splitlines()]
    assert ["NOT", "cosine", "0.5", "(at", "least", "0.9)"] in lines
    assert ["ok", "error", "0.01", "(at", "most", "0.1)"] in lines
    assert ["peak", "memory", "2.00", "GiB"] in lines
    assert ["rewards", "0.250", "…", "0.500", "over", "2"] in lines
    assert ["skipped:", "No", "module", "named", "'trl'"] in lines


def test_the_prompts_are_the_programs_own_and_the_tokenizer_knows_their_template() -> None:
    asked = conversations()
    assert len(asked) == 4
    assert all("llm_request" in messages[-1]["content"] for messages in asked)
    assert tokenizer().eos_token == "<|im_end|>"


def test_a_shape_has_as_many_weights_as_the_model_it_is_like() -> None:
    from tests.gpu.shapes import build

    assert SHAPES["smollm2-135m"].like == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert sum(weight.numel() for weight in build("smollm2-135m", device="meta").parameters()) == 134_515_008
    assert sum(weight.numel() for weight in build("qwen2.5-1.5b", device="meta").parameters()) == 1_543_714_304


def test_sampler_loss_and_learner_are_imported_without_arbor() -> None:
    code = """
import sys
for name in ("arbor", "dspy", "fastapi", "litellm", "trl", "vllm"):
    sys.modules[name] = None
import papillon.training.grpo.learner, papillon.training.grpo.losses, papillon.training.one_device.sampler
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_bundles_script_unpacks_beside_itself_and_takes_the_callers_paths(tmp_path: Path) -> None:
    bundle, caller = tmp_path / "bundle", tmp_path / "caller"
    for folder, said in ((bundle, "import os, sys; print(os.getcwd(), sys.argv[1:])"), (caller, "raise SystemExit(9)")):
        (folder / "tests" / "gpu").mkdir(parents=True)
        (folder / "tests" / "__init__.py").touch()
        (folder / "tests" / "gpu" / "__main__.py").write_text(said)
    (bundle / "check").write_text(CHECK)
    with tarfile.open(bundle / "with-trl.tar.xz", "w:xz") as archive:
        archive.add(bundle / "check", "with-trl/check")
    command = ["bash", "../bundle/check", "--out", "here"]
    done = subprocess.run(
        command, cwd=caller, env={**os.environ, "PYTHON": sys.executable}, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{caller} ['--out', 'here']\n"
    assert (bundle / "with-trl" / "check").read_text() == CHECK
    assert [file.name for file in caller.iterdir()] == ["tests"]
