"""What is conserved, how much of it, and is that all: the search for laws of a rule and shape."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fa_theory.symbolic.discovery.kernel import check_size, polynomial_laws
from fa_theory.symbolic.discovery.law import Law, polynomial_law
from fa_theory.symbolic.discovery.lie import close_under_brackets, rank_by_random_brackets
from fa_theory.symbolic.discovery.linear import independent_rows, rank, rank_modulo, residue
from fa_theory.symbolic.discovery.named import gradient_rows, named_laws
from fa_theory.symbolic.discovery.network_request import NetworkRequest, make_request, rational
from fa_theory.symbolic.discovery.regions import nonzero
from fa_theory.symbolic.discovery.systems import MomentumSystem, NetworkSystem, System

Progress = Callable[[str], None]

N_POINTS = 3
_MOST_TERMS = 200_000
_MOST_DEPTH = 8


@dataclass(frozen=True)
class Discovery:
    """What a search found.

    Attributes
    ----------
    count : int
        The number of independent conservation laws, polynomial or not, near a generic point: `dimension` minus
        `orbit_dimension`. At most that many if `count_proved` is False.
    dimension : int
        The number of parameters.
    orbit_dimension : int
        The rank of the Lie algebra that the flow's fields generate over all data, exact at the random rational points
        where it was taken, and generic.
    count_proved : bool
        Whether `count` is proved: laws that hold identically, as many as it says, meet the rank from the other side,
        or the brackets close.
    laws : tuple of Law
        Independent laws of degree at most `degree`: every polynomial law of that degree is a function of them.
    polynomial_dimension : int
        The dimension of the linear space of all polynomial laws up to the degree, constants left out.
    complete : bool or None
        Whether the listed laws are all laws: every other law is locally a function of them. None: not decided.
    explanation : str
        All this in words.
    feedback : dict
        The exact matrices that the laws are for: B2, ... (D2, ... for adafa).
    variables : tuple of str
        The parameters, as Python expressions.
    """

    count: int
    dimension: int
    orbit_dimension: int
    count_proved: bool
    laws: tuple[Law, ...]
    polynomial_dimension: int
    complete: bool | None
    explanation: str
    feedback: dict[str, Any] = field(default_factory=dict)
    variables: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "count": self.count,
            "dimension": self.dimension,
            "orbit_dimension": self.orbit_dimension,
            "count_proved": self.count_proved,
            "laws": [
                {"name": law.name, "statement": law.statement, "latex": law.latex, "python": law.python}
                for law in self.laws
            ],
            "polynomial_dimension": self.polynomial_dimension,
            "complete": self.complete,
            "explanation": self.explanation,
            "feedback": {
                name: [[str(value) for value in row] for row in matrix.tolist()]
                for name, matrix in self.feedback.items()
            },
        }


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
    """
    sizes = _checked_widths(shape, depth, widths)
    if not isinstance(degree, int) or degree < 0:
        raise ValueError(f"degree must be a whole number >= 0, got {degree!r}")
    request = make_request(rule, sizes, activation, biases=biases, seed=seed, feedback=feedback, weights=weights, patterns=patterns)
    system: System = request.system
    named = named_laws(request.system, request.rule) if friction is None else []
    if friction is not None:
        system = MomentumSystem(request.system, rational("friction", friction))
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


def _checked_widths(
    shape: Sequence[int] | None, depth: int, widths: Sequence[int] | None
) -> tuple[int, ...]:
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
        if not isinstance(depth, int) or not 2 <= depth <= _MOST_DEPTH:
            raise ValueError(f"depth must be a whole number from 2 to {_MOST_DEPTH}, got {depth!r}")
        n, d, m = shape
        sizes = (d, *[n] * (depth - 1), m)
    if not all(isinstance(size, int) and size >= 1 for size in sizes):
        raise ValueError(f"shape must be whole numbers >= 1, got {tuple(shape or sizes)}")
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
    say = progress or (lambda message: None)
    n_variables = len(system.variables)
    if degree:
        check_size(n_variables, degree)
    rng = random.Random(seed)  # noqa: S311
    points = [[nonzero(rng, 99) for _ in range(n_variables)] for _ in range(N_POINTS)]
    listed = [law for law in named if law.polynomial.degree <= degree]
    found_dimension, listing_certain = 0, True
    if degree:
        found = polynomial_laws(system, degree, [law.polynomial for law in listed], rng, say)
        found_dimension, listing_certain = found.dimension, found.certain
        names = symbols or [_symbol(name) for name in system.variables]
        listed += [
            polynomial_law(f"polynomial-law {k}", polynomial, system.variables, names)
            for k, polynomial in enumerate(found.further, start=1)
        ]
    listed.sort(key=lambda law: 0 if law.statement == "neuron-law" else law.polynomial.degree)
    laws = _independent(listed, points[0])
    every_pattern = isinstance(system, NetworkSystem) and system.every_pattern
    certain_laws = [*named, *laws] if spanning or every_pattern else named
    known = rank_modulo(gradient_rows([law.polynomial for law in certain_laws], points[0]))
    orbit, closed = _orbit_dimension(system, points, n_variables - known, rng, say, close=spanning)
    count = n_variables - orbit
    proved = count == known or (closed and spanning)
    complete: bool | None = None
    if spanning or every_pattern or all(law.statement for law in laws):
        complete = True if len(laws) == count else (False if proved and degree and listing_certain else None)
    words = _explain(
        count, n_variables, orbit, laws, degree, found_dimension, complete, proved=proved, met=count == known,
        listing_certain=listing_certain, spanning=spanning,
    )
    return Discovery(
        count, n_variables, orbit, proved, tuple(laws), found_dimension, complete,
        " ".join([*words, *conditions]), feedback or {}, system.variables,
    )


def _independent(laws: Sequence[Law], point: Sequence[Any]) -> list[Law]:
    gradients = gradient_rows([law.polynomial for law in laws], point)
    return [laws[k] for k in independent_rows([[residue(value) for value in row] for row in gradients])]


def _orbit_dimension(
    system: System, points: Sequence[Sequence[Any]], most: int, rng: random.Random, say: Progress, *, close: bool
) -> tuple[int, bool]:
    """Return the largest rank found at the points, and whether the brackets close (False: not known)."""
    best = 0
    if isinstance(system, NetworkSystem | MomentumSystem):
        for point in points:
            best = max(best, rank_by_random_brackets(system, point, most, rng, say))
            if best == most:
                return best, False
    else:
        best = max(rank(list(system.rows(point))) for point in points)
    if not close:
        return best, False
    closure = close_under_brackets(system, points, most, _MOST_TERMS, say)
    return max(best, closure.rank), closure.closed


def _explain(
    count: int,
    dimension: int,
    orbit: int,
    laws: Sequence[Law],
    degree: int,
    found_dimension: int,
    complete: bool | None,
    *,
    proved: bool,
    met: bool,
    listing_certain: bool,
    spanning: bool,
) -> list[str]:
    """Say in words how many laws there are, which, and whether that is all."""
    plural = "law" if count == 1 else "laws"
    words = [
        f"How many: {'' if proved else 'at most '}{count} independent conservation {plural}, as the flow over all data "
        f"moves {dimension} parameters in {orbit} independent directions (the rank of the Lie algebra of its vector "
        f"fields, over the rationals; exact at {N_POINTS} random rational points, and generic)."
    ]
    if proved:
        reason = "as many laws were checked to hold identically" if met else "the brackets close"
        words.append(f"The number is proved: {reason}.")
    else:
        words.append("Longer brackets were not computed, so there may be fewer.")
    if degree:
        listed = f"{len(laws)} {'law' if len(laws) == 1 else 'laws'}"
        words.append(
            f"Which: {listed} of degree at most {degree}, independent of each other; every polynomial law up to that "
            f"degree (a space of dimension {found_dimension} without constants) is a function of them."
            if listing_certain
            else f"Which: {listed} of degree at most {degree}; more may exist, which could not be lifted to the rationals."
        )
    else:
        words.append("Which: not asked (degree 0).")
    if complete:
        words.append("Is that all: yes, any other law is locally a function of the listed ones.")
    elif complete is None:
        reason = "" if spanning else ", as activation patterns were sampled"
        words.append(f"Is that all: not decided{reason if degree else ''}.")
    else:
        words.append(
            f"Is that all: no, {count - len(laws)} more exist that are not functions of those: of higher degree, or "
            "not polynomial."
        )
    return words


def _symbol(variable: str) -> str:
    """Return W1[0, 2] as W_{1}[1,3]."""
    name, _, indices = variable.removesuffix("]").partition("[")
    velocity = name.startswith("d")
    letter, number = name.lstrip("d")[0], name.lstrip("d")[1:]
    symbol = rf"\dot{{{letter}}}_{{{number}}}" if velocity else f"{letter}_{{{number}}}"
    return f"{symbol}[{','.join(str(int(k) + 1) for k in indices.split(', '))}]"
