"""A plane that keeps who is near whom."""

import numpy as np

from stclr_jax.evaluation.audits import representation_map


def draw_clusters(num_clusters, size):
  generator = np.random.default_rng(0)
  cluster = np.repeat(np.arange(num_clusters), size)
  centres = 4 * generator.normal(size=(num_clusters, 32))
  return centres[cluster] + generator.normal(size=(len(cluster), 32)), cluster


def test_neighbours_stay_neighbours():
  h, cluster = draw_clusters(5, 12)
  places = representation_map.lay_out(h)
  assert places.shape == (60, 2) and np.isfinite(places).all()
  distance = np.linalg.norm(places[:, None] - places, axis=-1)
  np.fill_diagonal(distance, np.inf)
  assert (cluster[distance.argmin(1)] == cluster).all()
  np.testing.assert_array_equal(places, representation_map.lay_out(h))


def test_the_fewest_videos_are_laid_out_too():
  h, _ = draw_clusters(1, representation_map.MIN_VIDEOS)
  places = representation_map.lay_out(h.astype(np.float32))
  assert np.isfinite(places).all() and np.ptp(places) > 0
