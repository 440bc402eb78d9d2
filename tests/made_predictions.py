"""A prediction of one recording, made up."""

import numpy as np
from fake_models import LABELS
from fake_models import make_settings

from stclr_jax.inference.tables import words
from stclr_jax.inference.videos import prediction


def make_prediction(name='anna', *, faces=1, status=(words.OK,) * 3):
  """Three windows of each face, of which the probabilities are known."""
  number = len(status)
  answered = np.array([word in words.VALID for word in status])
  bright = np.where(answered, np.linspace(0.2, 0.9, number), np.nan)
  probabilities = np.tile(np.stack([1 - bright, bright], 1), (faces, 1))
  start = np.tile(np.arange(number) / 2, faces)
  windows = prediction.Windows(
    face=np.repeat(np.arange(1, faces + 1), number),
    window=np.tile(np.arange(number), faces),
    start_s=start,
    end_s=start + 1,
    frames=np.full(faces * number, 25),
    coverage=np.tile(np.linspace(1, 0, number), faces),
    status=tuple(status) * faces,
    probabilities=probabilities,
    label=prediction.name_classes(probabilities, LABELS, 0.6),
  )
  found = tuple(
    prediction.summarize(windows, face, 0.5, LABELS, 0.6)
    for face in range(1, faces + 1)
  )
  boxes = prediction.Boxes(
    frame=np.arange(3),
    time_s=np.arange(3) / 25,
    face=np.ones(3, int),
    box=np.array([[1, 2, 30, 30], [2, 2, 30, 30], [np.nan] * 4]),
    score=np.array([0.8, np.nan, np.nan]),
    interpolated=np.array([False, True, False]),
  )
  return prediction.Prediction(
    labels=LABELS,
    video=prediction.Video(
      name=name,
      path=f'{name}.mp4',
      duration_s=2.0,
      frames=50,
      fps_mean=25.0,
      fps_varies=False,
      width_px=64,
      height_px=48,
      rotation_deg=0.0,
      sha256='ab',
      seconds_taken=0.5,
    ),
    status=words.OK if answered.any() else status[0],
    note='=1+1',  # a formula to a spreadsheet
    faces=found,
    windows=windows,
    boxes=boxes,
    settings=make_settings(),
    caveats=('It is made up.',),
  )
