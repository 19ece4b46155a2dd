"""``papillon ask``: what it shows before a text leaves, who is asked first, and how it exits."""

from __future__ import annotations

import functools
import io
import logging
from pathlib import Path
from typing import Any

import pytest

from papillon import PAPILLON, save_program
from papillon.__main__ import main
from papillon.asking import marked
from papillon.store import Store
from tests.model_server import ModelServer
from tests.papillon.store.samples import refusing_after

QUERY = "I am Ann Lee; help me with my will."


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PAPILLON_PROFILE", "OPENAI_BASE_URL", "VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("papillon.__main__.CACHE", tmp_path / "cache")


def profile(folder: Path, base: str, **keys: str) -> str:
    path = folder / "own.toml"
    lines = [f'{role} = {{ model = "openai/{role}", api_base = "{base}", max_attempts = 1 }}' for role in MODELS]
    path.write_text("\n".join([*lines, *(f'{key} = "{value}"' for key, value in keys.items())]))
    return str(path)


MODELS = ("local", "untrusted")


def crafting(request: str) -> Any:
    """A rule by which the local model writes this request."""

    def rule(body: dict[str, Any]) -> str | None:
        crafts = body["model"] == "local" and "llm_request" in str(body) and "related" not in str(body)
        return (
            f"[[ ## reasoning ## ]]\nr\n[[ ## llm_request ## ]]\n{request}\n[[ ## completed ## ]]" if crafts else None
        )

    return rule


def elsewhere(monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    """Let the model of that name count as one on another machine."""
    from papillon import destinations

    def moved(settings: Any, texts: tuple[str, ...] = ()) -> destinations.Destination:
        found = destinations.destination(settings, texts)
        away = settings.model == f"openai/{model}"
        return destinations.Destination(texts, "llm.example.org", False) if away else found

    monkeypatch.setattr("papillon.asking.destination", moved)


class TestAsk:
    def test_what_goes_where_is_shown_before_it_goes(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        shown: list[str] = []

        def rule(body: dict[str, Any]) -> None:
            if body["model"] == "untrusted":
                shown.append(capsys.readouterr().out)

        with ModelServer(rule=rule) as server:
            assert main(["ask", QUERY, "--profile", profile(tmp_path, server.base)]) == 0
            (sent,) = (body for body in server.bodies if body["model"] == "untrusted")
        request = sent["messages"][-1]["content"]
        host = f"127.0.0.1:{server.port}"
        (before,) = shown
        assert before == (
            "This prints private texts: your query, the request and the answers.\n"
            "\nWhere they go, with profile own:\n"
            f"  your query stays on this machine ({host}, openai/local)\n"
            f"  the request stays on this machine ({host}, openai/untrusted)\n"
            f"\nYour query:\n\n{QUERY}\n"
            f"\n→ The request stays on this machine ({host}, openai/untrusted):\n\n{request}\n\n"
            "Of 1 identifier that rules see in your query none stands in it.\n"
            "Such rules do not see names in small letters or in scripts without capitals,\n"
            "illnesses, and whom a story points at: read the request yourself.\n"
        )
        after = capsys.readouterr().out
        assert after.startswith("\n← The untrusted model answered:\n\nAbout ")
        assert "\n\nThe answer to your query:\n\nA response numbered " in after
        assert QUERY not in str(sent)

    def test_the_same_question_is_replayed(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with ModelServer() as server:
            own = profile(tmp_path, server.base)
            assert main(["ask", QUERY, "--profile", own]) == 0
            first = capsys.readouterr().out
            assert main(["ask", QUERY, "--profile", own]) == 0
            assert capsys.readouterr().out == first
            assert server.calls == 3

    @pytest.mark.parametrize("where", ["option", "profile"])
    def test_a_saved_program_is_used(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str
    ) -> None:
        program = PAPILLON(untrusted_model=str)
        craft = program.craft_redacted_request.predict
        craft.signature = craft.signature.with_instructions("Be very discreet.")
        save_program(program, tmp_path / "saved.json")
        with ModelServer() as server:
            own = profile(tmp_path, server.base, **({"program": "saved.json"} if where == "profile" else {}))
            monkeypatch.chdir(tmp_path)
            given = ["--program", "saved.json"] if where == "option" else []
            assert main(["ask", QUERY, "--profile", own, *given]) == 0
            assert len(server.asked("Be very discreet.")) == 1

    def test_an_empty_answer_is_no_success(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with ModelServer(rule=lambda body: "" if body["model"] == "untrusted" else None) as server:
            assert main(["ask", QUERY, "--profile", profile(tmp_path, server.base)]) == 1
        said = capsys.readouterr().out
        assert "→ The request stays" in said
        assert said.endswith("The answer to your query:\n\n(nothing)\n")

    def test_an_answer_that_could_not_be_recorded_is_shown_and_no_success(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Store, "put_all", refusing_after(2))
        monkeypatch.setattr(Store, "put", refusing_after(0))
        with ModelServer() as server:
            assert main(["ask", QUERY, "--profile", profile(tmp_path, server.base)]) == 1
        said = capsys.readouterr()
        assert "\n\nThe answer to your query:\n\nA response numbered " in said.out
        assert said.err == "papillon ask: 1 paid answer was used and could not be recorded: no room\n"

    def test_a_server_that_fails_is_one_sentence(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with ModelServer(failing=lambda body, number: (401, {}, "")) as server:
            assert main(["ask", QUERY, "--profile", profile(tmp_path, server.base)]) == 1
            said = capsys.readouterr()
            assert said.err == (
                f"papillon ask: Model local at {server.base} refused the call with status 401. "
                "Check the key in OPENAI_API_KEY, or in the variable that api_key_env names.\n"
            )
            assert "→ The request" not in said.out

    def test_a_model_that_answers_rubbish_is_one_sentence(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with ModelServer(rule=lambda body: "rubbish") as server:
            assert main(["ask", QUERY, "--profile", profile(tmp_path, server.base)]) == 1
        assert capsys.readouterr().err == (
            "papillon ask: Expected the model's reasoning and llm_request in the format that it was asked for, got: "
            "rubbish; ask again in other words, or name a model that keeps to formats.\n"
        )

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (["ask", "  "], "Expected a query, got an empty one; say what you want to ask."),
            (["ask", "hello", "--profile", "none"], "Unknown profile 'none': expected one of arbor, demo, embedded,"),
            (["ask", "hello", "--profile", "none.toml"], "it cannot be read"),
            (["ask", "hello", "--profile", "openai"], "environment variable OPENAI_API_KEY, which is not set"),
        ],
    )
    def test_what_the_user_can_mend_exits_with_4(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        arguments: list[str],
        complaint: str,
    ) -> None:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        assert main(arguments) == 4
        said = capsys.readouterr().err
        assert said.startswith("papillon ask: ")
        assert complaint in said
        assert said.count("\n") == 1

    def test_a_program_that_is_not_there_exits_with_4(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        own = profile(tmp_path, "http://127.0.0.1:9")
        assert main(["ask", QUERY, "--profile", own, "--program", str(tmp_path / "none.json")]) == 4
        assert "Expected a saved DSPy program in" in capsys.readouterr().err

    def test_an_answer_that_reached_its_limit_is_no_matter_for_the_screen(
        self, tmp_path: Path, request: pytest.FixtureRequest
    ) -> None:
        logger = logging.getLogger("dspy")
        request.addfinalizer(functools.partial(logger.setLevel, logger.level))
        logger.setLevel(logging.INFO)
        enabled: list[bool] = []

        def listen(body: dict[str, Any]) -> None:
            enabled.append(logger.isEnabledFor(logging.WARNING))

        with ModelServer(rule=listen) as server:
            assert main(["ask", QUERY, "--profile", profile(tmp_path, server.base)]) == 0
        assert enabled
        assert not any(enabled)
        assert logger.level == logging.INFO  # what runs in this process afterwards is heard again

    def test_the_environment_names_the_profile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with ModelServer() as server:
            monkeypatch.setenv("PAPILLON_PROFILE", profile(tmp_path, server.base))
            assert main(["ask", QUERY]) == 0
        assert ", openai/local)" in capsys.readouterr().out


class TestWhereTextsGo:
    def test_a_request_that_leaves_is_said_to_leave(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        elsewhere(monkeypatch, "untrusted")
        with ModelServer() as server:
            assert main(["ask", QUERY, "--profile", profile(tmp_path, server.base)]) == 0
        said = capsys.readouterr().out
        assert f"your query stays on this machine (127.0.0.1:{server.port}, openai/local)\n" in said
        assert "  the request goes to llm.example.org (openai/untrusted)\n" in said
        assert "→ The request goes to llm.example.org (openai/untrusted):\n" in said

    def test_a_local_model_elsewhere_gets_the_query_and_it_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        elsewhere(monkeypatch, "local")
        with ModelServer() as server:
            assert main(["ask", QUERY, "--profile", profile(tmp_path, server.base)]) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert (
            "your query goes to llm.example.org (openai/local): your query leaves, as the local model is there!" in said
        )
        assert "the request and what the untrusted model answers go to llm.example.org (openai/local) too" in said
        assert said.count("stays on this machine") == 2

    def test_the_untrusted_answer_is_shown_before_the_local_model_gets_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        elsewhere(monkeypatch, "local")
        shown: list[str] = []

        def rule(body: dict[str, Any]) -> None:
            if "related_llm_response ## ]]" in str(body["messages"][-1]):
                shown.append(capsys.readouterr().out)

        with ModelServer(rule=rule) as server:
            assert main(["ask", QUERY, "--profile", profile(tmp_path, server.base)]) == 0
        (before,) = shown
        answer = before.partition("\n← The untrusted model answered:\n\n")[2]
        assert answer.startswith("About ")
        assert answer.strip() in server.asked("related_llm_response")[-1]["messages"][-1]["content"]
        assert "← The untrusted model answered:" not in capsys.readouterr().out


class TestTheQuery:
    def test_comes_from_standard_input_for_a_hyphen(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\ufeffI am Zoë Lê;\nhelp\n".encode())))
        with ModelServer() as server:
            assert main(["ask", "-", "--profile", profile(tmp_path, server.base)]) == 0
            assert server.asked("I am Zoë Lê;\\nhelp")
            assert not server.asked("\ufeff")

    @pytest.mark.parametrize("text", [b"", b" \n"])
    def test_on_standard_input_may_be_empty(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: bytes
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
        assert main(["ask", "-"]) == 4
        assert "Expected a query, got an empty one" in capsys.readouterr().err

    def test_on_standard_input_needs_one(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("sys.stdin", None)
        assert main(["ask", "-"]) == 4
        assert "Expected a query on standard input, and that is closed" in capsys.readouterr().err

    def test_that_is_no_text_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9")))
        complaint = "papillon ask: Expected a query in UTF-8, got bytes that are no such text; convert it.\n"
        for query in ("-", "caf\udce9"):
            assert main(["ask", query]) == 4
            assert capsys.readouterr().err == complaint


class TestWhatARequestGivesAway:
    def shown(self, capsys: pytest.CaptureFixture[str], folder: Path, query: str, request: str) -> str:
        with ModelServer(rule=crafting(request)) as server:
            assert main(["ask", query, "--profile", profile(folder, server.base)]) == 0
        return capsys.readouterr().out

    def test_is_marked_and_counted(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        query = "I am Ann Lee, ann@mail.example.org, +49 170 1234567."
        said = self.shown(capsys, tmp_path, query, "Write as Ann  Lee (call +49-170-1234567).")
        assert "\n\nWrite as >>Ann  Lee<< (call +49-170-1234567).\n\n" in said
        assert (
            "\n2 of 3 identifiers that rules see in your query stand in it, >>marked<< where\nword for word:\n"
            "  Ann Lee (name)\n  +49 170 1234567 (phone number), nearly\nSuch rules do not see "
        ) in said

    def test_one_alone_is_counted_as_one(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        said = self.shown(capsys, tmp_path, QUERY, "Help Ann Lee.")
        assert "\n1 of 1 identifier that rules see in your query stands in it, " in said

    def test_a_query_without_identifiers_is_no_all_clear(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        said = self.shown(capsys, tmp_path, "i am ann lee", "Help ann lee.")
        assert "Rules see no identifier in your query that could stand in it.\nSuch rules do not see names in" in said

    def test_marks_that_overlap_are_one(self) -> None:
        assert marked("Ann Lee Ann", [(8, 11), (0, 7), (4, 7), (2, 5)]) == ">>Ann Lee<< >>Ann<<"

    def test_nothing_acts_on_the_screen(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        said = self.shown(capsys, tmp_path, QUERY, "help\x1b[2K\u202e Ann Lee.")
        assert "help\\x1b[2K\\u202e >>Ann Lee<<." in said

    def test_a_sign_that_hides_in_a_name_is_seen(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        said = self.shown(capsys, tmp_path, QUERY, "help Ann L\u200bee\U000e0041.")
        assert "help >>Ann L\\u200bee\\U000e0041<<." in said or "help >>Ann L\\u200bee<<\\U000e0041." in said
