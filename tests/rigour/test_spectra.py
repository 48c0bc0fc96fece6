"""Enclosed eigenvalues against closed forms in decimals, and exact ranks."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from flint import arb, ctx, fmpq, fmpq_mat

import fa_theory as ft
from fa_theory.rigour import ExactStart, balls, spectra


def two_by_two(a, b, c):
    """The eigenvalues of [[a, b], [b, c]] by the quadratic formula, in 120 decimals."""
    with localcontext() as context:
        context.prec = 120
        trace, det = Decimal(a) + Decimal(c), Decimal(a) * Decimal(c) - Decimal(b) ** 2
        root = (trace * trace - 4 * det).sqrt()
        return det / ((trace + root) / 2), (trace + root) / 2


def contains(ball, decimal, digits=60):
    """Whether the ball meets the number cut after that many digits, give or take its last digit."""
    with ctx.workprec(512):
        middle = arb(str(decimal))
        return ball.overlaps(middle + arb(0, abs(middle).upper() * arb(10) ** -digits))


@pytest.mark.parametrize(
    ("a", "b", "c"),
    [(2.0, 1.0, 2.0), (1.0, 1.0 - 2**-50, 1.0), (1e-200, 0.0, 1.0), (1e150, 1.0, 1e-140), (3.0, 0.0, 3.0)],
)
def test_eigenvalues_meet_the_quadratic_formula(a, b, c):
    matrix = fmpq_mat([[balls.rational(a), balls.rational(b)], [balls.rational(b), balls.rational(c)]])
    for index, exact in enumerate(two_by_two(a, b, c)):
        (ball,) = balls.enclose("it", lambda k=index: (spectra.eigenvalue(matrix, spectra.identity(2), k),))
        assert contains(ball, exact, digits=20)
        assert ball.rel_accuracy_bits() >= balls.ACCURACY


def test_a_pencil_has_the_eigenvalues_of_the_quotient():
    matrix, metric = fmpq_mat([[4, 0], [0, 18]]), fmpq_mat([[2, 0], [0, 3]])
    with ctx.workprec(256):
        assert spectra.eigenvalue(matrix, metric, 0).contains(2)
        assert spectra.eigenvalue(matrix, metric, 1).contains(6)
        assert not spectra.eigenvalue(matrix, metric, 1).contains(5)


def test_a_wrong_guess_is_not_certified(monkeypatch):
    monkeypatch.setattr(spectra, "eigenvalues_below", lambda *_: 0)
    with ctx.workprec(128), pytest.raises(balls.UndecidedError, match="not near its guess"):
        spectra.eigenvalue(fmpq_mat([[1, 0], [0, 2]]), spectra.identity(2), 0)


def test_a_pivot_that_vanishes_is_not_counted():
    with ctx.workprec(128), pytest.raises(balls.UndecidedError, match="pivot 0"):
        spectra.eigenvalues_below(fmpq_mat([[1, 0], [0, 2]]), spectra.identity(2), arb(1))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[2, 1], [1, 2]], True),
        ([[1, 1], [1, 1]], False),
        ([[1, 2], [2, 1]], False),
        ([[-1, 0], [0, -1]], False),
        ([[fmpq(1, 10**30), 0], [0, 1]], True),
        ([[0, 0], [0, 0]], False),
    ],
)
def test_positive_definiteness_is_exact(rows, expected):
    assert spectra.is_positive_definite(fmpq_mat(rows)) is expected


def start(X, y=None):
    X = np.asarray(X, dtype=float)
    y = np.ones(len(X)) if y is None else y
    network = ft.Network([np.ones((1, X.shape[1])), np.ones((1, 1))], "linear", [np.ones((1, 1))])
    return ExactStart(network, ft.Problem(X, y))


def test_rank_is_exact_where_floating_point_cannot_tell():
    third = np.array([0.1, 0.2, 0.3]) + np.array([1.0, -1.0, 0.5])  # rounded: the rows are independent after all
    nearly = [[0.1, 0.2, 0.3], [1.0, -1.0, 0.5], third]
    assert start(nearly).rank == 3
    exactly = [[1.0, 2.0, 3.0], [0.5, -1.0, 2.0], [1.5, 1.0, 5.0]]
    assert start(exactly).rank == 2
    (smallest,) = balls.enclose("it", lambda: (start(nearly).smallest_nonzero(),))
    assert 0 < smallest < 1e-30


def test_an_ill_conditioned_gram_matrix_has_its_smallest_eigenvalue():
    small = 2.0**-26  # X X^T has the condition number 2^52 or so
    X = [[1.0, small], [1.0, -small]]
    (smallest,) = balls.enclose("it", lambda: (start(X).smallest_nonzero(),))
    assert smallest.contains(balls.rational(small**2))  # X^T X / 2 = diag(1, small^2)


def test_the_largest_size_is_refused_by_name():
    with pytest.raises(ValueError, match="at most 200 rows"):
        spectra.check_size(fmpq_mat(201, 201), "it")
