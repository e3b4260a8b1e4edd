// Who a bearer token belongs to (S13.2). Tokens are 256 random bits, written jf_<base64url>; the
// store and this hold only their SHA-256.
#pragma once

#include "model/rows.h"
#include "runtime/access.h"

#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::store {
class Store;
}
namespace jobflow::runtime {
class Clock;
}

namespace jobflow::api {

// Thread-safe. What it knows it read at make() or the last reload().
class TokenAccess final : public runtime::Access {
 public:
  TokenAccess(std::vector<TokenRow> tokens, const runtime::Clock& clock);

  // Reads the store's tokens; waits for the store: for start-up and reloads, not for a loop's
  // thread.
  static Outcome<std::vector<TokenRow>> read(store::Store& store);
  void replace(std::vector<TokenRow> tokens);

  Outcome<runtime::Principal> authenticate(std::string_view bearer_token) const override;

 private:
  const runtime::Clock& clock_;
  mutable std::shared_mutex mutex_;
  std::vector<TokenRow> tokens_;
};

// 64 hex digits.
std::string sha256_hex(std::string_view text);
std::string new_token_secret();

// The files a first start writes (S13.1), 0600 in the data folder.
struct TokenFile {
  std::string path;
  bool is_new = false;  // just made: say so on the terminal
};
struct FirstTokens {
  TokenFile admin;
  TokenFile worker;
};

// Sees to it that admin.token and worker.token are there and hold tokens the store knows; makes new
// ones where they do not, in the place of the lost ones. Waits for the store. A problem names the
// path and the fix.
Outcome<FirstTokens> ensure_first_tokens(store::Store& store,
                                         const runtime::Clock& clock,
                                         const std::string& folder);

}  // namespace jobflow::api
