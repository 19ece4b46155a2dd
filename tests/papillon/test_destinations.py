"""Destinations: which host gets which texts, and the sentence that says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from papillon.destinations import Destination, destination, destinations, same_place, where_texts_go
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
    replay = how.pop("replay", False)
    return where_texts_go(destinations(profile, **{"rows": True, **how}), replay=replay)


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


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (OPENAI, ModelSettings("openai/gpt-4.1-nano"), True),
        (OPENAI, ModelSettings("openai/x", api_base="https://API.openai.com.:443/v2"), True),
        (OPENAI, OTHER, False),
        (OTHER, ModelSettings("vllm/x", api_base="https://llm.example.org:9000/v1"), True),
        (LOOPBACK, ModelSettings("openai/x", api_base="http://127.0.0.1:8000/v1"), True),
        (LOOPBACK, ModelSettings("openai/x", api_base="http://[::1]:8000"), True),
        (LOOPBACK, ModelSettings("openai/m", api_base="http://localhost:8001/v1"), False),
        (HERE, replace(HERE, temperature=0.3), True),
        (HERE, ModelSettings("transformers/some/model"), False),
        (HERE, OPENAI, False),
    ],
)
def test_two_models_are_at_one_place_by_host_or_by_name_in_this_process(
    one: ModelSettings, other: ModelSettings, same: bool
) -> None:
    assert same_place(one, other) is same
    assert same_place(other, one) is same


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
        # It is given the untrusted model's answer too, with the request that it belongs to.
        assert said(OTHER, HERE) == "Texts: queries, requests and answers go to llm.example.org:8443."
        assert said(OPENAI, OPENAI) == "Texts: queries, requests and answers go to api.openai.com."
        assert said(OTHER, OPENAI) == (
            "Texts: queries, requests and answers go to llm.example.org:8443; requests go to api.openai.com."
        )

    def test_a_judge_gets_everything(self) -> None:
        assert said(HERE, OPENAI, OPENAI, controls=True) == (
            "Texts: queries, requests, answers, targets and units go to api.openai.com."
        )

    def test_the_judges_own_test_sends_its_labelled_cases_and_no_row(self) -> None:
        alone = {"rows": False, "cases": True}
        assert said(OPENAI, OPENAI, OPENAI, **alone) == "Texts: labelled cases go to api.openai.com."
        assert said(OPENAI, OPENAI, HERE, **alone) == (
            "Texts: all stay on this machine (embedded/SmolLM2-135M-Instruct)."
        )
        assert said(HERE, OPENAI, OTHER, cases=True) == (
            "Texts: requests go to api.openai.com; queries, requests, answers, targets, units and labelled cases go to "
            "llm.example.org:8443."
        )

    def test_with_rows_that_people_labelled_it_sends_their_texts(self) -> None:
        told = said(HERE, HERE, OPENAI, rows=False, cases=True, labelled=True)
        assert told == "Texts: queries, requests, answers, targets, units and labelled cases go to api.openai.com."

    def test_a_judge_that_is_no_model_is_sent_nothing(self) -> None:
        assert said(OPENAI, OPENAI, rows=False, cases=True) == "Texts: none is sent, as no model is asked."

    def test_nothing_leaves_in_a_strict_replay(self) -> None:
        assert said(OPENAI, OPENAI, OPENAI, replay=True) == "Texts: nothing leaves, every call is replayed."

    @pytest.mark.parametrize("name", ["embedded", "openai", "vllm", "arbor"])
    def test_it_is_two_lines_at_80_columns_for_every_profile_that_ships(self, name: str) -> None:
        profile = replace(load_profile(name), path=Path("x"))
        assert len(where_texts_go(destinations(profile, rows=True, controls=True))) <= 158


def test_every_summary_has_it(tmp_path: Path) -> None:
    evaluator = Evaluator(tmp_path)
    common = ("evals", "-m", "dev", "--eval-limit", "1", "--eval-profile")
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        run = evaluator.run(*common, profile)
        replay = evaluator.run(*common, profile, "--eval-record", "none")
        assert f"Texts: all stay on this machine (127.0.0.1:{server.port})." in run.out
    assert "Texts: nothing leaves, every call is replayed." in replay.out


@pytest.mark.slow
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "replayed"])
def test_where_no_call_was_made_but_could_have_been_it_says_where_texts_would_go(tmp_path: Path, kept: bool) -> None:
    evaluator = Evaluator(tmp_path)
    with ModelServer() as server:
        common = ("evals", "-m", "dev", "--eval-limit", "1", "--eval-profile", str(evaluator.profile(server.base)))
        evaluator.run(*common)
        if not kept:
            (evaluator.cache / "rows.db").unlink()
        run = evaluator.run(*common)
    assert run.calls["made"] == 0
    assert f"Texts: all stay on this machine (127.0.0.1:{server.port})." in run.out


@pytest.mark.slow
def test_the_judges_suite_alone_says_what_it_sends(tmp_path: Path) -> None:
    evaluator = Evaluator(tmp_path)
    far = '{ model = "openai/far", api_base = "https://llm.example.org/v1", endpoint = "far" }'
    with ModelServer() as server:
        lexical = evaluator.profile(server.base, untrusted=far, local=far, judge='{ kind = "lexical" }')
        run = evaluator.run("evals", "-m", "judges", "--eval-profile", str(lexical))
        assert "Texts: none is sent, as no model is asked." in run.out
        llm = evaluator.profile(server.base)
        run = evaluator.run("evals", "-m", "judges", "--eval-profile", str(llm))
    assert f"Texts: all stay on this machine (127.0.0.1:{server.port})." in run.out
