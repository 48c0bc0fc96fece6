"""The start of a run as the rational numbers that its floats are, and what follows from them without rounding."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from flint import arb, fmpq, fmpq_mat

from fa_theory.dynamics import forward
from fa_theory.laws import exact_array, exact_network, neuron_law
from fa_theory.model import Network, Problem, SignFeedback
from fa_theory.rigour.balls import Ball, Rational, per_precision, rational
from fa_theory.rigour.losses import mean_loss
from fa_theory.rigour.spectra import check_size, eigenvalue, identity


def matrix_of(array: Any) -> fmpq_mat:
    """Return an (n, m) array of rationals as a flint matrix."""
    return fmpq_mat(array.shape[0], array.shape[1], [rational(entry) for entry in array.ravel().tolist()])


class ExactStart:
    """Network and problem over the rationals.

    Parameters
    ----------
    network, problem
        Start and data, in floating point or exact.

    Attributes
    ----------
    network : Network
        The same network over exact rationals.
    floats : Network
        The network as it was given.
    problem : Problem
        The problem as it was given.

    Raises
    ------
    ValueError
        If the activation is not homogeneous or the rule a user's own, which have no exact rational values.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.rigour import ExactStart
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> start = ExactStart(network, ft.Problem([[1, 0], [0, 1]], [1, 1]))
    >>> start.rank, str(start.s), str(start.excess)  # exactly: s = -sum C_i, and the excess loss
    (2, '2', '1/4')
    """

    def __init__(self, network: Network, problem: Problem) -> None:
        self.network, self.floats, self.problem = exact_network(network), network, problem
        self.eigenvalue_at: dict[int, Any] = {}

    @property
    def n_samples(self) -> int:
        """N."""
        return self.problem.n_samples

    @property
    def slope(self) -> Rational:
        """The slope a of a piecewise-linear activation."""
        return rational(self.network.activation.slope)

    @cached_property
    def X(self) -> Any:
        """The data, (N, d), as an array of rationals."""
        return exact_array(self.problem.X)

    @cached_property
    def labels(self) -> Any:
        """The labels, (N, m), as an array of rationals."""
        return exact_array(self.problem.Y)

    @cached_property
    def samples(self) -> fmpq_mat:
        """The data as the first layer sees them, (N, d), with a column of ones for a hidden bias."""
        return matrix_of(self.network.first_layer_inputs(self.X))

    @cached_property
    def gram(self) -> fmpq_mat:
        """X X^T or X^T X, whichever is smaller: they share the eigenvalues that are not zero."""
        X = self.samples
        return X.transpose() * X if X.ncols() <= X.nrows() else X * X.transpose()

    @cached_property
    def rank(self) -> int:
        """The rank of the data, exactly."""
        return int(self.gram.rank())

    @property
    def constants_in_span(self) -> bool:
        """Whether the constant vector lies in the column space of the data, exactly."""
        wide = fmpq_mat([[*row, fmpq(1)] for row in self.samples.tolist()])
        return int((wide.transpose() * wide if wide.ncols() <= wide.nrows() else wide).rank()) == self.rank

    def smallest_nonzero(self) -> Ball:
        """Enclose the smallest non-zero eigenvalue of X X^T / N at the working precision."""
        return self._eigenvalue(self.gram.nrows() - self.rank)

    def largest(self) -> Ball:
        """Enclose the largest eigenvalue of X X^T / N at the working precision."""
        return self._eigenvalue(self.gram.nrows() - 1)

    def _eigenvalue(self, index: int) -> Ball:
        if index not in self.eigenvalue_at:
            check_size(self.gram, "min(N, d) of the data: X X^T")
            metric = identity(self.gram.nrows(), self.n_samples)
            self.eigenvalue_at[index] = per_precision(lambda: eigenvalue(self.gram, metric, index))
        return self.eigenvalue_at[index]()

    @cached_property
    def c(self) -> tuple[Rational, ...]:
        """c_i = -C_i of the last hidden layer, exactly."""
        return tuple(-rational(each) for each in neuron_law(self.network)[-1].tolist())

    @cached_property
    def s(self) -> Rational:
        """The sum of all c_i, exactly."""
        return sum(self.c, fmpq(0))

    @cached_property
    def output(self) -> Any:
        """f(x), (N, m), exactly."""
        return forward(self.network, self.X).output

    @cached_property
    def errors(self) -> fmpq_mat:
        """The errors f - y, (N, m), exactly."""
        return matrix_of(self.output - self.labels)

    @cached_property
    def _basis(self) -> fmpq_mat | None:
        """Columns of the data that are a basis of their column space; None where that is all of R^N."""
        if self.rank == self.n_samples:
            return None
        X = self.samples
        columns = _pivots(self.gram if X.ncols() <= X.nrows() else X)
        return fmpq_mat(X.nrows(), len(columns), [X[i, j] for i in range(X.nrows()) for j in columns])

    @cached_property
    def span_of_data(self) -> tuple[fmpq_mat, fmpq_mat]:
        """P^T X and P^T P for columns P that are a basis of the column space of the data, rank > 0, exactly."""
        basis = self._basis
        if basis is None:
            return self.samples, identity(self.n_samples)
        return basis.transpose() * self.samples, basis.transpose() * basis

    def on_basis(self, E: fmpq_mat) -> fmpq_mat:
        """Return P^T E for the basis of `span_of_data`, exactly."""
        basis = self._basis
        return E if basis is None else basis.transpose() * E

    def from_basis(self, coefficients: fmpq_mat) -> fmpq_mat:
        """Return P times coefficients for the basis of `span_of_data`, exactly."""
        basis = self._basis
        return coefficients if basis is None else basis * coefficients

    @cached_property
    def feedback_sizes(self) -> list[Rational]:
        """|b_i| of the last hidden layer's neurons for one output; 1 under sign-FA."""
        rule = self.network.feedback[-1]
        if isinstance(rule, SignFeedback):
            return [fmpq(1)] * len(self.c)
        return [abs(b) for b in matrix_of(rule.matrix(self.network.weights[-1])).entries()]

    def in_span(self, E: fmpq_mat) -> fmpq_mat:
        """Return E^T P E, (m, m), exactly: P the projector on the column space of the data."""
        basis = self._basis
        if basis is None:
            return E.transpose() * E
        if basis.ncols() == 0:
            return fmpq_mat(E.ncols(), E.ncols())
        inner = basis.transpose() * E
        return inner.transpose() * (basis.transpose() * basis).solve(inner)

    @cached_property
    def excess(self) -> Rational:
        """L(0) - L* of the squared loss, exactly: the part of the errors in the span of the data."""
        return trace(self.in_span(self.errors)) / (2 * self.n_samples)

    @cached_property
    def floor(self) -> Rational:
        """L*, the smallest squared loss of a linear map of the data, exactly."""
        Y = matrix_of(self.labels)
        return trace(Y.transpose() * Y - self.in_span(Y)) / (2 * self.n_samples)

    @cached_property
    def best_fit(self) -> list[list[Rational]]:
        """P Y, the labels' projection on the column space of the data, exactly."""
        Y, basis = matrix_of(self.labels), self._basis
        if basis is None:
            return [list(row) for row in Y.tolist()]
        if basis.ncols() == 0:
            return [[fmpq(0)] * Y.ncols()] * Y.nrows()
        fit = basis * (basis.transpose() * basis).solve(basis.transpose() * Y)
        return [list(row) for row in fit.tolist()]

    @cached_property
    def squared_loss(self) -> Rational:
        """The squared loss at the start, exactly."""
        return sum((entry**2 for entry in self.errors.entries()), fmpq(0)) / (2 * self.n_samples)

    def start_loss(self) -> Ball:
        """Enclose L(0) at the working precision."""
        if self.problem.loss.name == "squared":
            return arb(self.squared_loss)
        rows = zip(self.output.tolist(), self.labels.tolist(), strict=True)
        return mean_loss(self.problem.loss.name, rows, self.n_samples)


def trace(matrix: fmpq_mat) -> Rational:
    """Return the trace of a rational matrix."""
    return sum((matrix[i, i] for i in range(matrix.nrows())), fmpq(0))


def _pivots(matrix: fmpq_mat) -> list[int]:
    """Return the columns that hold the pivots of the reduced row echelon form."""
    reduced, rank = matrix.rref()
    return [next(j for j in range(reduced.ncols()) if reduced[i, j] != 0) for i in range(rank)]
