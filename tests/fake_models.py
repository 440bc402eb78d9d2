"""A model that names how bright a clip is, and keeps what it was shown."""

import types

import numpy as np

from stclr_jax import making
from stclr_jax.inference.videos import settings

LABELS = ('dark', 'bright')


def make_settings(**changes):
  """`Settings` at 10 frames a second, in windows of one second."""
  return settings.Settings(
    **{
      'fps': 10.0,
      'window_s': 1.0,
      'step_s': 0.5,
      'start_s': 0.0,
      'end_s': None,
      'faces': 'one',
      'face_crop': None,
      'max_size': 240,
      'jpeg_quality': 95,
      'frame_size': (16, 16),
      'unsure_below': 0.6,
      'min_coverage': 0.5,
      'notes': (),
      **changes,
    }
  )


def make_trained(**changes):
  """What `settings.resolve` asks of a trained network."""
  made = {
    'source': 'runs/x',
    'labels': LABELS,
    'calibration': None,
    'view_options': types.SimpleNamespace(size=16),
    'making': making.Making(
      fps=25.0, clip_frames=20.0, framing='as_recorded', frame_size=(32, 24)
    ),
  }
  return types.SimpleNamespace(**made | changes)


class BrightnessModel:
  """Probability of 'bright' is the mean brightness."""

  labels = LABELS
  batch_size = 3
  info = types.SimpleNamespace(
    caveats=('It is made up.',), labels=LABELS, checksum='0'
  )

  def __init__(self, frames_taken=4):
    self.frames_taken = frames_taken
    self.shown = []

  def frames_of(self, num_frames):
    return np.linspace(0, num_frames - 1, self.frames_taken).round().astype(int)

  def of_taken(self, taken):
    self.shown.append(taken)
    bright = taken.mean((1, 2, 3, 4)) / 255
    return np.stack([1 - bright, bright], 1)

  def name_taken(self, found, person):
    assert len(found) == len(person)
    return found

  def check_classifier(self):
    pass
