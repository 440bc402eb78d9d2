import types

import pytest
from fake_models import make_trained

from stclr_jax import making
from stclr_jax.data.faces import blaze_file
from stclr_jax.inference.videos import settings
from stclr_jax.inference.videos.settings import Asked

CROP = making.FaceCrop(
  detector='haar_tilted',
  which='central',
  margin=0.25,
  smoothing=3,
  min_support=2,
  min_face=0.1,
)


def resolve(asked=None, *, calibration=None, **made):
  trained = make_trained(calibration=calibration)
  if made:
    trained.making = making.Making(**made)
  return settings.resolve(trained, asked or Asked())


def test_what_nobody_asks_for_is_the_models():
  found = resolve()
  assert (found.fps, found.window_s, found.step_s) == (25, 0.8, 0.2)
  assert (found.window_length, found.step_length) == (20, 5)
  assert found.frame_size == (32, 24) and found.face_crop is None
  assert found.unsure_below == 0.5  # as nobody calibrated it, which it says
  assert len(found.notes) == 1 and 'calibrated' in found.notes[0]
  calibrated = types.SimpleNamespace(unsure_below=0.35)
  found = resolve(calibration=calibrated)
  assert found.unsure_below == 0.35 and not found.notes
  assert resolve(Asked(unsure_below=0.0)).unsure_below == 0


def test_faces_are_cut_out_as_those_trained_on():
  framed = {'fps': 10.0, 'clip_frames': 9.0, 'framing': 'face'}
  found = resolve(Asked(unsure_below=0.5), face_crop=CROP, **framed)
  assert found.face_crop == CROP and not found.notes
  other = Asked(face_margin=0.5, face_which='central')
  found = resolve(other, face_crop=CROP, **framed)
  assert found.face_crop.margin == 0.5
  (said,) = (note for note in found.notes if 'margin' in note)
  assert '0.5' in said and '0.25' in said
  assert not any('`which`' in note for note in found.notes)  # it is the model's
  found = resolve(**framed)  # by others, who did not say how
  assert found.face_crop.margin == 0.4 and 'nobody knows' in found.notes[1]
  assert resolve(Asked(whole_frames=True), **framed).face_crop is None
  found = resolve(synthetic=True, **framed)  # a detector would cut more away
  assert found.face_crop is None and 'drawn faces' in found.notes[1]
  asked = Asked(face_detector='hog')
  assert resolve(asked, synthetic=True, **framed).face_crop.detector == 'hog'


def test_whole_frames_stay_whole_unless_asked():
  recorded = {'fps': 10.0, 'clip_frames': 9.0, 'framing': 'as_recorded'}
  assert resolve(**recorded).face_crop is None
  for asked in (Asked(faces='all'), Asked(face_detector='hog')):
    found = resolve(asked, **recorded)
    assert found.face_crop is not None and 'not cut out' in found.notes[-1]
  found = resolve(fps=10.0, clip_frames=9.0)
  assert found.face_crop is None and 'nobody knows' in ' '.join(found.notes)


def test_windows_of_another_length_are_told():
  assert not any('slow change' in n for n in resolve(Asked(window=1.0)).notes)
  for seconds in (0.3, 3.0):
    found = resolve(Asked(window=seconds))
    assert found.window_s == seconds and found.step_s == seconds / 4
    assert any('slow change' in note for note in found.notes)


def test_whole_frames_of_what_was_asked_are_said():
  found = resolve(Asked(window=0.83, step=0.1))  # at 25 frames a second
  assert (found.window_s, found.window_used_s) == (0.83, 0.84)
  assert (found.step_s, found.step_used_s) == (0.1, 0.08)
  said = found.describe_windows()
  assert '0.840 s (21 frames' in said and 'window 0.830 s' in said
  assert 'each 0.080 s' in said and 'step 0.100 s' in said
  assert 'whole frames' not in resolve(Asked(step=0.2)).describe_windows()


def test_a_length_that_nobody_knows_must_be_told():
  with pytest.raises(ValueError, match='runs/x last is not known.*--window=S'):
    resolve(clip_frames=20.0)
  found = resolve(Asked(window=2.0), clip_frames=20.0)
  assert found.window_s == 2 and any('rate' in note for note in found.notes)


@pytest.mark.parametrize(
  'asked,words',
  [
    ({'window': 0.0}, 'window.*=0.*more than 0'),
    ({'step': -1.0}, 'step.*=-1'),
    ({'window': 0.01}, 'window.*=0.01 s.*two frames.*25.*0.08 s or more'),
    ({'step': 0.01}, 'step.*=0.01 s.*shorter than a frame.*0.04 s or more'),
    ({'start': -0.5}, 'start.*0 or more'),
    ({'start': 3.0, 'end': 2.0}, 'end.*=2.*start.*=3'),
    ({'faces': 'some'}, 'faces.*one, all'),
    ({'unsure_below': 1.5}, 'unsure_below.*between 0 and 1'),
    ({'min_coverage': -1}, 'min_coverage.*between 0 and 1'),
    ({'face_margin': 9.0}, 'margin.*between 0 and 2'),
    ({'face_detector': 'eyes'}, "detector.*'eyes'"),
    ({'whole_frames': True, 'faces': 'all'}, 'whole_frames.*no face'),
  ],
)
def test_what_cannot_be_meant_is_refused(asked, words):
  with pytest.raises(ValueError, match=words):
    resolve(Asked(**asked))


def test_a_detector_that_is_not_there_is_said_at_once(monkeypatch):
  monkeypatch.setattr(blaze_file, 'is_there', lambda: False)
  with pytest.raises(ValueError, match="'blaze' needs the file.*'hog'"):
    resolve(Asked(face_detector='blaze'))
