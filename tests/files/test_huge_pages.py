"""Tests of the start anew with huge pages."""

import os
import subprocess
import sys

import pytest

from stclr_jax.files import huge_pages


@pytest.fixture
def starts(monkeypatch):
  """Environments of the programs that would have been started."""
  monkeypatch.delenv('GLIBC_TUNABLES', raising=False)
  monkeypatch.setattr(sys, 'gettrace', lambda: None)
  monkeypatch.setattr(os, 'confstr', lambda _: 'glibc 2.36')
  return []


def _use(starts, tmp_path, text='always [madvise] never'):
  path = tmp_path / 'enabled'
  path.write_text(text)
  huge_pages.use(path, run=lambda *start: starts.append(start))


def test_starts_anew_once(starts, tmp_path, monkeypatch):
  monkeypatch.setenv('GLIBC_TUNABLES', 'glibc.malloc.arena_max=2')
  _use(starts, tmp_path)
  ((program, arguments, environment),) = starts
  assert program == sys.executable
  assert arguments == [sys.executable, *sys.orig_argv[1:]]
  tunables = environment['GLIBC_TUNABLES']
  assert tunables == 'glibc.malloc.arena_max=2:glibc.malloc.hugetlb=1'
  monkeypatch.setenv('GLIBC_TUNABLES', tunables)
  _use(starts, tmp_path)
  assert len(starts) == 1


@pytest.mark.parametrize(
  'text', ['[always] madvise never', 'always madvise [never]']
)
def test_nothing_where_linux_gives_none_on_demand(starts, tmp_path, text):
  _use(starts, tmp_path, text)
  assert not starts


@pytest.mark.parametrize('version', ['glibc 2.34', ''])
def test_nothing_with_another_allocator(starts, tmp_path, monkeypatch, version):
  monkeypatch.setattr(os, 'confstr', lambda _: version)
  _use(starts, tmp_path)
  assert not starts


def test_nothing_without_linux(starts, tmp_path):
  huge_pages.use(tmp_path / 'missing', run=lambda *_: starts.append(_))
  assert not starts


def test_the_program_begun_anew_is_the_same(tmp_path):
  path = tmp_path / 'enabled'
  path.write_text('always [madvise] never')
  code = (
    'import os, sys; from stclr_jax.files import huge_pages; '
    f'huge_pages.use({str(path)!r}); print(os.getpid(), sys.argv[1:])'
  )
  process = subprocess.Popen(
    [sys.executable, '-c', code, 'a b', '--c=d'],
    stdout=subprocess.PIPE,
    text=True,
  )
  output, _ = process.communicate()
  assert output.split(maxsplit=1) == [str(process.pid), "['a b', '--c=d']\n"]
