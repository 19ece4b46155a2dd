"""A model of random weights and its tokenizer, made in a moment: real classes, small enough to train in a test.

The tokenizer has one token per character, one for each line that the program's prompts begin with, so that these are
short, and one for each of five whole outputs, two of them in the format of PAPILLON's first predictor, two in its
second's, one in none. The model begins with about equal chances for
these five, so a training has something to find out: which output belongs where, and which answer is rewarded.
"""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

from papillon.models.adapters import adapter_for
from papillon.program import PAPILLON

TEMPLATE = (
    "{% for m in messages %}{{ '<s>' + m['role'] + '\n' + m['content'] + '</s>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<s>assistant\n' }}{% endif %}"
)
# As models write it: the training's adapter reads it, DSPy's own only the first, and both give it back in another form.
_CRAFTED = (
    "[[ ## reasoning ## ]] Leave the name out.\n[[ ## llm_request ## ]] Write a letter.",
    "### [[ ## reasoning ## ]]\nShort is enough.\n### [[ ## llm_request ## ]]\nA letter, please.",
)
_ANSWERED = "[[ ## response ## ]] {}\n\n[[ ## completed ## ]]"
GOOD, BAD = _ANSWERED.format("Gladly: here is a letter."), _ANSWERED.format("No.")
OUTPUTS = (
    *_CRAFTED,
    GOOD,
    BAD,
    "I do not know any format.",
)


def _lines() -> list[str]:
    """Those of the program's prompts, with nothing filled in."""
    chat = adapter_for("chat")
    empty = [
        chat.format(predictor.signature, [], dict.fromkeys(predictor.signature.input_fields, ""))
        for predictor in PAPILLON(untrusted_model=str).predictors()
    ]
    lines = {line for messages in empty for message in messages for line in message["content"].splitlines()}
    return sorted(line for line in lines if len(line) > 1)


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Printable ASCII, the newline, the prompts' lines and the five outputs; a chat template like SmolLM2's."""
    letters = ["<pad>", "<unk>", "<s>", "</s>", "\n", *(chr(c) for c in range(32, 127))]
    tokenizer = Tokenizer(models.WordLevel({letter: i for i, letter in enumerate(letters)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_tokens([*OUTPUTS, *_lines()])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        chat_template=TEMPLATE,
        model_max_length=8192,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )


def tiny_model(seed: int = 0, *, prefer: list[int] | None = None) -> LlamaForCausalLM:
    """A Llama of two layers and about 30,000 random weights, that begins most completions with ``prefer``."""
    set_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=135,
            hidden_size=32,
            initializer_range=0.07,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=8192,
            pad_token_id=0,
            bos_token_id=2,
            eos_token_id=3,
        )
    )
    if prefer:
        with torch.no_grad():
            # One direction that every token's vector has and that only these tokens answer to; after one of
            # them it is turned round, and the end answers.
            model.model.embed_tokens.weight[:, 0] = 1.0
            model.model.embed_tokens.weight[prefer, 0] = -1.0
            model.lm_head.weight[:, 0] = -3.0
            model.lm_head.weight[prefer, 0] = 3.0
            model.lm_head.weight[3, 0] = -9.0
    return model


def preferred(tokenizer: Any) -> list[int]:
    """The tokens of the five outputs."""
    return [tokenizer.convert_tokens_to_ids(output) for output in OUTPUTS]
