"""What can go wrong between this machine and a board. Each error is one line that says what to do."""

from __future__ import annotations

from ..errors import FrontDoorError


class NoBoard(FrontDoorError):
    """The board cannot be reached, or does not let this user in."""

    exit_code = 4


class UnknownHostKey(NoBoard):
    """Nobody has said yet that this host key is the board's."""


class ChangedHostKey(NoBoard):
    """The board answers with another host key than the one that is known."""


class CutOff(NoBoard):
    """The connection broke while something was under way."""


class BoardFailed(FrontDoorError):
    """A step on the board failed for a reason of the board's own: space, rights, a missing tool or device."""

    exit_code = 4


class Busy(BoardFailed):
    """Somebody else is deploying to the board, or a scene is running on it."""


class UnfitBundle(FrontDoorError):
    """The bundle is for another kind of machine, or for a newer system than the board's."""

    exit_code = 3


class DamagedUpload(FrontDoorError):
    """A file arrived with other bytes than were sent, twice."""

    exit_code = 3


class BadName(FrontDoorError):
    """An id, a host or a path that could mean something else to a shell, or leave its folder."""

    exit_code = 2


class NotThere(FrontDoorError):
    """A release, scene or result that was asked for is not on the board."""

    exit_code = 3


class WrongOutput(FrontDoorError):
    """The self-test on the board gave another output than the golden one."""

    exit_code = 5


class Interrupted(FrontDoorError):
    """Ctrl-C."""

    exit_code = 130
