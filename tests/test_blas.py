"""BLAS is held to one thread inside, and let go again by the last."""

from threading import Event, Thread

import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from hypress.blas import one_thread


def threads():
    return {library["num_threads"] for library in ThreadpoolController().select(user_api="blas").info()}


@pytest.fixture(autouse=True)
def two():
    if not threads():
        pytest.skip("threadpoolctl knows no BLAS here")
    with threadpool_limits(2, "blas"):
        if threads() != {2}:
            pytest.skip("this BLAS has one thread only")
        yield


def test_one_inside_and_as_before_after():
    with one_thread():
        assert threads() == {1}
        with one_thread():
            assert threads() == {1}
        assert threads() == {1}
    assert threads() == {2}


def test_an_error_lets_go():
    with pytest.raises(ValueError, match="what went wrong"), one_thread():
        raise ValueError("what went wrong")
    assert threads() == {2}


def test_the_last_of_several_threads_lets_go():
    entered, leave = Event(), Event()

    def hold():
        with one_thread():
            entered.set()
            leave.wait(10)

    other = Thread(target=hold)
    with one_thread():
        other.start()
        assert entered.wait(10)
    assert threads() == {1}, "the other is inside still"
    leave.set()
    other.join()
    assert threads() == {2}
