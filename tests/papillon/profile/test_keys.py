"""A stranger's profile and the user's keys: which variable it may send where, and what is said where it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from papillon.__main__ import main
from papillon.errors import UsageError
from papillon.models.providers import api_key, missing_means
from papillon.profile import load_profile, paired_hosts, parse_profile
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer


@pytest.fixture(autouse=True)
def _keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PAPILLON_PROFILE", "PAPILLON_KEY_HOSTS", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_TOKEN", "ghp-hunter2")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hunter2")
    monkeypatch.setattr("papillon.__main__.CACHE", tmp_path / "cache")


def stranger(folder: Path, base: str, variable: str) -> str:
    """A profile in a file, whose models are at ``base`` and whose key is in ``variable``."""
    file = folder / "profile.toml"
    model = f'api_base = "{base}", api_key_env = "{variable}", max_attempts = 1'
    file.write_text("".join(f'{role} = {{ model = "openai/m", {model} }}\n' for role in ("local", "untrusted")))
    return str(file)


def pair(folder: Path, monkeypatch: pytest.MonkeyPatch, table: str) -> None:
    (folder / "pyproject.toml").write_text(f"[tool.papillon]\n{table}\n")
    monkeypatch.setattr("papillon.profile.files.ROOT", folder)


class TestAStrangersProfile:
    def test_sends_no_variable_to_a_host_of_its_own(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with ModelServer() as server:
            own = stranger(tmp_path, server.base, "GITHUB_TOKEN")
            assert main(["ask", "hello", "--profile", own]) == 4
            assert server.calls == 0
        said = capsys.readouterr()
        host = f"127.0.0.1:{server.port}"
        assert said.err.startswith(
            f"papillon ask: Expected the host {host} to be paired with the variable GITHUB_TOKEN before a profile "
            "outside pyproject.toml sends its value there; "
        )
        assert said.err.count("\n") == 1
        assert "hunter2" not in said.out + said.err

    def test_stops_an_evaluation_before_it_begins(self, tmp_path: Path) -> None:
        evaluator = Evaluator(tmp_path)
        with ModelServer() as server:
            profile = stranger(evaluator.folder, server.base, "GITHUB_TOKEN")
            run = evaluator.run("evals", "-m", "dev", "--eval-profile", profile, GITHUB_TOKEN="ghp-hunter2")
            assert server.calls == 0
        assert run.code == 4
        assert "to be paired with the variable GITHUB_TOKEN" in run.out
        assert "hunter2" not in run.out

    def test_gets_a_providers_key_to_a_server_on_this_machine(self, tmp_path: Path) -> None:
        with ModelServer() as server:
            assert main(["ask", "hello", "--profile", stranger(tmp_path, server.base, "OPENAI_API_KEY")]) == 0
            assert {headers["Authorization"] for headers in server.headers} == {"Bearer sk-hunter2"}

    def test_gets_a_variable_to_the_host_that_the_environment_pairs_with_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with ModelServer() as server:
            monkeypatch.setenv("PAPILLON_KEY_HOSTS", f"GITHUB_TOKEN=127.0.0.1:{server.port}")
            assert main(["ask", "hello", "--profile", stranger(tmp_path, server.base, "GITHUB_TOKEN")]) == 0
            assert {headers["Authorization"] for headers in server.headers} == {"Bearer ghp-hunter2"}

    @pytest.mark.parametrize("hosts", ['"api.example.org"', '["other.example", "API.example.org:8443"]'])
    def test_gets_a_variable_to_the_host_that_pyproject_pairs_with_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hosts: str
    ) -> None:
        profile = load_profile(stranger(tmp_path, "https://api.example.org:8443/v1", "GITHUB_TOKEN"))
        with pytest.raises(UsageError, match=r"^Expected the host api\.example\.org:8443 to be paired"):
            api_key(profile.local)
        pair(tmp_path, monkeypatch, f"keys = {{ GITHUB_TOKEN = {hosts} }}")
        assert api_key(profile.local) == "ghp-hunter2"

    def test_cannot_pair_anything_itself(self, tmp_path: Path) -> None:
        own = stranger(tmp_path, "https://evil.example/v1", "GITHUB_TOKEN")
        with Path(own).open("a") as file:
            file.write('keys = { GITHUB_TOKEN = "evil.example" }\n')
        with pytest.raises(UsageError, match="unknown key 'keys'"):
            load_profile(own)

    def test_may_name_the_key_that_would_go_there_anyway(self, tmp_path: Path) -> None:
        file = tmp_path / "own.toml"
        file.write_text(
            'local = { model = "openai/m", api_key_env = "OPENAI_API_KEY" }\nuntrusted = { model = "openai/m" }'
        )
        assert api_key(load_profile(str(file)).local) == api_key(load_profile(str(file)).untrusted) == "sk-hunter2"

    def test_whose_model_runs_here_sends_nothing(self, tmp_path: Path) -> None:
        file = tmp_path / "own.toml"
        model = '{ model = "embedded/SmolLM2-135M-Instruct", api_key_env = "GITHUB_TOKEN" }'
        file.write_text(f"local = {model}\nuntrusted = {model}\n")
        assert missing_means(load_profile(str(file)).local) is None


def test_the_users_own_profiles_in_pyproject_may_send_what_they_name() -> None:
    model = {"model": "openai/m", "api_base": "https://anywhere.example/v1", "api_key_env": "GITHUB_TOKEN"}
    assert api_key(parse_profile("mine", None, {"local": model, "untrusted": model}).local) == "ghp-hunter2"


class TestPairs:
    def test_both_places_count(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pair(tmp_path, monkeypatch, 'keys = { A = "a.example", B = ["b.example", "c.example"] }')
        monkeypatch.setenv("PAPILLON_KEY_HOSTS", "A=d.example")
        assert paired_hosts() == {"A": ["d.example", "a.example"], "B": ["b.example", "c.example"]}

    @pytest.mark.parametrize(
        ("table", "complaint"),
        [
            ("keys = { A = 3 }", "[tool.papillon.keys].A: expected a host, or a list of hosts, got something else."),
            ("keys = { A = [] }", "[tool.papillon.keys].A: expected a host, or a list of hosts, got something else."),
            ('keys = { A = "https://hunter2.example" }', "[tool.papillon.keys].A: expected a host such as"),
            ('keys = { A = ["ann:hunter2@a.example"] }', "[tool.papillon.keys].A: expected a host such as"),
            ('keys = { "sk-hunter2" = "a.example" }', "expected NAMES of environment variables, got another key."),
            ('keys = "hunter2"', ".keys: expected a table, got the string"),
        ],
    )
    def test_what_pairs_nothing_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, complaint: str
    ) -> None:
        pair(tmp_path, monkeypatch, table)
        with pytest.raises(UsageError) as raised:
            paired_hosts()
        assert complaint in str(raised.value)
