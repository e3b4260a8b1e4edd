# Writes a .cc that holds the SQL files:
# cmake -DOUT=... -DFILES=a.sql,b.sql -DROOT=... -P embed.cmake
string(REPLACE "," ";" files "${FILES}")
set(entries "")
foreach(file IN LISTS files)
  file(READ "${ROOT}/${file}" text)
  string(APPEND entries "    {\"${file}\", R\"sql(${text})sql\"},\n")
endforeach()
set(content "// Made from src/store/sqlite/*.sql by embed.cmake.
#include \"store/sqlite/statements.h\"

namespace jobflow::store::sqlite {

std::span<const SqlFile> sql_files() {
  static constexpr SqlFile kFiles[] = {
${entries}  };
  return kFiles;
}

}  // namespace jobflow::store::sqlite
")
file(WRITE "${OUT}" "${content}")
