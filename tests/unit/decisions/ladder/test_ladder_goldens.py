"""The golden tables of the ladder, to the digit."""

from __future__ import annotations

import math

import pytest

from pilothouse.decisions.ladder.maths import (
    COLD,
    alarmed,
    binomial_tail,
    clopper_pearson,
    detect,
    evidence,
    evidence_rule,
    false_promotion,
    labels_needed,
    labels_until,
    log_evidence,
    mean,
    select,
    spent,
    step,
    upper_bound,
    wilson,
)
from pilothouse.decisions.ladder.maths.exact import Rule

ERRORS = (0, 1, 2, 3, 5, 10)
NEEDED = {
    (0.05, 0.05): ((59, 93, 124, 153, 208, 336), (70, 127, 167, 205, 278, 438)),
    (0.02, 0.05): ((149, 236, 313, 386, 523, 845), (178, 321, 422, 518, 700, 1_103)),
    (0.01, 0.05): ((299, 473, 628, 773, 1_049, 1_693), (357, 644, 846, 1_040, 1_404, 2_212)),
    (0.01, 0.01): ((459, 662, 838, 1_001, 1_307, 2_010), (536, 848, 1_058, 1_260, 1_642, 2_494)),
    (0.001, 0.05): (
        (2_995, 4_742, 6_294, 7_752, 10_511, 16_959),
        (3_586, 6_457, 8_485, 10_428, 14_073, 22_170),
    ),
}


@pytest.mark.parametrize(("eps", "alpha"), NEEDED)
def test_labels_needed_by_the_anytime_test(eps: float, alpha: float) -> None:
    assert tuple(labels_needed(eps, alpha, k) for k in ERRORS) == NEEDED[eps, alpha][1]


@pytest.mark.parametrize(("eps", "alpha"), NEEDED)
def test_labels_needed_by_clopper_pearson_looking_once(eps: float, alpha: float) -> None:
    rule, found = clopper_pearson(eps, alpha), dict[int, int]()
    for n, most in enumerate(rule, start=1):
        for k in ERRORS:
            if k <= most:
                found.setdefault(k, n)
        if most >= max(ERRORS):
            break
    assert tuple(found[k] for k in ERRORS) == NEEDED[eps, alpha][0]
    # The tail itself agrees with the recursion that the rule walks along.
    for k, n in found.items():
        assert binomial_tail(n, k, eps) <= alpha < binomial_tail(n - 1, k, eps)


@pytest.mark.parametrize(
    ("n", "k", "golden"),
    [
        (356, 0, 19.8571),
        (357, 0, 20.0336),
        (643, 1, 19.9979),
        (644, 1, 20.1526),
        (1_000, 2, 64.1606),
        (1_000, 3, 15.1361),
    ],
)
def test_evidence(n: int, k: int, golden: float) -> None:
    # The last digit of the last line was cut, not rounded: it is 15.13618.
    assert abs(evidence(n, k, 0.01) - golden) < 1e-4
    assert math.exp(log_evidence(n, k, 0.01)) == pytest.approx(evidence(n, k, 0.01))


@pytest.mark.parametrize(
    ("n", "k", "golden"),
    [(100, 0, "3.518"), (1_000, 2, "0.846"), (1_000, 5, "1.402"), (5_000, 20, "0.728")],
)
def test_upper_bounds(n: int, k: int, golden: str) -> None:
    assert f"{100 * upper_bound(n, k, 0.05):.3f}" == golden


def test_spending_over_versions() -> None:
    assert [labels_needed(0.01, spent(0.05, 1.0, v)) for v in (1, 2, 10)] == [413, 566, 908]


@pytest.mark.parametrize(
    ("eps", "plain", "first"), [(0.05, 70, 81), (0.02, 178, 206), (0.01, 357, 413), (0.001, 3_586, 4_148)]
)
def test_clean_labels_by_tier(eps: float, plain: int, first: int) -> None:
    assert labels_needed(eps, 0.05) == plain
    assert labels_needed(eps, spent(0.05, 1.0, 1)) == first


def test_reviewers_who_miss_some_cost_labels() -> None:
    assert [labels_needed(0.01 * r, 0.05) for r in (1.0, 0.8, 0.5)] == [357, 447, 716]


@pytest.mark.parametrize(
    ("rule", "every", "goldens"),
    [
        (clopper_pearson, 1, ("23.2", "31.8", "32.9", "0.3")),
        (clopper_pearson, 100, ("20.2", "28.8", "23.7", "0.3")),
        (wilson, 1, ("26.1", "34.5", "36.0", "0.5")),
    ],
)
def test_exact_false_promotion_of_the_others(rule: Rule, every: int, goldens: tuple[str, ...]) -> None:
    assert tuple(f"{100 * chance:.1f}" for chance in _watched(rule, every)) == goldens


def test_exact_false_promotion_of_ours() -> None:
    chances = _watched(evidence_rule, 1)
    assert tuple(f"{100 * chance:.2f}" for chance in chances) == ("4.88", "4.99", "4.93", "0.08")
    assert max(chances) <= 0.05


def _watched(rule: Rule, every: int) -> tuple[float, float, float, float]:
    one = false_promotion(rule, eps=0.01, alpha=0.05, truth=0.01, labels=20_000, every=every)
    five = false_promotion(rule, eps=0.05, alpha=0.05, truth=0.05, labels=5_000, every=every)
    twice = false_promotion(rule, eps=0.01, alpha=0.05, truth=0.02, labels=5_000, every=every)
    return one[4_999], one[-1], five[-1], twice[-1]


def test_ten_versions_one_after_another() -> None:
    def chance(alpha: float) -> float:
        return false_promotion(evidence_rule, eps=0.01, alpha=alpha, truth=0.01, labels=3_000)[-1]

    without = 1 - (1 - chance(0.05)) ** 10
    with_spending = 1 - math.prod(1 - chance(spent(0.05, 1.0, v)) for v in range(1, 11))
    assert (f"{without:.1%}", f"{with_spending:.1%}") == ("37.8%", "4.1%")


@pytest.mark.parametrize(
    ("truth", "median", "never"), [(0.001, 357, 0), (0.003, 846, 0), (0.005, 1_741, 0), (0.007, 7_384, 27)]
)
def test_labels_until_promotion_by_true_error(truth: float, median: int, never: int) -> None:
    curve = false_promotion(evidence_rule, eps=0.01, alpha=0.05, truth=truth, labels=20_000)
    assert labels_until(curve) == median
    assert round(100 * (1 - curve[-1])) == never


def test_selection_stops_where_its_golden_says() -> None:
    clean = [(1.0, False)] * 149
    assert f"{binomial_tail(149, 0, 0.02):.4f}" == "0.0493"
    assert f"{binomial_tail(148, 0, 0.02):.4f}" == "0.0503"
    assert select(clean, eps=0.02, delta=0.05).n == 149
    assert select(clean[1:], eps=0.02, delta=0.05).n == 0


def test_the_detector_settles_and_calls_on_the_third_or_fourth() -> None:
    state: tuple[float, ...] = COLD
    for _ in range(5_000):
        state = step(state, False, 0.01)
    assert state == pytest.approx((98.0, 23.75, 10.0))
    means: list[str] = []
    for _ in range(3):
        state = step(state, True, 0.01)
        means.append(f"{mean(state):.1f}")
    assert means == ["143.9", "710.6", "5010.6"]
    assert alarmed(state, 1e-3)
    assert detect([True] * 9, eps=0.01) == 4
