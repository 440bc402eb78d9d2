"""Test settings: 8 CPU devices, strict ranks, float32 unless a test asks."""

import dataclasses
import os

import hypothesis
import jax
import pytest

from stclr_jax.models import architectures

pytest_plugins = ['tiny_runs']  # fixtures of whole runs, in seconds

# Eight devices on one processor prove what eight GPUs would compute.
jax.config.update('jax_num_cpu_devices', 8)
jax.config.update('jax_platforms', 'cpu')
# Most of a test's time would go into optimising programs that run once.
jax.config.update('jax_disable_most_optimizations', True)
# A broadcast over ranks that nobody wrote down is a bug until shown otherwise.
jax.config.update('jax_numpy_rank_promotion', 'raise')


# Of tests marked `properties`: the same few cases in each run, so that a change
# is judged by itself; thousands with --hypothesis-profile=many.
hypothesis.settings.register_profile(
  'few', max_examples=30, deadline=None, derandomize=True, database=None
)
hypothesis.settings.register_profile(
  'many', max_examples=1000, deadline=None, database=None, print_blob=True
)
hypothesis.settings.load_profile('few')


def pytest_configure(config):
  """Compiles quick tests by XLA's older code for CPUs, in two thirds the time.

  Its bits depend on the program around an operation, so tests of bits in two
  programs are slow ones, which are compiled as users' runs are.
  """
  if config.option.markexpr != 'slow':
    flags = os.environ.get('XLA_FLAGS', '')
    os.environ['XLA_FLAGS'] = f'{flags} --xla_cpu_use_fusion_emitters=false'


@pytest.fixture
def float64():
  """Runs one test in float64, where two programs can agree to 1e-9."""
  with jax.enable_x64(True):
    yield


@pytest.fixture
def shallow_encoder(monkeypatch):
  """Leaves a quarter of the encoder: two stages of one block.

  For tests of what is around the encoder; it compiles in a quarter of the
  time and still has a strided block with a shortcut.
  """
  for name, whole in architectures.ARCHITECTURES.items():
    stages = tuple(s._replace(num_blocks=1) for s in whole.stages[:2])
    shallow = dataclasses.replace(whole, stages=stages)
    monkeypatch.setitem(architectures.ARCHITECTURES, name, shallow)
