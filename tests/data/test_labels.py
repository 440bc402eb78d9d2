import pytest

from stclr_jax.data import labels
from stclr_jax.data import listing as listings
from stclr_jax.data import performances


def name(given, text='', classes=''):
  items = [
    listings.Item(f'v{i}', None, label=label) for i, label in enumerate(given)
  ]
  listing = listings.Listing(items, [], {})
  label_map = labels.parse_label_map(text, classes)
  result, unlabelled = labels.apply(listing, label_map)
  return [i.label for i in listing.items], result, unlabelled, listing.problems


def test_without_a_map_labels_are_classes():
  named, classes, unlabelled, problems = name(['b', 'a', None, 'b'])
  assert named == ['b', 'a', None, 'b'] and classes == ('a', 'b')
  assert not unlabelled and not problems


def test_nobody_needs_labels():
  assert name([None, None])[:2] == ([None, None], ())


def test_some_are_renamed_and_some_lose_their_label():
  named, classes, unlabelled, _ = name(
    ['happy', 'Neutral', 'sad'], 'Happy=Joy, neutral='
  )
  assert named == ['Joy', None, 'sad'] and classes == ('Joy', 'sad')
  assert unlabelled == {'Neutral': 1}


@pytest.mark.parametrize(
  'words',
  [
    ['anger', 'disgust', 'fear', 'happy', 'sadness', 'surprise'],
    ['ANG', 'DIS', 'FEA', 'HAP', 'SAD', 'Surprise'],
    ['Angry', 'Disgusted', 'Fearful', 'Happiness', 'sad', 'surprised'],
  ],
)
def test_the_preset_names_six_expressions_in_oulu_casias_order(words):
  named, classes, unlabelled, problems = name(
    [*reversed(words), 'contempt', 'NEU'], 'oulu_casia'
  )
  assert classes == performances.EXPRESSIONS
  assert named == [*reversed(classes), None, None]
  assert unlabelled == {'contempt': 1, 'NEU': 1} and not problems


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


def test_labels_that_differ_in_capitals_are_refused():
  with pytest.raises(ValueError, match="'Happy', 'happy' differ only"):
    name(['Happy', 'happy', 'sad'])
  assert name(['Happy', 'happy'], 'happy=Happy')[1] == ('Happy',)


@pytest.mark.parametrize(
  'text, classes, message',
  [('happy', '', "'happy' is neither"), ('', 'a,b,a', 'a is not'),
   ('', 'a,,b', 'an empty name')],
)  # fmt: skip
def test_bad_maps_are_refused(text, classes, message):
  with pytest.raises(ValueError, match=message):
    labels.parse_label_map(text, classes)
