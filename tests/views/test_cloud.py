"""How a projected cloud is grouped and measured."""

import numpy as np

from stability.geometry.cloud import Cloud
from stability.units import COORDINATES, percent_of
from stability.views.cloud import CloudView


def cloud_view(argmax, unit=COORDINATES):
    n = len(argmax)
    sample = Cloud(np.ones((n, 2)), np.ones(n), np.array(argmax), 0.1, 0)
    return CloudView("", np.ones((n, 2)), sample, [f"<{i}>" for i in argmax], unit)


def test_the_distances_of_an_embedding_are_not_lengths():
    unit = percent_of(50.0)
    lengths, embedding = (cloud_view([0], of) for of in (COORDINATES, None))
    assert lengths.measured_in(unit).points.tolist() == [[2, 2]]
    assert embedding.measured_in(unit) is embedding


def test_points_are_grouped_by_the_most_frequent_tokens_and_the_others_last():
    first, second, others = cloud_view([5, 7, 2, 7, 5, 7, 1]).groups(2)
    assert first.tolist() == [False, True, False, True, False, True, False]
    assert second.tolist() == [True, False, False, False, True, False, False]
    assert others.tolist() == [False, False, True, False, False, False, True]


def test_a_cloud_of_few_tokens_has_a_group_for_each_and_no_others():
    only, others = cloud_view([4, 4]).groups(3)
    assert only.all()
    assert not others.any()


def test_every_point_is_in_one_group():
    groups = cloud_view(np.random.default_rng(0).integers(0, 9, 50)).groups(4)
    assert len(groups) == 5
    np.testing.assert_array_equal(np.sum(groups, axis=0), 1)
