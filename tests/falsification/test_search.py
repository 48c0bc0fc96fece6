"""The counterexample search: it finds what is known to fail, and nothing where a statement is proved."""

import numpy as np
import pytest

import fa_theory as ft
from fa_theory.falsification import Outcome, droppable, slack_of
from fa_theory.falsification.claim import Claim
from fa_theory.falsification.claims import CLAIMS
from fa_theory.falsification.families import Coordinates, Family, make_instance
from fa_theory.falsification.search import _Hunt, _Stopped
from fa_theory.model import AdaptiveFeedback, load_state, max_margin, save_state
from fa_theory.statements import STATEMENTS

DROPS = [(each.statement, each.dropped) for each in CLAIMS if each.dropped is not None]
FLOW = {"method": "flow", "points": 9, "accuracy": 1e-7}


def scalar(w, v, b, activation="linear"):
    return ft.Network([[[w]], [[v]]], activation, [np.array([[b]])])


def test_every_statement_can_be_attacked_as_it_stands():
    assert {each.statement for each in CLAIMS if each.dropped is None} == STATEMENTS.keys()


@pytest.mark.parametrize(("statement", "drop"), DROPS, ids=lambda name: name.replace(" ", "-"))
def test_a_dropped_assumption_has_a_counterexample(statement, drop):
    found = ft.falsify(statement, drop=drop, evaluations=80)
    assert found.refuted
    assert found.stopped == "counterexample"
    assert found.slack < 0
    assert found.tried <= 80


@pytest.mark.parametrize("statement", STATEMENTS)
def test_nothing_is_found_against_a_statement_as_it_stands(statement):
    found = ft.falsify(statement, evaluations=5, seed=3)
    assert not found.refuted
    assert found.stopped == "evaluations"
    assert found.tried == 5
    if statement != "minimum-norm":  # it needs a run that converges
        assert found.admissible > 0
        assert found.slack > -9  # laws: more than ten tolerances would be a refutation


# section D of the theory: instances worked out by hand


def test_dependent_samples_break_exponential_decay():
    problem = ft.Problem([[2.0], [2.0]], [-2.0, 2.0])
    network = scalar(-1.0, 2.5, 1.0, "leaky_relu:0.1")
    # the naive rate is 2 a^2 c lambda = 2 * 0.01 * 2 * 4, from 2.125; the loss cannot fall below 2
    said = slack_of("exponential-decay", network, problem, FLOW | {"time": 40.0}, "linearly independent samples")
    assert said.refuted
    assert slack_of("exponential-decay", network, problem, FLOW | {"time": 40.0}) is None


def test_the_loss_rises_from_a_start_that_is_not_aligned():
    problem = ft.Problem([[1.0]], [3.0])
    network = scalar(-2.0, -1.0, 1.0)
    said = slack_of("descent", network, problem, FLOW | {"time": 2.0}, "aligned start")
    assert said.refuted
    assert said.slack < 0
    assert slack_of("descent", network, problem, FLOW | {"time": 2.0}) is None


def test_adafa_has_a_law_of_its_own():
    problem = ft.Problem([[1.0]], [5.0])
    weights = [np.array([[-1.5]]), np.array([[2.0]])]
    network = ft.Network(weights, "linear", [AdaptiveFeedback(4.0, np.array([[3.0]]), weights[1])])
    # by FA's C = 1.125 - 6 < 0 it is aligned; its own is 1.125 + 8 - 6 > 0
    said = slack_of("exponential-decay", network, problem, FLOW | {"time": 1.0}, "adaFA's own C_i")
    assert said.refuted
    assert slack_of("exponential-decay", network, problem, FLOW | {"time": 1.0}) is None


def test_a_counterexample_is_one_by_a_loop_of_its_own():
    found = ft.falsify("gd-decay", drop="step size at most the certified one", seed=5)
    network, problem, run = found.instance.network, found.instance.problem, found.instance.run
    W, V, B = network.weights[0].copy(), network.weights[1].copy(), network.feedback[0].B
    assert network.biases == (None, None)
    losses = []
    for _ in range(run["steps"] + 1):
        error = problem.X @ W.T @ V.T - problem.Y
        losses.append(float(np.mean(error**2)) / 2)
        with np.errstate(over="ignore", invalid="ignore"):
            W, V = (
                W - run["step_size"] * (error @ B.T).T @ problem.X / len(error),
                V - run["step_size"] * error.T @ (problem.X @ W.T) / len(error),
            )
        if not losses[-1] < 1e20:
            break
    assert max(losses) > losses[0]


# the search itself


def test_a_seed_gives_the_same_search():
    one, two, other = (ft.falsify("gd-decay", evaluations=30, seed=seed) for seed in (1, 1, 2))
    assert (one.slack, one.admissible) == (two.slack, two.admissible)
    assert np.array_equal(one.instance.problem.X, two.instance.problem.X)
    assert one.instance.run == two.instance.run
    assert one.slack != other.slack


def test_more_evaluations_come_closer():
    few, many = (ft.falsify("gd-decay", evaluations=count) for count in (10, 60))
    assert 0 < many.slack < few.slack


@pytest.mark.parametrize(
    ("statement", "drop"), [("gd-decay", None), ("matrix-law", "bias term"), ("neuron-identity", DROPS[0][1])]
)
def test_a_saved_state_has_the_same_slack(statement, drop, tmp_path):
    found = ft.falsify(statement, drop=drop, evaluations=20)
    save_state(tmp_path / "worst.npz", found.instance.network, found.instance.problem)
    state = load_state(tmp_path / "worst.npz")
    name, loss = found.instance.network.activation.name, found.instance.problem.loss.name
    rule = list(state.matrices) or found.instance.network.rule_name
    again = ft.Network(state.weights, name, rule, state.biases)
    outcome = slack_of(statement, again, ft.Problem(state.X, state.Y, loss), found.instance.run, drop)
    assert (outcome.slack, outcome.refuted) == (found.slack, found.refuted)


def toy(measure):
    family = Family((1, 1, 1), 1)
    return Claim("toy", None, (family,), lambda *_: {"accuracy": 1e-4}, measure, "nothing")


def test_what_vanishes_at_a_hundredth_of_the_error_is_no_counterexample():
    hunt = _Hunt(toy(lambda _n, _p, run: Outcome(-1.0, run["accuracy"] > 1e-5, "")), 7, None, None)
    with pytest.raises(_Stopped):
        hunt.explore(np.random.default_rng(0))
    assert (hunt.tried, hunt.admissible, hunt.doubtful, hunt.stopped) == (7, 7, 7, "evaluations")
    assert hunt.best is None


def test_what_stays_is_one():
    hunt = _Hunt(toy(lambda *_: Outcome(-1.0, True, "")), 7, None, None)
    with pytest.raises(_Stopped):
        hunt.explore(np.random.default_rng(0))
    assert (hunt.tried, hunt.doubtful, hunt.stopped) == (1, 0, "counterexample")


def test_a_claim_that_says_nothing_is_reported_so():
    hunt = _Hunt(toy(lambda *_: None), 5, None, None)
    with pytest.raises(_Stopped):
        hunt.explore(np.random.default_rng(0))
    assert (hunt.tried, hunt.admissible, hunt.best) == (5, 0, None)


def test_simplices_find_a_minimum_that_random_points_miss():
    def distance(network, problem, run):
        return Outcome(float((problem.X[0, 0] - 0.3) ** 2 + (network.weights[0][0, 0] + 0.2) ** 2), False, "")

    hunt = _Hunt(toy(distance), 300, None, None)
    with pytest.raises(_Stopped):
        hunt.explore(np.random.default_rng(0))
    assert hunt.best.slack < 1e-4


def test_time_ends_a_search_and_is_said_to():
    found = ft.falsify("neuron-law", seconds=1e-9)
    assert (found.stopped, found.tried, found.slack, found.instance) == ("time", 0, None, None)
    assert found.command("state.npz") is None
    assert found.to_json()["instance"] is None


def test_progress_rises():
    seen = []
    ft.falsify("bregman-drift", evaluations=5, progress=seen.append)
    assert seen == sorted(seen)
    assert len(seen) == 5


@pytest.mark.parametrize(
    "family",
    dict.fromkeys(each for claim in CLAIMS for each in claim.families),
    ids=lambda family: f"{family.rule}-{family.activation}",
)
def test_a_family_has_coordinates_enough_and_the_start_it_says(family):
    coordinates = Coordinates(np.random.default_rng(0).random(family.dimension))
    network, problem = make_instance(family, coordinates)
    assert network.widths == family.widths
    assert problem.n_samples == family.n_samples
    assert coordinates.used < family.dimension  # one at least is left for the run
    if family.start == "aligned":
        assert np.all(ft.laws.neuron_law(network)[-1] <= 1e-12)
    if family.loss in ("logistic", "exponential") and family.start == "aligned" and family.separable:
        assert max_margin(problem.X, problem.Y).lower > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"statement": "no-law"}, "statement must be one of"),
        ({"statement": "neuron-law", "drop": "gravity"}, "'homogeneous activation'"),
        ({"statement": "hitting-time", "drop": "gravity"}, "none"),
        ({"statement": "neuron-law", "evaluations": 0}, "evaluations must be a whole number >= 1"),
        ({"statement": "neuron-law", "evaluations": 1.5}, "evaluations must be a whole number >= 1"),
        ({"statement": "neuron-law", "seconds": 0.0}, "seconds must be a positive finite number"),
        ({"statement": "neuron-law", "seconds": float("nan")}, "seconds must be a positive finite number"),
        ({"statement": "neuron-law", "seed": -1}, "seed must be a whole number >= 0"),
    ],
)
def test_bad_input_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        ft.falsify(**arguments)


def test_droppable_lists_the_assumptions():
    assert "linearly independent samples" in droppable("exponential-decay")
    assert droppable("bregman-drift") == ()
