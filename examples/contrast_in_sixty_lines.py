"""The method in sixty lines: two views of a video belong together.

    python -m examples.contrast_in_sixty_lines

Drawn faces, views, R(2+1)D, NT-Xent and optax; no config and no run folder.
A minute or two on a laptop CPU. `workflows/pretrain.py` is the real one: it
holds people out, uses all devices, goes on after an interruption and audits.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from stclr_jax.data.drawn import synthetic_faces
from stclr_jax.learning import losses
from stclr_jax.models import encoders
from stclr_jax.models import heads
from stclr_jax.views import augmentations
from stclr_jax.views import views

NUM_PEOPLE = 16
BATCH_SIZE = 24  # videos; each is seen in two views
TEMPERATURE = 0.1


def main(num_steps=60):
  """Trains an encoder to match views; returns losses and accuracies."""
  drawn = synthetic_faces.draw_videos(
    height=64, width=64, framing='face', num_subjects=NUM_PEOPLE
  )
  videos = [video.frames for video in drawn]  # uint8 [t, h, w, 3] each
  length = np.array([len(video) for video in videos])
  first = np.cumsum(length) - length
  frames = views.Frames(jnp.concatenate(videos), first, length)

  # As in the demo: few frames and pixels, of which crops leave the mouth.
  crop = augmentations.Crop(area=(0.6, 1.0))
  options = views.ViewOptions(num_frames=4, size=32, crop=crop)
  network = heads.PretrainNetwork(
    encoders.Encoder('r2plus1d_18', width=0.125),
    heads.ProjectionHead(hidden_features=128, features=128),
  )
  optimizer = optax.adam(3e-3)
  init = jax.jit(
    functools.partial(network.init, train=False),
    compiler_options={'xla_backend_optimization_level': 0},  # it runs once
  )
  variables = init(jax.random.key(0), jnp.zeros((1, 4, 32, 32, 3)))
  params, batch_stats = variables['params'], variables['batch_stats']
  opt_state = optimizer.init(params)

  @jax.jit
  def train_step(params, batch_stats, opt_state, batch, step):
    pair = [  # what is random follows from seed, epoch, video and view
      views.draw_views(
        frames, batch, seed=0, epoch=step, view=view, options=options
      )
      for view in (1, 2)
    ]

    def loss_fn(params):
      z, updated = network.apply(
        {'params': params, 'batch_stats': batch_stats},
        jnp.concatenate(pair),  # [2n, t, h, w, 3]
        train=True,
        mutable=['batch_stats'],
      )
      result = losses.contrast(*jnp.split(z, 2), TEMPERATURE)
      return result.loss.mean(), (result.correct.mean(), updated)

    (loss, (accuracy, updated)), gradients = jax.value_and_grad(
      loss_fn, has_aux=True
    )(params)
    updates, opt_state = optimizer.update(gradients, opt_state)
    params = optax.apply_updates(params, updates)
    return params, updated['batch_stats'], opt_state, loss, accuracy

  others = 2 * BATCH_SIZE - 1  # one of which is the positive
  print(f'At chance: loss {np.log(others):.2f}, accuracy {1 / others:.0%}')
  order = np.random.default_rng(0)
  history = []
  for step in range(num_steps):
    batch = order.choice(len(videos), BATCH_SIZE, replace=False)
    params, batch_stats, opt_state, loss, accuracy = train_step(
      params, batch_stats, opt_state, batch, step
    )
    history.append((float(loss), float(accuracy)))
    if step % 10 == 0 or step == num_steps - 1:
      print(f'Step {step:3}: loss {loss:.2f}, accuracy {accuracy:.0%}')
  return history


if __name__ == '__main__':
  main()
