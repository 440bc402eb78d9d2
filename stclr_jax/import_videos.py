"""Makes a data set of your own videos.

    python -m stclr_jax.import_videos FOLDER --out=my_videos
    python -m stclr_jax.import_videos videos.csv --out=my_videos
    python -m stclr_jax.import_videos CK+ --recipe=ck_plus --out=ck_plus
    python main.py --config=configs/pretrain.py --config.data.name=my_videos

FOLDER holds video files, or folders of images, each of which is a video. A CSV
file has the columns path and, as you like, label, subject, start and end (in
seconds). Pretraining needs no labels. docs/own_videos.md tells the rest.
"""

import argparse
import dataclasses
import os
import pathlib
import sys

from stclr_jax import commands
from stclr_jax.data import imported
from stclr_jax.data.faces import face_crops
from stclr_jax.data.faces import face_detection
from stclr_jax.data.imports import import_commands
from stclr_jax.data.imports import import_report
from stclr_jax.data.imports import import_writer
from stclr_jax.data.imports import importing
from stclr_jax.data.imports import recordings
from stclr_jax.data.listings import labels
from stclr_jax.data.listings import listing_csv
from stclr_jax.data.listings import listing_folder
from stclr_jax.data.listings import recipes
from stclr_jax.data.people import listed_people
from stclr_jax.data.people import spelling
from stclr_jax.errors import UserError


def main(argv=None):
  """Imports, and says what went in and what to type next.

  Args:
    argv: arguments; None for those of the command line.
  """
  args = _parser().parse_args(argv)
  # TFDS's protobuf tells of itself on import.
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
  report = run(args)
  path = imported.directory(args.out, args.data_dir)
  _say(
    import_report.describe(report, path),
    import_commands.describe(report, args.data_dir),
  )


def _place(args):
  return commands.Place(
    f'the data set {args.out}',
    ' (--data_dir=DIR)',
    lambda: 'Nothing was written.',
  )


@commands.report_errors(_place)
def run(args):
  """Imports what the arguments say.

  Args:
    args: as the command line's parser gives them.

  Returns:
    The report, see `importing.import_items`.

  Raises:
    SystemExit: with a line, for impossible arguments, things that cannot be
      imported or are missing, a name that is taken, or a full disk.
  """
  target = import_writer.Target(
    args.out, data_dir=args.data_dir, overwrite=args.overwrite
  )
  target.check()
  label_map = labels.parse_label_map(args.label_map, args.labels)
  recipe = recipes.RECIPES[args.recipe] if args.recipe else None
  options = _options(args, recipe)
  listing = _list(args, recipe)
  if recipe and not label_map.classes:
    names = (
      label_map.names.get(spelling.key(name), name) for name in recipe.classes
    )
    names = tuple(dict.fromkeys(name for name in names if name))
    label_map = dataclasses.replace(label_map, classes=names)
  classes = labels.apply(listing, label_map)
  listed_people.apply_map(listing, args.subject_map)
  return importing.import_items(
    listing,
    dataclasses.replace(target, classes=tuple(classes)),
    origin=importing.Origin(args.source, args.recipe or ''),
    options=options,
    on_error=args.on_error,
  )


def _say(*texts):
  """Prints, also to a reader who goes away, such as `head`."""
  try:
    print(*texts, sep='\n', flush=True)
  except BrokenPipeError:
    # What is left in the buffer would fail again when Python ends.
    with open(os.devnull, 'w') as nowhere:
      os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _list(args, recipe):
  source = pathlib.Path(args.source).expanduser()
  is_csv = source.suffix.lower() in ('.csv', '.tsv')
  if (is_csv or recipe) and (
    args.pattern or 'folder' in (args.label_from, args.subject_from)
  ):
    raise UserError(
      '--pattern, --label_from and --subject_from are about a plain folder; '
      f'{"a recipe" if recipe else "a CSV file"} names labels and people '
      'itself.'
    )
  if recipe:
    return recipe.list_items(source)
  if is_csv:
    return listing_csv.list_csv(source)
  return listing_folder.list_folder(
    source,
    label_from=args.label_from,
    subject_from=args.subject_from,
    pattern=args.pattern,
  )


def _options(args, recipe):
  values = {
    field.name: getattr(args, field.name)
    for field in dataclasses.fields(recordings.Options)
  }
  faces = {
    'no_face': args.no_face,
    'face_detector': args.face_detector,
    'face_which': args.face_which,
    'face_margin': args.face_margin,
  }
  faces = {name: value for name, value in faces.items() if value is not None}
  if faces and not args.face_crop:
    raise UserError(
      f'--{next(iter(faces))} (={next(iter(faces.values()))}) is about faces '
      'that are cut out; give --face_crop as well.'
    )
  values['no_face'] = faces.pop('no_face', recordings.Options.no_face)
  values['face_crop'] = None
  if args.face_crop:
    values['face_crop'] = face_crops.FaceCropOptions(
      **{name.removeprefix('face_'): value for name, value in faces.items()}
    )
  if values['window_seconds'] is None:
    defaults = recipe or recordings.Options
    values['window_seconds'] = defaults.window_seconds
  return recordings.Options(**values)


def _parser():
  defaults = recordings.Options()
  parser = argparse.ArgumentParser(
    prog='python -m stclr_jax.import_videos',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    allow_abbrev=False,
  )
  add = parser.add_argument
  add('source', help='folder of videos or of frame folders, or a .csv file')
  add('--out', required=True, help='name of the data set, such as my_videos')
  add('--data_dir', help="where TFDS keeps its data (default: TFDS's own)")
  add('--overwrite', action='store_true', help='replace a set of this name')
  add(
    '--on_error',
    choices=importing.ON_ERROR,
    default='stop',
    help='what to do about things that cannot be imported: list them all and '
    'write nothing, or leave them out (default: %(default)s)',
  )
  who = parser.add_argument_group('labels and people')
  add = who.add_argument
  add('--recipe', choices=recipes.RECIPES, help='SOURCE is this data set')
  add(
    '--label_from',
    choices=('none', 'folder'),
    default='none',
    help='folder: the folder that a video lies in names its label',
  )
  add(
    '--subject_from',
    choices=('each', 'folder'),
    default='each',
    help='folder: likewise; each: everyone is a person of its own',
  )
  add(
    '--pattern',
    default='',
    help='regular expression, found in the path '
    r"below SOURCE, such as '(?P<subject>\d+)_(?P<label>[a-z]+)'",
  )
  add(
    '--label_map',
    default='',
    help='happy=Happiness,neutral= (the latter: '
    'unlabelled), or oulu_casia: its six expressions in its order',
  )
  add(
    '--labels',
    default='',
    help='the classes in order, a,b,c (default: those that occur, sorted)',
  )
  add(
    '--subject_map',
    default='',
    help='anna=Anna,07=7: other names for people, as they are spelled there '
    '(ben=: nobody, each recording is a person of its own)',
  )
  how = parser.add_argument_group('frames')
  add = how.add_argument
  add(
    '--fps',
    type=float,
    default=defaults.fps,
    help='frames a second to keep (default: %(default)s)',
  )
  add(
    '--source_fps',
    type=float,
    help='that of folders of frames (default: '
    'their frames are taken one by one)',
  )
  add(
    '--window_seconds',
    type=float,
    help='longer videos are cut; 0: never '
    f'(default: {defaults.window_seconds:g}, and 0 in recipes)',
  )
  add(
    '--min_frames',
    type=int,
    default=defaults.min_frames,
    help='a shorter video is none (default: %(default)s)',
  )
  add(
    '--max_size',
    type=int,
    default=defaults.max_size,
    help='shorter side of encoded frames, pixels (default: %(default)s)',
  )
  add(
    '--jpeg_quality',
    type=int,
    default=defaults.jpeg_quality,
    help='of encoded frames (default: %(default)s)',
  )
  add(
    '--keep_bytes',
    action=argparse.BooleanOptionalAction,
    default=True,
    help='8-bit JPEG and PNG frames stay as they are, of any size '
    '(default: yes)',
  )
  face = parser.add_argument_group('faces')
  add = face.add_argument
  add(
    '--face_crop',
    action='store_true',
    help='cut one square around the face, for each window',
  )
  add(
    '--no_face',
    choices=recordings.NO_FACE,
    help='where no face is found: keep the whole frame, skip the window, or '
    f'stop (default: {defaults.no_face})',
  )
  square = face_crops.FaceCropOptions()
  add(
    '--face_detector',
    choices=face_detection.DETECTORS,
    help=f'(default: {square.detector})',
  )
  add(
    '--face_which',
    choices=face_crops.CHOICES,
    help=f'of several faces (default: {square.which})',
  )
  add(
    '--face_margin',
    type=float,
    help=f"on each side, share of the face's box (default: {square.margin})",
  )
  return parser


if __name__ == '__main__':
  main()
