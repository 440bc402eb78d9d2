"""What an import says of itself: totals, words, and what to type next."""

import collections
import math
import shlex

from stclr_jax.data import folds
from stclr_jax.data import imported
from stclr_jax.data.listing import describe_counts

_SHOWN = 20  # chosen: lines of a list that a screen still holds
# Of the configs' frames; an imported set of another shape needs to say so.
_CONFIGS_FRAME_SIZE = (240, 320)
_CONFIGS_BATCH_SIZE = 32  # of videos to pretrain on there must be as many
_CONFIGS_NUM_FOLDS = 10


def summarize(videos, classes):
  """Counts what a data set holds.

  Args:
    videos: list of the report's entries.
    classes: names of the classes, in order.

  Returns:
    A JSON-able dict of totals.
  """
  kept = [video for video in videos if video['frames']]
  labels = collections.Counter(video['label'] for video in kept)
  lengths = sorted(video['frames'] for video in kept)
  sizes = collections.Counter(tuple(video['frame_size']) for video in kept)
  looked = [v['coverage'] for v in videos if v['coverage'] is not None]
  return {
    'num_videos': len(kept),
    'num_subjects': len({video['subject'] for video in kept}),
    'num_frames': sum(lengths),
    'frames_min_median_max': [
      lengths[0], lengths[len(lengths) // 2], lengths[-1],
    ] if lengths else [],
    'frame_sizes': [[*size, count] for size, count in sizes.most_common()],
    'num_bytes': sum(video['bytes'] for video in kept),
    'labels': {name: labels[name] for name in classes},
    'unlabelled': labels[None],
    'left_out': len(videos) - len(kept),
    'face_coverage': sum(looked) / len(looked) if looked else None,
    'without_face': sum(1 for coverage in looked if not coverage),
  }  # fmt: skip


def describe(report, path):
  """Puts a report into words.

  Args:
    report: as `import_items` returns it.
    path: where the data set is.

  Returns:
    Lines to print.
  """
  low, median, high = report['frames_min_median_max']
  counts = [f'{name} {n}' for name, n in report['labels'].items()]
  if report['unlabelled']:
    counts.append(f'unlabelled {report["unlabelled"]}')
  rate = report['options']['fps']
  lines = [
    f'{report["num_videos"]} videos of {report["num_subjects"]} people, '
    f'{report["num_frames"]} frames ({low} to {high} a video, median {median}) '
    f'at {rate:g} a second, {report["num_bytes"] / 1e6:.1f} MB, in '
    f'{report["seconds"]:.1f} s.',
    f'Labels: {", ".join(counts)}.',
  ]
  if report['face_coverage'] is not None:
    kept = report['without_face'] - report['left_out']
    lines.append(
      f'Faces found in {report["face_coverage"]:.0%} of the frames; '
      f'{report["without_face"]} video(s) without one, '
      f'{report["left_out"]} of them left out'
      f'{" (--no_face=skip leaves out all)" if kept else ""}.'
    )
    lines += _describe_coverage(report['videos'])
  if report['ignored_files']:
    lines.append(f'Passed over: {describe_counts(report["ignored_files"])}.')
  lines += [f'Note: {note}.' for note in report['notes']]
  noted = [v for v in report['videos'] if v['notes']]
  lines += [
    f'  {v["video_id"]}: {"; ".join(v["notes"])}' for v in noted[:_SHOWN]
  ]
  if len(noted) > _SHOWN:
    lines.append(f'  and {len(noted) - _SHOWN} more, see {imported.REPORT}')
  if report['skipped']:
    lines.append(f'Left out {len(report["skipped"])}:')
    lines += [f'  {s["name"]}: {s["reason"]}' for s in report['skipped']]
  lines.append(f'Checksum {report["checksum"][:16]}; all of it in {path}.')
  return '\n'.join(lines)


def _describe_coverage(videos):
  """Lists the videos whose faces were found least."""
  partly = [
    v for v in videos if v['coverage'] is not None and v['coverage'] < 1
  ]
  partly.sort(key=lambda video: video['coverage'])
  lines = [f'  {v["coverage"]:4.0%} {v["video_id"]}' for v in partly[:_SHOWN]]
  if len(partly) > _SHOWN:
    lines.append(f'  and {len(partly) - _SHOWN} more below 100%')
  return lines


def choose_frame_size(report):
  """Says at which size to train on a data set.

  Args:
    report: as `importing.import_items` returns it.

  Returns:
    ((height, width), others): the shape of most videos, in pixels, no higher
      than the configs' frames; and how many videos have another shape, and
      would be cut to this one around their centre.
  """
  shapes = collections.defaultdict(list)
  for height, width, count in report['frame_sizes']:
    # A few percent of width are no other shape.
    shapes[round(math.log(width / height), 1)] += [(height, width)] * count
  sizes = sorted(max(shapes.values(), key=len))
  height, width = sizes[len(sizes) // 2]
  scale = min(1.0, _CONFIGS_FRAME_SIZE[0] / min(height, width))
  others = report['num_videos'] - len(sizes)
  return (round(height * scale), round(width * scale)), others


def next_commands(report, data_dir=None):
  """Says what to type after an import.

  Args:
    report: as `importing.import_items` returns it.
    data_dir: where TFDS keeps its data; None for its own default.

  Returns:
    Lines to print.
  """
  size, others = choose_frame_size(report)
  data = f'--config.data.name={report["name"]}'
  if data_dir:
    data += f' --config.data.data_dir={shlex.quote(str(data_dir))}'
  if size != _CONFIGS_FRAME_SIZE:
    data += f' --config.data.frame_size={size[0]},{size[1]}'
  # Only people with labels are dealt to folds; without any, nobody is.
  people = len(
    {v['subject'] for v in report['videos'] if v['frames'] and v['label']}
  )
  lines = ['Next, pretrain on it:']
  command = f'  python main.py --config=configs/pretrain.py:paper_112 {data}'
  if people < _CONFIGS_NUM_FOLDS:
    batch = _batch_flag(report['num_videos'])
    lines.append(f'{command} --config.pretrain_scope=all_unlabelled{batch}')
    if people > 1:
      batch = _batch_flag(_count_training_videos(report, people))
      lines.append(
        f'  (with {people} labelled people; to hold some of them out, in place '
        f'of the scope: --config.data.num_folds={people}{batch})'
      )
  else:
    count = _count_training_videos(report, _CONFIGS_NUM_FOLDS)
    lines.append(command + _batch_flag(count))
  if others:
    lines.append(
      f'  ({others} videos have another shape than {size[1]}x{size[0]}, and '
      'are cut to it around their centre)'
    )
  return '\n'.join(lines)


def _count_training_videos(report, num_folds):
  """Number of videos to pretrain on in the fold that has fewest."""
  videos = [video for video in report['videos'] if video['frames']]
  dealt = folds.make_folds(
    [report['subjects'][video['subject']] for video in videos],
    num_folds=num_folds,
    labels=[0 if v['label'] else folds.UNLABELLED for v in videos],
  )
  return min(len(dealt.fold(i).pretrain) for i in range(num_folds))


def _batch_flag(num_videos):
  """The flag that a set needs which is smaller than the configs' batch."""
  if num_videos >= _CONFIGS_BATCH_SIZE:
    return ''
  # A power of two, so that two or four devices can share it.
  return f' --config.batch_size={1 << (max(1, num_videos).bit_length() - 1)}'
