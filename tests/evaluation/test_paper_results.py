import decimal

import pytest

from stclr_jax.evaluation import paper_results

TABLES = {
  f'table{number}': getattr(paper_results, f'TABLE_{number}')
  for number in range(2, 7)
}
OWN = [
  row for rows in TABLES.values() for row in rows if row.correct is not None
]


def test_counts_give_the_printed_percentages():
  for row in OWN:
    percent = decimal.Decimal(100 * row.correct) / paper_results.TOTAL
    cut = row.note.endswith('not rounded')
    rounding = decimal.ROUND_DOWN if cut else decimal.ROUND_HALF_UP
    printed = str(percent.quantize(decimal.Decimal('0.01'), rounding))
    assert printed == row.percent, row


def test_no_other_count_would_be_printed_so():
  # Neighbouring counts lie 0.21 points away: a count follows from a percentage.
  for row in OWN:
    printed = float(row.percent)
    near = [k for k in range(481) if abs(100 * k / 480 - printed) <= 0.0101]
    assert near == [row.correct], row


def test_the_paper_states_fifteen_accuracies_of_its_own():
  tables = list(TABLES.values())[1:]
  own = [row.correct for rows in tables for row in rows]
  assert len(own) == 15 and len(set(own)) == 10 and None not in own


def test_drops_of_table_6_are_from_all_labels():
  # "using 75% and 50% data drops the accuracy by only 2% and 6%", Sec. IV.B.
  drops = [
    (paper_results.ALL_LABELS.correct - row.correct) / 4.8
    for row in paper_results.TABLE_6
  ]
  assert [round(drop) for drop in drops[:2]] == [2, 6]


def test_table_2_has_the_earlier_methods_with_sources():
  *earlier, own = paper_results.TABLE_2
  assert own.correct == 429 and own.source == paper_results.PAPER
  assert len(earlier) == 10
  for row in earlier:
    assert row.correct is None and row.source != paper_results.PAPER
    assert any(char.isdigit() for char in row.source)
  # Some are no count of 480: they were measured in another way.
  counts = [float(row.percent) * 4.8 for row in earlier]
  assert any(abs(count - round(count)) > 0.05 for count in counts)


def test_figure_6_speaks_of_the_six_expressions():
  names = {'Anger', 'Disgust', 'Fear', 'Happiness', 'Sadness', 'Surprise'}
  found = paper_results.FIGURE_6
  assert found.is_about(sorted(names, reverse=True))
  assert not found.is_about(names - {'Fear'})
  assert not found.is_about(names | {'Neutral'})
  assert all(true != predicted for true, predicted in found.confused)
  for name in (found.best, *found.good, *found.worst):
    assert name in found.describe()


@pytest.mark.parametrize(
  'data,expected',
  [
    ('oulu_casia:vl_strong', True),
    ('oulu_casia_cropped:vl_strong', True),
    ('oulu_casia:ni_strong', False),
    ('synthetic:vl_strong', False),
    ('oulu_casian:vl_strong', False),
    ('ck_plus:train', False),
  ],
)
def test_the_papers_numbers_stand_beside_its_own_data_only(data, expected):
  assert paper_results.stands_beside(data) == expected
