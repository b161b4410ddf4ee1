from flywheel.metrics.distribution import Distribution


def test_buckets_count_what_lies_up_to_their_bounds():
    values = Distribution(bounds=(1.0, 2.5))
    for value in (0.5, 1.0, 2.0, 4.0):
        values.add(value)
    assert values.buckets == [("1.0", 2.0), ("2.5", 3.0), ("+Inf", 4.0)]
    assert values.total == 7.5


def test_without_values_all_buckets_are_empty():
    assert Distribution(bounds=(1.0,)).buckets == [("1.0", 0.0), ("+Inf", 0.0)]
