"""People are seen in what a run leaves only where --with_faces asked for it."""

import dataclasses

import event_files
import pytest

from stclr_jax.experiments import recipe_runs
from stclr_jax.reports import figures
from stclr_jax.reports import report_parts
from stclr_jax.runs import workdirs
from stclr_jax.workflows import pretrain


@pytest.fixture
def people(tiny_store):
  """The same, as if of people."""
  return dataclasses.replace(tiny_store, synthetic=False)


@pytest.mark.parametrize(
  'with_faces', [False, pytest.param(True, marks=pytest.mark.slow)]
)
def test_of_a_pretraining(people, tiny_config, tmp_path, with_faces):
  config = tiny_config(
    'pretrain', num_epochs=1, **{'data.with_faces': with_faces}
  )
  pretrain.run(config, tmp_path, store=people)
  drawn = {
    path.relative_to(tmp_path / 'figures').as_posix()
    for path in tmp_path.glob('figures/**/*.png')
  }
  assert 'pretraining.png' in drawn
  faces = {name for name in drawn if name.startswith('faces/')}
  assert len(faces) == (4 if with_faces else 0)
  assert drawn - faces == {'pretraining.png'}
  page = (tmp_path / workdirs.REPORT_TEXT).read_text()
  assert ('(figures/faces/views_1' in page) == with_faces
  assert ('are left out; --with_faces shows' in page) != with_faces
  assert ('People can be recognised on this page' in page) == with_faces
  html = (tmp_path / workdirs.REPORT).read_text()
  assert html.count('data:image/png') == len(drawn)
  events = event_files.read_pictures(tmp_path / workdirs.EVENTS, 'pretrain')
  assert any('views_1' in name for _, name in events) == with_faces


def test_pictures_that_were_asked_for_before_are_not_shown_again(
  tiny_config, tmp_path
):
  config = tiny_config('pretrain', **{'data.with_faces': True})
  workdirs.open_workdir(tmp_path, config)
  picture = tmp_path / 'figures' / 'faces' / 'views_1_a.png'
  figures.save_curves(picture, [], title='')
  for with_faces in (True, False):
    config.data.with_faces = with_faces
    report_parts.write_run(config, tmp_path, 'Mine', [], drawn=False)
    page = (tmp_path / workdirs.REPORT_TEXT).read_text()
    assert (picture.name in page) == with_faces


def test_who_is_seen_makes_no_other_run(tiny_config, tmp_path):
  config = tiny_config('pretrain')
  address = recipe_runs.address(config)
  workdirs.open_workdir(tmp_path, config)
  config.data.with_faces = True
  assert recipe_runs.address(config) == address
  workdirs.open_workdir(tmp_path, config)  # and goes on in its folder
