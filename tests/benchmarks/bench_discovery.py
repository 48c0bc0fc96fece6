"""Benchmarks of the search for laws; `make bench` runs them. Compare figures of one run only: machines are noisy.

The batches are drawn like those of the published tool (github.com/sibyllema/Conservation_laws, main.ipynb): backprop
in 50 linear networks of two to four layers with widths 2 to 5, and in 50 ReLU networks of two to four layers with
widths 2 to 9, half of them with biases. There the laws are counted, and for ten smaller networks of each kind listed.
"""

import numpy as np
import pytest

from fa_theory.symbolic import discover


def drawn(number, widest, deepest, *, with_biases):
    rng = np.random.default_rng(0)
    for _ in range(number):
        widths = tuple(int(width) for width in rng.integers(2, widest + 1, rng.integers(3, deepest + 2)))
        yield widths, bool(with_biases and rng.random() < 0.5)


def count_all(networks, activation):
    return [discover("backprop", widths=w, biases=b, activation=activation, degree=0) for w, b in networks]


def list_all(networks, activation):
    return [discover("backprop", widths=w, biases=b, activation=activation) for w, b in networks]


@pytest.mark.benchmark(group="count: 50 random networks")
def test_count_linear(benchmark):
    networks = list(drawn(50, 5, 4, with_biases=False))
    found = benchmark.pedantic(count_all, (networks, "linear"), rounds=1)
    assert all(each.proof == "laws" for each in found)


@pytest.mark.benchmark(group="count: 50 random networks")
def test_count_relu(benchmark):
    networks = list(drawn(50, 9, 4, with_biases=True))
    found = benchmark.pedantic(count_all, (networks, "relu"), rounds=1)
    assert all(each.proof == "laws" for each in found)
    assert [each.count for each in found] == [sum(widths[1:-1]) for widths, _ in networks]


@pytest.mark.benchmark(group="list to degree 2: 10 random networks")
@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_list(benchmark, activation):
    networks = list(drawn(10, 4, 3, with_biases=False))
    found = benchmark.pedantic(list_all, (networks, activation), rounds=1)
    assert all(each.complete for each in found)


@pytest.mark.benchmark(group="one shape of linear fa")
@pytest.mark.parametrize(("shape", "degree"), [((6, 5, 4), 0), ((4, 3, 2), 2), ((6, 5, 4), 2)], ids=str)
def test_linear_fa(benchmark, shape, degree):
    found = benchmark.pedantic(discover, ("fa", shape), {"degree": degree}, rounds=1)
    assert found.proof == "laws"
