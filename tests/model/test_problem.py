"""Problems and their spectra."""

from fractions import Fraction

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given

from fa_theory.model import LOSSES, Loss, Problem, spectrum, squared
from fa_theory.testing import arrays, problems

X = np.ones((3, 2))


@pytest.mark.parametrize("xp", [np, strict])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kind_in_is_kind_out(xp, dtype):
    samples = xp.asarray(X, dtype=getattr(xp, dtype))
    for labels in (
        [1, -1, 1],
        [[1.0], [-1.0], [1.0]],
        xp.asarray([1, -1, 1]),
        xp.asarray([1.0, -1.0, 1.0], dtype=samples.dtype),
    ):
        problem = Problem(samples, labels, "logistic")
        assert problem.X is samples
        assert type(problem.Y) is type(samples)
        assert problem.Y.dtype == samples.dtype
        assert np.asarray(problem.Y).tolist() == [[1], [-1], [1]]
        assert problem.n_samples == 3


def test_integers_become_floats():
    problem = Problem([[1, 2]], [3])
    assert problem.X.dtype == problem.Y.dtype == np.float64
    assert repr(problem) == "Problem(array([[1., 2.]]), array([[3.]]), 'squared')"


def test_rationals_have_the_squared_loss_only():
    exact = np.array([[Fraction(1, 3)]], dtype=object)
    assert isinstance(Problem(exact, [1]).Y[0, 0], Fraction)
    for name in set(LOSSES) - {"squared"}:
        with pytest.raises(ValueError, match=f"the {name} loss has no exact rational values"):
            Problem(exact, [1], name)


def test_a_loss_of_the_users_own():
    cubic = Loss("cubic", lambda f, y: abs(f - y)[:, 0] ** 3, lambda f, y: 3 * (f - y) * abs(f - y), lambda _: None)
    assert Problem(X, [1, 2, 3], cubic).loss.mean(np.zeros((3, 1)), np.ones((3, 1))) == 1.0
    assert Problem(X, [1, 2, 3], squared).loss is squared


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((X, [1, 2]), "Y must have one row for each of the 3 rows of X, got 2"),
        ((X, 1.0), r"Y must have 1 or 2 dimension\(s\), got shape \(\)"),
        ((X, np.ones((3, 1, 1))), "Y must have 1 or 2 dimension"),
        ((np.ones(3), [1, 2, 3]), "X must have 2 dimension"),
        ((X * np.nan, [1, 2, 3]), r"X must be finite, got nan at index \(0, 0\)"),
        ((X, [1, np.inf, 3]), r"Y must be finite, got inf at index \(1,\)"),
        ((np.ones((0, 2)), np.ones(0)), "X and Y must not be empty"),
        ((np.ones((2, 0)), np.ones(2)), "X and Y must not be empty"),
        ((X, np.ones((3, 0))), "X and Y must not be empty"),
        ((X, np.ones(3, np.float32)), "Y must have the dtype of X, float64, got float32"),
        ((X, strict.ones(3)), "Y must have the library of X"),
        ((X, [[1], [1, 2], [3]]), "Y must be a rectangular array"),
        ((X, [1, 2, 3], "hinge"), "loss must be one of"),
    ],
)
def test_bad_values(arguments, complaint):
    with pytest.raises(ValueError, match=f"^{complaint}"):
        Problem(*arguments)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((X * 1j, [1, 2, 3]), "X must hold real"),
        ((X, ["a", "b", "c"]), "Y must hold real"),
        ((X, [True, False, True]), "Y must hold real"),
        ((X, [1.0, None, 1.0]), "Y is an array of objects, .* got 1.0 at index"),
        ((X, [1, 2, 3], None), "loss must be a name or a Loss, got None"),
    ],
)
def test_bad_types(arguments, complaint):
    with pytest.raises(TypeError, match=f"^{complaint}"):
        Problem(*arguments)


@given(arrays((3, 4)))
def test_spectrum_against_the_gram_matrix(samples):
    facts = spectrum(samples)
    gram = np.linalg.eigvalsh(samples @ samples.T / 3)[::-1]
    np.testing.assert_allclose(facts.eigenvalues, np.maximum(gram, 0), rtol=1e-12, atol=1e-13 * max(gram[0], 1))
    assert facts.rank == np.linalg.matrix_rank(samples)
    assert facts.row_basis.shape == (facts.rank, 4)
    np.testing.assert_allclose(samples @ facts.row_basis.T @ facts.row_basis, samples, atol=1e-13)
    np.testing.assert_allclose(facts.column_basis @ (facts.column_basis.T @ samples), samples, atol=1e-13)
    assert facts.largest == facts.eigenvalues[0]
    assert facts.smallest_nonzero == (facts.eigenvalues[facts.rank - 1] if facts.rank else 0.0)
    assert (facts.smallest_singular_ratio > 1) == (facts.rank == 3)


@given(problems(exact=True))
def test_spectrum_of_rationals(problem):
    np.testing.assert_allclose(spectrum(problem.X).eigenvalues, spectrum(problem.X.astype(float)).eigenvalues)


@pytest.mark.parametrize("scale", [1e-30, 1e-8, 1.0, 1e8, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rank_does_not_depend_on_the_unit(scale, dtype):
    samples = (np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]) * scale).astype(dtype)
    facts = spectrum(samples)
    assert facts.rank == 2
    assert facts.smallest_singular_ratio < 1
    # X X^T / 3 = [[14, 14, 2], [14, 14, 2], [2, 2, 1]] / 3: its non-zero eigenvalues have sum 29 / 3, product 20 / 9
    assert facts.eigenvalues[0] + facts.eigenvalues[1] == pytest.approx(29 / 3 * scale**2, rel=1e-5)
    assert facts.eigenvalues[0] * facts.eigenvalues[1] == pytest.approx(20 / 9 * scale**4, rel=1e-5)


def test_rank_tolerance():
    eps = 2.0**-52
    assert spectrum(np.diag([1.0, 3 * eps])).rank == 2
    assert spectrum(np.diag([1.0, eps])).rank == 1
    assert spectrum(np.diag([1.0, 3 * eps]).astype(np.float32)).rank == 1


def test_more_samples_than_inputs_are_never_independent():
    facts = spectrum(np.array([[1.0], [2.0]]))
    assert facts.smallest_singular_ratio == 0.0
    assert facts.eigenvalues.tolist() == pytest.approx([2.5], rel=1e-15)


def test_no_data():
    facts = spectrum(np.zeros((2, 3)))
    assert (facts.rank, facts.smallest_nonzero, facts.smallest_singular_ratio) == (0, 0.0, 0.0)
