# SPDX-License-Identifier: GPL-2.0-only
"""Files that are replaced in one step: whoever reads gets the old one or the new one."""

import os
import stat
import tempfile


def replace(path, text):
    """For files that only we write; the folder is made if it is not there."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".new", path)


def _is_place(path):
    """Whether a name is of something to write into, as /dev/stdout is: not to be replaced."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def publish(path, text):
    """For a file that others read, in a folder that may be others'."""
    if _is_place(path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return
    folder = os.path.dirname(os.path.abspath(path))
    fd, name = tempfile.mkstemp(prefix=".rmp_enforce.", dir=folder)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.rename(name, path)
    except BaseException:
        os.unlink(name)
        raise
