import pathlib

import pytest

from stclr_jax import demo


def test_all_commands_run_and_the_page_is_named(tmp_path, capsys):
  ran = []

  def call(command):
    ran.append(command)
    return 0

  page = demo.run(tmp_path, call=call)
  modules = [command[command.index('-m') + 1] for command in ran]
  assert modules == [
    'stclr_jax.train', 'stclr_jax.train', 'stclr_jax.draw_video',
    'stclr_jax.predict',
  ]  # fmt: skip
  said = capsys.readouterr().out
  assert said.index('$ python main.py') < said.index(page.as_uri())
  assert page.parent.name == 'drawn' and page.is_relative_to(tmp_path)


def test_what_is_drawn_is_not_drawn_again(tmp_path):
  (tmp_path / 'drawn.mp4').touch()
  names = [' '.join(command) for command in demo.list_commands(tmp_path)]
  assert len(names) == 3 and not any('draw_video' in name for name in names)


def test_a_command_that_fails_ends_it(tmp_path):
  with pytest.raises(SystemExit) as ended:
    demo.run(tmp_path, call=lambda _: 3)
  assert ended.value.code == 3


def test_readme_shows_the_demo():
  readme = (pathlib.Path(__file__).parents[1] / 'README.md').read_text()
  assert 'python -m stclr_jax.demo' in readme
