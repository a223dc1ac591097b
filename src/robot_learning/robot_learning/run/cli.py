"""The command `robot-learning`. Exit codes: 0 done; 1 the work failed; 2 wrong use or bad input; 130 ended by Ctrl-C.

Commands import what they need when they run, so that --help is there at once.
"""

import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from robot_learning.core.errors import UsageError
from robot_learning.run.explain import debugging, exit_code, explain

app = typer.Typer(
    help="Robots that learn over ROS 2.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Through(StrEnum):
    """Where episodes run."""

    ros = "ros"
    process = "process"


Settings = Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, such as conditions.train=4.")]
Remaps = Annotated[list[str] | None, typer.Argument(metavar="[KEY:=VALUE]...", help="The same in ROS's notation, such as robot:=ur5e.")]
Domain = Annotated[int | None, typer.Option(min=0, max=101, help="ROS domain; ROS_DOMAIN_ID or 0 by default.")]
Graphs = Annotated[int | None, typer.Option(min=1, max=16, help="Simulated robots side by side; by default 2, on one core 1.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
ThroughOption = Annotated[Through, typer.Option(help="Run episodes through the ROS graph or in this process.")]


@app.command()
def train(
    experiment: Annotated[str | None, typer.Argument(metavar="EXPERIMENT", help="A YAML file, or a name in config/experiments.")] = None,
    remaps: Remaps = None,
    through: ThroughOption = Through.ros,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the experiment's seed.")] = None,
    resume: Annotated[Path | None, typer.Option(metavar="RUN", help="Go on after the last checkpoint of a run.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The run folder; runs/<experiment>-<date-time> by default.")] = None,
    domain: Domain = None,
    graphs: Graphs = None,
    settings: Settings = [],  # noqa: B006 (typer wants it)
) -> None:
    """Train an experiment. Exit 1 if the task was not learned; Ctrl-C leaves a run that can be looked at and resumed."""
    from robot_learning.run.train_command import Where, begin, go_on, run

    place = Where(through.value, domain, graphs)
    changes = [*settings, *([] if seed is None else [f"seed={seed}"])]
    names = list(remaps or [])
    if resume is not None:
        if experiment is not None and ":=" not in experiment or out is not None:
            raise UsageError("--resume takes the experiment and the folder from the run; give neither EXPERIMENT nor --out")
        folder = go_on(resume, changes, [*([experiment] if experiment else []), *names], place)
    elif experiment is None:
        raise UsageError("EXPERIMENT: a YAML file or a name in config/experiments is expected, or --resume RUN")
    else:
        folder = begin(experiment, changes, names, out, place)
    _exit(run(folder, place))


@app.command()
def demo(through: ThroughOption = Through.ros, domain: Domain = None, graphs: Graphs = None, settings: Settings = []) -> None:  # noqa: B006
    """Train the experiment reach_state in runs/demo-<date-time>: what `make demo` does."""
    from datetime import datetime

    from robot_learning.run.train_command import Where, begin, run

    place = Where(through.value, domain, graphs)
    folder = begin("reach_state", settings, (), Path("runs", f"demo-{datetime.now():%Y%m%d-%H%M%S}"), place)
    _exit(run(folder, place))


@app.command()
def evaluate(
    run: Run,
    heldout: Annotated[int | None, typer.Option(min=0, help="How many held-out conditions; as in the experiment by default.")] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the outcomes there.")] = None,
) -> None:
    """Test the best and the last iterate of a run on training and held-out conditions, without noise, in this process."""
    from robot_learning.run.evaluate_command import evaluate_run

    _exit(evaluate_run(run, heldout, json))


@app.command()
def report(run: Run) -> None:
    """Make report.html of a run anew, from its summary.json."""
    from robot_learning.run import report as pages

    print(pages.write(run))


@app.command()
def up(
    kind: Annotated[str, typer.Argument(metavar="[GRAPH]", help="sim: robot and safety gate; learn: all nodes.")] = "sim",
    remaps: Remaps = None,
    domain: Domain = None,
) -> None:
    """Start a graph and keep it up until Ctrl-C (exit 130). KEYs: robot, task, backend (sim, mock, real), clock (realtime, lockstep)."""
    from robot_learning.run.up import keep_up

    names = list(remaps or [])
    if ":=" in kind:
        kind, names = "sim", [kind, *names]
    keep_up(kind, names, domain)


@app.command()
def bench(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Which benchmark, such as spine.")] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the results go; merged with what is there.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A reduced version, in minutes.")] = False,
    seeds: Annotated[int | None, typer.Option(min=1, max=100, help="How many seeds, from 100 up.")] = None,
    only: Annotated[str | None, typer.Option(metavar="FIGURE", help="This figure alone.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="This seed alone.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Show all benchmarks, their figures and expected times.")] = False,
    docs: Annotated[bool, typer.Option("--docs", help="Write docs/benchmarks.md and draw the curves from benchmarks.")] = False,
    curves: Annotated[bool, typer.Option("--curves", help="Train what docs/algorithms/curves show and draw them; --only CURVE.")] = False,
) -> None:
    """Measure the figures of a benchmark. Exit 1 if one misses its bar."""
    from robot_learning.run.bench.command import run_bench, show_list, write_docs

    if listed:
        show_list()
    elif docs:
        write_docs()
    elif curves:
        from robot_learning.run.bench.curve_files import run_curves

        run_curves(only, seed)
    elif name is None or json is None:
        raise UsageError("bench: NAME and --json FILE are expected, or --list, --docs or --curves")
    else:
        _exit(run_bench(name, json, quick, seeds, only, seed))


@app.command()
def doctor() -> None:
    """Say what is there on this machine and what each missing thing costs. Exit 1 if something must be repaired."""
    from robot_learning.run import doctor as examination

    _exit(0 if examination.show() else 1)


def _exit(code: int) -> None:
    if code:
        raise typer.Exit(code)


def main(interruptible: bool = False) -> NoReturn:
    """All ways to fail end here, as one line and an exit code; `interruptible`: from now on Ctrl-C raises KeyboardInterrupt again."""
    try:
        if interruptible:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = app(sys.argv[1:] or ["--help"], prog_name="robot-learning", standalone_mode=False) or 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        code = 1
    except Exception as error:  # noqa: BLE001 (the last place to turn it into one line)
        code = exit_code(error)
        print(f"robot-learning: {explain(error)}", file=sys.stderr)
        if debugging():
            raise
    _leave(code)


def _leave(code: int) -> NoReturn:
    try:
        sys.stdout.flush()
    except OSError:  # nobody reads any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


if __name__ == "__main__":
    main()
