"""Find what a user's own rule conserves: exactly where it runs on symbols, else by ranks over random states."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import comb
from typing import Any, Literal

import numpy as np

from fa_theory.model import Network
from fa_theory.testing.arguments import checked_widths, require_number
from fa_theory.testing.polynomials import Sampled, conserved_polynomials
from fa_theory.testing.user_rule import Rule, UserRule

Host = np.ndarray[Any, Any]

_MOST_MONOMIALS = 1500


@dataclass(frozen=True)
class ConservedQuantity:
    """A conserved polynomial, a function of the weights; `assert_conserved` takes it as a quantity.

    Attributes
    ----------
    expression : str
        A Python expression in W1, b1, W2, ...; indices count from 0.
    degree : int
        Its degree.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.testing import ConservedQuantity
    >>> quantity = ConservedQuantity("W1[0, 0]**2 - 2 * W2[0, 0]", 2)
    >>> float(quantity([np.array([[3.0]]), np.array([[1.0]])]))
    7.0
    """

    expression: str
    degree: int

    def __str__(self) -> str:
        return self.expression

    @property
    def __name__(self) -> str:
        return "quantity"

    def __call__(self, weights: Sequence[Any], biases: Sequence[Any] | None = None) -> Any:
        """Return the value at one state, in the library of the arrays."""
        arrays = {f"W{layer}": W for layer, W in enumerate(weights, start=1)}
        arrays |= {f"b{layer}": b for layer, b in enumerate(biases or (), start=1)}
        # the expression was written by this package, not given by anybody
        return eval(self.expression, {}, arrays)  # noqa: S307


@dataclass(frozen=True)
class Conserved:
    """What a search found.

    Attributes
    ----------
    quantities : tuple of ConservedQuantity
        Functionally independent polynomials that are constant along the rule's flow for all data and losses, lowest
        degree first. Every conserved polynomial of degree at most `degree` is a function of them.
    degree : int
        The largest degree that was searched.
    dimension : int
        The dimension of the space of conserved polynomials up to that degree, constants left out.
    evidence : {"exact", "float-checked"}
        ``exact``: the rule ran on symbols, and each quantity was checked to be conserved identically over the
        rationals. ``float-checked``: rank decisions in floating point, and a check at fresh states and data.
    complete : bool or None
        Whether these are all conserved quantities, polynomial or not; None: not decided (always so for floats).
    gap : float
        For floats: the smallest singular value that counts over the largest that does not; infinite where exact.

    Examples
    --------
    >>> from fa_theory.testing import find_conserved
    >>> def backprop(weights, X, e):
    ...     W, V = weights
    ...     return [-(e @ V).T @ X / len(X), -e.T @ (X @ W.T) / len(X)]
    >>> found = find_conserved(backprop, (1, 1, 1))
    >>> print(found, len(found), found.evidence, found.complete, sep="; ")
    W1[0, 0]**2 - W2[0, 0]**2; 1; exact; True
    """

    quantities: tuple[ConservedQuantity, ...]
    degree: int
    dimension: int
    evidence: Literal["exact", "float-checked"]
    complete: bool | None
    gap: float

    def __len__(self) -> int:
        return len(self.quantities)

    def __str__(self) -> str:
        return "\n".join(map(str, self.quantities)) or f"nothing of degree at most {self.degree}"


def find_conserved(
    rule: Rule,
    widths: Sequence[int],
    *,
    degree: int = 2,
    feedback: Sequence[Any] | None = None,
    biases: bool = False,
    seed: int = 0,
    xp: Any = None,
) -> Conserved:
    """Find the polynomials of the weights that a rule's flow dW_l/dt = updates conserves, for all data and losses.

    Parameters
    ----------
    rule : callable
        ``rule(weights, X, e) -> updates``, see `fa_theory.testing.UserRule`. A NumPy rule made of sums and products is
        run on symbols, and the search is exact; any other is sampled at random states, data and errors.
    widths : sequence of int
        (d, n_1, ..., m), at least three.
    degree : int
        The largest degree of the polynomials, 1 or more.
    feedback : sequence of arrays, optional
        B_2, ..., B_L of shapes (n_l, n_{l+1}), for a rule that asks for `feedback`; drawn by default.
    biases : bool
        Whether every layer has a bias.
    seed : int
        Draws feedback, states and data.
    xp : module, optional
        The library of `rule`: ``numpy``, ``torch``, ``jax.numpy``, ...

    Returns
    -------
    Conserved
        The quantities found.

    Raises
    ------
    ArithmeticError
        If the singular values leave no clear gap between zero and the rest, so that the rank cannot be told.
    TypeError, ValueError
        If an argument is out of range, the search would be too large, or the rule returns something of another shape.

    Notes
    -----
    d/dt of a polynomial is linear in its coefficients, so the conserved ones are the null space of a matrix with one
    row for each sampled state, batch of one to three samples, and error e. A singular value counts as zero when it
    is at most rounding: the larger side of the matrix times the rule's precision times the largest one. Coefficients
    within rounding of a fraction with a small denominator are written as it. Statement law-completeness counts what
    two-layer linear FA has (own).

    Examples
    --------
    >>> from fa_theory.testing import find_conserved
    >>> def feedback_alignment(weights, X, e, feedback):
    ...     (W, V), (B,) = weights, feedback
    ...     return [-(e @ B.T).T @ X / len(X), -e.T @ (X @ W.T) / len(X)]
    >>> found = find_conserved(feedback_alignment, (1, 2, 1), feedback=[[[1.0], [2.0]]])
    >>> print(found)
    2 * W1[0, 0] - W1[1, 0]
    4 * W1[0, 0] * W1[1, 0] - W1[1, 0]**2 - 8 * W2[0, 0]
    W1[1, 0]**2 - 4 * W2[0, 1]
    >>> found.evidence, found.complete
    ('exact', True)
    """
    sizes = checked_widths(widths)
    degree = int(require_number("degree", degree, least=1, whole=True))
    seed = int(require_number("seed", seed, whole=True))
    n_parameters = sum((n + biases) * m for n, m in pairwise(sizes))
    count = comb(n_parameters + degree, degree) - 1
    if count > _MOST_MONOMIALS:
        raise ValueError(
            f"{n_parameters} numbers have {count} monomials of degree at most {degree}, more than {_MOST_MONOMIALS}; "
            "take smaller widths or a smaller degree"
        )
    rng = np.random.default_rng(seed)
    matrices = _checked_feedback(feedback, sizes, rng)
    user = UserRule(rule, xp)
    sampled = Sampled(user, sizes, matrices, biases=biases, seed=seed)
    with user.remembers_nothing():
        sampled.updates(sampled.state())  # refuses a rule that returns what no rule may
        exact = _exact(user, sampled, degree, seed) if user.xp is np else None
        found = conserved_polynomials(sampled, degree) if exact is None else None
    if exact is not None:
        return exact
    assert found is not None
    quantities = tuple(ConservedQuantity(text, of) for text, of in found.expressions)
    return Conserved(quantities, degree, found.dimension, "float-checked", None, found.gap)


def _checked_feedback(feedback: Sequence[Any] | None, sizes: tuple[int, ...], rng: np.random.Generator) -> list[Host]:
    shapes = list(pairwise(sizes[1:]))
    if feedback is None:
        # whole numbers, no two alike where it can be helped: generic, and read off easily
        return [rng.permutation(np.arange(1.0, rows * columns + 1)).reshape(rows, columns) for rows, columns in shapes]
    if not isinstance(feedback, Sequence):
        raise TypeError(f"feedback must be the list of B_2, ..., B_L, got {type(feedback).__name__}")
    network = Network([np.zeros((m, n)) for n, m in pairwise(sizes)], "linear", list(feedback))
    return [np.asarray(B, dtype=float) for B in network.matrices()]


def _exact(rule: UserRule, sampled: Sampled, degree: int, seed: int) -> Conserved | None:
    """Search on symbols, in the engine of `fa_theory.symbolic.discovery`; None where the rule does not run on them."""
    from fa_theory.symbolic.discovery import discover_function

    names = {f"W{k}": (m, n) for k, (n, m) in enumerate(pairwise(sampled.sizes), 1)}
    if sampled.biases:
        names |= {f"b{k}": (m, 1) for k, m in enumerate(sampled.sizes[1:], 1)}
    data = {"x": (sampled.sizes[0], 1), "e": (sampled.sizes[-1], 1)}
    try:
        found = discover_function(_on_symbols(rule, sampled, names), names, data, degree=degree, seed=seed)
    except Exception:  # noqa: BLE001 - whatever a rule of others cannot do with symbols, it may do with numbers
        return None
    if not found.listing_certain:
        return None
    quantities = tuple(
        ConservedQuantity(re.sub(r"(b\d+)\[(\d+), 0\]", r"\1[\2]", law.python), law.polynomial.degree)
        for law in found.laws
    )
    # symbols stand for one sample; a rule that mixes samples must keep the same with more of them
    if not all(sampled.keeps(quantity) for quantity in quantities):
        return None
    return Conserved(quantities, degree, found.polynomial_dimension, "exact", found.complete, float("inf"))


def _on_symbols(rule: UserRule, sampled: Sampled, names: Mapping[str, tuple[int, int]]) -> Callable[..., Sequence[Any]]:
    import sympy

    depth = len(sampled.sizes) - 1

    def function(*matrices: Any) -> list[Any]:
        host = [np.array(matrix.tolist(), dtype=object) for matrix in matrices]
        *state, x, e = host
        weights, biases = state[:depth], [b[:, 0] for b in state[depth:]]
        named: dict[str, Any] = {}
        if "feedback" in rule.asked:
            exact = [[[sympy.Rational(v) for v in row] for row in B.tolist()] for B in sampled.feedback]
            named["feedback"] = [np.array(B, dtype=object) for B in exact]
        if "biases" in rule.asked:
            named["biases"] = biases or None
        returned = rule.rule(weights, x.T, e.T, **named)
        updates = [*returned[0], *returned[1]] if biases else list(returned)
        return [
            sympy.Matrix(*shape, list(np.asarray(update, dtype=object).ravel()))
            for update, shape in zip(updates, names.values(), strict=True)
        ]

    return function
