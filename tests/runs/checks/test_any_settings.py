"""Settings of anything, as typed: a config that can be meant, or words."""

import contextlib
import functools
import importlib
import pathlib

import ml_collections
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stclr_jax import commands
from stclr_jax.errors import UserError
from stclr_jax.runs import build
from stclr_jax.runs import run_videos
from stclr_jax.runs.checks import config_checks

pytestmark = [
  pytest.mark.properties,
  pytest.mark.filterwarnings('ignore:the load_module'),  # ml_collections's
]
ROOT = pathlib.Path(__file__).parents[3]
WORKFLOWS = ('pretrain', 'finetune', 'crossval', 'reproduce', 'evaluate')
VALUES = st.one_of(
  st.sampled_from(
    ['', '0', '-1', '1e400', 'nan', 'inf', '-inf', 'True', 'None', '()', '[]']
    + ['1,2', '(1, 2, 3)', '"', "'", '1_000', '0x10', '1e-320', '..', '{}']
  ),
  st.integers(-(2**70), 2**70).map(str),
  st.floats().map(str),
  st.text(max_size=10),
)


@functools.cache
def keys(workflow):
  config = importlib.import_module(f'configs.{workflow}').get_config()
  return [
    key
    for key, value in config_checks.flatten(config)
    if not isinstance(value, ml_collections.ConfigDict)
  ]


@given(data=st.data())
def test_one_setting_of_anything(data):
  workflow = data.draw(st.sampled_from(WORKFLOWS))
  key = data.draw(st.sampled_from(keys(workflow)))
  value = data.draw(VALUES)
  path = ROOT / 'configs' / f'{workflow}.py'
  try:
    config, others = commands.read_config(
      [f'--config={path}', f'--config.{key}={value}'], str(path)
    )
  except SystemExit as end:
    assert isinstance(end.code, str) and end.code
    assert 'Traceback' not in end.code
    return
  assert not others
  with contextlib.suppress(UserError):
    config_checks.check(config)
    if workflow in ('pretrain', 'finetune'):
      config_checks.check_batch(config)
      build.make_view_options(config.views)
      build.make_encoder(config)
      build.make_optimizer(config.optimizer)
      build.read_options(run_videos.DataOptions, config.data)


@given(words=st.text(max_size=20))
def test_keys_that_are_none(words):
  path = ROOT / 'configs' / 'pretrain.py'
  with contextlib.suppress(SystemExit):
    commands.read_config([f'--config={path}', f'--config.{words}=1'], str(path))
