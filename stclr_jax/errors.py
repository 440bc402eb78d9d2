"""Errors that the user can mend."""


class UserError(ValueError):
  """A value that cannot be meant: names it, the rule and the remedy.

  Commands print it as a line. Whatever else is raised is a mistake of the
  program, and keeps its traceback.
  """


class NotFiniteError(UserError, FloatingPointError):
  """A metric that is no number any more."""


class MissingPackageError(UserError, ImportError):
  """A package that only some commands need, and that is not installed."""


class MissingFileError(UserError, FileNotFoundError):
  """A file or folder that was named, and is not there."""


def check_one_of(name, value, allowed, remedy=''):
  """Refuses a value that is none of those allowed.

  Args:
    name: of the setting or argument, for the message.
    value: what was given.
    allowed: the values that may be given, in the order to name them.
    remedy: what follows the message after a semicolon; '' for nothing.

  Raises:
    UserError: if it is none of them.
  """
  allowed = tuple(allowed)
  if value not in allowed:
    choices = ', '.join(map(str, allowed))
    end = f'; {remedy}.' if remedy else '.'
    raise UserError(f'`{name}` (={value!r}) must be one of {choices}{end}')
