"""Any .gguf file as a model: what names it, what its calls are known by, and what is said where it cannot be used."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from dspy.lm15 import Config, ContextLengthError, Message, Request

from papillon.errors import EndpointError, RecordMissing, UsageError
from papillon.models.failures import RefusesAll
from papillon.models.local import copies, gguf_digest
from papillon.models.local.embedded import Embedded
from papillon.models.local.gguf_model import GgufModel, gguf_identity
from papillon.models.local.weights import prepared, weights_file
from papillon.models.providers import identity_of, provider_of
from papillon.models.roles import Models, open_models
from papillon.profile import JudgeSettings, ModelSettings, Profile
from tests.papillon.models.test_roles import cause
from tests.tiny_gguf import write_tiny


def ask(text: str, **config: Any) -> Request:
    return Request(model="gguf/x", messages=(Message.user(text),), config=Config(**config))


@pytest.fixture(autouse=True)
def own_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf_digest.digest_of, "__defaults__", (lambda sentence: None, tmp_path / "digests.json"))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "tiny.gguf")


def named(file: Path | str, **settings: Any) -> ModelSettings:
    return ModelSettings(f"gguf/{file}", **settings)


def refusal(settings: ModelSettings) -> str:
    """What loading the model ends with."""
    with closing(GgufModel(settings, {})) as engine, pytest.raises(RefusesAll) as raised:
        asyncio.run(engine.load())
    assert "\n" not in str(raised.value)
    return str(raised.value)


def opened(cache: Path, local: ModelSettings, untrusted: ModelSettings | None = None, record: Any = "new") -> Models:
    profile = Profile("p", None, local=local, untrusted=untrusted or local, judge=JudgeSettings("lexical"))
    return open_models(profile, cache, record=record)


class TestAnswers:
    @pytest.fixture
    def engine(self, tiny: Path) -> Iterator[GgufModel]:
        with closing(GgufModel(named(tiny), {"max_tokens": 8})) as engine:
            yield engine

    def test_a_file_answers_and_a_seed_repeats_it(self, engine: GgufModel) -> None:
        first, again = (engine.complete(ask("hello", seed=3)) for _ in range(2))
        assert first.text == again.text != engine.complete(ask("hello", seed=4, temperature=1.5, top_p=1.0)).text
        assert (first.usage.output_tokens, first.finish_reason) == (8, "length")

    def test_its_context_and_its_template_are_the_files(self, engine: GgufModel) -> None:
        # "<|user|>", a line's end and "<|assistant|>" around the text, a byte a token.
        short = engine.complete(ask("hello")).usage.input_tokens
        assert short is not None
        assert engine.complete(ask("hellothere")).usage.input_tokens == short + 5
        with pytest.raises(ContextLengthError, match=r"of at most 4088 tokens .*; model gguf/.* holds 4096 in"):
            engine.complete(ask("a" * 5000))

    def test_a_copy_grows_for_a_long_prompt(self, engine: GgufModel) -> None:
        engine.complete(ask("hello"))
        assert engine.copies().rooms == [copies.FIRST_ROOM]
        assert engine.complete(ask("a" * 3000)).usage.output_tokens == 8
        assert engine.copies().rooms == [4096]

    @pytest.mark.slow
    def test_the_embedded_models_weights_answer_as_the_embedded_model_does(self) -> None:
        requests = [ask("Name a colour.", seed=seed, max_tokens=24) for seed in range(3)]
        with closing(Embedded()) as embedded, closing(GgufModel(named(prepared(weights_file())), {})) as engine:
            for request in requests:
                mine, theirs = engine.complete(request), embedded.complete(request)
                assert (mine.text, mine.usage) == (theirs.text, theirs.usage)


class TestKeys:
    def test_files_of_the_same_content_are_one_model(self, tiny: Path, tmp_path: Path) -> None:
        twin = Path(shutil.copy(tiny, tmp_path / "twin.gguf"))
        assert identity_of(named(tiny)) == identity_of(named(twin))
        with opened(tmp_path / "cache", named(tiny, max_tokens=4), named(twin, max_tokens=4)) as models:
            assert models.lm("local")("hello") == models.lm("untrusted")("hello")
            assert (models.ledger.made, models.ledger.replayed) == (1, 1)
            models.lm("untrusted")("another")
            assert len(copies._pools) == 1

    def test_another_content_and_another_adapter_are_other_models(self, tiny: Path, tmp_path: Path) -> None:
        other = write_tiny(tmp_path / "other.gguf", seed=1)
        (tmp_path / "lora.gguf").write_bytes(b"adapter")
        known = {gguf_identity(each) for each in (named(tiny), named(other), named(tiny, lora=tmp_path / "lora.gguf"))}
        assert len(known) == 3

    @pytest.mark.parametrize(
        ("elsewhere", "needed"),
        [
            ("./nowhere.gguf", r", which needs its file at .*/nowhere\.gguf \("),
            ("people/models/t.gguf", r", which fetches t\.gguf in people/models at main from the hub \("),
        ],
        ids=["another path", "the hub"],
    )
    def test_a_pin_gives_the_same_key_wherever_the_file_is_and_needs_none(
        self, tiny: Path, tmp_path: Path, elsewhere: str, needed: str
    ) -> None:
        sha256 = hashlib.sha256(tiny.read_bytes()).hexdigest()
        with opened(tmp_path / "cache", named(tiny, max_tokens=4)) as models:
            said = models.lm("local")("hello")
        tiny.unlink()
        pinned = named(elsewhere, sha256=sha256.upper(), max_tokens=4)
        with opened(tmp_path / "cache", pinned, record="none") as models:
            assert models.lm("local")("hello") == said
            with pytest.raises(Exception, match="is not recorded") as missing:
                models.lm("local")("hello you")
        assert isinstance(cause(missing.value), RecordMissing)
        assert str(cause(missing.value)).startswith(f"A call to gguf/{elsewhere} (")
        assert re.search("; run once with --eval-record new to record it" + needed, str(cause(missing.value)))

    def test_without_a_pin_a_replay_says_why_it_needs_the_file(self, tmp_path: Path) -> None:
        gone = named(tmp_path / "gone.gguf")
        with pytest.raises(
            UsageError,
            match=r"^Expected the file of gguf/.*gone\.gguf, whose content stands in its calls' key where the profile "
            r"has no sha256, but there is no file .*gone\.gguf; correct the path, or set sha256\.$",
        ):
            identity_of(gone)
        with pytest.raises(UsageError, match=r"gone\.gguf, but they cannot be read: No such file or directory; check"):
            opened(tmp_path / "cache", gone)


class TestRefusals:
    def test_a_pinned_file_that_is_not_there(self, tmp_path: Path) -> None:
        said = refusal(named(tmp_path / "none.gguf", sha256="0" * 64))
        assert said.startswith(f"Expected the file of gguf/{tmp_path}/none.gguf at {tmp_path}/none.gguf, got nothing")

    def test_another_hash(self, tiny: Path) -> None:
        digest = hashlib.sha256(tiny.read_bytes()).hexdigest()
        assert refusal(named(tiny, sha256="0" * 64)) == (
            f"Expected the sha256 {'0' * 64} of {tiny}, as the profile has it for gguf/{tiny}, got {digest}; "
            "fetch the file again, or correct sha256."
        )

    def test_a_file_cut_short_or_of_another_kind(self, tiny: Path, tmp_path: Path) -> None:
        (tmp_path / "cut.gguf").write_bytes(tiny.read_bytes()[:-5000])
        assert "it was cut short, fetch it again." in refusal(named(tmp_path / "cut.gguf"))
        (tmp_path / "zip.gguf").write_bytes(b"PK" * 100)
        assert "got another kind of file" in refusal(named(tmp_path / "zip.gguf"))

    def test_an_architecture_that_llama_cpp_does_not_know(self, tmp_path: Path) -> None:
        file = write_tiny(tmp_path / "new.gguf", architecture="nonesuch")
        assert re.fullmatch(
            rf"llama\.cpp cannot load {file}: expected an architecture that it knows, got 'nonesuch'; take another "
            r"model, or a newer xllamacpp than [\d.]+\.",
            refusal(named(file)),
        )

    def test_no_chat_template(self, tmp_path: Path) -> None:
        said = refusal(named(write_tiny(tmp_path / "base.gguf", template=None)))
        assert said.startswith("Expected a chat template in ")
        assert said.endswith("so how it is asked is unknown; take an instruct model's file.")

    def test_a_model_in_parts(self, tmp_path: Path) -> None:
        assert "got the first of 3; merge them" in refusal(named(write_tiny(tmp_path / "a.gguf", parts=3)))

    def test_an_adapter_that_is_no_gguf(self, tiny: Path, tmp_path: Path) -> None:
        with pytest.raises(EndpointError, match=r"^Expected a \.gguf adapter for model gguf/.*tiny\.gguf, or a folder"):
            GgufModel(named(tiny, lora=tmp_path / "none"), {})

    def test_settings_that_such_a_model_has_no_use_for(self, tiny: Path) -> None:
        with pytest.raises(UsageError, match="runs in this process; leave them out"):
            provider_of(named(tiny, reasoning_effort="low"))
        with pytest.raises(UsageError, match=r"^Expected sha256 and revision for a model named gguf/…, and this"):
            provider_of(ModelSettings("openai/m", sha256="0" * 64))
