import cv2
import numpy as np

from benchmarks.science import crop_losses
from stclr_jax.data.drawn import synthetic_faces


def test_lips_and_brows_are_where_they_are_said_to_be():
  drawn = synthetic_faces.draw_videos(**crop_losses.SCENE, num_subjects=2)
  for video in drawn:
    points = crop_losses.locate(video.subject, video.label, **crop_losses.SCENE)
    assert {len(where) for where in points.values()} == {len(video.frames)}
    frame = video.frames[0].astype(float)
    redness = frame[..., 0] - frame[..., 1]
    grey = frame.mean(-1)
    lips, around = np.zeros((2, *grey.shape), np.uint8)
    outline = points['mouth'][0, :, ::-1].round().astype(np.int32)
    cv2.fillPoly(lips, [outline], 1)
    around = cv2.dilate(lips, np.ones((15, 15))) - lips
    assert redness[lips == 1].mean() > redness[around == 1].mean() + 5
    top, left = points['brows'][0].min(0).round().astype(int)
    bottom, right = points['brows'][0].max(0).round().astype(int)
    brows = grey[top : bottom + 1, left : right + 1]
    below = grey[bottom + 8 : 2 * bottom - top + 9, left : right + 1]
    assert np.percentile(brows, 10) < np.median(below)
