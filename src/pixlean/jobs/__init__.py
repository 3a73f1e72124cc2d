"""Work that is never lost: the row is the truth, a queue only says that there is one.

``store`` is the rows, ``contract`` what a queue is, one file per queue. Never here: what the work is (that is
``service``). A new queue: a module that satisfies ``contract.Queue``, a line in ``wiring``, a line in its test suite.
"""
