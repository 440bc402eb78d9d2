import argparse
import contextlib
import json

import numpy as np
import pytest

from benchmarks.pipeline import placement
from stclr_jax.data import videos
from stclr_jax.runs import run_videos

ARGUMENTS = ['--batch_size=8', '--frames=2', '--size=16', '--frame_size']
ARGUMENTS += ['20', '24', '--batches=2', '--blocks=2']


def load_noise(data):
  """Twelve videos of two to four frames."""
  rng = np.random.default_rng(0)
  return videos.make_store(
    [
      videos.Record(
        f'v{i:02d}',
        i,
        0,
        rng.integers(0, 256, (2 + i % 3, 20, 24, 3), np.uint8),
      )
      for i in range(12)
    ],
    frame_size=tuple(data.frame_size),
    label_names=('a',),
    name='noise',
    synthetic=True,
  )


class Here:
  """A worker in this process."""

  def __init__(self, options, where):
    self._feed = placement.Feed(
      argparse.Namespace(**vars(options) | {'placement': where})
    )

  def ask(self, request, timeout, **arguments):
    assert timeout > 0
    return json.loads(json.dumps(getattr(self._feed, request)(**arguments)))


def test_reading_and_drawing_are_timed(tmp_path, monkeypatch):
  monkeypatch.setattr(run_videos, 'load_videos', load_noise)
  monkeypatch.setattr(
    placement,
    '_start_worker',
    lambda options, where: contextlib.nullcontext(Here(options, where)),
  )
  out = tmp_path / 'out.jsonl'
  placement.main([*ARGUMENTS, '--placements', 'host', f'--out={out}'])
  record = json.loads(out.read_text())
  assert record['placement'] == 'host'
  assert record['videos'] == 12
  assert record['frame_bytes'] == 36 * 20 * 24 * 3
  for kind in ('reading', 'drawing'):
    assert record[f'{kind}_views_per_s'] == pytest.approx(
      16 / record[kind]['median_s']
    )
    assert record[f'{kind}_cpu_ms_per_view'] > 0
  assert record['idle_bytes'] <= record['placed_bytes'] <= record['peak_bytes']


@pytest.mark.slow
def test_every_placement_has_a_process_of_its_own(tmp_path):
  out = tmp_path / 'out.jsonl'
  placement.main(
    [
      '--name=synthetic_demo',
      *ARGUMENTS,
      f'--data_dir={tmp_path}',
      f'--out={out}',
    ]
  )
  text = out.read_text()
  found = {r['placement']: r for r in map(json.loads, text.splitlines())}
  assert list(found) == [*placement.PLACEMENTS]
  assert len({record['frame_bytes'] for record in found.values()}) == 1
  # How much memory is not compared: so few frames vanish in a process's own.
  assert all(record['placed_bytes'] > 0 for record in found.values())
  assert str(tmp_path) not in text
