"""A training that is killed again and again, at any call that changes a file, learns what an unbroken one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the gpu extra (arbor-ai, torch, peft) is not installed")
pytest.importorskip("peft", reason="the gpu extra (arbor-ai, torch, peft) is not installed")
pytest.importorskip("arbor", reason="the gpu extra (arbor-ai, torch, peft) is not installed", exc_type=ImportError)

from papillon.project import ROOT  # noqa: E402
from tests.faults.campaign import SEED, drawing, points  # noqa: E402
from tests.faults.processes import built_shim  # noqa: E402
from tests.papillon.training.test_run import adapter, lines  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="preloads what counts system calls"),
    *(
        pytest.mark.filterwarnings(f"ignore::{kind}")
        for kind in ("DeprecationWarning", "UserWarning", "FutureWarning", "ResourceWarning")
    ),
]

ROUNDS = 3
#: Of the calls that change a file, those between the first round's checkpoint and the last one's, and all.
LEARNING, ALL = range(11, 18), range(1, 22)
#: Imports once what takes long, and trains in a child of its own each time: by its arguments in a folder, and how many
#: calls that change a file in it are made before it is killed (0: it is not). Prints how each ended.
_TRAINS = f"""
import os, sys
from pathlib import Path
from tests.papillon.training.test_run import run
for folder, at in zip(sys.argv[1::2], sys.argv[2::2]):
    os.environ.update(SHIM_FOLDER=folder, SHIM_AT=at)
    child = os.fork()
    if child == 0:
        run(Path(folder), num_train_steps={ROUNDS}, num_threads=1, resume=os.path.exists(folder + "/settings.json"))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_training_that_is_killed_again_and_again_learns_what_an_unbroken_one_does(tmp_path: Path) -> None:
    chance = drawing("trainings")
    shim = built_shim(tmp_path)
    # Up to four kills, the first when something is learned that the rest follows from, then to the end; each such
    # chain in a folder of its own.
    kills = points(20)
    chains = [
        [str(chance.choice(ALL if number else LEARNING)) for number in range(min(4, kills - start))] + ["0"]
        for start in range(0, kills, 4)
    ]
    folders = [tmp_path / "unbroken", *(tmp_path / f"broken-{number}" for number, _ in enumerate(chains))]
    words = [word for folder, of in zip(folders, [["0"], *chains], strict=True) for at in of for word in (folder, at)]
    done = subprocess.run(
        [sys.executable, "-c", _TRAINS, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "LD_PRELOAD": str(shim), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    codes = [int(line) for line in done.stdout.splitlines() if line.lstrip("-").isdecimal()]
    said = f"FAULTS_SEED={SEED}, killed at {chains}: {codes}\n{done.stderr[-3000:]}"
    assert len(codes) == len(words) // 2, said
    assert {*codes} <= {0, -9}, said
    assert -9 in codes, said
    unbroken = adapter(folders[0])
    for folder in folders[1:]:
        assert [line["round"] for line in lines(folder)] == list(range(1, ROUNDS + 1)), said
        broken = adapter(folder)
        assert all(torch.equal(broken[name], unbroken[name]) for name in unbroken), said
