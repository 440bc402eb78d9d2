"""Workdirs of runs that were never run, with a random network in each."""

import dataclasses

import jax
import made_summaries
import numpy as np
import optax

from stclr_jax import making
from stclr_jax.files import json_records
from stclr_jax.learning import state as states
from stclr_jax.learning.saved import run_checkpoints
from stclr_jax.models import heads
from stclr_jax.models.encoders import Encoder
from stclr_jax.runs import summaries
from stclr_jax.runs.summaries import FinetuneSummary
from stclr_jax.views import views

OPTIONS = views.ViewOptions(num_frames=4, size=16)
LABELS = ('a', 'b', 'c')
PEOPLE = {'names': ['P001', 'P002'], 'unnamed': []}
MAKING = making.Making(fps=25.0, num_videos=7, clip_frames=20.0)
NOTES = {
  'format': json_records.FORMAT,
  'workflow': 'pretrain',
  'encoder': {
    'architecture': 'r2plus1d_18',
    'width': 1 / 16,
    'dtype': 'float32',
    'lowering': 'auto',
  },
  'views': {
    'num_frames': 4,
    'size': 16,
    'mean': OPTIONS.mean,
    'std': OPTIONS.std,
  },
  'batch_norm': {'epsilon': 0.3},
  'data': 'tiny:vl_strong',
  'seen': [{'data': 'tiny:vl_strong', 'labels': False, **PEOPLE}],
  'making': dataclasses.asdict(MAKING),
  'init': 'scratch',
}


def draw_variables(network):
  """Variables as training leaves them: no batch norm is the identity."""
  clip = np.zeros((1, 5, 16, 16, 3), np.float32)
  key = jax.random.key(0)
  shapes = jax.eval_shape(lambda: network.init(key, clip, train=False))
  random = np.random.default_rng(0)

  def draw(path, leaf):
    name, shape = path[-1].key, leaf.shape
    if name == 'kernel':
      drawn = random.normal(0, np.prod(shape[:-1]) ** -0.5, shape)
    else:
      spans = {'mean': (-0.2, 0.2), 'bias': (-0.2, 0.2)}
      drawn = random.uniform(*spans.get(name, (0.5, 1.5)), shape)
    return drawn.astype(np.float32)

  return jax.tree_util.tree_map_with_path(draw, shapes)


def save(directory, what, rest='first_frame', **changes):
  """Saves one checkpoint of a random classifier; its network, variables."""
  encoder = Encoder(width=1 / 16, epsilon=0.3)
  network = heads.ClassifierNetwork(encoder, len(LABELS), what, rest)
  variables = draw_variables(network)
  identity = optax.identity()
  notes = {
    **NOTES,
    'workflow': 'finetune',
    'labels': LABELS,
    'labels_trained': LABELS[:2],
    'labelled_videos': ['P001/a', 'P002/b'],
    'input': what,
    'rest': rest,
    **changes,
  }
  with run_checkpoints.RunCheckpoints(
    directory, steps_per_epoch=1, keep=1
  ) as saved:
    saved.save(1, states.create_state(variables, identity), notes)
  return network, variables


def finish(directory, **changes):
  """Writes the summary of such a run."""
  summary = made_summaries.make(FinetuneSummary, **changes)
  summaries.write(summary, directory)


def look(clips):
  """What the network is shown of clips, by the views' own function."""
  number, length, *size = clips.shape
  frames = views.Frames(
    clips.reshape(-1, *size),
    np.arange(number) * length,
    np.full(number, length),
  )
  return views.evaluation_views(frames, np.arange(number), options=OPTIONS)
