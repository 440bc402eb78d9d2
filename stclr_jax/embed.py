"""Writes what an encoder makes of your videos, or of a data set, as numbers.

    python -m stclr_jax.embed FOLDER --model=runs/pretrain --out=faces.npz
    python -m stclr_jax.embed synthetic_demo:vl_strong --model=runs/pretrain

What is not there as a file is a data set, NAME or NAME:SPLIT; of it there is
one row a video, of files one a window. The file holds `embeddings` and for each
row `id`, `face`, `subject`, `label`, `start_s` and `end_s`; .npz, or .parquet.
"""

import dataclasses
import pathlib
import re
import sys

from stclr_jax import commands
from stclr_jax import oulu_casia
from stclr_jax.data import sources
from stclr_jax.errors import UserError
from stclr_jax.files.unreadable import UnreadableError
from stclr_jax.inference import loading
from stclr_jax.inference.videos import embedding
from stclr_jax.inference.videos import found_recordings
from stclr_jax.inference.videos import settings as video_settings
from stclr_jax.inference.videos import video_arguments
from stclr_jax.learning.running import compilation

_DATA = re.compile(r'[a-z][a-z0-9_]*(:\w+)?')


def main(argv=None):
  """Embeds, and says what was written.

  Args:
    argv: arguments; None for those of the command line.

  Raises:
    SystemExit: with 1 if some video could not be read, 2 for a wrong use.
  """
  args = make_parser().parse_args(argv)
  place = commands.Place(args.out, ' (--out=FILE)')
  failed = commands.report_errors(lambda _: place)(run)(args)
  if failed:
    sys.exit(1)


def make_parser():
  """Makes the command's parser, an `argparse.ArgumentParser`."""
  parser = video_arguments.make_parser('python -m stclr_jax.embed', __doc__)
  add = parser.add_argument
  add('what', nargs='+', metavar='VIDEO_OR_DATA')
  add('--model', required=True, help='workdir, or an exported folder')
  add('--out', default='embeddings.npz', help='(default: %(default)s)')
  add('--data_dir', help="where TFDS keeps its data (default: TFDS's own)")
  add('--batch_size', type=int, help='clips at a time (default: by device)')
  of_videos = parser.add_argument_group('of videos')
  video_arguments.add_windows(of_videos)
  video_arguments.add_faces(of_videos)
  return parser


def run(args):
  """Embeds what the arguments say.

  Args:
    args: as the command line's parser gives them.

  Returns:
    How many recordings could not be read; each was said.

  Raises:
    UserError: for impossible arguments, and if nothing could be read.
    MissingFileError: if a video or the model is missing.
    FileNotFoundError: if a data set is missing.
  """
  embedding.check_path(args.out)
  data = [one for one in args.what if _is_data(one)]
  items, problems = found_recordings.find(
    [one for one in args.what if one not in data]
  )
  compilation.use_cache()
  model = loading.load(args.model, batch_size=args.batch_size)
  parts = [_embed_data(model, one, args.data_dir) for one in data]
  failed = len(problems)
  for name, reason in problems:
    print(f'{name}: cannot be read: {reason}', flush=True)
  if items:
    # Nothing is named, so that nothing is unsure.
    asked = dataclasses.replace(video_arguments.read(args), unsure_below=0.0)
    settings = video_settings.resolve(model.trained, asked)
    print(settings.describe_windows(), flush=True)
    for sentence in settings.notes:
      print(f'Note: {sentence}', flush=True)
  for item in items:
    try:
      parts.append(embedding.embed(model, item, settings))
    except UnreadableError as error:
      failed += 1
      print(f'{item.video_id}: cannot be read: {error}', flush=True)
      continue
    print(f'{item.video_id}: {len(parts[-1].id)} windows', flush=True)
  if not parts:
    raise UserError(f'None of the {failed} recordings can be looked at.')
  joined = embedding.join(parts)
  joined.write(args.out)
  number, features = joined.embeddings.shape
  print(f'In {args.out}: {number} rows of {features} numbers.', flush=True)
  return failed


def _is_data(what):
  return not pathlib.Path(what).exists() and _DATA.fullmatch(what) is not None


def _embed_data(model, what, data_dir):
  name, _, split = what.partition(':')
  size = model.trained.making.frame_size
  store = sources.load_videos(
    name,
    split=split or oulu_casia.DEFAULT_CONDITION,
    frame_size=tuple(size or (model.trained.view_options.size,) * 2),
    data_dir=data_dir,
  )
  print(f'{store.name}: {store.num_videos} videos', flush=True)
  return embedding.embed_store(model, store)


if __name__ == '__main__':
  commands.call(main)
