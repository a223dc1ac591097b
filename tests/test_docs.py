"""Every command that the documents show exists, and the cheap ones run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import typer

from robot_learning.core.errors import UsageError
from robot_learning.run import cli, experiment
from robot_learning.run.bench import command as bench
from robot_learning.run.bench import curve_files
from robot_learning.run.bench.curves import CURVES
from robot_learning.run.experiment import Algorithm

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
CHEAP = ("bench --list", "doctor", "--help")
FENCED = re.compile(r"```(?:sh|bash|console)\n(.*?)```", re.DOTALL)


def shown() -> list[tuple[str, str]]:
    """(document, command) for each line of each fenced block."""
    return [
        (document.name, line.split(" #")[0].strip())
        for document in DOCUMENTS
        for block in FENCED.findall(document.read_text(encoding="utf-8"))
        for line in block.splitlines()
        if line.strip() and not line.startswith("#")
    ]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize(("document", "line"), sorted(set(shown())))
def test_a_command_of_the_documents_exists(document, line, capsys, monkeypatch):
    words = shlex.split(line)
    if words[0] == "make":
        assert set(words[1:]) <= targets()
    elif words[0] == "robot-learning":
        check(words[1:])
    else:
        assert line in {". .venv/bin/activate"}


def check(words: list[str]) -> None:
    """Cheap commands run; of others command, options and names are what the command line knows."""
    if any(" ".join(words).endswith(cheap) for cheap in CHEAP):
        code = subprocess.run([sys.executable, "-m", "robot_learning.run.cli", *words], capture_output=True, timeout=60).returncode
        assert code == 0 or words == ["doctor"]  # doctor may find something to repair
        return
    group = typer.main.get_command(cli.app)
    with group.make_context("robot-learning", list(words)) as context:
        name, found, rest = group.resolve_command(context, list(words))
        given = found.make_context(name, rest, parent=context).params
    if given.get("experiment"):
        experiment.load(given["experiment"], given["settings"], given["remaps"] or ())
    if name == "bench" and given["only"] and given["curves"]:
        assert given["only"] in [curve.name for curve in CURVES]
    elif name == "bench" and given["only"]:
        assert given["only"] in [figure.name for figure in bench.BENCHMARKS[given["name"]].figures()]


def test_the_check_of_commands_finds_wrong_ones():
    for line in ("train reach_lokal", "train reach_local robto:=ur5"):
        with pytest.raises(UsageError):
            check(shlex.split(line))
    with pytest.raises(Exception, match="No such (command|option)"):
        check(["trian"])
    assert "demo" in targets()
    assert len(shown()) > 10


PAGES = sorted((ROOT / "docs" / "algorithms").glob("*.md"))
PARTS = {
    "equation": re.compile(r"^```\n(?=[^`]*[=←~≤²])", re.MULTILINE),
    "source": re.compile(r"(Sources?: |\()[A-Z][^()]*?\b(19|20)\d\d\b"),
    "where in the code": re.compile(r"`(?:core|models|control|data|tasks|robots|safety|algorithms|run|nodes)/[\w/]+\.py`"),
    "how to run": re.compile(r"^```sh\nrobot-learning (train|bench) ", re.MULTILINE),
    "curve": re.compile(r"^!\[[^]]+\]\(curves/(\w+)\.svg\)$", re.MULTILINE),
}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_page_of_an_algorithm_is_complete(page):
    text = page.read_text(encoding="utf-8")
    assert [part for part, pattern in PARTS.items() if not pattern.search(text)] == []
    for name in PARTS["curve"].findall(text):
        assert f"robot-learning bench --curves --only {name}<" in (page.parent / "curves" / f"{name}.svg").read_text(encoding="utf-8")


def test_every_algorithm_has_a_page():
    names = {page.stem for page in PAGES}
    assert {"steady_gps" if name == "steady_local" else name for name in get_args(Algorithm)} <= names


def test_curves_are_what_their_numbers_say_and_each_is_shown(tmp_path):
    shown = {name for page in PAGES for name in PARTS["curve"].findall(page.read_text(encoding="utf-8"))}
    kept = ROOT / "docs" / "algorithms" / "curves"
    assert {path.stem for path in kept.iterdir()} == {curve.name for curve in CURVES} == shown
    numbers = curve_files.numbers(tmp_path)
    numbers.parent.mkdir()
    numbers.write_bytes(curve_files.numbers(ROOT).read_bytes())
    for path in curve_files.draw_all(tmp_path):
        assert path.read_bytes() == (kept / path.name).read_bytes(), "draw them again: robot-learning bench --docs"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_files_that_the_documents_name_exist(document):
    text = document.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in link:
            assert (document.parent / link).exists(), link
    library = ROOT / "src" / "robot_learning" / "robot_learning"
    for path in re.findall(r"`((?:core|models|control|data|tasks|robots|safety|algorithms|run|nodes)/\w+\.py)`", text):
        assert (library / path).is_file(), path
    for path in re.findall(r"`((?:config|tests|launch|requirements)/[\w/.-]+\.\w+)`", text):
        assert (ROOT / path).is_file(), path
