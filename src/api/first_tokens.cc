// The tokens a first start makes (S13.1).
#include "api/token_access.h"
#include "model/check.h"
#include "runtime/clock.h"
#include "store/store.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <future>
#include <sys/stat.h>
#include <unistd.h>

namespace jobflow::api {
namespace {

Problem file_problem(const std::string& path, std::string_view verb, int error) {
  return {
      ProblemCode::unavailable,
      "cannot " + std::string(verb) + " " + path + ": " + std::strerror(error) +
          "; the server keeps its tokens there: make the folder writable or choose another one"};
}

// The token in the file, "" when there is no such file.
Outcome<std::string> read_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return errno == ENOENT ? Outcome<std::string>(std::string())
                           : Outcome<std::string>(file_problem(path, "read", errno));
  }
  std::string text(512, '\0');
  const ssize_t size = ::read(file, text.data(), text.size());
  const int error = errno;
  ::close(file);
  if (size < 0) {
    return file_problem(path, "read", error);
  }
  text.resize(static_cast<std::size_t>(size));
  text.resize(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

bool write_all(int file, const std::string& text) {
  return ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
         ::fsync(file) == 0;
}

// Never there half-written, never readable by others.
Outcome<Done> write_file(const std::string& path, const std::string& text) {
  const std::string draft = path + ".new";
  ::unlink(draft.c_str());
  const int file =
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) {
    return file_problem(draft, "write", errno);
  }
  const bool written = write_all(file, text);
  const int error = errno;
  ::close(file);
  if (!written || ::rename(draft.c_str(), path.c_str()) != 0) {
    const int why = written ? errno : error;
    ::unlink(draft.c_str());
    return file_problem(path, "write", why);
  }
  return Done{};
}

Outcome<Done> save(store::Store& store, TokenRow row) {
  auto promise = std::make_shared<std::promise<Outcome<Done>>>();
  auto future = promise->get_future();
  store.save_token(std::move(row),
                   [promise](Outcome<Done> done) { promise->set_value(std::move(done)); });
  return future.get();
}

// Time and random bits in an id's layout: tokens have no home shard.
Id new_token_id(Instant now) {
  unsigned char random[3] = {};
  check(RAND_bytes(random, sizeof random) == 1, "no random numbers");
  const std::int64_t bits = (random[0] << 16 | random[1] << 8 | random[2]) & 0x3fffff;
  return {(now.ms << 22) | bits};
}

Outcome<TokenFile> ensure(store::Store& store,
                          const runtime::Clock& clock,
                          const std::string& folder,
                          const std::string& role,
                          const std::vector<TokenRow>& known) {
  TokenFile file{.path = folder + "/" + role + ".token"};
  const auto held = read_file(file.path);
  if (!held) {
    return held.problem();
  }
  const std::string hash = sha256_hex(*held);
  const bool holds = std::any_of(known.begin(), known.end(), [&](const TokenRow& row) {
    return row.role == role && row.sha256_hex == hash;
  });
  if (holds) {
    return file;
  }
  // In the place of the one it had: a token that was lost is no good to whoever finds it.
  const auto lost = std::find_if(known.begin(), known.end(), [&](const TokenRow& row) {
    return row.role == role && row.name == role;
  });
  const std::string secret = new_token_secret();
  const Instant now = clock.now();
  const auto saved = save(store, {.id = lost == known.end() ? new_token_id(now) : lost->id,
                                  .name = role,
                                  .role = role,
                                  .sha256_hex = sha256_hex(secret),
                                  .created = now});
  if (!saved) {
    return saved.problem();
  }
  const auto written = write_file(file.path, secret + "\n");
  if (!written) {
    return written.problem();
  }
  file.is_new = true;
  return file;
}

}  // namespace

Outcome<FirstTokens> ensure_first_tokens(store::Store& store,
                                         const runtime::Clock& clock,
                                         const std::string& folder) {
  const auto known = TokenAccess::read(store);
  if (!known) {
    return known.problem();
  }
  auto admin = ensure(store, clock, folder, "admin", *known);
  if (!admin) {
    return admin.problem();
  }
  auto worker = ensure(store, clock, folder, "worker", *known);
  if (!worker) {
    return worker.problem();
  }
  return FirstTokens{std::move(admin).value(), std::move(worker).value()};
}

}  // namespace jobflow::api
