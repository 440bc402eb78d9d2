import pytest

from stclr_jax import oulu_casia
from stclr_jax.data import sources


@pytest.mark.parametrize('built', [True, False])
def test_only_drawn_sets_are_ever_drawn(built, monkeypatch):
  monkeypatch.setattr(sources, 'has_tfds', lambda: built)
  assert not sources.must_draw('oulu_casia', 'ni_strong')
  assert not sources.must_draw('mine', 'ni_strong')
  assert sources.must_draw('synthetic', 'ni_strong')
  assert sources.must_draw('synthetic_demo', 'vl_strong') != built
  if built:  # an unknown light is refused, not drawn
    assert not sources.must_draw('synthetic_demo', 'candle')


@pytest.mark.parametrize('split', oulu_casia.DRAWN_CONDITIONS[1:])
def test_lights_without_records_say_how_they_are_had(split, tmp_path):
  with pytest.raises(ValueError, match="cannot be streamed.*'auto', 'device'"):
    sources.open_source('synthetic_demo', split=split, data_dir=tmp_path)
  assert not list(tmp_path.iterdir())  # nothing is built for it
