"""A property computed once and kept, by threads that do not wait for one another."""

import threading

from hypress.once import once


class Thing:
    def __init__(self, work):
        self.work = work

    @once
    def value(self):
        """What it is."""
        return self.work()


def test_it_is_computed_once():
    calls = []
    thing = Thing(lambda: calls.append(1) or 7)
    assert (thing.value, thing.value, len(calls)) == (7, 7, 1)


def test_two_things_are_computed_at_the_same_time():
    meeting = threading.Barrier(2, timeout=20)  # breaks where one has to wait for the other's end
    threads = [threading.Thread(target=lambda: Thing(meeting.wait).value) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not meeting.broken
