"""Profiles in files: what their paths count from, which one is loaded, and what is said of one that cannot be."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from papillon.errors import ProfileError
from papillon.profile import ROOT, load_profile
from tests.papillon.profile.test_settings import parse


@pytest.fixture(autouse=True)
def _no_profile_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAPILLON_PROFILE", raising=False)


class TestPaths:
    def test_they_count_from_the_file_that_holds_the_profile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "profiles").mkdir()
        (tmp_path / "elsewhere").mkdir()
        file = tmp_path / "profiles" / "own.toml"
        file.write_text(
            """
            dataset = "../rows.csv"
            program = "saved.json"
            local = { model = "openai/l", lora = "adapter" }
            untrusted = { model = "openai/u" }
            gates.dev.regression.baseline = "dev.json"
            """
        )
        monkeypatch.chdir(tmp_path / "elsewhere")
        profile = load_profile("../profiles/own.toml")
        assert profile.dataset == str(tmp_path / "rows.csv")
        assert profile.program == tmp_path / "profiles" / "saved.json"
        assert profile.local.lora == tmp_path / "profiles" / "adapter"
        assert profile.regressions[0].baseline == tmp_path / "profiles" / "dev.json"
        assert (profile.name, profile.path) == ("own", file)

    def test_absolute_ones_and_the_home_folder_stay_what_they_are(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        assert parse(program="/a/b.json").program == Path("/a/b.json")
        assert parse(program="~/b.json").program == tmp_path / "b.json"
        assert parse(dataset="~/rows.csv").dataset == str(tmp_path / "rows.csv")

    @pytest.mark.parametrize("name", ["mini", "pupa_new", "pupa_tnb"])
    def test_the_name_of_a_data_set_stays_a_name(self, name: str) -> None:
        assert parse(dataset=name).dataset == name


class TestLoading:
    def test_the_shipped_profiles_all_load(self) -> None:
        shipped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["papillon"]["profiles"]
        assert sorted(shipped) == ["arbor", "demo", "embedded", "openai", "small", "vllm"]
        profiles = {name: load_profile(name) for name in shipped}
        assert all(profile.name == name for name, profile in profiles.items())
        assert all(profile.gates for profile in profiles.values())
        assert (profiles["embedded"].controls, profiles["embedded"].judge.kind) == (True, "lexical")
        assert profiles["arbor"].split == "tutorial"
        # The tutorial's own, which the trainer checks against its settings.
        local = profiles["arbor"].local
        assert (local.temperature, local.top_p, local.top_k, local.repetition_penalty) == (1.0, 1.0, -1, 1.0)

    @pytest.mark.parametrize(("name", "judge"), [("demo", "lexical"), ("small", "llm")])
    def test_those_of_two_small_models_pin_every_file_and_have_a_model_for_each_judge(
        self, name: str, judge: str
    ) -> None:
        profile = load_profile(name)
        assert (profile.dataset, profile.controls, profile.judge.kind) == ("mini", True, judge)
        assert profile.judge.model is not None
        models = (profile.local, profile.untrusted, profile.judge.model)
        for each in models:
            assert each.model.startswith("gguf/Qwen/Qwen2.5-")
            assert re.fullmatch("[0-9a-f]{64}", each.sha256 or "")
            assert re.fullmatch("[0-9a-f]{40}", each.revision or "")
            assert each.max_tokens is not None
        assert ["0.5B" in each.model for each in models] == [True, False, False]
        assert profile.untrusted.sha256 == profile.judge.model.sha256

    def test_the_default_is_embedded_and_the_environment_names_another(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert load_profile().name == "embedded"
        monkeypatch.setenv("PAPILLON_PROFILE", "vllm")
        assert load_profile().name == "vllm"
        assert load_profile("openai").name == "openai"
        monkeypatch.setenv("PAPILLON_PROFILE", "")
        assert load_profile().name == "embedded"

    def test_the_environment_may_name_a_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = tmp_path / "own.toml"
        file.write_text('local = { model = "openai/l" }\nuntrusted = { model = "openai/u" }')
        monkeypatch.setenv("PAPILLON_PROFILE", str(file))
        assert load_profile().name == "own"

    def test_an_unknown_one_is_told_the_names_there_are(self) -> None:
        with pytest.raises(
            ProfileError,
            match=r"^Unknown profile 'opnai': expected one of arbor, demo, embedded, openai, small, vllm "
            r"\(did you mean 'openai'\?\), or a file that ends in \.toml\.$",
        ):
            load_profile("opnai")
        with pytest.raises(ProfileError, match=r"^Unknown profile 'nothing like it': expected one of"):
            load_profile("nothing like it")

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ProfileError, match=r"Expected a profile in .*none\.toml, but it cannot be read: .*No such"):
            load_profile(str(tmp_path / "none.toml"))

    def test_in_the_place_of_a_missing_file_its_folder_is_named(self, tmp_path: Path) -> None:
        def missing(name: str) -> str:
            with pytest.raises(ProfileError) as raised:
                load_profile(str(tmp_path / name))
            return str(raised.value)

        assert missing("mine.toml").endswith("; in its folder are no .toml files.")
        (tmp_path / "prod.toml").touch()
        assert missing("mine.toml").endswith("; in its folder are prod.toml.")
        assert missing("prd.toml").endswith("; did you mean 'prod.toml'?")
        assert missing("gone/prod.toml").endswith(f"; its folder {tmp_path / 'gone'} is not there either.")
        (tmp_path / "folder.toml").mkdir()
        assert missing("folder.toml").endswith("cannot be read: that is a folder; check its path and its rights.")

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            (b"local = {", r"Expected TOML in .*broken\.toml, but it does not parse"),
            (b"\xff", r"cannot be read: byte 1 is none of UTF-8; save it as UTF-8\.$"),
            (
                'dataset = "M\u00fcller"'.encode("latin-1"),
                r"cannot be read: byte 13 is none of UTF-8; save it as UTF-8\.$",
            ),
            ("dataset = 'mini'".encode("utf-16"), r"cannot be read: it is in another encoding, perhaps UTF-16; save"),
        ],
    )
    def test_a_file_that_is_no_toml(self, tmp_path: Path, content: bytes, complaint: str) -> None:
        file = tmp_path / "broken.toml"
        file.write_bytes(content)
        with pytest.raises(ProfileError, match=complaint):
            load_profile(str(file))

    def test_a_byte_order_mark_is_no_part_of_it(self, tmp_path: Path) -> None:
        file = tmp_path / "own.toml"
        file.write_text('local = { model = "openai/l" }\nuntrusted = { model = "openai/u" }', encoding="utf-8-sig")
        assert load_profile(str(file)).local.model == "openai/l"

    @pytest.mark.parametrize(
        ("table", "complaint"),
        [
            ("default_profile = 'vllm'", "unknown key 'default_profile'; did you mean 'default-profile'?"),
            ("key = { A = 'a.example' }", "unknown key 'key'; did you mean 'keys'?"),
            ("default-profile = 3", ".default-profile: expected a non-empty string, got 3."),
            ("profiles = 3", ".profiles: expected a table, got 3."),
        ],
    )
    def test_the_tables_own_keys_are_checked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, complaint: str
    ) -> None:
        (tmp_path / "pyproject.toml").write_text(f"[tool.papillon]\n{table}\n")
        monkeypatch.setattr("papillon.profile.files.ROOT", tmp_path)
        with pytest.raises(ProfileError) as raised:
            load_profile()
        assert str(raised.value).startswith("[tool.papillon] in pyproject.toml")
        assert complaint in str(raised.value)

    def test_a_complaint_names_the_file(self, tmp_path: Path) -> None:
        file = tmp_path / "own.toml"
        file.write_text('local = { model = "openai/l" }')
        with pytest.raises(ProfileError) as raised:
            load_profile(str(file))
        assert str(raised.value).startswith(f"Profile 'own' ({file})")
