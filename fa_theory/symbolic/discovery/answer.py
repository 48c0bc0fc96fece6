"""The answer to a search: numbers, laws, and words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from fa_theory.symbolic.discovery.law import Law


@dataclass(frozen=True)
class Discovery:
    """What a search found.

    Attributes
    ----------
    count : int
        The number of independent conservation laws, polynomial or not, near a generic point: `dimension` minus
        `orbit_dimension`. At most that many if `proof` is None.
    dimension : int
        The number of parameters.
    orbit_dimension : int
        The rank of the Lie algebra that the flow's fields generate over all data, over the rationals, exact at the
        random rational points where it was taken, and generic.
    proof : {"laws", "closed"} or None
        Why `count` is right: laws that were checked to hold identically are as many; or the brackets close, so that
        the rank cannot grow. None: longer brackets were not computed, or activation patterns were only sampled.
    n_points : int
        At how many points the rank was taken.
    degree : int
        The largest degree that was listed; 0: nothing was.
    laws : tuple of Law
        Independent laws of degree at most `degree`: every polynomial law of that degree is a function of them.
    polynomial_dimension : int
        The dimension of the linear space of all polynomial laws up to the degree, constants left out.
    listing_certain : bool
        Whether that space is filled by laws that were checked; otherwise more may exist.
    complete : bool or None
        Whether the listed laws are all laws: every other law is locally a function of them. None: not decided.
    conditions : tuple of str
        Sentences that say for what the answer holds.
    feedback : dict
        The exact matrices that the laws are for: B2, ... (D2, ... for adafa).
    variables : tuple of str
        The parameters, as Python expressions.

    Examples
    --------
    >>> from fa_theory.symbolic.discovery import discover
    >>> found = discover("backprop", (2, 1, 1))
    >>> found.dimension, found.orbit_dimension, found.count, found.proof
    (4, 1, 3, 'laws')
    >>> print(found.explanation[2])
    Is that all: yes, any other law is locally a function of the listed ones.
    """

    count: int
    dimension: int
    orbit_dimension: int
    proof: Literal["laws", "closed"] | None
    n_points: int
    degree: int
    laws: tuple[Law, ...]
    polynomial_dimension: int
    listing_certain: bool
    complete: bool | None
    conditions: tuple[str, ...]
    feedback: dict[str, Any]
    variables: tuple[str, ...]

    @property
    def explanation(self) -> tuple[str, ...]:
        """The answers to how many, which, and is that all, and the conditions, in words."""
        return (self._how_many(), self._which(), self._is_that_all(), *self.conditions)

    def _how_many(self) -> str:
        at = "a random rational point" if self.n_points == 1 else f"{self.n_points} random rational points"
        reason = {
            "laws": "The number is proved: as many laws were checked to hold identically.",
            "closed": "The brackets of the fields close, so the number is final.",
            None: "Longer brackets were not computed, so there may be fewer.",
        }[self.proof]
        directions = f"{self.orbit_dimension} independent direction{'' if self.orbit_dimension == 1 else 's'}"
        count = f"{'' if self.proof else 'at most '}{_laws(self.count, 'independent conservation ')}"
        return (
            f"How many: {count}, as the flow over all data moves {self.dimension} parameters in "
            f"{directions} (the rank over the rationals of the Lie algebra of its vector fields, "
            f"exact at {at}, and generic). {reason}"
        )

    def _which(self) -> str:
        if self.degree == 0:
            return "Which: not asked (degree 0)."
        listed = f"Which: {_laws(len(self.laws))} of degree at most {self.degree}"
        if not self.listing_certain:
            return f"{listed}; more may exist, which could not be confirmed over the rationals."
        return (
            f"{listed}, independent of each other; every polynomial law up to that degree (a space of dimension "
            f"{self.polynomial_dimension} without constants) is a function of them."
        )

    def _is_that_all(self) -> str:
        if self.complete:
            return "Is that all: yes, any other law is locally a function of the listed ones."
        if self.complete is None:
            return "Is that all: not decided."
        return (
            f"Is that all: no, {self.count - len(self.laws)} more exist that are not functions of those: of higher "
            "degree, or not polynomial."
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "count": self.count,
            "dimension": self.dimension,
            "orbit_dimension": self.orbit_dimension,
            "proof": self.proof,
            "degree": self.degree,
            "laws": [
                {"name": law.name, "statement": law.statement, "latex": law.latex, "python": law.python}
                for law in self.laws
            ],
            "polynomial_dimension": self.polynomial_dimension,
            "complete": self.complete,
            "explanation": list(self.explanation),
            "feedback": {
                name: [[str(value) for value in row] for row in matrix.tolist()]
                for name, matrix in self.feedback.items()
            },
        }


def _laws(number: int, kind: str = "") -> str:
    return f"{number} {kind}{'law' if number == 1 else 'laws'}"
