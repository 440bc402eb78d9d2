"""The table of what was predicted for each video."""

import csv

from stclr_jax.files import whole


def write_predictions(path, store, indices, probabilities, *, seen=None):
  """Writes a line per video, all of them or none.

  Args:
    path: CSV file to write.
    store: the `VideoStore`.
    indices: its videos that were predicted, int [n].
    probabilities: float [n, num_classes].
    seen: whether each shows a person trained on, bool [n]; None for none.
  """
  names = store.label_names
  marks = [()] * len(indices) if seen is None else [(int(s),) for s in seen]
  with whole.writing(path, newline='') as file:
    writer = csv.writer(file)
    writer.writerow(
      ['video_id', 'subject', 'label', 'prediction', 'correct']
      + (['seen'] if seen is not None else [])
      + [f'p_{name}' for name in names]
    )
    for i, row, mark in zip(indices, probabilities, marks, strict=True):
      label, prediction = names[store.label[i]], names[row.argmax()]
      writer.writerow(
        [store.video_id[i], store.subject[i], label, prediction]
        + [int(label == prediction), *mark]
        + [f'{p:.6f}' for p in row]
      )
