"""Opens a page on this computer to drop a video on.

    python -m stclr_jax.web --model=runs/finetune

The page shows the video with its faces, curves and segments, as `predict
--html` does. Only this computer's browser can open it, no other machine is
asked for anything, and videos and results are deleted in the end. Ctrl-C ends
it. docs/predicting.md tells the rest.
"""

import pathlib

from stclr_jax import commands
from stclr_jax.data.listings.listing import Item
from stclr_jax.errors import UserError
from stclr_jax.inference import loading
from stclr_jax.inference.tables import words
from stclr_jax.inference.videos import predicting
from stclr_jax.inference.videos import settings as video_settings
from stclr_jax.inference.videos import video_arguments
from stclr_jax.learning.running import compilation
from stclr_jax.viewing import local_jobs
from stclr_jax.viewing import local_server
from stclr_jax.viewing import own_folder
from stclr_jax.viewing import predicted_views

_MEGABYTE = 1_000_000
_ALL = predicted_views.Wanted(page=True, annotated=True, elan=True)


def main(argv=None):
  """Serves until it is interrupted.

  Args:
    argv: arguments; None for those of the command line.
  """
  parser = video_arguments.make_parser('python -m stclr_jax.web', __doc__)
  add = parser.add_argument
  add(
    '--model', required=True, help='fine-tuning workdir, or an exported folder'
  )
  add('--port', type=int, default=0, help='(default: a free one)')
  add(
    '--max_megabytes',
    type=float,
    default=2000,
    help='largest video (default: %(default)s)',
  )
  video_arguments.add_windows(parser)
  video_arguments.add_faces(parser)
  commands.report_errors()(run)(parser.parse_args(argv))


def run(args, started=lambda server: None):
  """Serves until it is interrupted.

  Args:
    args: as the command line's parser gives them.
    started: called with the `LocalServer` once it answers.

  Raises:
    UserError: for a model that is no classifier, or a port that cannot be had.
    MissingFileError: if there is no model.
  """
  if not args.max_megabytes > 0:
    raise UserError(
      f'`--max_megabytes` (={args.max_megabytes:g}) must be above 0; 2000 is '
      'usual.'
    )
  own_folder.clear_left_behind()
  compilation.use_cache()
  model = loading.load(args.model)
  model.check_classifier()
  settings = video_settings.resolve(model.trained, video_arguments.read(args))
  about = '\n'.join(
    [f'Names one of {", ".join(model.labels)}.', *model.info.caveats]
  )
  with local_server.LocalServer(
    local_jobs.Jobs(make_look(model, settings)),
    about=about,
    port=args.port,
    max_bytes=round(args.max_megabytes * _MEGABYTE),
  ) as server:
    print(f'Open {server.address}\nCtrl-C ends it.', flush=True)
    started(server)
    server.wait()


def make_look(model, settings):
  """Makes what looks at a dropped video.

  Args:
    model: a classifier.
    settings: `settings.Settings`.

  Returns:
    `look_at` as `local_jobs.Jobs` takes it.
  """

  def look_at(path, name, results, report):
    item = Item(name, pathlib.Path(path))
    one = predicting.predict(model, item, settings, report)
    if one.status == words.UNREADABLE:
      raise UserError(f'{name} cannot be read: {one.note}.')
    report('Writing the page', None)
    one.write(results)
    predicted_views.write(one, results, _ALL, home='../', report=report)
    return predicted_views.PAGE

  return look_at


if __name__ == '__main__':
  commands.call(main)
