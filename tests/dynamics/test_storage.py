"""Runs on disk: the same numbers as in memory, also after a kill, and nothing torn or foreign is taken for them."""

import json
import signal
import subprocess
import sys
import time
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

import fa_theory as ft
from fa_theory.cli import main
from fa_theory.dynamics import storage

RUN = {"method": "sgd", "steps": 60, "step_size": 0.05, "batch_size": 4, "seed": 3, "points": 31, "loss_every": 7}


def instance(rule="adafa:0.5", seed=1, biases=True, inputs=3):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((12, inputs))
    network = ft.initialise("gaussian", (inputs, 5, 1), "leaky_relu:0.2", rule, seed=seed, biases=biases)
    return network, ft.Problem(X, X[:, 0])


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(storage, "PART_BYTES", 1000)


def assert_same(one, other):
    for name in ("t", "loss", "error", "losses", "loss_t"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.outcome, one.n_steps, one.options) == (other.outcome, other.n_steps, other.options)
    assert len(one.states) == len(other.states)
    for here, there in zip(one.states, other.states, strict=True):
        for kind in ("weights", "biases", "shares"):
            for left, right in zip(getattr(here, kind), getattr(there, kind), strict=True):
                np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("change", [{}, {"method": "gd", "batch_size": None}, {"weight_decay": [0.1, 0.2]}])
def test_a_stored_run_has_the_numbers_of_one_in_memory(change, tmp_path, small_parts):
    network, problem = instance()
    stored = ft.simulate(network, problem, store=tmp_path / "run", **RUN | change)
    assert len(list((tmp_path / "run").glob("part-*.npz"))) > 3
    assert_same(stored, ft.simulate(network, problem, **RUN | change))


@pytest.mark.parametrize("rule", ["fa", "sign-fa", "adafa:0.5", "backprop"])
@pytest.mark.parametrize("kept", [0, 1, 3])
@pytest.mark.parametrize("decay", [0.0, 0.5])
@pytest.mark.parametrize("inputs", [3, 20])
def test_a_run_goes_on_from_any_part_bit_for_bit(rule, kept, decay, inputs, tmp_path, small_parts):
    """By minibatches, and by all samples where these are fewer than the inputs."""
    network, problem = instance(rule, inputs=inputs)
    options = RUN | {"weight_decay": decay} | ({"method": "gd", "batch_size": None} if inputs > 12 else {})
    whole = ft.simulate(network, problem, store=tmp_path, **options)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "end.json").unlink()
    for path in sorted(tmp_path.glob("part-*.npz"))[kept:]:
        path.unlink()
    assert_same(ft.simulate(network, problem, store=tmp_path, **options), whole)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_weights_that_lie_column_by_column_go_on_bit_for_bit(tmp_path, small_parts):
    rng = np.random.default_rng(5)
    turned = [np.asfortranarray(rng.standard_normal(shape)) for shape in ((30, 20), (1, 30), (30, 1))]
    network = ft.Network(turned[:2], "leaky_relu:0.1", turned[2:])
    X = rng.standard_normal((8, 20))
    problem, options = ft.Problem(X, X[:, 0]), RUN | {"batch_size": 1}
    whole = ft.simulate(network, problem, store=tmp_path, **options)
    (tmp_path / "end.json").unlink()
    for path in sorted(tmp_path.glob("part-*.npz"))[3:]:
        path.unlink()
    assert_same(ft.simulate(network, problem, store=tmp_path, **options), whole)


def test_a_small_network_is_written_in_twenty_parts(tmp_path):
    network, problem = instance()
    ft.simulate(network, problem, store=tmp_path, method="gd", steps=200, step_size=0.01, points=101)
    assert len(list(tmp_path.glob("part-*.npz"))) == 21


def test_what_a_kill_left_of_a_file_is_passed_over(tmp_path):
    (tmp_path / ".run.json.0123abcd.tmp").write_text("{")
    network, problem = instance()
    assert ft.simulate(network, problem, store=tmp_path, **RUN).completed


def test_numbers_of_numpy_are_taken_as_numbers(tmp_path):
    network, problem = instance()
    numbers = {"steps": np.int64(60), "seed": np.int64(3), "step_size": np.float64(0.05), "points": 31.0}
    assert_same(ft.simulate(network, problem, store=tmp_path, **RUN | numbers), ft.simulate(network, problem, **RUN))


def test_a_torn_part_is_computed_anew(tmp_path, small_parts):
    network, problem = instance()
    whole = ft.simulate(network, problem, store=tmp_path, **RUN)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    torn = tmp_path / "part-00002.npz"
    torn.write_bytes(before[torn.name][:-40])
    assert_same(ft.simulate(network, problem, store=tmp_path, **RUN), whole)
    damaged = bytearray(before[torn.name])
    damaged[damaged.index(b"\x93NUMPY") + 130] ^= 1  # among the numbers of the first array
    torn.write_bytes(bytes(damaged))
    assert_same(ft.simulate(network, problem, store=tmp_path, **RUN), whole)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_finished_run_is_read_and_not_run_again(tmp_path, small_parts, monkeypatch):
    network, problem = instance()
    whole = ft.simulate(network, problem, store=tmp_path, **RUN)
    monkeypatch.setattr("fa_theory.dynamics.discrete.follow", lambda *_arguments, **_options: pytest.fail("it ran"))
    assert_same(ft.simulate(network, problem, store=tmp_path, **RUN), whole)


def test_a_run_that_diverges_ends_in_its_store_as_in_memory(tmp_path, small_parts):
    network, problem = instance("fa")
    options = RUN | {"method": "gd", "batch_size": None, "step_size": 50.0}
    stored = ft.simulate(network, problem, store=tmp_path, **options)
    assert stored.outcome == "diverged"
    assert_same(stored, ft.simulate(network, problem, **options))
    assert_same(ft.simulate(network, problem, store=tmp_path, **options), stored)


def test_states_are_a_sequence(tmp_path, small_parts):
    network, problem = instance()
    states = ft.simulate(network, problem, store=tmp_path, **RUN).states
    np.testing.assert_array_equal(states[-1].weights[0], states[len(states) - 1].weights[0])
    assert [len(states[3:9]), len(states[::2])] == [6, 16]
    np.testing.assert_array_equal(states[3:9][1].weights[1], states[4].weights[1])
    with pytest.raises(IndexError):
        states[len(states)]
    for path in tmp_path.glob("part-*.npz"):
        path.unlink()
    with pytest.raises(OSError, match=r"part-\d+.npz cannot be read any more"):
        states[-1]


def test_another_run_in_the_folder_is_refused_by_name(tmp_path):
    network, problem = instance()
    ft.simulate(network, problem, store=tmp_path, **RUN)
    with pytest.raises(ValueError, match="holds another run: its options is"):
        ft.simulate(network, problem, store=tmp_path, **RUN | {"steps": 61})
    with pytest.raises(ValueError, match="holds another run: its digest is"):
        ft.simulate(instance(seed=2)[0], problem, store=tmp_path, **RUN)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ValueError, match=r"run.json is not the description of a run"):
        ft.simulate(network, problem, store=tmp_path, **RUN)


def test_what_no_store_can_hold_is_refused(tmp_path):
    network, problem = instance()
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="must be new, empty, or hold this run"):
        ft.simulate(network, problem, store=tmp_path, **RUN)
    with pytest.raises(ValueError, match="store needs the method gd or sgd, got 'flow'"):
        ft.simulate(network, problem, store=tmp_path / "flow")
    with pytest.raises(FileNotFoundError):
        ft.simulate(network, problem, store=tmp_path / "no" / "parent", **RUN)
    one = Fraction(1)
    exact = ft.Network([[[one]], [[one]]], "linear", [[[one]]]), ft.Problem([[one]], [[one]])
    with pytest.raises(ValueError, match="store holds floats of NumPy"):
        ft.simulate(*exact, method="gd", steps=1, step_size=one, store=tmp_path / "exact")


def test_memory_is_bounded_by_a_part_not_by_the_run(tmp_path):
    rng = np.random.default_rng(0)
    network = ft.initialise("small", (50, 400, 1), "linear", "fa", seed=0)
    problem = ft.Problem(rng.standard_normal((4, 50)), rng.standard_normal(4))
    options = {"method": "gd", "steps": 400, "step_size": 1e-3, "points": 401}
    peaks = []
    for more in ({}, {"store": tmp_path / "run"}):
        tracemalloc.start()
        ft.simulate(network, problem, **options, **more)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    recorded = 401 * 8 * (50 * 400 + 400)
    assert peaks[0] > recorded
    assert peaks[1] < 4 * storage.PART_BYTES < recorded


def test_a_command_that_is_killed_goes_on_bit_for_bit(tmp_path, capsys):
    run = "--method sgd --batch-size 8 --steps 2500 --step-size 0.001 --points 2501"
    command = ["simulate", *run.split(), "--width", "400", "--standardize", "--store"]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen([sys.executable, "-m", "fa_theory", *command, str(killed)], stdout=subprocess.DEVNULL)
    while process.poll() is None and not list(killed.glob("part-*.npz")):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "end.json").exists(), "it was too fast to be killed"
    for folder in (killed, whole):
        with pytest.raises(SystemExit) as stop:
            main([*command, str(folder), "--json", str(tmp_path / "run.json")])
        assert not stop.value.code
        capsys.readouterr()
    assert json.loads((tmp_path / "run.json").read_text())["trajectory"]["outcome"] == "completed"
    left, right = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in (killed, whole))
    assert left == right
