"""Packages videos of facial expressions: Oulu-CASIA's, or drawn ones."""

import concurrent.futures
import dataclasses
import io
import os
import tempfile

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

# At module top, because the `tfds` command keeps the repository on sys.path
# only during this import.
from stclr_jax.data import synthetic_faces
from tfds_oulu import layout

# Asked once: TFDS's test case puts a mock in place of `os`.
_NUM_THREADS = os.cpu_count()

MANUAL_DOWNLOAD_INSTRUCTIONS = """\
Oulu-CASIA is licensed by the Center for Machine Vision and Signal Analysis,
University of Oulu, for research, and cannot be downloaded without it:
  1. Sign the licence agreement and ask for the data:
     https://www.oulu.fi/en/university/faculties-and-units/faculty-information-technology-and-electrical-engineering/center-for-machine-vision-and-signal-analysis
  2. Unpack its original images so that a frame is
     FOLDER/OriginalImg/VL/Strong/P001/Anger/000.jpeg
     (VL or NI; Strong, Weak or Dark; OriginalImg itself may be left out).
  3. tfds build tfds_oulu --manual_dir=FOLDER
"""


def missing_data_message(looked_at):
  """Says what to do where the licensed data is not found.

  Args:
    looked_at: where it was looked for.

  Returns:
    The message.
  """
  return (
    f'Oulu-CASIA was not found; looked at {looked_at}.\n'
    f'{MANUAL_DOWNLOAD_INSTRUCTIONS}'
    'Without the licence, the drawn faces run everything: '
    '--config.data.name=synthetic'
  )


@dataclasses.dataclass(kw_only=True, eq=False)
class FolderConfig(tfds.core.BuilderConfig):
  """Videos in a folder that the user has.

  Attributes:
    on_corrupt: 'stop' lists all frames that cannot be decoded and builds
      nothing; 'skip' leaves those frames out and says so.
  """

  on_corrupt: str = 'stop'


@dataclasses.dataclass(kw_only=True, eq=False)
class SyntheticConfig(tfds.core.BuilderConfig):
  """Drawn videos; see `stclr_jax.data.synthetic_faces`.

  Attributes:
    height: of a frame, in pixels.
    width: of a frame, in pixels.
    framing: 'scene' or 'face'.
    num_subjects: number of people.
    conditions: which to draw; each becomes a split.
  """

  height: int
  width: int
  framing: str
  num_subjects: int = 80
  conditions: tuple[str, ...] = ('vl_strong',)


class EncodedImage(tfds.features.Image):
  """An image that is read as the bytes in which it came."""

  def decode_example_np(self, example):
    """Returns the encoded bytes."""
    return example

  def decode_batch_example_np(self, example_data):
    """Returns the encoded bytes of several images."""
    return example_data


class Builder(tfds.core.GeneratorBasedBuilder):
  """One record a video, its frames as the JPEG bytes they came in."""

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES = {'1.0.0': 'First release.'}
  MANUAL_DOWNLOAD_INSTRUCTIONS = MANUAL_DOWNLOAD_INSTRUCTIONS
  # In the order in which `tfds build` builds them: without the licensed data
  # the drawn ones are there when it stops.
  BUILDER_CONFIGS = [
    SyntheticConfig(
      name='synthetic_demo',
      description='Drawn faces that fill frames of 64x64, for a laptop.',
      **synthetic_faces.SIZES['synthetic_demo'],
    ),
    SyntheticConfig(
      name='synthetic',
      description='Drawn faces, 320x240, in the shape of Oulu-CASIA.',
      **synthetic_faces.SIZES['synthetic'],
    ),
    FolderConfig(
      name='oulu_casia', description='Oulu-CASIA, one split a condition.'
    ),
  ]
  DEFAULT_BUILDER_CONFIG_NAME = 'oulu_casia'

  def __init__(self, *, file_format=None, **kwargs):
    # ArrayRecord is read without TensorFlow.
    super().__init__(file_format=file_format or 'array_record', **kwargs)

  def _info(self):
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict(
        {
          'frames': tfds.features.Sequence(
            EncodedImage(shape=(None, None, 3), encoding_format='jpeg')
          ),
          'label': tfds.features.ClassLabel(names=layout.EXPRESSIONS),
          'subject': tfds.features.Scalar(np.int32),
          'video_id': tfds.features.Text(),
          'spectrum': tfds.features.Text(),
          'illumination': tfds.features.Text(),
        }
      ),
      homepage='https://www.oulu.fi/en/university/faculties-and-units/'
      'faculty-information-technology-and-electrical-engineering/'
      'center-for-machine-vision-and-signal-analysis',
    )

  def _split_generators(self, dl_manager):
    if isinstance(self.builder_config, SyntheticConfig):
      return {
        condition: self._draw_examples(condition)
        for condition in self.builder_config.conditions
      }
    root = self._find_root(dl_manager)
    conditions = layout.find_videos(root)
    if not conditions:
      raise FileNotFoundError(
        missing_data_message(f'{root}, which holds no frame in such a folder')
      )
    unreadable = _find_unreadable(conditions)
    self._refuse_or_skip(unreadable)
    return {
      condition: self._generate_examples(videos, skip=set(unreadable))
      for condition, videos in conditions.items()
    }

  def _generate_examples(self, videos, skip):
    for video in videos:
      frames = [
        io.BytesIO(file.read_bytes())
        for file in video.frames
        if file not in skip
      ]
      if frames:
        yield (
          video.video_id,
          {
            'frames': frames,
            'label': video.expression,
            'subject': video.subject,
            'video_id': video.video_id,
            'spectrum': video.spectrum,
            'illumination': video.illumination,
          },
        )

  def _find_root(self, dl_manager):
    try:
      folder = epath.Path(dl_manager.manual_dir)
    except AssertionError as error:  # absent or empty
      raise FileNotFoundError(
        missing_data_message(f'{dl_manager._manual_dir} (absent or empty)')
      ) from error
    root = layout.find_root(folder)
    if root is None:
      raise FileNotFoundError(
        missing_data_message(f'{folder}, which holds neither VL nor NI')
      )
    return root

  def _draw_examples(self, condition):
    config = self.builder_config
    with tempfile.TemporaryDirectory() as folder:
      synthetic_faces.write_folder(
        folder,
        height=config.height,
        width=config.width,
        framing=config.framing,
        num_subjects=config.num_subjects,
        conditions=(condition,),
      )
      videos = layout.find_videos(layout.find_root(folder))[condition]
      yield from self._generate_examples(videos, skip=frozenset())

  def _refuse_or_skip(self, unreadable):
    policy = self.builder_config.on_corrupt
    if policy not in ('stop', 'skip'):
      raise ValueError(f"`on_corrupt` (={policy!r}) must be 'stop' or 'skip'.")
    if not unreadable:
      return
    listing = '\n'.join(
      f'  {file} (video {video}): {reason}'
      for file, (video, reason) in unreadable.items()
    )
    if policy == 'stop':
      raise ValueError(
        f'{len(unreadable)} frames cannot be decoded, so nothing was built:\n'
        f'{listing}\nUnpack them again, or leave them out:\n'
        '  tfds build tfds_oulu --manual_dir=FOLDER --config='
        '\'{"name": "oulu_casia_readable", "on_corrupt": "skip"}\'\n'
        'and then train with --config.data.name=oulu_casia_readable'
      )
    print(f'Left out {len(unreadable)} frames:\n{listing}', flush=True)


def _find_unreadable(conditions):
  """Decodes every frame once.

  Args:
    conditions: as `layout.find_videos` gives them.

  Returns:
    A dict from file to (video, reason) of the frames that cannot be decoded.
  """
  files = [
    (file, f'{condition} {video.video_id}')
    for condition, videos in conditions.items()
    for video in videos
    for file in video.frames
  ]
  with concurrent.futures.ThreadPoolExecutor(_NUM_THREADS) as pool:
    reasons = pool.map(lambda item: _why_unreadable(item[0]), files)
    return {
      file: (video, reason)
      for (file, video), reason in zip(files, reasons, strict=True)
      if reason
    }


def _why_unreadable(file):
  # Pillow, because OpenCV returns the upper half of a truncated JPEG.
  from PIL import Image

  try:
    with Image.open(io.BytesIO(file.read_bytes())) as image:
      if image.format != 'JPEG':
        return f'a {image.format} image, not a JPEG'
      image.load()
  except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as e:
    return str(e) or type(e).__name__
  return None
