import threading

import pytest

from whyalike.interruption import checked_by, checkpoint


def test_a_checkpoint_without_a_check_does_nothing():
    checkpoint()


def test_a_check_is_called_inside_its_block_alone_and_the_outer_one_comes_back():
    called = []
    with checked_by(lambda: called.append("outer")):
        checkpoint()
        with checked_by(lambda: called.append("inner")):
            checkpoint()
        checkpoint()
    checkpoint()
    assert called == ["outer", "inner", "outer"]


def test_what_a_check_raises_ends_the_work_and_the_check():
    def stop():
        raise InterruptedError("enough")

    with pytest.raises(InterruptedError), checked_by(stop):
        checkpoint()
    checkpoint()


def test_another_thread_has_a_check_of_its_own():
    called = []
    with checked_by(lambda: called.append("here")):
        other = threading.Thread(target=checkpoint)
        other.start()
        other.join()
    assert called == []
