"""check_layers.py must find what src/LAYERS forbids, and nothing else."""

import contextlib
import io
import os
import tempfile
import unittest

import check_layers

LAYERS = """
group world <thread> <chrono>
group sqlite <sqlite3.h>
group asio boost/asio
group posix <unistd.h>
group gtest gtest/
room model src/model
  is the ground
  outside std
room engine src/engine
  is pure
  rooms model
  outside std
  never world
  only book.cc : world
  tests store : asio
room store src/store
  is the cellar
  rooms model
  outside std
  only sqlite/* : sqlite
room hall src/hall
  is the hall
  rooms engine store/store.h
  outside std asio
room app src/app
  is the roof
  rooms *
  outside *
"""


class Judgement(unittest.TestCase):
    def setUp(self):
        self.layers = check_layers.parse(LAYERS)

    def findings(self, room, path, *lines):
        text = "\n".join(lines)
        return [number for number, _ in
                check_layers.check_file(self.layers, self.layers.rooms[room], path, text)]

    def test_a_room_may_include_itself_and_the_rooms_it_names(self):
        self.assertEqual([], self.findings("engine", "a.cc", '#include "engine/a.h"',
                                           '#include "model/b.h"', "#include <vector>"))

    def test_a_room_may_not_include_another(self):
        self.assertEqual([2], self.findings("engine", "a.cc", "", '#include "store/store.h"'))
        self.assertEqual([1], self.findings("model", "a.h", '#  include "engine/a.h"'))

    def test_only_opens_to_a_file_what_its_room_never_does(self):
        self.assertEqual([], self.findings("engine", "book.cc", "#include <thread>"))
        self.assertEqual([1], self.findings("engine", "cook.cc", "#include <thread>"))

    def test_a_single_header_opens_nothing_else_of_its_room(self):
        self.assertEqual([2], self.findings("hall", "a.cc", '#include "store/store.h"',
                                            '#include "store/sqlite/x.h"'))

    def test_never_wins_over_std(self):
        self.assertEqual([1], self.findings("engine", "a.cc", "#include <thread>"))
        self.assertEqual([], self.findings("hall", "a.cc", "#include <thread>"))

    def test_outside_headers_need_a_group(self):
        self.assertEqual([1], self.findings("engine", "a.cc", "#include <boost/asio.hpp>"))
        self.assertEqual([], self.findings("hall", "a.cc", "#include <boost/asio/post.hpp>"))
        self.assertEqual([1], self.findings("hall", "a.cc", "#include <curl/curl.h>"))
        self.assertEqual([1], self.findings("hall", "a.cc", "#include <unistd.h>"))
        self.assertEqual([], self.findings("app", "a.cc", "#include <curl/curl.h>"))

    def test_only_the_named_files_use_an_only_group(self):
        self.assertEqual([], self.findings("store", "sqlite/a.cc", "#include <sqlite3.h>"))
        self.assertEqual([1], self.findings("store", "memory.cc", "#include <sqlite3.h>"))

    def test_tests_may_more(self):
        lines = ["#include <gtest/gtest.h>", '#include "store/store.h"', "#include <thread>",
                 "#include <unistd.h>", "#include <boost/asio.hpp>"]
        self.assertEqual([], self.findings("engine", "a_test.cc", *lines))
        self.assertEqual([], self.findings("engine", "testing/a.h", *lines))
        self.assertEqual([1, 2, 3, 4, 5], self.findings("engine", "a.cc", *lines))

    def test_a_relative_include_is_refused(self):
        self.assertEqual([1], self.findings("engine", "a.cc", '#include "a.h"'))

    def test_a_comment_is_no_include(self):
        self.assertEqual([], self.findings("engine", "a.cc", "// #include <thread>"))


class TheFileItself(unittest.TestCase):
    def refused(self, text, words):
        with self.assertRaisesRegex(check_layers.LayersError, words):
            check_layers.parse(text)

    def test_unknown_names_are_refused(self):
        self.refused("room a src/a\n  is x\n  rooms b\n", "unknown room b")
        self.refused("room a src/a\n  is x\n  outside b\n", "unknown group b")

    def test_a_circle_is_refused(self):
        self.refused("group posix <a>\ngroup gtest <b>\nroom a src/a\n  is x\n  rooms b\n"
                     "room b src/b\n  is x\n  rooms a\n", "circle: a -> b -> a")

    def test_nonsense_is_refused(self):
        self.refused("room a src/a\n  perhaps b\n", "line 2")
        self.refused("rooms b\n", "line 1")
        self.refused("group posix <a>\ngroup gtest <b>\nroom a src/a\n", "does not say what it is")


class Tree(unittest.TestCase):
    def test_a_bad_tree_fails_and_names_the_place(self):
        with tempfile.TemporaryDirectory() as root:
            for path, text in (("src/LAYERS", LAYERS),
                               ("src/engine/clock.cc", "\n#include <thread>\n"),
                               ("src/attic/a.cc", "")):
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                self.assertEqual(1, check_layers.main(root))
        self.assertIn("src/engine/clock.cc:2: engine never includes <thread>", printed.getvalue())
        self.assertIn("src/attic: no room", printed.getvalue())


if __name__ == "__main__":
    unittest.main()
