"""Small imports of folders of frames."""

import making_videos

from stclr_jax.data.imports import importing
from stclr_jax.data.imports.import_writer import Target
from stclr_jax.data.imports.importing import Origin
from stclr_jax.data.imports.recordings import Options
from stclr_jax.data.listings.listing import Item
from stclr_jax.data.listings.listing import Listing


def folder_items(folder, lengths, **options):
  """Writes folders of frames, of so many each, and lists them."""
  items = []
  for i, length in enumerate(lengths):
    path = making_videos.write_frames(folder / f'v{i:02d}', length)
    frames = tuple(sorted(path.iterdir()))
    items.append(Item(f'v{i:02d}', path, frames, **options))
  return items


def import_items(items, data_dir, *, name='mine', problems=(), **options):
  """Imports items under a name, with the usual options or others."""
  options = {
    'origin': Origin('here'),
    'options': Options(),
    'progress': False,
  } | options
  classes = tuple(sorted({item.label for item in items} - {None}))
  overwrite = options.pop('overwrite', False)
  return importing.import_items(
    Listing(list(items), list(problems), {}),
    Target(name, options.pop('classes', classes), data_dir, overwrite),
    **options,
  )


def tree(folder):
  """Lists all paths below a folder."""
  return sorted(p.relative_to(folder).as_posix() for p in folder.rglob('*'))
