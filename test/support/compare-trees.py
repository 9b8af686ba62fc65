#!/usr/bin/env python3
"""Prints every difference between two directory trees, one a line, and exits 1 when there is any.

It shares nothing with the program it judges: another language, lstat and dir_fd only, every level opened from the
one above it, so that no path is too long and no link is followed. Compared are kind, content (SHA-256), permission
bits, uid, gid, mtime in nanoseconds, the target of symbolic links, device numbers, extended attributes, where a file has
holes, and which names are one file.
The two roots themselves are compared as well.
"""

import argparse
import errno
import hashlib
import os
import stat
import sys

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFBLK: "block device",
    stat.S_IFCHR: "character device",
}
PIECE = 1 << 20


def content_of(name, dir_fd):
    digest = hashlib.sha256()
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=dir_fd)
    try:
        while True:
            piece = os.read(fd, PIECE)
            if not piece:
                return digest.hexdigest()
            digest.update(piece)
    finally:
        os.close(fd)


def xattrs_of(name, dir_fd):
    path = b"/proc/self/fd/%d/" % dir_fd + name
    found = {}
    for key in sorted(os.listxattr(path, follow_symlinks=False)):
        try:
            found[key] = os.getxattr(path, key, follow_symlinks=False).hex()
        except PermissionError:
            found[key] = "not readable"
    return found


def data_segments_of(name, dir_fd, size):
    segments = []
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=dir_fd)
    try:
        at = 0
        while at < size:
            try:
                start = os.lseek(fd, at, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                break
            at = os.lseek(fd, start, os.SEEK_HOLE)
            segments.append((start, at))
        return segments
    finally:
        os.close(fd)


def describe(name, dir_fd, options):
    info = os.lstat(name, dir_fd=dir_fd)
    kind = KINDS[stat.S_IFMT(info.st_mode)]
    facts = {"kind": kind, "mtime_ns": info.st_mtime_ns, "uid": info.st_uid, "gid": info.st_gid}
    if kind != "symlink":
        facts["mode"] = oct(stat.S_IMODE(info.st_mode))
    if kind == "file":
        facts["size"] = info.st_size
        try:
            facts["sha256"] = content_of(name, dir_fd)
        except PermissionError:
            facts["sha256"] = "not readable"
        else:
            if info.st_blocks * 512 < info.st_size:
                facts["data"] = data_segments_of(name, dir_fd, info.st_size)
    elif kind == "symlink":
        facts["target"] = os.readlink(name, dir_fd=dir_fd)
    elif kind.endswith("device"):
        facts["rdev"] = (os.major(info.st_rdev), os.minor(info.st_rdev))
    facts["xattrs"] = xattrs_of(name, dir_fd)
    return facts, info


def collect(root, options):
    """All entries by path, and for each name of a file with several the first of them."""
    found = {}
    first_names = {}

    def visit(path, name, dir_fd):
        facts, info = describe(name, dir_fd, options)
        found[path] = facts
        if facts["kind"] != "dir":
            if info.st_nlink > 1:
                first_names.setdefault((info.st_dev, info.st_ino), []).append(path)
            return
        try:
            fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=dir_fd)
        except PermissionError:
            facts["listing"] = "not readable"
            return
        try:
            for child in sorted(os.fsencode(each) for each in os.listdir(fd)):
                visit(path + b"/" + child if path != b"." else child, child, fd)
        finally:
            os.close(fd)

    parent = os.open(os.path.dirname(os.path.abspath(root)), os.O_RDONLY | os.O_DIRECTORY)
    try:
        visit(b".", os.path.basename(os.path.abspath(root)), parent)
    finally:
        os.close(parent)
    for names in first_names.values():
        # A name outside of the tree is no business of it.
        for path in names if len(names) > 1 else []:
            found[path]["one file with"] = sorted(names)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("left")
    parser.add_argument("right")
    parser.add_argument("--ignore", action="append", default=[], help="a fact that may differ, such as uid; repeatable")
    parser.add_argument("--ignore-of-dirs", action="append", default=[], help="a fact of directories that may differ")
    options = parser.parse_args()
    sys.setrecursionlimit(10_000)

    left = collect(os.fsencode(options.left), options)
    right = collect(os.fsencode(options.right), options)
    differences = 0
    for path in sorted(left.keys() | right.keys()):
        shown = ascii(path)[1:]
        if path not in right or path not in left:
            side = "right" if path not in right else "left"
            differences += 1
            print(f"{shown}: missing on the {side}")
            continue
        a, b = left[path], right[path]
        ignored = options.ignore + (options.ignore_of_dirs if a["kind"] == "dir" == b["kind"] else [])
        for fact in sorted(a.keys() | b.keys()):
            if fact not in ignored and a.get(fact) != b.get(fact):
                differences += 1
                print(f"{shown}: {fact} is {a.get(fact)!r} on the left, {b.get(fact)!r} on the right")
    print(f"{len(left)} and {len(right)} entries compared", file=sys.stderr)
    return 1 if differences else 0


sys.exit(main())
