import pytest

from stclr_jax.files import whole


def test_a_file_is_whole_or_as_it_was(tmp_path):
  path = tmp_path / 'a.json'
  whole.write_text(path, 'before')
  with pytest.raises(KeyboardInterrupt):
    with whole.writing(path) as file:
      file.write('half')
      raise KeyboardInterrupt
  assert path.read_text() == 'before' and list(tmp_path.iterdir()) == [path]


def test_two_at_a_time_share_no_partial_file(tmp_path):
  path = tmp_path / 'a.txt'
  with whole.writing(path) as first, whole.writing(path) as second:
    assert first.name != second.name
    first.write('1' * 10**5)
    second.write('2' * 10**5)
  assert path.read_text() == '1' * 10**5  # who ends last


def test_only_what_killed_processes_left_is_removed(tmp_path):
  ours = ['a.json.0123abcd.partial', '.b.00000000.partial']
  theirs = ['film.mp4.partial', 'a.json', 'x.0123ABCD.partial', '0123abcd']
  for name in ours + theirs:
    (tmp_path / name).touch()
  whole.clear(tmp_path)
  assert {path.name for path in tmp_path.iterdir()} == set(theirs)


def test_a_file_that_cannot_be_made_is_named_as_asked_for(tmp_path):
  path = tmp_path / 'gone' / 'a.json'
  with pytest.raises(FileNotFoundError) as caught:
    whole.write_text(path, '')
  assert caught.value.filename == str(path)


def test_an_error_that_cannot_be_renamed_stays_what_it_was(tmp_path):
  class Foreign(OSError):
    filename = property(lambda self: str(self.args[1]))

  with pytest.raises(Foreign) as error:
    with whole.writing(tmp_path / 'a.txt') as file:
      raise Foreign(28, file.name)
  assert error.value.args[0] == 28 and not list(tmp_path.iterdir())
