"""Names the expressions that faces show in your videos.

    python -m stclr_jax.predict anna.mp4 --model=runs/finetune --out=predictions
    python -m stclr_jax.predict FOLDER videos.csv --model=EXPORTED --faces=all

VIDEO is a video file, a folder of them, a pattern such as 'a/*.mp4', or a .csv
file with the column path and, as you like, start and end (in seconds). Tables
go into --out: windows.csv (the curve), videos.csv, segments.csv, codebook.csv
(what each column means), prediction.json. The same command again goes on where
it stopped. docs/predicting.md tells the rest.
"""

import json
import os
import sys

from stclr_jax import commands
from stclr_jax.data.faces import face_detection
from stclr_jax.data.faces import face_tracks
from stclr_jax.errors import UserError
from stclr_jax.inference import loading
from stclr_jax.inference.tables import columns
from stclr_jax.inference.tables import parquet_files
from stclr_jax.inference.tables import words
from stclr_jax.inference.videos import found_recordings
from stclr_jax.inference.videos import looking
from stclr_jax.inference.videos import predicting
from stclr_jax.inference.videos import prediction
from stclr_jax.inference.videos import results_folder
from stclr_jax.inference.videos import settings as video_settings
from stclr_jax.inference.videos import video_arguments
from stclr_jax.learning.running import compilation
from stclr_jax.viewing import predicted_views

ON_ERROR = ('skip', 'stop')
_SOME_FAILED = 1  # exit code


def main(argv=None):
  """Predicts, and says what came out.

  Args:
    argv: arguments; None for those of the command line.

  Raises:
    SystemExit: with 1 if some video could not be read, 2 for a wrong use.
  """
  args = make_parser().parse_args(argv)
  rows = commands.report_errors(_place)(run)(args)
  if any(row['status'] == words.UNREADABLE for row in rows):
    sys.exit(_SOME_FAILED)


def _place(args):
  return commands.Place(
    args.out,
    ' (--out=DIR)',
    lambda: _describe_kept(args.out),
  )


def _describe_kept(out):
  number = results_folder.count_finished(out)
  if not number:
    return ''
  return (
    f'What is finished is kept ({number} in {out}); the same command goes on '
    'with the others.'
  )


def make_parser():
  """Makes the command's parser, an `argparse.ArgumentParser`."""
  parser = video_arguments.make_parser('python -m stclr_jax.predict', __doc__)
  asked = video_settings.Asked()
  add = parser.add_argument
  add('videos', nargs='+', metavar='VIDEO')
  add(
    '--model', required=True, help='fine-tuning workdir, or an exported folder'
  )
  add('--out', default='predictions', help='(default: %(default)s)')
  add(
    '--overwrite',
    action='store_true',
    help='begin anew, also in a folder of results of another model',
  )
  add(
    '--on_error',
    choices=ON_ERROR,
    default='skip',
    help='of a video that cannot be read: a row that says why, or stop '
    '(default: %(default)s)',
  )
  add(
    '--frames',
    action='store_true',
    help="write frames.csv as well: the face's place in each frame",
  )
  add('--json', action='store_true', help='videos.csv as JSON on the screen')
  add(
    '--html',
    action='store_true',
    help='a page for each video, with the curves in step with it',
  )
  add('--render', action='store_true', help='each video with boxes and labels')
  add('--eaf', action='store_true', help='an ELAN file for each video')
  add('--parquet', action='store_true', help='the tables as Parquet as well')
  add('--batch_size', type=int, help='windows at a time (default: by device)')
  clock = parser.add_argument_group('windows')
  video_arguments.add_windows(clock)
  add = clock.add_argument
  add('--start', type=float, default=asked.start, help='second to begin at')
  add('--end', type=float, help='second to end at')
  face = parser.add_argument_group("faces (default: the model's)")
  video_arguments.add_faces(face)
  add = face.add_argument
  add('--face_detector', choices=face_detection.DETECTORS)
  add('--face_which', choices=face_tracks.CHOICES, help='of several faces')
  add('--face_margin', type=float, help="share of the face's box, each side")
  add('--min_face', type=float, help='share of the shorter side')
  answer = parser.add_argument_group('answers')
  add = answer.add_argument
  add(
    '--unsure_below',
    type=float,
    help='confidence below which a label is called unsure; 0: never '
    f'(default: calibrated, else {video_settings.UNSURE_BELOW})',
  )
  add(
    '--min_coverage',
    type=float,
    default=asked.min_coverage,
    help="share of a window's frames in which the face must be seen "
    '(default: %(default)s)',
  )
  return parser


def run(args):
  """Predicts what the arguments say.

  Args:
    args: as the command line's parser gives them.

  Returns:
    The rows of `videos.csv`, see `ResultsFolder.join`.

  Raises:
    UserError: for impossible arguments, a model that is no classifier, a
      folder of other results, and a video that cannot be read with
      `on_error` = 'stop'.
    MissingFileError: if a video or the model is missing.
  """
  if args.parquet:
    parquet_files.import_parquet()  # refused before anything is predicted
  results_folder.check_folder(args.out)
  items, problems = found_recordings.find(args.videos)
  compilation.use_cache()
  model = loading.load(args.model, batch_size=args.batch_size)
  model.check_classifier()
  settings = video_settings.resolve(model.trained, video_arguments.read(args))
  say = _quiet if args.json else _say
  say(f'Model: {model.info.making.describe()}.')
  say(settings.describe_windows())
  for sentence in (*model.info.caveats, *settings.notes):
    say(f'Note: {sentence}')
  with results_folder.ResultsFolder(
    args.out, model.info, settings, overwrite=args.overwrite
  ) as results:
    done = []
    try:
      for number, item in enumerate(items, start=1):
        done.append(item.video_id)
        head = f'[{number}/{len(items)}] {item.video_id}'
        if _is_finished(results, item, args):
          say(f'{head}: finished already')
          continue
        one = predicting.predict(model, item, settings)
        written = _add(results, one, args)
        say('\n  '.join([f'{head}: {_describe(one)}', *map(str, written)]))
      for name, reason in problems:
        done.append(name)
        video = prediction.Video(name=name, path=name)
        one = predicting.unreadable(model, settings, video, reason)
        _add(results, one, args)
        say(f'{name}: {_describe(one)}')
    finally:
      rows = results.join(done, parquet=args.parquet)
  rows = [row for row in rows if row['video'] in set(done)]
  if args.json:
    print(json.dumps(rows, indent=1, ensure_ascii=False))
  say(f'In {args.out}: {", ".join(sorted(os.listdir(args.out)))}')
  return rows


def _is_finished(results, item, args):
  """Says whether all that is asked for of a recording is there."""
  part = results.part(item.video_id)
  asked = {
    predicted_views.PAGE: args.html,
    # Of a folder of pictures there is no video to draw into.
    predicted_views.ANNOTATED: args.render and not item.frames,
    predicted_views.ELAN: args.eaf,
    columns.FRAMES: args.frames,
  }
  asked[columns.VIDEOS] = True
  there = all((part / name).exists() for name, yes in asked.items() if yes)
  return there and results.find(item.video_id, looking.hash_file(item))


def _add(results, one, args):
  """Writes what is asked for; returns the paths to look at."""
  results.add(one, frames=args.frames)
  if one.status != words.UNREADABLE:
    wanted = predicted_views.Wanted(
      page=args.html, annotated=args.render, elan=args.eaf
    )
    return predicted_views.write(one, results.part(one.video.name), wanted)
  if args.on_error == 'stop':
    raise UserError(
      f'{one.video.name} cannot be read: {one.note}. Leave it out, or go on '
      'without it: --on_error=skip.'
    )
  return []


def _describe(one):
  """Says in a line what came out of a recording."""
  if one.status == words.UNREADABLE:
    return f'cannot be read: {one.note}'
  speed = one.video.duration_s / one.video.seconds_taken
  said = []
  for face in one.faces:
    who = f'face {face.face} ' if len(one.faces) > 1 else ''
    if face.status == words.OK:
      answer = f'{face.label} ({face.confidence:.0%})'
    else:
      answer = face.status
    seen = (
      '' if face.coverage != face.coverage else f', seen {face.coverage:.0%}'
    )
    said.append(
      f'{who}{answer} in {face.windows_valid} of {face.windows} windows{seen}'
    )
  found = '; '.join(said) or one.status
  return f'{found}; {one.video.duration_s:.1f} s at {speed:.2g} x real time'


def _say(text):
  print(text, flush=True)


def _quiet(text):
  del text


if __name__ == '__main__':
  commands.call(main)
