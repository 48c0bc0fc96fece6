"""Counterexample search: tiny instances on which a statement has the least slack."""

from fa_theory.falsification.claim import Outcome
from fa_theory.falsification.claims import droppable
from fa_theory.falsification.families import Family
from fa_theory.falsification.search import EVALUATIONS, Search, falsify, slack_of

__all__ = ["EVALUATIONS", "Family", "Outcome", "Search", "droppable", "falsify", "slack_of"]
