"""Figures, thresholds and calibration on cases with known answers."""

from __future__ import annotations

import math
from random import Random

import pytest

from pilothouse.learning.figures import area, brier, calibration_error, precision_at_coverage
from pilothouse.learning.thresholds import Aims, fill_threshold, fit_scale, recall_threshold


def test_perfect_and_hopeless_chances() -> None:
    perfect = [(1.0, True)] * 5 + [(0.0, False)] * 5
    assert calibration_error(perfect) == brier(perfect) == area(perfect) == 0
    wrong = [(1.0, False)] * 4
    assert calibration_error(wrong) == brier(wrong) == area(wrong) == 1


def test_area_is_the_mean_error_of_the_surest() -> None:
    assert area([(0.99, True), (0.6, False)]) == pytest.approx((0 + 1 / 2) / 2)
    assert precision_at_coverage([(0.99, True), (0.6, False)], 0.5) == 1.0


def test_calibration_error_by_bins_of_equal_mass() -> None:
    assert calibration_error([(0.5, True), (0.5, False)], bins=1) == 0
    assert calibration_error([(0.9, False)] * 30, bins=15) == pytest.approx(0.9)


def test_scaling_finds_the_temperature_that_made_the_labels() -> None:
    rng = Random(5)
    scores = [rng.gauss(0, 3) for _ in range(4000)]
    truths = [rng.random() < 1 / (1 + math.exp(-(score / 2 + 0.7))) for score in scores]
    temperature, shift = fit_scale(scores, truths)
    assert temperature == pytest.approx(2, rel=0.12)
    assert shift == pytest.approx(0.7, abs=0.15)


def test_scaling_without_both_kinds_changes_nothing() -> None:
    assert fit_scale([1.0, 2.0], [True, True]) == (1.0, 0.0)


def test_few_wordings_prove_a_modest_recall_or_none() -> None:
    aims = Aims()
    assert recall_threshold([0.9] * 5, aims)[1] == 0
    assert recall_threshold([0.9] * 11, aims)[1] == 0.8
    assert recall_threshold([0.9] * 22, aims)[1] == 0.9
    assert recall_threshold([0.9] * 45, aims)[1] == 0.95
    assert recall_threshold([0.9] * 300, aims)[1] == 0.99
    assert recall_threshold([], aims) == (0.5, 0.0)


def test_unproven_recall_stays_below_every_chance_ever_given() -> None:
    threshold, proven = recall_threshold([0.3, 0.6], Aims())
    assert (threshold, proven) == (0.15, 0.0)


def test_recall_thresholds_miss_no_more_than_they_prove() -> None:
    """Of 400 draws, wrong in no more than delta by chance."""
    rng = Random(11)
    wrong = 0
    for _ in range(400):
        threshold, proven = recall_threshold([rng.random() * 0.5 for _ in range(100)], Aims(delta=0.1))
        wrong += threshold / 0.5 > 1 - proven
    assert wrong <= 400 * 0.1 + 2 * math.sqrt(400 * 0.1 * 0.9)


def test_known_wrong_labels_may_be_missed() -> None:
    chances = [0.001] * 3 + [0.9] * 97
    strict, _ = recall_threshold(chances, Aims())
    tolerant, _ = recall_threshold(chances, Aims(), noise=0.03)
    assert strict < 0.01 < tolerant


def test_filling_needs_enough_clean_cases() -> None:
    clean = [(0.95, True)]
    assert fill_threshold(clean * 100, Aims()) == math.inf
    assert fill_threshold(clean * 300, Aims()) == 0.95
    assert fill_threshold(clean * 300 + [(0.95, False)] * 9, Aims()) == math.inf
    assert fill_threshold([], Aims()) == math.inf
