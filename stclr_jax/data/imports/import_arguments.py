"""Arguments of `python -m stclr_jax.import_videos`, and what they mean."""

import argparse
import dataclasses
import pathlib

from stclr_jax.data.faces import face_crops
from stclr_jax.data.faces import face_detection
from stclr_jax.data.faces import face_tracks
from stclr_jax.data.imports import importing
from stclr_jax.data.imports import recordings
from stclr_jax.data.listings import listing_csv
from stclr_jax.data.listings import listing_folder
from stclr_jax.data.listings import recipes
from stclr_jax.errors import UserError


def list_source(args, recipe):
  """Lists the recordings that the arguments name.

  Args:
    args: as the parser gives them.
    recipe: a `recipes.Recipe`, or None.

  Returns:
    A `listing.Listing`.

  Raises:
    UserError: for arguments that contradict each other.
  """
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


def make_options(args, recipe):
  """Makes the options of an import.

  Args:
    args: as the parser gives them.
    recipe: a `recipes.Recipe`, or None.

  Returns:
    A `recordings.Options`.

  Raises:
    UserError: for impossible values, or those about faces without --face_crop.
  """
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


def make_parser(description):
  """Makes the command's parser.

  Args:
    description: of the command, its lines as they are to be shown.

  Returns:
    An `argparse.ArgumentParser`.
  """
  defaults = recordings.Options()
  parser = argparse.ArgumentParser(
    prog='python -m stclr_jax.import_videos',
    description=description,
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
    help='(default: blaze where its file is, else hog)',
  )
  add(
    '--face_which',
    choices=face_tracks.CHOICES,
    help=f'of several faces (default: {square.which})',
  )
  add(
    '--face_margin',
    type=float,
    help=f"on each side, share of the face's box (default: {square.margin})",
  )
  return parser
