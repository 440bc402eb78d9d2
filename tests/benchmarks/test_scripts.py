import argparse
import copy
import json

import numpy as np
import pytest

from benchmarks import suite
from benchmarks import summary
from benchmarks.pipeline import augment
from benchmarks.pipeline import end_to_end
from benchmarks.step import ablations
from benchmarks.step import compare
from benchmarks.step import compile_time
from benchmarks.step import hlo
from benchmarks.step import kernels
from benchmarks.step import memory
from benchmarks.step import plain
from benchmarks.step import speed
from stclr_jax.models import convolutions

STORE = ['--videos=4', '--video_frames=4', '--height=20', '--width_pixels=24']


def run(main, arguments, tmp_path):
  """Runs a script and returns the JSON lines that it wrote."""
  out = tmp_path / 'out.jsonl'
  main([*arguments, f'--out={out}'])
  return [json.loads(line) for line in out.read_text().splitlines()]


def test_step_writes_a_line_a_block(tiny, tmp_path):
  arguments = [*tiny, '--implementation=ours', '--blocks=2', '--group=2']
  first, second = run(speed.main, arguments, tmp_path)
  assert (first['block'], second['block']) == (0, 1)
  for record in (first, second):
    assert record['benchmark'] == 'step'
    assert {'views', 'frames', 'size', 'dtype', 'remat', 'lowering'} <= {
      *record
    }
    assert len(record['seconds']) == 1  # two steps, one wait
    assert record['views_per_s'] == pytest.approx(4 / record['median_s'])
    assert record['min_s'] <= record['median_s'] <= record['max_s']
    assert record['compile_s'] > 0 and record['program_bytes'] > 0
    assert record['versions']['jax'] and record['mfu'] is None
    assert np.isfinite([record['loss'], record['gradient_norm']]).all()


def test_step_says_when_torch_is_missing(tiny, tmp_path, monkeypatch):
  monkeypatch.setattr(speed, 'has_torch', lambda python=None: False)
  (record,) = run(speed.main, [*tiny, '--implementation=torch_eager'], tmp_path)
  assert 'not installed' in record['skipped']


def test_kernels_finds_every_group(tiny, tmp_path, capsys):
  (record,) = run(kernels.main, [*tiny, '--layers'], tmp_path)
  assert set(record['groups']) == set(hlo.GROUPS)
  spent = {name: row['us'] for name, row in record['groups'].items()}
  for group in ('forward', 'input gradient', 'weight gradient', 'reduce'):
    assert spent[group] > 0, group
  assert sum(spent.values()) == pytest.approx(record['total_us'])
  layers = {(row['layer'], row['group']) for row in record['layers']}
  assert ('layer1_0/conv1/conv', 'weight gradient') in layers
  assert ('stem', 'input gradient') not in layers
  # Most of the time is of known instructions.
  unknown = sum(record['known_by_name_only'].values())
  assert unknown < 0.1 * record['total_us']
  assert '| weight gradient |' in capsys.readouterr().out


@pytest.mark.slow
def test_memory_is_the_slope_over_two_batches(tiny, tmp_path):
  arguments = [one for one in tiny if not one.startswith('--views')]
  arguments += ['--views', '4', '8', '--implementations', 'ours']
  arguments += ['--remats', 'none', 'block']
  none, block = run(memory.main, arguments, tmp_path)
  assert (none['remat'], block['remat']) == ('none', 'block')
  low, high = (m['program_bytes'] for m in none['measured'])
  slope = none['bytes_per_view']['program_bytes']
  assert slope == pytest.approx((high - low) / 4) and slope > 0


@pytest.mark.slow
def test_compile_time_is_shorter_from_the_cache(tiny, tmp_path):
  (record,) = run(compile_time.main, tiny, tmp_path)
  assert record['warm']['compile_s'] < record['cold']['compile_s']


def test_ablations_put_prediction_beside_measurement(tiny, tmp_path, capsys):
  arguments = [*tiny, '--blocks=1', '--only', 'fused_norm', 'conv_fusion_flag']
  norm, flag = run(ablations.main, arguments, tmp_path)
  assert norm['predicted'] == [1.0, 1.3]
  assert norm['measured'] > 0
  assert len(norm['seconds']['with']) == len(norm['seconds']['without']) == 2
  assert 'no difference' in flag['skipped']
  assert '| fused_norm | 1 to 1.3 |' in capsys.readouterr().out


def test_augment_times_our_views(tiny, tmp_path, monkeypatch):
  monkeypatch.setattr(speed, 'has_torch', lambda python=None: False)
  arguments = ['--views=3', '--frames=2', '--size=16', '--steps=2', *STORE]
  (record,) = run(augment.main, arguments, tmp_path)
  assert record['us_per_view']['ours'] > 0
  assert record['ratio'] is None and not record['failed']


@pytest.mark.slow
def test_pipeline_compares_with_the_step_alone(tiny, tmp_path, monkeypatch):
  monkeypatch.setattr(speed, 'has_torch', lambda python=None: False)
  *blocks, whole = run(end_to_end.main, [*tiny, *STORE], tmp_path)
  assert [b['entrant'] for b in blocks] == ['ours_step', 'ours']
  speeds = whole['views_per_s']
  assert whole['of_step_alone'] == pytest.approx(
    speeds['ours'] / speeds['ours_step']
  )
  assert whole['ratio'] is None and set(whole['failed']) == {
    'torch_cpu', 'torch_device',
  }  # fmt: skip


def test_every_change_can_be_undone(tiny):
  """The options, constants and functions that ablations name exist."""
  parser = argparse.ArgumentParser()
  speed.add_options(parser)
  options = parser.parse_args(tiny)
  from benchmarks.step import jax_step

  for name in ablations.ABLATIONS:
    changed = ablations.undo(name, copy.copy(options))
    assert changed != options, name
    for off in changed.off:
      assert off in plain.CHANGES
    for constant in changed.set:
      path, _, value = constant.partition('=')
      current = jax_step.find_constant(path)
      assert current != json.loads(value), f'{constant} undoes nothing'


@pytest.mark.parametrize('kernel_size', [(1, 3, 3), (3, 1, 1), (3, 3, 3)])
def test_the_plain_convolution_computes_the_same(kernel_size, monkeypatch):
  rng = np.random.default_rng(0)
  x = rng.standard_normal((2, 3, 6, 6, 4), np.float32)
  kernel = rng.standard_normal((*kernel_size, 4, 5), np.float32)
  for lowering in ('convolution', 'im2col'):
    expected = convolutions.convolve(x, kernel, lowering=lowering)
    with monkeypatch.context() as patch:  # puts back what is replaced
      patch.setattr(convolutions, '_convolve_2d', convolutions._convolve_2d)
      plain.switch_off('convolutions_in_2d')
      found = convolutions.convolve(x, kernel, lowering=lowering)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def answer(loss=1.0, norm=10.0, cudnn=91501):
  versions = {'cudnn': cudnn}
  return {
    'loss': loss, 'gradient_norm': norm, 'device': 'NVIDIA H200',
    'versions': versions,
  }  # fmt: skip


def contest_options():
  parser = argparse.ArgumentParser()
  compare.add_options(parser)
  return parser.parse_args(['--views=64', '--dtype=bfloat16'])


def test_ratio_is_to_the_best_unmodified_torch():
  blocks = {
    'ours': [[0.2, 0.2], [0.25, 0.25]],
    'torch_eager': [[0.4, 0.4], [0.4, 0.4]],
    'torch_compiled': [[0.3, 0.3], [0.3, 0.3]],
    'torch_2d': [[0.1, 0.1], [0.1, 0.1]],
  }
  record = compare.conclude(
    blocks, {name: answer() for name in blocks}, contest_options(),
    slow={'torch_eager': []}, failed={},
  )  # fmt: skip
  best = record['ratios']['best']
  assert best['implementation'] == 'torch_compiled'
  assert best['median'] == pytest.approx(0.3 / 0.225)
  assert (best['min'], best['max']) == pytest.approx((1.2, 1.5))
  eager = record['implementations']['torch_eager']
  # 64 views, 0.9698 TFLOP each, in 0.4 s, of 989 TFLOP/s.
  assert eager['mfu'] == pytest.approx(64 * 0.9698 / 0.4 / 989, rel=1e-3)
  assert not compare.complaints(record)


def test_a_peer_on_a_slow_path_is_no_peer():
  from benchmarks.step import torch_step

  names = ['aten::conv3d', 'aten::slow_conv_dilated3d', 'vol2col_kernel<bf16>']
  slow = torch_step.slow_kernels(names)
  assert slow == names[1:]
  record = compare.conclude(
    {'ours': [[1.0]], 'torch_eager': [[9.0]]},
    {'ours': answer(), 'torch_eager': answer(cudnn=91002)},
    contest_options(), slow={'torch_eager': slow}, failed={},
  )  # fmt: skip
  (complaint,) = compare.complaints(record)
  assert 'slow_conv_dilated3d' in complaint and '91002' in complaint


@pytest.mark.parametrize('loss, norm', [(2.0, 10.0), (1.0, 99.0), (None, 10)])
def test_implementations_must_compute_the_same(loss, norm):
  loss = float('nan') if loss is None else loss
  started = {'ours': answer(), 'torch_eager': answer(loss, norm)}
  assert len(compare.disagreements(started, 'bfloat16')) == 1
  assert not compare.disagreements({'ours': answer()}, 'bfloat16')


def test_names_map_one_to_one_to_torchvisions():
  import jax
  import jax.numpy as jnp
  from flax import traverse_util

  from benchmarks.step import torch_networks
  from stclr_jax.models import heads
  from stclr_jax.models.encoders import Encoder

  network = heads.PretrainNetwork(Encoder(), heads.ProjectionHead())
  clips = jnp.zeros((1, 2, 16, 16, 3))
  variables = jax.eval_shape(
    lambda: network.init(jax.random.key(0), clips, train=False)
  )
  flat = traverse_util.flatten_dict(dict(variables), sep='/')
  names = {
    torch_networks.torch_name(name, 'r2plus1d_18'): leaf.shape
    for name, leaf in flat.items()
  }
  assert len(names) == len(flat)
  assert names['stem.3.weight'] == (3, 1, 1, 45, 64)
  assert names['stem.4.running_var'] == (64,)
  assert names['layer1.0.conv1.0.1.bias'] == (144,)
  assert names['layer2.0.conv2.0.3.weight'] == (3, 1, 1, 230, 128)
  assert names['layer2.0.conv2.1.weight'] == (128,)
  assert names['layer2.0.downsample.1.running_mean'] == (128,)
  assert names['fc.2.bias'] == (128,)


def test_summary_shows_what_is_missing():
  text = summary.write(
    [
      {'benchmark': 'ceilings', 'name': 'X', 'matmul_flops': 1e12,
       'bytes_per_s': 1e12, 'preset': 'cpu', 'versions': {}},
      {'benchmark': 'memory', 'skipped': '3 s were left'},
      {'benchmark': 'augment', 'failed': {'ours': 'ended'}, 'ratio': None,
       'us_per_view': {}},
      {'benchmark': 'compile_time',
       'cold': {'trace_s': 2.0, 'compile_s': 5.0},
       'warm': {'trace_s': 2.0, 'compile_s': 1.0}},
    ]
  )  # fmt: skip
  assert '| compile cold / warm, s | 300 / 60 | 90 / 10 | 7 / 3 |' in text
  assert '| share of copies | 6 % | 1 % | not measured |' in text
  assert '| augmentation, us a view | 150 | 35 | not measured |' in text
  assert 'memory : skipped, 3 s were left' in text
  assert "augment : failed, {'ours': 'ended'}" in text


def test_suite_skips_what_it_has_no_time_for(tiny, tmp_path, monkeypatch):
  monkeypatch.setattr(suite, 'measure_ceilings', lambda: {
    'benchmark': 'ceilings', 'name': 'X', 'item_bytes': 4, 'versions': {},
    'matmul_flops': 1e11, 'bytes_per_s': 1e10, 'peak_flops': 1e11,
  })  # fmt: skip
  suite.main([f'--out={tmp_path}', '--budget=1'])
  lines = (tmp_path / 'results.jsonl').read_text().splitlines()
  found = {r['benchmark']: r for r in map(json.loads, lines)}
  assert set(suite.PARTS) - {'compare_large'} <= set(found)
  assert all('left' in found[n]['skipped'] for n in found if n != 'ceilings')
  assert 'not measured' in (tmp_path / 'summary.md').read_text()


@pytest.mark.slow
def test_torch_computes_the_same_step(tiny, tmp_path, torch_python):
  sizes = ['--views=4', '--frames=2', '--size=16', '--steps=1', '--blocks=1']
  arguments = [*sizes, '--implementations', 'ours', 'torch_eager']
  if torch_python:
    arguments += ['--torch_python', torch_python]
  *_, record = run(compare.main, arguments, tmp_path)
  assert set(record['implementations']) == {'ours', 'torch_eager'}
  assert not record['disagreements'] and not record['failed']
  assert record['slow_kernels'] == {'torch_eager': []}
  assert record['ratios']['best']['median'] > 0


@pytest.mark.slow
def test_whole_suite_on_a_cpu(tmp_path, torch_python):
  arguments = [f'--out={tmp_path}', '--preset=cpu', '--budget=1500']
  if torch_python:
    arguments += ['--torch_python', torch_python]
  suite.main(arguments)
  lines = (tmp_path / 'results.jsonl').read_text().splitlines()
  found = [json.loads(line) for line in lines]
  assert {r['benchmark'] for r in found} >= set(suite.PARTS) - {
    'ablations', 'compare_large',
  }  # fmt: skip
  assert not [r for r in found if isinstance(r.get('failed'), str)]
