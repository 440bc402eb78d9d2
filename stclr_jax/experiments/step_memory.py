"""The batch that a GPU's memory holds, from a table of compiled steps.

The table, step_memory.json, is what XLA planned for a pretraining step on an
H200, by frames, size and `encoder.remat`; nothing was run. It is measured by
`python -m benchmarks.step.program --budget`.
"""

import functools
import json
import pathlib

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


def fitting_videos(row, remat, memory_bytes):
  """Computes the largest batch of a pretraining step on one GPU.

  Args:
    row: of `table`.
    remat: one of those that the row has.
    memory_bytes: of the GPU.

  Returns:
    Videos, of two views each; 0 if not even one fits.
  """
  room = MEMORY_SHARE * memory_bytes - row['fixed_bytes']
  return max(0, int(room // (2 * row['bytes_per_view'][remat])))


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
  leanest = min(row['bytes_per_view'], key=row['bytes_per_view'].get)
  fits = [
    f'{fitting_videos(row, remat, memory)} videos ({name}; '
    f'{fitting_videos(row, leanest, memory)} with encoder.remat={leanest})'
    for name, memory in table()['gpus'].items()
  ]
  return (
    f'A pretraining step takes {row["bytes_per_view"][remat] / 1e9:.2f} GB a '
    f'view as compiled (encoder.remat={remat}; not run): at most '
    f'{", ".join(fits)} on one GPU.'
  )
