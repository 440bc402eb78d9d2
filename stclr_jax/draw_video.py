"""Draws a video of one person who shows one expression after another.

    python -m stclr_jax.draw_video --person=1 --out=drawn.mp4

The person is one of the embedded data set's, so that a network of which it is
known whom it was trained on can be tried on somebody whom it has never seen:
fold 0 holds out 1 to 8. A network of small drawings knows less of large ones:
--size=64 draws as the demo's data set does. Each expression goes from rest to
its apex, stays, and goes back. Beside the video stands what is shown when,
`drawn.csv`.
"""

import argparse
import pathlib

import numpy as np

from stclr_jax import commands
from stclr_jax.data.drawn import synthetic_faces
from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of
from stclr_jax.files import csv_tables
from stclr_jax.files import whole
from stclr_jax.oulu_casia import EXPRESSIONS
from stclr_jax.oulu_casia import NUM_PEOPLE

FPS = 25  # Oulu-CASIA's
# chosen: long enough to be seen, too short to be a stretch of its own.
_HOLD_S = 0.6
_REST_S = 0.4
# Height of a frame, pixels, by framing. chosen: what a page shows well; a
# scene has Oulu-CASIA's 320x240.
_SIZES = {'face': 256, 'scene': 240}
_ENCODER = {'preset': 'veryfast', 'crf': '14'}  # chosen: a drawing stays sharp


def draw(person, expressions, *, size, framing='face'):
  """Draws the frames.

  Args:
    person: 1 to 80.
    expressions: names, in the order in which they are shown; small letters do.
    size: (height, width) of a frame, in pixels.
    framing: 'face', which fills the frame, or 'scene', head and shoulders.

  Returns:
    (frames, shown): uint8 RGB [h, w, 3] each; and (label, start, end) of each
    expression, in seconds, without the rest before and after it.

  Raises:
    UserError: if there is no such person or expression.
  """
  if not 1 <= person <= NUM_PEOPLE:
    raise UserError(
      f'`person` (={person}) must be 1 to {NUM_PEOPLE}, the people of the '
      'embedded data set.'
    )
  spelled = {name.lower(): name for name in EXPRESSIONS}
  expressions = [spelled.get(name.lower(), name) for name in expressions]
  for name in expressions:
    check_one_of('expressions', name, EXPRESSIONS)
  frames, shown = [], []
  hold, rest = round(_HOLD_S * FPS), round(_REST_S * FPS)
  for name in expressions:
    clip = synthetic_faces.draw_video(
      person,
      EXPRESSIONS.index(name),
      height=size[0],
      width=size[1],
      framing=framing,
    ).frames
    frames += [clip[0]] * rest
    start = len(frames) / FPS
    frames += [*clip, *[clip[-1]] * hold, *clip[::-1]]
    shown.append((name, start, len(frames) / FPS))
    frames += [clip[0]] * rest
  return frames, shown


def write(path, frames, shown):
  """Writes the video and, beside it, a table of what is shown.

  Args:
    path: of the video, .mp4; a file of that name is replaced.
    frames: as `draw` gives them.
    shown: likewise.

  Returns:
    Path of the table.
  """
  import av

  height, width = frames[0].shape[:2]
  with (
    whole.writing(path, 'wb') as file,
    av.open(file.name, 'w', format='mp4') as out,
  ):
    stream = out.add_stream('libx264', rate=FPS, options=_ENCODER)
    stream.width, stream.height, stream.pix_fmt = width, height, 'yuv420p'
    for frame in frames:
      frame = av.VideoFrame.from_ndarray(
        np.ascontiguousarray(frame), format='rgb24'
      )
      out.mux(stream.encode(frame))
    out.mux(stream.encode())
  table = pathlib.Path(path).with_suffix('.csv')
  rows = [(name, f'{start:.3f}', f'{end:.3f}') for name, start, end in shown]
  with whole.writing(table, newline='', encoding='utf-8') as file:
    csv_tables.write(file, [('label', 'start_s', 'end_s'), *rows])
  return table


@commands.report_errors()
def main(arguments=None):
  """Reads the arguments, draws, and says where the video is.

  Args:
    arguments: list of strings; None for those of the command line.
  """
  parser = argparse.ArgumentParser(
    prog='python -m stclr_jax.draw_video', description=__doc__.split('\n')[0]
  )
  parser.add_argument('--out', required=True, help='the video, .mp4')
  parser.add_argument('--person', type=int, default=1, help='1 to 80')
  parser.add_argument(
    '--expressions',
    nargs='+',
    default=EXPRESSIONS,
    metavar='NAME',
    help=f'of {", ".join(EXPRESSIONS)} (default: all)',
  )
  parser.add_argument(
    '--framing', choices=synthetic_faces.FRAMINGS, default='face'
  )
  parser.add_argument(
    '--size',
    type=int,
    help=f'height in pixels (default: {_SIZES["face"]}, of a scene '
    f"{_SIZES['scene']}); the demo's data set has 64",
  )
  given = parser.parse_args(arguments)
  out = pathlib.Path(given.out)
  if out.suffix != '.mp4':
    raise UserError(f'`--out` (={given.out}) must end in .mp4.')
  if out.exists():
    raise UserError(f'{out} exists; give another name, or delete it.')
  height = _SIZES[given.framing] if given.size is None else given.size
  if height < synthetic_faces.MIN_SIZE or height % 2:
    raise UserError(
      f'`--size` (={height}) must be even, as H.264 takes nothing else, and '
      f'{synthetic_faces.MIN_SIZE} or more, or expressions vanish.'
    )
  # A scene is as wide as Oulu-CASIA's.
  width = height if given.framing == 'face' else 2 * round(height * 2 / 3)
  size = (height, width)
  frames, shown = draw(
    given.person, given.expressions, size=size, framing=given.framing
  )
  out.parent.mkdir(parents=True, exist_ok=True)
  table = write(out, frames, shown)
  print(f'{out}: {len(frames) / FPS:.1f} s; what is shown when: {table}')


if __name__ == '__main__':
  main()
