"""A program's rows for an improvement: what costs an example its score, and what does not."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from evals.harness.examples import select_examples
from evals.harness.improvement import score_program
from papillon import PAPILLON, load
from papillon.errors import InfrastructureError
from papillon.models.roles import open_models
from papillon.profile import load_profile
from tests.harness.test_outages import free_port
from tests.model_server import ModelServer
from tests.papillon.test_optimizing import profile

DEV = select_examples(load("mini"), "tutorial", limit=4, shard=None)["dev"]


@pytest.mark.parametrize("comes_back", [True, False])
def test_examples_whose_model_could_not_be_reached_are_tried_once_more(tmp_path: Path, comes_back: bool) -> None:
    port, again = free_port(), list[str]()
    path = Path(profile(tmp_path, f"http://127.0.0.1:{port}/v1"))
    path.write_text(path.read_text().replace("max_attempts = 1", "deadline = 0.3"))
    own = load_profile(str(path))
    with ExitStack() as stack:
        models = open_models(own, tmp_path / "cache")
        stack.callback(models.close)

        def back() -> None:
            again.append("back")
            if comes_back:
                stack.enter_context(ModelServer(port=port))
            type(models).reach_again(models)

        models.reach_again = back  # type: ignore[method-assign]
        if comes_back:
            rows = score_program(PAPILLON(str), DEV, models, own)
            assert [(row.id, row.status) for row in rows] == [(example.id, "scored") for example in DEV]
        else:
            with pytest.raises(InfrastructureError, match=r"^4 of 4 examples of dev have no score \(Model local at "):
                score_program(PAPILLON(str), DEV, models, own)
    assert again == ["back"]
