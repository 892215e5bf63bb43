"""What a full disk, a missing right or too little memory means to whoever called, in one message."""

from __future__ import annotations

import errno

ADVICE = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "your share of the disk is used up: free some space",
    errno.EFBIG: "a file may not become that large here: raise the limit (ulimit -f)",
    errno.EROFS: "the disk is read-only: make it writable, or work in a copy elsewhere",
    errno.EACCES: "this user has no right to it: change the rights (chmod, chown), or work in a copy elsewhere",
    errno.EPERM: "this user has no right to it: change the rights (chmod, chown), or work in a copy elsewhere",
    errno.EMFILE: "too many files are open: raise the limit (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine: end other programs",
    errno.EAGAIN: "too many processes run: end some, or raise the limit (ulimit -u)",
    errno.ENOMEM: "not enough memory: end other programs, or ask for less at once (-j 1, fewer images)",
    errno.ENAMETOOLONG: "that name is too long for a file",
    errno.ENOTDIR: "a file stands where a folder is needed",
    errno.EISDIR: "a folder stands where a file is needed",
}


def in_words(error: OSError | MemoryError) -> str:
    """One line: the file, what the system said, what to do, and that older results are untouched."""
    if isinstance(error, MemoryError):
        return f"{ADVICE[errno.ENOMEM]}. Older results stay as they were."
    where = f"{error.filename}: " if error.filename is not None else ""
    said = error.strerror or str(error) or type(error).__name__
    advice = f" ({ADVICE[error.errno]})" if error.errno in ADVICE else ""
    return f"{where}{said}{advice}. Older results stay as they were."
