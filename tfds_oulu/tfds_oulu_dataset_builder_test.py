"""TFDS's own checks of the builder, on a few tiny frames."""

import pathlib

import tensorflow_datasets as tfds

from tfds_oulu import tfds_oulu_dataset_builder

DUMMY_DATA = pathlib.Path(__file__).parent / 'dummy_data'


class BuilderTest(tfds.testing.DatasetBuilderTestCase):
  """TFDS's own checks, on a few tiny frames."""

  DATASET_CLASS = tfds_oulu_dataset_builder.Builder
  BUILDER_CONFIG_NAMES_TO_TEST = ['oulu_casia']
  EXAMPLE_DIR = str(DUMMY_DATA)
  SPLITS = {'vl_strong': 2, 'ni_dark': 1}

  def _make_builder(self, config=None):
    # `as_dataset`, which is tested here, does not read ArrayRecord.
    return self.DATASET_CLASS(
      data_dir=self.tmp_dir,
      config=config,
      version=self.VERSION,
      file_format='tfrecord',
    )


if __name__ == '__main__':
  tfds.testing.test_main()
