"""Screenshots: the pictures of the page in docs/, taken anew of a run: ``python -m tests.screenshots [RUN]``.

The run must be one over `mini`, whose persons are invented: a picture shows what the page shows.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from evals.harness.pages import run_page
from evals.harness.reports.worst import worst_first
from papillon.profile import ROOT
from papillon.results.finding import find_run
from papillon.results.folder import RUNS
from tests.chromium import chromium

__all__ = ["taken"]


def taken(name: str, folder: Path) -> list[Path]:
    """The pictures of the run of that name: its page's beginning in the light, its worst example in the dark, and the
    examples on a small screen; PNGs in ``folder``."""
    found = find_run(name, RUNS)
    if found.result.run.dataset.name != "mini":
        raise SystemExit(
            f"Expected a run over mini, got one over {found.result.run.dataset.name}; its texts are private."
        )
    worst = worst_first(row for row in found.result.rows if row.overall is not None)[0].id
    wanted = [
        ("report-overview", "light", 1280, 1080, ""),
        ("report-example", "dark", 1280, 940, f"#{worst}"),
        ("report-small", "light", 400, 860, "#part-gates"),
    ]
    paths = []
    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        page = Path(place) / "page.html"
        run_page(page, found.result, found.traces)
        for stem, scheme, width, height, fragment in wanted:
            browser.prefers(scheme)
            browser.size(width, height)
            browser.open(page, fragment)
            paths.append(folder / f"{stem}.png")
            browser.picture(paths[-1])
    return paths


if __name__ == "__main__":
    for path in taken((sys.argv[1:] or ["last"])[0], ROOT / "docs"):
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")
