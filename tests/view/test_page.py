"""The page is well-formed, complete and self-contained."""

import base64
import dataclasses
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure
from small_runs import small_run

from fa_theory.cli import main
from fa_theory.dynamics import OUTCOMES, simulate
from fa_theory.model import Network, PotentialFeedback, Problem, initialise, save_state
from fa_theory.plots import COLUMN_WIDTH, print_style
from fa_theory.statements import STATEMENTS
from fa_theory.verification import VERDICTS, summarise
from fa_theory.view import markup
from fa_theory.view import page as page_module
from fa_theory.view.page import write_report

VOID = {"meta", "img", "br"}


class Outline(HTMLParser):
    """Every element with its attributes; fails where tags do not nest."""

    def __init__(self):
        super().__init__()
        self.open, self.elements, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def of(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def parsed(path):
    outline = Outline()
    outline.feed(path.read_text(encoding="utf-8"))
    outline.close()
    assert not outline.open
    return outline


def named(report, name):
    return dataclasses.replace(report, instance=dataclasses.replace(report.instance, name=name))


@pytest.fixture(scope="module")
def reports():
    return (
        small_run(name="petals, linear"),
        small_run(name="three layers", depth=3, method="gd"),
        small_run(name="logistic", loss="logistic", rule="sign-fa"),
    )


@pytest.fixture(scope="module")
def folder(reports, tmp_path_factory):
    directory = tmp_path_factory.mktemp("out") / "report"
    assert write_report(directory, reports, command="fa-theory verify --seed 1") == directory / "index.html"
    return directory


def test_page_is_well_formed_and_says_what_it_is(folder):
    outline = parsed(folder / "index.html")
    assert outline.of("html") == [{"lang": "en"}]
    assert {"charset": "utf-8"} in outline.of("meta")
    assert "fa-theory verify --seed 1" in outline.words
    identifiers = [attrs["id"] for _, attrs in outline.elements if "id" in attrs]
    assert len(identifiers) == len(set(identifiers))
    links = [attrs["href"] for attrs in outline.of("a") if "download" not in attrs]
    assert {link.removeprefix("#") for link in links} <= set(identifiers)
    assert len(links) == 3


def test_every_verdict_has_its_row(folder, reports):
    outline = parsed(folder / "index.html")
    rows = len(STATEMENTS) * (len(reports) + 1) + len(reports)
    assert sum(attrs.get("scope") == "row" for attrs in outline.of("th")) == rows
    assert all(attrs.get("scope") in ("row", "col") for attrs in outline.of("th"))
    for row in (*summarise(reports), *(verdict for report in reports for verdict in report.verdicts)):
        assert f"{row.id} {STATEMENTS[row.id].title}" in outline.words
        assert " ".join(row.detail.split()) in outline.words
    for report in reports:
        kinds = [verdict.verdict.replace("_", " ") for verdict in report.verdicts]
        section = outline.words.split(f"Verdicts on {report.instance.name} ")[1]
        found = re.findall(r"(?:[✓✗?–]) (holds|refuted|undecided|not applicable) ", section)
        assert found[: len(kinds)] == kinds


def test_transforms_and_run_are_described(folder):
    words = parsed(folder / "index.html").words
    assert "nothing was scaled nothing was dropped" in words
    assert "method gd, points 11, steps 20, step size 0.1" in words


@pytest.mark.parametrize(("letters", "long"), [(120, 0), (121, 1)])
def test_an_entry_too_long_for_a_column_comes_last_and_gets_the_whole_width(letters, long, tmp_path):
    report = small_run(method="gd")
    described = {"features": ["x" * letters], "data": "by hand"}
    instance = dataclasses.replace(report.instance, description=described)
    outline = parsed(write_report(tmp_path, [dataclasses.replace(report, instance=instance)]))
    assert len([attrs for attrs in outline.of("div") if attrs.get("class") == "long"]) == long
    assert (outline.words.index("features xxx") > outline.words.index("outcome the run")) == bool(long)


def test_a_page_about_one_run_says_everything_once(tmp_path):
    report = small_run(method="gd")
    drawn = []
    outline = parsed(write_report(tmp_path, [report], progress=drawn.append))
    assert drawn == [1]
    assert len(outline.of("table")) == 1
    assert all(outline.words.count(STATEMENTS[each.id].title) >= 1 for each in report.verdicts)
    assert sum(attrs.get("scope") == "row" for attrs in outline.of("th")) == len(STATEMENTS)
    assert "smallest margin:" not in outline.words
    counts = {key: sum(each.verdict == key for each in report.verdicts) for key in VERDICTS}
    assert (
        f"{len(STATEMENTS)} statements: {counts['holds']} hold, {counts['refuted']} refuted, {counts['undecided']} "
        f"undecided, {counts['not_applicable']} not applicable." in outline.words
    )
    run = report.trajectory
    assert f"loss from {run.loss[0]:.4g} to {run.loss[-1]:.4g}, error estimate at most {max(run.error):.1e}" in (
        outline.words
    )
    assert "method gd, steps 20" in outline.words.replace("points 11, ", "")


def test_every_picture_is_inside_with_words_for_those_who_do_not_see_it(folder):
    outline = parsed(folder / "index.html")
    pictures = outline.of("img")
    assert len(pictures) == len(list(folder.glob("*.svg")))
    assert all(attrs["alt"].strip() for attrs in pictures)
    assert len({attrs["alt"] for attrs in pictures}) == len(pictures)
    assert all(attrs["src"].startswith("data:image/svg+xml;base64,") for attrs in pictures)
    assert len(outline.of("figcaption")) == len(pictures)


def test_page_needs_nothing_from_elsewhere(folder):
    source = re.sub(r"base64,[A-Za-z0-9+/=]+", "", (folder / "index.html").read_text(encoding="utf-8"))
    assert "http" not in source
    assert "//" not in source
    assert "<script" not in source
    assert "url(" not in source
    assert "@import" not in source
    assert not re.search(r"<(link|iframe|object|embed)\b", source)


def test_every_kind_of_evidence_and_of_proof_is_explained(folder, reports):
    said = parsed(folder / "index.html").words.partition("Statements")[0]
    told = {verdict.evidence for report in reports for verdict in report.verdicts} - {None}
    assert told <= {"float-checked", "exact", "enclosed"}
    for word in ("float-checked", "exact", "enclosed", "proved", "proved up to 1 step"):
        assert re.search(rf"\b{word} (is|,|;)", said) or f"{word} ," in said, word


def test_tables_scroll_in_boxes_that_the_keyboard_reaches(folder):
    boxes = [attrs for attrs in parsed(folder / "index.html").of("div") if attrs.get("class") == "scroll"]
    assert len(boxes) == 5
    assert all(attrs["tabindex"] == "0" and attrs["aria-label"] for attrs in boxes)


def test_each_bound_law_and_alignment_has_its_two_files(folder):
    stems = {path.stem for path in folder.glob("*.svg")}
    assert stems == {path.stem for path in folder.glob("*.png")}
    assert stems == {
        "petals-linear--bounds",
        "petals-linear--descent",
        "petals-linear--exponential-decay",
        "petals-linear--exponential-decay-growth",
        "petals-linear--exponential-decay-patterns",
        "petals-linear--multi-output-decay",
        "petals-linear--linear-decay-growth",
        "petals-linear--multi-output-decay-projection",
        "petals-linear--law-drift",
        "petals-linear--alignment",
        "petals-linear--dominance",
        "three-layers--law-drift",
        "three-layers--alignment",
        "three-layers--dominance",
        "logistic--bounds",
        "logistic--descent",
        "logistic--separable-decay",
        "logistic--separable-decay-path",
        "logistic--law-drift",
        "logistic--alignment",
        "logistic--dominance",
    }
    assert all(path.read_bytes().startswith(b"\x89PNG\r\n") for path in folder.glob("*.png"))
    assert all(path.stat().st_size > 1000 for path in folder.iterdir())


def test_a_legend_of_many_bounds_hides_none_and_leaves_them_room(reports, monkeypatch):
    seen = []

    def kept(draw, **size):
        with print_style():
            figure = Figure(figsize=(COLUMN_WIDTH, size["height"]), layout="tight")
            ax = draw(figure.add_subplot())
            figure.draw_without_rendering()
            legend = ax.get_legend().get_window_extent().transformed(ax.transAxes.inverted())
        tops = [ax.transData.transform((0.0, max(line.get_ydata())))[1] for line in ax.lines]
        seen.append((len(ax.lines), legend.y0, ax.transAxes.inverted().transform((0.0, max(tops)))[1]))
        return b"", b""

    monkeypatch.setattr(page_module, "picture", kept)
    assert next(page_module.draw_pictures(reports[0], "x")).stem == "x--bounds"
    ((lines, legend, curves),) = seen
    assert lines == 8
    assert 0.3 < curves < legend


@pytest.mark.parametrize(
    ("time", "words"), [(1.0, ""), (20.0, r"; not drawn at [3-6], where F is zero up to rounding")]
)
def test_the_caption_says_where_alignment_is_not_drawn(time, words):
    X = np.random.default_rng(0).standard_normal((60, 4))
    problem = Problem(X, X @ [0.5, -1.0, 0.0, 2.0] + 0.1)  # so that F ends as rounding, not as the smallest floats
    run = simulate(initialise("aligned", (4, 10, 1), "linear", "fa", seed=0), problem, time=time, points=11)
    told = page_module._alignment_in_words(run)
    assert re.fullmatch(f"holds at all of 11 times{words}", told.partition("dominance ")[2])


@pytest.mark.no_cover  # slow when traced; other pages walk the same branches
def test_same_runs_give_the_same_files(folder, reports, tmp_path):
    write_report(tmp_path, reports, command="fa-theory verify --seed 1")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }


def test_names_are_escaped(tmp_path):
    name = '<script>alert("1")</script> & co'
    report = named(small_run(method="gd"), name)
    report.instance.description["features"] = ["<b>bold</b>"]
    try:
        source = write_report(tmp_path, [report], command="fa-theory --data '<x>'").read_text(encoding="utf-8")
    finally:
        del report.instance.description["features"]
    assert "<script" not in source
    assert "<b>" not in source
    assert "<x>" not in source
    assert name in parsed(tmp_path / "index.html").words
    assert (tmp_path / "script-alert-1-script-co--alignment.svg").exists()


@pytest.mark.no_cover  # slow when traced; other pages walk the same branches
def test_runs_of_the_same_name_keep_their_own_files(tmp_path):
    report = small_run(method="gd")
    write_report(tmp_path, [named(report, each) for each in ("a b", "a-b", "a b 2", "—", "x" * 300)])
    stems = {path.stem for path in tmp_path.glob("*--alignment.svg")}
    assert stems == {f"{name}--alignment" for name in ("a-b", "a-b-2", "a-b-2-2", "instance", "x" * 80)}


@pytest.mark.parametrize("count", [0, 1])
def test_run_that_recorded_nothing_after_its_start_says_so_and_has_no_picture(tmp_path, count):
    report = small_run(method="gd")
    run = report.trajectory
    short = dataclasses.replace(
        run, t=run.t[:count], loss=run.loss[:count], error=run.error[:count], outcome="unresolved_kink"
    )
    words = parsed(write_report(tmp_path, [dataclasses.replace(report, trajectory=short)])).words
    assert "Nothing was recorded after the start: no pictures." in words
    assert OUTCOMES["unresolved_kink"] in words
    assert ("; loss from" in words) == (count == 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "start-small.npz"]


def test_the_page_alone_is_enough_to_run_the_instance_again(tmp_path, monkeypatch, capsys):
    report = small_run("gaussian", rule="adafa:0.5", method="gd")
    outline = parsed(write_report(tmp_path / "report", [report]))
    (link,) = outline.of("a")
    kind, _, held = link["href"].partition("base64,")
    assert (link["download"], kind) == ("start-small.npz", "data:application/octet-stream;")
    content = base64.b64decode(held, validate=True)
    assert content == (tmp_path / "report" / "start-small.npz").read_bytes()
    (command,) = re.findall(r"run in that folder: fa-theory (.*? --step-size \S+)", outline.words)
    (tmp_path / link["download"]).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main([*command.split(), "--json", "again.json"])
    capsys.readouterr()
    again = json.loads((tmp_path / "again.json").read_text())
    assert again["trajectory"]["loss"] == report.trajectory.loss.tolist()


@pytest.mark.parametrize("room", [0, -1])
def test_a_large_start_state_stays_beside_the_page_and_the_page_says_so(room, tmp_path, monkeypatch):
    report = small_run(method="gd")
    save_state(tmp_path / "same.npz", report.instance.network, report.instance.problem)
    size = (tmp_path / "same.npz").stat().st_size
    monkeypatch.setattr(markup, "LARGEST_START", size + room)
    outline = parsed(write_report(tmp_path, [report]))
    assert (tmp_path / "start-small.npz").stat().st_size == size
    assert len(outline.of("a")) == room + 1
    assert ("beside this page and not in it: send it along" in outline.words) == (room < 0)
    assert ("held by this page" in outline.words) == (room == 0)
    assert "fa-theory verify --state start-small.npz --rule fa" in outline.words


def test_a_rule_without_a_name_has_no_command_and_no_start_state(tmp_path):
    report = small_run(method="gd")
    own = PotentialFeedback(lambda W: W.T, lambda W: (W**2).sum(axis=0) / 2, name="mine")
    network = Network(report.instance.network.weights, "linear", [own])
    changed = dataclasses.replace(report, instance=dataclasses.replace(report.instance, network=network))
    assert "run it again" not in parsed(write_report(tmp_path, [changed])).words
    assert not list(tmp_path.glob("*.npz"))


def test_verdict_is_told_by_a_word_and_a_mark(tmp_path):
    report = small_run(method="gd")
    refuted = dataclasses.replace(report.verdicts[0], verdict="refuted")
    undecided = dataclasses.replace(report.verdicts[1], verdict="undecided")
    changed = dataclasses.replace(report, verdicts=(refuted, undecided, *report.verdicts[2:]))
    words = parsed(write_report(tmp_path, [changed])).words
    assert words.count("✗ refuted") == words.count("? undecided") == 1
    assert " 1 refuted, 1 undecided, " in words
    assert words.count("– not applicable") >= 1


def test_tables_and_page_text_need_no_matplotlib():
    code = "import sys, fa_theory.view.table, fa_theory.view.markup; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
