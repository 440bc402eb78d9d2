"""What was planted under the person is found, and nothing else."""

import numpy as np
import pytest
from sklearn import neighbors

from stclr_jax.evaluation.audits import readings
from stclr_jax.evaluation.audits import under_the_person

NUM_PEOPLE, DIM = 30, 24
SUBJECT, LABEL = np.divmod(np.arange(6 * NUM_PEOPLE), 6)
LIGHT = np.random.RandomState(7).permutation(len(LABEL)) % 3
PLANTED = ('clip', 'person_removed', 'change_of_clip', 'change')


def make(*, in_rest=0.0, in_change=0.0, light=0.0, seed=0):
  """h of clips, first and last frames: a person, parts of it, and noise.

  Args:
    in_rest: how much of the expression all of a video shows.
    in_change: how much of it comes from the first frame to the last.
    light: how much of the light the change shows.
    seed: of what is drawn.
  """
  random = np.random.RandomState(seed)
  person = 10 * random.standard_normal((NUM_PEOPLE, DIM))[SUBJECT]
  expression = random.standard_normal((6, DIM))[LABEL]
  lights = random.standard_normal((3, DIM))[LIGHT]

  def noise():
    return 0.05 * random.standard_normal((len(LABEL), DIM))

  shown = person + in_rest * expression
  first = shown + noise()
  last = shown + in_change * expression + light * lights + noise()
  return (first + last) / 2 + noise(), first, last


def read(h):
  return under_the_person.read(*h, LABEL, SUBJECT, LIGHT)


def is_at_chance(share):
  """Whether it is within four deviations of chance."""
  deviation = (share.chance * (1 - share.chance) / share.total) ** 0.5
  return abs(share.share - share.chance) < 4 * deviation


def test_an_expression_that_comes_is_found_in_the_change():
  h = make(in_change=0.5)
  found, spread = read(h), under_the_person.measure_spread(h[0], SUBJECT)
  assert tuple(found) == PLANTED == tuple(under_the_person.NAMES)
  assert spread.between_people > 0.99
  assert spread.chance == (NUM_PEOPLE - 1) / (len(LABEL) - 1)
  for way in ('probes', 'retrieval'):
    read_off = {name: getattr(one, way) for name, one in found.items()}
    assert is_at_chance(read_off['clip'].expression)
    assert read_off['clip'].subject.share > 0.95
    for name in ('change', 'change_of_clip', 'person_removed'):
      assert read_off[name].expression.share > 0.9, name
      assert is_at_chance(read_off[name].illumination), name
    assert is_at_chance(read_off['change'].subject)
  expression = under_the_person.Expression.of(found)
  assert expression.change == found['change'].probes.expression.share
  assert expression.chance == pytest.approx(1 / 6)


def test_an_expression_that_stays_is_not_in_the_change():
  found = read(make(in_rest=0.5))
  assert found['person_removed'].probes.expression.share > 0.9
  for name in ('change', 'change_of_clip'):
    assert is_at_chance(found[name].probes.expression)
    assert is_at_chance(found[name].retrieval.expression)
    assert found[name].probes.expression.beside_chance == 0


def test_nothing_is_found_where_nothing_is():
  found = read(make())
  for name in PLANTED:
    assert is_at_chance(found[name].probes.expression), name
    assert is_at_chance(found[name].retrieval.expression), name
  random = np.random.RandomState(1).standard_normal((len(LABEL), DIM))
  spread = under_the_person.measure_spread(random, SUBJECT)
  assert spread.between_people == pytest.approx(spread.chance, abs=0.05)


def test_light_that_changes_is_told_from_expression():
  found = read(make(light=0.5))['change']
  for way in (found.probes, found.retrieval):
    assert way.illumination.share > 0.9
    assert is_at_chance(way.expression)


def test_neighbours_are_those_of_scikit_learn():
  h = make(in_change=0.1)[2]
  found = readings.read(h, LABEL, SUBJECT, LIGHT).retrieval
  right = dict.fromkeys(('expression', 'person', 'light'), 0)
  for i in range(len(h)):
    for name, target, pool in (
      ('expression', LABEL, np.flatnonzero(SUBJECT != SUBJECT[i])),
      ('person', SUBJECT, np.flatnonzero(np.arange(len(h)) != i)),
      ('light', LIGHT, np.flatnonzero(SUBJECT != SUBJECT[i])),
    ):
      nearest = neighbors.KNeighborsClassifier(1, metric='cosine')
      nearest.fit(h[pool], target[pool])
      right[name] += nearest.predict(h[i : i + 1])[0] == target[i]
  assert {k: v.correct for k, v in found.by_name.items()} == right


def test_variance_is_split_as_by_hand():
  h = np.random.RandomState(0).standard_normal((7, 3))
  subjects = np.array([4, 4, 9, 9, 9, 2, 2])
  between = total = 0.0
  for row, person in zip(h, subjects, strict=True):
    mean = h[subjects == person].mean(0)
    between += ((mean - h.mean(0)) ** 2).sum()
    total += ((row - h.mean(0)) ** 2).sum()
  found = under_the_person.measure_spread(h, subjects)
  assert found.between_people == pytest.approx(between / total)
  assert found.chance == 2 / 6
  # All of it, by construction, where nobody has a second video; and of an
  # encoder that has collapsed there is nothing to split.
  for one, people in ((h, np.arange(7)), (np.ones((7, 3)), subjects)):
    nothing = under_the_person.measure_spread(one, people)
    assert nothing == under_the_person.Spread(None, None)


def test_only_people_with_two_videos_have_a_mean_to_remove():
  kept = (SUBJECT > 2) | (LABEL == 0)  # three people have one video
  h = [part[kept] for part in make(in_change=0.5)]
  found = under_the_person.read(*h, LABEL[kept], SUBJECT[kept], LIGHT[kept])
  assert found['clip'].probes.expression.total == kept.sum()
  assert found['person_removed'].probes.expression.total == kept.sum() - 3
  one = LABEL == SUBJECT % 6
  h = [part[one] for part in make(in_change=0.5)]
  found = under_the_person.read(*h, LABEL[one], SUBJECT[one], LIGHT[one])
  assert found['person_removed'].hindrance == 'nobody has a second video'
  assert found['person_removed'].probes == readings.Readings()
  assert found['clip'].probes.subject is None
  assert found['change'].probes.expression.share > 0.5


def test_still_videos_do_not_change():
  clip, first, _ = make()
  found = read((clip, first, first + 1e-9))
  assert 'represented as' in found['change'].hindrance
  assert found['change'].retrieval == readings.Readings()
  assert found['change_of_clip'].hindrance == ''
  assert under_the_person.Expression.of(found).change is None


@pytest.mark.parametrize(
  'h,words',
  [
    (
      dict(in_change=0.2),
      ('which cannot be told from guessing: it shows who', 'more than guess'),
    ),
    (dict(), ('cannot be told from guessing: it', 'cannot be told from')),
    (dict(in_rest=30), ('more than guessing would; it also', 'cannot be told')),
  ],
)
def test_it_is_said_in_two_sentences(h, words):
  h = make(**h)
  spread = under_the_person.measure_spread(h[0], SUBJECT)
  said = under_the_person.describe(read(h), spread).splitlines()
  assert said[0].startswith('Seen as it is, the representation names the expr')
  assert said[1].startswith('What changes between the first and the last frame')
  for line, expected in zip(said, words, strict=True):
    assert expected in line and line.endswith('.')


def test_an_interval_below_chance_is_fewer_than_guessing():
  share = readings.make_share(np.arange(60) % 30 == 0, 0.5, np.arange(60) // 2)
  assert share.beside_chance == -1
  assert readings.make_share(np.ones(60, bool), 0.5).beside_chance == 0
