from queue import Queue

from papillon.models.local.batching import batches


def queued(*requests: str | None) -> Queue[str | None]:
    queue: Queue[str | None] = Queue()
    for request in requests:
        queue.put(request)
    return queue


def test_requests_of_one_kind_that_wait_together_are_one_batch() -> None:
    assert list(batches(queued("a1", "b1", "a2", None), 9, lambda request: request[0])) == [["a1", "a2"], ["b1"]]


def test_a_batch_is_no_larger_than_asked_and_nothing_before_the_end_is_lost() -> None:
    found = list(batches(queued("a1", "a2", "a3", None), 2, lambda request: request[0]))
    assert found == [["a1", "a2"], ["a3"]]
