"""The batch that a GPU's memory holds, from a table of compiled steps.

The table, step_memory.json, is what XLA planned for a pretraining step on an
H200, by frames, size and `encoder.remat`; nothing was run. It is measured by
`python -m benchmarks.step.program --budget`.
"""

import functools
import json
import pathlib

from stclr_jax.experiments import costs

PATH = pathlib.Path(__file__).with_name('step_memory.json')

# Of a GPU's memory, what JAX takes unless told otherwise. Source:
# docs.jax.dev, "GPU memory allocation".
MEMORY_SHARE = 0.75


def key(config):
  """Names the row of a step.

  Args:
    config: of a pretraining.

  Returns:
    Text of all that decides how much a view takes, but for `remat`.
  """
  encoder, views = config.encoder, config.views
  return (
    f'{encoder.architecture}, width {encoder.width:g}, {encoder.dtype}, '
    f'{views.num_frames}x{views.size}x{views.size}'
  )


@functools.cache
def table():
  """Reads the table.

  Returns:
    A dict: 'gpus', bytes by name; 'rows', by `key`, of 'fixed_bytes' and, by
    `remat`, 'bytes_per_view'; 'versions'.
  """
  return json.loads(PATH.read_text())


def fitting_videos(row, remat, memory_bytes, *, clips=1):
  """Computes the largest batch of a pretraining step on one GPU.

  Args:
    row: of `table`.
    remat: one of those that the row has.
    memory_bytes: of the GPU.
    clips: encoded for each view, see `costs.clips_per_view`.

  Returns:
    Videos, of two views each; 0 if not even one fits.
  """
  room = MEMORY_SHARE * memory_bytes - row['fixed_bytes']
  return max(0, int(room // (2 * clips * row['bytes_per_view'][remat])))


def describe(config):
  """Says which batch of a pretraining fits common GPUs.

  Args:
    config: of a pretraining.

  Returns:
    A line; '' for a size that the table does not have.
  """
  row = table()['rows'].get(key(config))
  remat = config.encoder.remat
  if row is None or remat not in row['bytes_per_view']:
    return ''
  clips = costs.clips_per_view(config)
  leanest = min(row['bytes_per_view'], key=row['bytes_per_view'].get)
  fits = []
  for name, memory in table()['gpus'].items():
    videos, most = (
      fitting_videos(row, one, memory, clips=clips) for one in (remat, leanest)
    )
    fits.append(
      f'{videos} videos ({name}; {most} with encoder.remat={leanest})'
    )
  size = clips * row['bytes_per_view'][remat] / 1e9
  compiled = (
    'as compiled' if clips == 1 else f'{clips} times what one clip a view takes'
  )
  return (
    f'A pretraining step takes {size:.2f} GB a view, {compiled} '
    f'(encoder.remat={remat}; not run): at most {", ".join(fits)} on one GPU.'
  )
