"""Moving a network and its problem to a backend by name or by namespace."""

import runpy
import sys
import types
from fractions import Fraction
from pathlib import Path

import array_api_compat
import array_api_strict
import numpy as np
import pytest
from namespaces import cupy_library
from test_namespaces import RULES, build

import fa_theory as ft
from fa_theory.model import Network, PotentialFeedback, Problem, backend_namespace, to_backend

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "bench_gpu.py"


@pytest.mark.parametrize("rule", RULES)
def test_a_network_goes_there_and_back(rule):
    network, problem = build(np.array, np.float32, rule, "relu", "logistic")
    there = to_backend(network, problem, array_api_strict)
    for array in (*there[0].weights, *there[0].biases, *there[0].matrices(), there[1].X, there[1].Y):
        assert isinstance(array, type(array_api_strict.zeros(1)))
        assert array.dtype == array_api_strict.float32
    back = to_backend(*there, "numpy")
    pairs = zip((*network.weights, *network.matrices()), (*back[0].weights, *back[0].matrices()), strict=True)
    for one, other in pairs:
        assert type(other) is np.ndarray
        np.testing.assert_array_equal(one, other)
    assert back[0].rule_name == network.rule_name
    assert back[1].loss is problem.loss


def test_rules_of_ones_own_go_along():
    class Plain:
        name, degree, direct = "plain", 1, False

        def matrix(self, weight):
            return array_api_compat.array_namespace(weight).sign(weight).T

        def potential(self, weight):
            return array_api_compat.array_namespace(weight).sum(abs(weight), axis=0)

        def validate(self, label, weight, n_outputs):
            pass

    squares = PotentialFeedback(
        lambda W: 2 * W.T, lambda W: array_api_compat.array_namespace(W).sum(W**2, axis=0), degree=2
    )
    for rule in (Plain(), squares):
        network = Network([np.ones((2, 3)), np.ones((1, 2))], "linear", [rule])
        there, _ = to_backend(network, Problem(np.ones((2, 3)), np.ones(2)), array_api_strict)
        assert type(there.feedback[0]) is type(rule)
        assert there.matrices()[0].shape == (2, 1)


def test_exact_rationals_have_no_backend():
    one = np.array([[Fraction(1)]], dtype=object)
    with pytest.raises(ValueError, match="a backend takes floating-point arrays, got exact rationals"):
        to_backend(Network([one, one], "linear", [one]), Problem(one, one), "numpy")


def test_an_unknown_backend_is_named():
    with pytest.raises(ValueError, match="backend must be one of numpy, cupy, got 'cuda'"):
        backend_namespace("cuda")


def test_without_cupy_one_line_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ValueError, match=r"backend cupy needs the library cupy.*pip install 'fa_theory\[cuda\]'"):
        ft.simulate(*build(np.array, np.float64, "fa", "relu", "squared"), method="gd", backend="cupy")


@pytest.mark.parametrize(("error", "reason"), [("no driver\nmore", "no driver"), ("", "RuntimeError")])
def test_without_a_device_one_line_says_so(monkeypatch, error, reason):
    def zeros(n):
        raise RuntimeError(error)

    monkeypatch.setitem(sys.modules, "cupy", types.SimpleNamespace(zeros=zeros))
    with pytest.raises(ValueError, match=f"^backend cupy needs a CUDA device that works, got: {reason}$"):
        backend_namespace("cupy")


def test_simulate_moves_to_the_backend():
    network, problem = build(np.array, np.float64, "adafa:0.5", "relu", "squared")
    there = to_backend(network, problem, array_api_strict)
    run = ft.simulate(*there, method="gd", steps=3, step_size=0.1, backend="numpy")
    assert type(run.states[-1].weights[0]) is np.ndarray
    assert run.loss.tolist() == ft.simulate(network, problem, method="gd", steps=3, step_size=0.1).loss.tolist()


@pytest.mark.gpu
def test_the_gpu_gives_the_numbers_of_numpy():
    network, problem = build(np.array, np.float64, "fa", "leaky_relu:0.25", "logistic")
    options = {"method": "gd", "steps": 100, "step_size": 0.05}
    run = ft.simulate(network, problem, backend="cupy", **options)
    assert type(run.states[-1].weights[0]) is type(cupy_library().make(np.zeros(1)))
    np.testing.assert_allclose(run.loss, ft.simulate(network, problem, **options).loss, rtol=0, atol=1e-10)


def test_the_gpu_benchmark_measures_nothing_without_a_device(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(sys, "argv", ["bench_gpu.py"])
    assert runpy.run_path(str(BENCHMARK))["main"]() == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("nothing measured: backend cupy needs the library cupy")


def test_the_crossover_is_where_the_gpu_begins_to_win():
    crossover = runpy.run_path(str(BENCHMARK))["crossover"]

    def rows(*ratios):
        return [{"width": 2**k, "ratio": ratio} for k, ratio in enumerate(ratios)]

    assert crossover(rows(0.5, 2, 3)) == 2
    assert crossover(rows(2, 0.5, 3)) == 4
    assert crossover(rows(2, 2, 0.9)) is None


def test_gpu_tests_that_were_not_run_are_listed():
    """As the root conftest does it: by name, and only those that a device was missing for."""
    lines = []
    skipped = [
        types.SimpleNamespace(nodeid="a.py::gpu", longrepr=("a.py", 1, "Skipped: no GPU device: none")),
        types.SimpleNamespace(nodeid="a.py::other", longrepr=("a.py", 1, "Skipped: for another reason")),
    ]
    summary = runpy.run_path(str(Path(__file__).parents[1] / "conftest.py"))["pytest_terminal_summary"]
    for stats in ({"skipped": skipped}, {"skipped": skipped[1:]}, {}):
        summary(types.SimpleNamespace(stats=stats, write_line=lines.append))
    assert lines == ["GPU tests not run for want of a device (1): a.py::gpu"]
