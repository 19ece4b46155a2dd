"""Programs of the user's own under evaluation: whatever one does costs its own example alone, and none of its texts."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dspy
import pytest

from evals.harness.evaluation.outcome import Outcome
from evals.harness.evaluation.own_programs import OwnProgram, Threads, unheard
from evals.harness.evaluation.scoring import UntrustedModel, evaluate
from papillon.errors import EndpointError
from papillon.program_class import ProgramClass
from tests.harness.evaluation.test_scoring import QUERY, SetJudge, example, without_scores

#: Each is the body of a ``forward``.
BODIES = {
    "Sends": 'return dspy.Prediction(response=self.model("Where is Oslo?")[0])',
    "SendsNothing": 'return dspy.Prediction(response="Dear Bob.")',
    "SendsTwice": 'self.model("Where is Oslo?"); return dspy.Prediction(response=self.model("Who is Bob?")[0])',
    "Swallows": "try:\n            self.model('Oslo', 1)\n        except Exception:\n            pass\n"
    "        return dspy.Prediction(response='')",
    "Raises": "self.model('Where is Oslo?'); raise KeyError(user_query)",
    "Exits": "raise SystemExit(user_query)",
    "Cancels": "import asyncio; raise asyncio.CancelledError(user_query)",
    "StopsIteration": "raise StopIteration(user_query)",
    "GivesNone": "return None",
    "GivesNoResponse": 'return dspy.Prediction(answer="Dear Bob.")',
    "GivesText": 'return "Dear Bob."',
    "GivesNumber": "return dspy.Prediction(response=42)",
    "GivesBlank": 'return dspy.Prediction(response=" ")',
    "Prints": "print(user_query); print(user_query, file=sys.stderr); logging.getLogger('mine').error(user_query)\n"
    "        logging.error(user_query); warnings.warn(user_query); return dspy.Prediction(response='Dear Bob.')",
    "AsksAside": "import threading; asked = []\n"
    "        def ask():\n            try:\n                self.model(user_query)\n"
    "            except Exception as error:\n                asked.append(str(error))\n"
    "        aside = threading.Thread(target=ask); aside.start(); aside.join()\n"
    "        return dspy.Prediction(response=asked[0])",
    "Remembers": "self.found = getattr(self, 'found', 0) + 1; return dspy.Prediction(response=str(self.found))",
    "SendsHalfACharacter": "return dspy.Prediction(response=self.model('Oslo \\ud800')[0] + '\\udfff')",
    "SendsNumber": "self.model(42); return dspy.Prediction(response='Dear Bob.')",
    "Sleeps": "import time; time.sleep(0.2); return dspy.Prediction(response='Dear Bob.')",
}
HEAD = "import logging, sys, warnings\nimport dspy\n"
CLASS = """
class {name}(dspy.Module):
    def __init__(self, untrusted_model):
        super().__init__()
        self.model = untrusted_model

    def forward(self, user_query):
        {body}
"""


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    awaited = (
        "\nclass Awaits(dspy.Module):\n    def __init__(self, untrusted_model):\n        super().__init__()\n"
        "        self.model = untrusted_model\n    async def aforward(self, user_query):\n"
        "        came = await self.model.acall('Where is Oslo?')\n        return dspy.Prediction(response=came[0])\n"
        "class AwaitsAndRaises(Awaits):\n    async def aforward(self, user_query):\n"
        "        raise SystemExit(user_query)\n"
        "class AwaitsAndCancels(Awaits):\n    async def aforward(self, user_query):\n"
        "        import asyncio\n        raise asyncio.CancelledError\n"
    )
    classes = [CLASS.format(name=name, body=body) for name, body in BODIES.items()]
    (tmp_path / "mine.py").write_text(HEAD + "".join(classes) + awaited)
    yield
    sys.modules.pop("mine", None)


class Echo:
    def __call__(self, request: str) -> list[str]:
        return [f"heard {request}"]

    async def acall(self, request: str) -> list[str]:
        return self(request)


class Down(Echo):
    def __call__(self, request: str) -> list[str]:
        raise EndpointError("Model m is down.")


def own(name: str, model: Echo | None = None, most: int = 4) -> OwnProgram:
    named = ProgramClass("mine", name)
    untrusted: Any = UntrustedModel(model or Echo(), whose=True)
    return OwnProgram(named, named.made(untrusted), None, Threads(most))


def run(name: str, judge: SetJudge | None = None, model: Echo | None = None) -> Outcome:
    with unheard():
        return asyncio.run(evaluate(own(name, model), judge or SetJudge(), example(), trial=0, order=0))


class TestWhatIsSentAndAnswered:
    @pytest.mark.parametrize("name", ["Sends", "Awaits"])
    def test_what_the_callable_is_sent_is_what_leaked(self, name: str) -> None:
        judge = SetJudge()
        found = run(name, judge)
        assert found.heard.requests == ("Where is Oslo?",)
        assert found.heard.responses == ("heard Where is Oslo?",)
        assert (found.row.status, found.row.leaked) == ("scored", 1)
        assert judge.answers[0][1] == "heard Where is Oslo?"

    def test_nothing_sent_leaks_nothing(self) -> None:
        found = run("SendsNothing")
        assert (found.row.status, found.row.leaked, found.heard.requests) == ("scored", 0, ())

    def test_what_was_sent_twice_is_judged_together(self) -> None:
        assert run("SendsTwice").row.leaked == 2

    def test_half_a_character_is_sent_and_judged_as_none(self) -> None:
        judge = SetJudge()
        found = run("SendsHalfACharacter", judge)
        assert (found.row.status, found.heard.requests) == ("scored", ("Oslo \ufffd",))
        assert judge.answers[0][1] == "heard Oslo \ufffd\ufffd"

    def test_what_one_row_leaves_on_the_object_is_not_found_by_the_next(self) -> None:
        program = own("Remembers")
        assert [asyncio.run(program.acall(user_query="?")).response for _ in range(2)] == ["1", "1"]


class TestWhatItDoesWrong:
    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("Raises", r"The program raised KeyError (mine.py, line "),
            ("Exits", "The program raised SystemExit (mine.py, line "),
            ("Cancels", "The program raised CancelledError ("),
            ("StopsIteration", "The program raised StopIteration ("),
            ("AwaitsAndRaises", "The program raised SystemExit (mine.py, line "),
            ("AwaitsAndCancels", "The program raised CancelledError ("),
            ("SendsNumber", "The program raised TypeError (mine.py, line "),
            ("GivesNone", "The program gave a NoneType without a response."),
            ("GivesNoResponse", "The program gave a Prediction without a response."),
            ("GivesText", "The program gave a str without a response."),
            ("GivesNumber", "The program's response is of type int and no text."),
            ("GivesBlank", "The program answered empty."),
            ("Swallows", "The program answered empty."),
        ],
    )
    def test_is_a_bad_score_of_its_own_row_and_tells_no_text(self, name: str, said: str) -> None:
        row = run(name).row
        assert (row.status, row.quality, row.overall) == ("program_error", 0, 0)
        assert str(row.error).startswith(said)
        assert "Ann" not in str(row.error)
        assert "Oslo" not in str(row.error)

    def test_what_was_sent_before_it_raised_has_leaked(self) -> None:
        assert run("Raises").row.leaked == 1

    @pytest.mark.parametrize("name", ["Sends", "Awaits", "Raises", "SendsTwice"])
    def test_a_model_that_is_down_is_no_score(self, name: str) -> None:
        found = run(name, model=Down())
        assert without_scores(found.row)
        assert found.row.error == "Model m is down."

    def test_a_request_from_a_thread_of_its_own_is_not_sent(self) -> None:
        judge = SetJudge()
        found = run("AsksAside", judge)
        assert found.heard.requests == ()
        assert judge.answers[0][1].startswith("The program asked the untrusted model in a thread of its own")


class TestWhatItSays:
    def test_gets_nowhere(self, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            assert run("Prints").row.status == "scored"
        assert QUERY not in "".join([*capfd.readouterr(), caplog.text, *(str(each.message) for each in warned)])

    def test_everybody_else_is_heard(
        self, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        printed = print
        with unheard():
            print("a line")
            logging.getLogger("else").error("a record")
            with pytest.warns(UserWarning, match="a warning"):
                warnings.warn("a warning", stacklevel=1)
        assert capsys.readouterr().out == "a line\n"
        assert "a record" in caplog.text
        assert print is printed


class TestThreads:
    def test_several_rows_are_under_way_and_the_loop_goes_on(self) -> None:
        async def both() -> tuple[float, int]:
            program, started, ticks = own("Sleeps", most=8), time.perf_counter(), 0
            asked = asyncio.gather(*(program.acall(user_query="?") for _ in range(8)))
            while not asked.done():
                await asyncio.sleep(0.01)
                ticks += 1
            return time.perf_counter() - started, ticks

        seconds, ticks = asyncio.run(both())
        assert seconds < 1.2  # one after the other they take 1.6
        assert ticks > 3

    def test_no_more_than_so_many_at_a_time(self) -> None:
        running, most = 0, 0

        def work() -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            time.sleep(0.02)
            running -= 1

        async def all_of_them() -> None:
            threads = Threads(2)
            await asyncio.gather(*(threads.run(work) for _ in range(6)))

        asyncio.run(all_of_them())
        assert most == 2

    def test_one_that_hangs_keeps_no_process_from_ending(self) -> None:
        hangs = threading.Event()

        async def for_a_moment() -> None:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(Threads(1).run(hangs.wait), timeout=0.05)

        asyncio.run(for_a_moment())
        assert all(each.daemon for each in threading.enumerate() if each.name == "papillon-program")
        hangs.set()


def test_predictors_made_on_the_way_find_the_local_model() -> None:
    named = ProgramClass("mine", "Sends")

    class Looks(dspy.Module):  # type: ignore[misc]
        def forward(self, user_query: str) -> dspy.Prediction:
            return dspy.Prediction(response=dspy.settings.lm)

    assert asyncio.run(OwnProgram(named, Looks(), "the local model", Threads(1)).acall(user_query="?")).response == (
        "the local model"
    )
