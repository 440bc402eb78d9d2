"""Commands to type after an import, which run as they stand."""

import collections
import math
import os
import pathlib
import shlex

from stclr_jax import programs
from stclr_jax.data import folds

# The config that the commands name, and those of its values that an imported
# set may need to replace. Only commands read configs/; a test holds them to
# it.
CONFIG = 'configs/pretrain.py:paper_112'
FRAME_SIZE = (240, 320)  # height, width
BATCH_SIZE = 32  # of videos to pretrain on there must be as many
NUM_FOLDS = 10  # as many people must have labels
_LEAST_BATCH = 2  # one video has no other to be told apart from


def choose_frame_size(report):
  """Says at which size to train on a data set.

  Args:
    report: an `imported_report.Report`.

  Returns:
    ((height, width), others): the shape of most videos, in pixels, no higher
      than the configs' frames; and how many videos have another shape, and
      would be cut to this one around their centre.
  """
  shapes = collections.defaultdict(list)
  for height, width, count in report.frame_sizes:
    # A few percent of width are no other shape.
    shapes[round(math.log(width / height), 1)] += [(height, width)] * count
  sizes = sorted(max(shapes.values(), key=len))
  height, width = sizes[len(sizes) // 2]
  scale = min(1.0, FRAME_SIZE[0] / min(height, width))
  others = report.num_videos - len(sizes)
  return (round(height * scale), round(width * scale)), others


def describe(report, data_dir=None):
  """Says what to type after an import.

  Args:
    report: an `imported_report.Report`.
    data_dir: where TFDS keeps its data; None for its own default.

  Returns:
    Lines to print.
  """
  if report.num_videos < _LEAST_BATCH:
    return (
      'Nothing can be trained on one video, as there is none to tell it apart '
      'from: import more of them, or cut it (--window_seconds).'
    )
  size, others = choose_frame_size(report)
  data = f'--config.data.name={report.name}{_data_dir_flag(data_dir)}'
  if size != FRAME_SIZE:
    data += f' --config.data.frame_size={size[0]},{size[1]}'
  # Only people with labels are dealt to folds; without any, nobody is.
  people = len(
    {report.subjects[v.subject] for v in report.videos if v.frames and v.label}
  )
  lines = ['Next, pretrain on it:']
  command = f'  {programs.training()} --config={CONFIG} {data}'
  if people < NUM_FOLDS:
    batch = _batch_flag(report.num_videos)
    lines.append(f'{command} --config.pretrain_scope=all_unlabelled{batch}')
    if people > 1:
      least = _count_training_videos(report, people)
      if least >= _LEAST_BATCH:
        lines.append(
          f'  (with {people} labelled people; to hold some of them out, in '
          f'place of the scope: --config.data.num_folds={people}'
          f'{_batch_flag(least)})'
        )
  else:
    count = _count_training_videos(report, NUM_FOLDS)
    lines.append(command + _batch_flag(count))
  if others:
    lines.append(
      f'  ({others} videos have another shape than {size[1]}x{size[0]}, and '
      'are cut to it around their centre)'
    )
  named = [name for name, count in report.labels.items() if count]
  if len(named) == 1:
    lines.append(
      f'  (all labels are {named[0]!r}: fine-tuning needs two classes or more)'
    )
  return '\n'.join(lines)


def _data_dir_flag(data_dir):
  if data_dir is None:
    # From another folder, a relative one would be another place.
    data_dir = os.environ.get('TFDS_DATA_DIR', '')
    if not data_dir or os.path.isabs(os.path.expanduser(data_dir)):
      return ''
    data_dir = pathlib.Path(data_dir).absolute()
  return f' --config.data.data_dir={shlex.quote(str(data_dir))}'


def _count_training_videos(report, num_folds):
  """Number of videos to pretrain on in the fold that has fewest."""
  videos = [video for video in report.videos if video.frames]
  dealt = folds.make_folds(
    [report.subjects[video.subject] for video in videos],
    num_folds=num_folds,
    labels=[0 if v.label else folds.UNLABELLED for v in videos],
  )
  return min(len(dealt.fold(i).pretrain) for i in range(num_folds))


def _batch_flag(num_videos):
  """The flag that a set needs which is smaller than the configs' batch."""
  if num_videos >= BATCH_SIZE:
    return ''
  # A power of two, so that two or four devices can share it.
  return f' --config.batch_size={1 << (num_videos.bit_length() - 1)}'
