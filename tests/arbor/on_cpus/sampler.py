"""In vLLM's place behind Arbor: the routes of its vllm_serve, with transformers on the CPU.

It takes the trainer's weights as that does, parameter by parameter.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI, Request
from transformers import AutoModelForCausalLM, AutoTokenizer
from vllm.distributed.device_communicators.pynccl import PyNcclCommunicator
from vllm.distributed.utils import StatelessProcessGroup

OK = {"status": "ok"}


class Sampler:
    """A model that answers chats and whose weights can be set while it serves."""

    def __init__(self, model: str) -> None:
        torch.set_num_threads(1)
        self.tokenizer = AutoTokenizer.from_pretrained(model)
        self.model = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
        self.weights = dict(self.model.named_parameters())
        self.trainer: Any = None
        self.under_way: list[threading.Thread] = []
        self._computing, self._receiving = threading.Lock(), threading.Lock()

    def beside(self, work: Callable[[], None]) -> None:
        """Work that a route does not wait for, and that is counted while it goes on."""

        def run() -> None:
            try:
                work()
            finally:
                self.under_way.remove(thread)

        thread = threading.Thread(target=run, daemon=True)
        self.under_way.append(thread)
        thread.start()

    def join(self, host: str, port: int, world_size: int) -> None:
        print(f"weights come over {host}:{port}", flush=True)
        group = StatelessProcessGroup.create(host=host, port=port, rank=0, world_size=world_size)
        self.trainer = PyNcclCommunicator(group, device="cpu")

    def receive(self, name: str, dtype: str, shape: list[int]) -> None:
        with self._receiving:
            weight = torch.empty(shape, dtype=getattr(torch, dtype.split(".")[-1]))
            self.trainer.broadcast(weight, src=self.trainer.world_size - 1)
            self.trainer.group.barrier()
            with self._computing, torch.no_grad():
                self.weights[name].copy_(weight)

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        ids = self.tokenizer.apply_chat_template(body["messages"], add_generation_prompt=True, return_tensors="pt")
        with self._computing, torch.no_grad():
            drawn = self.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=True,
                max_new_tokens=body["max_tokens"],
                temperature=body["temperature"],
                top_k=0,
                pad_token_id=self.tokenizer.pad_token_id,
            )[0][ids.shape[1] :]
        ended = bool(drawn[-1] == self.tokenizer.eos_token_id)
        message = {"role": "assistant", "content": self.tokenizer.decode(drawn, skip_special_tokens=True)}
        return {
            "id": uuid.uuid4().hex,
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body["model"],
            "choices": [{"index": 0, "finish_reason": "stop" if ended else "length", "message": message}],
            "usage": {
                "prompt_tokens": ids.shape[1],
                "completion_tokens": len(drawn),
                "total_tokens": ids.shape[1] + len(drawn),
            },
        }


def application(sampler: Sampler, model: str) -> FastAPI:
    app = FastAPI()

    @app.get("/health")
    def health() -> dict[str, str]:
        return OK

    @app.get("/v1/models")
    def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": model, "object": "model"}]}

    @app.get("/get_world_size")
    def world_size() -> dict[str, int]:
        return {"world_size": 1}

    @app.post("/init_communicator")
    async def join(request: Request) -> dict[str, str]:
        data = await request.json()
        sampler.beside(lambda: sampler.join(data["host"], data["port"], data["world_size"]))
        return OK

    @app.post("/update_named_param")
    async def update(request: Request) -> dict[str, str]:
        data = await request.json()
        sampler.beside(lambda: sampler.receive(data["name"], data["dtype"], data["shape"]))
        return OK

    @app.post("/reset_prefix_cache")
    def weights_are_in() -> dict[str, str]:
        print("weights received", flush=True)
        return OK

    @app.post("/get_num_background_tasks")
    def under_way() -> dict[str, int]:
        return {"num_background_tasks": len(sampler.under_way)}

    @app.post("/close_communicator")
    def close() -> dict[str, str]:
        return OK

    @app.post("/v1/chat/completions")
    def chat(body: dict[str, Any]) -> dict[str, Any]:
        return sampler.answer(body)

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--model")
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int)
    given, _ = parser.parse_known_args()
    print("arguments:", json.dumps(sys.argv[1:]), flush=True)
    uvicorn.run(application(Sampler(given.model), given.model), host=given.host, port=given.port, log_level="warning")
