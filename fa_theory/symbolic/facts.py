"""Claims, and facts: claims together with all that they rest on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import sympy as sp
from sympy.core.function import AppliedUndef, UndefinedFunction

from fa_theory.symbolic.equality import has_signs_of, is_matrix, partial_terms
from fa_theory.symbolic.sums import is_index, with_fresh_indices
from fa_theory.symbolic.words import require_same_shape

LATEX_RELATIONS = {"=": "=", "<=": r"\le", "<": "<"}


class Claim(NamedTuple):
    """lhs = rhs, lhs <= rhs or lhs < rhs, for every value of the indices in it and at every time."""

    lhs: Any
    relation: str
    rhs: Any

    @property
    def latex(self) -> str:
        """The claim in LaTeX."""
        return f"{sp.latex(self.lhs)} {LATEX_RELATIONS[self.relation]} {sp.latex(self.rhs)}"


def claim(lhs: Any, relation: str, rhs: Any) -> Claim:
    """Return a claim; numbers are made exact.

    Raises
    ------
    ValueError
        If the relation is not one of ``=``, ``<=``, ``<``, or a floating-point number occurs.
    ShapeError
        If both sides are matrices of different shape.
    """
    if relation not in LATEX_RELATIONS:
        raise ValueError(f"relation must be one of {', '.join(LATEX_RELATIONS)}, got {relation!r}")
    lhs, rhs = sp.sympify(lhs), sp.sympify(rhs)
    for side in (lhs, rhs):
        if side.has(sp.Float):
            raise ValueError(f"floating-point numbers have no place in a proof: {side}")
    if is_matrix(lhs) or is_matrix(rhs):
        if relation != "=":
            raise ValueError("matrices are only claimed to be equal; write inequalities with traces")
        require_same_shape(lhs, rhs)
    return Claim(lhs, relation, rhs)


@dataclass(frozen=True)
class Fact:
    """A claim that a derivation has established, with what it rests on. Only a `Derivation` makes facts.

    Attributes
    ----------
    claim : Claim
        What is established.
    assumptions : frozenset of str
        The keys of the assumptions it rests on.
    by_hand : frozenset of str
        The names of steps that no machine has checked.
    cites : frozenset of str
        The textbook theorems it rests on.
    schematic : frozenset
        Symbols, matrices, indexed quantities and functions that stand for anything (beside the indices).
    """

    claim: Claim
    assumptions: frozenset[str] = frozenset()
    by_hand: frozenset[str] = frozenset()
    cites: frozenset[str] = frozenset()
    schematic: frozenset[Any] = frozenset()

    def at(self, values: Mapping[Any, Any]) -> Fact:
        """Return the fact with values put in for indices and schematic symbols.

        Raises
        ------
        ValueError
            If a key is neither an index nor schematic: it stands for one thing, and the fact may fail for others.
            If a value lacks a sign that is declared for its key, or is not shown to be defined.
        """
        indices = {
            index
            for side in (self.claim.lhs, self.claim.rhs)
            for indexed in side.atoms(sp.Indexed)
            for index in indexed.indices
            if is_index(index)
        }
        for key in values:
            if key not in self.schematic and key not in indices:
                raise ValueError(f"{key} stands for one thing in {self.claim}: nothing may be put in for it")
        for value in put_in([self.claim], values):
            if partial_terms(value):
                raise ValueError(f"{value} is not shown to be defined")
        return replace(self, claim=substituted(self.claim, values), schematic=self.schematic - values.keys())


def put_in(claims: Iterable[Claim], values: Mapping[Any, Any]) -> list[Any]:
    """Return all that takes the place of something in the claims when values are put in.

    Raises
    ------
    ValueError
        If one of them lacks a sign that is declared for what it takes the place of.
    """
    made = []
    for claimed in claims:
        for side in (claimed.lhs, claimed.rhs):
            for atom in side.atoms(sp.Symbol, sp.MatrixSymbol, sp.Indexed, AppliedUndef):
                head = atom.base if isinstance(atom, sp.Indexed) else getattr(atom, "func", None)
                if atom not in values and head not in values:
                    continue
                value = substitute(atom, values)
                if is_matrix(atom):
                    sizes = [substitute(size, values) for size in atom.shape]
                    if any(sp.expand(one - other) != 0 for one, other in zip(value.shape, sizes, strict=True)):
                        raise ValueError(f"{value} does not have the shape {sizes} of {atom}")
                elif not has_signs_of(value, atom):
                    raise ValueError(f"{value} is not shown to have the signs that are declared for {atom}")
                made.append(value)
    return made


def substituted(claimed: Claim, values: Mapping[Any, Any]) -> Claim:
    """Return the claim with values put in for symbols, matrices, indexed quantities and functions, all at once."""
    return claim(substitute(claimed.lhs, values), claimed.relation, substitute(claimed.rhs, values))


def substitute(expression: Any, values: Mapping[Any, Any]) -> Any:
    """Put in values all at once: for symbols and matrices expressions, for indexed quantities and functions callables.

    Parameters
    ----------
    expression : SymPy expression
        Where to put them in. Bound indices are renamed first, so that nothing is captured.
    values : mapping
        Symbol or MatrixSymbol -> expression; IndexedBase or undefined function -> another of its kind, or a callable
        of the indices or arguments.

    Raises
    ------
    TypeError
        If a key is of another kind.
    """
    plain: dict[Any, Any] = {}
    callables: dict[Any, Callable[..., Any]] = {}
    for key, value in values.items():
        if isinstance(key, sp.MatrixSymbol | sp.Symbol):
            plain[key] = sp.sympify(value)
        elif isinstance(key, sp.IndexedBase):
            callables[key] = value.__getitem__ if isinstance(value, sp.IndexedBase) else value
        elif isinstance(key, UndefinedFunction):
            callables[key] = value
        else:
            raise TypeError(f"nothing can be put in for {key!r}")
    return _put_in(with_fresh_indices(sp.sympify(expression)), plain, callables)


def _put_in(expression: Any, plain: dict[Any, Any], callables: dict[Any, Callable[..., Any]]) -> Any:
    if expression in plain:
        return plain[expression]
    if isinstance(expression, sp.MatrixSymbol):
        rows, cols = (_put_in(each, plain, callables) for each in expression.shape)
        return sp.MatrixSymbol(expression.name, rows, cols)
    if isinstance(expression, sp.Indexed):
        indices = [_put_in(each, plain, callables) for each in expression.indices]
        function = callables.get(expression.base, expression.base.__getitem__)
        return function(*indices) if expression.base in callables else expression.base[tuple(indices)]
    if isinstance(expression, AppliedUndef) and expression.func in callables:
        return callables[expression.func](*(_put_in(each, plain, callables) for each in expression.args))
    if isinstance(expression, sp.Derivative):
        inner = _put_in(expression.expr, plain, callables)
        return sp.Derivative(inner, *((_put_in(v, plain, callables), count) for v, count in expression.variable_count))
    if not expression.args or isinstance(expression, sp.Symbol):
        return expression
    return expression.func(*(_put_in(each, plain, callables) for each in expression.args))
