"""The command line: ``python -m papillon COMMAND``, also installed as ``papillon``.

Wiring only: each command brings together what other modules do, and shows it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from papillon.errors import PapillonError, UsageError
from papillon.profile import CACHE, load_profile

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did what was asked, 1 when it found something wrong, 4 for a user's mistake."""
    parser = argparse.ArgumentParser(prog="papillon", description="PAPILLON and its evaluation harness.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _ask_arguments(commands.add_parser("ask", help="run the program on one query and show what leaves the machine"))
    _data_arguments(commands.add_parser("data", help="show a data set: rows, splits, contamination, units"))
    _cache_arguments(commands.add_parser("cache", help="verify or repair the store of recorded calls"))
    given = parser.parse_args(arguments)
    try:
        code: int = given.run(given)
        sys.stdout.flush()
    except UsageError as error:
        print(f"papillon {given.command}: {error}", file=sys.stderr)
        return 4
    except PapillonError as error:
        print(f"papillon {given.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("papillon: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output had enough of it; the interpreter would still try to write the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _ask_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("query", help="the private query")
    parser.add_argument("--profile", metavar="P", help="which models (default: embedded, or PAPILLON_PROFILE)")
    parser.add_argument("--program", metavar="F", type=Path, help="a saved program instead of the zero-shot one")
    parser.set_defaults(run=_ask)


def _ask(given: argparse.Namespace) -> int:
    if not given.query.strip():
        raise UsageError("Expected a query, got an empty one; say what you want to ask.")
    profile = load_profile(given.profile)
    import dspy
    from dspy.utils.exceptions import AdapterParseError, LMError

    from papillon.models.roles import open_models
    from papillon.program import PAPILLON, load_program

    models = open_models(profile, CACHE)
    try:
        untrusted = models.lm("untrusted")

        def shown(request: str) -> object:
            # Before it leaves, not after: that is what this command is for.
            print(f"→ leaves this machine, to {profile.untrusted.model}:\n\n{request}\n", flush=True)
            return untrusted(request)

        program = PAPILLON(untrusted_model=shown)
        if (saved := given.program or profile.program) is not None:
            load_program(program, saved)
        program.set_lm(models.lm("local"))
        print(f"  stays on this machine, with {profile.local.model}:\n\n{given.query}\n", flush=True)
        with dspy.context(adapter=models.adapter("local")):
            answer = program(user_query=given.query)
    except (AdapterParseError, LMError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, PapillonError) else error
        raise PapillonError(" ".join(str(cause).split())[:400]) from error
    finally:
        models.close()
    print(f"← came back:\n\n{answer.llm_response}\n\n  the answer:\n\n{answer.response}")
    return 0 if answer.response else 1


def _data_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dataset", nargs="?", default="mini", metavar="NAME|PATH", help="mini, pupa_new, pupa_tnb or a file"
    )
    parser.set_defaults(run=_data)


def _data(given: argparse.Namespace) -> int:
    from papillon.data import load
    from papillon.data_report import data_report

    print(data_report(load(given.dataset), width=shutil.get_terminal_size().columns))
    return 0


def _cache_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("check", "repair"), help="verify every call, or set aside what is damaged")
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="default: .papillon/cache")
    parser.set_defaults(run=_cache)


def _cache(given: argparse.Namespace) -> int:
    from papillon.store import check, repair

    if given.folder is not None and not given.folder.is_dir():
        raise UsageError(f"Expected a folder of recorded calls, got {str(given.folder)!r}; check its spelling.")
    report = (check if given.action == "check" else repair)(given.folder or CACHE)
    print(report)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
