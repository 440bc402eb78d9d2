import collections

import making_videos
import pytest

from stclr_jax import oulu_casia
from stclr_jax.data.listings import labels
from stclr_jax.data.listings import recipe_mmi
from stclr_jax.data.listings import recipes
from stclr_jax.data.video import video_files


def touch(path, data=b'x'):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(data)
  return path


def ck_plus_sequence(
  root, subject, sequence, code=None, *, numbers=range(1, 4),
  images='cohn-kanade-images', emotions='Emotion',
):  # fmt: skip
  for number in numbers:
    name = f'{subject}_{sequence}_{number:08d}'
    touch(root / images / subject / sequence / f'{name}.png')
  if code is not None:
    touch(
      root / emotions / subject / sequence / f'{name}_emotion.txt',
      f'   {code:.7e}\n'.encode(),
    )


def test_ck_plus_labels_and_people(tmp_path):
  for i, subject in enumerate(('S005', 'S010', 'S999')):
    ck_plus_sequence(tmp_path, subject, '001', code=i + 1)
    ck_plus_sequence(tmp_path, subject, '002')
    (tmp_path / 'Emotion' / subject / '002').mkdir()  # empty, as they come
  touch(tmp_path / 'cohn-kanade-images' / 'S005' / '001' / '.DS_Store')
  touch(tmp_path / 'Landmarks/S005/001/S005_001_00000011_landmarks.txt')
  listing = recipes.list_ck_plus(tmp_path)
  assert [(i.video_id, i.label, i.subject) for i in listing.items] == [
    ('S005/001', 'anger', 'S005'), ('S005/002', None, 'S005'),
    ('S010/001', 'contempt', 'S010'), ('S010/002', None, 'S010'),
    ('S999/001', 'disgust', 'S999'), ('S999/002', None, 'S999'),
  ]  # fmt: skip
  assert [f.name[-7:] for f in listing.items[0].frames] == [
    '001.png', '002.png', '003.png',
  ]  # fmt: skip
  assert not listing.problems
  assert (
    '593 sequences, 327 of them labelled, of 123 people' in listing.notes[0]
  )
  assert 'here are 6, 3 and 3' in listing.notes[0]
  # Labels were read, landmarks were not.
  assert listing.ignored == {'.txt': 1, 'hidden files': 1}


def test_ck_plus_has_seven_classes():
  classes = recipes.RECIPES['ck_plus'].classes
  assert len(classes) == 7 and 'contempt' in classes
  assert recipes.CK_PLUS_CODES[1:] == classes


def test_all_of_ck_plus_needs_no_note(tmp_path):
  # 123 people with 4 or 5 sequences, 327 labels among them.
  sequences = [
    (f'S{person:03d}', f'{n:03d}')
    for person in range(1, 124)
    for n in range(1, 6 if person <= 101 else 5)
  ]
  assert len(sequences) == 593
  for i, (subject, sequence) in enumerate(sequences):
    code = 1 + i % 7 if i < 327 else None
    ck_plus_sequence(tmp_path, subject, sequence, code, numbers=(1,))
  listing = recipes.list_ck_plus(tmp_path)
  assert not listing.notes and not listing.problems
  counts = collections.Counter(i.label for i in listing.items)
  assert counts[None] == 593 - 327 and len(counts) == 8


def test_ck_plus_in_any_folders(subtests, tmp_path_factory):
  for images, emotions in [
    (
      'extended-cohn-kanade-images/cohn-kanade-images',
      'Emotion_labels/Emotion',
    ),
    ('.', '.'),
    ('CK+ ü/cohn-kanade-images', 'CK+ ü/Emotion'),
  ]:
    with subtests.test(images=images, emotions=emotions):
      tmp_path = tmp_path_factory.mktemp('case')
      ck_plus_sequence(
        tmp_path, 'S005', '001', 3, images=images, emotions=emotions
      )
      (item,) = recipes.list_ck_plus(tmp_path).items
      assert (item.video_id, item.label) == ('S005/001', 'disgust')


def test_ck_plus_labels_that_are_none_are_problems(subtests, tmp_path):
  texts = (
    b'',
    b'happy',
    b'9.0',
    b'\xff\xfe',
    b'-1',
    b'8',
    b'inf',
    b'nan',
    b'6.5',
  )
  for text in texts:
    with subtests.test(text=text):
      ck_plus_sequence(tmp_path, 'S005', '001')
      name = 'Emotion/S005/001/S005_001_00000003_emotion.txt'
      touch(tmp_path / name, text)
      (problem,) = recipes.list_ck_plus(tmp_path).problems
      assert problem.name == name and '0 to 7' in problem.reason


def test_ck_plus_labels_without_a_sequence_are_problems(tmp_path):
  ck_plus_sequence(tmp_path, 'S005', '001')
  touch(tmp_path / 'Emotion/S006/001/S006_001_00000003_emotion.txt', b'3')
  (problem,) = recipes.list_ck_plus(tmp_path).problems
  assert 'S006_001' in problem.name


def test_ck_plus_labels_behind_a_link_are_read(tmp_path):
  ck_plus_sequence(
    tmp_path / 'CK+', 'S005', '001', 3, emotions='../elsewhere/Emotion'
  )
  (tmp_path / 'CK+/Emotion').symlink_to(tmp_path / 'elsewhere/Emotion')
  listing = recipes.list_ck_plus(tmp_path / 'CK+')
  assert [item.label for item in listing.items] == ['disgust']
  assert not listing.problems and not listing.ignored


def test_ck_plus_unpacked_twice_has_its_labels_twice(tmp_path):
  for folder in ('a', 'b'):
    ck_plus_sequence(tmp_path / folder, 'S005', '001', 3)
  listing = recipes.list_ck_plus(tmp_path)
  assert [i.label for i in listing.items] == ['disgust'] * 2
  assert not listing.problems
  # Where the two contradict each other neither is believed.
  ck_plus_sequence(tmp_path / 'b', 'S005', '001', 5)
  listing = recipes.list_ck_plus(tmp_path)
  assert [i.label for i in listing.items] == [None] * 2
  assert listing.problems[0].name.startswith('b/Emotion/S005/001/')


def test_ck48_is_told_apart(tmp_path):
  touch(tmp_path / 'CK+48/anger/S010_004_00000017.png')
  with pytest.raises(FileNotFoundError, match='CK\\+48 are photographs'):
    recipes.list_ck_plus(tmp_path)


def mmi_session(
  root, number, name, *, emotion=None, view='0', units=None, frames=40
):
  """Writes a session as MMI hands it out; unit: ((frame, type), ...)."""
  folder = root / 'Sessions' / str(number)
  making_videos.write_video(
    folder / f'{name}.avi', making_videos.level_frames(frames)
  )
  touch(
    folder / 'session.xml',
    f'<session><track view="{view}" filename="{name}.avi"/></session>'.encode(),
  )
  tag = f'<Metatag Name="Emotion" Value="{emotion}"/>' if emotion else ''
  touch(
    folder / f'{name}.xml',
    f'<Clip><Metatag Name="Gender" Value="1"/>{tag}</Clip>'.encode(),
  )
  if units is not None:
    markers = ''.join(
      f'<ActionUnit Number="{i}">'
      + ''.join(f'<Marker Frame="{f}" Type="{t}"/>' for f, t in unit)
      + '</ActionUnit>'
      for i, unit in enumerate(units)
    )
    touch(
      folder / f'{name}-oao_aucs.xml',
      f'<AnnotationFile>{markers}</AnnotationFile>'.encode(),
    )


def one(first, second, third, last):
  return [(1, 0), (first, 1), (second, 2), (third, 3), (last, 0)]


def test_mmi_ends_at_the_annotated_apex(tmp_path):
  units = [one(5, 12, 30, 36), one(8, 15, 20, 30), one(3, 18, 19, 30)]
  mmi_session(tmp_path, 1767, 'S001-102', emotion=4, units=units)
  listing = recipe_mmi.list_items(tmp_path)
  (item,) = listing.items
  assert item.video_id == '1767/S001-102'
  assert (item.label, item.subject) == ('happy', 'S001')
  assert item.attributes == {'apex': 'annotated'}
  # All three are at their apex in frame 18, counted from 1.
  frames = video_files.read_frames(item.path, fps=25, end=item.end)
  assert making_videos.numbers_of(frames) == list(range(18))
  assert not listing.notes and not listing.ignored


def test_mmi_ends_in_the_middle_where_no_apex_is_annotated(tmp_path):
  mmi_session(tmp_path, 1, 'S001-001', emotion=1)
  mmi_session(tmp_path, 2, 'S001-002', emotion=2, units=[[(1, 0), (5, 1)]])
  listing = recipe_mmi.list_items(tmp_path)
  for item in listing.items:
    assert item.attributes == {'apex': 'middle'}
    frames = video_files.read_frames(item.path, fps=25, end=item.end)
    assert len(list(frames)) == 20
  assert listing.notes == [
    '2 videos without an annotated apex end in their middle'
  ]


def test_the_apex_is_where_most_units_are():
  unit = lambda *markers: [(f, str(t)) for f, t in markers]  # noqa: E731
  assert recipe_mmi.find_apex([]) is None
  assert recipe_mmi.find_apex([unit((1, 0), (5, 1))]) is None
  assert recipe_mmi.find_apex([unit((9, 2), (12, 3), (5, 1))]) == 9
  # Two apices of one unit; the second meets another unit's.
  twice = unit((4, 2), (6, 3), (10, 2), (14, 3))
  assert recipe_mmi.find_apex([twice, unit((12, 2), (20, 3))]) == 12
  # An apex that never ends; a tie is the first one.
  assert recipe_mmi.find_apex([unit((4, 2)), unit((30, 2))]) == 30
  assert recipe_mmi.find_apex([unit((4, 2), (5, 3)), unit((8, 2), (9, 3))]) == 4


def test_mmi_labels_views_and_bystanders(tmp_path):
  for code in range(1, 9):
    mmi_session(tmp_path, code, f'S002-00{code}', emotion=code, frames=4)
  mmi_session(tmp_path, 20, 'S003-001', frames=4)
  mmi_session(tmp_path, 21, 'S003-002', view='1', emotion=1, frames=4)
  mmi_session(tmp_path, 22, 'S003-003', view='2', emotion=1, frames=4)
  touch(tmp_path / 'Sessions/30/S004-001.jpg')
  listing = recipe_mmi.list_items(tmp_path)
  assert [i.label for i in listing.items] == [
    *recipe_mmi.CODES, None, None, None, 'anger',
  ]  # fmt: skip
  assert listing.ignored['profile views'] == 1
  assert listing.ignored['folders of pictures'] == 1


def test_mmi_broken_descriptions_are_problems(tmp_path):
  mmi_session(tmp_path, 1, 'S001-001', emotion=1, frames=4)
  (tmp_path / 'Sessions/1/S001-001.xml').write_text('<Clip>')
  mmi_session(tmp_path, 2, 'S001-002', frames=4, units=[[('x', 2)]])
  names = [p.name for p in recipe_mmi.list_items(tmp_path).problems]
  assert names == ['Sessions/1/S001-001.avi', 'Sessions/2/S001-002.avi']


def test_crema_d_names_tell_everything(tmp_path):
  for name in ('1001_DFA_ANG_XX.flv', '1002_IEO_HAP_HI.mp4',
               '1040_ITH_SAD_X.flv', '1091_WSI_NEU_XX.flv'):  # fmt: skip
    touch(tmp_path / 'VideoFlash' / name)
  touch(tmp_path / 'AudioWAV/1001_DFA_ANG_XX.wav')
  listing = recipes.list_crema_d(tmp_path)
  assert [(i.video_id, i.label, i.subject) for i in listing.items] == [
    ('1001_DFA_ANG_XX', 'anger', '1001'), ('1002_IEO_HAP_HI', 'happy', '1002'),
    ('1040_ITH_SAD_X', 'sad', '1040'), ('1091_WSI_NEU_XX', 'neutral', '1091'),
  ]  # fmt: skip
  assert listing.items[1].attributes == {
    'sentence': 'IEO', 'intensity': 'high',
  }  # fmt: skip
  assert listing.ignored == {'.wav': 1} and not listing.problems
  assert {i.label for i in listing.items} < set(
    recipes.RECIPES['crema_d'].classes
  )


def test_crema_d_other_names_are_problems(tmp_path):
  names = ['1001_DFA_JOY_XX.flv', '1001_DFA.flv', 'x_DFA_ANG_XX.flv',
           '1001_DFA_ANG_XX_2.flv', '1001_DFA_ANG_ZZ.flv']  # fmt: skip
  for name in [*names, 'a/1001_DFA_ANG_XX.flv', 'b/1001_DFA_ANG_XX.mp4']:
    touch(tmp_path / name)
  listing = recipes.list_crema_d(tmp_path)
  assert len(listing.items) == 1 and len(listing.problems) == 6
  assert 'is there as a/1001_DFA_ANG_XX.flv' in str(listing.problems)


def test_every_recipe_maps_to_oulu_casias_expressions(subtests):
  for name in recipes.RECIPES:
    with subtests.test(name=name):
      label_map = labels.parse_label_map('oulu_casia')
      for label in recipes.RECIPES[name].classes:
        assert label in label_map.names
        assert label_map.names[label] in (*oulu_casia.EXPRESSIONS, None)
        # Nothing but contempt and neutral has no counterpart.
        assert label_map.names[label] or label in ('contempt', 'neutral')


def test_recipes_say_where_nothing_is(subtests, tmp_path_factory):
  for name in recipes.RECIPES:
    with subtests.test(name=name):
      tmp_path = tmp_path_factory.mktemp('case')
      list_items = recipes.RECIPES[name].list_items
      with pytest.raises(FileNotFoundError, match='holds no'):
        list_items(tmp_path)
      with pytest.raises(FileNotFoundError, match='There is no folder'):
        list_items(tmp_path / 'absent')
      with pytest.raises(NotADirectoryError):
        list_items(touch(tmp_path / 'a.mp4'))
