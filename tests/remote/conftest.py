"""A board: this machine, through an sshd of its own."""

import local_sshd
import pytest

from orchestrate.remote.ssh import Board


@pytest.fixture
def sshd(tmp_path_factory):
    if why := local_sshd.missing():
        pytest.skip(why)
    server = local_sshd.LocalSshd(tmp_path_factory.mktemp("sshd"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def board(sshd):
    with Board("devboard", sshd.config) as connected:
        yield connected


@pytest.fixture
def there(tmp_path):
    """DIR on the board, with characters in it that a shell would take for its own."""
    return str(tmp_path / "a board's $(folder) *")
