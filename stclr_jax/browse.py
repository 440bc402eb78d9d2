"""Shows a data set, and what pretraining would see of it, on one HTML page.

    python -m stclr_jax.browse synthetic_demo
    python -m stclr_jax.browse my_videos --with_faces
    python -m stclr_jax.browse oulu_casia --config.data.split=ni_strong \\
      --config.views.crop.area="(0.5, 1.0)"

The page holds the counts of each class, the report of the build or the import,
and, of some videos, frames, label, person, length and the two views that the
config draws, with what was drawn. It needs no other file and no network.

People are shown with --with_faces only: a page is passed on more easily than
the videos it is of, and who types the flag has thought of that.
"""

import argparse
import pathlib
import sys

from absl import logging

from stclr_jax import commands
from stclr_jax.errors import UserError
from stclr_jax.reports.browsing import contact_page
from stclr_jax.reports.browsing import contact_sheet
from stclr_jax.runs import build

_CONFIGS = pathlib.Path(__file__).parents[1] / 'configs'


def browse(config, out, *, num_videos=24, num_shown=8):
  """Writes the page of a config's data set.

  Args:
    config: as `configs/pretrain.py` gives it; its `data.with_faces` says
      whether people are shown.
    out: path of the page.
    num_videos: at most so many are shown.
    num_shown: at most so many frames of each.

  Returns:
    Lines that say what was written.

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
  lines = [
    f'{store.name}: {shown} of {store.num_videos} videos on {out} '
    f'({out.stat().st_size / 1e6:.1f} MB).',
    contact_page.faces_notice(store, config.data),
  ]
  return '\n'.join(filter(None, lines))


def main(arguments=None):
  """Reads the arguments and writes the page.

  Args:
    arguments: list of strings; None for those of the command line.
  """
  arguments = sys.argv[1:] if arguments is None else arguments
  # The embedded demo set is small, and so are its views.
  preset = 'demo' if 'synthetic_demo' in arguments else 'paper'
  config, arguments = commands.read_config(
    arguments, f'{_CONFIGS / "pretrain.py"}:{preset}'
  )
  options = _parser().parse_args(arguments)
  logging.set_verbosity(logging.WARNING)  # TFDS and JAX tell of every file
  config.data.name = options.name
  config.data.with_faces |= options.with_faces
  _browse(config, options.out or f'{options.name}.html', options)


@commands.report_errors(lambda _, out, __: commands.Place(out, ' (--out=FILE)'))
def _browse(config, out, options):
  print(
    browse(config, out, num_videos=options.videos, num_shown=options.frames)
  )


def _parser():
  parser = argparse.ArgumentParser(
    prog='python -m stclr_jax.browse',
    description=__doc__.split('\n')[0],
    epilog='--config=FILE:PRESET says whose views, such as '
    'configs/pretrain.py:paper_112; each key can be set by --config.KEY=VALUE.',
    allow_abbrev=False,
  )
  add = parser.add_argument
  add('name', help='of the data set')
  add('--out', help='the page (default: NAME.html)')
  add(
    '--videos',
    type=int,
    default=24,
    help='how many to show at most (default: %(default)s)',
  )
  add(
    '--frames',
    type=int,
    default=8,
    help='how many of each to show at most (default: %(default)s)',
  )
  add(
    '--with_faces',
    action='store_true',
    help='show people, too; drawn faces are always shown',
  )
  return parser


if __name__ == '__main__':
  commands.call(main)
