"""A tiny data set and the real configs, shrunk to seconds."""

import importlib

import jax
import numpy as np
import pytest

from configs import crossval as crossval_config
from stclr_jax.data.videos import VideoStore
from stclr_jax.oulu_casia import EXPRESSIONS


@pytest.fixture(scope='session')
def compile_once(tmp_path_factory):
  """Runs of the same program share its compilation."""
  cache = tmp_path_factory.mktemp('compiled')
  jax.config.update('jax_compilation_cache_dir', str(cache))
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.5)
  yield
  jax.config.update('jax_compilation_cache_dir', None)


def make_tiny_store():
  """Ten people; an expression is where a bright spot moves to."""
  rng = np.random.default_rng(0)
  subject, label = np.divmod(np.arange(60), 6)
  length = rng.integers(3, 8, 60)
  first = np.cumsum(length) - length
  frames = rng.integers(0, 60, (length.sum(), 16, 20, 3)).astype(np.uint8)
  for i in range(60):
    frames[first[i] : first[i] + length[i], ..., i % 3] += np.uint8(
      10 * subject[i]
    )
    for t in range(length[i]):
      row, column = 4 + 4 * (label[i] // 3), 4 + 6 * (label[i] % 3)
      size = 1 + 3 * t // length[i]
      frames[first[i] + t, row : row + size, column : column + size] += 120
  return VideoStore(
    frames=frames,
    first=first.astype(np.int32),
    length=length.astype(np.int32),
    label=label.astype(np.int32),
    subject=(subject + 1).astype(np.int32),
    video_id=tuple(
      f'P{s + 1:03d}/{EXPRESSIONS[e]}'
      for s, e in zip(subject, label, strict=True)
    ),
    label_names=EXPRESSIONS,
    name='tiny:vl_strong',
    synthetic=True,
  )


@pytest.fixture
def tiny_store(shallow_encoder, compile_once):
  """For runs that read it (`store=`), see `make_tiny_store`."""
  return make_tiny_store()


@pytest.fixture
def tiny_config():
  """Makes the demo's config of a workflow, shrunk."""

  def make(workflow, **changes):
    config = importlib.import_module(f'configs.{workflow}').get_config('demo')
    config.num_epochs = 2
    config.batch_size = 8
    config.views.num_frames = 4
    config.views.size = 16
    config.encoder.width = 1 / 16
    config.checkpoint.every_epochs = 1
    if workflow == 'pretrain':
      config.knn.every_epochs = 1
      config.audit.enabled = False
      config.optimizer.warmup_epochs = 0
    else:
      config.frozen_epochs = 1
      config.report.enabled = False
    config.update_from_flattened_dict(changes)
    return config

  return make


@pytest.fixture
def tiny_crossval():
  """Makes the demo's config of a cross-validation, shrunk."""

  def make(**changes):
    config = crossval_config.get_config('demo')
    config.data.num_folds = 3
    config.encoder.width = 1 / 16
    for stage in (config.pretrain, config.finetune):
      stage.num_epochs = 1
      stage.batch_size = 8
      stage.views.size = 16
      stage.checkpoint.every_epochs = 1
      stage.optimizer.warmup_epochs = 0
    config.finetune.frozen_epochs = 0
    config.finetune.report.enabled = False
    config.pretrain.audit.enabled = False
    config.update_from_flattened_dict(changes)
    return config

  return make
