"""Shows a data set, and what pretraining would see of it, on one HTML page.

    python -m stclr_jax.browse synthetic_demo
    python -m stclr_jax.browse my_videos --out=my_videos.html
    python -m stclr_jax.browse oulu_casia --config.data.split=ni_strong \\
      --config.views.crop.area="(0.5, 1.0)"

The page holds the counts of each class, the report of the build or the import,
and, of some videos, frames, label, person, length and the two views that the
config draws, with what was drawn. It needs no other file and no network.
"""

import pathlib
import sys

from absl import app
from absl import flags
from absl import logging
from ml_collections import config_flags

from stclr_jax import commands
from stclr_jax.errors import UserError
from stclr_jax.reports import contact_page
from stclr_jax.reports import contact_sheet
from stclr_jax.runs import build

_CONFIGS = pathlib.Path(__file__).parents[1] / 'configs'


def browse(config, out, *, num_videos=24, num_shown=8):
  """Writes the page of a config's data set.

  Args:
    config: as `configs/pretrain.py` gives it.
    out: path of the page.
    num_videos: at most so many are shown.
    num_shown: at most so many frames of each.

  Returns:
    A line that says what was written.

  Raises:
    ValueError: for an unknown data set, split or number.
    FileNotFoundError: if the data set has not been built, or there is no
      folder for the page.
  """
  out = pathlib.Path(out).expanduser()
  if not out.parent.is_dir():
    raise FileNotFoundError(
      f'--out (={out}) must lie in a folder that is there; make '
      f'{out.parent}, or give another.'
    )
  if num_shown < 1:
    raise UserError(f'--frames (={num_shown}) must be at least 1; 8 is usual.')
  options = build.make_view_options(config.views)
  store = contact_sheet.open_videos(config.data)
  shown = contact_page.write(
    out, store, config, options, num_videos=num_videos, num_shown=num_shown
  )
  return (
    f'{store.name}: {shown} of {store.num_videos} videos on {out} '
    f'({out.stat().st_size / 1e6:.1f} MB).'
  )


def main(argv):
  """Reads the flags and writes the page."""
  if len(argv) != 2:
    raise app.UsageError('Name one data set: python -m stclr_jax.browse NAME')
  logging.set_verbosity(logging.WARNING)  # TFDS and JAX tell of every file
  config, name = flags.FLAGS.config, argv[1]
  config.data.name = name
  out = flags.FLAGS.out or f'{name}.html'
  with commands.ending_in_a_line(out, otherwise=' (--out=FILE)'):
    print(
      browse(
        config,
        out,
        num_videos=flags.FLAGS.videos,
        num_shown=flags.FLAGS.frames,
      )
    )


def _define_flags(argv):
  # The embedded demo set is small, and so are its views.
  preset = 'demo' if 'synthetic_demo' in argv[1:] else 'paper'
  config_flags.DEFINE_config_file(
    'config',
    f'{_CONFIGS / "pretrain.py"}:{preset}',
    'Whose views, such as configs/pretrain.py:paper_112; each key can be set '
    'by --config.KEY=VALUE.',
  )
  flags.DEFINE_string('out', None, 'The page; default: NAME.html.')
  flags.DEFINE_integer('videos', 24, 'How many videos to show at most.')
  flags.DEFINE_integer('frames', 8, 'How many frames of each to show at most.')


if __name__ == '__main__':
  _define_flags(sys.argv)
  commands.call(lambda: app.run(main))
