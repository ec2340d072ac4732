"""Names that go near a shell, and the laws of what goes through one."""

import shlex
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrate.remote import contents, names, selftest, upload
from orchestrate.remote.errors import BadName, UnfitBundle
from orchestrate.remote.ssh import remote_command


@pytest.mark.parametrize("value", ["devboard", "mendel@192.168.100.2", "a.b-c_d", "fe80::1%eth0", "u-s@h"])
def test_hosts(value):
    assert names.host(value) == value


@pytest.mark.parametrize("value", ["", "-oProxyCommand=reboot", "a b", "a;b", "$(x)", "@h", "a@-b", "a@b@c", "a\n"])
def test_no_hosts(value):
    with pytest.raises(BadName):
        names.host(value)


@pytest.mark.parametrize("value", ["", ".", "..", "../x", "a/../b", "/etc/../x/..", "a b", "a//b", "/a", "a/", ".hidden", "-x", "a\nb"])
def test_no_files_of_a_bundle(value):
    with pytest.raises(BadName):
        names.file(value)


@pytest.mark.parametrize(("given", "meant"), [("edgeseg", "edgeseg"), ("~/x", "x"), ("/a b/'c'", "/a b/'c'"), ("x/", "x")])
def test_folders(given, meant):
    assert names.folder(given) == meant


@pytest.mark.parametrize("value", ["", "/", "-rf", "~root", "a/../..", "a\nb", "..", "//", "~/"])
def test_no_folders(value):
    with pytest.raises(BadName):
        names.folder(value)


@given(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20), min_size=1, max_size=3))
@example(["$(touch x)", "'; rm -rf ~; '", "a\nb"])
def test_arguments_reach_a_script_as_they_are(arguments):
    """The command goes through a login shell and then to sh: read.sh says the very name that it was given."""
    command = remote_command("read", "/nowhere/" + arguments[0].replace("/", "_"))
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert said == f"/nowhere/{arguments[0].replace('/', '_')} is not there\n"
    assert shlex.split(command)[:2] == ["sh", "-c"]


@given(st.text(st.characters(codec="ascii", exclude_characters="\x00\n\r"), max_size=30))
def test_words_of_an_sftp_batch(path):
    """Undone by the rule of sftp's own reader: inside double quotes a backslash takes the next character as it is."""
    word = upload._word(path)
    assert word[0] == word[-1] == '"'
    inside, out = iter(word[1:-1]), ""
    for character in inside:
        assert character != '"'
        out += next(inside) if character == "\\" else character
    assert out == path


@given(st.binary(min_size=1, max_size=50).flatmap(lambda one: st.tuples(st.just(one), st.binary(min_size=len(one), max_size=len(one)))))
def test_difference_is_in_steps_of_int8(pair):
    one, other = pair
    signed = [int.from_bytes([byte], "big", signed=True) for byte in one], [int.from_bytes([byte], "big", signed=True) for byte in other]
    apart = [abs(a - b) for a, b in zip(*signed, strict=True)]
    assert selftest.difference(one, other) == (max(apart), pytest.approx(sum(map(bool, apart)) / len(apart)))


@given(st.binary(max_size=60) | st.sampled_from([b"[]", b"{}", b'{"files": {}}', b'{"files": {"../x": {"sha256": "0", "bytes": 1}}}']))
def test_any_bytes_are_a_manifest_or_an_error(data):
    with pytest.raises((UnfitBundle, BadName)):
        contents.parse(data)
