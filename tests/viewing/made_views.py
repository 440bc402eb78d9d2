"""A view of a video, made up."""

import numpy as np

from stclr_jax.viewing import viewer_page

LABELS = ('Anger', 'Happiness')


def make_view(**changes):
  """Makes a `View` of 4 seconds: one face that leaves for a while."""
  probabilities = np.array(
    [[0.9, 0.1], [0.55, 0.45], [np.nan, np.nan], [0.2, 0.8]]
  )
  boxes = np.tile([10.0, 20.0, 30.0, 40.0], (8, 1))
  boxes[4:6] = np.nan
  face = viewer_page.ViewedFace(
    name='face 1',
    start_s=np.arange(4.0),
    end_s=np.arange(4.0) + 1,
    probabilities=probabilities,
    label=('Anger', 'unsure', '', 'Happiness'),
    status=('ok', 'ok', 'no_face', 'ok'),
    box_time_s=np.arange(8) / 2,
    boxes=boxes,
    coverage=0.75,
    segments=(
      viewer_page.Segment(0.0, 1.0, 'Anger', 0.9),
      viewer_page.Segment(1.0, 2.0, 'unsure', 0.55),
      viewer_page.Segment(2.0, 3.0, '', None),
      viewer_page.Segment(3.0, 4.0, 'Happiness', 0.8),
    ),
  )
  made = {
    'title': 'anna.mp4',
    'video': 'anna.playable.mp4',
    'start_s': 0.0,
    'end_s': 4.0,
    'width_px': 80,
    'height_px': 60,
    'labels': LABELS,
    'unsure_below': 0.6,
    'faces': (face,),
    'notes': (
      viewer_page.Note('No class is neutral.'),
      viewer_page.Note('Trained on drawn faces.', warning=True),
    ),
    'files': ('windows.csv',),
  }
  return viewer_page.View(**(made | changes))
