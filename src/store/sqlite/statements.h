// The SQL inside the binary: files as they were written, and statements by name.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace jobflow::store::sqlite {

struct SqlFile {
  std::string_view path;  // e.g. "migrations/0001_first.sql"
  std::string_view text;
};
std::span<const SqlFile> sql_files();

// The text of the statement `-- name: <name>` in `file`. A programmer's error when there is none.
const char* find_statement(std::string_view file, std::string_view name);

// A numbered file of a folder, in order: 0001_..., 0002_...
struct Migration {
  int version = 0;
  std::string_view path;
  std::string_view text;
};
std::vector<Migration> migrations_in(std::string_view folder);

}  // namespace jobflow::store::sqlite
