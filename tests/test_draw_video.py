import csv

import numpy as np
import pytest

from stclr_jax import draw_video
from stclr_jax.data.drawn import synthetic_faces
from stclr_jax.data.video import video_files


def test_each_expression_goes_from_rest_to_apex_and_back(tmp_path):
  frames, shown = draw_video.draw(3, ['Happiness', 'Anger'], size=(48, 48))
  assert [name for name, _, _ in shown] == ['Happiness', 'Anger']
  for label, start, end in shown:
    clip = synthetic_faces.draw_video(
      3,
      synthetic_faces.EXPRESSIONS.index(label),
      height=48,
      width=48,
      framing='face',
    ).frames
    first, last = (round(time * draw_video.FPS) for time in (start, end))
    part = np.stack(frames[first:last])
    np.testing.assert_array_equal(part[: len(clip)], clip)
    np.testing.assert_array_equal(part[-len(clip) :], clip[::-1])
    np.testing.assert_array_equal(part[len(part) // 2], clip[-1])


def test_the_command_leaves_a_video_and_what_it_shows(tmp_path, capsys):
  out = tmp_path / 'new' / 'a.mp4'
  arguments = [
    '--out', str(out), '--person', '2', '--expressions', 'surprise', '--size=64'
  ]  # fmt: skip
  draw_video.main(arguments)
  assert str(out) in capsys.readouterr().out
  with out.with_suffix('.csv').open(newline='') as file:
    (row,) = csv.DictReader(file)
  assert row['label'] == 'Surprise'
  timed = list(video_files.read_timed(out, fps=None))
  assert timed[0][1].shape == (64, 64, 3)
  times = [time for time, _ in timed]
  np.testing.assert_allclose(np.diff(times), 1 / draw_video.FPS, atol=1e-3)
  assert 0 < float(row['start_s']) < float(row['end_s']) < times[-1]
  with pytest.raises(SystemExit, match='exists'):  # nothing is overwritten
    draw_video.main(arguments)


@pytest.mark.parametrize(
  ('changed', 'said'),
  [
    (['--out', 'a.avi'], 'a.avi.*mp4'),
    (['--person', '81'], 'person.*=81.*1 to 80'),
    (['--size', '33'], 'size.*=33.*even'),
    (['--size', '30'], 'size.*=30.*32 or more'),
    (['--person', '0'], 'person.*=0.*1 to 80'),
    (['--expressions', 'Joy'], 'expressions.*Joy.*Anger'),
  ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path, changed, said):
  arguments = ['--out', str(tmp_path / 'a.mp4'), *changed]
  with pytest.raises(SystemExit, match=said):
    draw_video.main(arguments)
  assert not list(tmp_path.iterdir())
