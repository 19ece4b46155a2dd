"""A misspelt name is told the nearest one that there is."""

from papillon.spelling import did_you_mean, nearest


def test_the_nearest_of_the_known_names_is_found() -> None:
    assert nearest("temprature", ["top_p", "temperature"]) == "temperature"
    assert nearest("nothing like it", ["top_p", "temperature"]) is None
    assert nearest("top", ()) is None


def test_how_much_alike_they_must_be_can_be_asked() -> None:
    assert nearest("query", ["user_query"], alike=0.6) == "user_query"
    assert nearest("query", ["user_query"], alike=0.8) is None
    assert nearest("zzz", ["user_query"], alike=0.0) == "user_query"


def test_a_sentence_ends_in_the_name_or_in_the_advice() -> None:
    assert did_you_mean("knid", ["kind"], "known keys are kind.") == "did you mean 'kind'?"
    assert did_you_mean("xyz", ["kind"], "known keys are kind.") == "known keys are kind."
