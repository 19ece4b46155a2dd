"""Pull request: the run's Markdown to the job's own page, where a job of GitHub Actions says which file that is.

What stands in it is :mod:`evals.harness.reports.markdown`'s; the file that an option names is among the outputs.
"""

from __future__ import annotations

import os
from pathlib import Path

from papillon.files import open_in_place

__all__ = ["JOB_PAGE", "append_to_job_page"]

#: The variable that names the file behind the page of a job's step.
JOB_PAGE = "GITHUB_STEP_SUMMARY"
#: Bytes that a step's page holds; GitHub shows nothing of a longer one.
_HOLDS = 2**20


def append_to_job_page(text: str) -> str | None:
    """Append ``text`` where the environment names such a file; why that could not be done, in a sentence, else None."""
    if not (path := os.environ.get(JOB_PAGE)):
        return None
    data = text.encode()
    try:
        with open(open_in_place(Path(path), os.O_WRONLY | os.O_APPEND, 0o666), "ab") as file:
            size = os.fstat(file.fileno()).st_size
            if size + len(data) > _HOLDS:
                why = f"it holds {size} bytes of 1 MiB already"
            else:
                file.write(data)
                return None
    except OSError as error:
        why = error.strerror or type(error).__name__
    return f"The summary could not be appended to {path} ({JOB_PAGE}): {why}."
