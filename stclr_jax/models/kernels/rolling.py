"""Convolution over time, frame by frame, each frame read once.

An input frame adds to every output frame that sees it. The outputs that are
still being added to, as many as there are taps, are a window of accumulators
that rolls along time; what it leaves behind is done. So neither a frame nor
what is computed from it is needed twice. Short clips have an accumulator for
each of their frames, and so need the kernel only once. The gradient with
respect to the input is the same sum with the roles of input and output
exchanged.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

# Clips of so few periods have an accumulator for each frame; that also spares
# the products with frames beyond their ends: a third of all at two frames, 17 %
# at four, 4 % at sixteen. chosen: by the registers that there are.
SHORT_PERIODS = 4


class Pair(NamedTuple):
  """One product: an input frame, a tap, and the output frame that it adds to.

  Attributes:
    frame: of the input, counted from the first one of the period.
    tap: of the kernel.
    slot: of the window; 0 is the earliest output frame.
  """

  frame: int
  tap: int
  slot: int


class Schedule(NamedTuple):
  """Which products a period makes; periods differ in nothing but their place.

  Attributes:
    in_step: input frames that a period reads.
    out_step: output frames that it is the last to add to.
    first: output frame of slot 0, counted from the period's first one.
    slots: length of the window.
    pairs: all its `Pair`s.
  """

  in_step: int
  out_step: int
  first: int
  slots: int
  pairs: tuple[Pair, ...]


def forward_schedule(extent: int, stride: int) -> Schedule:
  """Plans the convolution: output o sees inputs o * stride + tap - extent // 2.

  Args:
    extent: taps of the kernel, odd.
    stride: input frames from one output frame to the next.

  Returns:
    A `Schedule`.
  """
  half = extent // 2
  found = [
    (frame, frame + half - later * stride, later)
    for frame in range(stride)
    for later in range(-half, half + 1)
  ]
  return _schedule(stride, 1, found, extent)


def transposed_schedule(extent: int, stride: int) -> Schedule:
  """Plans the gradient of the input: what is read are output frames.

  Args:
    extent: see `forward_schedule`.
    stride: see `forward_schedule`.

  Returns:
    A `Schedule`.
  """
  found = [(0, tap, tap - extent // 2) for tap in range(extent)]
  return _schedule(1, stride, found, extent)


def _schedule(in_step, out_step, found, extent):
  found = [pair for pair in found if 0 <= pair[1] < extent]
  later = [later for _, _, later in found]
  first = min(0, *later)
  slots = max(out_step - 1, *later) - first + 1
  pairs = tuple(Pair(frame, tap, at - first) for frame, tap, at in found)
  return Schedule(in_step, out_step, first, slots, pairs)


def is_short(schedule: Schedule, in_frames: int) -> bool:
  """Says if a clip has an accumulator for each of its frames.

  Args:
    schedule: a `Schedule`.
    in_frames: of the clip that is read.

  Returns:
    A bool.
  """
  return -(-in_frames // schedule.in_step) <= SHORT_PERIODS


def roll(
  schedule: Schedule,
  in_frames: int,
  out_frames: int,
  *,
  zero: Callable,
  multiply: Callable,
  emit: Callable,
) -> None:
  """Goes along a clip.

  Args:
    schedule: a `Schedule`.
    in_frames: of the clip that is read.
    out_frames: of the clip that is written.
    zero: `zero()` makes an empty accumulator.
    multiply: `multiply(products, window)` adds products to a window, a tuple
      of accumulators, and gives it back; products are (input frame, ((tap,
      slot), ...)), several of them only where they shall share a kernel.
    emit: `emit(frame, accumulator, exists)` takes an output frame that is
      done, unless it does not exist (True, or a traced bool).
  """
  in_step, out_step, first, slots, _ = schedule
  periods = -(-in_frames // in_step)

  def products(period):
    for step in range(in_step):
      pairs = tuple(
        (pair.tap, pair.slot)
        for pair in schedule.pairs
        if pair.frame == step
        and _is_inside(schedule, period, pair, in_frames, out_frames)
      )
      if pairs:
        yield period * in_step + step, pairs

  def finish(period, window):
    for slot, total in enumerate(window):
      frame = period * out_step + first + slot
      if not isinstance(frame, int):
        exists = True if first >= 0 else frame >= 0
        emit(frame, total, exists)
      elif 0 <= frame < out_frames:
        emit(frame, total, True)

  if is_short(schedule, in_frames):
    found = [
      (frame, tuple((tap, at + slot) for tap, slot in pairs))
      for period in range(periods)
      for at in (period * out_step + first,)
      for frame, pairs in products(period)
    ]
    window = multiply(found, tuple(zero() for _ in range(out_frames)))
    for frame, total in enumerate(window):
      emit(frame, total, True)
    return

  def visit(period, window):
    # Empty accumulators are not carried from period to period: products that
    # begin with one need not read it.
    window += tuple(zero() for _ in range(out_step))
    for one in products(period):
      window = multiply([one], window)
    finish(period, window[:out_step])
    return window[out_step:]

  # After so many periods each accumulator is where it began: none is moved.
  turns = slots // math.gcd(slots, out_step)
  whole = min(in_frames // in_step, (out_frames - first) // out_step)

  def visit_turns(turn, window):
    for i in range(turns):
      window = visit(turn.astype(jnp.int32) * turns + i, window)
    return window

  window = tuple(zero() for _ in range(slots - out_step))
  window = lax.fori_loop(0, whole // turns, visit_turns, window)
  for period in range(whole // turns * turns, periods):
    window = visit(period, window)
  finish(periods, window)


def _is_inside(schedule, period, pair, in_frames, out_frames):
  """Says if a product has to be made; where it is not known, it is."""
  if not isinstance(period, int):
    return True
  frame = period * schedule.in_step + pair.frame
  out = period * schedule.out_step + schedule.first + pair.slot
  return frame < in_frames and 0 <= out < out_frames
