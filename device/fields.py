"""A JSON object whose members are asked for by name; one that is absent or of the wrong kind is an Error(DATA) that names the file."""

import json

from .errors import Error, Exit


def _first(pairs):
    """Of two members of one name the first counts, as in the C++ program."""
    return dict(reversed(pairs))


def _refuse(word):
    raise ValueError(f"{word} is no JSON")


class Fields:
    """`data` (bytes) as a JSON object; `where` names it in errors."""

    def __init__(self, data, where):
        self._where = where
        try:
            self._members = json.loads(data.decode("utf-8"), object_pairs_hook=_first, parse_constant=_refuse)
        except (ValueError, RecursionError) as why:
            raise Error(Exit.DATA, f"{where}: is not JSON ({why})") from why
        if not isinstance(self._members, dict):
            raise Error(Exit.DATA, f"{where}: must be a JSON object")

    def __contains__(self, key):
        return key in self._members

    def _member(self, key):
        if key not in self._members:
            raise Error(Exit.DATA, f'{self._where}: "{key}" is missing')
        return self._members[key]

    def text(self, key):
        """A text."""
        value = self._member(key)
        if not isinstance(value, str):
            raise Error(Exit.DATA, f'{self._where}: "{key}" must be a text')
        return value

    def whole(self, key, least, most):
        """A whole number from `least` to `most`."""
        value = self._member(key)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise Error(Exit.DATA, f'{self._where}: "{key}" must be a whole number from {least} to {most}')
        return value

    def positive(self, key):
        """A positive number."""
        value = self._member(key)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 1e-30 <= value <= 1e30:
            raise Error(Exit.DATA, f'{self._where}: "{key}" must be a positive number')
        return float(value)

    def count(self, key, most):
        """A number of things, given as such or as the list of their names."""
        value = self._member(key)
        if not isinstance(value, list):
            return self.whole(key, 1, most)
        if not 1 <= len(value) <= most:
            raise Error(Exit.DATA, f'{self._where}: "{key}" must have 1 to {most} entries')
        if not all(isinstance(one, str) for one in value):
            raise Error(Exit.DATA, f'{self._where}: "{key}" must be a number, or a list of names')
        return len(value)
