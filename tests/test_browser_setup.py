"""`make browser` installs what is missing where it may, and never stands in the way."""

import shutil
import subprocess
from pathlib import Path

import pytest

from dashboard.env import BASE_DIR

NEEDED = ("bash", "env", "timeout", "cat", "touch", "true", "mktemp", "mkdir", "install", "rm")
# Does as apt-get does: `install` puts the program where it is found.
APT = """#!/bin/bash
echo "$@" >> "$0.asked"
case "$*" in
    *"install"*chromium) touch "${0%/*}/chromium" && /bin/chmod +x "${0%/*}/chromium" ;;
    *"install"*gettext) touch "${0%/*}/msgfmt" && /bin/chmod +x "${0%/*}/msgfmt" ;;
    *"download prometheus") touch prometheus_2.deb ;;
esac
"""
DPKG = '#!/bin/bash\n[ -f "$2" ] && mkdir -p usr/bin && touch usr/bin/promtool\n'
FAILING = '#!/bin/bash\necho "$@" >> "$0.asked"\nexit 100\n'


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs that is the whole PATH: root's, with neither apt-get nor a browser."""
    for name in NEEDED:
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    put(tmp_path, "id", "#!/bin/bash\necho 0\n")
    return tmp_path


def put(folder: Path, name: str, script: str = "#!/bin/bash\n") -> None:
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


def set_up(folder: Path) -> list[str]:
    done = subprocess.run(
        [BASE_DIR / ".ci" / "browser"],
        env={"PATH": str(folder), "TOOLS": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def asked(folder: Path) -> list[str]:
    path = folder / "apt-get.asked"
    return [line.split()[-1] for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize("browser", ["chromium", "chromium-browser", "google-chrome-stable"])
def test_nothing_is_done_or_said_where_everything_is_there(machine: Path, browser: str) -> None:
    for name, script in ((browser, ""), ("msgfmt", ""), ("promtool", ""), ("apt-get", APT)):
        put(machine, name, script)
    assert set_up(machine) == []
    assert asked(machine) == []


def test_what_is_missing_is_installed(machine: Path) -> None:
    put(machine, "apt-get", APT)
    put(machine, "dpkg", DPKG)
    assert set_up(machine) == ["installing chromium gettext prometheus ..."]
    assert asked(machine) == ["update", "chromium", "gettext", "prometheus"]
    assert set_up(machine) == []


def test_it_installs_through_sudo_where_that_asks_for_no_password(machine: Path) -> None:
    put(machine, "apt-get", APT)
    put(machine, "id", "#!/bin/bash\necho 1000\n")
    put(machine, "msgfmt")
    put(machine, "promtool")
    put(machine, "sudo", '#!/bin/bash\nshift\nexec "$@"\n')
    assert set_up(machine) == ["installing chromium ..."]
    assert asked(machine) == ["update", "chromium"]


def test_without_apt_get_it_says_what_is_skipped(machine: Path) -> None:
    assert set_up(machine) == [
        "No Chromium (there is no apt-get): the browser tests will be skipped.",
        "No gettext (there is no apt-get): the tests of translations will be skipped.",
        "No promtool (there is no apt-get): the tests of the alert rules will be skipped.",
    ]


@pytest.mark.parametrize("sudo", ["", "#!/bin/bash\nexit 1\n"])
def test_who_is_not_root_is_told(machine: Path, sudo: str) -> None:
    put(machine, "apt-get", APT)
    put(machine, "id", "#!/bin/bash\necho 1000\n")
    put(machine, "msgfmt")
    put(machine, "promtool")
    if sudo:
        put(machine, "sudo", sudo)
    reason = "that takes root, or sudo without a password"
    assert set_up(machine) == [f"No Chromium ({reason}): the browser tests will be skipped."]
    assert asked(machine) == []


def test_without_a_network_it_goes_on(machine: Path) -> None:
    put(machine, "apt-get", FAILING)
    put(machine, "msgfmt")
    put(machine, "promtool")
    reason = "apt-get could not install it"
    assert set_up(machine) == [
        "installing chromium ...",
        f"No Chromium ({reason}): the browser tests will be skipped.",
    ]
