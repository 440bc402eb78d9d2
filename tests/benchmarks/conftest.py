"""Benchmarks run in processes of their own, here at a tiny size on a CPU."""

import os
import pathlib

import pytest

from benchmarks.step import speed

TINY = [
  '--architecture=mc3_18',
  '--width=0.0625',
  '--views=4',
  '--frames=2',
  '--size=16',
  '--devices=1',
  '--steps=2',
  '--warmup=1',
]


def pytest_collection_modifyitems(items):
  """Marks the tests of this folder: `pytest tests/` leaves them out."""
  for item in items:
    if item.path.is_relative_to(pathlib.Path(__file__).parent):
      item.add_marker('benchmarks')


@pytest.fixture(scope='session')
def compiled_programs(tmp_path_factory):
  """One cache for all of them: most compile the same step."""
  return tmp_path_factory.mktemp('compiled')


@pytest.fixture
def tiny(monkeypatch, compiled_programs):
  """Arguments of a step that takes milliseconds; sets the processes up."""
  monkeypatch.setenv('JAX_PLATFORMS', 'cpu')
  monkeypatch.setenv('JAX_DISABLE_MOST_OPTIMIZATIONS', '1')
  for name, value in speed.cache_environment(compiled_programs).items():
    monkeypatch.setenv(name, value)
  return TINY


@pytest.fixture
def torch_python():
  """An interpreter with torch: this one, or that of $TORCH_PYTHON."""
  python = os.environ.get('TORCH_PYTHON')
  if not speed.has_torch(python):
    pytest.skip('torch and torchvision are not installed here')
  return python
