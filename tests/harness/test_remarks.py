"""What a reader of a run's scores is told beside them."""

from __future__ import annotations

from pathlib import Path

from evals.harness.remarks import remarks, texts_go
from papillon.models.ledger import CallCost
from papillon.store.records import Usage
from tests.harness.test_run import made

RESERVED = "20 rows are the train part, which no evaluation asks; --eval-split all has none."


def test_a_plain_run_says_what_is_kept_for_training_alone(tmp_path: Path) -> None:
    assert remarks(made(tmp_path)) == [RESERVED]


def test_scores_of_the_embedded_model_are_not_to_be_believed(tmp_path: Path) -> None:
    small = "embedded/SmolLM2-135M-Instruct"
    run = made(tmp_path, local=f'{{ model = "{small}" }}', judge=f'{{ kind = "llm", model = "{small}" }}')
    model, judge = remarks(run)[:2]
    assert model.startswith("The embedded model has 135 M parameters: ")
    assert judge.startswith("The judge is the embedded model too: ")


def test_gguf_models_are_named_with_their_content_and_stay_here(tmp_path: Path) -> None:
    local, other = (f'{{ model = "gguf/./{name}.gguf", sha256 = "{name * 64}" }}' for name in "ab")
    run = made(tmp_path, local=local, untrusted=local, judge=other.replace("{", '{ kind = "llm",'))
    assert remarks(run)[0] == (
        f"In this process, through llama.cpp: gguf/./a.gguf (sha256 {'a' * 12}) as local and untrusted; "
        f"gguf/./b.gguf (sha256 {'b' * 12}) as judge."
    )
    assert texts_go(run) == "Texts: all stay on this machine (gguf/./a.gguf, gguf/./b.gguf)."


def test_what_the_run_met_on_its_way_is_told(tmp_path: Path) -> None:
    run = made(tmp_path)
    run.imported = "3 recorded calls added, 0 were there already"
    run.ledger.used = {"k": CallCost("local", Usage(1, 1), 0.0, thought=True), "l": CallCost("judge", Usage(1, 1), 0.0)}
    run.ledger.asked_again = {"l"}
    assert remarks(run)[1:] == [
        "Imported: 3 recorded calls added, 0 were there already.",
        "1 of 2 answers held the model's thinking, which was left out.",
        "The judge was asked again where its recorded answers were unusable: 1 calls made.",
    ]


def test_a_sentence_says_where_texts_go(tmp_path: Path) -> None:
    assert texts_go(made(tmp_path)) == "Texts: all stay on this machine (127.0.0.1:9)."
