"""Exports a trained network as a folder for a hub, for torch, ONNX and JAX.

    python -m stclr_jax.export --model=runs/finetune --out=exported
    python -m stclr_jax.export --model=runs/finetune --out=exported --onnx

RUN is the workdir of a pretraining or fine-tuning. DIR becomes a folder that a
hub takes as it is: README.md (a model card filled from the run), config.json
and model.safetensors, in the names and the layout of torchvision.
`stclr_jax.load(DIR)` gives the same network, bit for bit. Nothing is uploaded;
docs/exporting.md says how.
"""

import argparse

from stclr_jax import commands
from stclr_jax.exports import agreement
from stclr_jax.exports import hub_folder
from stclr_jax.inference import exported_folder


def main(arguments=None):
  """Reads the arguments, exports, and says what was written.

  Args:
    arguments: list of strings; None for those of the command line.
  """
  parser = argparse.ArgumentParser(
    prog='python -m stclr_jax.export',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    allow_abbrev=False,
  )
  parser.add_argument(
    '--model', required=True, metavar='RUN', help='workdir, or another export'
  )
  parser.add_argument(
    '--out', required=True, metavar='DIR', help='folder to write, new or empty'
  )
  for name, words in (
    ('onnx', f'also {exported_folder.ONNX}, for any runtime'),
    ('stablehlo', f'also {exported_folder.STABLEHLO}, for JAX alone'),
    (
      'projection_head',
      f"also {exported_folder.PROJECTION_HEAD}, a pretraining's",
    ),
    ('overwrite', 'replace an earlier export in DIR'),
  ):
    parser.add_argument(f'--{name}', action='store_true', help=words)
  parser.add_argument(
    '--name', default='', help="of the model, in its card; DIR's by default"
  )
  parser.add_argument(
    '--license',
    default='',
    metavar='ID',
    help='of the weights, such as cc-by-nc-4.0: for you to choose, and for the '
    'owners of the data to allow; none is stated by default',
  )
  parser.add_argument(
    '--license_file', metavar='FILE', help='its text, kept as LICENSE'
  )
  options = vars(parser.parse_args(arguments))
  model, out = options.pop('model'), options.pop('out')
  _export(model, out, hub_folder.Options(**options))


@commands.report_errors(
  lambda model, out, options: commands.Place(out, ' (--out=DIR)')
)
def _export(model, out, options):
  written = hub_folder.write(model, out, options)
  print(describe(written))
  if written.refused:
    raise SystemExit(1)


def describe(written):
  """Says what was written, for people.

  Args:
    written: a `hub_folder.Written`.

  Returns:
    Lines to print.
  """
  lines = []
  for name, size in written.files.items():
    said = f'{written.folder / name}  {max(size, 1000) / 1000:,.0f} kB'
    if name in written.differences:
      said += f', differs from ours by {written.differences[name]:.1e} at most'
    lines.append(said)
  for name, difference in written.refused.items():
    lines.append(
      f'{name} was not kept: it differs from our own network by '
      f'{difference:.1e}, and at most {agreement.TOLERANCE:.0e} is allowed. '
      'All else is there.'
    )
  lines += [
    f'Look at {written.folder / exported_folder.CARD} before anybody else '
    'does: it is the model card.',
    f"Load it: stclr_jax.load('{written.folder}'); push it: docs/exporting.md.",
  ]
  return '\n'.join(lines)


if __name__ == '__main__':
  main()
