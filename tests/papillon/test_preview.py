"""``papillon ask --preview``: nothing is sent before a person says so, and what is sent may be edited."""

from __future__ import annotations

import io
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from papillon.__main__ import main
from papillon.asking import ask
from papillon.errors import RunStopped
from papillon.preview import Preview
from papillon.profile import ROOT, load_profile
from tests.model_server import ModelServer
from tests.papillon.test_asking import QUERY, crafting, elsewhere, profile


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PAPILLON_PROFILE", "OPENAI_BASE_URL", "VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("papillon.__main__.CACHE", tmp_path / "cache")


def asked(folder: Path, typed: str, server: ModelServer) -> int:
    own = load_profile(profile(folder, server.base))
    with Preview(io.StringIO(typed)) as preview:
        return ask(QUERY, own, folder / "cache", preview)


def consulted(server: ModelServer) -> list[str]:
    return [body["messages"][-1]["content"] for body in server.bodies if body["model"] == "untrusted"]


class TestPreview:
    @pytest.mark.parametrize("typed", ["q\n", "Q\n", "what?\nquit\n", ""])
    def test_without_consent_the_request_is_not_sent(self, tmp_path: Path, typed: str) -> None:
        with ModelServer() as server:
            with pytest.raises(RunStopped, match=r"^The request was not sent, as you asked\.$"):
                asked(tmp_path, typed, server)
            assert not consulted(server)

    def test_enter_sends_it(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with ModelServer(rule=crafting("Write a will.")) as server:
            assert asked(tmp_path, "\n", server) == 0
            assert consulted(server) == ["Write a will."]
        said = capsys.readouterr().out
        assert "read the request yourself.\nEnter sends it, e edits it, q sends nothing: \n← The untrusted" in said

    def test_a_recorded_call_waits_no_less(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with ModelServer() as server:
            assert asked(tmp_path, "\n", server) == 0
            with pytest.raises(RunStopped):
                asked(tmp_path, "q\n", server)
            assert server.calls == 3
        assert capsys.readouterr().out.count("Enter sends it") == 2

    def test_an_edited_request_is_shown_again_and_sent_so(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with ModelServer(rule=crafting("Help Ann Lee.")) as server:
            assert asked(tmp_path, "e\nHelp Ann Lee\nand Bob.\n.\ne\nHelp\nsomebody.\n.\n\n", server) == 0
            assert consulted(server) == ["Help\nsomebody."]
            assert not [body for body in server.asked("related_llm_request") if "Help Ann" in str(body)]
            assert server.asked("Help\\nsomebody.")
        said = capsys.readouterr().out
        assert "\n\nHelp >>Ann Lee<<\nand Bob.\n\n1 of 1 identifier" in said
        assert "\n\nHelp\nsomebody.\n\nOf 1 identifier that rules see in your query none stands in it." in said

    def test_the_editor_of_the_environment_is_opened(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        command = "import sys,pathlib as p; f = p.Path(sys.argv[1]); f.write_text(f.read_text().replace('Ann', 'one'))"
        monkeypatch.setenv("EDITOR", f'{sys.executable} -c "{command}"')
        with Path("/dev/null").open() as terminal:
            assert Preview(terminal).edited("Help Ann.\n") == "Help one.\n"

    @pytest.mark.parametrize("editor", ["/none/such", "false", '"'])
    def test_an_editor_that_fails_changes_nothing(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], editor: str
    ) -> None:
        monkeypatch.setenv("EDITOR", editor)
        with Path("/dev/null").open() as terminal:
            assert Preview(terminal).edited("Help Ann.") == "Help Ann."
        said = capsys.readouterr().out
        assert said.startswith(f"The editor {editor!r} gave no text (")
        assert said.endswith("); the text is as it was.\n")

    def test_an_empty_edit_is_not_sent(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert Preview(io.StringIO(" \n.\n")).edited("Help Ann.") == "Help Ann."
        assert capsys.readouterr().out.endswith("An empty text is not sent; the text is as it was.\n")

    def test_a_query_that_would_leave_waits_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        elsewhere(monkeypatch, "local")
        with ModelServer() as server:
            with pytest.raises(RunStopped, match=r"^Your query was not sent, as you asked\.$"):
                asked(tmp_path, "q\n", server)
            assert server.calls == 0
            assert asked(tmp_path, "e\nI need a will.\n.\n\n\n", server) == 0
            assert not server.asked("Ann Lee")
        assert "Your query:\n\nI need a will.\n" in capsys.readouterr().out

    def test_without_a_terminal_it_is_refused(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with ModelServer() as server:
            assert main(["ask", QUERY, "--preview", "--profile", profile(tmp_path, server.base)]) == 4
            assert server.calls == 0
        assert capsys.readouterr().err == (
            "papillon ask: --preview: expected a terminal to ask at, and there is none; leave it out, or use one.\n"
        )

    @pytest.mark.parametrize(("typed", "code", "calls"), [(b"q\n", 1, 1), (b"\n", 0, 3)])
    def test_at_a_real_terminal(self, tmp_path: Path, typed: bytes, code: int, calls: int) -> None:
        with ModelServer() as server:
            arguments = ["ask", QUERY, "--preview", "--profile", profile(tmp_path, server.base)]
            # A session's leader that opens a terminal has it as its own from then on.
            program = (
                "import os, sys, pathlib, papillon.__main__ as command; os.open(os.ttyname(0), os.O_RDWR); "
                f"command.CACHE = pathlib.Path({str(tmp_path / 'cache')!r}); sys.exit(command.main({arguments!r}))"
            )
            ours, theirs = pty.openpty()
            process = subprocess.Popen(
                [sys.executable, "-c", program],
                cwd=ROOT,
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
            )
            os.close(theirs)
            said, answered = b"", False
            while select.select([ours], [], [], 60)[0]:
                try:
                    said += os.read(ours, 4096)
                except OSError:  # how Linux says that the other end is closed
                    break
                if not answered and said.endswith(b"q sends nothing: "):
                    answered = True
                    assert server.calls == 1
                    os.write(ours, typed)
            os.close(ours)
            assert process.wait(60) == code, said.decode()
            assert server.calls == calls
