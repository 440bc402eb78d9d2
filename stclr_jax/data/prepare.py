"""Makes sure that a data set is there, and reads it."""

import importlib.util
import sys

from stclr_jax.data import videos

NAMES = ('oulu_casia', 'synthetic', 'synthetic_demo')


def load_videos(name, *, split, frame_size, data_dir=None):
  """Reads a data set; an embedded one is built on first use.

  Args:
    name: a config of the `tfds_oulu` builder.
    split: a condition, such as 'vl_strong'.
    frame_size: (height, width) of the stored frames, in pixels.
    data_dir: where TFDS keeps its data; None for its own default.

  Returns:
    A `videos.VideoStore`.

  Raises:
    ValueError: for an unknown name or split.
    FileNotFoundError: if the licensed data has not been built; it is never
      replaced by anything else.
  """
  if name not in NAMES and not name.startswith('oulu_casia_'):
    raise ValueError(
      f'`data.name` (={name!r}) must be one of {", ".join(NAMES)}, or the '
      'name, oulu_casia_..., that you gave a builder config of your own.'
    )
  synthetic = not name.startswith('oulu_casia')
  label = f'{name}:{split}'
  if importlib.util.find_spec('tensorflow_datasets') is None:
    if not synthetic:
      raise FileNotFoundError(
        f'Reading {name} needs tensorflow-datasets, which is not installed: '
        'pip install -r requirements.txt.'
      )
    print(f'{label}: TFDS is not installed, so the faces are drawn anew.')
    records, names = _drawn_records(name, split)
  else:
    records, names = _built_records(name, split, data_dir)
  return videos.make_store(
    records,
    frame_size=frame_size,
    label_names=names,
    name=label,
    synthetic=synthetic,
  )


def _built_records(name, split, data_dir):
  from tfds_oulu import tfds_oulu_dataset_builder as oulu

  config = name if name in NAMES else oulu.FolderConfig(name=name)
  builder = oulu.Builder(config=config, data_dir=data_dir)
  if not builder.is_prepared():
    if name.startswith('oulu_casia'):
      raise FileNotFoundError(
        oulu.missing_data_message(f'{builder.data_dir} (no built data set)')
      )
    print(f'Building the embedded data set {name} in {builder.data_dir} ...')
    sys.stdout.flush()
    builder.download_and_prepare()
  if split not in builder.info.splits:
    raise ValueError(
      f'`data.split` (={split!r}) must be one of those built of {name}: '
      f'{", ".join(builder.info.splits)}.'
    )
  source = builder.as_data_source(split=split)
  records = (
    videos.Record(
      video_id=_text(example['video_id']),
      subject=int(example['subject']),
      label=int(example['label']),
      frames=[bytes(frame) for frame in example['frames']],
    )
    for example in (source[i] for i in range(len(source)))
  )
  return records, builder.info.features['label'].names


def _drawn_records(name, split):
  from stclr_jax.data import synthetic_faces

  drawn = synthetic_faces.draw_videos(
    condition=split, **synthetic_faces.SIZES[name]
  )
  records = (
    videos.Record(video.video_id, video.subject, video.label, video.frames)
    for video in drawn
  )
  return records, synthetic_faces.EXPRESSIONS


def _text(value):
  return value.decode() if isinstance(value, bytes) else str(value)
