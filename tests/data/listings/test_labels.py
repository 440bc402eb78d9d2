import re
import shlex

import pytest

from stclr_jax import oulu_casia
from stclr_jax.data.listings import labels
from stclr_jax.data.listings import listing as listings


def name(given, text='', classes=''):
  items = [
    listings.Item(f'v{i}', None, label=label) for i, label in enumerate(given)
  ]
  listing = listings.Listing(items, [], {})
  label_map = labels.parse_label_map(text, classes)
  result = labels.apply(listing, label_map)
  return (
    [i.label for i in listing.items],
    result,
    listing.notes,
    listing.problems,
  )


def test_without_a_map_labels_are_classes():
  named, classes, notes, problems = name(['b', 'a', None, 'b'])
  assert named == ['b', 'a', None, 'b'] and classes == ('a', 'b')
  assert not notes and not problems


def test_nobody_needs_labels():
  assert name([None, None])[:2] == ([None, None], ())


def test_some_are_renamed_and_some_lose_their_label():
  named, classes, notes, _ = name(
    ['happy', 'Neutral', 'sad'], 'Happy=Joy, neutral='
  )
  assert named == ['Joy', None, 'sad'] and classes == ('Joy', 'sad')
  assert notes == ["1 video of 'Neutral' is unlabelled, as --label_map says"]


def test_the_preset_names_six_expressions_in_oulu_casias_order(subtests):
  for words in [
    ['anger', 'disgust', 'fear', 'happy', 'sadness', 'surprise'],
    ['ANG', 'DIS', 'FEA', 'HAP', 'SAD', 'Surprise'],
    ['Angry', 'Disgusted', 'Fearful', 'Happiness', 'sad', 'surprised'],
  ]:
    with subtests.test(words=words):
      named, classes, notes, problems = name(
        [*reversed(words), 'contempt', 'NEU'], 'oulu_casia'
      )
      assert classes == oulu_casia.EXPRESSIONS
      assert named == [*reversed(classes), None, None]
      assert len(notes) == 2 and not problems


def test_a_preset_can_be_added_to():
  named, *_ = name(['Freude', 'calm'], 'oulu_casia,freude=Happiness,calm=Fear')
  assert named == ['Happiness', 'Fear']


def test_unknown_labels_are_problems_with_a_guess():
  named, classes, _, problems = name(['hapy', 'fear'], 'oulu_casia')
  assert named == ['Fear'] and len(classes) == 6
  assert problems[0].name == 'v0'
  assert "'hapy'; did it mean happy?" in problems[0].reason
  assert '--label_map=hapy=' in problems[0].reason


def test_a_target_that_is_no_class_is_named():
  *_, problems = name(['happy', 'sad'], 'oulu_casia,happy=Joy,sad=Sadnes')
  joy, sad = (problem.reason for problem in problems)
  assert "unknown label 'Joy' (of 'happy', by --label_map). The" in joy
  assert '--label_map=happy=CLASS' in joy and 'mean' not in joy
  assert "'Sadnes' (of 'sad', by --label_map); did it mean sadness?" in sad


def test_classes_in_a_given_order():
  named, classes, _, problems = name(['A', 'b', 'c'], 'c=b', 'b,a')
  assert (named, classes) == (['a', 'b', 'b'], ('b', 'a')) and not problems
  *_, problems = name(['a', 'd'], '', 'b,a')
  assert "unknown label 'd'" in problems[0].reason


def test_labels_that_are_spelled_alike_are_refused_with_a_remedy(subtests):
  for given in [
    ('Happy', 'happy'),
    ('very happy', 'very  happy'),
    ('Zoe\u0301', 'ZOÉ'),
    ('１', '1'),
    ('AU01', 'AU1'),
    ('happy', 'hap\u200bpy'),
    ('a, "b"', 'A, "B"'),
  ]:
    with subtests.test(given=given):
      with pytest.raises(ValueError, match='differ only') as refusal:
        name([*given, 'sad'])
      (remedy,) = shlex.split(re.search('by (.*), or', str(refusal.value))[1])
      remedy = remedy.removeprefix('--label_map=')
      target = min(given)
      assert name([*given, 'sad'], remedy)[0] == [target, target, 'sad']


def test_numbers_are_what_they_are_worth():
  named, classes, notes, _ = name(['10', '1', '1.0', '02', '2.00', 'a', '0'])
  assert named == ['10', '1', '1', '02', '02', 'a', '0']
  assert classes == ('0', '1', '02', '10', 'a')
  assert "'1', '1.0' are one number" in notes[0]
  assert name(['1.0', '01'], '1=Anger')[0] == ['Anger'] * 2


def test_what_stands_for_no_label_is_none_and_said(subtests):
  for none in (
    'nan', 'None', 'NULL', 'n/a', '-', ' NA ', '.', '#N/A N/A', '#REF!',
  ):  # fmt: skip
    with subtests.test(none=none):
      named, classes, notes, problems = name([none, 'happy', none])
      assert named == [None, 'happy', None] and classes == ('happy',)
      assert notes[0].startswith('2 videos of') and not problems
      # If it is a class after all, it can be said.
      word = none.strip()
      assert name([none, 'happy'], f'{word}={word}')[0] == [word, 'happy']
      assert name([none], '', f'{word},happy')[0] == [word]
      assert name([none], 'oulu_casia')[0] == [None]


def test_blanks_around_labels_do_not_count():
  blanks = ('happy', ' happy', 'happy\u00a0', '\u3000happy\t', 'happy\ufeff')
  assert name(blanks)[1] == ('happy',)
  assert name(blanks, ' happy = Joy ')[1] == ('Joy',)
  assert name(['happy '], '', ' happy ,sad')[:2] == (
    ['happy'],
    ('happy', 'sad'),
  )
  assert name(['\u00a0', 'sad'])[0] == [None, 'sad']


def test_names_may_hold_commas():
  assert name(['b', 'a, b'], '"b=a, b"', '"a, b",c')[:2] == (
    ['a, b'] * 2,
    ('a, b', 'c'),
  )
  with pytest.raises(ValueError, match='cannot be read.*double quotes'):
    labels.parse_label_map('', '"a')


def test_a_classifiers_classes_are_found_by_any_spelling():
  label_map = labels.parse_label_map('', '1,happy,Wut')
  found = labels.class_indices(['Happy', '1.0', 'WUT'], label_map)
  assert found == [1, 0, 2]


def test_bad_maps_are_refused(subtests):
  for text, classes, message in [
    ('happy', '', "'happy' is neither"),
    ('', 'a,b,a', 'a is not'),
    ('', 'a,,b', 'an empty name'),
    ('', 'a,A', 'a, A is not'),
    ('1=a,1.0=b', '', "'1.0' twice"),
    ('=a', '', 'names nothing before'),
  ]:
    with subtests.test(text=text, classes=classes, message=message):
      with pytest.raises(ValueError, match=message):
        labels.parse_label_map(text, classes)
