"""Lengths in other units."""

from stability.units import COORDINATES, percent_of, relative_error, unit_of


def test_coordinates_are_left_as_they_are():
    assert COORDINATES.count(0.3) == 0.3


def test_a_length_is_counted_in_hundredths_of_the_norm():
    assert percent_of(40.0).count(0.2) == 0.5


def test_no_length_is_none():
    assert percent_of(40.0).count(None) is None


def test_a_length_that_is_half_as_long_is_minus_one_half():
    assert relative_error(1.0, 2.0) == -0.5
    assert relative_error(3.0, 2.0) == 0.5


def test_lengths_are_counted_in_coordinates_unless_parts_of_the_norm_are_wanted():
    assert unit_of(40.0, relative=False) is COORDINATES
    assert unit_of(40.0, relative=True) == percent_of(40.0)
