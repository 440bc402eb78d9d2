"""A plane on which videos of like representation lie near each other."""

import numpy as np

# chosen: fewer have no neighbourhoods to be kept.
MIN_VIDEOS = 10
_PERPLEXITY = 30.0  # neighbours that count; the usual number
_SEED = 0


def lay_out(h):
  """Lays representations out on a plane by t-SNE.

  Args:
    h: float [n, d], n at least `MIN_VIDEOS`.

  Returns:
    float64 [n, 2]. What is near in h is near here; what is far here need not
    be far there, and sizes of clusters mean nothing. The same h gives the same
    places.

  Source: van der Maaten & Hinton 2008; begun with principal components, as
    Kobak & Berens 2019 advise.
  """
  import threadpoolctl  # comes with scikit-learn
  from sklearn import manifold

  h = np.asarray(h, np.float64)
  # A third of the others at most, or all would be neighbours of all.
  perplexity = min(_PERPLEXITY, (len(h) - 1) / 3)
  layout = manifold.TSNE(init='pca', perplexity=perplexity, random_state=_SEED)
  # Sums of several threads would come out in another order each time.
  with threadpoolctl.threadpool_limits(1):
    return layout.fit_transform(h).astype(np.float64)
