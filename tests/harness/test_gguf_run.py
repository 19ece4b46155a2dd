"""A whole evaluation with .gguf models: made once, replayed without the file, refused before anything is collected."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.harness.runs import Evaluator
from tests.tiny_gguf import write_tiny


@pytest.mark.slow
def test_a_run_with_gguf_models_is_replayed_without_their_file(tmp_path: Path) -> None:
    evaluator = Evaluator(tmp_path)
    file = write_tiny(tmp_path / "tiny.gguf")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    model = f'{{ model = "gguf/./tiny.gguf", sha256 = "{sha256}", max_tokens = 8, adapter = "json" }}'
    profile = str(evaluator.profile("http://127.0.0.1:9/v1", local=model, untrusted=model))
    first = evaluator.run("evals", "-m", "dev", "--eval-profile", profile, "--eval-limit", "2")
    assert first.calls["made"] > 0, first.out
    assert f"gguf/./tiny.gguf (sha256 {sha256[:12]}) as local and untrusted" in first.out
    same = first.same()
    file.unlink()
    again = evaluator.run("evals", "-m", "dev", "--eval-profile", profile, "--eval-limit", "2", "--eval-record", "none")
    assert again.calls["made"] == 0, again.out
    assert again.same() == same


@pytest.mark.slow
def test_a_file_that_is_not_there_is_a_usage_error_where_its_content_is_the_key(tmp_path: Path) -> None:
    evaluator = Evaluator(tmp_path)
    model = '{ model = "gguf/./none.gguf" }'
    profile = str(evaluator.profile("http://127.0.0.1:9/v1", local=model, untrusted=model))
    for record in ("new", "none"):
        run = evaluator.run("evals", "-m", "dev", "--eval-profile", profile, "--eval-record", record)
        assert run.code == 4, run.out
        assert "none.gguf" in run.out
        assert "Traceback" not in run.out
