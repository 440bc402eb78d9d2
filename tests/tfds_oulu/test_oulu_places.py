"""What a path says of a file."""

import pytest

from stclr_jax.files import file_names
from tfds_oulu.scan import layout


@pytest.mark.parametrize(
  ('path', 'condition', 'subject', 'expression', 'number'),
  [
    ('OriginalImg/VL/Strong/P001/Anger/000.jpeg', 'vl_strong', 1, 'Anger', 0),
    ('ni/DARK/p080/SURPRISE/017.JPG', 'ni_dark', 80, 'Surprise', 17),
    ('VL/Weak/P012/Fear/FirstF_003.jpeg', 'vl_weak', 12, 'Fear', 3),
    ('VL/Weak/P12/Fear/P012_Fear_103.png', 'vl_weak', 12, 'Fear', 103),
    ('VL/Weak/P012/Fear/img-7.BMP', 'vl_weak', 12, 'Fear', 7),
    ('NI_Acropped/Dark/P002/Disgust/1.jpg', 'ni_dark_cropped', 2, 'Disgust', 1),
    # The nearest root decides where nothing else says what was cropped.
    ('PreProcess_Img/VL/Weak/P1/Fear/1.jpg', 'vl_weak_cropped', 1, 'Fear', 1),
    ('PREPROCESS.zip/VL/Weak/P1/Fear/1.jpg', 'vl_weak_cropped', 1, 'Fear', 1),
    ('PreProcess/OriginalImg/VL/Weak/P1/Fear/1.jpg', 'vl_weak', 1, 'Fear', 1),
    ('preprocessed/VL/Weak/P1/Fear/1.jpg', 'vl_weak', 1, 'Fear', 1),
    # The innermost condition counts.
    ('VL/Strong/NI/Dark/P003/Fear/1.jpg', 'ni_dark', 3, 'Fear', 1),
    ('A/VL/Strong/VL_P058_S_A.avi', 'vl_strong_video', 58, 'A', None),
    ('A/VL/S/vl_p058_s_s2.AVI', 'vl_strong_video', 58, 'S2', None),
    ('NI_P001_Dark_1.avi', 'ni_dark_video', 1, 'S1', None),
  ],
)  # fmt: skip
def test_places(path, condition, subject, expression, number):
  place = layout.find_place(path)
  assert (place.condition, place.subject, place.expression, place.number) == (
    condition, subject, expression, number,
  )  # fmt: skip


@pytest.mark.parametrize(
  ('path', 'reason'),
  [
    ('VL/Strong/P001/Anger/Thumbs.db', 'operating system'),
    ('VL/Strong/P001/Anger/._000.jpeg', 'operating system'),
    ('__MACOSX/VL/Strong/P001/Anger/000.jpeg', 'operating system'),
    ('VL/Strong/P001/Anger/000.txt', 'not an image'),
    ('VL/Strong/P001/Anger/000 (1).jpeg', 'without a frame number'),
    ('VL/Strong/P001/Anger/more/000.jpeg', 'below that of the frames'),
    ('VL/Strong/P001/Angry/000.jpeg', 'none of Anger, Disgust'),
    ('VL/Strong/P081/Anger/000.jpeg', 'none of P001 to P080'),
    ('VL/Strong/P000/Anger/000.jpeg', 'none of P001 to P080'),
    ('VL/Strong/000.jpeg', 'outside of the folders of people'),
    ('VL/Normal/P001/Anger/000.jpeg', 'outside of VL and NI'),
    ('VI/Strong/P001/Anger/000.jpeg', 'outside of VL and NI'),
    ('VL/Strong', 'outside of VL and NI'),
    ('B_OriginalImg.7z', 'unpack it'),
    ('VL_P099_S_A.avi', 'none of P001 to P080'),
  ],
)
def test_what_has_no_place_has_a_reason(path, reason):
  assert reason in layout.find_place(path)


def test_the_folder_given_may_be_inside():
  for depth in range(1, 5):
    parts = 'data/VL_Acropped/Strong/P001/Anger/000.jpeg'.split('/')
    context, path = '/'.join(parts[:depth]), '/'.join(parts[depth:])
    place = layout.find_place(path, context=context)
    assert place.condition == 'vl_strong_cropped' and place.number == 0


def test_names_that_are_no_text_can_be_printed():
  name = file_names.to_printable('\udcff ü.jpeg')
  assert name == r'\xff ü.jpeg' and name.encode()
