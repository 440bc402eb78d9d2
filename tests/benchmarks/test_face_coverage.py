import json

import cv2
import numpy as np
import pytest

from benchmarks.science import face_coverage
from stclr_jax.data.drawn import synthetic_faces


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
  """A face in three of four frames, and a wall; folders of frames."""
  folder = tmp_path_factory.mktemp('videos')
  drawn = next(
    synthetic_faces.draw_videos(
      height=120, width=160, framing='scene', num_subjects=1
    )
  )
  blank = np.full((120, 160, 3), 90, np.uint8)
  clips = {'face': [*drawn.frames[:3], blank], 'wall': [blank] * 3}
  for name, frames in clips.items():
    (folder / name).mkdir()
    for i, frame in enumerate(frames):
      cv2.imwrite(str(folder / name / f'{i}.png'), frame[..., ::-1])
  return folder


def test_coverage_is_that_of_the_frames_with_a_face(videos, tmp_path, capsys):
  out, sheet = tmp_path / 'out.json', tmp_path / 'sheet.png'
  rows = face_coverage.main(
    [str(videos), '--detectors', 'haar_tilted', f'--out={out}',
     f'--sheet={sheet}', '--sheet_detector=haar_tilted']
  )  # fmt: skip
  face, wall = rows
  assert (face['video'], face['frames']) == ('face', 4)
  assert face['any'] == face['coverage'] == face['per_frame'] == 0.75
  assert (wall['any'], wall['coverage']) == (0, 0)
  assert face['ms'] > 0 and 'no face was found' in wall['notes']
  assert json.loads(out.read_text())['rows'] == rows
  printed = capsys.readouterr().out
  assert '| face | 4 | 75% (75%) |' in printed
  assert '| wall | 3 | 0% (0%) |' in printed
  # Two titles, two rows of frames, one of crops.
  assert cv2.imread(str(sheet)).shape[0] == 2 * 20 + 3 * face_coverage._TILE


def test_drawing_the_sheet_leaves_the_frames_alone(videos):
  frame = np.zeros((60, 80, 3), np.uint8)
  face_coverage._outline(frame, face_coverage.face_crops.Square(5, 5, 30))
  assert not frame.any()
