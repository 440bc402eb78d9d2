"""Runs everything once on drawn faces: pretrain, fine-tune, predict, look.

    python -m stclr_jax.demo
    python -m stclr_jax.demo --out=DIR

Each command is shown before it runs, so that it can be typed alone. What is
finished in DIR is not run again, so that the demo can be stopped and given
again.
"""

import argparse
import pathlib
import shlex
import subprocess
import sys

from stclr_jax import commands
from stclr_jax import draw_video
from stclr_jax import predict
from stclr_jax import programs
from stclr_jax.inference.videos import results_folder
from stclr_jax.viewing import predicted_views

_PERSON = 1  # fold 0 tests 1 to 8, so that nothing was trained on them
_VIDEO = 'drawn.mp4'
_PREDICTIONS = 'predictions'


def main(argv=None):
  """Runs the commands and says where the page is.

  Args:
    argv: arguments; None for those of the command line.

  Raises:
    SystemExit: with the code of a command that failed.
  """
  parser = argparse.ArgumentParser(
    prog='python -m stclr_jax.demo',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument('--out', default='runs', help='(default: %(default)s)')
  out = pathlib.Path(parser.parse_args(argv).out)
  commands.report_errors(lambda _: commands.Place(out, ' (--out=DIR)'))(run)(
    out
  )


def run(out, call=subprocess.call):
  """Runs the commands.

  Args:
    out: folder of all that comes of them.
    call: as `subprocess.call`.

  Returns:
    Path of the page.

  Raises:
    SystemExit: with the code of a command that failed.
  """
  for command in list_commands(out):
    print(f'\n$ {shlex.join(command)}', flush=True)
    code = call(_as_started(command))
    if code:
      sys.exit(code)
  video = pathlib.Path(_VIDEO).stem
  page = (
    out / _PREDICTIONS / results_folder.PARTS / video / predicted_views.PAGE
  )
  print(
    f'\nOpen this page: {page.absolute().as_uri()}\n'
    'It shows a drawn person whom the network has never seen, and what it '
    'names them at each moment.'
  )
  return page


def list_commands(out):
  """Says what the demo runs.

  Args:
    out: folder of all that comes of it.

  Returns:
    Lists of arguments, as they are typed.
  """
  out = pathlib.Path(out)
  train = programs.training().split()
  pretrained, tuned, video = (
    str(out / name) for name in ('pretrain', 'finetune', _VIDEO)
  )
  drawing = (
    []
    if pathlib.Path(video).exists()
    else [[*_module(draw_video), f'--person={_PERSON}', f'--out={video}']]
  )
  return [
    [*train, '--config=configs/pretrain.py', f'--workdir={pretrained}'],
    [
      *train,
      '--config=configs/finetune.py',
      f'--config.init_from={pretrained}',
      f'--workdir={tuned}',
    ],
    *drawing,
    [
      *_module(predict),
      video,
      '--whole_frames',  # drawn as close as those trained on
      '--html',
      f'--model={tuned}',
      f'--out={out / _PREDICTIONS}',
    ],
  ]


def _module(module):
  return ['python', '-m', module.__name__]


def _as_started(command):
  """The same, by this very Python and wherever the clone is."""
  if command[:2] == ['python', '-m']:
    return [sys.executable, *command[1:]]
  arguments = [part for part in command if part.startswith('--')]
  return [sys.executable, '-m', 'stclr_jax.train', *arguments]


if __name__ == '__main__':
  commands.call(main)
