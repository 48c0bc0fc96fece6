"""``fa-theory discover`` as a user types it."""

import json
from pathlib import Path

import pytest

from fa_theory.cli import main


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(["discover", *arguments])
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


def test_it_answers_how_many_which_and_is_that_all(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")  # in a narrower terminal long formulas are folded
    file = tmp_path / "laws.json"
    status, out, err = run(capsys, "--rule", "fa", "--shape", "4,3,2", "--degree", "2", "--json", str(file))
    assert (status, err) == (0, "")
    assert "How many: 13 independent conservation laws" in out
    assert "Which: 13 laws of degree at most 2" in out
    assert "Is that all: yes" in out
    assert "neuron-law (neuron 1)" in out
    written = json.loads(file.read_text())
    assert {"count", "dimension", "laws", "complete"} <= written.keys()
    assert (written["count"], written["dimension"], written["complete"]) == (13, 20, True)
    assert all({"name", "latex", "python"} <= law.keys() for law in written["laws"])
    assert len(written["laws"]) == 13
    assert all(law["python"] in out for law in written["laws"])


def test_options_reach_the_search(capsys):
    _, out, _ = run(
        capsys, "--rule", "adafa:0.5", "--shape", "2,2,1", "--depth", "3", "--activation", "leaky_relu:0.2", "--biases"
    )
    assert "How many: 4 independent" in out
    assert "under every activation pattern" in out
    _, out, _ = run(capsys, "--shape", "2,2,1", "--friction", "1", "--degree", "0")
    assert "How many: 4 independent" in out
    assert "Which: not asked" in out


def test_complete_is_null_where_it_is_not_decided(tmp_path, capsys):
    file = tmp_path / "laws.json"
    assert run(capsys, "--shape", "2,2,1", "--degree", "0", "--json", str(file))[0] == 0
    assert json.loads(file.read_text())["complete"] is None


def test_a_users_own_rule(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(
        "import sympy\n\n\ndef rule(W1, W2, x, e):\n    B = sympy.Matrix([1, 2])\n"
        "    return -B * e * x.T, -e * (W1 * x).T\n"
    )
    status, out, _ = run(capsys, "--shape", "2,2,1", "--field", f"{file}:rule")
    assert status == 0
    assert "How many: 4 independent" in out
    assert "2 * W1[0, 0] - W1[1, 0]" in out
    for field, options, complaint in (
        (f"{file}:other", [], "has no function other"),
        (f"{file}:rule", ["--biases"], "--biases does not go with --field"),
        (f"{file}:rule", ["--depth", "3"], "failed: TypeError"),
    ):
        status, out, err = run(capsys, "--shape", "2,2,1", "--field", field, *options)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert complaint in err
    file.write_text("def rule(:\n")
    assert "failed: SyntaxError" in run(capsys, "--shape", "2,2,1", "--field", f"{file}:rule")[2]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--shape", "4,3"], "--shape"),
        (["--shape", "4,3,x"], "--shape"),
        (["--shape", "4,3,0"], "shape"),
        ([], "--shape"),
        (["--shape", "2,2,2", "--rule", "hebb"], "rule"),
        (["--shape", "2,2,2", "--activation", "tanh"], "activation"),
        (["--shape", "2,2,2", "--depth", "1"], "depth"),
        (["--shape", "2,2,2", "--degree", "-1"], "degree"),
        (["--shape", "20,10,8"], "65340 monomials"),
        (["--shape", "2,2,2", "--field", "nowhere.py:f"], "--field"),
        (["--shape", "2,2,2", "--json", "nowhere/laws.json"], "nowhere"),
    ],
    ids=str,
)
def test_refusals_are_one_line(arguments, named, capsys):
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert named in err
    assert not Path("nowhere").exists()
