"""Arguments of the `tfds build` command, which TFDS keeps from its builders."""

import pathlib

# How TFDS's command is started: by its script, or as a module.
_PROGRAMS = ('tfds', 'main.py')
# Each asks for something of its own.
_PARTICULAR = ('--config', '--config_idx', '--manual_dir', '--download_config')


def for_all(arguments, default):
  """Tells whether a builder runs because all its configs are built.

  That is `tfds build tfds_oulu`, without a config and without a folder of data:
  whoever has no licence has asked for nothing that is missing.

  Args:
    arguments: as `sys.argv`.
    default: name of the config that would be named after a slash.

  Returns:
    A bool.
  """
  program, *given = arguments
  if pathlib.Path(program).name not in _PROGRAMS or 'build' not in given:
    return False
  names = [argument.partition('=')[0] for argument in given]
  return not (
    any(name in _PARTICULAR for name in names)
    or any(argument.endswith(f'/{default}') for argument in given)
  )
