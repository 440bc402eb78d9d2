"""Packages videos of facial expressions: Oulu-CASIA's, or drawn ones."""

import contextlib
import dataclasses
import io
import pathlib
import sys
import tempfile

import numpy as np
import tensorflow_datasets as tfds

# At module top, because the `tfds` command keeps the repository on sys.path
# only during this import.
from stclr_jax import oulu_casia
from stclr_jax.data import data_folder
from stclr_jax.data.drawn import synthetic_faces
from stclr_jax.data.encoded_images import EncodedImage
from stclr_jax.files import disk
from tfds_oulu import asked
from tfds_oulu import build_lock
from tfds_oulu import integrity
from tfds_oulu import integrity_table
from tfds_oulu.scan import source_files
from tfds_oulu.scan import survey

# Bytes of a split above which TFDS sorts its records on the disk, too.
_SORTED_IN_MEMORY = 1000 << 20

MANUAL_DOWNLOAD_INSTRUCTIONS = """\
Oulu-CASIA is licensed by the Center for Machine Vision and Signal Analysis,
University of Oulu, for research, and cannot be downloaded without it:
  1. Sign the licence agreement and ask for the data:
     https://www.oulu.fi/en/university/faculties-and-units/faculty-information-technology-and-electrical-engineering/center-for-machine-vision-and-signal-analysis
  2. Put it into a folder, as it came: packed (.zip) or unpacked, the originals
     OriginalImg/VL/Strong/P001/Anger/000.jpeg, the cropped faces
     PreProcess_Img/VL_Acropped/Strong/P001/Anger/000.jpeg, or both.
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


class _NotFoundError(FileNotFoundError):
  """There is no data where it was looked for."""


@dataclasses.dataclass(kw_only=True, eq=False)
class FolderConfig(tfds.core.BuilderConfig):
  """Videos in a folder that the user has.

  Attributes:
    on_corrupt: 'stop' lists all frames that cannot be decoded and builds
      nothing; 'skip' leaves those frames out and says so.
    video_labels: what S1 and S2 mean in the names of the .avi originals, such
      as {'S1': 'Sadness', 'S2': 'Surprise'}; without it they are left out.
  """

  on_corrupt: str = 'stop'
  video_labels: dict[str, str] | None = None


@dataclasses.dataclass(kw_only=True, eq=False)
class SyntheticConfig(tfds.core.BuilderConfig):
  """Drawn videos; see `stclr_jax.data.drawn.synthetic_faces`.

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


class Builder(tfds.core.GeneratorBasedBuilder):
  """One record a video, its frames as the bytes they came in."""

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
  # What --config='{"name": …}' makes: TFDS cannot choose between two classes.
  builder_config_cls = FolderConfig

  def __init__(self, *, file_format=None, **kwargs):
    # Else TFDS builds in a folder called '~' where a user has no home.
    data_folder.find(kwargs.get('data_dir'))
    # ArrayRecord is read without TensorFlow.
    super().__init__(file_format=file_format or 'array_record', **kwargs)

  def _info(self):
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict(
        {
          'frames': tfds.features.Sequence(EncodedImage(shape=(None, None, 3))),
          'label': tfds.features.ClassLabel(names=oulu_casia.EXPRESSIONS),
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

  def download_and_prepare(self, **kwargs):
    """Builds as TFDS does, and says at the end what went in.

    Args:
      **kwargs: see `tfds.core.DatasetBuilder.download_and_prepare`.
    """
    config = kwargs.get('download_config')
    overwrite = config is not None and config.download_mode.overwrite_dataset
    directory, existed = self.data_path, self.data_path.exists()
    if existed and not overwrite:
      super().download_and_prepare(**kwargs)
    else:
      if config is not None and config.manual_dir:
        # Also of the drawn sets, which `tfds build` builds first, in minutes.
        _check_folder(config.manual_dir)
      with (
        build_lock.building_alone(directory),
        disk.naming_full_disk(directory),
        contextlib.ExitStack() as self._while_building,
      ):
        if directory.exists() and not existed:  # built while this one waited
          self.info.read_from_directory(directory)
        try:
          super().download_and_prepare(**kwargs)
        except _NotFoundError as error:
          if not asked.for_all(sys.argv, self.builder_config.name):
            raise
          # Whoever named no data has asked for what can be drawn, and has it.
          print(f'The drawn data sets are built; {error}', flush=True)
          sys.exit(0)
    if description := integrity.read(self.data_path):
      file = self.data_path / integrity.FILE_NAME
      print(integrity_table.format_table(description, file), flush=True)

  def _split_generators(self, dl_manager):
    if isinstance(self.builder_config, SyntheticConfig):
      return {
        condition: self._draw_examples(condition)
        for condition in self.builder_config.conditions
      }
    return self._survey_folder(_find_folder(dl_manager))

  def _survey_folder(self, folder):
    tree = self._while_building.enter_context(source_files.FileTree(folder))
    found = survey.survey(
      tree,
      on_corrupt=self.builder_config.on_corrupt,
      video_labels=self.builder_config.video_labels,
      context='/'.join(folder.resolve().parts[-4:]),
    )
    description = integrity.summarize(found)
    if not found.videos:
      raise FileNotFoundError(
        missing_data_message(
          '\n'.join(
            [
              f'{folder}, where no file is a frame in such a folder:',
              *integrity_table.format_unused(description),
            ]
          )
        )
      )
    sizes = found.num_bytes.values()
    on_disk_first = max((s for s in sizes if s > _SORTED_IN_MEMORY), default=0)
    disk.check_space(
      sum(sizes) + on_disk_first,
      self.data_dir_root,
      f'to build {self.info.full_name}',
    )
    integrity.write(description, self.data_path)
    data_folder.write_report(
      self.data_path,
      integrity_table.format_table(description, integrity.FILE_NAME),
    )
    return {
      condition: self._generate_examples(videos)
      for condition, videos in found.videos.items()
    }

  def _generate_examples(self, videos):
    for video in videos:
      yield (
        video.video_id,
        {
          'frames': [io.BytesIO(frame) for frame in video.read()],
          'label': video.place.expression,
          'subject': video.place.subject,
          'video_id': video.video_id,
          'spectrum': video.place.spectrum,
          'illumination': video.place.illumination,
        },
      )

  def _draw_examples(self, condition):
    config = self.builder_config
    with (
      tempfile.TemporaryDirectory() as folder,
      source_files.FileTree(folder) as tree,
    ):
      synthetic_faces.write_folder(
        folder,
        height=config.height,
        width=config.width,
        framing=config.framing,
        num_subjects=config.num_subjects,
        conditions=(condition,),
      )
      videos = survey.survey(tree).videos[condition]
      yield from self._generate_examples(videos)


def _find_folder(dl_manager):
  """Returns the folder, or the archive, that the user gave."""
  try:
    return pathlib.Path(dl_manager.manual_dir)
  except (AssertionError, NotADirectoryError):
    given = dl_manager._manual_dir
  return _check_folder(given)


def _check_folder(given):
  """Returns the path of a folder or an archive; refuses what holds nothing."""
  given = pathlib.Path(given)
  if given.is_dir():
    found = '' if any(given.iterdir()) else 'an empty folder'
  elif given.exists():
    packed = given.suffix.lower() == '.zip'
    found = '' if packed else 'a file, no folder and no .zip'
  else:
    found = 'absent'
  if found:
    raise _NotFoundError(missing_data_message(f'{given} ({found})'))
  return given
