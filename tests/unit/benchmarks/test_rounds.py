"""What a round does, in turn."""

from benchmarks.rounds import Kind, Plan, order

PLAN = Plan(rounds=3, calls={1: 10, 64: 100}, bunch=64, run_size=100, time_s_max=60.0)


def test_every_round_measures_every_kind_once() -> None:
    """The floor and the governed path at each number in flight, the bunched floor at its own."""
    for number in range(4):
        turns = order(PLAN, number)

        assert sorted(turns) == sorted([(Kind.FLOOR, 1), (Kind.GOVERNED, 1), (Kind.FLOOR, 64), (Kind.GOVERNED, 64), (Kind.BUNCHED, 64)])


def test_nobody_is_always_first() -> None:
    """Whoever comes first at a number in flight changes from round to round."""
    first = [{turns[0][0], turns[2][0]} for turns in (order(PLAN, 0), order(PLAN, 1), order(PLAN, 2))]

    assert {kind for kinds in first for kind in kinds} == set(Kind)
    assert order(PLAN, 0)[0] != order(PLAN, 1)[0]
