"""Profiles: every key is checked, and every complaint says where, what came and what would be right."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Any

import pytest

from judges.calibration import LEAKAGE_METRICS, QUALITY_METRICS
from papillon.errors import ProfileError
from papillon.profile import (
    CALIBRATION_METRICS,
    GateSettings,
    ModelSettings,
    Profile,
    RegressionSettings,
    parse_profile,
)
from papillon.profile.settings import REGRESSION_METRICS
from papillon.results.rows import METRICS

LLM = {"kind": "llm", "model": "openai/j"}


@pytest.fixture(autouse=True)
def _no_profile_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAPILLON_PROFILE", raising=False)


def parse(**keys: Any) -> Profile:
    """A profile of two models and what else is given; None takes a key out."""
    table = {"local": {"model": "openai/l"}, "untrusted": {"model": "openai/u"}, **keys}
    return parse_profile("mine", Path("/base/mine.toml"), {key: v for key, v in table.items() if v is not None})


def refused(**keys: Any) -> str:
    with pytest.raises(ProfileError) as raised:
        parse(**keys)
    text = str(raised.value)
    assert text.startswith("Profile 'mine' (/base/mine.toml)")
    assert text.endswith((".", "?"))
    assert "\n" not in text
    return text


def with_model(**settings: Any) -> dict[str, Any]:
    return {"local": {"model": "openai/l", **settings}}


class TestWhatAProfileSays:
    def test_two_models_are_enough(self) -> None:
        profile = parse()
        assert profile.local == ModelSettings("openai/l")
        assert (profile.dataset, profile.split, profile.judge.kind) == ("mini", "grouped", "lexical")
        assert (profile.controls, profile.concurrency, profile.trials, profile.gates) == (False, 16, 1, ())

    def test_every_key_of_a_model_arrives(self) -> None:
        given = {
            "model": "openai/l",
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": -1,
            "repetition_penalty": 1.1,
            "max_tokens": 7,
            "seed": -3,
            "api_base": "http://localhost:1/v1",
            "endpoint": "mine",
            "api_key_env": "MY_KEY_2",
            "price": {"input": 0, "output": 1.5},
            "max_concurrency": 2,
            "timeout": 3,
            "max_attempts": 4,
            "deadline": 30,
            "reasoning_effort": "low",
            "extra_body": {"chat_template_kwargs": {"enable_thinking": False}},
            "adapter": "json",
            "json_fallback": False,
            "lora": "adapters/a",
            "revision": "main",
            "sha256": "a" * 64,
        }
        assert set(given) == {field.name for field in dataclasses.fields(ModelSettings)} - {"file"}
        assert dataclasses.asdict(parse(local=given).local) == {
            **given,
            "price": (0.0, 1.5),
            "timeout": 3.0,
            "deadline": 30.0,
            "lora": Path("/base/adapters/a"),
            "file": Path("/base/mine.toml"),
        }

    def test_gates_bars_and_training_arrive(self) -> None:
        profile = parse(
            judge={**LLM, "calibration": {"leakage": {"kappa": {"min": 0.6}, "count_error": {"max": 1.5}}}},
            gates={
                "dev": {
                    "quality": {"min": 0.8, "confident": True},
                    "gain": {"min": -0.1},
                    "regression": {"baseline": "b.json", "metrics": ["overall"], "max_drop": 0.05},
                },
                "test": {"leakage": {"max": 0.2, "min": 0}},
            },
            train={"learning_rate": 1e-6},
        )
        assert profile.judge.calibration == {"leakage": (("kappa", 0.6, None), ("count_error", None, 1.5))}
        assert profile.gates == (
            GateSettings("dev", "quality", 0.8, None, True),
            GateSettings("dev", "gain", -0.1),
            GateSettings("test", "leakage", 0.0, 0.2),
        )
        assert profile.regressions == (RegressionSettings("dev", Path("/base/b.json"), ("overall",), 0.05),)
        assert profile.train == {"learning_rate": 1e-6}

    def test_a_regression_compares_quality_and_leakage_unless_told(self) -> None:
        profile = parse(gates={"dev": {"regression": {"baseline": "b.json"}}})
        assert profile.regressions[0].metrics == ("quality", "leakage")
        assert profile.regressions[0].max_drop is None

    def test_the_lexical_judge_may_name_a_model_for_when_it_is_switched(self) -> None:
        judge = parse(judge={"kind": "lexical", "model": "openai/j"}).judge
        assert (judge.kind, judge.model) == ("lexical", ModelSettings("openai/j"))
        assert parse(judge={"kind": "lexical"}).judge.model is None

    def test_the_metrics_that_may_be_compared_are_those_of_a_row(self) -> None:
        assert REGRESSION_METRICS == METRICS

    def test_the_bars_that_may_be_set_are_the_figures_that_calibration_reports(self) -> None:
        assert {question: set(metrics) for question, metrics in CALIBRATION_METRICS.items()} == {
            "leakage": set(LEAKAGE_METRICS),
            "quality": set(QUALITY_METRICS),
        }


class TestWhatIsMissing:
    @pytest.mark.parametrize("role", ["local", "untrusted"])
    def test_a_role_without_a_table(self, role: str) -> None:
        assert f"expected a table {role!r} that names the {role} model, and there is none" in refused(**{role: None})

    @pytest.mark.parametrize("role", ["local", "untrusted"])
    def test_a_table_without_a_model(self, role: str) -> None:
        assert f".{role}: expected a key 'model' that names the model" in refused(**{role: {"temperature": 1}})

    def test_a_judge_without_a_kind(self) -> None:
        assert ".judge: expected kind = 'llm' or 'lexical', and there is no key 'kind'" in refused(
            judge={"model": "openai/j"}
        )

    def test_an_llm_judge_without_a_model(self) -> None:
        assert ".judge: expected a key 'model'" in refused(judge={"kind": "llm"})

    @pytest.mark.parametrize("price", [{"input": 1}, {"output": 1}, {}])
    def test_half_a_price(self, price: dict[str, float]) -> None:
        assert "price: expected both 'input' and 'output' in USD per million tokens" in refused(
            **with_model(price=price)
        )

    def test_a_gate_without_a_bound(self) -> None:
        assert "gates.dev.quality: expected min or max, and there is neither" in refused(
            gates={"dev": {"quality": {"confident": True}}}
        )

    def test_a_regression_without_a_baseline(self) -> None:
        assert "regression: expected a key 'baseline' with a file of accepted scores" in refused(
            gates={"dev": {"regression": {"max_drop": 0.1}}}
        )


class TestUnknownKeys:
    @pytest.mark.parametrize(
        ("keys", "complaint"),
        [
            ({"datset": "mini"}, ": unknown key 'datset'; did you mean 'dataset'?"),
            (with_model(temprature=1), ".local: unknown key 'temprature'; did you mean 'temperature'?"),
            (with_model(price={"inptu": 1, "output": 1}), ".local.price: unknown key 'inptu'; did you mean 'input'?"),
            ({"judge": {**LLM, "knid": 1}}, ".judge: unknown key 'knid'; did you mean 'kind'?"),
            (
                {"judge": {**LLM, "calibration": {"leaks": {}}}},
                ".judge.calibration: unknown key 'leaks'; did you mean 'leakage'?",
            ),
            (
                {"judge": {**LLM, "calibration": {"quality": {"kapa": {"min": 0}}}}},
                ".judge.calibration.quality: unknown key 'kapa'; did you mean 'kappa'?",
            ),
            ({"gates": {"dve": {}}}, ".gates: unknown key 'dve'; did you mean 'dev'?"),
            (
                {"gates": {"dev": {"qualty": {"min": 0}}}},
                ".gates.dev: unknown key 'qualty'; did you mean 'quality'?",
            ),
            (
                {"gates": {"dev": {"quality": {"mn": 0}}}},
                ".gates.dev.quality: unknown key 'mn'; did you mean 'min'?",
            ),
            (
                {"gates": {"dev": {"regression": {"baseline": "b", "maxdrop": 0.1}}}},
                ".gates.dev.regression: unknown key 'maxdrop'; did you mean 'max_drop'?",
            ),
        ],
        ids=lambda value: None if isinstance(value, str) else "-".join(value),
    )
    def test_each_is_refused_by_name_with_its_nearest(self, keys: dict[str, Any], complaint: str) -> None:
        assert complaint in refused(**keys)

    def test_one_like_none_is_told_all_there_are(self) -> None:
        text = refused(gates={"train": {}})
        assert "unknown key 'train'; known keys are dev, test." in text


class TestWrongValues:
    @pytest.mark.parametrize(
        ("key", "value", "complaint"),
        [
            ("model", "", "expected a non-empty string, got the string ''"),
            ("model", 3, "expected a non-empty string, got 3"),
            ("temperature", -0.1, "expected a number from 0 to 2, got -0.1"),
            ("temperature", 2.1, "expected a number from 0 to 2, got 2.1"),
            ("temperature", "hot", "expected a number, got the string 'hot'"),
            ("temperature", True, "expected a number, got true"),
            ("temperature", float("nan"), "expected a number, got nan"),
            ("top_p", 1.5, "expected a number from 0 to 1, got 1.5"),
            ("top_k", -2, "expected a whole number of at least -1, got -2"),
            ("top_k", 1.5, "expected a whole number of at least -1, got 1.5"),
            ("repetition_penalty", -1, "expected a number of at least 0, got -1"),
            ("repetition_penalty", float("inf"), "expected a number, got inf"),
            ("max_tokens", 0, "expected a whole number of at least 1, got 0"),
            ("seed", "7", "expected a whole number, got the string '7'"),
            ("seed", False, "expected a whole number, got false"),
            ("api_base", "localhost:8000", "expected an http:// or https:// address, got one that begins otherwise"),
            ("api_base", 3, "expected a non-empty string, got 3"),
            ("deadline", 0, "expected a number from 0.001 to 604800, got 0"),
            ("deadline", "1 h", "expected a number, got the string '1 h'"),
            ("reasoning_effort", 3, "expected a non-empty string, got 3"),
            ("reasoning_effort", "very low", "expected one word such as low, got the string 'very low'"),
            ("reasoning_effort", "low\n", "expected one word such as low, got the string 'low\\n'"),
            ("extra_body", "{}", "expected a table, got the string '{}'"),
            ("endpoint", 3, "expected a non-empty string, got 3"),
            ("price", 3, "expected a table, got 3"),
            ("max_concurrency", 0, "expected a whole number of at least 1, got 0"),
            ("timeout", 0, "expected a number from 0.001 to 604800, got 0"),
            ("max_attempts", 0, "expected a whole number of at least 1, got 0"),
            ("adapter", "xml", "expected one of chat, json, got the string 'xml'"),
            ("json_fallback", "no", "expected true or false, got the string 'no'"),
            ("json_fallback", 0, "expected true or false, got 0"),
            ("lora", 1, "expected a non-empty string, got 1"),
        ],
    )
    def test_of_a_model(self, key: str, value: Any, complaint: str) -> None:
        assert f".local.{key}: {complaint}" in refused(**with_model(**{key: value}))

    @pytest.mark.parametrize("side", ["input", "output"])
    @pytest.mark.parametrize("value", [-1, float("inf")])
    def test_of_a_price(self, side: str, value: float) -> None:
        text = refused(**with_model(price={"input": 1, "output": 1, side: value}))
        assert f".local.price.{side}: expected a number" in text

    @pytest.mark.parametrize(
        ("key", "value", "complaint"),
        [
            ("dataset", 1, ".dataset: expected a non-empty string, got 1"),
            ("split", "random", ".split: expected one of tutorial, grouped, all, got the string 'random'"),
            ("controls", "yes", ".controls: expected true or false, got the string 'yes'"),
            ("concurrency", 0, ".concurrency: expected a whole number of at least 1, got 0"),
            ("trials", 0, ".trials: expected a whole number from 1 to 1000, got 0"),
            ("trials", 10**9, ".trials: expected a whole number from 1 to 1000, got 1000000000"),
            ("program", True, ".program: expected a non-empty string, got true"),
            ("local", "openai/l", ".local: expected a table, got the string 'openai/l'"),
            ("judge", "llm", ".judge: expected a table, got the string 'llm'"),
            ("judge", {"kind": "human"}, ".judge.kind: expected one of llm, lexical, got the string 'human'"),
            ("judge", {**LLM, "calibration": 1}, ".judge.calibration: expected a table, got 1"),
            ("judge", {**LLM, "calibration": {"leakage": 1}}, ".calibration.leakage: expected a table, got 1"),
            ("train", 1, ".train: expected a table, got 1"),
            ("train", {"learning_rat": 1e-6}, "'learning_rat'; did you mean 'learning_rate'?"),
            ("train", {"learning_rate": "x"}, "): expected train.learning_rate to be a number, got 'x'; correct it."),
            ("gates", [], ".gates: expected a table, got []"),
            ("gates", {"dev": 1}, ".gates.dev: expected a table, got 1"),
            ("gates", {"dev": {"quality": 0.8}}, ".gates.dev.quality: expected a table, got 0.8"),
            ("gates", {"dev": {"quality": {"min": "a"}}}, ".quality.min: expected a number, got the string 'a'"),
            ("gates", {"dev": {"quality": {"min": 80}}}, ".quality.min: expected a number from 0 to 1, got 80"),
            ("gates", {"dev": {"leakage": {"max": -0.1}}}, ".leakage.max: expected a number from 0 to 1, got -0.1"),
            ("gates", {"dev": {"gain": {"min": -1.1}}}, ".gain.min: expected a number from -1 to 1, got -1.1"),
            (
                "gates",
                {"dev": {"quality": {"min": 0.5, "max": 0.4}}},
                ".quality: expected min to be at most max, got min = 0.5 and max = 0.4",
            ),
            ("gates", {"dev": {"overall": {"min": 0, "corrected": True}}}, "expected a metric that people label, qual"),
            (
                "gates",
                {"dev": {"quality": {"min": 0.5, "confident": 1}}},
                ".quality.confident: expected true or false, got 1",
            ),
            (
                "gates",
                {"dev": {"regression": {"baseline": "b", "metrics": ["gain"]}}},
                ".regression.metrics: expected a list out of quality, leakage, overall, joint, carried, "
                "verbatim_leakage, errors, got ['gain']",
            ),
            ("gates", {"dev": {"regression": {"baseline": "b", "metrics": []}}}, ".metrics: expected a list out of"),
            ("gates", {"dev": {"regression": {"baseline": "b", "metrics": "quality"}}}, ".metrics: expected a list"),
            (
                "gates",
                {"dev": {"regression": {"baseline": "b", "max_drop": 2}}},
                ".max_drop: expected a number from 0 to 1, got 2",
            ),
        ],
    )
    def test_of_the_rest(self, key: str, value: Any, complaint: str) -> None:
        assert complaint in refused(**{key: value})

    @pytest.mark.parametrize("name", ["model", "messages", "stream", "n"])
    def test_an_extra_body_leaves_alone_what_the_run_puts_there(self, name: str) -> None:
        text = refused(**with_model(extra_body={"top_a": 1, name: "private"}))
        assert f".extra_body: expected keys other than model, messages, stream, n, got '{name}'; remove it" in text

    @pytest.mark.parametrize("name", ["response_format", "responseFormat", "tools", "tool_choice", "functions"])
    def test_an_extra_body_leaves_the_answers_form_alone(self, name: str) -> None:
        text = refused(**with_model(extra_body={name: "json_object"}))
        assert f".extra_body: expected no '{name}', got one; remove it, the adapter asks for the answer's form" in text

    @pytest.mark.parametrize(
        "extra",
        [
            {"max_output_tokens": 10**6},
            {"max_new_tokens": 10**6},
            {"maxTokens": 10**6},
            {"options": {"num_predict": -1}},
            {"google": {"generationConfig": {"maxOutputTokens": 10**6}}},
            {"best_of": 20},
            {"candidate_count": 4},
            {"N": 5},
            {"models": ["openai/gpt-5-pro"]},
            {"fallbacks": ["openai/gpt-5-pro"]},
        ],
    )
    def test_an_extra_body_leaves_alone_what_the_cap_on_cost_reckons_with(self, extra: Any) -> None:
        text = refused(**with_model(extra_body=extra))
        assert "; remove it" in text or "; set the profile's own key max_tokens" in text

    def test_an_extra_body_may_bound_a_models_reasoning(self) -> None:
        extra = {"reasoning": {"max_tokens": 2000, "exclude": True}, "provider": {"order": ["a"]}, "top_a": 0.5}
        assert parse(**with_model(extra_body=extra)).local.extra_body == extra

    @pytest.mark.parametrize(
        ("value", "where", "advice"),
        [
            ({"since": datetime.date(2026, 1, 2)}, ".since", "got 2026-01-02; write a date or a time as a string."),
            ({"a": [{"at": datetime.time(7, 30)}]}, ".a[0].at", "got 07:30:00; write a date or a time as a string."),
            ({"a": {"b": float("nan")}}, ".a.b", "got nan; give a number."),
            ({"a": [1.5, float("-inf")]}, ".a[1]", "got -inf; give a number."),
        ],
    )
    def test_an_extra_body_is_json(self, value: Any, where: str, advice: str) -> None:
        text = refused(**with_model(extra_body=value))
        assert f".local.extra_body{where}: expected a value that JSON can hold, {advice}" in text

    @pytest.mark.parametrize(
        "address",
        ["https://ann:hunter2@example.org/v1", "https://example.org/v1?key=hunter2", "https://example.org/#hunter2"],
    )
    @pytest.mark.parametrize("key", ["api_base", "endpoint"])
    @pytest.mark.parametrize("role", ["local", "untrusted", "judge"])
    def test_a_secret_in_an_address_is_refused_and_not_echoed(self, role: str, key: str, address: str) -> None:
        kind = {"kind": "llm"} if role == "judge" else {}
        text = refused(**{role: {**kind, "model": "openai/m", key: address}})
        assert f".{role}.{key}: expected an address without" in text
        assert "hunter2" not in text

    def test_the_bars_for_the_judge_have_the_range_of_their_figure(self) -> None:
        def bars(**asked: Any) -> dict[str, Any]:
            return {"judge": {**LLM, "calibration": {"leakage": asked}}}

        assert parse(**bars(kappa={"min": -1})).judge.calibration["leakage"] == (("kappa", -1.0, None),)
        assert "accuracy.min: expected a number from 0 to 1, got -1" in refused(**bars(accuracy={"min": -1}))
        assert "count_error.max: expected a number of at least 0, got -1" in refused(**bars(count_error={"max": -1}))


class TestKeys:
    @pytest.mark.parametrize(
        "key",
        ["sk-proj-abcDEF123", "gsk_AbCd1234efgh", "hf_abcdefgh", "AIzaSyA1b2C3", "0123abcd", "my key", "Bearer X"],
    )
    def test_a_pasted_key_is_refused_and_not_echoed(self, key: str) -> None:
        text = refused(**with_model(api_key_env=key))
        assert ".local.api_key_env: expected the NAME of an environment variable, never a key" in text
        assert key not in text

    def test_a_key_that_is_no_text_is_not_echoed_either(self) -> None:
        assert "sk-1" not in refused(**with_model(api_key_env=["sk-1"]))

    @pytest.mark.parametrize("name", ["api_key", "key"])
    def test_a_key_under_another_name_is_not_echoed(self, name: str) -> None:
        assert "sk-proj" not in refused(**with_model(**{name: "sk-proj-1"}))

    def test_a_name_in_small_letters_is_fine_where_there_is_such_a_variable(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("my_server_key", "secret")
        assert parse(**with_model(api_key_env="my_server_key")).local.api_key_env == "my_server_key"
