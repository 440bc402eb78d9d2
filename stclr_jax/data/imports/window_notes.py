"""Notes on windows, and the exclusion of those in which nothing moves."""

from stclr_jax.files.unreadable import UnreadableError


def add_remarks(windows, remarks):
  """Adds to the last window what is known only when all has been read.

  Args:
    windows: iterable of `recordings.Window`.
    remarks: list of lines, complete at the end of `windows`.

  Yields:
    `recordings.Window`s.

  Raises:
    UnreadableError: as `windows` does, after those before it.
  """
  previous = None
  try:
    for window in windows:
      if previous is not None:
        yield previous
      previous = window
  except UnreadableError:
    if previous is not None:
      yield previous
    raise
  if previous is not None:
    yield previous._replace(notes=previous.notes + remarks)


def leave_stills_out(windows, options):
  """Leaves out windows of fewer than `min_frames` different pictures.

  Pictures are counted, not ticks: one that is shown for long is no video. Of a
  folder each file was meant as a picture, and so equal ones are noted only.

  Args:
    windows: iterable of (`recordings.Window`, set of its different pictures,
      each as (file of a folder or None, number that tells contents apart)).
    options: a `recordings.Options`.

  Yields:
    `recordings.Window`s.

  Raises:
    UnreadableError: if that is all there is.
  """
  stills, moves = [], False
  for window, pictures in windows:
    different = len(pictures)
    contents = len({content for _, content in pictures})
    if not window.frames or different >= options.min_frames:
      moves = True
      if window.frames and contents < options.min_frames:
        note = f'{contents} different picture(s) in {different} files'
        window = window._replace(notes=[*window.notes, note])
    else:
      reason = (
        f'{different} different picture(s) in {len(window.frames)} frame(s) at '
        f'{options.fps:g} a second; a video has {options.min_frames} or more '
        '(--min_frames)'
      )
      window = window._replace(
        frames=[], notes=[*window.notes, f'{reason}: left out']
      )
      if not moves:
        stills.append((reason, window))
        continue
    yield from (still for _, still in stills)
    stills.clear()
    yield window
  if stills:
    raise UnreadableError(stills[0][0])
