"""The table of what was predicted for each video."""

import csv


def write_predictions(path, store, indices, probabilities):
  """Writes a line per video.

  Args:
    path: CSV file to write.
    store: the `VideoStore`.
    indices: its videos that were predicted, int [n].
    probabilities: float [n, num_classes].
  """
  names = store.label_names
  with open(path, 'w', newline='') as file:
    writer = csv.writer(file)
    writer.writerow(
      ['video_id', 'subject', 'label', 'prediction', 'correct']
      + [f'p_{name}' for name in names]
    )
    for i, row in zip(indices, probabilities, strict=True):
      label, prediction = names[store.label[i]], names[row.argmax()]
      writer.writerow(
        [store.video_id[i], store.subject[i], label, prediction]
        + [int(label == prediction)]
        + [f'{p:.6f}' for p in row]
      )
