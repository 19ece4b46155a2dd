"""``python -m tests.gpu.bundle FOLDER``: what the check needs on a machine without a network, in one folder.

The machine has Python 3.12, torch, transformers 5 and peft with what these need; pandas and pyarrow too, or else the
parts with TRL and with Arbor are skipped. Carried are the project's own modules, a tokenizer, the prompts, TRL for
transformers 5, and Arbor with the transformers that it works with. ``bash FOLDER/check`` unpacks the packages and runs
all parts.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from tests.gpu.batch import conversations
from tests.gpu.shapes import BUNDLE, tokenizer

__all__ = ["CHECK", "bundle"]

#: What is asked for, beside the pins of the project's own extras.
_ASKED = {
    "with-trl": ["trl>=1", "datasets"],
    "with-arbor": ["arbor-ai", "dspy", "transformers<5", "trl", "datasets", "gguf"],
}

#: Not carried: what the machine has and weighs much, with what that needs, and what no part uses.
_LEFT = [
    *("accelerate", "jinja2", "markupsafe", "mpmath", "networkx", "numpy", "pandas", "peft", "pillow", "psutil"),
    *("pyarrow", "pyyaml", "regex", "safetensors", "setuptools", "sympy", "torch", "torchaudio", "torchvision"),
    *("cuda-bindings", "cuda-pathfinder", "cuda-toolkit", "einops", "hf-xet", "ninja", "triton"),
    *("deepspeed", "vllm", "wandb"),
]

CHECK = """#!/usr/bin/env bash
# Runs the check with the packages that lie here; what is said after it goes to python -m tests.gpu.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
for packages in "$here"/with-*.tar.xz; do
    unpacked=${packages%.tar.xz}
    [ -d "$unpacked" ] && continue
    rm -rf "$here/.part"
    "${PYTHON:-python3}" -m tarfile -e "$packages" "$here/.part"
    mv "$here/.part/$(basename "$unpacked")" "$here" # whole, or not there
done
# Paths that are given are the caller's, and modules of the caller's folder take no part.
export PYTHONSAFEPATH=1 PYTHONPATH=$here${PYTHONPATH:+:$PYTHONPATH}
exec "${PYTHON:-python3}" -m tests.gpu "$@"
"""


def bundle(folder: Path, *, python: str = "3.12") -> int:
    """Fill ``folder``, which is made anew; gives its bytes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(BUNDLE / "papillon", folder / "papillon", ignore=ignored)
    shutil.copytree(BUNDLE / "tests" / "gpu", folder / "tests" / "gpu", ignore=ignored)
    for file in ("tests/__init__.py", "pyproject.toml"):
        shutil.copy(BUNDLE / file, folder / file)
    _save(tokenizer(), folder / "tokenizer")
    (folder / "prompts.json").write_text(json.dumps(conversations()), encoding="utf-8")
    check = folder / "check"
    check.write_text(CHECK, encoding="utf-8")
    check.chmod(0o755)
    for name, asked in _ASKED.items():
        _pack(asked, folder / f"{name}.tar.xz", python, pinned=name == "with-arbor")
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _save(words: Any, folder: Path) -> None:
    """The tokenizer in transformers' own files; saved as it was read, it would bring the whole .gguf along."""
    from transformers import PreTrainedTokenizerFast

    PreTrainedTokenizerFast(
        tokenizer_object=words.backend_tokenizer,
        eos_token=words.eos_token,
        pad_token=words.pad_token,
        chat_template=words.chat_template,
    ).save_pretrained(str(folder))


def _pack(asked: list[str], target: Path, python: str, *, pinned: bool) -> None:
    """The packages that are ``asked`` for, with what they need and the machine has not, as one archive."""
    where = ["--python-version", python, "--python-platform", "x86_64-manylinux_2_28"]
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        left = work / "left"
        omitted = _LEFT if pinned else [*_LEFT, "transformers", "tokenizers", "huggingface-hub"]
        left.write_text("".join(f"{package}; python_version < '3'\n" for package in omitted), encoding="utf-8")
        compile_ = ["pip", "compile", "--quiet", "--no-header", "--no-annotate", "--override", str(left), *where]
        if pinned:  # as the tests of the training have them
            extras = ["pip", "compile", "--quiet", "--no-header", "--no-annotate", *where, "pyproject.toml"]
            (work / "pins").write_text(_uv([*extras, "--extra", "gpu"]), encoding="utf-8")
            compile_ += ["--constraint", str(work / "pins")]
        (work / "asked").write_text("\n".join(asked), encoding="utf-8")
        (work / "all").write_text(_uv([*compile_, str(work / "asked")]), encoding="utf-8")
        site = work / "site"
        _uv(["pip", "install", "--quiet", "--no-deps", "--target", str(site), *where, "-r", str(work / "all")])
        for waste in (*site.rglob("__pycache__"), *site.rglob("tests")):
            shutil.rmtree(waste, ignore_errors=True)
        with tarfile.open(target, "w:xz", preset=2) as archive:
            archive.add(site, arcname=target.name.removesuffix(".tar.xz"))


def _uv(arguments: list[str]) -> str:
    uv = BUNDLE / ".venv" / "bin" / "uv"
    done = subprocess.run([str(uv), *arguments], cwd=BUNDLE, text=True, stdout=subprocess.PIPE, check=True)
    return done.stdout


if __name__ == "__main__":
    target = Path(sys.argv[1])
    print(f"{target}: {bundle(target) / 1e6:.1f} MB")
