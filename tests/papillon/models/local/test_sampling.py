"""Drawing one token: the four sampling values, each against what it promises."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the gpu extra (torch, peft) is not installed")
pytest.importorskip("peft", reason="the gpu extra (torch, peft) is not installed")

from papillon.models.local.sampling import Sampling, draw, uniforms  # noqa: E402


def test_draws_have_the_softmaxs_frequencies() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0, -1.0]])
    drawn = draw(logits.expand(4000, -1), uniforms(4000, "frequencies"), Sampling(temperature=0.7))
    shares = torch.bincount(drawn, minlength=4) / 4000
    torch.testing.assert_close(shares, (logits[0] / 0.7).softmax(0), atol=0.03, rtol=0)


@pytest.mark.parametrize(
    ("sampling", "possible"),
    [
        (Sampling(top_k=1), {2}),
        (Sampling(top_k=2), {1, 2}),
        (Sampling(top_k=-1), {0, 1, 2, 3}),
        (Sampling(top_p=0.5), {2}),  # softmax: 0.09, 0.24, 0.64, 0.03
        (Sampling(top_p=0.7), {1, 2}),
        (Sampling(top_p=0.9), {0, 1, 2}),
        (Sampling(temperature=0.01), {2}),
    ],
)
def test_each_sampling_value_cuts_what_it_should(sampling: Sampling, possible: set[int]) -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0, -1.0]]).expand(2000, -1)
    assert set(draw(logits, uniforms(2000, "cuts"), sampling).tolist()) == possible


def test_the_repetition_penalty_lowers_what_was_seen_whatever_its_sign() -> None:
    seen = torch.tensor([[True, False, True, False]])
    logits = torch.tensor([[2.0, 1.9, -1.0, -1.1]])
    penalised = Sampling(repetition_penalty=3.0, temperature=0.01)
    assert draw(logits, torch.tensor([0.5]), penalised, seen).tolist() == [1]
    kept = Sampling(repetition_penalty=3.0)
    shares = torch.bincount(
        draw(logits.expand(4000, -1), uniforms(4000, "penalty"), kept, seen.expand(4000, -1)), minlength=4
    )
    expected = torch.tensor([2.0 / 3, 1.9, -3.0, -1.1]).softmax(0)
    torch.testing.assert_close(shares / 4000, expected, atol=0.03, rtol=0)
