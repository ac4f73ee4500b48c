"""What must hold of the maths beyond the golden tables: laws, edges, refusals."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.decisions.ladder.draws import drawn
from pilothouse.decisions.ladder.maths import (
    COLD,
    alarmed,
    binomial_tail,
    detect,
    evidence,
    evidence_rule,
    false_promotion,
    ks,
    labels_more,
    labels_needed,
    labels_until,
    log_evidence,
    log_evidence_weighted,
    mean,
    psi,
    reserve_weight,
    select,
    spent,
    step,
    upper_bound,
)
from pilothouse.kernel import UsageError

SHARES = st.floats(0.001, 0.6)
COUNTS = st.integers(0, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


# -- evidence


@given(COUNTS, SHARES)
def test_a_bad_label_lowers_the_evidence_a_good_one_raises_it(counts: tuple[int, int], eps: float) -> None:
    n, k = counts
    now = log_evidence(n, k, eps)
    assert log_evidence(n + 1, k + 1, eps) < now < log_evidence(n + 1, k, eps)


@given(COUNTS, SHARES)
def test_the_evidence_is_a_fair_bet_where_the_error_share_is_eps(counts: tuple[int, int], eps: float) -> None:
    n, k = counts
    after = (1 - eps) * evidence(n + 1, k, eps) + eps * evidence(n + 1, k + 1, eps)
    assert after == pytest.approx(evidence(n, k, eps), rel=1e-9)


@given(COUNTS, SHARES, st.floats(0.0001, 0.5))
def test_the_bound_is_where_the_evidence_crosses(counts: tuple[int, int], eps: float, alpha: float) -> None:
    n, k = counts
    bound = upper_bound(n, k, alpha)
    assert (eps < bound) == (log_evidence(n, k, eps) < -math.log(alpha)) or abs(eps - bound) < 1e-9


@given(SHARES, st.floats(0.0001, 0.5), st.integers(0, 6))
def test_labels_needed_is_the_first_number_that_is_enough(eps: float, alpha: float, k: int) -> None:
    n = labels_needed(eps, alpha, k)
    assert log_evidence(n, k, eps) >= -math.log(alpha)
    assert n == k or log_evidence(n - 1, k, eps) < -math.log(alpha)
    assert labels_more(n, k, eps, alpha) == 0
    assert labels_more(k, k, eps, alpha) == n - k


def test_the_product_of_bets_is_what_two_integers_say() -> None:
    eps = 0.02
    cases = [bool(index % 40 == 7) for index in range(200)]
    capital = [1.0] * 4
    for wrong in cases:
        for j, guess in enumerate((0.0, eps / 8, eps / 4, eps / 2)):
            stake = (eps - guess) / (eps * (1 - eps))
            capital[j] *= 1 + stake * (eps - wrong)
    assert evidence(200, sum(cases), eps) == pytest.approx(sum(capital) / 4)


def test_no_label_is_no_evidence_and_very_many_do_not_overflow() -> None:
    assert (log_evidence(0, 0, 0.01), evidence(0, 0, 0.01), upper_bound(0, 0, 0.05)) == (0.0, 1.0, 1.0)
    assert log_evidence(10**7, 0, 0.01) > 90_000
    assert evidence(10**7, 0, 0.01) == math.inf
    # A hopeless claim needs more labels than there will ever be, and the search ends.
    assert labels_needed(1e-300, 0.05) >= 1 << 62


@pytest.mark.parametrize(("n", "k", "eps"), [(1, 2, 0.1), (1, -1, 0.1), (1, 0, 0.0), (1, 0, 1.0)])
def test_counts_that_do_not_fit_together_are_refused(n: int, k: int, eps: float) -> None:
    with pytest.raises(UsageError, match=r"ladder\.counts"):
        log_evidence(n, k, eps)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0])
def test_a_budget_outside_zero_and_one_is_refused(alpha: float) -> None:
    with pytest.raises(UsageError, match=r"ladder\.counts"):
        upper_bound(1, 0, alpha)


# -- spending


def test_the_budget_is_never_overspent() -> None:
    assert sum(spent(0.05, 0.4, number) for number in range(1, 100_000)) < 0.02
    assert sum(reserve_weight(0.2, number) for number in range(1, 100_000)) < 0.2
    with pytest.raises(UsageError, match=r"ladder\.counts"):
        spent(0.05, 1.0, 0)


# -- unequal chances of being audited


@given(st.integers(0, 200), st.integers(0, 5), SHARES)
def test_audited_all_the_weighted_evidence_is_the_plain_one(n: int, k: int, eps: float) -> None:
    k = min(n, k)
    assert log_evidence_weighted([(n, k, 1.0)], eps) == pytest.approx(log_evidence(n, k, eps), abs=1e-9)


def test_the_weighted_evidence_is_a_fair_bet_too() -> None:
    eps, chances = 0.05, (0.1, 0.4)
    # Each case is of either kind with equal chance, bad with chance eps, audited with its own chance.
    total = 0.0
    for first, second in itertools.product(range(2), repeat=2):
        for bad in itertools.product((False, True), repeat=2):
            for seen in itertools.product((False, True), repeat=2):
                chance = 0.25
                counts = {0: [0, 0], 1: [0, 0]}
                for kind, wrong, audited in zip((first, second), bad, seen, strict=True):
                    chance *= eps if wrong else 1 - eps
                    chance *= chances[kind] if audited else 1 - chances[kind]
                    counts[kind][0] += 1
                    counts[kind][1] += wrong and audited
                rows = [(n, k, chances[kind]) for kind, (n, k) in counts.items()]
                total += chance * math.exp(log_evidence_weighted(rows, eps))
    assert total == pytest.approx(1.0)


def test_a_bad_case_found_against_the_odds_weighs_more() -> None:
    rare = log_evidence_weighted([(100, 1, 0.02), (100, 0, 0.5)], 0.1)
    often = log_evidence_weighted([(100, 0, 0.02), (100, 1, 0.5)], 0.1)
    none = log_evidence_weighted([(100, 0, 0.02), (100, 0, 0.5)], 0.1)
    assert rare < often < none
    assert log_evidence_weighted([], 0.1) == 0.0


@pytest.mark.parametrize("rows", [[(1, 2, 0.5)], [(1, 0, 0.0)], [(1, 0, 1.5)]])
def test_weighted_counts_that_do_not_fit_are_refused(rows: list[tuple[int, int, float]]) -> None:
    with pytest.raises(UsageError, match=r"ladder\.counts"):
        log_evidence_weighted(rows, 0.1)


# -- the exact programme


def test_the_programme_agrees_with_counting_every_path() -> None:
    eps, alpha, truth, labels = 0.4, 0.3, 0.35, 12
    limits = list(itertools.islice(evidence_rule(eps, alpha), labels))
    promoted = [0.0] * labels
    for path in itertools.product((False, True), repeat=labels):
        chance = math.prod(truth if wrong else 1 - truth for wrong in path)
        bad = list(itertools.accumulate(path))
        first = next((n for n in range(labels) if bad[n] <= limits[n]), labels)
        for n in range(first, labels):
            promoted[n] += chance
    curve = false_promotion(evidence_rule, eps=eps, alpha=alpha, truth=truth, labels=labels)
    assert curve == pytest.approx(promoted)
    assert labels_until(curve, share=0.99) is None


@given(st.floats(0.02, 0.4), st.floats(0.01, 0.3))
def test_false_promotion_never_passes_alpha_while_watching(eps: float, alpha: float) -> None:
    assert false_promotion(evidence_rule, eps=eps, alpha=alpha, truth=eps, labels=300)[-1] <= alpha


# -- selection


def test_the_tail_at_the_ends() -> None:
    assert [binomial_tail(5, k, 1.0) for k in (4, 5, 6)] == [0.0, 1.0, 1.0]
    assert binomial_tail(5, 0, 0.0) == 1.0


@given(st.integers(0, 60), st.integers(0, 70), st.integers(0, 1_000))
def test_the_tail_is_the_sum_of_exact_chances(n: int, k: int, thousandths: int) -> None:
    share = Fraction(thousandths, 1_000)
    total = sum(math.comb(n, bad) * share**bad * (1 - share) ** (n - bad) for bad in range(min(n, k) + 1))
    assert binomial_tail(n, k, float(share)) == pytest.approx(float(total), abs=1e-9)


def test_selection_stops_at_the_first_threshold_that_fails() -> None:
    # Sure cases are right; in the middle they are not; further down they would be again.
    cases = [(1 - i / 1_000, 300 <= i < 400 and i % 2 == 0) for i in range(1_000)]
    found = select(cases, eps=0.05, delta=0.05)
    assert found.threshold > 0.65
    assert binomial_tail(found.n, found.k, 0.05) == found.p <= 0.05
    assert found.share == found.n / 1_000
    assert select([], eps=0.05, delta=0.05).threshold == math.inf


def test_equal_confidence_is_acted_on_alike() -> None:
    cases = [(0.9, False)] * 100 + [(0.9, True)] * 5 + [(0.1, True)] * 95
    found = select(cases, eps=0.2, delta=0.05)
    assert (found.n, found.k, found.threshold) == (105, 5, 0.9)


@pytest.mark.parametrize(("eps", "delta"), [(0, 0.1), (1, 0.1), (0.1, 0), (0.1, 1)])
def test_selection_refuses_shares_outside_zero_and_one(eps: float, delta: float) -> None:
    with pytest.raises(UsageError, match=r"ladder\.counts"):
        select([(1.0, False)], eps=eps, delta=delta)


def test_selection_breaks_its_promise_rarely_and_acts_on_what_it_can() -> None:
    # Chance of a bad case falls with confidence; seeded, so the figure is the same every time.
    dice = random.Random(7)
    broken, acted = 0, 0.0
    for _ in range(100):
        cases = [(score, dice.random() < (1 - score) ** 2 / 2) for score in _scores(dice, 500)]
        found = select(cases, eps=0.1, delta=0.05)
        acted += found.share / 100
        # The true share of bad cases above a threshold t: mean of (1-s)^2/2 over s in [t, 1].
        truth = (1 - found.threshold) ** 2 / 6 if found.threshold < 1 else 0.0
        broken += truth > 0.1
    assert broken <= 5
    assert acted > 0.5


def _scores(dice: random.Random, size: int) -> list[float]:
    return [dice.random() for _ in range(size)]


# -- the detector


def test_each_figure_grows_by_one_a_case_where_the_error_share_is_eps() -> None:
    eps, state = 0.03, (2.0, 3.0, 4.0)
    good, bad = step(state, False, eps), step(state, True, eps)
    expected = [(1 - eps) * g + eps * b for g, b in zip(good, bad, strict=True)]
    assert expected == pytest.approx([3.0, 4.0, 5.0])


def test_the_detector_knows_error_shares_of_which_ten_times_is_no_share() -> None:
    assert all(figure > 0 for figure in step(COLD, False, 0.4))
    assert detect([True] * 50, eps=0.4) is not None


def test_a_clean_history_never_calls_and_a_bad_one_soon_does() -> None:
    assert detect([False] * 10_000, eps=0.01) is None
    assert alarmed((3_000.0, 0.0, 0.0), 1e-3)
    assert mean((3_000.0, 0.0, 0.0)) == 1_000
    dice = random.Random(3)
    waits = [detect((dice.random() < 0.1 for _ in range(5_000)), eps=0.01) for _ in range(40)]
    assert sorted(wait or 0 for wait in waits)[20] < 60


# -- drift


def test_the_stability_index() -> None:
    assert psi([1, 1, 2], [10, 10, 20]) == pytest.approx(0.0)
    assert psi([50, 50], [70, 30]) == pytest.approx(0.2 * math.log(0.7 / 0.5) - 0.2 * math.log(0.3 / 0.5))
    assert psi([50, 50, 0], [50, 0, 50]) > 1
    for reference, recent in (([1], [1, 2]), ([0, 0], [1, 1]), ([1, 1], [0, 0]), ([], [])):
        with pytest.raises(UsageError, match=r"ladder\.samples"):
            psi(reference, recent)


def test_the_distance_of_two_samples() -> None:
    distance, chance = ks([1, 2, 3, 4], [3, 4, 5, 6])
    assert distance == 0.5
    assert 0.3 < chance < 1
    assert ks([1, 2, 3], [1, 2, 3]) == (0.0, 1.0)
    apart, never = ks(list(range(100)), [n + 1_000 for n in range(100)])
    assert apart == 1.0
    assert never < 1e-12
    with pytest.raises(UsageError, match=r"ladder\.samples"):
        ks([], [1])


def test_samples_alike_are_seldom_called_apart() -> None:
    dice = random.Random(5)
    chances = [
        ks([dice.random() for _ in range(80)], [dice.random() for _ in range(60)])[1] for _ in range(200)
    ]
    assert sum(chance < 0.05 for chance in chances) <= 20
    assert sum(chance < 0.5 for chance in chances) >= 50


# -- the lot


@given(st.text(min_size=1, max_size=40), st.floats(0, 1), st.floats(0, 1))
def test_whoever_is_drawn_at_a_small_share_is_drawn_at_a_larger(effect: str, a: float, b: float) -> None:
    key = b"k" * 32
    assert drawn(key, effect, max(a, b)) >= drawn(key, effect, min(a, b))
    assert drawn(key, effect, 1.0)
    assert not drawn(key, effect, 0.0)


def test_the_lot_falls_on_about_its_share() -> None:
    hits = sum(drawn(b"k" * 32, f"run-{number}:2", 0.2) for number in range(10_000))
    assert 1_850 < hits < 2_150
    assert hits != sum(drawn(b"l" * 32, f"run-{number}:2", 0.2) for number in range(10_000))
