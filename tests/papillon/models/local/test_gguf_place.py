"""Where a gguf model's name leads."""

from __future__ import annotations

from pathlib import Path

import pytest

from papillon.errors import UsageError
from papillon.models.local.gguf_place import HubFile, place_of
from papillon.profile import ROOT, ModelSettings, load_profile


def test_a_path_counts_from_the_profiles_file_or_the_projects_root(tmp_path: Path) -> None:
    def place(name: str, file: Path | None = None) -> object:
        return place_of(ModelSettings(f"gguf/{name}", file=file))

    file = tmp_path / "profiles" / "mine.toml"
    assert place("/a/m.gguf", file) == Path("/a/m.gguf")
    assert place("./m.gguf", file) == tmp_path / "profiles" / "m.gguf"
    assert place("../m.gguf", file) == tmp_path / "m.gguf"
    assert place("./m.gguf") == ROOT / "m.gguf"
    assert place("~/m.gguf") == Path.home() / "m.gguf"


def test_a_profile_in_a_file_names_a_model_beside_it(tmp_path: Path) -> None:
    digest = "a" * 64
    model = f'{{ model = "gguf/./m.gguf", sha256 = "{digest}" }}'
    (tmp_path / "p.toml").write_text(f"local = {model}\nuntrusted = {model}\n")
    local = load_profile(str(tmp_path / "p.toml")).local
    assert (place_of(local), local.sha256) == (tmp_path / "m.gguf", digest)


def test_anything_else_is_a_file_of_the_hub() -> None:
    assert place_of(ModelSettings("gguf/Qwen/Q-GGUF/q4.gguf")) == HubFile("Qwen/Q-GGUF", "q4.gguf", "main")
    found = place_of(ModelSettings("gguf/o/r/deep/er/q4.gguf", revision="refs/pr/1"))
    assert found == HubFile("o/r", "deep/er/q4.gguf", "refs/pr/1")
    assert str(found) == "deep/er/q4.gguf in o/r at refs/pr/1"


@pytest.mark.parametrize(
    "name",
    ["m.gguf", "o/m.gguf", "o/r/m.bin", "o/r/../m.gguf", "o/../r/m.gguf", "o/r/.m.gguf", "o//r/m.gguf", "o/r/ü.gguf"],
)
def test_a_name_that_is_neither_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"^Expected a \.gguf model as gguf/PATH, where PATH .* got 'gguf/"):
        place_of(ModelSettings(f"gguf/{name}"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"revision": "../../x"}, r"^Expected revision of gguf/o/r/m\.gguf as a commit, a tag or a branch, got '\.\./"),
        ({"sha256": "abc"}, r"^Expected sha256 of gguf/o/r/m\.gguf as 64 hexadecimal digits, got 'abc'\.$"),
    ],
)
def test_a_revision_and_a_hash_are_looked_at(settings: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        place_of(ModelSettings("gguf/o/r/m.gguf", **settings))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"a model from the hub alone, and gguf//m\.gguf is a path; leave it out"):
        place_of(ModelSettings("gguf//m.gguf", revision="main"))
