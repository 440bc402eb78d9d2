"""The epoch of a run whose figure was the best so far, to be kept as well."""

# Of these the lowest is best, of all others the highest.
LOWER_IS_BETTER = ('loss', 'alignment', 'gradient_norm')
# Figures of an epoch of either workflow.
NAMES = (
  'none',
  'loss',
  'alignment',
  'gradient_norm',
  'contrastive_accuracy',
  'knn_accuracy',
  'knn_accuracy_of_change',
  'spread',
  'effective_rank',
  'accuracy',
)


class BestEpoch:
  """The best epoch so far; of equal ones the first.

  Attributes:
    epoch: its number, from 1; 0 for none.
  """

  def __init__(self, name: str):
    """Begins without any.

    Args:
      name: the figure, one of `NAMES`.
    """
    self._name = name
    self._value = None
    self.epoch = 0

  def look(self, epoch: int, figures: dict[str, float | None]) -> bool:
    """Looks at an epoch that has ended.

    Args:
      epoch: its number, from 1.
      figures: its figures; an epoch whose own is not known does not count.

    Returns:
      Whether it is the best so far.
    """
    value = figures.get(self._name)
    if value is None:
      return False
    if self._name in LOWER_IS_BETTER:
      value = -value
    if self._value is not None and value <= self._value:
      return False
    self.epoch, self._value = epoch, value
    return True
