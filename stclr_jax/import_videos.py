"""Makes a data set of your own videos.

    python -m stclr_jax.import_videos FOLDER --out=my_videos
    python -m stclr_jax.import_videos videos.csv --out=my_videos
    python -m stclr_jax.import_videos CK+ --recipe=ck_plus --out=ck_plus
    python main.py --config=configs/pretrain.py --config.data.name=my_videos

FOLDER holds video files, or folders of images, each of which is a video. A CSV
file has the columns path and, as you like, label, subject, start and end (in
seconds). Pretraining needs no labels. docs/own_videos.md tells the rest.
"""

import dataclasses
import os
import sys

from stclr_jax import commands
from stclr_jax.data import imported
from stclr_jax.data.faces import face_detection
from stclr_jax.data.imports import import_arguments
from stclr_jax.data.imports import import_commands
from stclr_jax.data.imports import import_report
from stclr_jax.data.imports import import_writer
from stclr_jax.data.imports import importing
from stclr_jax.data.listings import labels
from stclr_jax.data.listings import recipes
from stclr_jax.data.people import listed_people
from stclr_jax.data.people import spelling


def main(argv=None):
  """Imports, and says what went in and what to type next.

  Args:
    argv: arguments; None for those of the command line.
  """
  args = import_arguments.make_parser(__doc__).parse_args(argv)
  # TFDS's protobuf tells of itself on import.
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
  report = commands.report_errors(_place)(run)(args)
  by_default = args.face_crop and args.face_detector is None
  notes = [face_detection.describe_default()] if by_default else []
  path = imported.directory(args.out, args.data_dir)
  _say(
    import_report.describe(report, path),
    *filter(None, notes),
    import_commands.describe(report, args.data_dir),
  )


def _place(args):
  return commands.Place(
    f'the data set {args.out}',
    ' (--data_dir=DIR)',
    lambda: 'Nothing was written.',
  )


def run(args):
  """Imports what the arguments say.

  Args:
    args: as the command line's parser gives them.

  Returns:
    The report, see `importing.import_items`.

  Raises:
    UserError: for impossible arguments, or things that cannot be imported.
    OSError: if something is missing, a name is taken, or the disk is full.
  """
  target = import_writer.Target(
    args.out, data_dir=args.data_dir, overwrite=args.overwrite
  )
  target.check()
  label_map = labels.parse_label_map(args.label_map, args.labels)
  recipe = recipes.RECIPES[args.recipe] if args.recipe else None
  options = import_arguments.make_options(args, recipe)
  if options.face_crop:  # what it lacks is said once, before all is read
    face_detection.make_detector(
      options.face_crop.detector, min_face=options.face_crop.min_face
    )
  listing = import_arguments.list_source(args, recipe)
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


if __name__ == '__main__':
  main()
