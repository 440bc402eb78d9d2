"""What an encoder begins with where no run of this project has trained it."""

from stclr_jax.models.weights import torchvision_weights


def load_weights(variables, config):
  """Puts the user's Kinetics-400 weights into a fresh network, if asked to.

  Args:
    variables: of the network, see `build.init_network`.
    config: with `init`, `init_weights` and `encoder`.

  Returns:
    (variables, report): as they are and None, unless `init` is 'kinetics400';
    then with the encoder replaced, and the JSON-able dict of a
    `torchvision_weights.Report`.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if `init` and `init_weights` do not go together, or the file
      does not hold the encoder of this config.
  """
  if config.init != 'kinetics400':
    if config.init_weights:
      raise ValueError(
        f'`init_weights` (={config.init_weights!r}) has no meaning with '
        f'`init` = {config.init!r}; drop it, or set --config.init=kinetics400.'
      )
    return variables, None
  if not config.init_weights:
    raise ValueError(
      "`init` = 'kinetics400' needs `init_weights`, a file with the state dict "
      f"of torchvision's {config.encoder.architecture}: download the one that "
      'its documentation names (Kinetics-400) and give '
      '--config.init_weights=PATH. None comes with this project.'
    )
  variables, report = torchvision_weights.load_encoder(
    variables, config.init_weights, config.encoder.architecture
  )
  print(report.describe(), flush=True)
  return variables, report.as_dict()
