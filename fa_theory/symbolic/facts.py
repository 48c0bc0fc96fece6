"""Claims, and facts: claims together with all that they rest on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import sympy as sp
from sympy.core.function import AppliedUndef

from fa_theory.symbolic.equality import is_matrix, undefined
from fa_theory.symbolic.rates import TIME, MatrixRate, Rate
from fa_theory.symbolic.scope import free_indices, letters
from fa_theory.symbolic.substitution import substitute, with_readable_indices
from fa_theory.symbolic.sums import is_index
from fa_theory.symbolic.words import require_same_shape

if TYPE_CHECKING:
    from fa_theory.symbolic.vocabulary import Vocabulary

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
        if side.has(sp.oo, -sp.oo, sp.zoo, sp.nan):
            raise ValueError(f"infinite and undefined values have no place in a proof: {side}")
        if any(not each.is_commutative for each in side.atoms(sp.Symbol)):
            raise ValueError(f"symbols that do not commute have no place in a proof: {side}")
        if any(is_index(each.label) for each in side.atoms(sp.IndexedBase)):
            raise ValueError(f"an indexed quantity has the name of an index: {side}")
    if is_matrix(lhs) or is_matrix(rhs):
        if relation != "=":
            raise ValueError("matrices are only claimed to be equal; write inequalities with traces")
        require_same_shape(lhs, rhs)
    return Claim(lhs, relation, rhs)


class Premise(NamedTuple):
    """What one assumption says: its key, the claim, and the letters for every value of which it is assumed."""

    key: str
    claim: Claim
    schematic: frozenset[Any]


@dataclass(frozen=True)
class Fact:
    """A claim that a derivation has established, with what it rests on. Only a `Derivation` makes facts.

    Attributes
    ----------
    claim : Claim
        What is established.
    premises : frozenset of Premise
        What it rests on of what the assumptions say.
    by_hand : frozenset of str
        The names of steps that no machine has checked.
    cites : frozenset of str
        The textbook theorems it rests on.
    schematic : frozenset
        Symbols, matrices, indexed quantities and functions that stand for anything (beside the indices).
    home : Vocabulary
        That of the derivation that has established it, where it is listed; none other may use it.
    """

    claim: Claim
    premises: frozenset[Premise] = frozenset()
    by_hand: frozenset[str] = frozenset()
    cites: frozenset[str] = frozenset()
    schematic: frozenset[Any] = frozenset()
    home: Vocabulary | None = field(default=None, compare=False, repr=False)

    @property
    def assumptions(self) -> frozenset[str]:
        """The keys of the assumptions it rests on."""
        return frozenset(premise.key for premise in self.premises)

    def at(self, values: Mapping[Any, Any], *, schematic: Collection[Any] = ()) -> Fact:
        """Return the fact with values put in for indices and schematic symbols.

        Parameters
        ----------
        values : mapping
            What to put in; see `fa_theory.symbolic.substitution.substitute`.
        schematic : collection, optional
            New letters in the values for every value of which the fact holds then.

        Raises
        ------
        ValueError
            If a key is neither an index nor schematic: it stands for one thing, and the fact may fail for others.
            If a value lacks a sign that is declared for its key, or is not shown to be defined.
        """
        lhs, _, rhs = self.claim
        home = home_of([self])
        assert home is not None
        known = letters(lhs) | letters(rhs)
        timed = any(side.has(TIME, Rate, MatrixRate, sp.Derivative) for side in (lhs, rhs))
        for key, value in values.items():
            if key in free_indices(lhs) | free_indices(rhs):
                if not sp.sympify(value).is_integer:
                    raise ValueError(f"{key} is an index, which {value} is not shown to be")
                if timed and home.moves(value):
                    raise ValueError(f"{key} is constant in time, {value} may not be")
            elif key not in self.schematic:
                raise ValueError(f"{key} stands for one thing in {self.claim}: nothing may be put in for it")
            elif timed and not isinstance(key, sp.MatrixSymbol | sp.IndexedBase):
                body = value(TIME) if not isinstance(key, sp.Symbol) else value
                if home.moves(body) if isinstance(key, sp.Symbol) else home.moves_beside_time(body):
                    raise ValueError(f"{key} is constant in time, {value} may not be")
        if taken := known & set(schematic):
            raise ValueError(f"{taken.pop()} has a meaning in {self.claim} and cannot stand for anything")
        made = substituted(self.claim, values)
        for value in put_in([self.claim], values):
            if undefined([value]):
                raise ValueError(f"{value} is not shown to be defined")
        kept = {each for each in known - self.schematic if isinstance(each, sp.MatrixSymbol)}
        if not kept <= letters(made.lhs) | letters(made.rhs):
            raise ValueError("a size cannot be put in where matrices that stand for one thing have that size")
        kept_schematic = frozenset(self.schematic - values.keys() | set(schematic))
        return home.established_here(str(made), replace(self, claim=made, schematic=kept_schematic))


def home_of(facts: Iterable[Fact]) -> Vocabulary | None:
    """Return the vocabulary of the one derivation that has established all the facts, none if there are no facts.

    Raises
    ------
    ValueError
        If one is not as a derivation has established it, or they come from several.
    """
    home = None
    for fact in facts:
        if fact.home is None or fact not in fact.home.established:
            raise ValueError(f"no derivation has established that {fact.claim.latex}")
        if home is not None and fact.home is not home:
            raise ValueError(f"another derivation has established that {fact.claim.latex}")
        home = fact.home
    return home


def put_in(claims: Iterable[Claim], values: Mapping[Any, Any]) -> list[Any]:
    """Return all that takes the place of something in the claims when values are put in."""
    made = []
    for claimed in claims:
        for side in (claimed.lhs, claimed.rhs):
            for atom in side.atoms(sp.Symbol, sp.MatrixSymbol, sp.Indexed, AppliedUndef):
                head = atom.base if isinstance(atom, sp.Indexed) else getattr(atom, "func", None)
                if atom in values or head in values:
                    made.append(substitute(atom, values))
    return made


def substituted(claimed: Claim, values: Mapping[Any, Any]) -> Claim:
    """Return the claim with values put in for symbols, matrices, indexed quantities and functions, all at once."""
    lhs, rhs = (with_readable_indices(substitute(side, values)) for side in (claimed.lhs, claimed.rhs))
    return claim(lhs, claimed.relation, rhs)
