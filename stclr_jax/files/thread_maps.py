"""Maps in threads, in order and a few items ahead of the consumer."""

import collections
import concurrent.futures
import contextlib
import itertools
import os
from collections.abc import Callable
from typing import Any

AHEAD_BYTES = 512 << 20  # chosen: of frames read ahead; two of 64 megapixels


@contextlib.contextmanager
def single_threaded_opencv():
  """Leaves the processors to threads that call OpenCV, whose own only wait."""
  import cv2

  cv2_threads = cv2.getNumThreads()
  cv2.setNumThreads(1)
  try:
    yield
  finally:
    cv2.setNumThreads(cv2_threads)


def map_ahead(pool, function, items, *, ahead: int | Callable[[Any], int]):
  """Maps in a pool's threads and in order, a few items ahead of the consumer.

  Args:
    pool: a `concurrent.futures.Executor`.
    function: of one item.
    items: iterable, which is not read further ahead than that either.
    ahead: how many results are made or under way when one is asked for; or a
      function that says so of the item that was read last.

  Yields:
    The results. What a call raises is raised in its place.
  """
  waiting = collections.deque()
  try:
    for item in items:
      waiting.append(pool.submit(function, item))
      if len(waiting) > (ahead(item) if callable(ahead) else ahead):
        yield waiting.popleft().result()
    while waiting:
      yield waiting.popleft().result()
  finally:
    for future in waiting:
      future.cancel()


def iterate_ahead(items, *, ahead):
  """Goes through a generator in a thread, a few items ahead of the consumer.

  Args:
    items: a generator; closed at the end.
    ahead: how many items are made or under way when one is asked for.

  Yields:
    The items. What the generator raises is raised in its place.
  """
  end = object()
  with (
    contextlib.closing(items),
    concurrent.futures.ThreadPoolExecutor(1) as pool,
    contextlib.closing(
      map_ahead(
        pool, lambda _: next(items, end), itertools.count(), ahead=ahead
      )
    ) as ready,
  ):
    yield from iter(lambda: next(ready), end)


def map_threaded(function, items, *, size_of=None):
  """Maps in threads of its own, see `map_ahead`.

  Args:
    function: of one item.
    items: iterable, which is read a few items ahead.
    size_of: of an item, in bytes: fewer are read ahead of large ones.

  Yields:
    The results, in order.
  """
  threads = min(8, os.cpu_count() or 1)

  def ahead(item):
    if size_of is None:
      return 2 * threads
    return min(2 * threads, AHEAD_BYTES // max(1, size_of(item)))

  with concurrent.futures.ThreadPoolExecutor(threads) as pool:
    yield from map_ahead(pool, function, items, ahead=ahead)
