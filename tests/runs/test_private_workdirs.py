import pytest

from stclr_jax.learning.running import processes
from stclr_jax.runs import private_workdirs


@pytest.fixture
def second(monkeypatch):
  """This process is the second one, and hears what the first would say."""
  monkeypatch.setattr(processes, 'is_first', lambda: False)


def write(folder, *names):
  for name in names:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(name.encode())


def names_in(folder):
  return {
    str(path.relative_to(folder))
    for path in folder.rglob('*')
    if path.is_file()
  }


def test_the_first_process_has_the_folder_itself(tmp_path):
  with private_workdirs.of_process(tmp_path / 'run') as folder:
    assert folder == tmp_path / 'run'


def test_others_have_a_copy_of_what_goes_on(tmp_path, second):
  run = tmp_path / 'run'
  kept = {
    'config.json',
    'metrics.jsonl',
    'best_networks/3.npz',
    'chosen_network.npz',
    'fold_0/pretrain/summary.json',
    'fold_0/pretrain/config.json',
  }
  write(
    run,
    *kept,
    'checkpoints/3/state/manifest.ocdbt',
    'unfinished_epoch/7/notes/metadata',
    'fold_0/pretrain/checkpoints/1/state/d/1',
    'fold_0/pretrain/chosen_network.npz',  # of a finished run
    'figures/views.png',
    'events/events.out.tfevents.00000',
    '.lock',
    'summary.json.0123abcd.partial',
  )
  before = names_in(run)
  with private_workdirs.of_process(run) as folder:
    assert names_in(folder) == kept
    assert (folder / 'metrics.jsonl').read_text() == 'metrics.jsonl'
    write(folder, 'summary.json')
  assert not folder.exists()
  assert names_in(run) == before


def test_of_nothing_there_is_no_folder(tmp_path, second):
  with private_workdirs.of_process(tmp_path / 'new') as folder:
    assert not folder.exists()  # a workflow makes it


def test_a_folder_of_others_is_not_copied_and_is_still_refused(
  tmp_path, second
):
  write(tmp_path / 'home', 'a.txt', 'thesis.tex')
  with private_workdirs.of_process(tmp_path / 'home') as folder:
    assert [path.stat().st_size for path in folder.iterdir()] == [0]
