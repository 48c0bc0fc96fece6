"""neuron-identity: wrong variants of the proof must fail."""

from mutants import assert_mutants_fail


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "neuron-identity",
        [
            ("wrong sign", 'rate(v[r, i]), "=", -over_samples(', 'rate(v[r, i]), "=", over_samples('),
            ("missing 1/N", "-over_samples(delta[j, i]))", "-N * over_samples(delta[j, i]))"),
            ("bias dropped", "(k, 1, d)) + bias[i])", "(k, 1, d)))"),
        ],
    )
