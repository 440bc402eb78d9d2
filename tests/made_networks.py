"""Trained networks that nobody trained, as `inference` hands them on."""

import jax
import jax.numpy as jnp
import numpy as np

from stclr_jax import making
from stclr_jax.inference import trained_network
from stclr_jax.models import architectures
from stclr_jax.models.encoders import Encoder
from stclr_jax.models.weights import torchvision_arrays
from stclr_jax.views import views

LABELS = ('Anger', 'Fear', 'Joy | "quoted"')
OPTIONS = views.ViewOptions(num_frames=4, size=16)
CALIBRATION = trained_network.Calibration(
  temperature=1.7,
  unsure_below=0.4,
  calibration_error=0.05,
  fitted_on='12 videos of people neither trained nor tested on',
)
TRAINED_ON = trained_network.TrainedOn(
  data='tiny:vl_strong',
  synthetic=True,
  people=7,
  clips=40,
  labels_trained=LABELS[:2],
  init='pretrained',
  pretrained_on='tiny:vl_strong',
  epochs=3,
  epoch_tested=3,
  protocol='tiny:vl_strong: 20 videos of 4 people tested\nlast epoch',
  correct=13,
  total=20,
)
MAKING = making.Making(
  fps=29.97,
  framing='face',
  face_crop=making.FaceCrop(
    detector='blaze',
    which='largest',
    margin=0.4,
    smoothing=5,
    min_support=2,
    min_face=0.1,
  ),
  frame_size=(120, 100),
  clip_frames=22.5,
  num_videos=40,
)


def draw_arrays(tree, seed=0):
  """Arrays of the shapes of a tree, under which activations keep their size."""
  random = np.random.default_rng(seed)

  def draw(path, leaf):
    name, shape = path[-1].key, leaf.shape
    if name == 'var':
      drawn = random.uniform(0.5, 2, shape)
    elif name == 'kernel':
      drawn = random.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)
    else:
      drawn = random.normal(name == 'scale', 0.2, shape)
    return drawn.astype(leaf.dtype)

  return jax.tree_util.tree_map_with_path(draw, tree)


def make(
  architecture='r2plus1d_18',
  *,
  labels=LABELS,
  what='clip',
  rest='first_frame',
  width=1 / 16,
  dtype=jnp.float32,
  options=OPTIONS,
  **changes,
):
  """A `Trained` with random arrays; an encoder where `labels` is None."""
  encoder = Encoder(architecture, width=width, epsilon=1e-3, dtype=dtype)
  drawn = draw_arrays(torchvision_arrays.zeros(architecture, width))
  params = {'encoder': drawn['params']}
  if labels is not None:
    whole = architectures.find(architecture).scaled(width)
    d = whole.stages[-1].features
    inputs = 2 * d if what == 'both' else d
    layer = {
      'kernel': np.empty((inputs, len(labels)), np.float32),
      'bias': np.empty(len(labels), np.float32),
    }
    params['classifier'] = draw_arrays(layer, seed=1)
  fields = {
    'source': 'runs/made',
    'kind': trained_network.ENCODER if labels is None else 'classifier',
    'making': MAKING,
    'trained_on': TRAINED_ON,
    'calibration': None if labels is None else CALIBRATION,
    **changes,
  }
  return trained_network.Trained(
    encoder=encoder,
    variables={
      'params': params,
      'batch_stats': {'encoder': drawn['batch_stats']},
    },
    view_options=options,
    labels=labels,
    input=what,
    rest=rest,
    **fields,
  )
