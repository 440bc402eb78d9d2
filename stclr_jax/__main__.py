"""All commands in one: `stclr NAME ...` is `python -m stclr_jax.MODULE ...`."""

import ast
import pathlib
import runpy
import sys

# Modules of this folder by what they are called here.
COMMANDS = {
  'demo': 'demo',
  'train': 'train',
  'import': 'import_videos',
  'browse': 'browse',
  'compare': 'compare',
  'replay': 'replay',
  'export': 'export',
  'draw': 'draw_video',
  'predict': 'predict',
  'embed': 'embed',
  'web': 'web',
  'detector': 'fetch_face_detector',
}


def main():
  """Runs the command that the first argument names, with all others.

  Raises:
    SystemExit: with 2 if there is no such command, with 0 after help; else
      whatever the command raises.
  """
  name = sys.argv[1] if len(sys.argv) > 1 else ''
  if name in ('-h', '--help'):
    print(_help())
    sys.exit(0)
  if name not in COMMANDS:
    said = f'There is no command {name!r}.' if name else 'A command is missing.'
    print(f'{said}\n\n{_help()}', file=sys.stderr)
    sys.exit(2)
  del sys.argv[1]
  runpy.run_module(
    f'stclr_jax.{COMMANDS[name]}', run_name='__main__', alter_sys=True
  )


def _help():
  lines = ['stclr COMMAND ...; stclr COMMAND --help says more. COMMAND is', '']
  for name, module in COMMANDS.items():
    source = pathlib.Path(__file__).with_name(f'{module}.py').read_text()
    said = (ast.get_docstring(ast.parse(source)) or '').partition('\n')[0]
    lines.append(f'  {name:8} {said}')
  return '\n'.join(lines)


if __name__ == '__main__':
  main()
