"""The example of the method runs, and what it trains learns."""

import numpy as np
import pytest

from examples import contrast_in_sixty_lines as example


@pytest.mark.slow
def test_the_loss_falls_below_chance():
  loss, accuracy = np.array(example.main(num_steps=40)).T
  others = 2 * example.BATCH_SIZE - 1
  first, last = slice(0, 8), slice(-8, None)
  assert loss[last].mean() < min(loss[first].mean() - 0.2, np.log(others) - 0.3)
  assert accuracy[last].mean() > 2 / others
