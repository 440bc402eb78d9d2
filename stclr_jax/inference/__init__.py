"""A trained network as a function: of clips, of videos.

Reads runs and exported folders; never imports what trains (`runs` and above).
Nothing here needs TFDS, TensorFlow or matplotlib.
"""
