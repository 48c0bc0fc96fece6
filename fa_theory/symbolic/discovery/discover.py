"""What is conserved, how much of it, and is that all: the search for laws of a rule and shape."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Literal

from fa_theory.symbolic.discovery.answer import Discovery
from fa_theory.symbolic.discovery.kernel import check_size, polynomial_laws
from fa_theory.symbolic.discovery.law import Law, polynomial_law
from fa_theory.symbolic.discovery.lie import close_under_brackets, rank_by_random_brackets
from fa_theory.symbolic.discovery.linear import independent_rows, rank_modulo, residue
from fa_theory.symbolic.discovery.named import gradient_rows, named_laws
from fa_theory.symbolic.discovery.network_request import MOST_PARAMETERS, NetworkRequest, make_request, rational
from fa_theory.symbolic.discovery.regions import nonzero
from fa_theory.symbolic.discovery.systems import MomentumSystem, NetworkSystem, System

Progress = Callable[[str], None]

N_POINTS = 3
_MOST_TERMS = 200_000
_MOST_DEPTH = 8
_MOST_DEGREE = 12


def discover(
    rule: str,
    shape: Sequence[int] | None = None,
    *,
    depth: int = 2,
    widths: Sequence[int] | None = None,
    activation: str = "linear",
    biases: bool = False,
    degree: int = 2,
    seed: int = 0,
    friction: Any | None = None,
    feedback: Sequence[Any] | None = None,
    weights: Sequence[Any] | None = None,
    patterns: str | None = None,
    progress: Progress | None = None,
) -> Discovery:
    """Count and list the conservation laws of a rule, for all data sets and losses.

    Parameters
    ----------
    rule : str
        ``fa``, ``sign-fa``, ``adafa:K``, ``backprop`` or ``dfa``.
    shape : (n, d, m)
        n neurons in each hidden layer, d inputs, m outputs.
    depth : int
        Layers of weights.
    widths : sequence of int, optional
        (d, n_1, ..., m), in place of `shape` and `depth`.
    activation : str
        ``linear``, ``relu`` or ``leaky_relu:A``.
    biases : bool
        Whether every layer has a bias.
    degree : int
        The largest degree of the polynomial laws to list; 0 only counts.
    seed : int
        Draws feedback, start and points.
    friction : number, optional
        If given, the flow has momentum: d theta/dt = p, dp/dt = -friction p - F.
    feedback : sequence of matrices, optional
        Rational B_2, ..., B_L (D_2, ... for adafa) in place of drawn ones.
    weights : sequence of matrices, optional
        Rational W_1, ..., W_L in place of a drawn start; they decide reachable patterns and signs.
    patterns : {"reachable", "all"}, optional
        Which activation patterns of a gated network count. ``reachable``: those that some input produces near the
        start, so the laws are those near it. ``all``: every pattern, so the laws are those that hold everywhere.
        Default: reachable for two layers (and for d = 1 without biases) or where `weights` are given, else all.
    progress : callable, optional
        Told in words what is being done.

    Raises
    ------
    ValueError
        If an argument is out of range, or the search would be too large; the message says how large.

    Examples
    --------
    >>> from fa_theory.symbolic import discover
    >>> found = discover("fa", (2, 2, 1), seed=0)
    >>> found.count, found.complete, [law.statement for law in found.laws]
    (4, True, ['neuron-law', 'neuron-law', 'projection-law', 'projection-law'])
    """
    sizes = _checked_widths(shape, depth, widths)
    _check_degree(degree)
    request = make_request(
        rule, sizes, activation, biases=biases, seed=seed, feedback=feedback, weights=weights, patterns=patterns
    )
    system: System = request.system
    check_size(len(system.variables) * (1 if friction is None else 2), degree)
    named = named_laws(request.system, request.rule) if friction is None else []
    if friction is not None:
        drag = rational("friction", friction)
        if drag < 0:
            raise ValueError(f"friction must be >= 0, got {friction}")
        system = MomentumSystem(request.system, drag)
    letter = "D" if request.rule == "adafa" else "B"
    matrices = {f"{letter}{k}": matrix for k, matrix in enumerate(request.feedback, start=2)}
    conditions = _conditions(request, momentum=friction is not None)
    return search(
        system,
        degree,
        named=named,
        seed=seed,
        spanning=request.spanning,
        conditions=conditions,
        feedback=matrices,
        progress=progress,
    )


def _check_degree(degree: int) -> None:
    if degree not in range(_MOST_DEGREE + 1):
        raise ValueError(f"degree must be a whole number from 0 to {_MOST_DEGREE}, got {degree!r}")


def _checked_widths(shape: Sequence[int] | None, depth: int, widths: Sequence[int] | None) -> tuple[int, ...]:
    if (shape is None) == (widths is None):
        raise ValueError("exactly one of shape and widths must be given")
    if widths is not None:
        sizes = tuple(widths)
        if len(sizes) < 3:
            raise ValueError(f"widths must be (d, n_1, ..., m), at least three numbers, got {sizes}")
    else:
        assert shape is not None
        if len(shape) != 3:
            raise ValueError(f"shape must be three numbers n, d, m, got {tuple(shape)}")
        if depth not in range(2, _MOST_DEPTH + 1):
            raise ValueError(f"depth must be a whole number from 2 to {_MOST_DEPTH}, got {depth!r}")
        n, d, m = shape
        sizes = (d, *[n] * (depth - 1), m)
    if not all(size in range(1, MOST_PARAMETERS + 1) for size in sizes):
        raise ValueError(f"shape must be whole numbers from 1 to {MOST_PARAMETERS}, got {tuple(shape or sizes)}")
    return sizes


def _conditions(request: NetworkRequest, *, momentum: bool) -> list[str]:
    """Return the sentences that say for what the answer holds."""
    sentences = []
    if request.rule == "sign-fa":
        sentences.append("This is between sign changes: the signs of the weights above the first layer are held.")
    if request.system.every_pattern:
        sentences.append("Laws are functions that are conserved under every activation pattern.")
    elif request.system.patterns:
        sentences.append("This is near the start that was drawn or given, while no sample crosses a kink.")
    if momentum:
        sentences.append("Functions of time as well as of the state are not searched.")
    return sentences


def search(
    system: System,
    degree: int,
    *,
    named: Sequence[Law] = (),
    seed: int = 0,
    spanning: bool = True,
    conditions: Sequence[str] = (),
    feedback: dict[str, Any] | None = None,
    symbols: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Discovery:
    """Count and list the laws of a system of vector fields.

    Parameters
    ----------
    system : System
        The fields.
    degree : int
        The largest degree of polynomial laws.
    named : sequence of Law
        Laws that are known to hold.
    seed : int
        Draws the points.
    spanning : bool
        Whether the system holds all fields; otherwise a sample of them, so that only `named` laws are certain.
    conditions : sequence of str
        Sentences that the explanation ends with.
    feedback : dict, optional
        What to show as the exact feedback.
    symbols : sequence of str, optional
        The variables in LaTeX.
    progress : callable, optional
        Told in words what is being done.
    """
    _check_degree(degree)
    say = progress or (lambda _message: None)
    n_variables = len(system.variables)
    check_size(n_variables, degree)
    rng = random.Random(seed)  # noqa: S311 - generic points, no secrets
    points = [[nonzero(rng, 99) for _ in range(n_variables)] for _ in range(N_POINTS)]
    listed = [law for law in named if law.polynomial.degree <= degree]
    certifiable = spanning or (isinstance(system, NetworkSystem) and system.every_pattern)
    dimension, certain = 0, True
    if degree:
        dimension, further, certain = polynomial_laws(system, degree, [law.polynomial for law in listed], rng, say)
        if further and not certifiable:
            further, certain = (), False  # conserved under the sampled patterns, perhaps not under all
        names = symbols or [_symbol(name) for name in system.variables]
        listed += [
            polynomial_law(f"polynomial-law {k}", polynomial, system.variables, names)
            for k, polynomial in enumerate(further, start=1)
        ]
    listed.sort(key=lambda law: 0 if law.statement == "neuron-law" else law.polynomial.degree)
    laws = _independent(listed, points[0])
    known = rank_modulo(gradient_rows([law.polynomial for law in [*named, *laws]], points[0]))
    orbit, n_points, closed = _orbit_dimension(system, points, n_variables - known, rng, say, close=spanning)
    count = n_variables - orbit
    proof: Literal["laws", "closed"] | None = "laws" if count == known else ("closed" if closed else None)
    complete: bool | None = None
    if degree and proof:
        complete = True if len(laws) == count else (False if certain else None)
    return Discovery(
        count=count,
        dimension=n_variables,
        orbit_dimension=orbit,
        proof=proof,
        n_points=n_points,
        degree=degree,
        laws=tuple(laws),
        polynomial_dimension=dimension,
        listing_certain=certain,
        complete=complete,
        conditions=tuple(conditions),
        feedback=feedback or {},
        variables=system.variables,
    )


def _independent(laws: Sequence[Law], point: Sequence[Any]) -> list[Law]:
    gradients = gradient_rows([law.polynomial for law in laws], point)
    return [laws[k] for k in independent_rows([[residue(value) for value in row] for row in gradients])]


def _orbit_dimension(
    system: System, points: Sequence[Sequence[Any]], most: int, rng: random.Random, say: Progress, *, close: bool
) -> tuple[int, int, bool]:
    """Return the largest rank found, the number of points, and whether the brackets close (False: not known)."""
    best = 0
    if isinstance(system, NetworkSystem | MomentumSystem):
        for used, point in enumerate(points, start=1):
            best = max(best, rank_by_random_brackets(system, point, most, rng, say))
            if best == most:
                return best, used, False
    if not close:
        return best, len(points), False
    closure = close_under_brackets(system, points, _MOST_TERMS, say)
    return max(best, closure.rank), len(points), closure.closed


def _symbol(variable: str) -> str:
    """Return W1[0, 2] as W_{1}[1,3]."""
    name, _, indices = variable.removesuffix("]").partition("[")
    velocity = name.startswith("d")
    letter, number = name.lstrip("d")[0], name.lstrip("d")[1:]
    symbol = rf"\dot{{{letter}}}_{{{number}}}" if velocity else f"{letter}_{{{number}}}"
    return f"{symbol}[{','.join(str(int(k) + 1) for k in indices.split(', '))}]"
