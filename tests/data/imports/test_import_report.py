import itertools
import re

import numpy as np
from made_imports import make_report
from made_imports import make_video as entry

from configs import pretrain
from stclr_jax.data import folds
from stclr_jax.data.imports import import_commands
from stclr_jax.data.imports import import_report


def sized(*sizes, label=None):
  videos = [
    entry(f'v{i}', frame_size=size, label=label) for i, size in enumerate(sizes)
  ]
  return make_report(videos, classes=[label] if label else ())


def test_totals_are_of_what_was_kept():
  videos = [
    entry('a', 10, label='x', subject='p'),
    entry('b', 30, label='y', subject='p', coverage=0.5),
    entry('c', 20, coverage=0.0),
    entry('d', 0, coverage=0.0),
  ]
  subjects = {'p': 1, 'c': 2, 'd': 3}
  totals = import_report.summarize(videos, ['all'], tuple('xyz'), subjects)
  assert totals.as_dict() == {
    'num_videos': 3,
    'num_subjects': 2,
    'num_frames': 60,
    'frames_min_median_max': [10, 20, 30],
    'frame_sizes': [[240, 320, 3]],
    'num_bytes': 6000,
    'labels': {'x': 1, 'y': 1, 'z': 0},
    'unlabelled': 1,
    'left_out': 1,
    'face_coverage': 0.5 / 3,
    'without_face': 2,
    'num_notes': 1,
    'num_videos_noted': 0,
  }


def test_videos_whose_face_is_lost_are_listed_worst_first():
  videos = [
    entry('whole', coverage=1.0),
    entry('half', coverage=0.5),
    entry('none', coverage=0.0, notes=('no face: whole frames',)),
  ]
  text = import_report.describe(make_report(videos), 'here')
  assert 'Faces found in 50% of the frames; 1 video(s) without one' in text
  assert '--no_face=skip' in text
  assert text.index('0% none') < text.index('50% half')
  assert '100% whole' not in text
  assert 'none: no face: whole frames' in text


def test_nobody_looked_for_faces_nobody_tells_of_them():
  assert 'Faces' not in import_report.describe(make_report([entry('a')]), '.')


def test_long_lists_are_cut_and_counted():
  videos = [
    entry(f'v{i:02d}', coverage=i / 100, notes=('odd',)) for i in range(50)
  ]
  text = import_report.describe(make_report(videos), 'here')
  assert 'and 30 more below 100%' in text and 'and 30 more, see' in text
  assert 'v19' in text and 'v20' not in text


def test_frame_size_is_that_of_most(subtests):
  for sizes, chosen, others in [
    ([(240, 320)] * 3, (240, 320), 0),
    # No higher than the configs' frames.
    ([(480, 640)], (240, 320), 0),
    ([(640, 360)], (427, 240), 0),
    ([(64, 64)], (64, 64), 0),
    # Squares around faces are of any size: the median of them.
    ([(150, 150), (182, 182), (139, 139), (240, 427)], (150, 150), 1),
    # A few pixels make no other shape.
    ([(240, 320), (240, 318), (238, 320)], (240, 318), 0),
  ]:
    with subtests.test(sizes=sizes, chosen=chosen, others=others):
      assert import_commands.choose_frame_size(sized(*sizes)) == (
        chosen,
        others,
      )


def test_the_config_that_is_named_has_the_values_that_are_told():
  file, _, preset = import_commands.CONFIG.partition(':')
  assert file == 'configs/pretrain.py'
  config = pretrain.get_config(preset)
  assert (
    tuple(config.data.frame_size), config.batch_size, config.data.num_folds
  ) == (
    import_commands.FRAME_SIZE, import_commands.BATCH_SIZE,
    import_commands.NUM_FOLDS,
  )  # fmt: skip


def test_next_commands_fit_the_data(monkeypatch):
  one = import_commands.describe(sized((150, 150), (150, 150)), '/my data')
  assert "--config.data.data_dir='/my data'" in one
  assert '--config.data.frame_size=150,150' in one and 'num_folds' not in one
  assert '--config.pretrain_scope=all_unlabelled' in one
  shapes = [(240, 320)] * 12 + [(320, 240)]
  many = import_commands.describe(sized(*shapes, label='a'))
  assert '--config.data.name=mine' in many and 'frame_size' not in many
  assert 'all_unlabelled' not in many
  assert '1 videos have another shape than 320x240' in many


def test_nothing_is_offered_that_would_be_refused(monkeypatch, tmp_path):
  one = import_commands.describe(sized((64, 64), label='a'))
  assert 'main.py' not in one and 'import more' in one
  # Of two people with a video each, one would be left to pretrain on.
  few = import_commands.describe(sized((64, 64), (64, 64), label='a'))
  assert 'num_folds' not in few and 'needs two classes' in few
  monkeypatch.chdir(tmp_path)
  monkeypatch.setenv('TFDS_DATA_DIR', 'data')
  assert f'data_dir={tmp_path}/data ' in import_commands.describe(
    sized((64, 64), (64, 64))
  )


def test_people_of_one_recording_are_counted_once():
  videos = [entry('a', label='x'), entry('a copy', label='x'), entry('b')]
  report = make_report(videos, classes=('x',), subjects={'a copy': 0})
  assert report.num_subjects == 2
  assert 'num_folds' not in import_commands.describe(report)


def test_notes_are_counted():
  videos = [entry('a', notes=('odd', 'even')), entry('b', notes=('odd',))]
  report = make_report([*videos, entry('c')], notes=('all are odd',))
  assert (report.num_notes, report.num_videos_noted) == (4, 2)
  text = import_report.describe(report, 'here')
  assert '4 notes, 3 of them on 2 videos; all are in import.json' in text


def test_folds_are_offered_to_people_with_labels():
  videos = [entry(f'v{i}', label='a' if i < 3 else None) for i in range(20)]
  few = import_commands.describe(make_report(videos, classes=('a',)))
  assert '--config.data.num_folds=3' in few and '3 labelled people' in few
  assert '--config.pretrain_scope=all_unlabelled' in few


def batch_sizes(text):
  return [int(n) for n in re.findall(r'--config.batch_size=(\d+)', text)]


def test_the_batch_fits_the_videos_to_pretrain_on(subtests):
  usual = pretrain.get_config('paper_112').batch_size
  for people, videos_each, labelled in itertools.product(
    (1, 2, 9, 10, 25, 35, 40), (1, 3), (0, 0.5, 1)
  ):
    with subtests.test(people=people, each=videos_each, labelled=labelled):
      dealt = np.repeat(np.arange(people), videos_each)
      has_label = dealt < labelled * people
      videos = [
        entry(f'v{i}', subject=f'p{p:02d}', label='a' if known else None)
        for i, (p, known) in enumerate(zip(dealt, has_label, strict=True))
      ]
      text = import_commands.describe(make_report(videos, classes=('a',)))
      if len(videos) == 1:
        assert 'main.py' not in text
        continue
      everyone = 'all_unlabelled' in text
      counts = [len(videos)] if everyone else []
      chosen = batch_sizes(text)
      num_folds = re.search(r'num_folds=(\d+)', text)
      if num_folds or not everyone:
        num_folds = int(num_folds[1]) if num_folds else 10
        made = folds.make_folds(
          dealt, num_folds=num_folds, labels=np.where(has_label, 0, -1)
        )
        pretrained = [len(made.fold(i).pretrain) for i in range(num_folds)]
        counts.append(min(pretrained))
      small = [count for count in counts if 2 <= count < usual]
      assert len(chosen) == len(small)
      for batch_size, count in zip(chosen, small, strict=True):
        assert count / 2 < batch_size <= count
