"""Sliding along kinks, where no classical solution exists, and starts from which several solutions leave."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from flow_oracles import draw_network, draw_problem, field, loss_at, pack, unpack
from scipy.integrate import quad, solve_ivp

from fa_theory.dynamics import flow
from fa_theory.model import Network, Problem, initialise

RULES = ("fa", "sign-fa", "adafa:1", "backprop")


def kinds(run):
    return Counter(event.kind for event in run.events)


class HandSolved:
    """One neuron, two samples x_1 = (1, 0), x_2 = (c, s) of unit length, b = 1, y_1 < 0 < y_2, a = 0.2.

    With p = w.x_1, q = w.x_2 > 0 and e_1 = v phi(p) - y_1, e_2 = v q - y_2,
        dp/dt = -1/2 (e_1 theta + c e_2),   dq/dt = -1/2 (c e_1 theta + e_2),   dv/dt = -1/2 (e_1 phi(p) + e_2 q).
    On p = 0, e_1 = -y_1 > 0: the kink attracts while a < theta < 1 for theta = c e_2 / y_1. Sliding,
        dq/dt = -1/2 s^2 e_2   and   dv/dt = -1/2 e_2 q,   so   v - q^2 / (2 s^2)   is constant,
    and the time in it is an integral over q. It ends where theta = a, that is e_2 = a y_1 / c; then p < 0.
    """

    a, c, s, y1, y2, start = 0.2, 0.6, 0.8, -1.0, 2.0, (0.3, 0.5, 0.5)

    def smooth(self, theta):
        def velocity(t, state):
            p, q, v = state
            e1, e2 = v * theta * p - self.y1, v * q - self.y2
            return [
                -(e1 * theta + self.c * e2) / 2,
                -(self.c * e1 * theta + e2) / 2,
                -(e1 * theta * p + e2 * q) / 2,
            ]

        return velocity

    def phases(self, end):
        """Entry time, exit time, and (p, q, v) as a function of time."""
        options = {"method": "DOP853", "rtol": 1e-13, "atol": 1e-14, "dense_output": True}

        def on_kink(t, state):
            return state[0]

        on_kink.terminal = True
        first = solve_ivp(self.smooth(1.0), (0, end), self.start, events=on_kink, **options)
        entry, (_, q0, v0) = first.t[-1], first.y[:, -1]

        def v_of(q):
            return v0 + (q**2 - q0**2) / (2 * self.s**2)

        def speed(q):
            return -(self.s**2) * (v_of(q) * q - self.y2) / 2

        exit_error = self.a * self.y1 / self.c
        roots = np.roots([1 / (2 * self.s**2), 0, v0 - q0**2 / (2 * self.s**2), -self.y2 - exit_error])
        q1 = next(float(r.real) for r in roots if abs(r.imag) < 1e-12 and r.real > q0)
        left = entry + quad(lambda q: 1 / speed(q), q0, q1, epsabs=1e-14, epsrel=1e-13)[0]
        second = solve_ivp(lambda _, q: [speed(q[0])], (entry, left), [q0], **options)
        third = solve_ivp(self.smooth(self.a), (left, end), [0.0, q1, v_of(q1)], **options)

        def state(t):
            if t < entry:
                return first.sol(t)
            if t < left:
                q = second.sol(t)[0]
                return np.asarray([0.0, q, v_of(q)])
            return third.sol(t)

        return entry, left, state

    def loss(self, p, q, v):
        return ((v * (p if p > 0 else self.a * p) - self.y1) ** 2 + (v * q - self.y2) ** 2) / 4


def test_a_hand_solved_neuron_enters_slides_and_leaves():
    case = HandSolved()
    X = np.asarray([[1.0, 0.0], [case.c, case.s]])
    p, q, v = case.start
    network = Network([np.linalg.solve(X, [p, q])[None, :], [[v]]], "leaky_relu:0.2", [np.ones((1, 1))])
    run = flow(network, Problem(X, [case.y1, case.y2]), time=4.0, points=41)
    entry, left, state = case.phases(4.0)
    assert [event.kind for event in run.events] == ["sliding starts", "sliding ends"]
    assert [event.time for event in run.events] == pytest.approx([entry, left], abs=1e-7)
    assert run.unique
    expected = np.asarray([case.loss(*state(t)) for t in run.t])
    assert np.all(abs(run.loss - expected) <= run.error + 1e-12)
    assert np.all(run.error <= 1e-8 * run.loss[0])
    inside = [k for k, t in enumerate(run.t) if entry < t < left]
    assert len(inside) >= 3
    for k in inside:
        _, q, v = state(run.t[k])
        theta = case.c * (v * q - case.y2) / case.y1
        assert float(run.slopes[k][0][0, 0]) == pytest.approx(theta, abs=1e-7)
        assert abs(float(X[0] @ run.states[k].weights[0][0])) <= 1e-14


def smoothed(network, problem, times, width):
    """The flow with phi' raised from a to 1 over |z| < width instead of at once; stiff, and first order in width."""
    a = network.activation.slope
    weights, matrices = list(network.weights), [rule.B for rule in network.feedback]

    def thetas(layer, z):
        return a + (1 - a) * np.clip(0.5 + z / (2 * width), 0, 1), np.where(z > 0, z, a * z)

    def velocity(t, y):
        return pack(field(unpack(y, weights), problem.X, problem.Y, matrices, thetas))

    run = solve_ivp(velocity, (0, times[-1]), pack(weights), "BDF", times, rtol=1e-9, atol=1e-11)
    return np.asarray([loss_at(unpack(y, weights), problem.X, problem.Y, a) for y in run.y.T])


@pytest.mark.parametrize("widths", [(3, 4, 1), (2, 3, 2, 1)])
def test_sliding_is_the_limit_of_smoothed_kinks(widths):
    """Filippov's solution is the limit of a thin smooth layer in place of the kink, at first order in its width."""
    for seed in range(100):
        network, problem = draw_network(seed, widths), draw_problem(seed, 4, widths[0], 1)
        run = flow(network, problem, time=1.5, points=7)
        if kinds(run)["sliding starts"] >= 1 and run.outcome == "completed":
            break
    assert kinds(run)["sliding starts"] >= 1
    wide, narrow = (np.max(abs(smoothed(network, problem, run.t, width) - run.loss)) for width in (1e-3, 1e-4))
    assert narrow <= 1e-3 * run.loss[0]
    assert narrow <= 0.3 * wide + 1e-8


def instances(rule, count):
    for seed in range(count):
        network = draw_network(seed, (2, 4, 1), rule=rule)
        yield flow(network, draw_problem(seed, 5, 2, 1), time=2.0, points=21)


@pytest.mark.parametrize("rule", RULES)
def test_neuron_law_holds_through_crossings_and_sliding(rule):
    """neuron-law holds along every Filippov solution, so its drift is the integrator's error and nothing else."""
    seen = Counter()
    for run in instances(rule, 12):
        assert run.outcome == "completed"
        seen += kinds(run)

        def law(now):
            return np.sum(now.weights[0] ** 2, axis=1) / 2 - now.feedback[0].potential(now.weights[1])

        assert all(before.time <= after.time for before, after in pairwise(run.events))
        values, uncertainty = run.along(law)
        assert np.all(abs(values - values[0]) <= 2 * uncertainty + 1e-11)
    assert seen["crossing"] > 10
    if rule == "fa":
        assert seen["sliding starts"] >= 2
        assert seen["sliding ends"] >= 1


def test_a_sliding_neuron_stays_on_its_kink():
    """Between its start and its end, |w_i.x_j| is rounding and phi' lies in [a, 1]."""
    checked = 0
    for run in instances("fa", 12):
        for start in (event for event in run.events if event.kind == "sliding starts"):
            ends = [
                event.time
                for event in run.events
                if event.kind == "sliding ends" and event.samples == start.samples and event.time > start.time
            ]
            end = min(ends, default=np.inf)
            for k, t in enumerate(run.t):
                if start.time < t < end:
                    for sample in start.samples:
                        z = run.problem.X[sample] @ run.states[k].weights[0][start.neuron]
                        assert abs(z) <= 1e-13
                        assert 0.2 - 1e-9 <= float(run.slopes[k][0][sample, start.neuron]) <= 1 + 1e-9
                    checked += 1
    assert checked >= 5


def test_parallel_samples_share_their_kink():
    """Sample 1 repeats sample 0, sample 2 is -2 times it; sample 3 is apart."""
    shared = 0
    for seed in range(12):
        network, problem = draw_network(seed, (2, 3, 1)), draw_problem(seed, 4, 2, 1)
        X = np.asarray(problem.X)
        X[1], X[2] = X[0], -2 * X[0]
        run = flow(network, Problem(X, problem.Y), time=2.0, points=5)
        assert run.outcome == "completed"
        for event in run.events:
            if event.kind != "crossing":
                assert set(event.samples) in ({0, 1, 2}, {3})
                shared += len(event.samples) == 3
    assert shared >= 1


def example(w):
    X, y = np.asarray([[1.0], [-1.0]]), np.asarray([1.0, 0.5])
    one = np.ones((1, 1))
    return flow(Network([[[w]], one], "leaky_relu:0.2", [one]), Problem(X, y), time=40.0, points=21)


def test_a_start_with_two_solutions_is_reported():
    """THEORY, Solutions: L(40) = 0.1178 and 0.2909. From either side only one of them can be reached."""
    both = (0.1178, 0.2909)
    on_kink = example(0.0)
    assert not on_kink.unique
    assert on_kink.events[0].kind == "start"
    assert min(abs(on_kink.loss[-1] - value) for value in both) < 5e-5
    right, left = example(1e-12), example(-1e-12)
    assert right.unique
    assert left.unique
    assert sorted([right.loss[-1], left.loss[-1]]) == pytest.approx(both, abs=5e-5)


@pytest.mark.parametrize("rule", RULES)
def test_ordinary_starts_have_one_solution(rule):
    for seed in range(6):
        run = flow(
            draw_network(seed, (3, 4, 2), rule=rule), draw_problem(seed, 5, 3, 2), time=1.0, points=3, accuracy=1e-6
        )
        assert run.unique


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["linear", "leaky_relu:0.2", "relu"])
def test_all_zero_weights(rule, name):
    """FA and adaFA leave zero in the direction of the feedback; backprop and sign-FA's first layer see no signal."""
    run = flow(initialise("zero", (2, 3, 1), name, rule, seed=1), draw_problem(1, 4, 2, 1), time=1.0, points=5)
    assert run.outcome == "completed"
    moved = np.max(abs(run.states[-1].weights[0])) > 0
    assert moved == (rule in ("fa", "adafa:1"))
    if not moved:
        assert np.all(run.loss == run.loss[0])
