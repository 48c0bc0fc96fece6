"""Laws of a user's own rule, given as SymPy expressions or as a function of matrices of symbols."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from keyword import iskeyword
from typing import Any

import sympy
from flint import fmpq

from fa_theory.symbolic.discovery.answer import Discovery
from fa_theory.symbolic.discovery.discover import Progress, search
from fa_theory.symbolic.discovery.polynomials import Polynomial
from fa_theory.symbolic.discovery.systems import PolynomialSystem, entry_names, layout


def discover_field(
    field: Sequence[Any],
    variables: Sequence[sympy.Symbol],
    free: Sequence[sympy.Symbol] = (),
    *,
    degree: int = 2,
    seed: int = 0,
    progress: Progress | None = None,
) -> Discovery:
    """Count and list the laws of d variables/dt = field, for all values (or averages) of the free symbols.

    Parameters
    ----------
    field : sequence of SymPy expressions
        The velocity of each variable: rational in the variables, polynomial in the free symbols.
    variables : sequence of SymPy symbols
        What moves.
    free : sequence of SymPy symbols
        The data, such as the entries of an input x and an error e. A law holds whatever they are, at each time: the
        coefficient of each monomial in them is a vector field of its own. Without any there is one field.
    degree : int
        The largest degree of the polynomial laws to list; 0 only counts.
    seed : int
        Draws the points.
    progress : callable, optional
        Told in words what is being done.

    Raises
    ------
    ValueError
        If the field is not of this kind, or the search would be too large.

    Notes
    -----
    A field with a denominator is multiplied by it, which changes the speed along a curve but no conserved function.

    Examples
    --------
    >>> import sympy
    >>> from fa_theory.symbolic.discovery import discover_field
    >>> x, y = sympy.symbols("x y")
    >>> found = discover_field([-y, x], [x, y])
    >>> found.count, found.laws[0].python
    (1, 'x**2 + y**2')
    """
    if len(field) != len(variables):
        raise ValueError(f"field must have one entry for each of {len(variables)} variables, got {len(field)}")
    names = tuple(str(symbol) for symbol in variables)
    for name in names:
        if not name.isidentifier() or iskeyword(name) or names.count(name) > 1:
            raise ValueError(f"variables must have names that Python accepts, each once, got {name!r}")
    system = PolynomialSystem(names, _generators(field, variables, free))
    return search(system, degree, seed=seed, symbols=[sympy.latex(v) for v in variables], progress=progress)


def discover_function(
    function: Callable[..., Sequence[Any]],
    parameters: Mapping[str, tuple[int, int]],
    data: Mapping[str, tuple[int, int]],
    *,
    degree: int = 2,
    seed: int = 0,
    progress: Progress | None = None,
) -> Discovery:
    """Count and list the laws of a rule that is given as a function of matrices of symbols.

    Parameters
    ----------
    function : callable
        Takes a SymPy matrix for each parameter and then for each datum, by position; returns one matrix of velocities
        for each parameter.
    parameters : mapping
        The name and shape of each parameter matrix: {"W1": (n, d), "W2": (m, n)}.
    data : mapping
        The name and shape of each datum: {"x": (d, 1), "e": (m, 1)}. They are free: a law holds for all of them.
    degree, seed, progress
        As for `discover_field`.

    Raises
    ------
    ValueError
        If the function returns something of another shape, or its field is not polynomial in the data.

    Examples
    --------
    >>> import sympy
    >>> from fa_theory.symbolic.discovery import discover_function
    >>> B = sympy.Matrix([1, 2])
    >>> found = discover_function(
    ...     lambda W1, W2, x, e: (-B * e * x.T, -e * (W1 * x).T),
    ...     {"W1": (2, 2), "W2": (1, 2)},
    ...     {"x": (2, 1), "e": (1, 1)},
    ... )
    >>> found.count, found.complete
    (4, True)
    """
    blocks = layout([(name, *shape) for name, shape in parameters.items()])
    symbols = [sympy.Symbol(name, real=True) for name in _matrix_names(parameters)]
    free = [sympy.Symbol(name, real=True) for name in _matrix_names(data)]
    velocities = function(*_matrices(parameters, symbols), *_matrices(data, free))
    if len(velocities) != len(parameters):
        raise ValueError(
            f"function must return {len(parameters)} matrices, one for each parameter, got {len(velocities)}"
        )
    field: list[Any] = []
    for velocity, (name, shape) in zip(velocities, parameters.items(), strict=True):
        matrix = sympy.Matrix(velocity)
        if matrix.shape != shape:
            raise ValueError(f"the velocity of {name} must have shape {shape}, got {matrix.shape}")
        field += list(matrix)
    names = entry_names(blocks)
    system = PolynomialSystem(names, _generators(field, symbols, free))
    latex = [f"{sympy.latex(sympy.Symbol(s.name.partition('[')[0]))}{_from_one(s.name)}" for s in symbols]
    return search(system, degree, seed=seed, symbols=latex, progress=progress)


def _matrix_names(shapes: Mapping[str, tuple[int, int]]) -> list[str]:
    return [
        f"{name}[{i}, {k}]" for name, (rows, columns) in shapes.items() for i in range(rows) for k in range(columns)
    ]


def _from_one(name: str) -> str:
    indices = name.partition("[")[2].removesuffix("]").split(", ")
    return f"[{','.join(str(int(k) + 1) for k in indices)}]"


def _matrices(shapes: Mapping[str, tuple[int, int]], symbols: Sequence[Any]) -> list[Any]:
    matrices, first = [], 0
    for rows, columns in shapes.values():
        matrices.append(sympy.Matrix(rows, columns, list(symbols[first : first + rows * columns])))
        first += rows * columns
    return matrices


def _generators(
    field: Sequence[Any], variables: Sequence[sympy.Symbol], free: Sequence[sympy.Symbol]
) -> tuple[tuple[Polynomial, ...], ...]:
    """Return the coefficients of the field's monomials in the free symbols, denominators cleared."""
    ratios = [sympy.fraction(sympy.together(sympy.sympify(each))) for each in field]
    denominator = sympy.Integer(1)
    for _, below in ratios:
        denominator = sympy.lcm(denominator, below)
    _require_polynomial(denominator, variables, "the denominators in field")
    parts: dict[tuple[int, ...], list[dict[tuple[int, ...], Any]]] = {}
    symbols = [*free, *variables]
    for k, (above, below) in enumerate(ratios):
        whole = sympy.expand(above * sympy.cancel(denominator / below))
        polynomial = _require_polynomial(whole, symbols, f"entry {k} of field")
        for exponents, value in polynomial.terms():
            if value == 0:
                continue
            part = parts.setdefault(exponents[: len(free)], [{} for _ in field])
            monomial = tuple(v for v, power in enumerate(exponents[len(free) :]) for _ in range(power))
            part[k][monomial] = fmpq(int(value.p), int(value.q))
    return tuple(tuple(Polynomial(terms) for terms in part) for part in parts.values())


def _require_polynomial(expression: Any, symbols: Sequence[sympy.Symbol], what: str) -> Any:
    try:
        return sympy.Poly(sympy.nsimplify(expression, rational=True), *symbols, domain="QQ")
    except (sympy.PolynomialError, sympy.CoercionFailed):
        raise ValueError(
            f"{what} must be polynomial with rational coefficients in {', '.join(map(str, symbols))}, got {expression}"
        ) from None
