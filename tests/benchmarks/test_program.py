"""Steps compiled for devices that are not there, and what is refused."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import jax
import pytest

from benchmarks.step import accelerators
from benchmarks.step import bounds
from benchmarks.step import budgets
from benchmarks.step import compiled_report
from benchmarks.step import device_compilers
from benchmarks.step import lowered_steps
from benchmarks.step import program
from stclr_jax.errors import UserError

ROOT = pathlib.Path(__file__).parents[2]
H200 = accelerators.find('h200')
TINY = ('encoder.width=0.0625', 'views.size=16', 'views.num_frames=2')


def tiny_step(kind, *settings, views=4, placement='device'):
  config = lowered_steps.make_config(kind, 'demo', [*TINY, *settings])
  return lowered_steps.Step(kind, config, views, placement)


@pytest.mark.parametrize('name', accelerators.names())
def test_figures_of_a_device_are_whole_and_sound(name):
  found = accelerators.find(name)
  assert 0.5 < found.device.matmul_flops / found.device.peak_flops <= 1
  assert found.flops('bf16') >= found.flops('f32')
  assert found.flops('f32') > found.flops('f32', highest=True)
  assert found.memory_bytes > 1e10
  assert set(found.sources) == {'compiler', 'peak', 'ceilings'}
  word = 'measured' if found.measured else 'assumed'
  assert found.sources['ceilings'].startswith(word)
  assert word in found.describe()


def test_an_accelerator_without_figures_names_those_there_are():
  with pytest.raises(UserError, match='gtx.*a100, b200, h100, h200, tpu_v5e'):
    accelerators.find('gtx')


def test_target_is_written_as_a_protocol_buffer():
  text = H200.target_config
  assert 'core_count: 132' in text
  assert 'cuda_compute_capability { major: 9 }' in text
  assert text.endswith('device_description_str: "NVIDIA H200"')


@pytest.mark.parametrize('kind', lowered_steps.STEPS)
def test_each_step_is_lowered_by_the_functions_that_runs_call(kind):
  lowered = lowered_steps.lower(tiny_step(kind), jax.devices()[:1])
  text = lowered.as_text()
  assert ('convolution' in text) or ('dot_general' in text)
  draws = 'ui8' in text  # frames are bytes
  assert draws == (kind != 'update')


def test_frames_come_with_the_batch_where_they_lie_on_the_host():
  step = tiny_step('pretrain', placement='host')
  text = lowered_steps.lower(step, jax.devices()[:1]).as_text()
  assert f'{lowered_steps.FRAMES}x64x64x3xui8' not in text
  assert '2x2x2x64x64x3xui8' in text


def test_a_step_for_a_gpu_is_not_that_of_a_cpu():
  """What asks for the kind of device is asked while lowering."""
  step = tiny_step('update')
  device = jax.devices()[0]
  with_cpu = lowered_steps.lower(step, [device]).as_text()

  class Gpu:
    platform = 'gpu'

  with pytest.MonkeyPatch.context() as patch:
    # Traced for a GPU, lowered for the device that there is.
    patch.setattr(lowered_steps.parallel.targets, 'devices', lambda: (device,))
    with_gpu = lowered_steps.lower(step, [Gpu()]).as_text()
  assert with_cpu != with_gpu


def test_a_compiled_step_is_summed_up():
  step = tiny_step('update', 'encoder.lowering=convolution')
  lowered = lowered_steps.lower(step, jax.devices()[:1])
  text = lowered.compile().as_text()
  figures, kernels = compiled_report.summarize(text, step, H200)
  assert figures['kernels'] == sum(one.times for one in kernels) > 50
  assert figures['bound_s'] == pytest.approx(
    sum(row['seconds'] for row in figures['groups'].values())
  )
  assert 0 < figures['outside_network_s'] < figures['bound_s']
  # What kernels see of padding only is left out, much where images are small.
  assert 0.8 < figures['flops_per_view'] / step.flops < 1.2
  said = compiled_report.describe(figures, H200)
  assert 'compiled, not run' in said
  table = compiled_report.describe_kernels(kernels, 3)
  assert len(table.strip().splitlines()) == 2 + 3


@pytest.mark.parametrize(
  ('setting', 'words'),
  [
    ('encoder.kernel=1', 'names no setting of configs/pretrain.py'),
    ('encoder=1', 'KEY=VALUE'),
    ('views.size', 'KEY=VALUE'),
    ('views.size=large', 'a value like 32'),
    ('encoder.remat=blok', 'must be one of none'),
    ('encoder.architecture=vgg', 'must be one of'),
    ('batch_norm.groups=4', 'must be 1 here'),
  ],
)
def test_settings_that_there_are_not(setting, words):
  with pytest.raises(UserError, match=words):
    lowered_steps.make_config('pretrain', 'demo', [setting])


def test_settings_are_put_where_they_belong():
  config = lowered_steps.make_config(
    'pretrain', 'demo', ['encoder.width=1', 'views.crop.area=[0.5,1.0]']
  )
  assert config.encoder.width == 1.0
  assert config.views.crop.area == (0.5, 1.0)


def test_an_unknown_step_is_refused():
  with pytest.raises(UserError, match='must be one of pretrain'):
    lowered_steps.make_config('train')


@pytest.mark.parametrize(('kind', 'views'), [('pretrain', 3), ('encode', 0)])
def test_numbers_of_views_that_no_device_has(kind, views):
  with pytest.raises(UserError, match=f'={views}'):
    lowered_steps.lower(tiny_step(kind, views=views), jax.devices()[:1])


def test_several_gpus_are_compiled_for_with_the_flags_of_runs():
  one, eight = (compiled_report.options(H200, n) for n in (1, 8))
  assert eight['xla_gpu_enable_latency_hiding_scheduler'] is True
  assert eight['xla_gpu_all_reduce_combine_threshold_bytes'] == 40 * 2**20
  assert set(one) == {'xla_gpu_enable_triton_gemm'}


def planned(temporary, arguments):
  return {
    'temporary_bytes': temporary,
    'device_bytes': temporary + arguments,
  }


def test_a_size_that_does_not_fit_names_what_would():
  step = tiny_step('pretrain', views=64)
  too_many = planned(400e9, 3e9)
  with pytest.raises(UserError) as caught:
    compiled_report.check_memory(
      too_many, step, H200, lambda small: planned(small.views * 5e9, 3e9)
    )
  usable = 0.75 * H200.memory_bytes
  said = str(caught.value)
  assert f'{403e9 / 1e9:.1f} GB' in said
  assert f'{(403e9 - usable) / 1e9:.1f} GB too many' in said
  fits = int((usable - 3e9) / 5e9) // 2 * 2
  assert f'--views={fits}' in said
  assert '--remat=' in said  # half or less of what is kept with none


def test_a_size_that_fits_is_not_refused():
  compiled_report.check_memory(
    planned(50e9, 3e9), tiny_step('pretrain'), H200, measure_small=None
  )


def make_wheels(folder, version):
  for name in ('jax_cuda12_plugin', 'jax_cuda12_pjrt'):
    info = folder / f'{name}-{version}.dist-info'
    info.mkdir(parents=True)
    wheel = name.replace('_', '-')
    (info / 'METADATA').write_text(f'Name: {wheel}\nVersion: {version}\n')
  info = folder / 'nvidia_cuda_nvcc_cu12-12.9.dist-info'
  info.mkdir()
  (info / 'METADATA').write_text('Name: nvidia-cuda-nvcc-cu12\nVersion: 12.9\n')


@pytest.fixture
def wheels(tmp_path, monkeypatch):
  # Nor may what the environment itself has be found.
  ours = [path for path in sys.path if 'site-packages' not in path]
  monkeypatch.setattr(sys, 'path', ours)
  monkeypatch.setenv(device_compilers.FOLDER_VARIABLE, str(tmp_path / 'gpu'))
  return tmp_path / 'gpu'


def test_missing_wheels_are_named_with_the_command(wheels):
  with pytest.raises(UserError) as caught:
    device_compilers.check()
  said = str(caught.value)
  assert f'jax-cuda12-plugin=={jax.__version__}' in said
  assert f'--target={wheels}' in said
  assert '\n' not in said


def test_wheels_of_another_version_are_named_with_jaxs(wheels):
  make_wheels(wheels, '0.0.1')
  with pytest.raises(UserError) as caught:
    device_compilers.check()
  said = str(caught.value)
  assert 'jax-cuda12-plugin 0.0.1' in said
  assert f'version of jax, {jax.__version__}' in said
  assert 'pip install' in said


def test_wheels_of_this_version_are_taken(wheels):
  make_wheels(wheels, jax.__version__)
  assert device_compilers.check()['jax-cuda12-pjrt'] == jax.__version__


@pytest.mark.parametrize(
  ('hosts', 'per_host'), [(0, 1), (1, 0), (1, 9), (-1, 8)]
)
def test_numbers_of_devices_that_no_host_has(hosts, per_host):
  with pytest.raises(UserError, match=r'from 1 to 8 a host'):
    device_compilers.devices(H200, hosts=hosts, per_host=per_host)


def test_commands_end_in_a_line(capsys):
  with pytest.raises(SystemExit) as caught:
    program.main(['--accelerator', 'gtx'])
  assert caught.value.code == 1
  said = capsys.readouterr().err
  assert said.startswith('Error: `accelerator`')
  assert said.count('\n') == 1


def test_a_commit_that_is_none_and_one_without_the_tool_are_told():
  first = subprocess.run(
    ['git', 'rev-list', '--max-parents=0', 'HEAD'], cwd=ROOT,
    capture_output=True, text=True,
  )  # fmt: skip
  if first.returncode:
    pytest.skip('no git checkout')
  for commit, words in (
    ('no-such-commit', 'git knows no such commit'),
    (first.stdout.split()[0], 'has no benchmarks/step/program.py'),
  ):
    options = program.make_parser().parse_args(['--against', commit])
    with pytest.raises(UserError, match=words):
      program.read_earlier(options)


def test_kernels_written_are_read_back(tmp_path):
  kernel = bounds.Kernel(
    'a.1',
    'a',
    'copy',
    '',
    'f/a',
    'f32[8]',
    2,
    64.0,
    0.0,
    0.0,
    1e-9,
    True,
    False,
  )
  path = tmp_path / 'kernels.json'
  rows = [dataclasses.asdict(kernel)]
  path.write_text(json.dumps({'kernel_rows': rows}))
  options = program.make_parser().parse_args(['--against', str(path)])
  assert program.read_earlier(options) == [kernel]
  path.write_text('{"other": 1}')
  with pytest.raises(UserError, match='must be a file of --out'):
    program.read_earlier(options)


def kernel(layer, moved, times=1):
  return bounds.Kernel(
    'a', 'a', 'reduce', layer, '', 'f32[8]', times, moved, 0.0, 0.0, 1e-9,
    False, True,
  )  # fmt: skip


def figures(kernels, **changed):
  return {
    'bytes': sum(one.bytes for one in kernels), 'temporary_bytes': 100.0,
    'views': 4, 'masks_bytes': 0.0, 'moves_bytes': 0.0,
    'kernels': sum(one.times for one in kernels), 'collectives': {},
    'bound_s': 1e-3,
  } | changed  # fmt: skip


def test_a_budget_holds_and_names_the_kernels_that_grew(tmp_path, monkeypatch):
  monkeypatch.setattr(budgets, 'STEPS', {'tiny': ['--views', '4']})
  path = tmp_path / 'budgets.json'
  now = [kernel('stem', 1e6), kernel('layer1_0/conv1/conv', 2e6)]
  measured = figures(now), now
  budgets.write(lambda arguments: measured, path)
  budgets.check(lambda arguments: measured, path)

  grown = [kernel('stem', 1e6), kernel('layer1_0/conv1/conv', 3e6, times=2)]
  with pytest.raises(UserError) as caught:
    budgets.check(lambda arguments: (figures(grown), grown), path)
  said = str(caught.value)
  assert 'layer1_0/conv1/conv, reduce: 1 -> 2 kernels, 2.0 -> 3.0 MB' in said
  assert 'stem, reduce' not in said
  assert 'bytes: 4,000,000 where 3,000,000' in said

  sent = {'all-reduce': {'count': 1, 'bytes': 4}}
  with pytest.raises(UserError, match='all_reduces: 1 where 0'):
    budgets.check(lambda _: (figures(now, collectives=sent), now), path)
  fewer = [kernel('stem', 1e6)]
  budgets.check(lambda arguments: (figures(fewer), fewer), path)


@pytest.mark.slow
def test_steps_compiled_for_an_h200_keep_their_budgets():
  try:
    device_compilers.check()
  except UserError as error:
    pytest.skip(str(error))
  # In its own process: this one must not load a GPU's plugin.
  finished = subprocess.run(
    [sys.executable, '-m', 'benchmarks.step.program', '--check_budget'],
    cwd=ROOT, capture_output=True, text=True, env=dict(os.environ),
  )  # fmt: skip
  assert finished.returncode == 0, finished.stdout + finished.stderr[-3000:]
