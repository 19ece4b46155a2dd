"""The command line: ``python -m papillon COMMAND``, also installed as ``papillon``.

Wiring only: each command brings together what other modules do, and shows it.
"""

from __future__ import annotations

import argparse
import io
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path

from papillon import __version__
from papillon.annotation import arguments as annotation
from papillon.command_line import CommandParser
from papillon.commands import evaluation, launcher
from papillon.errors import DataError, PapillonError, UsageError
from papillon.optimization import arguments as optimization
from papillon.profile import CACHE, load_profile
from papillon.program_class import named_program
from papillon.screen import show

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did what was asked, 1 when it found something wrong, 4 for a user's mistake."""
    parser = CommandParser(prog="papillon", description="PAPILLON and its evaluation harness.")
    parser.add_argument("-V", "--version", action="version", version=f"papillon {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _ask_arguments(commands.add_parser("ask", help="run the program on one query and show what leaves the machine"))
    _data_arguments(commands.add_parser("data", help="show a data set: rows, splits, contamination, units"))
    _show_arguments(commands.add_parser("show", help="show a run's rows, or everything about one of them"))
    _report_arguments(commands.add_parser("report", help="write a run with its texts as one HTML file"))
    _runs_arguments(commands.add_parser("runs", help="list the runs that left a folder"))
    _compare_arguments(commands.add_parser("compare", help="show what changed between runs, example by example"))
    _history_arguments(commands.add_parser("history", help="show scores over time with their intervals"))
    _label_arguments(commands.add_parser("label", help="judge a run's rows yourself, on a page of this machine"))
    _train_arguments(commands.add_parser("train", help="train the local model with GRPO over the program"))
    optimizing = commands.add_parser("optimize", help="improve the program's prompts to the gates' metric")
    optimization.add_arguments(optimizing, _optimize)
    annotating = commands.add_parser("annotate", help="make a data set of queries alone, units reviewed by you")
    annotation.add_arguments(annotating, _annotate)
    _cache_arguments(commands.add_parser("cache", help="verify or repair the store of recorded calls"))
    given = parser.parse_args(arguments)
    if given.command is None:
        parser.print_help(sys.stderr)
        return 4
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal of another encoding is no reason to fail
    try:
        code: int = given.run(given)
        sys.stdout.flush()
    except UsageError as error:
        show(f"papillon {given.command}: {error}", file=sys.stderr)
        return 4
    except PapillonError as error:
        show(f"papillon {given.command}: {error}", file=sys.stderr)
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
    parser.add_argument("query", help="the private query; - reads it from standard input")
    parser.add_argument("--profile", metavar="P", help="which models (default: embedded, or PAPILLON_PROFILE)")
    parser.add_argument(
        "--program",
        metavar="F",
        type=named_program,
        help="a saved program, a training's folder, or module:Class, instead",
    )
    parser.add_argument("--preview", action="store_true", help="wait before sending, and let the request be edited")
    parser.set_defaults(run=_ask)


def _ask(given: argparse.Namespace) -> int:
    from papillon.asking import ask, read_query
    from papillon.models.trained import with_program
    from papillon.preview import Preview

    with Preview.at_terminal() if given.preview else nullcontext() as preview:
        query = read_query(given.query)
        profile = with_program(load_profile(given.profile), given.program)
        return ask(query, profile, CACHE, preview)


def _data_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dataset", nargs="?", default="mini", metavar="NAME|PATH", help="mini, pupa_new, pupa_tnb or a file"
    )
    parser.set_defaults(run=_data)


def _data(given: argparse.Namespace) -> int:
    from papillon.data import load
    from papillon.data_report import data_report

    try:
        data = load(given.dataset)
    except DataError as error:
        try:
            # Where targets are all that is missing, the report counts the rows without one.
            data = load(given.dataset, targets=False)
        except DataError:
            raise error from None
    show(*data_report(data, width=shutil.get_terminal_size().columns).split("\n"))
    return 0


def _annotate(given: argparse.Namespace) -> int:
    from evals.labelling.reviewing import on_page
    from papillon.annotation.arguments import asked_for
    from papillon.annotation.command import annotate, at_terminal

    reviewer = at_terminal if given.terminal else partial(on_page, port=given.port)
    return annotate(asked_for(given), load_profile(given.profile), CACHE, reviewer)


def _add_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=Path, metavar="DIR", help="where the runs are (default: .papillon/runs)")


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", nargs="?", metavar="RUN", help="a folder, results file, id, last (default) or last~N")
    parser.add_argument("second", nargs="?", metavar="ID", help="a row's id or its beginning; alone: of the last run")
    parser.add_argument("--trial", type=int, metavar="T", help="which of its trials, from 0 (default: all)")
    _add_runs(parser)
    parser.set_defaults(run=_show)


def _show(given: argparse.Namespace) -> int:
    from evals.harness.reports.lines import Lines
    from evals.harness.reports.show import found_in, shown
    from papillon.commands import showing
    from papillon.results.folder import RUNS
    from papillon.screen import coloured

    runs = given.runs or RUNS
    run, row = found_in(runs, given.first, given.second)
    lines = Lines(max(20, shutil.get_terminal_size().columns), coloured(sys.stdout))
    said = shown(run, row, given.trial, lines, runs=runs, command=showing(Path.cwd(), runs, given.first))
    print("\n".join(said.lines))
    return said.code


def _report_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("named", nargs="?", default="last", metavar="RUN", help="folder, results file, id or last~N")
    parser.add_argument("--out", type=Path, metavar="FILE.html", help="default: report.html beside the run's results")
    _add_runs(parser)
    parser.set_defaults(run=_report)


def _report(given: argparse.Namespace) -> int:
    from evals.harness.pages import written
    from papillon.results.finding import find_run
    from papillon.results.folder import RUNS

    found = find_run(given.named, given.runs or RUNS)
    lines, unread = written(found, given.out, Path.cwd())
    show(*lines, *unread)
    return 1 if unread else 0


def _runs_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep", type=int, metavar="N", help="let the folders of all but the newest N runs go")
    _add_runs(parser)
    parser.set_defaults(run=_runs)


def _runs(given: argparse.Namespace) -> int:
    from evals.harness.listing import let_go, listed
    from papillon.results.folder import RUNS

    runs, all_went = given.runs or RUNS, True
    if given.keep is None:
        lines = listed(runs, shutil.get_terminal_size().columns)
    else:
        lines, all_went = let_go(runs, given.keep)
    show(*lines)
    return 0 if all_went else 1


def _compare_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="RUN",
        help="a run's id, folder or results file, last or last~N, the earlier one first; "
        "one: after its last comparable run (default: the newest one so)",
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="quality against leakage, as a picture")
    _add_runs(parser)
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="also as a page, with the texts of two runs")
    parser.add_argument("--summary", type=Path, metavar="FILE.md", help="also for a pull request, without a text")
    parser.set_defaults(run=_compare)


def _compare(given: argparse.Namespace) -> int:
    from evals.harness.comparing import compared
    from papillon.output_files import OutputFile, refuse_outputs
    from papillon.results.folder import RUNS

    found = compared(given.names, given.runs or RUNS)
    if given.report is not None and len(found.runs) > 2:
        raise UsageError(f"--report: expected two runs to lay beside each other, got {len(found.runs)}; name two.")
    asked = (("--plot", given.plot, ".svg"), ("--summary", given.summary, ""), ("--report", given.report, ""))
    refuse_outputs(
        (OutputFile(option, path, ending) for option, path, ending in asked if path is not None),
        [file for run in found.runs for file in run.files],
    )
    lines = found.lines(shutil.get_terminal_size().columns, Path.cwd())
    if given.plot is not None:
        found.plot(given.plot)
        lines.append(f"Quality against leakage: {given.plot}")
    if given.summary is not None:
        found.summarise(given.summary, Path.cwd())
        lines.append(f"For a pull request: {given.summary}")
    if given.report is not None:
        from evals.harness.pages import written_beside

        lines += ["", *written_beside(found, given.report, Path.cwd())]
    show(*lines)
    return 0


def _history_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help="where results.json files lie, at any depth, also those of other machines (default: the runs)",
    )
    parser.add_argument(
        "--metric", action="append", metavar="M", help="which scores (default: quality, leakage, overall, carried)"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw them as a picture too")
    _add_runs(parser)
    parser.add_argument("--all", action="store_true", help="also runs that saw a part of their splits")
    parser.set_defaults(run=_history)


def _history(given: argparse.Namespace) -> int:
    from evals.harness.reports.history import history_lines, history_picture
    from evals.harness.verdicts.history import scores_over_time
    from papillon.files import write_whole
    from papillon.output_files import OutputFile, refuse_outputs
    from papillon.results.folder import RUNS
    from papillon.results.gathering import gather
    from papillon.results.history import chosen

    metrics = chosen(given.metric)
    gathered = gather([place for place in (given.folder, given.runs) if place is not None] or [RUNS])
    if given.plot is not None:
        refuse_outputs([OutputFile("--plot", given.plot, ".svg")])
    history = scores_over_time(gathered.runs, metrics, partial=given.all)
    show(*history_lines(history, gathered, shutil.get_terminal_size().columns))
    if given.plot is not None:
        write_whole(given.plot, history_picture(history).file())
        show(f"Drawn in {given.plot}")
    return 0


def _label_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("named", nargs="?", default="last", metavar="RUN", help="folder, id, last (default) or last~N")
    parser.add_argument("--n", type=int, default=30, metavar="N", help="how many rows, drawn at random (default: 30)")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="default: .papillon/labels/DATA.jsonl")
    parser.add_argument("--by", metavar="NAME", help="who labels, where several people do")
    parser.add_argument("--terminal", action="store_true", help="ask here instead of on a page")
    parser.add_argument("--split", metavar="S", help="which split's rows (default: the run's first)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the random order (default: 0)")
    parser.add_argument("--port", type=int, default=0, metavar="P", help="of the page (default: the system chooses)")
    _add_runs(parser)
    parser.set_defaults(run=_label)


def _label(given: argparse.Namespace) -> int:
    from evals.labelling.command import label
    from evals.labelling.opening import Wanted
    from papillon.results.finding import find_run
    from papillon.results.folder import RUNS

    wanted = Wanted(given.n, given.split, given.seed, given.by, given.out)
    label(find_run(given.named, given.runs or RUNS), wanted, terminal=given.terminal, port=given.port)
    return 0


def _train_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", metavar="P", help="models, judge, data and settings (default: embedded)")
    parser.add_argument("--smoke", action="store_true", help="two rounds over a handful of examples (embedded)")
    parser.add_argument(
        "--device",
        default="auto",
        metavar="auto|arbor|cuda|cpu",
        help="Arbor's server, or one device in this process (default: the first of them that is there)",
    )
    parser.add_argument(
        "--out", metavar="FOLDER", type=Path, help="default: .papillon/training/, named by profile and time"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the training in --out, or with the last one")
    parser.set_defaults(run=_train)


def _train(given: argparse.Namespace) -> int:
    from papillon.training.task import TrainingTask, last_training, new_folder

    named = given.profile or ("embedded" if given.smoke else os.environ.get("PAPILLON_PROFILE") or None)
    profile = load_profile(named)
    task = TrainingTask.of(profile, smoke=given.smoke, device=given.device)
    folder = given.out or (last_training() if given.resume else new_folder(profile.name))
    begun = folder / "settings.json"
    if given.resume and not begun.exists():
        raise UsageError(f"Expected a training in {folder} to resume, got none; check --out, or drop --resume.")
    from judges.metrics import make_judge, told_of_reward, training_reward
    from papillon.models.roles import open_models

    try:
        with open_models(profile, CACHE) as models:
            show(told_of_reward(task.settings.reward, task.examples("train")))
            judge = make_judge(profile.judge.kind, models)
            reward = training_reward(judge, task.settings.reward, models.loop.run)
            trained = task.train(models, reward, folder, resume=given.resume, say=show)
    except KeyboardInterrupt:
        if not begun.exists():
            raise
        again = [*launcher(Path.cwd(), "papillon"), *sys.argv[1:]]
        again += [] if given.profile or named is None else ["--profile", named]
        again += [] if given.out else ["--out", str(folder)]
        again += [] if given.resume else ["--resume"]
        show(f"papillon train: interrupted; go on with: {shlex.join(again)}", file=sys.stderr)
        return 130
    ask = [*launcher(Path.cwd(), "papillon"), "ask", "...", *([] if named is None else ["--profile", named])]
    show(*str(trained).split("\n"))
    show(f"Next: {evaluation(folder, named, profile.dataset)}")
    show(f"  or: {shlex.join([*ask, '--program', str(folder)])}")
    return 0


def _optimize(given: argparse.Namespace) -> int:
    if given.max_calls < 1:
        raise UsageError(f"--max-calls: expected a number of at least 1, got {given.max_calls}; allow some calls.")
    named = given.profile or os.environ.get("PAPILLON_PROFILE") or None
    profile = load_profile(named)
    from evals.harness.training.optimizing import optimize_on_dev
    from papillon.models.trained import with_program
    from papillon.optimization.optimizing import check_optimizer
    from papillon.splits import check_learnable

    optimizer = check_optimizer(given.optimizer)
    check_learnable(profile.split, targets=profile.targets)
    profile = with_program(profile)
    if (out := given.out) is None:
        out = CACHE.parent / "optimized" / f"{optimizer}.json"
        with suppress(OSError):
            out.parent.mkdir(parents=True, exist_ok=True)
    reflection = None if given.reflection is None else load_profile(given.reflection).local
    asked = {name: getattr(given, name) for name in ("max_calls", "seed", "imported", "exported")}
    optimize_on_dev(profile, optimizer, out, cache=CACHE, reflection=reflection, **asked)
    show("", f"saved in {out}; evaluate it with: {evaluation(out, named, profile.dataset)}")
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
    show(*str(report).split("\n"))
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
