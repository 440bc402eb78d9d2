import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from stclr_jax.learning.running import compilation

ROOT = pathlib.Path(__file__).parents[3]

PROGRAM = """
import jax, jax.numpy as jnp
from stclr_jax.learning.running import compilation
compilation.MIN_COMPILE_SECONDS = 0.0
print(compilation.use_cache())
heard = []
jax.monitoring.register_event_listener(lambda name, **_: heard.append(name))
jax.block_until_ready(jax.jit(lambda x: jnp.sin(x) @ x)(jnp.ones((4, 4))))
print(sum(name.endswith('/cache_hits') for name in heard))
"""


def run(**environment):
  """Compiles in a process of its own; returns its cache folder and hits."""
  kept = {k: v for k, v in os.environ.items() if not k.startswith('JAX_')}
  result = subprocess.run(
    [sys.executable, '-W', 'error', '-c', PROGRAM],
    env=kept | {'JAX_PLATFORMS': 'cpu'} | environment,
    cwd=ROOT,
    capture_output=True,
    text=True,
  )
  assert result.returncode == 0, result.stderr
  folder, hits = result.stdout.split()
  return folder, int(hits)


def test_the_second_process_compiles_nothing(tmp_path):
  folder, hits = run(XDG_CACHE_HOME=str(tmp_path))
  assert folder == str(tmp_path / 'stclr_jax/compiled') and hits == 0
  assert os.stat(folder).st_mode & 0o077 == 0
  _, hits = run(XDG_CACHE_HOME=str(tmp_path))
  assert hits > 0


def test_the_users_own_settings_stay(tmp_path, monkeypatch):
  monkeypatch.setattr(compilation, 'cache_folder', lambda: tmp_path / 'ours')
  before = jax.config.jax_compilation_cache_dir
  try:
    jax.config.update('jax_compilation_cache_dir', str(tmp_path / 'theirs'))
    assert compilation.use_cache() == tmp_path / 'theirs'
    jax.config.update('jax_enable_compilation_cache', False)
    assert compilation.use_cache() is None
  finally:
    jax.config.update('jax_enable_compilation_cache', True)
    jax.config.update('jax_compilation_cache_dir', before)
  assert not (tmp_path / 'ours').exists()


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path, monkeypatch):
  (tmp_path / 'file').touch()
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
  before = jax.config.jax_compilation_cache_dir
  jax.config.update('jax_compilation_cache_dir', None)
  try:
    assert compilation.use_cache() is None
    assert jax.config.jax_compilation_cache_dir is None
  finally:
    jax.config.update('jax_compilation_cache_dir', before)


@pytest.mark.parametrize(
  'visible, count',
  [(None, 3), ('0', 1), ('', 0), ('0,1', 2), ('1,-1,0', 1), ('GPU-a,GPU-b', 2),
   ('0,1,2,3', 3)],
)  # fmt: skip
def test_gpus_are_counted(tmp_path, monkeypatch, visible, count):
  for name in ('nvidia0', 'nvidia1', 'nvidia2', 'nvidiactl', 'nvidia-uvm'):
    (tmp_path / name).touch()
  monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
  if visible is not None:
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
  assert compilation.count_gpus(tmp_path) == count


@pytest.mark.parametrize('gpus', [0, 1, 2, 8])
def test_flags_are_set_for_several_gpus_only(monkeypatch, gpus):
  mine = '--xla_gpu_enable_latency_hiding_scheduler=false'
  monkeypatch.setenv('XLA_FLAGS', mine)
  monkeypatch.setattr(compilation, 'count_gpus', lambda: gpus)
  compilation.use_several_gpus()
  flags = os.environ['XLA_FLAGS'].split()
  assert flags[0] == mine
  assert flags[1:] == (
    ['--xla_gpu_all_reduce_combine_threshold_bytes=41943040']
    if gpus > 1
    else []
  )


@pytest.mark.parametrize(
  'given,home,kept',
  [
    ('/cache', '/home/a', '/cache'),
    ('', '/home/a', '/home/a/.cache'),
    ('relative', '/home/a', '/home/a/.cache'),
    ('', None, None),
    ('relative', None, None),
  ],
)
def test_the_cache_is_where_the_user_has_one(
  monkeypatch, capsys, given, home, kept
):
  def find_home():
    if home is None:
      raise RuntimeError('Could not determine home directory.')
    return pathlib.Path(home)

  monkeypatch.setattr(pathlib.Path, 'home', find_home)
  monkeypatch.setenv('XDG_CACHE_HOME', given)
  if kept is not None:
    expected = pathlib.Path(kept) / 'stclr_jax/compiled'
    assert compilation.cache_folder() == expected
    return
  before = jax.config.jax_compilation_cache_dir
  jax.config.update('jax_compilation_cache_dir', None)
  try:
    assert compilation.use_cache() is None  # that is no error
  finally:
    jax.config.update('jax_compilation_cache_dir', before)
  assert 'are not kept' in capsys.readouterr().err


def test_a_program_that_runs_once_computes_what_others_do():
  tree = {'a': np.arange(6.0, dtype=np.float32), 'b': np.float32(2)}

  def function(tree, key):
    return tree['a'] * tree['b'] + 1, jax.random.bits(key, (5,))

  found, bits = compilation.run_once(function, tree, jax.random.key(3))
  np.testing.assert_array_equal(found, [1, 3, 5, 7, 9, 11])
  np.testing.assert_array_equal(bits, jax.random.bits(jax.random.key(3), (5,)))
