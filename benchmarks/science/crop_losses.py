"""Counts the drawn views that cut off mouth or brows under a config's crop.

    python -m benchmarks.science.crop_losses
    python -m benchmarks.science.crop_losses --detector=haar_tilted \\
      --num_draws=100

On drawn faces every point of the mouth and the brows is known exactly, so this
needs no detector and no judgement: a view loses a feature if in any of its
frames a point of it is outside of the box; it is gone if most of it is, on
average over the frames. Rows are framings: head and shoulders (320x240, as
Oulu-CASIA's originals), the same after a face crop, and the demo's frames that
a face fills. Columns are the crops of `configs/`. Prints a table and writes
benchmarks/results/crop_losses.json.
"""

import argparse
import dataclasses
import functools
import json
import pathlib
import platform

import jax
import numpy as np

from configs import finetune
from configs import pretrain
from stclr_jax import oulu_casia
from stclr_jax.data.drawn import face_drawing
from stclr_jax.data.drawn import face_shape
from stclr_jax.data.drawn import performances
from stclr_jax.data.drawn import synthetic_faces
from stclr_jax.data.faces import face_crops
from stclr_jax.runs import build
from stclr_jax.views import view_parameters

RESULTS = pathlib.Path(__file__).parents[1] / 'results'
FEATURES = {'mouth': ('lips',), 'brows': ('brow0', 'brow1')}
SCENE = {'height': 240, 'width': 320, 'framing': 'scene'}
CROPPED = 224  # side of a face crop, pixels; chosen: the views' size
FACE = {'height': 64, 'width': 64, 'framing': 'face'}
CROPS = {
  'pretrain:paper': pretrain.get_config('paper').views,
  'finetune:paper': finetune.get_config('paper').views,
  'pretrain (demo)': pretrain.get_config('demo').views,
  'finetune (demo)': finetune.get_config('demo').views,
}


def main():
  """Prints the table and writes it."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--num_subjects', type=int, default=80)
  parser.add_argument('--num_draws', type=int, default=40, help='a video')
  parser.add_argument('--detector', default='hog', help='of the face crop')
  parser.add_argument('--margin', type=float, help='of the face crop')
  parser.add_argument(
    '--num_cropped', type=int, default=8, help='people to face-crop'
  )
  options = parser.parse_args()
  scene = [
    (locate(*who, **SCENE), (SCENE['height'], SCENE['width']))
    for who in list_videos(options.num_subjects)
  ]
  face = [
    (locate(*who, **FACE), (FACE['height'], FACE['width']))
    for who in list_videos(options.num_subjects)
  ]
  cropped, coverage = crop_faces(options)
  framings = {
    'head and shoulders, 320x240': scene,
    f'the same, face-cropped ({options.detector})': cropped,
    'face fills the frame, 64x64': face,
  }
  figures = {
    framing: {
      crop: count_losses(videos, view_config, options.num_draws)
      for crop, view_config in CROPS.items()
    }
    for framing, videos in framings.items()
  }
  kept = np.mean([
    _losses(points, [_whole(size)])[2][0] == 0 for points, size in cropped
  ])  # fmt: skip
  print_table(figures)
  print(
    f'\nFace crops of {len(cropped)} videos, before any view is drawn: mean '
    f'coverage {coverage:.3f}; mouth and brows whole in {kept:.1%} of them.'
  )
  write(figures, options, {'coverage': coverage, 'whole': float(kept)})


def list_videos(num_subjects):
  """Lists (subject, label) of the first people's videos."""
  return [
    (subject, label)
    for subject in range(1, num_subjects + 1)
    for label in range(len(oulu_casia.EXPRESSIONS))
  ]


def locate(subject, label, *, height, width, framing, seed=0):
  """Finds where mouth and brows are drawn.

  Args:
    subject: 1 to 80.
    label: index into EXPRESSIONS.
    height: of a frame, pixels.
    width: of a frame, pixels.
    framing: 'scene' or 'face'.
    seed: of the set.

  Returns:
    float [t, n, 2] by name of FEATURES: y and x in pixels of the frame.

  Source: the geometry of `face_drawing.draw_frames`; a test finds the drawn
    lips there.
  """
  person = performances.draw_person(subject, seed=seed)
  performance = performances.draw_performance(subject, label, seed=seed)
  motion = performances.trace_motion(person, performance)
  curves, _ = face_shape.shape_face(
    person.identity, motion.units, motion.closed
  )
  frame_format = face_drawing.FrameFormat(height, width, framing)
  unit, origin = frame_format.locate_face()
  located = {}
  for name, parts in FEATURES.items():
    points = np.concatenate(
      np.broadcast_arrays(*(curves[part] for part in parts)), axis=1
    )
    placed = face_drawing.turn_head(points, motion.pose, 0.0) * unit + origin
    located[name] = placed[..., ::-1]
  return located


def crop_faces(options):
  """Draws scenes, crops their faces, and moves the features along.

  Returns:
    videos: list of (points by feature, frame size), in pixels of the crop.
    coverage: mean share of frames with a detection.
  """
  crop = face_crops.FaceCropOptions(detector=options.detector)
  if options.margin is not None:
    crop = dataclasses.replace(crop, margin=options.margin)
  videos, coverage = [], []
  for video in synthetic_faces.draw_videos(
    **SCENE, num_subjects=min(options.num_cropped, options.num_subjects)
  ):
    track = face_crops.find_square(video.frames, crop)
    coverage.append(track.coverage)
    if track.square is None:
      continue
    top, left, side = track.square
    points = locate(video.subject, video.label, **SCENE)
    moved = {
      name: (where - [top, left]) * (CROPPED / side)
      for name, where in points.items()
    }
    videos.append((moved, (CROPPED, CROPPED)))
  return videos, float(np.mean(coverage))


@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def draw_parameters(video, length, frame_size, options, num_draws):
  """Draws the parameters of a video's views, as training does.

  Args:
    video: index of the video, int32 [].
    length: frames of the video, int32 [].
    frame_size: (height, width) in pixels.
    options: a `views.ViewOptions`.
    num_draws: how many views.

  Returns:
    `view_parameters.ViewParameters`, a leading axis of `num_draws`.
  """

  def draw(epoch):
    key = view_parameters.view_key(0, epoch, video, 1)
    return view_parameters.draw_parameters(
      key, length, frame_size, options=options
    )

  return jax.vmap(draw)(np.arange(num_draws))


def count_losses(videos, view_config, num_draws):
  """Counts the views that lose mouth or brows.

  Args:
    videos: list of (points by feature, frame size).
    view_config: `config.views`.
    num_draws: views a video.

  Returns:
    Counts by name: 'views'; 'mouth', 'brows' and 'either' for views in which
    a part is cut off; 'mouth gone', 'brows gone' for most of it.
  """
  options = build.make_view_options(view_config)
  names = (*FEATURES, 'either', *(f'{name} gone' for name in FEATURES))
  counts = dict.fromkeys(('views', *names), 0)
  for index, (points, frame_size) in enumerate(videos):
    length = len(points['mouth'])
    drawn = jax.tree.map(
      np.asarray,
      draw_parameters(index, length, frame_size, options, num_draws),
    )
    boxes = zip(*drawn.box, strict=True)
    mouth, brows, either, mouth_gone, brows_gone = _losses(
      points, list(boxes), drawn.indices
    )
    values = (mouth, brows, either, mouth_gone, brows_gone)
    for name, value in zip(names, values, strict=True):
      counts[name] += int(value.sum())
    counts['views'] += num_draws
  return counts


def _whole(size):
  return (0, 0, *size)


def _losses(points, boxes, indices=None):
  """Which boxes cut off what: five arrays, bool [num_boxes]."""
  top, left, height, width = np.array(boxes, float).T[..., None, None]
  cut, gone = [], []
  for where in points.values():
    seen = where[None] if indices is None else where[indices]  # [v, t, n, 2]
    y, x = seen[..., 0], seen[..., 1]
    inside = (
      (y >= top) & (y <= top + height) & (x >= left) & (x <= left + width)
    )
    cut.append(~inside.all((1, 2)))
    gone.append(inside.mean((1, 2)) < 0.5)
  return *cut, np.logical_or(*cut), *gone


def print_table(figures):
  """Prints the shares as a table in Markdown, one framing after another."""
  print(
    '| framing | crop of | mouth | brows | either | mouth gone | brows gone |'
  )
  print('|---|---|---|---|---|---|---|')
  for framing, crops in figures.items():
    for crop, counts in crops.items():
      shares = [
        f'{counts[name] / counts["views"]:.1%}'
        for name in counts
        if name != 'views'
      ]
      area = tuple(CROPS[crop].crop.area)
      print(f'| {framing} | {crop}, area {area} | {" | ".join(shares)} |')


def write(figures, options, cropped):
  """Writes the counts, what they were measured on and with."""
  RESULTS.mkdir(exist_ok=True)
  path = RESULTS / 'crop_losses.json'
  record = {
    'arguments': vars(options),
    'faces': synthetic_faces.content_hash(num_subjects=options.num_subjects),
    'face_crops': cropped,
    'counts': figures,
    'python': platform.python_version(),
    'jax': jax.__version__,
    'numpy': np.__version__,
  }
  path.write_text(json.dumps(record, indent=2) + '\n')
  print(f'\n{path}')


if __name__ == '__main__':
  main()
