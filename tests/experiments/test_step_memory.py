"""The batch that fits a GPU, of a table of compiled steps."""

import pytest

from configs import pretrain
from stclr_jax.experiments import step_memory
from stclr_jax.models import encoders

ROW = {'fixed_bytes': 3e9, 'bytes_per_view': {'none': 1e9, 'block': 5e8}}


@pytest.mark.parametrize(
  ('remat', 'memory', 'videos'),
  [('none', 84e9, 30), ('none', 4e9, 0), ('none', 1e9, 0), ('block', 84e9, 60)],
)
def test_all_that_a_step_takes_lies_in_what_jax_takes(remat, memory, videos):
  found = step_memory.fitting_videos(ROW, remat, memory)
  assert found == videos

  def needed(videos):
    return 3e9 + 2 * videos * ROW['bytes_per_view'][remat]

  room = step_memory.MEMORY_SHARE * memory
  assert needed(found) <= room or found == 0
  assert needed(found + 1) > room


@pytest.mark.parametrize('preset', ['paper', 'paper_112'])
def test_table_has_the_presets_in_every_remat(preset):
  config = pretrain.get_config(preset)
  row = step_memory.table()['rows'][step_memory.key(config)]
  assert set(row['bytes_per_view']) == set(encoders.REMAT)
  assert row['bytes_per_view']['none'] == max(row['bytes_per_view'].values())
  line = step_memory.describe(config)
  assert '80 GB' in line
  assert '141 GB' in line
  assert f'encoder.remat={config.encoder.remat}' in line


def test_a_quarter_of_the_pixels_takes_a_quarter_of_the_memory():
  large, small = (
    step_memory.table()['rows'][step_memory.key(pretrain.get_config(preset))]
    for preset in ('paper', 'paper_112')
  )
  for remat in encoders.REMAT:
    ratio = large['bytes_per_view'][remat] / small['bytes_per_view'][remat]
    assert ratio == pytest.approx(4, rel=0.05)


def test_sizes_that_were_not_compiled_are_not_spoken_of():
  config = pretrain.get_config('paper')
  config.views.num_frames = 5
  assert step_memory.describe(config) == ''
