"""What others report, as data."""

from papillon.results.published import PUBLISHED


def test_each_has_quality_and_leakage_or_a_composite_as_shares_of_1() -> None:
    for each in PUBLISHED:
        assert (each.quality is None) == (each.leakage is None) == (each.composite is not None), each.system
        for figure in (each.quality, each.leakage, each.composite, each.before):
            assert figure is None or 0 <= figure <= 1


def test_the_papers_own_points_are_the_four_that_a_picture_can_hold() -> None:
    placed = {(each.quality, each.leakage) for each in PUBLISHED if each.quality is not None}
    assert placed == {(0.855, 0.075), (0.718, 0.174), (0.815, 0.0), (0.772, 0.0)}
    assert len({each.system for each in PUBLISHED}) == len(PUBLISHED)
