"""The buffered engine against the plain formulas of `passes`, step by step, and how runs of it are recorded."""

import tracemalloc
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from flow_oracles import RULES, draw_network, draw_problem
from hypothesis import assume, given
from hypothesis import strategies as st

import fa_theory as ft
from fa_theory.dynamics import engine, forward, gradient_descent, loss_of
from fa_theory.dynamics.decay import with_decay
from fa_theory.dynamics.engine import has_engine
from fa_theory.dynamics.steppers import EngineStepper, PlainStepper, stepper
from fa_theory.model import FeedbackAlignment, Network, PotentialFeedback, Problem, initialise, squared
from fa_theory.testing import instances

ETA = 1 / 16


def both(network, problem, decay=0.0, batch_size=None, seed=0, step_size=ETA):
    network, rates = with_decay(network, decay)
    return (
        PlainStepper(network, problem, step_size, rates, batch_size, seed),
        EngineStepper([network], [problem], [step_size], rates, batch_size, [seed]),
    )


def arrays_of(parameters):
    return [*parameters.weights, *(b for b in parameters.biases if b is not None), *parameters.shares]


def largest(*states):
    return max(1.0, *(float(np.max(abs(A))) for state in states for A in arrays_of(state)))


def difference(network, problem, *, steps=3, **options):
    """The largest difference of weights after a few steps, relative to the largest weight of the run."""
    plain, fast = both(network, problem, **options)
    size = 1.0
    for _ in range(steps):
        plain.forward()
        fast.forward()
        plain.advance()
        fast.advance()
        size = largest(plain.parameters(0))
    pairs = zip(arrays_of(plain.parameters(0)), arrays_of(fast.parameters(0)), strict=True)
    return max(float(np.max(abs(p - f))) for p, f in pairs) / size


def tanh_instances():
    return instances(activation="tanh")


def comparable(network, X):
    """Whether rounding is small: nothing is large, above all no output, and rounding decides no sample's side.

    The first layer's sums are exact, as the numbers drawn are eighths; those above may round.
    """
    *first, output = forward(network, X).preactivations
    hidden = first[1:]
    small = np.all(abs(output) < 50) and all(np.all(abs(z) < 1e3) for z in first)
    return small and not (network.activation.has_kink and any(np.any(abs(z) < 1e-9) for z in hidden))


# One step of numbers of size at most 2: rounding is some hundred eps of the largest weight, times what powers of sums
# magnify (2^6 and more); a wrong formula is off by far more than the million eps that leave room for both.
TOLERANCE = 1e6 * np.finfo(float).eps


@given(st.one_of(instances(), instances(depth=2, n_outputs=1), tanh_instances()), st.sampled_from([0.0, 0.5]))
def test_the_engine_takes_the_step_of_the_plain_formulas(instance, decay):
    network, problem = instance
    assume(comparable(network, problem.X))
    assert difference(network, problem, decay=decay, steps=1) <= TOLERANCE


@given(instances(n_samples=4), st.integers(1, 4), st.integers(0, 3))
def test_minibatches_too(instance, batch_size, seed):
    network, problem = instance
    assume(comparable(network, problem.X))
    assert difference(network, problem, batch_size=batch_size, seed=seed, steps=1) <= TOLERANCE


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("widths", [(3, 5, 1), (3, 5, 2), (3, 4, 5, 1), (9, 5, 1), (9, 4, 5, 2)])
@pytest.mark.parametrize("name", ["leaky_relu:0.2", "linear"])
@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_larger_networks(rule, widths, name, biases, decay):
    """With fewer samples than inputs too (7 and 9), where the engine keeps z_1 in place of W_1."""
    network = draw_network(1, widths, name, rule, biases=biases, scale=0.5)
    problem = draw_problem(1, 7, widths[0], widths[-1])
    assert difference(network, problem, decay=decay, steps=20) <= 1e-13


@pytest.mark.parametrize("name", ["relu", "leaky_relu:0.2", "linear", "power:2"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_at_zero_the_slope_is_the_one_from_the_left(name, n_outputs):
    """A sample at zero, weights at zero and at minus zero: every z there is a zero, and phi' is the left slope."""
    W = np.array([[0.0, -0.0], [-0.0, -0.0], [1.0, -1.0], [-2.0, 0.5]])
    X = np.array([[0.0, 0.0], [1.0, 1.0], [-0.0, 3.0], [1.0, 2.0]])
    network = Network([W, np.ones((n_outputs, 4))], name, [np.ones((4, n_outputs))])
    problem = Problem(X, np.arange(4.0 * n_outputs).reshape(4, n_outputs))
    assert difference(network, problem, steps=1) <= 1e-15
    if name != "power:2":  # which grows without bound
        assert difference(network, problem, steps=5) <= 1e-13


def test_dead_neurons_do_not_move():
    network = Network([[[-1.0, -1.0], [1.0, 0.5]], [[1.0, 1.0]]], "relu", [np.ones((2, 1))])
    run = ft.simulate(network, Problem([[1.0, 1.0], [2.0, 0.5]], [1.0, 2.0]), method="gd", steps=50)
    assert run.states[-1].weights[0][0].tolist() == [-1.0, -1.0]
    assert run.states[-1].weights[1][0, 0] == 1.0


class Altered:
    """NumPy with some functions replaced."""

    def __init__(self, **replaced):
        self.__dict__.update(replaced)

    def __getattr__(self, name):
        return getattr(np, name)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_a_perturbed_formula_is_seen(monkeypatch, n_outputs):
    """Negative control: slopes that take the right value at zero, or are a little wrong, fail the comparison."""
    network, problem = draw_network(1, (3, 5, n_outputs)), draw_problem(1, 7, 3, n_outputs)
    at_zero = Network([np.zeros((5, 3)), *network.weights[1:]], "leaky_relu:0.2", network.feedback)
    assert difference(network, problem, steps=1) <= 1e-15
    monkeypatch.setattr(engine, "np", Altered(greater=np.greater_equal))
    assert difference(network, problem, steps=1) <= 1e-15
    assert difference(at_zero, problem, steps=1) > 1e-3
    monkeypatch.setattr(engine, "np", Altered(maximum=np.add))
    assert difference(network, problem, steps=1) > 1e-4


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("altered", [{"zeros_like": np.ones_like}, {"ones_like": np.zeros_like}, {"add": np.subtract}])
def test_a_perturbed_gram_form_is_seen(monkeypatch, n_outputs, altered):
    """Negative control: a sum of delta_1 that starts at one, an old W_1 that counts for nothing, a wrong sign."""
    network, problem = draw_network(1, (9, 5, n_outputs)), draw_problem(1, 7, 9, n_outputs)
    assert difference(network, problem) <= 1e-14
    monkeypatch.setattr(engine, "np", Altered(**altered))
    assert difference(network, problem) > 1e-3


@pytest.mark.parametrize("name", ["leaky_relu:0.2", "linear"])
@pytest.mark.parametrize(
    ("widths", "samples", "gram", "rank"),
    [((9, 5, 2), 7, True, True), ((5, 5, 2), 7, False, True), ((40, 3, 40), 60, False, False)],
)
def test_which_form_is_taken(monkeypatch, name, widths, samples, gram, rank):
    """Fewer samples than inputs; two linear layers, unless outputs are many beside the width. All give the same."""
    taken = []
    for form in ("_GramForm", "_plan_linear"):
        plain = getattr(engine, form)
        monkeypatch.setattr(engine, form, lambda *a, form=form, plain=plain: taken.append(form) or plain(*a))
    network, problem = draw_network(1, widths, name, scale=0.3), draw_problem(1, samples, widths[0], widths[-1])
    assert difference(network, problem) <= 1e-13
    expected = ["_plan_linear"] * rank if name == "linear" else ["_GramForm"] * gram
    assert taken == expected
    taken.clear()
    assert difference(network, problem, batch_size=4) <= 1e-13
    assert "_GramForm" not in taken


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda X: np.repeat(X, 2, axis=1)[:, ::2]])
@pytest.mark.parametrize("inputs", [4, 60])
@pytest.mark.parametrize("name", ["leaky_relu:0.2", "linear"])
def test_single_precision_and_other_layouts(layout, inputs, name):
    """Fewer and more samples than inputs: losses to 1e-4 of double precision, dtype kept, read-only data untouched."""
    network, problem = draw_network(1, (inputs, 9, 1), name, scale=0.1), draw_problem(1, 30, inputs, 1)
    options = {"method": "gd", "steps": 100, "step_size": 0.02, "points": 3, "loss_every": 10}
    wide = ft.simulate(network, problem, **options)
    narrow = Network([W.astype("f4") for W in network.weights], name, [network.feedback[0].B.astype("f4")])
    X = layout(problem.X.astype("f4"))
    X.flags.writeable = False
    run = ft.simulate(narrow, Problem(X, problem.Y.astype("f4")), **options)
    assert all(W.dtype == np.float32 for W in run.states[-1].weights)
    np.testing.assert_allclose(run.losses, wide.losses, rtol=1e-4)


def test_reading_the_weights_of_the_gram_form_changes_rounding_only():
    """A run whose weights are read at every step, and one whose weights are read at the end."""
    network, problem = draw_network(1, (30, 8, 1)), draw_problem(1, 6, 30, 1)
    options = {"method": "gd", "steps": 400, "step_size": 0.01}
    often, once = (ft.simulate(network, problem, points=points, **options) for points in (401, 2))
    np.testing.assert_allclose(once.states[-1].weights[0], often.states[-1].weights[0], rtol=0, atol=1e-13)
    np.testing.assert_allclose(once.loss[-1], often.loss[-1], rtol=1e-12)


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_float32_stays_float32(n_outputs, loss):
    """Losses after a hundred steps to 1e-4, and no float64 on the way."""
    if loss == "cross_entropy" and n_outputs == 1:
        loss = "logistic"
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 4))
    Y = np.eye(3)[rng.integers(0, 3, 30)] if n_outputs == 3 else np.sign(X[:, :1])
    network = initialise("gaussian", (4, 9, n_outputs), "leaky_relu:0.1", "fa", seed=1)
    single = [W.astype("f4") for W in network.weights]
    narrow = Network(single, "leaky_relu:0.1", [rule.B.astype("f4") for rule in network.feedback])
    options = {"method": "gd", "steps": 100, "step_size": 0.1, "points": 3, "loss_every": 10}
    wide, run = (
        ft.simulate(network, Problem(X, Y, loss), **options),
        ft.simulate(narrow, Problem(X.astype("f4"), Y.astype("f4"), loss), **options),
    )
    assert all(W.dtype == np.float32 for W in run.states[-1].weights)
    np.testing.assert_allclose(run.loss, wide.loss, rtol=1e-4)
    np.testing.assert_allclose(run.losses, wide.losses, rtol=1e-4)


def test_large_arrays_go_through_the_activation_in_pieces():
    """(n, N) of 60 by 3000 is cut in rows; the result is that of the plain formulas."""
    network = initialise("gaussian", (4, 60, 2), "leaky_relu:0.1", "fa", seed=1)
    rng = np.random.default_rng(0)
    problem = Problem(rng.standard_normal((3000, 4)), rng.standard_normal((3000, 2)))
    assert difference(network, problem, steps=3) <= 1e-13


# --- what is recorded -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["gd", "sgd"])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_losses_between_the_states(method, loss):
    """The losses of every step are those of runs that end at that step."""
    network, problem = draw_network(1, (3, 5, 1)), draw_problem(1, 12, 3, 1)
    problem = Problem(problem.X, np.sign(problem.Y), loss)
    options = {"method": method, "step_size": 0.05, "batch_size": 4 if method == "sgd" else None, "seed": 3}
    run = ft.simulate(network, problem, steps=9, points=3, loss_every=2, **options)
    np.testing.assert_allclose(run.loss_t, [0.0, 0.1, 0.2, 0.3, 0.4], rtol=1e-15)
    assert run.options["loss_every"] == 2
    for k, value in zip((0, 2, 4, 6, 8), run.losses, strict=True):
        end = ft.simulate(network, problem, steps=k, points=2, **options)
        assert value == pytest.approx(float(loss_of(end.network_at(-1), problem)), rel=1e-14)
    assert ft.simulate(network, problem, steps=9, points=3, **options).losses.size == 0


def test_one_loss_for_each_step_over_many_blocks():
    network, problem = draw_network(1, (3, 5, 1)), draw_problem(1, 200, 3, 1)
    run = ft.simulate(network, problem, method="gd", steps=1000, step_size=0.01, points=11, loss_every=1)
    assert len(run.losses) == 1001
    np.testing.assert_allclose(run.losses[::100], run.loss, rtol=1e-15)
    np.testing.assert_allclose(run.loss_t[::100], run.t, rtol=1e-14)


def test_sgd_runs_over_all_samples_at_recorded_points_only(monkeypatch):
    network, problem = draw_network(1, (3, 5, 1)), draw_problem(1, 12, 3, 1)
    counts = {}

    def count(self):
        counts[self.output.shape[-1]] = counts.get(self.output.shape[-1], 0) + 1
        return plain(self)

    plain = engine.Engine.forward
    monkeypatch.setattr(engine.Engine, "forward", count)
    ft.simulate(network, problem, method="sgd", steps=50, batch_size=4, points=3)
    assert counts == {12: 3, 4: 50}
    counts.clear()
    ft.simulate(network, problem, method="gd", steps=50, points=3, loss_every=1)
    assert counts == {12: 51}


def test_user_rules_take_the_plain_formulas():
    rule = PotentialFeedback(lambda W: W.T, lambda W: np.sum(W**2, axis=0) / 2)
    network, problem = draw_network(1, (3, 5, 1)), draw_problem(1, 12, 3, 1)
    own = Network(network.weights, network.activation, [rule])
    assert not has_engine(own, problem)
    assert isinstance(stepper([own], [problem], [0.1], (), None, [0]), PlainStepper)
    options = {"method": "gd", "steps": 30, "step_size": 0.05, "loss_every": 1}
    same = ft.simulate(Network(network.weights, network.activation, "backprop"), problem, **options)
    np.testing.assert_allclose(ft.simulate(own, problem, **options).losses, same.losses, rtol=1e-12)


def test_another_namespace_takes_the_plain_formulas_and_notes_losses_in_packs(monkeypatch):
    """Losses stay scalars of the namespace, packed ten at a time here, until a point is recorded."""
    xp = pytest.importorskip("array_api_strict")
    monkeypatch.setattr("fa_theory.dynamics.steppers._SCALARS", 10)
    network, problem = draw_network(1, (3, 5, 1)), draw_problem(1, 8, 3, 1)
    strict = Network([xp.asarray(W) for W in network.weights], "leaky_relu:0.2", [xp.asarray(network.feedback[0].B)])
    options = {"method": "gd", "steps": 50, "step_size": 0.05, "points": 3, "loss_every": 1}
    network = Network(network.weights, "leaky_relu:0.2", network.feedback)
    wanted = ft.simulate(network, problem, **options)
    run = ft.simulate(strict, Problem(xp.asarray(problem.X), xp.asarray(problem.Y)), **options)
    np.testing.assert_allclose(run.losses, wanted.losses, rtol=1e-12)
    np.testing.assert_allclose(run.loss, wanted.loss, rtol=1e-12)
    assert type(run.states[-1].weights[0]) is type(xp.ones(1))


def test_exact_rationals_take_the_plain_formulas():
    """x = 1, y = 0, w = 1, v = 1, b = 1, eta = 1/2: e = 1 leads to w = v = 1/2 and e = 1/4, all exact."""
    one = np.array([[Fraction(1)]])
    network, problem = Network([one, one], "linear", [one]), Problem(one, 0 * one)
    run = gradient_descent(network, problem, steps=1, step_size=Fraction(1, 2), points=2, loss_every=1)
    assert [W[0, 0] for W in run.states[-1].weights] == [Fraction(1, 2)] * 2
    assert run.losses.tolist() == run.loss.tolist() == [0.5, 1 / 32]


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("loss_every", [None, 1, 7])
def test_a_run_that_diverges_between_points_ends_before_it(monkeypatch, plain, loss_every):
    """With w = v = b = x = 1, y = 0 the step of eta = 3 gives w = v = -2, then -14 and 22, and so on to infinity."""
    if plain:
        monkeypatch.setattr("fa_theory.dynamics.steppers.has_engine", lambda *_: False)
    network = Network([[[1.0]], [[1.0]]], "linear", [[[1.0]]])
    options = {"method": "gd", "step_size": 3.0, "steps": 4000, "loss_every": loss_every}
    run = ft.simulate(network, Problem([[1.0]], [0.0]), points=3, **options)
    assert run.outcome == "diverged"
    assert run.t.tolist() == [0.0]
    assert run.n_steps == 1000
    assert np.all(np.isfinite(run.losses))
    every = ft.simulate(network, Problem([[1.0]], [0.0]), points=4001, **options | {"loss_every": 1})
    assert every.outcome == "diverged"
    assert run.losses.tolist() == (every.losses[::loss_every].tolist() if loss_every else [])
    # weights beyond 1e30 end a run at a recorded point before its loss overflows
    assert every.loss.tolist() == every.losses[: len(every.loss)].tolist()
    assert 3 <= len(every.loss) < every.n_steps + 1 < 30


def test_weights_that_grow_where_the_loss_stays_finite():
    """A start beyond 1e30 in a dead neuron: the loss is finite, and the run is not completed."""
    network = Network([[[-1e31], [1.0]], [[1.0, 1.0]]], "relu", [np.ones((2, 1))])
    run = ft.simulate(network, Problem([[1.0]], [0.0]), method="gd", steps=3, step_size=0.1)
    assert run.outcome == "diverged"
    assert len(run.t) == 0


@pytest.mark.parametrize("loss_every", [0, -1, 1.5])
def test_loss_every_is_checked(loss_every):
    network, problem = draw_network(1, (3, 5, 1)), draw_problem(1, 12, 3, 1)
    with pytest.raises(ValueError, match="loss_every must be a whole number >= 1"):
        gradient_descent(network, problem, steps=3, step_size=0.1, loss_every=loss_every)
    with pytest.raises(ValueError, match="loss_every needs the method gd or sgd, got 'flow'"):
        ft.simulate(network, problem, loss_every=1)


def test_memory_does_not_grow_with_steps():
    """20,000 steps that record 1,000 losses keep these, 16 bytes each, and two states."""
    network, problem = draw_network(1, (3, 5, 1)), draw_problem(1, 20, 3, 1)
    tracemalloc.start()
    try:
        peaks = []
        for steps in (1000, 20_000):
            tracemalloc.reset_peak()
            start = tracemalloc.get_traced_memory()[0]
            run = ft.simulate(network, problem, method="gd", steps=steps, points=2, loss_every=steps // 1000)
            peaks.append(tracemalloc.get_traced_memory()[1] - start)
            assert len(run.losses) == 1001
    finally:
        tracemalloc.stop()
    # buffers of the noted outputs, 256 KB, come on top of what is recorded
    assert peaks[1] <= peaks[0] + 200_000
    assert peaks[1] <= 1_500_000


@pytest.mark.parametrize(("widths", "loss"), [((5, 4, 3), "squared"), ((5, 4, 4, 1), "logistic")])
def test_the_layout_of_the_weights_in_memory_makes_no_difference(widths, loss):
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((n, d)) for d, n in pairwise(widths)]
    feedback = [rng.standard_normal(W.shape).T for W in weights[1:]]
    problem = Problem(rng.standard_normal((9, 5)), np.sign(rng.standard_normal((9, widths[-1]))), loss)
    rows, columns = (
        ft.simulate(Network(layout, "leaky_relu:0.2", feedback), problem, method="gd", steps=5, step_size=0.1)
        for layout in (weights, [np.asfortranarray(W) for W in weights])
    )
    np.testing.assert_allclose(columns.loss, rows.loss, rtol=1e-13)


def test_a_subclass_of_a_rule_keeps_its_own_matrix():
    class Halved(FeedbackAlignment):
        def matrix(self, weight):  # noqa: ARG002 - the signature of all rules
            return self.B / 2

    rng = np.random.default_rng(0)
    X, W, V, B = (rng.standard_normal(shape) for shape in ((6, 3), (4, 3), (1, 4), (4, 1)))
    problem, run = Problem(X, X[:, 0]), {"method": "gd", "steps": 20, "step_size": 0.05}
    own = ft.simulate(Network([W, V], "linear", [Halved(B)]), problem, **run)
    np.testing.assert_allclose(own.loss, ft.simulate(Network([W, V], "linear", [B / 2]), problem, **run).loss)
    assert abs(own.loss[-1] - ft.simulate(Network([W, V], "linear", [B]), problem, **run).loss[-1]) > 1e-3


def test_a_loss_of_ones_own_is_not_taken_for_the_squared_loss_by_its_name():
    rng = np.random.default_rng(0)
    X, W, V, B = (rng.standard_normal(shape) for shape in ((6, 3), (4, 3), (1, 4), (4, 1)))
    tripled = replace(
        squared,
        value=lambda f, y: 3 * squared.value(f, y),
        derivative=lambda f, y: 3 * squared.derivative(f, y),
    )
    network, run = Network([W, V], "linear", [B]), {"method": "gd", "steps": 20}
    own = ft.simulate(network, Problem(X, X[:, 0], tripled), step_size=0.01, **run)
    plain = ft.simulate(network, Problem(X, X[:, 0]), step_size=0.03, **run)
    np.testing.assert_allclose(own.loss, 3 * plain.loss, rtol=1e-12)
