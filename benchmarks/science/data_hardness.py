"""Measures how hard the drawn faces are, with pixels and a linear classifier.

    python -m benchmarks.science.data_hardness --size synthetic_demo
    python -m benchmarks.science.data_hardness --size synthetic --check
    python -m benchmarks.science.data_hardness --sheet faces.png   # to look at

Real videos of posed expressions tell the person at once and the expression only
by what changes. The set is meant to be hard in the same way, and learnable:
each figure has a target, and the constants of `stclr_jax.data` were fixed from
this table alone. Ten folds of eight unseen people each, frames of 32x32 grey
pixels, regularised logistic regression on standardised features. Writes
benchmarks/results/data_hardness_SIZE.json.
"""

import argparse
import json
import pathlib
import platform
import sys
import time

import cv2
import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stclr_jax import oulu_casia
from stclr_jax.data.drawn import performances
from stclr_jax.data.drawn import synthetic_faces

RESULTS = pathlib.Path(__file__).parents[1] / 'results'
PIXELS = 32
NUM_FOLDS = 10
# Inverse strength of regularisation. chosen: on 1024 standardised pixels of 432
# videos 1e-3 trains to nearly all of them without separating noise; a few
# dozen units or one length need hardly any.
C_PIXELS = 1e-3
C_FEW = 1.0

# Lowest and highest percentage. Chance is 64 to 96 of 480: 80 +- 2 standard
# deviations.
TARGETS = {
  'nearest mean frame is same person': (90, 100),
  'nearest random frame is same person': (90, 100),
  'mean frame': (25, 45),
  'first frame': (100 * 64 / 480, 100 * 96 / 480),
  'length': (100 * 64 / 480, 100 * 96 / 480),
  'true apex intensities': (90, 100),
  'last frame': (0, 100),
  'last minus first frame': (0, 100),
  'last minus first, gain over last': (5, 100),
}


def main():
  """Prints the table and writes it; non-zero with --check and a miss."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  sizes = synthetic_faces.SIZES
  parser.add_argument('--size', choices=sizes, default='synthetic_demo')
  parser.add_argument('--condition', default='vl_strong')
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument('--check', action='store_true', help='fail on a miss')
  parser.add_argument('--sheet', metavar='PATH', help='write a picture instead')
  options = parser.parse_args()
  settings = dict(sizes[options.size], seed=options.seed)
  settings['condition'] = options.condition
  if options.sheet:
    draw_sheet(options.sheet, settings)
    return
  started = time.perf_counter()
  features, labels, subjects = collect(settings)
  seconds = time.perf_counter() - started
  figures = measure(features, labels, subjects)
  missed = print_table(figures, options)
  write(figures, missed, seconds, options)
  if options.check and missed:
    sys.exit(f'Out of target: {", ".join(missed)}.')


def collect(settings):
  """Draws the set and keeps what the classifiers see.

  Args:
    settings: arguments of `synthetic_faces.draw_videos`.

  Returns:
    features: float [480, d] by name.
    labels: int [480].
    subjects: int [480].
  """
  rows, labels, subjects = [], [], []
  random = np.random.default_rng(0)
  for video in synthetic_faces.draw_videos(**settings):
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in video.frames]
    grey = [
      cv2.resize(frame, (PIXELS, PIXELS), interpolation=cv2.INTER_AREA)
      for frame in grey
    ]
    grey = np.stack(grey).reshape(len(grey), -1).astype(float)
    length = len(grey)
    performance = performances.draw_performance(
      video.subject, video.label, seed=settings['seed']
    )
    rows.append({
      'first frame': grey[0],
      'mean frame': grey.mean(0),
      'random frame': grey[random.integers(length)],
      'last frame': grey[-1],
      'last minus first frame': grey[-1] - grey[0],
      'length': np.array([length, length**2, np.log(length)]),
      'true apex intensities': performance.apex,
    })  # fmt: skip
    labels.append(video.label)
    subjects.append(video.subject)
  features = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
  return features, np.array(labels), np.array(subjects)


def count_correct(features, labels, subjects, c):
  """Videos of unseen people that a logistic regression names, of all."""
  folds = (subjects - 1) // (oulu_casia.NUM_PEOPLE // NUM_FOLDS)
  correct = 0
  for fold in range(NUM_FOLDS):
    test = folds == fold
    model = make_pipeline(
      StandardScaler(), LogisticRegression(C=c, max_iter=1000)
    )
    model.fit(features[~test], labels[~test])
    correct += int(np.sum(model.predict(features[test]) == labels[test]))
  return correct


def count_same_person(features, subjects):
  """Videos whose nearest other video (Euclidean) is of the same person."""
  squares = np.sum(features**2, axis=1)
  distances = squares[:, None] + squares[None] - 2 * features @ features.T
  np.fill_diagonal(distances, np.inf)
  return int(np.sum(subjects[distances.argmin(1)] == subjects))


def measure(features, labels, subjects):
  """Counts of all figures, pooled over the folds; int by name."""
  counts = {
    f'nearest {name} is same person': count_same_person(
      features[name], subjects
    )
    for name in ('mean frame', 'random frame')
  }
  few = ('length', 'true apex intensities')
  for name in TARGETS:
    if name in features:
      c = C_FEW if name in few else C_PIXELS
      counts[name] = count_correct(features[name], labels, subjects, c)
  gain = counts['last minus first frame'] - counts['last frame']
  counts['last minus first, gain over last'] = gain
  return counts


def print_table(counts, options):
  """Prints figures beside their targets; returns the names that miss."""
  total = oulu_casia.NUM_PEOPLE * len(oulu_casia.EXPRESSIONS)
  digest = synthetic_faces.content_hash(seed=options.seed)
  print(
    f'{options.size}, {options.condition}, version {synthetic_faces.VERSION}, '
    f'hash {digest}; of {total}, chance 80\n'
  )
  print(f'{"":38}{"count":>6}{"%":>8}   target %')
  missed = []
  for name, (low, high) in TARGETS.items():
    percentage = 100 * counts[name] / total
    hit = low <= percentage <= high
    if not hit:
      missed.append(name)
    target = f'{low:.1f} to {high:.1f}' if (low, high) != (0, 100) else ''
    note = '' if hit else '  <- out of target'
    print(f'{name:38}{counts[name]:6}{percentage:8.1f}   {target}{note}')
  return missed


def write(counts, missed, seconds, options):
  """Writes the figures, what they were measured on and with."""
  RESULTS.mkdir(exist_ok=True)
  path = RESULTS / f'data_hardness_{options.size}.json'
  record = {
    'size': options.size,
    'condition': options.condition,
    'seed': options.seed,
    'version': synthetic_faces.VERSION,
    'hash': synthetic_faces.content_hash(seed=options.seed),
    'total': oulu_casia.NUM_PEOPLE * len(oulu_casia.EXPRESSIONS),
    'counts': counts,
    'targets_percent': TARGETS,
    'missed': missed,
    'seconds_to_draw': round(seconds, 1),
    'processor': platform.machine(),
    'python': platform.python_version(),
    'numpy': np.__version__,
    'opencv': cv2.__version__,
    'scikit_learn': sklearn.__version__,
  }
  path.write_text(json.dumps(record, indent=2) + '\n')
  print(f'\n{path}')


def draw_sheet(path, settings):
  """Writes a picture: eight people, a row each: at rest, then six apexes."""
  rows = []
  for video in synthetic_faces.draw_videos(**settings, num_subjects=8):
    if video.label == 0:
      rows.append([video.frames[0]])
    rows[-1].append(video.frames[-1])
  sheet = np.concatenate([np.concatenate(row, axis=1) for row in rows])
  enlarge = max(1, 160 // settings['height'])
  sheet = sheet.repeat(enlarge, axis=0).repeat(enlarge, axis=1)
  cv2.imwrite(str(path), sheet[..., ::-1])
  print(path)


if __name__ == '__main__':
  main()
