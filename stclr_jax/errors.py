"""Errors that the user can mend."""


class UserError(ValueError):
  """A value that cannot be meant: names it, the rule and the remedy.

  Commands print it as a line. Whatever else is raised is a mistake of the
  program, and keeps its traceback.
  """


class NotFiniteError(UserError, FloatingPointError):
  """A metric that is no number any more."""
