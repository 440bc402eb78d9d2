"""The figures that the paper printed, as data, with their place in it.

Its own runs (Tables III to VI) are counts of the 480 videos; each printed
percentage is the count's, rounded to two decimals, but for one that was cut.
No test is made against any of these: only counts are known, not which videos.
"""

import dataclasses

from stclr_jax import oulu_casia

PAPER = 'Roy and Etemad 2021 (arXiv:2108.03064)'
TOTAL = 480  # Sec. IV.A and B: 80 people, 6 expressions, each tested once


@dataclasses.dataclass(frozen=True)
class Row:
  """A row of one of the paper's tables.

  Attributes:
    name: as the paper prints it.
    percent: accuracy as printed, such as '89.38'.
    correct: the videos of TOTAL that this is; None for other people's methods,
      whose counts were never printed.
    source: who measured it.
    note: what to know, or ''.
  """

  name: str
  percent: str
  correct: int | None = None
  source: str = PAPER
  note: str = ''


# Table II, as the paper prints it; the sources are its references. What was
# tested how (frames or clips, which folds, pretrained on which faces) differs
# from row to row.
TABLE_2 = (
  Row(
    'LBP-TOP',
    '68.13',
    source='Zhao and Pietikäinen, IEEE TPAMI 29(6):915, 2007',
    note='older than the data set: later authors ran it',
  ),
  Row('STM-ExpLet', '74.59', source='Liu et al., CVPR 2014, p. 1749'),
  Row(
    'Atlases', '75.52', source='Guo, Zhao and Pietikäinen, ECCV 2012, p. 631'
  ),
  Row('DTAGN-Joint', '81.46', source='Jung et al., ICCV 2015, p. 2983'),
  Row('PPDN', '84.59', source='Zhao et al., ECCV 2016, p. 425'),
  Row(
    'DCPN',
    '86.23',
    source='Yu, Liu and Liu, The Visual Computer 34(12):1691, 2018',
  ),
  Row(
    'PHRNN-MSCNN',
    '86.25',
    source='Zhang et al., IEEE TIP 26(9):4193, 2017',
  ),
  Row('FN2EN', '87.71', source='Ding, Zhou and Chellappa, FG 2017, p. 118'),
  Row('DeRL', '88.00', source='Yang, Ciftci and Yin, CVPR 2018, p. 2168'),
  Row(
    'WMCNN-LSTM',
    '88.00',
    source='Zhang, Huang and Tian, Pattern Recognition Letters 131:128, 2020',
  ),
  Row('ST-CLR', '89.38', 429),
)
# Of all labels: Sec. IV.B's "drops the accuracy by only 2% and 6%" is from it,
# though Table VI has no such row.
ALL_LABELS = TABLE_2[-1]

TABLE_3 = (
  Row('3D Convolution', '87.50', 420),
  Row('Mixed 2D and 3D Convolution', '85.21', 409),
  Row('R(2+1)D Convolution', '89.38', 429),
)

TABLE_4 = (
  Row('All (temp. + sp.)', '89.38', 429),
  Row(
    'w/o temp.',
    '85.41',
    410,
    note='410/480 is 85.4167: cut to 85.41, not rounded',
  ),
  Row('temp. + partial sp. 1', '87.71', 421, note='without crop'),
  Row('temp. + partial sp. 2', '86.67', 416, note='without colour'),
  Row('temp. + partial sp. 3', '89.17', 428, note='without flip'),
)

# Pretraining epochs.
TABLE_5 = (
  Row('100', '87.71', 421),
  Row('500', '89.17', 428),
  Row('1000', '89.38', 429),
)

# Share of the labels.
TABLE_6 = (
  Row('75%', '87.50', 420),
  Row('50%', '83.33', 400),
  Row('25%', '77.08', 370),
  Row('10%', '54.17', 260),
)
# Table VI's rows and that of all labels, by the share as it prints it.
BY_SHARE = {'100%': ALL_LABELS, **{row.name: row for row in TABLE_6}}


@dataclasses.dataclass(frozen=True)
class ConfusionFindings:
  """Statements of Sec. IV.B on Figure 6, whose cells no text prints.

  Attributes:
    best: the expression named rightly most often.
    good: others named well.
    worst: those named rightly least often.
    confused: pairs (true, predicted) named as the usual mistakes.
  """

  best: str
  good: tuple[str, ...]
  worst: tuple[str, ...]
  confused: tuple[tuple[str, str], ...]

  def is_about(self, names):
    """Says if the classes of these names are the expressions it speaks of."""
    spoken = {self.best, *self.good, *self.worst}.union(*self.confused)
    return spoken == set(names)

  def describe(self):
    """Returns one line, without the mistakes."""
    good, worst = ' and '.join(self.good), ' and '.join(self.worst)
    return f'in the paper {self.best} is best, {good} are good, {worst} worst'


# In the names that the data set's folders have; the paper writes Angry, Happy,
# Sad and Surprised.
FIGURE_6 = ConfusionFindings(
  best='Disgust',
  good=('Fear', 'Happiness'),
  worst=('Anger', 'Sadness'),
  confused=(
    ('Anger', 'Disgust'),
    ('Sadness', 'Fear'),
    ('Sadness', 'Surprise'),
    ('Surprise', 'Fear'),
    ('Surprise', 'Anger'),
  ),
)


def stands_beside(data):
  """Says whether the paper's figures may stand beside those of a data set.

  Args:
    data: its name, such as 'oulu_casia:vl_strong' or, of a folder of one's
      own, 'oulu_casia_cropped:vl_strong'.

  Returns:
    True only for the visible-light, strong-illumination videos of Oulu-CASIA;
    of other data just the direction of an effect can be compared.
  """
  name, _, split = data.partition(':')
  licensed = oulu_casia.family(name) == oulu_casia.LICENSED
  return licensed and split == oulu_casia.DEFAULT_CONDITION
