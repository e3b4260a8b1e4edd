#!/usr/bin/env python3
"""Checks that every #include of the tree is one that src/LAYERS allows.

Usage: check_layers.py ROOT    Prints one line a finding; exits 1 when there is any.
"""

import dataclasses
import fnmatch
import os
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


class LayersError(Exception):
    """src/LAYERS itself is wrong."""


@dataclasses.dataclass
class Room:
    name: str
    folder: str
    about: str = ""
    rooms: list = dataclasses.field(default_factory=list)
    outside: list = dataclasses.field(default_factory=list)
    never: list = dataclasses.field(default_factory=list)
    only: list = dataclasses.field(default_factory=list)  # ([glob], [group])
    test_rooms: list = dataclasses.field(default_factory=list)
    test_outside: list = dataclasses.field(default_factory=lambda: ["gtest", "posix"])


@dataclasses.dataclass
class Layers:
    groups: dict  # name -> [entry]
    rooms: dict  # name -> Room

    def groups_of(self, header):
        found = [name for name, entries in self.groups.items()
                 if any(header == entry[1:-1] if entry.startswith("<") else header.startswith(entry)
                        for entry in entries)]
        if "/" not in header and "." not in header:
            found.append("std")
        return found


def parse(text):
    layers = Layers({"std": []}, {})
    room = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#")[0].rstrip()
        if not line:
            continue
        word, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        before, colon, after = (part.strip() for part in rest.partition(":"))
        if word == "group" and not line[0].isspace():
            name, *entries = rest.split()
            layers.groups.setdefault(name, []).extend(entries)
        elif word == "room" and not line[0].isspace():
            name, folder = rest.split()
            if name in layers.rooms:
                raise LayersError(f"line {number}: room {name} is there twice")
            room = layers.rooms[name] = Room(name, folder)
        elif room is None or not line[0].isspace():
            raise LayersError(f"line {number}: expected `group`, or `room` before `{word}`")
        elif word == "is":
            room.about = f"{room.about} {rest}".strip()
        elif word in ("rooms", "outside", "never"):
            getattr(room, word).extend(rest.split())
        elif word == "only" and colon:
            room.only.append((before.split(), after.split()))
        elif word == "tests" and colon:
            room.test_rooms.extend(before.split())
            room.test_outside.extend(after.split())
        else:
            raise LayersError(f"line {number}: cannot read `{line.strip()}`")
    check_names(layers)
    return layers


def check_names(layers):
    for room in layers.rooms.values():
        for name in room.rooms + room.test_rooms:
            if name != "*" and name.split("/")[0] not in layers.rooms:
                raise LayersError(f"room {room.name} names the unknown room {name}")
        groups = room.outside + room.never + room.test_outside
        for name in groups + [group for _, names in room.only for group in names]:
            if name != "*" and name not in layers.groups:
                raise LayersError(f"room {room.name} names the unknown group {name}")
        if not room.about:
            raise LayersError(f"room {room.name} does not say what it is")
    circle = find_circle(layers)
    if circle:
        raise LayersError("rooms include each other in a circle: " + " -> ".join(circle))


def find_circle(layers):
    """A circle among whole rooms, or None. The roof (rooms *) stands on everything."""
    done = set()

    def walk(name, path):
        if name in path:
            return path[path.index(name):] + [name]
        if name in done:
            return None
        for below in layers.rooms[name].rooms:
            circle = None if below == "*" else walk(below.split("/")[0], path + [name])
            if circle:
                return circle
        done.add(name)
        return None

    return next(filter(None, (walk(name, []) for name in layers.rooms)), None)


def is_test(path):
    return path.endswith("_test.cc") or "/testing/" in "/" + path


def allows_room(room, header, test):
    owner = header.split("/")[0]
    allowed = room.rooms + (room.test_rooms if test else [])
    return owner == room.name or "*" in allowed or owner in allowed or header in allowed


def granted_groups(room, path):
    """What `only` lines allow this very file."""
    return {name for globs, names in room.only for name in names
            if any(fnmatch.fnmatch(path, glob) for glob in globs)}


def judge(layers, room, path, mark, header):
    """Why `path` (below the room's folder) may not include `header`; None when it may."""
    test = is_test(path)
    groups = layers.groups_of(header)
    first = header.split("/")[0]
    if not groups and "/" in header and first in layers.rooms:
        if allows_room(room, header, test):
            return None
        return f"{room.name} may not include {header}: {room.name} is {room.about}"
    if mark == '"' and not groups:
        return f"write {header} from the top of src/, as room/header.h"
    granted = granted_groups(room, path)
    allowed = set(room.outside) | granted | set(room.test_outside if test else [])
    refused = [] if test else [g for g in groups if g in room.never and g not in granted]
    if refused:
        return f"{room.name} never includes <{header}> ({refused[0]}): {room.name} is {room.about}"
    if "*" in allowed or allowed & set(groups):
        return None
    return (f"{room.name} may not use the outside header <{header}> "
            f"({', '.join(groups) or 'in no group'})")


def check_file(layers, room, path, text):
    """Yields (line number, complaint)."""
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            complaint = judge(layers, room, path, match[1], match[2])
            if complaint:
                yield number, complaint


def room_files(root, room):
    for folder, folders, files in os.walk(os.path.join(root, room.folder)):
        folders.sort()
        for file in sorted(files):
            if file.endswith((".cc", ".h")):
                path = os.path.join(folder, file)
                yield path, os.path.relpath(path, os.path.join(root, room.folder))


def homeless_folders(root, layers):
    known = {room.folder for room in layers.rooms.values()}
    source = os.path.join(root, "src")
    for name in sorted(os.listdir(source)):
        if os.path.isdir(os.path.join(source, name)) and f"src/{name}" not in known:
            yield f"src/{name}"


def main(root):
    findings = 0
    with open(os.path.join(root, "src", "LAYERS"), encoding="utf-8") as file:
        try:
            layers = parse(file.read())
        except LayersError as error:
            print(f"src/LAYERS: {error}")
            return 1
    for folder in homeless_folders(root, layers):
        print(f"{folder}: no room of src/LAYERS has this folder")
        findings += 1
    for room in layers.rooms.values():
        for path, below in room_files(root, room):
            with open(path, encoding="utf-8") as file:
                for number, complaint in check_file(layers, room, below, file.read()):
                    print(f"{os.path.relpath(path, root)}:{number}: {complaint}")
                    findings += 1
    return 1 if findings else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
