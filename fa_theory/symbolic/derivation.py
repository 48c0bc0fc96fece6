"""Derivations: named steps, each checked by normal forms, from assumptions to a conclusion.

The design is that of small proof kernels: a fact is only made here, by a checked step, and carries the assumptions,
citations and unchecked steps that it rests on. What a derivation concludes cannot rest on anything undeclared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sympy as sp

from fa_theory.symbolic.facts import Fact, Premise, claim, put_in, substituted
from fa_theory.symbolic.inference import (
    StepFailed,
    equation,
    inequality,
    inverted,
    multiplied,
    require_continuous,
    require_defined,
    require_possible_rates,
    resting_on,
    summed,
)
from fa_theory.symbolic.premises import establishing, inductive, instance
from fa_theory.symbolic.rates import MatrixRate, Rate, rate
from fa_theory.symbolic.scope import letters, named
from fa_theory.symbolic.steps import Step
from fa_theory.symbolic.vocabulary import Vocabulary

if TYPE_CHECKING:
    from fa_theory.symbolic.proof import Proof

SLACKS = "the difference is a sum of terms that are not negative"
CONSTANT = "constancy: an absolutely continuous function with zero derivative almost everywhere is constant"
MONOTONE = (
    "monotonicity: an absolutely continuous function whose derivative is <= 0 almost everywhere does not increase"
)


class Derivation:
    """A derivation in progress: each method checks a step, records it and returns the fact it establishes.

    Parameters
    ----------
    assumptions : mapping of str to str
        The keys of the assumptions that may be used, with their text.
    """

    def __init__(self, assumptions: Mapping[str, str]) -> None:
        self.assumptions = dict(assumptions)
        self.steps: list[Step] = []
        self.vocabulary = Vocabulary()
        self._stated: dict[Premise, Fact] = {}

    def given(self, key: str, lhs: Any, relation: str, rhs: Any, *, schematic: Sequence[Any] = ()) -> Fact:
        """State what a declared assumption says in symbols.

        Parameters
        ----------
        key : str
            The key of the assumption.
        lhs, relation, rhs
            The claim; relation is ``=``, ``<=`` or ``<``.
        schematic : sequence, optional
            The symbols for every value of which it is assumed (indices always are).

        Raises
        ------
        StepFailed
            If no assumption of that key is declared.
        """
        if key not in self.assumptions:
            raise StepFailed(f"{key!r} is not among the assumptions: {', '.join(self.assumptions) or 'none'}")
        claimed = claim(lhs, relation, rhs)
        require_possible_rates(repr(key), claimed)
        premise = Premise(key, claimed, frozenset(schematic))
        if premise not in self._stated:
            fact = Fact(claimed, frozenset({premise}), schematic=premise.schematic)
            self._stated[premise] = self._record(self.assumptions[key], "assumption", fact, "assumed")
        return self._stated[premise]

    def define(self, name: str, symbol: Any, expression: Any) -> Fact:
        """Name an expression by a symbol (plain, indexed, a matrix or a function of time) that has not occurred before.

        A plain symbol that names something that may move in time cannot be differentiated.

        Raises
        ------
        StepFailed
            If the symbol occurs in an earlier step or in the expression itself, or lacks an index of the expression.
        """
        expression = sp.sympify(expression)
        require_defined(name, [expression], [])
        self.vocabulary.name_moving(self.vocabulary.new(name, symbol, expression), expression)
        return self._record(name, "definition", Fact(claim(symbol, "=", expression)), "definition")

    def equal(
        self, name: str, lhs: Any, rhs: Any, *, because: Sequence[Any] = (), using: Sequence[Fact] = (), why: str = ""
    ) -> Fact:
        """Check lhs = rhs for all sizes.

        Parameters
        ----------
        name, lhs, rhs
            The claim, of scalars or of matrices.
        because : sequence
            Equations a = b, or pairs (multiplier, equation): lhs - rhs must be the sum of the multiples of a - b.
        using : sequence of Fact
            Equations that rewrite products from left to right, wherever they occur.
        why : str
            The justification for a reader.

        Raises
        ------
        StepFailed
            If the normal forms differ.
        """
        fact = equation(name, claim(lhs, "=", rhs), because, using)
        return self._record(name, "identity", fact, why or "both sides have the same normal form")

    def at_most(
        self, name: str, lhs: Any, rhs: Any, *, because: Sequence[Any] = (), using: Sequence[Fact] = (), why: str = ""
    ) -> Fact:
        """Check lhs <= rhs: rhs - lhs is shown to equal the sum of the slacks named in `because`.

        Parameters
        ----------
        name, lhs, rhs
            The claim.
        because : sequence
            Each entry is a fact a <= b (its slack b - a), a pair (multiplier, fact) with a multiplier that is
            shown to be >= 0 (of any sign for an equation), or an expression that is shown to be >= 0, such as a square.
            A multiplier may be a fact c <= d itself, which shows that d - c is >= 0.
        using : sequence of Fact
            Equations to rewrite with.
        why : str
            The justification for a reader.

        Raises
        ------
        StepFailed
            If a multiplier or expression is not shown to be >= 0, or the slacks do not add up.
        """
        fact = inequality(name, claim(lhs, "<=", rhs), because, using)
        return self._record(name, "inequality", fact, why or SLACKS)

    def less(
        self, name: str, lhs: Any, rhs: Any, *, because: Sequence[Any] = (), using: Sequence[Fact] = (), why: str = ""
    ) -> Fact:
        """Check lhs < rhs as in `at_most`; one entry must be strictly positive."""
        fact = inequality(name, claim(lhs, "<", rhs), because, using)
        return self._record(name, "inequality", fact, why or SLACKS)

    def sum_over(self, name: str, fact: Fact, *limits: tuple[Any, Any, Any], why: str = "") -> Fact:
        """Add up a fact that holds for every value of an index: a_i <= b_i gives sum a_i <= sum b_i."""
        return self._record(name, "sum", summed(name, fact, limits), why or "summed over the index")

    def times(self, name: str, multiplier: Any, fact: Fact, *, why: str = "") -> Fact:
        """Multiply a fact by what is shown to be >= 0: an expression, or the slack of another fact.

        An equation may be multiplied by any expression.
        """
        kind = "identity" if fact.claim.relation == "=" else "inequality"
        return self._record(name, kind, multiplied(name, multiplier, fact), why or "multiplied")

    def reciprocal(self, name: str, fact: Fact, *, why: str = "") -> Fact:
        """From 0 < c conclude 0 < 1/c.

        Raises
        ------
        StepFailed
            If the fact is not of that form.
        """
        return self._record(
            name, "inequality", inverted(name, fact), why or "the reciprocal of a positive number is positive"
        )

    def constant(self, name: str, fact: Fact, value: Any) -> Fact:
        """From d/dt Q = 0 conclude Q = value at all times, `value` a new symbol for what Q is at the start.

        Raises
        ------
        StepFailed
            If the fact is not of the form rate(Q) = 0, or the symbol has a meaning already or lacks an index of Q.
        """
        lhs, relation, rhs = fact.claim
        zero = isinstance(rhs, sp.ZeroMatrix) or rhs == 0
        if relation != "=" or not zero or not isinstance(lhs, Rate | MatrixRate):
            raise StepFailed(f"{name}: not of the form rate(Q) = 0: {fact.claim}")
        require_continuous(name, lhs)
        self.vocabulary.still.add(self.vocabulary.new(name, value, lhs.args[0]))
        conserved = resting_on(claim(lhs.args[0], "=", value), [fact])
        cited = frozenset({*conserved.cites, CONSTANT})
        conserved = replace(conserved, cites=cited, schematic=frozenset())
        return self._record(name, "constant", conserved, "its rate of change is zero")

    def monotone(self, name: str, fact: Fact, value: Any) -> Fact:
        """From d/dt Q <= 0 conclude Q <= value at all times, from 0 <= d/dt Q the opposite; `value` as in `constant`.

        Raises
        ------
        StepFailed
            If the fact is not of that form, or the symbol has a meaning already or lacks an index of Q.
        """
        lhs, relation, rhs = fact.claim
        falls, rises = isinstance(lhs, Rate) and rhs == 0, isinstance(rhs, Rate) and lhs == 0
        if relation == "=" or not (falls or rises):
            raise StepFailed(f"{name}: not of the form rate(Q) <= 0 or 0 <= rate(Q): {fact.claim}")
        quantity = (lhs if falls else rhs).args[0]
        require_continuous(name, rate(quantity))
        self.vocabulary.still.add(self.vocabulary.new(name, value, quantity))
        bound = resting_on(claim(quantity, "<=", value) if falls else claim(value, "<=", quantity), [fact])
        bound = replace(bound, cites=bound.cites | {MONOTONE}, schematic=frozenset())
        return self._record(name, "monotone", bound, "its rate of change keeps its sign")

    def differentiated(self, name: str, fact: Fact) -> Fact:
        """From lhs = rhs at all times conclude d/dt lhs = d/dt rhs."""
        if fact.claim.relation != "=":
            raise StepFailed(f"{name}: only equations can be differentiated, got {fact.claim}")
        moved = claim(rate(fact.claim.lhs), "=", rate(fact.claim.rhs))
        return self._record(name, "identity", resting_on(moved, [fact]), "both sides are equal at all times")

    def apply(
        self,
        lemma: Proof,
        at: Mapping[Any, Any],
        given: Mapping[str, Sequence[Fact] | Fact] | None = None,
        *,
        conclusion: int = 0,
        name: str = "",
        why: str = "",
    ) -> Fact:
        """Use a conclusion of another proof, with values put in for its symbols.

        Parameters
        ----------
        lemma : Proof
            The lemma or statement; it is checked first.
        at : mapping
            What to put in for its symbols; see `fa_theory.symbolic.substitution.substitute`.
        given : mapping of str to Fact or sequence of Fact
            For its assumptions, by key, the facts that establish what it says about them, in any order.
            An assumption that is left out must be declared here too, under the same key.
        conclusion : int
            Which of its conclusions.
        name, why : str
            For the reader; by default the lemma's title.

        Raises
        ------
        StepFailed
            If the lemma fails, a hypothesis is not what the fact given for it says, an assumption is undeclared, or
            a value moves in time where the lemma needs a constant.
        """
        name = name or lemma.title
        theorem = lemma.theorem()
        source = theorem.conclusions[conclusion]
        claims = [source.claim, *(premise.claim for premise in source.premises)]
        self.vocabulary.require_constancy(name, theorem.vocabulary, at)
        established = {
            key: (facts,) if isinstance(facts, Fact) else tuple(facts) for key, facts in (given or {}).items()
        }
        unknown = established.keys() - lemma.assumptions.keys()
        if unknown:
            raise StepFailed(f"{name}: {lemma.id} has no assumption {', '.join(sorted(unknown))}")
        try:
            self.vocabulary.adopt(name, theorem.vocabulary, claims, at)
            concluded = substituted(source.claim, at)
            needed = [instance(each, at) for each in sorted(source.premises, key=str)]
            premises = [
                establishing(each, established[each.key]) if each.key in established else self._assumed(each)
                for each in needed
            ]
        except (ValueError, TypeError) as wrong:
            raise StepFailed(f"{name}, by {lemma.id}: {wrong}") from wrong
        require_defined(name, put_in(claims, at), premises)
        fact = resting_on(concluded, premises)
        fact = replace(fact, by_hand=fact.by_hand | source.by_hand, cites=fact.cites | source.cites)
        if theorem.vocabulary.introduced & (letters(source.claim.lhs) | letters(source.claim.rhs)):
            fact = replace(fact, schematic=frozenset())  # what the lemma defines depends on what these stand for
        return self._record(name, "lemma", fact, why or f"{lemma.id}")

    def induct(
        self,
        step: Proof,
        counter: sp.Symbol,
        base: Sequence[Fact],
        given: Mapping[str, Sequence[Fact]] | None = None,
        *,
        key: str = "induction hypothesis",
        name: str = "",
    ) -> list[Fact]:
        """Conclude for every counter >= 0 what a proof assumes at the counter and concludes at counter + 1.

        Parameters
        ----------
        step : Proof
            The step: whatever it assumes under `key` it concludes with counter + 1 in place of the counter.
        counter : Symbol
            An integer symbol >= 0 about which nothing else is assumed.
        base : sequence of Fact
            What is assumed under `key`, at 0.
        given : mapping of str to sequence of Fact
            As in `apply`, for its other assumptions.
        key : str
            The key of the induction hypothesis.
        name : str
            For the reader; by default the step's title.

        Raises
        ------
        StepFailed
            If the step is none, or the base or another hypothesis is not established.
        """
        name, established = name or step.title, dict(given or {})
        try:
            hypotheses, starts, others, sources = inductive(step.theorem(), key, counter)
            premises = [establishing(each, base) for each in starts]
            premises += [
                establishing(each, established[each.key]) if each.key in established else self._assumed(each)
                for each in others
            ]
        except ValueError as wrong:
            raise StepFailed(f"{name}, by {step.id}: {wrong}") from wrong
        facts = []
        for hypothesis in hypotheses:
            fact = resting_on(hypothesis.claim, premises)
            fact = replace(
                fact,
                by_hand=fact.by_hand.union(*(each.by_hand for each in sources)),
                cites=fact.cites.union(*(each.cites for each in sources)),
                schematic=frozenset({counter}),
            )
            facts.append(self._record(name, "induction", fact, f"induction over {counter}, with the step {step.id}"))
        return facts

    def _assumed(self, premise: Premise) -> Fact:
        """Assume here what a lemma assumes, under the same key."""
        return self.given(premise.key, *premise.claim, schematic=tuple(premise.schematic))

    def cite(
        self,
        name: str,
        lhs: Any,
        relation: str,
        rhs: Any,
        *,
        theorem: str,
        using: Sequence[Fact] = (),
        introduces: Sequence[Any] = (),
        universal: bool = False,
    ) -> Fact:
        """Take a claim from a named textbook theorem; it is listed among the citations.

        Parameters
        ----------
        name, lhs, relation, rhs
            The claim.
        theorem : str
            The theorem's name and what it says, in one line.
        using : sequence of Fact
            What the theorem assumes. Every symbol of the claim must occur there, or be introduced.
        introduces : sequence
            New symbols that stand for what the theorem says there is.
        universal : bool
            Whether the claim is true for every value of its symbols, so that nothing need tie them to anything.

        Raises
        ------
        StepFailed
            If a symbol of the claim is tied to nothing, or one that is introduced has a meaning already.
        """
        cited = resting_on(claim(lhs, relation, rhs), using)
        for symbol in introduces:
            self.vocabulary.new(name, symbol, sp.S.Zero)
        new = {each.base if isinstance(each, sp.Indexed) else each for each in introduces}
        told = new.union(*(named(side) for each in using for side in (each.claim.lhs, each.claim.rhs)))
        loose = (named(cited.claim.lhs) | named(cited.claim.rhs)) - told
        if loose and not universal:
            raise StepFailed(f"{name}: nothing that is used says what {', '.join(sorted(map(str, loose)))} stands for")
        cited = replace(cited, cites=cited.cites | {theorem}, schematic=frozenset())
        return self._record(name, "cited", cited, theorem)

    def by_hand(self, name: str, lhs: Any, relation: str, rhs: Any, *, why: str, using: Sequence[Fact] = ()) -> Fact:
        """Accept a claim that no machine has checked; it is listed as what is left by hand."""
        fact = resting_on(claim(lhs, relation, rhs), using)
        fact = replace(fact, by_hand=fact.by_hand | {name}, schematic=frozenset())
        return self._record(name, "by hand", fact, why)

    def _record(self, name: str, kind: str, fact: Fact, why: str) -> Fact:
        fact = self.vocabulary.established_here(name, fact)
        self.steps.append(Step(name, kind, fact.claim, why))
        return fact
