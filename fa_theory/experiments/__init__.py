"""The paper's experiments at this project's scale, on real images of several classes.

Each experiment is a list of cells, which are pure functions of options, seed and images, and a judgement of their rows
against what the paper claims. Of the paper only its abstract and summary were at hand, so its numbers are not known
here, and every criterion is this project's own.
"""

from fa_theory.experiments.alignment import ALIGNMENT
from fa_theory.experiments.conservation import CONSERVATION
from fa_theory.experiments.overfitting import OVERFITTING
from fa_theory.experiments.run import Outcome, document, load_images, run_experiment, write_outcome
from fa_theory.experiments.settings import Experiment, Finding, Images, Settings

EXPERIMENTS = {each.name: each for each in (CONSERVATION, ALIGNMENT, OVERFITTING)}

__all__ = [
    "EXPERIMENTS",
    "Experiment",
    "Finding",
    "Images",
    "Outcome",
    "Settings",
    "document",
    "load_images",
    "run_experiment",
    "write_outcome",
]
