"""Destinations: which host gets which texts, and the sentence that says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from papillon.destinations import Destination, destination, destinations, where_texts_go
from papillon.profile import JudgeSettings, ModelSettings, Profile, load_profile
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer

HERE = ModelSettings("embedded/SmolLM2-135M-Instruct")
OPENAI = ModelSettings("openai/gpt-4.1-mini")
LOOPBACK = ModelSettings("openai/m", api_base="http://localhost:8000/v1")
OTHER = ModelSettings("openai/m", api_base="https://llm.example.org:8443/v1", endpoint="lab")


@pytest.fixture(autouse=True)
def _no_address_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def said(local: ModelSettings, untrusted: ModelSettings, judge: ModelSettings | None = None, **how: bool) -> str:
    judged = JudgeSettings("lexical") if judge is None else JudgeSettings("llm", judge)
    profile = Profile("p", None, local, untrusted, judged)
    return where_texts_go(destinations(profile, controls=how.get("controls", False)), replay=how.get("replay", False))


@pytest.mark.parametrize(
    ("settings", "host", "stays"),
    [
        (HERE, "embedded/SmolLM2-135M-Instruct", True),
        (ModelSettings("transformers/some/model"), "transformers/some/model", True),
        (ModelSettings("vllm/some/model"), "vllm/some/model", True),
        (LOOPBACK, "localhost:8000", True),
        (OPENAI, "api.openai.com", False),
        (OTHER, "llm.example.org:8443", False),
        (ModelSettings("vllm/some/model", api_base="http://10.0.0.5:8000/v1"), "10.0.0.5:8000", False),
        (ModelSettings("openai/m", api_base="http://localhost.evil.example/v1"), "localhost.evil.example", False),
    ],
)
def test_a_model_stays_here_in_a_process_or_on_the_loopback(settings: ModelSettings, host: str, stays: bool) -> None:
    assert destination(settings, ("queries",)) == Destination(("queries",), host, stays)


class TestTheSentence:
    def test_all_on_this_machine(self) -> None:
        assert said(HERE, HERE) == "Texts: all stay on this machine (embedded/SmolLM2-135M-Instruct)."
        both = "embedded/SmolLM2-135M-Instruct, localhost:8000"
        assert said(HERE, LOOPBACK, HERE, controls=True) == f"Texts: all stay on this machine ({both})."

    def test_only_the_requests_leave(self) -> None:
        assert said(HERE, OPENAI) == "Texts: requests go to api.openai.com; all else stays on this machine."

    def test_controls_send_the_queries_too(self) -> None:
        assert said(LOOPBACK, OPENAI, controls=True) == (
            "Texts: queries (for the controls) and requests go to api.openai.com; all else stays on this machine."
        )

    def test_a_local_model_elsewhere_is_no_secret(self) -> None:
        assert said(OTHER, HERE) == "Texts: queries go to llm.example.org:8443; all else stays on this machine."
        assert said(OPENAI, OPENAI) == "Texts: queries and requests go to api.openai.com."
        assert said(OTHER, OPENAI) == "Texts: queries go to llm.example.org:8443; requests go to api.openai.com."

    def test_a_judge_gets_everything(self) -> None:
        assert said(HERE, OPENAI, OPENAI, controls=True) == (
            "Texts: queries, requests, answers, targets and units go to api.openai.com."
        )

    def test_nothing_leaves_in_a_strict_replay(self) -> None:
        assert said(OPENAI, OPENAI, OPENAI, replay=True) == "Texts: nothing leaves, every call is replayed."

    @pytest.mark.parametrize("name", ["embedded", "openai", "vllm", "arbor"])
    def test_it_is_two_lines_at_80_columns_for_every_profile_that_ships(self, name: str) -> None:
        profile = replace(load_profile(name), path=Path("x"))
        assert len(where_texts_go(destinations(profile, controls=True))) <= 158


def test_every_summary_has_it(tmp_path: Path) -> None:
    evaluator = Evaluator(tmp_path)
    common = ("evals", "-m", "dev", "--eval-limit", "1", "--eval-profile")
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        run = evaluator.run(*common, profile)
        replay = evaluator.run(*common, profile, "--eval-record", "none")
        assert f"Texts: all stay on this machine (127.0.0.1:{server.port})." in run.out
    assert "Texts: nothing leaves, every call is replayed." in replay.out
